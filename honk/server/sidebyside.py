"""A change as two columns: what was, and what is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from honk.core.types import Change, FileChange
from honk.server.terminal import LINE_LIMIT

ROW_LIMIT = 400
"""Rows of one file that a page shows before it asks."""


@dataclass(frozen=True)
class Half:
    """One line of one side. ``changed`` is the part between what both sides begin and end with."""

    number: int
    start: str
    changed: str = ""
    end: str = ""


@dataclass(frozen=True)
class Row:
    kind: Literal["same", "edit", "gap"]
    old: Half | None = None
    new: Half | None = None
    label: str = ""


@dataclass(frozen=True)
class FileDiff:
    """One changed file. ``note`` says what no row can show (modes, binary content)."""

    number: int
    file: FileChange
    note: str
    rows: tuple[Row, ...]
    more: int = 0


_Line = tuple[int | None, str]


def sections(patch: str) -> list[str]:
    """The parts of a git patch, one for each file: no line of content can begin like a header."""
    return re.split(r"^(?=diff --git )", patch, flags=re.M)[1:]


def file_diffs(change: Change, *, limit: int = ROW_LIMIT, total: int = 3000) -> tuple[FileDiff, ...]:
    """All files of a change; of a long one no row, and neither once ``total`` rows are shown."""
    found: list[FileDiff] = []
    rows = 0
    for number, (file, section) in enumerate(zip(change.files, sections(change.patch), strict=False)):
        lines = section.count("\n")
        if lines > limit or rows > total:
            found.append(FileDiff(number, file, note(file), (), lines))
        else:
            found.append(one_file(number, file, section))
            rows += len(found[-1].rows)
    return tuple(found)


def one_file(number: int, file: FileChange, section: str) -> FileDiff:
    """One file with all its rows."""
    try:
        parsed = PatchSet(section)
    except UnidiffParseError:
        return FileDiff(number, file, "Its patch cannot be shown; download it.", ())
    rows: list[Row] = []
    for hunk in parsed[0] if parsed else ():
        label = f"Line {hunk.target_start}" + (f" · {hunk.section_header}" if hunk.section_header else "")
        rows.append(Row("gap", label=label))
        old: list[_Line] = []
        new: list[_Line] = []
        for line in hunk:
            text = line.value.removesuffix("\n")
            if line.line_type == "-":
                old.append((line.source_line_no, text))
            elif line.line_type == "+":
                new.append((line.target_line_no, text))
            elif line.line_type == " ":
                rows += _pairs(old, new)
                old, new = [], []
                left = Half(line.source_line_no or 0, _cut(text))
                right = Half(line.target_line_no or 0, _cut(text))
                rows.append(Row("same", left, right))
        rows += _pairs(old, new)
    return FileDiff(number, file, note(file), tuple(rows))


def _pairs(old: list[_Line], new: list[_Line]) -> Iterator[Row]:
    for left, right in zip_longest(old, new):
        if left is not None and right is not None:
            yield Row("edit", *_marked(left, right))
        else:
            yield Row("edit", _half(left), _half(right))


def _half(line: _Line | None) -> Half | None:
    return None if line is None else Half(line[0] or 0, _cut(line[1]))


def _marked(left: _Line, right: _Line) -> tuple[Half, Half]:
    """Both lines with what differs between their common beginning and end."""
    a, b = _cut(left[1]), _cut(right[1])
    shortest = min(len(a), len(b))
    start = next((i for i in range(shortest) if a[i] != b[i]), shortest)
    end = next((i for i in range(shortest - start) if a[-1 - i] != b[-1 - i]), shortest - start)
    if start + end < 2:  # nothing in common: all of it is other text
        return Half(left[0] or 0, a), Half(right[0] or 0, b)
    first, second = (
        Half(number or 0, text[:start], text[start : len(text) - end], text[len(text) - end :])
        for number, text in ((left[0], a), (right[0], b))
    )
    return first, second


def _cut(text: str) -> str:
    return text if len(text) <= LINE_LIMIT else text[:LINE_LIMIT] + "…"


_MODES = {"100644": "file", "100755": "executable", "120000": "symbolic link", "160000": "submodule"}


def note(file: FileChange) -> str:
    parts = []
    if file.old_mode and file.new_mode and file.old_mode != file.new_mode:
        parts.append(f"{_MODES.get(file.old_mode, 'other')} became {_MODES.get(file.new_mode, 'other')}")
    elif (file.new_mode or file.old_mode) not in ("100644", None):
        parts.append(_MODES.get(file.new_mode or file.old_mode or "", "other"))
    if file.added is None:
        parts.append("binary content")
    return ", ".join(parts)
