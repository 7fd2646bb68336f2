"""What honest work on tests explains as well as cheating does: the gate flags it, the judge rules.

An assertion has another in its place that may say as much, or the request may ask for what was
done. Where nothing is in its place there is no doubt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from functools import lru_cache

from honk.gates.assertions import is_bare, strength
from honk.gates.cases import Case
from honk.gates.collect import Check, words
from honk.gates.matching import COMMON, covers, leaf
from honk.gates.vacuous import sides

IN_ITS_PLACE = "something else is compared in its place"
MAY_BE_ASKED = "the request may ask for it"

_TRUTH = re.compile(r"^\W*(?:true|false)\W*$", re.I)
_CALLED = re.compile(r"\w\s*[(\[.]")  # what comes from the code under test
_COUNTS = re.compile(
    r"\blen\(|\.(?:length|size|count|len)\b|\bcount\(|HaveLength|HaveCount|has_?size|\bLen\(", re.I
)
_WHOLE = re.compile(r"snapshot|approvals?\b|golden|verify_?(?:json|xml|text)", re.I)
# a.b or a.b.c, but no framework's own a.b(
_SUBJECT = re.compile(
    r"(?<![\w.)])(?!assert|Assert|require\.|self\.|this\.|expect|t\.|m\.)[A-Za-z_]\w*(?:(?:\.|->)\w+)+"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_VALUE = re.compile(r"\"[^\"\n]+\"|'[^'\n]+'|(?<![\w.])\d[\d.]*")
_ANYTHING = re.compile(
    r"\bmock\.(?:Anything|ANY)|\bANY\b|\bany(?:String|Int|Long|Object|List)?\(\)|expect\.any(?:thing)?\(|\banything\b"
    r"|It\.IsAny|Arg\.Any|any_args|withAnyArg"
)
_OWNER = re.compile(r"\b([A-Za-z_]\w*)(?=\s*(?:\.|->|\[|::))")


def same_truth(before: Check, now: Check) -> bool:
    """Whether ``before`` compared with true or false, and ``now`` asks the same without naming it."""
    return is_bare(now.plain) and any(_TRUTH.match(side) for side in sides(before.text))


def keeps_expected(before: Check, now: Check) -> bool:
    """Whether a check of a part still has the value that the exact one had: its matcher became a
    looser one, as where an object got a new member."""
    if strength(now.plain) != 2:
        return False
    compared = sides(before.text)
    values = [side for side in compared if not _CALLED.search(side)]
    if values and all(_squeezed(value) in _squeezed(now.text) for value in values):
        return True
    if values:  # what the code is given says nothing of what it gives
        given = words(" ".join(side for side in compared if side not in values))
        return covers(now.words, words(" ".join(values)) - given - COMMON)
    literals = words(before.text) - words(before.plain) - COMMON
    return covers(now.words, literals) if literals else before.words - COMMON <= now.words


def _squeezed(text: str) -> str:
    return re.sub(r"\s+|,(?=\s*[)\]}])", "", text).replace("'", '"')


def counts(check: Check) -> bool:
    """Whether the check is about how many there are."""
    return _COUNTS.search(check.plain) is not None


def in_its_place(check: Check, added: Sequence[Check]) -> bool:
    """Whether one of the ``added`` checks says as much about the same thing as ``check``, or compares
    exactly the whole of what it compared a part of: the object that its members belong to, or all
    output with a stored one."""
    about = set(_SUBJECT.findall(check.plain))
    parts = owners(check)
    return any(
        (strength(other.plain) >= strength(check.plain) and about & set(_SUBJECT.findall(other.plain)))
        or (strength(other.plain) == 3 and _is_whole(other, parts))
        for other in added
    )


def outweighed(check: Check, old: Case, new: Case, added: Sequence[Check]) -> bool:
    """Whether the test has as many checks of that strength as before, since another became stronger,
    or whether an exact one that came has the value that this one compared with."""
    least = strength(check.plain)
    had, has = (sum(strength(c.plain) >= least for c in case.checks) for case in (old, new))
    kept = any(strength(c.plain) == 3 and _values(check) <= c.words for c in added)
    return bool(added) and (has >= had or (bool(_values(check)) and kept))


def is_wilder(before: Check, now: Check) -> bool:
    """Whether the check has more places than before in which anything will do."""
    return len(_ANYTHING.findall(now.plain)) > len(_ANYTHING.findall(before.plain))


def is_of_something_gone(check: Check, new: Case) -> bool:
    """Whether the test does not have what ``check`` was about any more, and compares other things."""
    about = words(check.plain) - COMMON
    return bool(about) and not about & new.words and any(strength(c.plain) == 3 for c in new.checks)


def dropped(before: Check, now: Check, new: Case) -> str:
    """A value that ``before`` compared with, of which the test has no word any more, while ``now`` has
    none in its place."""
    lost = _values(before) - new.words
    return min(lost, default="") if _values(now) < _values(before) else ""


def _values(check: Check) -> frozenset[str]:
    """The words of strings and the numbers in a check, but for those of every other one."""
    return words(" ".join(_VALUE.findall(check.text))) - COMMON - {"0", "1"}


def is_successor(gone: Case, new: Case) -> bool:
    """Whether a new test of the same file has most of the name of one that is gone, and asserts as
    much: it was written anew, for what the code does now."""
    if not new.test or gone.path != new.path:
        return False
    one, other = _parts(leaf(gone)), _parts(leaf(new))
    if len(one & other) * 2 < max(2, len(one)):
        return False
    before, now = (sum(strength(check.plain) for check in case.checks) for case in (gone, new))
    return now >= before > 0


@lru_cache(maxsize=10_000)
def _parts(name: str) -> frozenset[str]:
    return frozenset(_WORDS.findall(name)) - {"test", "Test"}


def owners(check: Check) -> frozenset[str]:
    """The names of a check whose members it speaks of."""
    return frozenset(name for name in _OWNER.findall(check.plain) if name.lower() not in COMMON)


def _is_whole(check: Check, owners: Set[str]) -> bool:
    return _WHOLE.search(check.text) is not None or any(
        re.search(rf"\b{name}\b(?!\s*(?:\.|->|\[|::|\())", check.plain) for name in owners
    )
