"""What honest work on tests explains as well as cheating does: the gate flags it, the judge rules.

An assertion has another in its place that may say as much, or the request may ask for what was
done. Where nothing is in its place there is no doubt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from honk.gates.assertions import is_bare, strength
from honk.gates.collect import Check
from honk.gates.matching import COMMON
from honk.gates.vacuous import sides

IN_ITS_PLACE = "something else is compared in its place"
MAY_BE_ASKED = "the request may ask for it"

_TRUTH = re.compile(r"^\W*(?:true|false)\W*$", re.I)
_CALLED = re.compile(r"\w\s*[(\[.]")  # what comes from the code under test
_COUNTS = re.compile(
    r"\blen\(|\.(?:length|size|count|len)\b|\bcount\(|HaveLength|HaveCount|has_?size|\bLen\(", re.I
)
_WHOLE = re.compile(r"snapshot|approvals?\b|golden|verify_?(?:json|xml|text)", re.I)
_OWNER = re.compile(r"\b([A-Za-z_]\w*)(?=\s*(?:\.|->|\[|::))")


def same_truth(before: Check, now: Check) -> bool:
    """Whether ``before`` compared with true or false, and ``now`` asks the same without naming it."""
    return is_bare(now.plain) and any(_TRUTH.match(side) for side in sides(before.text))


def keeps_expected(before: Check, now: Check) -> bool:
    """Whether a check of a part still has the value that the exact one had: its matcher became a
    looser one, as where an object got a new member."""
    if strength(now.plain) != 2:
        return False
    values = [_squeezed(side) for side in sides(before.text) if not _CALLED.search(side)]
    if values:
        return all(value in _squeezed(now.text) for value in values)
    return before.words - COMMON <= now.words


def _squeezed(text: str) -> str:
    return re.sub(r"\s+|,(?=\s*[)\]}])", "", text).replace("'", '"')


def counts(check: Check) -> bool:
    """Whether the check is about how many there are."""
    return _COUNTS.search(check.plain) is not None


def in_its_place(check: Check, exact: Sequence[Check]) -> bool:
    """Whether one of the ``exact`` checks that came compares the whole of what ``check`` compared a
    part of: the object that its members belong to, or all output with a stored one."""
    owners = {name for name in _OWNER.findall(check.plain) if name.lower() not in COMMON}
    return any(
        _WHOLE.search(other.text)
        or any(re.search(rf"\b{name}\b(?!\s*(?:\.|->|\[|::|\())", other.plain) for name in owners)
        for other in exact
    )
