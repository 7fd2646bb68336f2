"""Labelled changes in text files: both sides of each file in one listing.

A file ``*.diffs`` holds cases. Each begins with ``## NAME``; then come fields, one a line, and
for each path ``>>> PATH [escaped] [OLD_MODE NEW_MODE]`` with its lines. As in a diff, a line
beginning with a space is on both sides, ``-`` on the old and ``+`` on the new one alone; unlike
one, the listing is the whole file. ``escaped`` lines are Python string escapes, bytes up to
``\\xff`` and beyond that UTF-8. A path all of whose lines are ``+`` is new, all ``-`` deleted.

Fields: ``label`` (honest or bad), ``request``; for bad ones ``gate``, the gate that must speak,
and ``result`` (block, or flag where that is enough); ``allow``, a path that the requester permits;
``why``, for the reader, what the case shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Literal, TypeVar

from honk.core.errors import UserError
from honk.core.types import Change, FileChange

T = TypeVar("T")
_BASE, _HEAD = "a" * 40, "b" * 40


@dataclass(frozen=True)
class Side:
    mode: str
    data: bytes


Sides = Mapping[str, tuple[Side | None, Side | None]]
"""Each path with its old and its new side, None where it does not exist."""


@dataclass(frozen=True)
class Example:
    """One labelled change."""

    name: str
    group: str  # the file that it stands in, without its suffix
    label: Literal["honest", "bad"]
    request: str
    gate: str
    result: Literal["block", "flag"]
    allow: tuple[str, ...]
    files: Sides


class Memory:
    """A ``Source`` of the objects of one case."""

    def __init__(self, files: Sides) -> None:
        self._blobs: dict[str, bytes] = {}
        self._files = files
        for sides in files.values():
            for side in sides:
                if side is not None:
                    self._blobs[_digest(side.data)] = side.data

    def files(self, commit: str) -> Mapping[str, str]:
        side = 0 if commit == _BASE else 1
        found = ((path, sides[side]) for path, sides in self._files.items())
        return {path: _digest(held.data) for path, held in found if held is not None}

    def read(self, blob: str) -> bytes:
        return self._blobs[blob]

    def diff(self, base: str, head: str) -> Change:
        changed = {path: sides for path, sides in sorted(self._files.items()) if sides[0] != sides[1]}
        files = tuple(_file_change(path, *sides) for path, sides in changed.items())
        patch = "".join(_patch(path, *sides) for path, sides in changed.items())
        return Change(base=_BASE, head=_HEAD, files=files, patch=patch)

    def change(self) -> Change:
        return self.diff(_BASE, _HEAD)


def _digest(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _patch(path: str, old: Side | None, new: Side | None) -> str:
    """What git's diff says of one file, as far as a reader needs it."""
    before, after = ((side.data.decode("utf-8", "replace") if side else "") for side in (old, new))
    head = [f"diff --git a/{path} b/{path}"]
    if old is None and new is not None:
        head.append(f"new file mode {new.mode}")
    elif new is None and old is not None:
        head.append(f"deleted file mode {old.mode}")
    elif old is not None and new is not None and old.mode != new.mode:
        head += [f"old mode {old.mode}", f"new mode {new.mode}"]
    names = (f"a/{path}" if old else "/dev/null", f"b/{path}" if new else "/dev/null")
    lines = unified_diff(before.split("\n")[:-1], after.split("\n")[:-1], *names, lineterm="")
    return "\n".join([*head, *lines]) + "\n"


def _file_change(path: str, old: Side | None, new: Side | None) -> FileChange:
    return FileChange(
        path=path,
        status="A" if old is None else "D" if new is None else "M",
        old_mode=old.mode if old else None,
        new_mode=new.mode if new else None,
        old_blob=_digest(old.data) if old else None,
        new_blob=_digest(new.data) if new else None,
        added=None,
        removed=None,
    )


def read_corpus(folder: Path) -> tuple[Example, ...]:
    """All examples below ``folder``. Raises UserError if there are none, or one cannot be read."""
    return read_listings(folder, "diffs", _example)


@dataclass(frozen=True)
class Listing:
    """One case of a file as it stands there. A field may have several values."""

    name: str
    group: str  # the file that it stands in, without its suffix
    fields: Mapping[str, tuple[str, ...]]
    files: Sides


def read_listings(folder: Path, suffix: str, build: Callable[[Listing], T]) -> tuple[T, ...]:
    """What ``build`` makes of each case in the files ``*.SUFFIX`` below ``folder``; it raises
    KeyError or ValueError for one that is not usable. Raises UserError as read_corpus does."""
    files = sorted(folder.rglob(f"*.{suffix}"))
    if not files:
        raise UserError(
            f"There is no corpus in {folder}.", f"Give a folder of *.{suffix} files with --corpus."
        )
    return tuple(case for file in files for case in _read(file, build))


def _read(file: Path, build: Callable[[Listing], T]) -> Iterator[T]:
    chunks = ("\n" + file.read_text(encoding="utf-8")).split("\n## ")
    for chunk in chunks[1:]:
        name, *lines = chunk.rstrip("\n").split("\n")
        try:
            yield build(_listing(name, file.stem, lines))
        except (KeyError, ValueError) as error:
            raise UserError(f"{file}: the case {name!r} cannot be read: {error}.", "Mend it.") from error


def _listing(name: str, group: str, lines: list[str]) -> Listing:
    fields: dict[str, tuple[str, ...]] = {}
    files: dict[str, tuple[Side | None, Side | None]] = {}
    head = next((i for i, line in enumerate(lines) if line.startswith(">>> ")), len(lines))
    for line in filter(None, lines[:head]):
        key, _, value = line.partition(": ")
        fields[key] = (*fields.get(key, ()), value)
    starts = [i for i, line in enumerate(lines) if line.startswith(">>> ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        path, *marks = lines[start][4:].split()
        files[path] = _sides(marks, lines[start + 1 : end])
    if not files:
        raise ValueError("it has no files")
    return Listing(name, group, fields, files)


def _example(case: Listing) -> Example:
    fields = case.fields
    label, result = fields["label"][0], fields.get("result", ("block",))[0]
    if label not in ("honest", "bad") or result not in ("block", "flag"):
        raise ValueError("label or result are not usable")
    if label == "bad" and "gate" not in fields:
        raise ValueError("a bad case names its gate")
    return Example(
        name=case.name,
        group=case.group,
        label="bad" if label == "bad" else "honest",
        request=fields["request"][0],
        gate=fields.get("gate", ("",))[0],
        result="flag" if result == "flag" else "block",
        allow=tuple(fields.get("allow", ())),
        files=case.files,
    )


def _sides(marks: list[str], lines: list[str]) -> tuple[Side | None, Side | None]:
    escaped = "escaped" in marks
    modes = [mark for mark in marks if mark != "escaped"] or ["100644"]
    while lines and not lines[-1]:
        lines = lines[:-1]
    signs = {line[:1] or " " for line in lines}
    if not signs <= {" ", "+", "-"}:
        raise ValueError("a line begins with neither space, + nor -")
    old = None if signs == {"+"} else Side(modes[0], _bytes(lines, "-", escaped))
    new = None if signs == {"-"} else Side(modes[-1], _bytes(lines, "+", escaped))
    return old, new


def _bytes(lines: Iterable[str], sign: str, escaped: bool) -> bytes:
    text = "".join(line[1:] + "\n" for line in lines if line[:1] in ("", " ", sign))
    if not escaped:
        return text.encode()
    plain = text.encode("latin-1", "backslashreplace").decode("unicode_escape")
    return b"".join(bytes([ord(c)]) if ord(c) < 256 else c.encode() for c in plain)
