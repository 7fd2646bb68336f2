"""Which test of a change is which: the same before and after, under another name, in another file.

Assertions are paired alike. What is compared are the words of the source.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from honk.gates.cases import Case
from honk.gates.collect import Check

COMPARED = 300
"""Cases that are compared with each other word by word: bounds the time of a huge change."""

_COVERED = 0.7  # share of an assertion's words that must stand where it went
_SIMILAR = 0.5  # share of two tests' words that makes one the other's new name
COMMON = frozenset(
    (  # words of frameworks, which say nothing about the code under test
        "self", "this", "t", "def", "assert", "expect", "it", "test", "equal", "assertequal",
        "assertequals", "tobe", "toequal", "eq", "to", "be", "require", "true", "false", "none", "nil",
        "null", "asserttrue", "if", "in", "assertfalse", "assertsame", "not", "is", "fatal", "error",
        "errorf", "fatalf", "got", "want", "expect_eq", "assert_eq", "assert_equal", "check", "new",
        "await", "async", "func",
    )
)  # fmt: skip


def covers(there: frozenset[str], wanted: frozenset[str]) -> bool:
    return bool(wanted) and len(wanted & there) >= _COVERED * len(wanted)


def difference(these: Sequence[Check], those: Sequence[Check]) -> list[Check]:
    left = Counter(check.key for check in those)
    found = []
    for check in these:
        if left[check.key] > 0:
            left[check.key] -= 1
        else:
            found.append(check)
    return found


def pairs(lost: Sequence[Check], added: Sequence[Check]) -> list[tuple[Check, Check]]:
    """Each lost assertion with the added one that speaks most of the same, each used once."""
    scores = sorted(
        (
            (-_likeness(old, new), abs(i - j), i, j)
            for i, old in enumerate(lost)
            for j, new in enumerate(added)
        )
    )
    left, right, found = set(range(len(lost))), set(range(len(added))), []
    for _, _, i, j in scores[:10_000]:
        if i in left and j in right:
            left.discard(i)
            right.discard(j)
            found.append((lost[i], added[j]))
    return found


def _likeness(old: Check, new: Check) -> float:
    a, b = old.words - COMMON, new.words - COMMON
    return len(a & b) / max(1, len(a | b))


def match_cases(
    before: list[Case], after: list[Case]
) -> tuple[list[tuple[Case, Case]], list[Case], list[Case]]:
    """Pairs of the same test, tests that are gone, and new ones."""
    matched: list[tuple[Case, Case]] = []
    lost, new = list(before), list(after)
    keys: tuple[Callable[[Case], tuple[object, ...]], ...] = (
        lambda case: (case.path, case.name, case.test),
        lambda case: (case.path,) if not case.name else (id(case),),
        lambda case: (leaf(case), case.test) if case.name else (id(case),),
        lambda case: (case.path, case.test, _shape(case)) if case.name else (id(case),),
    )
    for key in keys:
        waiting: dict[tuple[object, ...], list[Case]] = {}
        for case in reversed(new):
            waiting.setdefault(key(case), []).append(case)
        found = [(case, others.pop()) for case in lost if (others := waiting.get(key(case)))]
        matched += found
        lost, new = _without(lost, [old for old, _ in found]), _without(new, [now for _, now in found])
    for case in lost[:COMPARED]:
        other = next((b for b in new[:COMPARED] if case.test == b.test and _alike(case, b)), None)
        if other is not None:
            matched.append((case, other))
            new.remove(other)
    return matched, _without(lost, [old for old, _ in matched]), new


def _without(cases: list[Case], taken: Sequence[Case]) -> list[Case]:
    ids = {id(case) for case in taken}
    return [case for case in cases if id(case) not in ids]


def leaf(case: Case) -> str:
    return case.name.rpartition(".")[2]


def _shape(case: Case) -> str:
    """The text without its names: the same test after names have changed."""
    return re.sub(r"\s+", "", re.sub(r"[^\W\d]\w*", "w", case.text))


def _alike(a: Case, b: Case) -> bool:
    if not a.name or not b.name or (a.checks and not b.checks):
        return False
    one, other = a.words - COMMON, b.words - COMMON
    return len(one & other) >= min(_SIMILAR * len(one | other), _COVERED * len(one))
