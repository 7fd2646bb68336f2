"""The V4A patch format: parse an enveloped patch and apply it to files.

Standard library only and nothing of honk: the same file runs in a container as a script under
Python 3.8 or newer. The rules are those that the real binary (in the npm package
``@openai/codex``, 0.169) shows by experiment; a differential test holds this module to them.
``lenient`` accepts what the binary refuses: several ``@@`` anchors over one hunk, and files
that are not UTF-8. As a command it applies a patch, given as its argument or on standard
input, to the current folder. Exit codes: 0 applied, 1 refused (what was done before stays),
2 wrong usage.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import List, Protocol, Tuple, Union  # noqa: UP035 -- Python 3.8 runs this file

BEGIN, END = "*** Begin Patch", "*** End Patch"
_HEADERS = ("*** Add File: ", "*** Delete File: ", "*** Update File: ")
_MOVE, _END_OF_FILE, _ENVIRONMENT = "*** Move to: ", "*** End of File", "*** Environment ID:"
# Unicode's White_Space property; str.strip() would also take U+001C to U+001F.
_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
_SPACE += "".join(map(chr, range(0x2000, 0x200B)))
_LINE = re.compile("([^\r\n]*)(\r\n|\r|\n|$)")
_PLAIN = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f"), '"'),
    **dict.fromkeys((0xA0, *range(0x2002, 0x200B), 0x202F, 0x205F, 0x3000), " "),
}
# From this index on, so many lines are replaced by these.
Edit = Tuple[int, int, List[str]]  # noqa: UP006
# How a line may differ from the patch and still be the one that is meant, strictest first.
_LOOSER: tuple[Callable[[str], str], ...] = (
    lambda line: line,
    lambda line: line.rstrip(_SPACE),
    lambda line: line.strip(_SPACE),
    lambda line: line.strip(_SPACE).translate(_PLAIN),
)


class PatchError(Exception):
    """The patch cannot be applied; the text says why."""


@dataclass
class Chunk:
    """One place of an update. ``lines`` are pairs of a sign (space, ``+``, ``-``) and text."""

    anchors: list[str] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    end_of_file: bool = False


@dataclass(frozen=True)
class AddFile:
    path: str
    text: str


@dataclass(frozen=True)
class DeleteFile:
    path: str


@dataclass(frozen=True)
class UpdateFile:
    path: str
    move_to: str | None
    chunks: Sequence[Chunk]


Hunk = Union[AddFile, DeleteFile, UpdateFile]  # noqa: UP007 -- Python 3.8 runs this line


class Files(Protocol):
    """What a patch needs of the files; ``write`` makes missing folders. All raise PatchError."""

    def read(self, path: str) -> bytes: ...

    def write(self, path: str, data: bytes) -> None: ...

    def remove(self, path: str) -> None: ...


def parse(text: str, *, lenient: bool = False) -> list[Hunk]:
    """The hunks of an enveloped patch, in order. Raises PatchError naming the line."""
    lines = _envelope(text)
    at = _skip_environment(lines)
    hunks: list[Hunk] = []
    while not _is_end(lines, at):
        header = _header(lines[at].strip(_SPACE))
        if header is None:
            raise _at(at, f"'{lines[at].strip(_SPACE)}' is not a header; {_HEADER_HELP}")
        kind, path = header
        if kind == _HEADERS[0]:
            added, at = _read_added(lines, at + 1)
            hunks.append(AddFile(path, added))
        elif kind == _HEADERS[1]:
            hunks.append(DeleteFile(path))
            at += 1
        else:
            move_to, chunks, at = _read_update(lines, at + 1, lenient)
            hunks.append(UpdateFile(path, move_to, chunks))
    if any(line.strip(_SPACE) for line in lines[at + 1 : -1]):
        raise PatchError(f"Invalid patch: The last line of the patch must be '{END}'.")
    return hunks


_HEADER_HELP = "a hunk starts with " + ", ".join(f"'{h}PATH'" for h in _HEADERS) + "."


def _at(index: int, message: str) -> PatchError:
    return PatchError(f"Invalid patch hunk on line {index + 1}: {message}")


def _drop_returns(lines: list[str]) -> list[str]:
    return [line[:-1] if line.endswith("\r") else line for line in lines]


def _envelope(text: str) -> list[str]:
    """The lines from the begin marker to the end marker, without a here-document around them."""
    lines = _drop_returns(text.strip(_SPACE).split("\n"))
    if lines[0] in ("<<EOF", "<<'EOF'", '<<"EOF"') and lines[-1].endswith("EOF") and len(lines) >= 4:
        lines = lines[1:-1]
    if lines[0].strip(_SPACE) != BEGIN:
        raise PatchError(f"Invalid patch: The first line of the patch must be '{BEGIN}'.")
    if lines[-1].strip(_SPACE) != END:
        raise PatchError(f"Invalid patch: The last line of the patch must be '{END}'.")
    return _drop_returns(lines)  # the binary drops two


def _skip_environment(lines: list[str]) -> int:
    """The index of the first hunk. One line may name an environment, which means nothing here."""
    first = lines[1].strip(_SPACE)
    if not first.startswith(_ENVIRONMENT):
        return 1
    if first == _ENVIRONMENT or lines[2].strip(_SPACE).startswith(_ENVIRONMENT):
        raise PatchError("Invalid patch: The environment id is empty or given more than once.")
    return 2


def _header(line: str) -> tuple[str, str] | None:
    for marker in _HEADERS:
        if line.startswith(marker):
            return marker, line[len(marker) :]
    return None


def _is_end(lines: list[str], at: int) -> bool:
    return at == len(lines) - 1 or lines[at].strip(_SPACE) == END


def _read_added(lines: list[str], at: int) -> tuple[str, int]:
    text = []
    while not _is_end(lines, at) and _header(lines[at].strip(_SPACE)) is None:
        if not lines[at].startswith("+"):
            raise _at(at, f"'{lines[at]}' does not start with '+', as each line of a new file must.")
        text.append(lines[at][1:] + "\n")
        at += 1
    return "".join(text), at


def _read_update(lines: list[str], at: int, lenient: bool) -> tuple[str | None, list[Chunk], int]:
    """Read to the next header. Headers count only at the start of a line: an indented one is context."""
    move_to = None
    chunks: list[Chunk] = []
    while at < len(lines) - 1:
        line = lines[at].rstrip(_SPACE)
        if line == END or _header(line) is not None:
            break
        if line.startswith(_MOVE) and move_to is None and not chunks:
            move_to = line[len(_MOVE) :]
        elif line == "@@" or line.startswith("@@ "):
            _open_chunk(chunks, line, at, lenient)
        elif chunks and chunks[-1].end_of_file:
            if line:
                raise _at(at, f"'{lines[at]}' follows the end of the file; a new hunk starts with '@@'.")
        elif line == _END_OF_FILE and not (chunks and not chunks[-1].lines):
            if chunks:
                chunks[-1].end_of_file = True
        else:
            _add_line(chunks, lines[at], at)
        at += 1
    if not chunks or not chunks[-1].lines:
        raise _at(at, "The update or hunk before this line contains no lines.")
    return move_to, chunks, at


def _open_chunk(chunks: list[Chunk], line: str, at: int, lenient: bool) -> None:
    if not chunks or chunks[-1].lines:
        chunks.append(Chunk())
    elif not lenient:
        raise _at(at, f"'{line}' follows another '@@' line; give one anchor only.")
    if line != "@@":
        chunks[-1].anchors.append(line[3:])


def _add_line(chunks: list[Chunk], line: str, at: int) -> None:
    sign, text = (line[0], line[1:]) if line else (" ", "")
    if sign not in " +-":
        raise _at(at, f"'{line}' starts neither with ' ' (context), '+' (added) nor '-' (removed).")
    if not chunks:
        chunks.append(Chunk())
    chunks[-1].lines.append((sign, text))


def apply(hunks: Sequence[Hunk], files: Files, *, lenient: bool = False) -> list[str]:
    """Apply in order and return one line for each hunk: ``A path``, ``M path`` or ``D path``.

    Raises PatchError at the first hunk that fails; earlier ones stay applied, as with the
    real binary, and the message names them.
    """
    if not hunks:
        raise PatchError("No files were modified.")
    done: list[str] = []
    for hunk in hunks:
        try:
            done.append(_apply_one(hunk, files, lenient))
        except PatchError as error:
            kept = f"\nAlready applied before that, and kept: {', '.join(done)}." if done else ""
            raise PatchError(f"{error}{kept}") from error
    return sorted(done, key=lambda line: "AMD".index(line[0]))


def _apply_one(hunk: Hunk, files: Files, lenient: bool) -> str:
    if isinstance(hunk, AddFile):
        files.write(hunk.path, _encode(hunk.text))
        return f"A {hunk.path}"
    if isinstance(hunk, DeleteFile):
        files.remove(hunk.path)
        return f"D {hunk.path}"
    text = _decode(hunk.path, files.read(hunk.path), lenient)
    new = _encode(update(text, hunk.chunks, hunk.path))
    if hunk.move_to is None:
        files.write(hunk.path, new)
        return f"M {hunk.path}"
    files.write(hunk.move_to, new)
    files.remove(hunk.path)
    return f"M {hunk.move_to}"


def _decode(path: str, data: bytes, lenient: bool) -> str:
    try:
        return data.decode("utf-8", "surrogateescape" if lenient else "strict")
    except UnicodeDecodeError as error:
        raise PatchError(f"Failed to read file to update {path}: it is not UTF-8 ({error}).") from error


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def update(text: str, chunks: Sequence[Chunk], path: str) -> str:
    """``text`` with all ``chunks`` applied. ``path`` is for messages only.

    Untouched lines keep their bytes and endings; new ones get the ending of the file's
    first line, and so does a last line that had none.
    """
    pairs = [(m.group(1), m.group(2)) for m in _LINE.finditer(text) if m.group(0)]
    newline = next((ending for _, ending in pairs if ending), "\n")
    lines = [line for line, _ in pairs]
    edits: list[Edit] = []
    at = 0
    for chunk in chunks:
        at = _place(chunk, lines, at, path, edits)
    edits.sort(key=lambda edit: edit[0])
    out: list[tuple[str, str]] = []
    at = 0
    for start, count, new in edits:
        out += pairs[at:start]
        out += [(line, newline) for line in new]
        at = start + count
    out += pairs[at:]
    return "".join(line + (ending or newline) for line, ending in out)


def _place(chunk: Chunk, lines: list[str], at: int, path: str, edits: list[Edit]) -> int:
    """Find where ``chunk`` belongs at or after line ``at``, add its edits, return where it ends."""
    for anchor in chunk.anchors:
        found = find([anchor], lines, at, False)
        if found is None:
            raise PatchError(f"Failed to find context '{anchor}' in {path}.")
        at = found + 1
    old = [text for sign, text in chunk.lines if sign != "+"]
    new = [text for sign, text in chunk.lines if sign != "-"]
    if not old:  # only additions: at the end of the file, wherever the anchor is
        edits.append((len(lines), 0, new))
        return at
    start = find(old, lines, at, chunk.end_of_file)
    if start is None and not old[-1]:  # an empty last line may stand for the file's final newline
        old.pop()
        if new and not new[-1]:
            new.pop()
        start = find(old, lines, at, chunk.end_of_file)
    if start is None:
        raise PatchError("\n".join([f"Failed to find expected lines in {path}:", *old]))
    edits += _changes(chunk, old, new, start)
    return start + len(old)


def find(pattern: list[str], lines: list[str], at: int, end_of_file: bool) -> int | None:
    last = len(lines) - len(pattern)
    first = max(at, last) if end_of_file else at
    if not pattern:
        return at
    for loose in _LOOSER if first <= last else ():
        want, have = [loose(line) for line in pattern], [loose(line) for line in lines[first:]]
        for index in range(last - first + 1):
            if have[index] == want[0] and have[index : index + len(want)] == want:
                return first + index
    return None


def _changes(chunk: Chunk, old: list[str], new: list[str], start: int) -> list[Edit]:
    """The edits between a chunk's context lines, which stay as the file has them."""
    context, i, j = [], 0, 0
    for sign, _ in chunk.lines:
        if sign == " ":
            context.append((i, j))
        i += sign != "+"
        j += sign != "-"
    kept = takewhile(lambda at: at[0] < len(old) and at[1] < len(new), context)
    edits, i, j = [], 0, 0
    for next_i, next_j in [*kept, (len(old), len(new))]:
        if next_i > i or next_j > j:
            edits.append((start + i, next_i - i, new[j:next_j]))
        i, j = next_i + 1, next_j + 1
    return edits


@dataclass(frozen=True)
class LocalFiles:
    """Files of this machine; relative paths start at ``folder``."""

    folder: str

    def read(self, path: str) -> bytes:
        with _failing("read file to update", path), open(self._full(path), "rb") as file:
            return file.read()

    def write(self, path: str, data: bytes) -> None:
        with _failing("write file", path):
            os.makedirs(posixpath.dirname(self._full(path)), exist_ok=True)
            with open(self._full(path), "wb") as file:
                file.write(data)

    def remove(self, path: str) -> None:
        with _failing("delete file", path):
            if stat.S_ISDIR(os.stat(self._full(path)).st_mode):  # a link to one; a dangling link fails, too
                raise IsADirectoryError(0, "it is a folder")
            os.unlink(self._full(path))

    def _full(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, path))


@contextmanager
def _failing(action: str, path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PatchError(f"Failed to {action} {path}: {reason}.") from error


def main(arguments: Sequence[str]) -> int:
    """The command. ``--lenient`` as first argument (the real one has none) is for the sandbox."""
    lenient = arguments[:1] == ["--lenient"]
    arguments = arguments[lenient:]
    if len(arguments) > 1:
        return _refuse("Error: apply_patch accepts exactly one argument.", 2)
    try:
        text = os.fsencode(arguments[0]).decode() if arguments else sys.stdin.buffer.read().decode()
        if not arguments and not text:
            return _refuse("Usage: apply_patch 'PATCH'\n       echo 'PATCH' | apply_patch", 2)
        done = apply(parse(text, lenient=lenient), LocalFiles(os.getcwd()), lenient=lenient)
    except UnicodeDecodeError as error:
        return _refuse(f"Error: the patch is not UTF-8: {error}.", 1)
    except PatchError as error:
        return _refuse(str(error), 1)
    sys.stdout.buffer.write(_encode("\n".join(["Success. Updated the following files:", *done, ""])))
    return 0


def _refuse(message: str, status: int) -> int:
    sys.stderr.buffer.write(_encode(message + "\n"))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
