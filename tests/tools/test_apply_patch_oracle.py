"""The real apply_patch and ours do the same to generated files with generated patches."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from honk.tools.apply_patch import LocalFiles, PatchError, apply, parse

pytestmark = pytest.mark.full  # what it was found to do is in the scenarios of test_apply_patch

Tree = dict[str, bytes]

# Few different lines, so that patches match often, in more than one place, and only loosely.
LINES = ["a", "b", "a ", "  a", "", "x", "def f():", "\tb", "a–b", "a-b", "“a”", '"a"', "\xa0b", "b\x1c"]
ENDINGS = ["\n", "\n", "\n", "\r\n", "\r"]
PATHS = ["f", "g", "d/h", "new", "d/e/new", "./f", "d/../g", "d"]
line = st.sampled_from(LINES)
path = st.sampled_from(PATHS)


@st.composite
def content(draw: st.DrawFn) -> bytes:
    usual = draw(st.sampled_from(ENDINGS))
    text = ""
    for part in draw(st.lists(line, max_size=8)):
        text += part + (usual if draw(st.integers(0, 9)) else draw(st.sampled_from(ENDINGS)))
    if draw(st.integers(0, 3)) == 0:
        text += draw(line)
    data = text.encode()
    return data + b"\xff\n" if draw(st.integers(0, 19)) == 0 else data


tree = st.fixed_dictionaries({"f": content(), "g": content(), "d/h": content()})


@st.composite
def chunk(draw: st.DrawFn, old: list[str]) -> list[str]:
    """A change to some lines of ``old``, mostly one that fits."""
    start = draw(st.integers(0, len(old)))
    taken = old[start : start + draw(st.integers(0, 4))]
    out = (
        [draw(st.sampled_from(["@@", "@@", "@@ ", "@@ def f():", "@@ a"]))] if draw(st.integers(0, 9)) else []
    )
    for text in taken:
        sign = draw(st.sampled_from("   -- "))
        out.append(sign + text if text or draw(st.booleans()) else "")
        if draw(st.integers(0, 3)) == 0:
            out.append("+" + draw(line))
    if draw(st.integers(0, 4)) == 0:
        out.append(draw(st.sampled_from(" +-")) + draw(line))
    if draw(st.integers(0, 4)) == 0:
        out.append("*** End of File")
    return out


@st.composite
def hunk(draw: st.DrawFn, files: Tree) -> list[str]:
    kind = draw(st.sampled_from(["Add", "Delete", "Update", "Update", "Update", "Update"]))
    target = draw(st.sampled_from(sorted(files)) if draw(st.integers(0, 5)) else path)
    out = [f"*** {kind} File: {target}"]
    if kind == "Add":
        out += ["+" + text for text in draw(st.lists(line, max_size=3))]
    elif kind == "Update":
        if draw(st.integers(0, 4)) == 0:
            out.append("*** Move to: " + draw(path))
        old = (
            files.get(target, b"")
            .decode("utf-8", "replace")
            .replace("\r\n", "\n")
            .replace("\r", "\n")
            .split("\n")
        )
        for part in draw(st.lists(chunk(old), min_size=1, max_size=3)):
            out += part
    return out


NOISE = [
    "",
    " ",
    "@@",
    "*** End Patch",
    "*** End of File",
    "junk",
    "*** Move to: q",
    "  @@ a",
    "+",
    "*** Add File: z",
]
NOISE += [
    "   *** Add File: z",
    "*** Environment ID: e",
    "*** Begin Patch",
    "* x",
    "@@x",
    "-b\r",
    "+b\r\r",
    "\xa0",
]


@st.composite
def case(draw: st.DrawFn) -> tuple[Tree, str]:
    files = draw(tree)
    lines = [text for part in draw(st.lists(hunk(files), max_size=3)) for text in part]
    if draw(st.integers(0, 3)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(NOISE)))
    lines = ["*** Begin Patch", *lines, "*** End Patch"]
    if draw(st.integers(0, 7)) == 0:
        del lines[draw(st.integers(0, len(lines) - 1))]
    text = draw(st.sampled_from(["\n", "\n", "\n", "\n", "\n", "\r\n"])).join(lines)
    around = st.sampled_from(
        [("", "\n"), ("", ""), ("  \n", "  \n\n"), ("<<'EOF'\n", "\nEOF\n"), ("<<EOF\n", "\nEOF")]
    )
    before, after = draw(around)
    return files, before + text + after


def plant(folder: Path, files: Tree) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def read(folder: Path) -> Tree:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def real(binary: Path, files: Tree, patch: str) -> tuple[int, str, Tree]:
    with tempfile.TemporaryDirectory() as name:
        plant(Path(name), files)
        done = subprocess.run([binary], cwd=name, input=patch.encode(), capture_output=True)
        return done.returncode, done.stdout.decode(), read(Path(name))


def ours(files: Tree, patch: str) -> tuple[int, str, Tree]:
    with tempfile.TemporaryDirectory() as name:
        plant(Path(name), files)
        try:
            done = apply(parse(patch), LocalFiles(name))
        except PatchError:
            return 1, "", read(Path(name))
        summary = "\n".join(["Success. Updated the following files:", *done, ""])
        return 0, summary, read(Path(name))


def agree(binary: Path, files: Tree, patch: str) -> None:
    assert ours(files, patch) == real(binary, files, patch)


PROFILE = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@settings(PROFILE, max_examples=400)
@given(case())
def test_same_status_summary_and_tree_as_the_real_binary(
    real_apply_patch: Path, generated: tuple[Tree, str]
) -> None:
    agree(real_apply_patch, *generated)


@settings(PROFILE, max_examples=6000, derandomize=False)
@given(case())
def test_same_as_the_real_binary_on_thousands_of_patches(
    real_apply_patch: Path, generated: tuple[Tree, str]
) -> None:
    agree(real_apply_patch, *generated)


@pytest.mark.parametrize(
    ("arguments", "patch"),
    [
        ([], "*** Begin Patch\n*** Add File: n\n+1\n*** End Patch\n"),
        (["*** Begin Patch\n*** Update File: f\n@@\n-one\n+1\n*** End Patch"], ""),
        ([], ""),
        ([], "*** Begin Patch\n*** End Patch\n"),
        ([], "nonsense"),
        (["a", "b"], ""),
        ([""], ""),
        ([], "*** Begin Patch\n*** Add File: n\n+1\n*** Delete File: missing\n*** End Patch\n"),
    ],
)
def test_the_command_has_the_real_exit_codes(
    real_apply_patch: Path, tmp_path: Path, arguments: list[str], patch: str
) -> None:
    results = []
    commands = [[str(real_apply_patch)], [sys.executable, "-m", "honk.tools.apply_patch"]]
    for index, command in enumerate(commands):
        folder = tmp_path / str(index)
        plant(folder, {"f": b"one\n"})
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(
            [*command, *arguments], cwd=folder, input=patch.encode(), capture_output=True, env=environment
        )
        results.append((done.returncode, done.stdout, read(folder)))
    assert results[0] == results[1]
