"""Patches are text that survives JSON, and ``git apply`` makes the same tree of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.types import Change
from honk.git.mirror import Mirror
from honk.testing.gitrepos import Repo, check_out, link, member, tar_of

Mirrors = Callable[..., Mirror]

CASES: dict[str, tuple[bytes, bytes]] = {
    "UTF-8": ("grün\n".encode(), "größer\n".encode()),
    "Latin-1": ("grün\n".encode("latin-1"), "größer\n".encode("latin-1")),
    "UTF-16": ("grün\n".encode("utf-16"), "größer\n".encode("utf-16")),
    "NUL": (b"a\0b\n", b"a\0c\n"),
    "late NUL": (b"x\n" * 9000 + b"a\0b\n", b"x\n" * 9000 + b"a\0c\n"),
    "half a character": (b"a\n", b"a\xe2\x82\n"),
    "surrogates": (b"a\n", b"\xed\xa0\x80\n"),
    "CRLF": (b"a\r\nb\r\n", b"a\r\nc\r\n"),
    "lone CR": (b"a\rb\r", b"a\rc\r"),
    "no newline at the end": (b"a", b"b"),
    "form feed and separators": ("a\x0cb\u2028c\x85d\n".encode(), "a\x0cb\u2028c\x85e\n".encode()),
    "binary": (bytes(range(256)) * 9, bytes(reversed(range(256))) * 9),
    "a diff in a file": (b"diff --git a/x b/x\n--- a/x\n", b"diff --git a/y b/y\n+++ b/y\n"),
    "empty": (b"", b"x"),
    "emptied": (b"x", b""),
}


def apply(change: Change, mirror: Mirror, folder: Path) -> str:
    """The tree that ``git apply`` makes of the patch after a trip through JSON."""
    work = check_out(mirror.seed(change.base, 1), change.base, folder)
    text = Change.model_validate_json(change.model_dump_json()).patch
    work.git("apply", "--index", "--whitespace=nowarn", "-", input=text.encode())
    return work.git("write-tree").decode().strip()


def tree_of(mirror: Mirror, commit: str) -> str:
    command = ["git", "rev-parse", f"{commit}^{{tree}}"]
    return (
        subprocess.run(command, cwd=mirror.directory, stdout=subprocess.PIPE, check=True)
        .stdout.decode()
        .strip()
    )


@pytest.mark.parametrize("case", CASES)
def test_a_patch_applies_byte_for_byte(origin: Repo, mirror_of: Mirrors, tmp_path: Path, case: str) -> None:
    before, after = CASES[case]
    origin.commit({"file": before, "other.txt": "readable\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    stream = tar_of(member("file", after), member("other.txt", b"still readable\n"))
    head = mirror.commit([stream], base=base, message="m")
    change = mirror.diff(base, head)
    assert "+still readable" in change.patch
    assert "\0" not in change.patch
    assert apply(change, mirror, tmp_path / "applied") == tree_of(mirror, head)


def test_a_patch_holds_every_kind_of_change(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    origin.commit(
        {"a": "a\n", "gone": "g\n", "becomes link": "x\n", "ünï 'q' \"d\"": "u\n", "mode.sh": "m\n"}
    )
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    stream = tar_of(
        member("a", b"\xe9\n"),
        link("becomes link", "a"),
        member("ünï 'q' \"d\"", b"\xfc changed\n"),
        member("mode.sh", b"m\n", mode=0o755),
        member("new/bin", os.urandom(3000)),
        member("new/empty"),
    )
    head = mirror.commit([stream], base=base, message="m")
    change = mirror.diff(base, head)
    status = {f.path: (f.status, f.old_mode, f.new_mode) for f in change.files}
    assert status == {
        "a": ("M", "100644", "100644"),
        "becomes link": ("T", "100644", "120000"),
        "gone": ("D", "100644", None),
        "mode.sh": ("M", "100644", "100755"),
        "new/bin": ("A", None, "100644"),
        "new/empty": ("A", None, "100644"),
        "ünï 'q' \"d\"": ("M", "100644", "100644"),
    }
    assert apply(change, mirror, tmp_path / "applied") == tree_of(mirror, head)


def test_lines_are_counted_and_binary_files_are_not(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "1\n2\n3\n", "b": b"\0\1"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    head = mirror.commit(
        [tar_of(member("a", b"1\ntwo\n3\n4\n"), member("b", b"\0\2"))], base=base, message="m"
    )
    assert [(f.path, f.added, f.removed) for f in mirror.diff(base, head).files] == [
        ("a", 2, 1),
        ("b", None, None),
    ]


def test_attributes_of_the_tree_hide_nothing_and_run_nothing(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    origin.commit({"a.py": "one\n", ".gitattributes": "*.py -diff diff=evil linguist-generated\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    keep = member(".gitattributes", b"*.py -diff diff=evil linguist-generated\n")
    head = mirror.commit([tar_of(member("a.py", b"two\n"), keep)], base=base, message="m")
    change = mirror.diff(base, head)
    assert "-one\n+two\n" in change.patch
    assert change.files[0].added == 1


def test_no_change_is_an_empty_patch(origin: Repo, mirror_of: Mirrors) -> None:
    sha = origin.commit({"a": "a\n"})
    mirror = mirror_of(origin)
    mirror.fetch(None)
    change = mirror.diff(sha, sha)
    assert change.empty and change.patch == ""
