"""Tests in languages without a grammar, compared by their lines alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from honk.gates.collect import words
from honk.gates.skips import SKIPS, is_conditional

_ASSERTING = re.compile(
    r"assert|expect|should|verify|require|refute|check|\[\[ |\[ -|\bdiff\b|\btest\s", re.I
)
_LONGEST = 1_000  # characters of a line that are looked at
_SHOWN = 90


def by_text(
    before: bytes | None, after: bytes | None, others: Sequence[bytes | None], gone: frozenset[str]
) -> Iterator[tuple[Literal["block", "flag"], str]]:
    """What the lines of a test file say: fewer that assert, more that skip. ``others`` are the new
    sides of the change's other files, ``gone`` the names that its code has no more."""
    old, new = _lines(before), _lines(after)
    if not old:
        return
    elsewhere = {line for other in others for line in _lines(other)}
    asserted = [line for line in (Counter(old) - Counter(new)).elements() if _ASSERTING.search(line)]
    lost = [line for line in asserted if line not in elsewhere]
    added = [line for line in (Counter(new) - Counter(old)).elements() if _ASSERTING.search(line)]
    removed = not new or len(lost) > len(added)
    if lost and removed:
        about = frozenset().union(*map(words, lost))
        what = "a test file was deleted" if not new else f"no longer asserted: {short(lost[0])}"
        yield "flag" if about & gone else "block", what
    fresh = [line for line in (Counter(new) - Counter(old)).elements() if SKIPS.search(line)]
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
