"""What a change adds to a file, taken from the blobs themselves.

Not from the patch: what git prints there depends on attributes, and has to be parsed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from honk.core.ports import Source
from honk.core.types import Change, FileChange

BLOCKED_BYTES = 10_000_000
"""A file may not grow beyond this size."""
SEARCHED_BYTES = 25_000_000
"""A text may not grow beyond this size, whoever permits it: to look through its lines for secrets and
hidden characters takes a second or two a megabyte, and fifty times its size in memory."""
TOO_LONG = f"more than {SEARCHED_BYTES // 1_000_000} MB of text: too much to be looked through"
MAX_BYTES = 500_000
"""A text of this size is no longer parsed: it is generated, or made to keep a parser busy."""
_PROBE = 8_000  # bytes in which git looks for NUL
LINK = "120000"
_BLOBS = ("100644", "100755", LINK)  # not a submodule's commit


@dataclass(frozen=True)
class Content:
    """``added`` and ``removed`` are lines with their numbers, empty where a side is binary, and both
    where the text is ``too_long`` to be looked through.

    A line that moved within the file, or came from a deleted file (a rename), is not added.
    """

    file: FileChange
    old: bytes | None
    new: bytes | None
    added: tuple[tuple[int, str], ...]
    removed: tuple[str, ...]
    too_long: bool = False

    @property
    def size(self) -> int:
        """Bytes of the larger side."""
        return max(len(self.old or b""), len(self.new or b""))


def contents(change: Change, source: Source) -> Iterator[Content]:
    """One after the other, so that not all are in memory at once."""
    gone = _gone_lines(change, source)
    for file in change.files:
        old = _read(source, file.old_blob, file.old_mode)
        new = _read(source, file.new_blob, file.new_mode)
        too_long = new is not None and len(new) > SEARCHED_BYTES >= len(old or b"") and not is_binary(new)
        before, after = ([], []) if too_long else (_lines(old), _lines(new))
        added = _minus(after, before)
        yield Content(
            file=file,
            old=old,
            new=new,
            added=tuple(line for line in added if file.status != "A" or line[1] not in gone),
            removed=tuple(line for _, line in _minus(before, after)),
            too_long=too_long,
        )


def _gone_lines(change: Change, source: Source) -> set[str]:
    deleted = [file for file in change.files if file.status == "D"]
    return {line for file in deleted for line in _lines(_read(source, file.old_blob, file.old_mode))}


def _read(source: Source, blob: str | None, mode: str | None) -> bytes | None:
    return source.read(blob) if blob is not None and mode in _BLOBS else None


def _minus(lines: Iterable[str], others: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without as many of each as ``others`` has."""
    left = Counter(others)
    for number, line in enumerate(lines, 1):
        if left[line] > 0:
            left[line] -= 1
        else:
            yield number, line


def _lines(data: bytes | None) -> list[str]:
    if data is None or is_binary(data):
        return []
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "replace").replace("\r\n", "\n").split("\n")


def is_binary(data: bytes) -> bool:
    """As git decides, except that UTF-16 with a byte order mark is text."""
    return b"\0" in data[:_PROBE] and data[:2] not in (b"\xff\xfe", b"\xfe\xff")
