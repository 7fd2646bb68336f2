"""Scenarios of the V4A format: a tree, a patch, the tree after it. Where the real binary is
at hand it has to agree with each of them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from honk.tools.apply_patch import LocalFiles, PatchError, apply, parse

Tree = dict[str, bytes]


@dataclass(frozen=True)
class Scenario:
    """``after`` is the whole tree; ``fails`` says that the patch is refused (perhaps half-way)."""

    name: str
    before: Tree
    body: str
    after: Tree = field(default_factory=dict)
    fails: bool = False
    unchanged: bool = False

    @property
    def expected(self) -> Tree:
        return self.before if self.unchanged else self.after


F = "*** Update File: f\n"
SCENARIOS = [
    Scenario("adds a file with folders", {}, "*** Add File: a/b/c.md\n+x\n+\n", {"a/b/c.md": b"x\n\n"}),
    Scenario("adds an empty file", {}, "*** Add File: e\n", {"e": b""}),
    Scenario("adding replaces a file", {"f": b"old"}, "*** Add File: f\n+new\n", {"f": b"new\n"}),
    Scenario("deletes", {"f": b"x", "g": b"y"}, "*** Delete File: f\n", {"g": b"y"}),
    Scenario("deletes no missing file", {"g": b""}, "*** Delete File: f\n", fails=True, unchanged=True),
    Scenario("deletes no folder", {"d/f": b""}, "*** Delete File: d\n", fails=True, unchanged=True),
    Scenario(
        "adds, updates and deletes in one patch",
        {"f": b"a\nb\n", "g": b"x"},
        "*** Add File: n/n\n+1\n*** Delete File: g\n" + F + "@@\n-b\n+B\n",
        {"n/n": b"1\n", "f": b"a\nB\n"},
    ),
    Scenario(
        "several hunks in one file",
        {"f": b"1\n2\n3\n4\n"},
        F + "@@\n-2\n+two\n@@\n-4\n+four\n",
        {"f": b"1\ntwo\n3\nfour\n"},
    ),
    Scenario("hunks out of order", {"f": b"1\n2\n"}, F + "@@\n-2\n@@\n-1\n", fails=True, unchanged=True),
    Scenario("no anchor line for the first hunk", {"f": b"1\n2\n"}, F + " 1\n-2\n+two\n", {"f": b"1\ntwo\n"}),
    Scenario(
        "an anchor chooses among equal places",
        {"f": b"class A\n x\nclass B\n x\n"},
        F + "@@ class B\n- x\n+ y\n",
        {"f": b"class A\n x\nclass B\n y\n"},
    ),
    Scenario(
        "anchors of several hunks go forward",
        {"f": b"def a\n x\ndef b\n x\ndef a\n x\n"},
        F + "@@ def b\n- x\n+ 1\n@@ def a\n- x\n+ 2\n",
        {"f": b"def a\n x\ndef b\n 1\ndef a\n 2\n"},
    ),
    Scenario("a missing anchor", {"f": b"x\n"}, F + "@@ nowhere\n-x\n+y\n", fails=True, unchanged=True),
    Scenario(
        "two anchors over one hunk are refused",
        {"f": b"class A\ndef f\nx\n"},
        F + "@@ class A\n@@ def f\n-x\n+y\n",
        fails=True,
        unchanged=True,
    ),
    Scenario(
        "the end-of-file marker chooses the last place",
        {"f": b"x\ny\nx\n"},
        F + "@@\n-x\n+z\n*** End of File\n",
        {"f": b"x\ny\nz\n"},
    ),
    Scenario(
        "the end-of-file marker holds",
        {"f": b"x\ny\n"},
        F + "@@\n-x\n+z\n*** End of File\n",
        fails=True,
        unchanged=True,
    ),
    Scenario("additions alone go to the end", {"f": b"a\nb\n"}, F + "@@ a\n+c\n", {"f": b"a\nb\nc\n"}),
    Scenario("an empty file takes additions", {"f": b""}, F + "@@\n+a\n", {"f": b"a\n"}),
    Scenario("removal alone", {"f": b"1\n2\n3\n"}, F + "@@\n 1\n-2\n 3\n", {"f": b"1\n3\n"}),
    Scenario("removal of all", {"f": b"1\n"}, F + "@@\n-1\n", {"f": b""}),
    Scenario("a last line gets its line end", {"f": b"1\n2"}, F + "@@\n-1\n+one\n", {"f": b"one\n2\n"}),
    Scenario(
        "a blank line is context, also the file's end",
        {"f": b"1\n\n2\n"},
        F + "@@\n 1\n\n-2\n+two\n\n",
        {"f": b"1\n\ntwo\n"},
    ),
    Scenario("loose: trailing space", {"f": b"a \nb\n"}, F + "@@\n a\n-b\n+c\n", {"f": b"a \nc\n"}),
    Scenario("loose: indentation", {"f": b"\ta\n\tb\n"}, F + "@@\n a\n-b\n+c\n", {"f": b"\ta\nc\n"}),
    Scenario(
        "loose: punctuation",
        {"f": "“a” – b\u00a0c…\n".encode()},
        F + '@@\n-"a" - b c…\n+x\n',
        {"f": b"x\n"},
    ),
    Scenario("exact beats loose", {"f": b"  a\na\n"}, F + "@@\n-a\n+b\n", {"f": b"  a\nb\n"}),
    Scenario(
        "unicode survives", {"f": "ä🎉\nb\n".encode()}, F + "@@\n ä🎉\n-b\n+ß\n", {"f": "ä🎉\nß\n".encode()}
    ),
    Scenario(
        "line ends of the file are kept", {"f": b"1\r\n2\r\n"}, F + "@@\n-2\n+x\n", {"f": b"1\r\nx\r\n"}
    ),
    Scenario(
        "mixed line ends are kept where nothing changed",
        {"f": b"1\n2\r\n3\n4\n"},
        F + "@@\n 2\n-3\n+x\n",
        {"f": b"1\n2\r\nx\n4\n"},
    ),
    Scenario(
        "moves to a new folder",
        {"old/f": b"1\n"},
        "*** Update File: old/f\n*** Move to: new/d/f\n@@\n-1\n+2\n",
        {"new/d/f": b"2\n"},
    ),
    Scenario(
        "a move replaces what is there",
        {"f": b"1\n", "g": b"x"},
        F + "*** Move to: g\n@@\n-1\n+2\n",
        {"g": b"2\n"},
    ),
    Scenario("a move alone is refused", {"f": b"1\n"}, F + "*** Move to: g\n", fails=True, unchanged=True),
    Scenario("an update needs its file", {}, F + "@@\n+x\n", fails=True, unchanged=True),
    Scenario("an update needs a change", {"f": b"1\n"}, F, fails=True, unchanged=True),
    Scenario("an anchor needs lines", {"f": b"1\n"}, F + "@@\n", fails=True, unchanged=True),
    Scenario("an unknown header", {"f": b"1\n"}, "*** Rename File: f\n", fails=True, unchanged=True),
    Scenario("an empty patch", {"f": b"1\n"}, "", fails=True, unchanged=True),
    Scenario("headers may be padded", {"f": b"1\n"}, "  " + F.rstrip() + "  \n@@\n-1\n+2\n", {"f": b"2\n"}),
    Scenario("absent context", {"f": b"1\n"}, F + "@@\n-2\n+3\n", fails=True, unchanged=True),
    Scenario(
        "what was done before a failure stays",
        {"f": b"1\n"},
        "*** Add File: n\n+1\n" + F + "@@\n-2\n+3\n*** Add File: m\n+1\n",
        {"f": b"1\n", "n": b"1\n"},
        fails=True,
    ),
    Scenario("a path may leave and come back", {"d/f": b"1\n"}, "*** Delete File: x/../d/f\n", {}),
    Scenario("bytes that are not UTF-8", {"f": b"1\n\xff\n"}, F + "@@\n-1\n+2\n", fails=True, unchanged=True),
]


def plant(folder: Path, files: Tree) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def read(folder: Path) -> Tree:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def enveloped(scenario: Scenario) -> str:
    return f"*** Begin Patch\n{scenario.body}*** End Patch\n"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_scenario(tmp_path: Path, scenario: Scenario) -> None:
    plant(tmp_path, scenario.before)
    failed = False
    try:
        apply(parse(enveloped(scenario)), LocalFiles(str(tmp_path)))
    except PatchError:
        failed = True
    assert (failed, read(tmp_path)) == (scenario.fails, scenario.expected)


@pytest.mark.full
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_the_real_binary_agrees(real_apply_patch: Path, tmp_path: Path, scenario: Scenario) -> None:
    plant(tmp_path, scenario.before)
    done = subprocess.run(
        [real_apply_patch], cwd=tmp_path, input=enveloped(scenario).encode(), capture_output=True
    )
    assert (done.returncode == 1, read(tmp_path)) == (scenario.fails, scenario.expected)


def test_an_absolute_path_means_itself(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "f"
    patch = f"*** Begin Patch\n*** Add File: {target}\n+x\n*** End Patch"
    assert apply(parse(patch), LocalFiles("/nowhere")) == [f"A {target}"]
    assert target.read_bytes() == b"x\n"


def test_links_are_followed_when_written_and_removed_themselves(tmp_path: Path) -> None:
    plant(tmp_path, {"f": b"1\n", "d/x": b""})
    os.symlink("f", tmp_path / "link")
    os.symlink("d", tmp_path / "folder")
    os.symlink("nothing", tmp_path / "dangling")
    files = LocalFiles(str(tmp_path))
    apply(parse("*** Begin Patch\n*** Update File: link\n@@\n-1\n+2\n*** End Patch"), files)
    assert (tmp_path / "f").read_bytes() == b"2\n" and (tmp_path / "link").is_symlink()
    apply(parse("*** Begin Patch\n*** Delete File: link\n*** End Patch"), files)
    assert (tmp_path / "f").exists() and not (tmp_path / "link").is_symlink()
    for name in ("folder", "dangling"):
        with pytest.raises(PatchError, match=name):
            apply(parse(f"*** Begin Patch\n*** Delete File: {name}\n*** End Patch"), files)


def test_a_failure_names_what_was_already_done(tmp_path: Path) -> None:
    patch = "*** Begin Patch\n*** Add File: n\n+1\n*** Delete File: gone\n*** End Patch"
    with pytest.raises(PatchError, match=r"gone(.|\n)*kept: A n"):
        apply(parse(patch), LocalFiles(str(tmp_path)))


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    plant(tmp_path, {"f": b"1\n"})
    (tmp_path / "f").chmod(0o755)
    apply(parse("*** Begin Patch\n*** Update File: f\n@@\n-1\n+2\n*** End Patch"), LocalFiles(str(tmp_path)))
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o755


def test_a_large_file_with_many_hunks_is_quick_enough_to_test(tmp_path: Path) -> None:
    count = 20_000
    plant(tmp_path, {"f": b"".join(b"line %d\n" % n for n in range(count))})
    body = "".join(f"@@\n-line {n}\n+LINE {n}\n" for n in range(0, count, 200))
    patch = f"*** Begin Patch\n*** Update File: f\n{body}*** End Patch"
    apply(parse(patch), LocalFiles(str(tmp_path)))
    assert (tmp_path / "f").read_bytes().count(b"LINE") == count // 200
