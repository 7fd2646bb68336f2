"""Tests in languages without a grammar, compared by their lines alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from typing import Literal

from honk.gates.collect import words
from honk.gates.skips import SKIPS, is_conditional

_ASSERTING = re.compile(
    r"assert|expect|should|verify|require|refute|check|\[\[ |\[ -|\bdiff\b|\btest\s", re.I
)
_LONGEST = 1_000  # characters of a line that are looked at
_SHOWN = 90


def by_text(
    files: Sequence[tuple[str, bytes | None, bytes | None]], gone: frozenset[str]
) -> Iterator[tuple[str, Literal["block", "flag"], str]]:
    """Path, result and detail of what the lines of test files say: fewer that assert, more that skip.
    ``files`` are path, old and new side, ``gone`` the names that the change's code has no more."""
    read = [(path, _lines(old), _lines(new)) for path, old, new in files]
    holders = Counter(line for _, _, new in read for line in set(new))
    for path, old, new in read:
        here = set(new)
        elsewhere = {line for line in old if holders[line] > (line in here)}
        for result, detail in _compared(old, new, elsewhere, gone) if old else ():
            yield path, result, detail


def _compared(
    old: Sequence[str], new: Sequence[str], elsewhere: Set[str], gone: frozenset[str]
) -> Iterator[tuple[Literal["block", "flag"], str]]:
    """``elsewhere``: the old lines that stand in another file now."""
    went = list((Counter(old) - Counter(new)).elements())
    came = list((Counter(new) - Counter(old)).elements())
    lost = [line for line in went if _ASSERTING.search(line) and line not in elsewhere]
    added = [line for line in came if _ASSERTING.search(line)]
    if lost and (not new or len(lost) > len(added)):
        about = frozenset().union(*map(words, lost))
        what = "a test file was deleted" if not new else f"no longer asserted: {short(lost[0])}"
        yield "flag" if about & gone else "block", what
    fresh = [line for line in came if SKIPS.search(line)]
    if len(fresh) > len([line for line in old if SKIPS.search(line) and line not in new]):
        somewhere = all(is_conditional(line, "") for line in fresh)
        yield "flag" if somewhere else "block", f"a test is skipped: {short(fresh[0])}"


def short(text: str) -> str:
    """Source on one line, of a length that a reader takes in."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _lines(data: bytes | None) -> list[str]:
    if data is None:
        return []
    lines = (raw.strip()[:_LONGEST] for raw in data.decode("utf-8", "replace").split("\n"))
    return [line for line in lines if line]
