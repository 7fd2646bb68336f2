"""The gate ``weakened-tests``: tests that a change deletes, skips, empties or loosens.

Tests are compared one by one, before and after. A test that is gone from its place is looked
for under another name and in the other files of the change; assertions that are gone, in
what the change adds. What may be honest work is flagged: tests that go with the code that they
test, and what :mod:`honk.gates.doubt` tells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from honk.core.types import Finding
from honk.gates.assertions import expects_failure, loosened, strength
from honk.gates.cases import Case, cases_of
from honk.gates.collect import Check, words
from honk.gates.content import MAX_BYTES
from honk.gates.doubt import (
    IN_ITS_PLACE,
    MAY_BE_ASKED,
    counts,
    dropped,
    in_its_place,
    is_of_something_gone,
    is_successor,
    is_wilder,
    keeps_expected,
    outweighed,
    owners,
    same_truth,
)
from honk.gates.matching import COMMON, COMPARED, covers, difference, leaf, match_cases, pairs
from honk.gates.request import NOTHING, Asked
from honk.gates.runners import neutered, never_awaited, overwritten, unregistered
from honk.gates.skips import RERUNS, is_collected
from honk.gates.syntax import language_of
from honk.gates.textual import by_text, short
from honk.gates.vacuous import alternative

GATE = "weakened-tests"
_PREPARES = re.compile(r"autouse\s*=\s*True|def set_?up\w*\(|@Before\w*\b|void SetUp\(", re.I)
_GENERATED = re.compile(r"@given\b|proptest!|quickcheck|\bfc\.property\b|\bforAll\b")
_SEVERAL = re.compile(
    r"parametri[sz]e|\.each\b|@\w*Source|DataProvider|dataProvider|rstest|InlineData|\bfor\b"
    r"|subTest|shared_|TEST_P\b|TYPED_TEST|TestWith"
)
_CALLEE = re.compile(r"(?:await\s+)?(?:[\w$]+(?:\.|::|->))*\$?(\w+)\s*\(")
_VERSION = re.compile(r"version|\bpy3\d|\bJRE\b", re.I)
_UNPARSABLE = 10  # files that their grammar does not read, after which all others are compared as text
# Of a whole test, whatever it asserts: Rust's attribute, JUnit 4's parameter.
_EXPECTS_FAILURE = re.compile(r"should_panic|@\w*Test\s*\(\s*expected")


@dataclass(frozen=True)
class TestFile:
    """A file with tests, before and after the change; None where it does not exist."""

    __test__ = False

    path: str
    old: bytes | None
    new: bytes | None

    @property
    def size(self) -> int:
        """Bytes of the larger side."""
        return max(len(self.old or b""), len(self.new or b""))


def weakened(
    files: Sequence[TestFile],
    gone: frozenset[str],
    request: Asked = NOTHING,
    left_out: Sequence[str] = (),
) -> Iterator[Finding]:
    """Findings of all test files of a change. ``gone`` are names that its other files defined
    before and have no more, ``request`` what may be asked of tests, ``left_out`` paths of further test
    files, for which a change of this size has no room."""
    for path in left_out:
        yield _found(path, "the change has too many bytes of tests to compare them all")
    before: list[Case] = []
    after: list[Case] = []
    plain: list[TestFile] = []
    broken = 0
    for file in files:
        if broken >= _UNPARSABLE:
            plain.append(file)
            yield from _coarse(file)
            continue
        old = () if file.old is None else cases_of(file.path, file.old)
        new = () if file.new is None else cases_of(file.path, file.new)
        if old is None or new is None:
            plain.append(file)
            broken += language_of(file.path) is not None
            if old is not None or file.size > MAX_BYTES:
                yield from _coarse(file)
        else:
            before += old
            after += new
    for file in files:
        if file.old and file.new and file.size <= MAX_BYTES and language_of(file.path) == "python":
            old_code, new_code = (side.decode("utf-8", "replace") for side in (file.old, file.new))
            yield from (_found(file.path, detail) for detail in never_awaited(old_code, new_code))
    for path, detail in (*neutered(before, after), *unregistered(before, after), *overwritten(before, after)):
        yield _found(path, detail)
    yield from _Comparison(before, after, gone, request).findings()
    for path, result, detail in by_text([(file.path, file.old, file.new) for file in plain], gone):
        yield _found(path, detail, result)


def _coarse(file: TestFile) -> Iterator[Finding]:
    """That a file with a grammar is compared line by line only: blocked if the change makes it so by its
    length."""
    if not file.old or not file.new or language_of(file.path) is None:
        return
    if file.size > MAX_BYTES >= len(file.old):
        yield _found(file.path, f"{file.size:,} bytes are too many to compare its tests")
    else:
        yield _found(file.path, "its tests are compared line by line only", "flag")


def _found(path: str, detail: str, result: Literal["block", "flag"] = "block", doubt: str = "") -> Finding:
    """``doubt``: why it may be all right, which makes it a flag."""
    if doubt:
        return Finding(gate=GATE, result="flag", path=path, detail=f"{detail} ({doubt})")
    return Finding(gate=GATE, result=result, path=path, detail=detail)


class _Comparison:
    """The tests of all files of a change, before and after."""

    def __init__(self, before: list[Case], after: list[Case], gone: frozenset[str], request: Asked) -> None:
        self._asked = request
        self._spent: set[int] = set()  # ids of the new tests that stand for one that is gone
        names = {leaf(case).lower() for case in before}
        self._gone = frozenset(name.lower() for name in gone) - names
        self._pairs, self._lost, self._new = match_cases(before, after)
        come = sum(max(1, len(case.rows)) for case in self._new if case.test and case.checks)
        self._as_many = come >= sum(case.test for case in self._lost)
        self._kept = {check.key for case in after for check in case.checks}
        self._tested = {check.key for case in after if case.test for check in case.checks}
        # How much a call of the files' own helpers says: what the strictest assertion in it says.
        self._helpers = {
            leaf(case): max(strength(check.plain) for check in case.checks)
            for case in after
            if case.name and not case.test and case.checks
        }
        changed = [*self._new, *(now for old, now in self._pairs if old.text != now.text)]
        self._added = changed[:COMPARED]  # where a moved assertion may stand now
        self._places = [self._place(case) for case in self._added if case.checks]

    def findings(self) -> Iterator[Finding]:
        for old, new in self._pairs:
            yield from self._changed(old, new)
        for case in self._lost:
            yield from self._deleted(case)
        for case in self._new:
            if _PREPARES.search(case.text) and any(skip.certain for skip in case.skips):
                yield _found(case.path, f"{case.name} skips the tests: {case.skips[0].marker}")
            elif case.test and any(skip.certain for skip in case.skips):
                yield _found(
                    case.path, f"the new test {case.name} never runs: {case.skips[0].marker}", "flag"
                )

    # ---- a test that is still there -----------------------------------------------------

    def _changed(self, old: Case, new: Case) -> Iterator[Finding]:
        yield from self._skipped(old, new)
        name = new.name or "the file's own checks"
        lost, added = difference(old.checks, new.checks), difference(new.checks, old.checks)
        if old.checks and not new.checks and not all(self._moved(check, by=new) for check in lost):
            yield self._blame(old, f"{name} asserts nothing any more")
            return
        if not lost and (failing := next((c for c in added if _EXPECTS_FAILURE.match(c.text)), None)):
            yield self._blame(old, f"{name} passes only if it fails now: {failing.text}")
            return
        exact = [check for check in added if strength(check.plain) == 3]
        paired = pairs(lost, added)
        instead = {before.key for before, _ in paired}
        for check in lost:
            if check.key in instead or self._moved(check, by=new) or _is_minor(check, new, exact):
                continue
            replaced = in_its_place(check, added) or outweighed(check, old, new, added)
            doubt = IN_ITS_PLACE if replaced or is_of_something_gone(check, new) else ""
            doubt = doubt or (MAY_BE_ASKED if exact and self._asked.rewrites else "")
            yield self._blame(old, f"{name} no longer asserts: {short(check.text)}", check.text, doubt)
        yield from self._fewer_rows(old, new)
        yield from _guarded(old, new)
        if new.mocked and not old.mocked:
            yield _found(new.path, f"{name} asserts of what the file replaces by a mock", "flag")
        for before, now in paired:
            yield from self._weaker(old, new, before, now)

    def _skipped(self, old: Case, new: Case) -> Iterator[Finding]:
        if old.test and is_collected(old.path) and not is_collected(new.path):
            yield _found(new.path, f"no runner looks for {new.name} in a file of that name", "flag")
        if len(RERUNS.findall(new.text)) > len(RERUNS.findall(old.text)):
            yield _found(new.path, f"{new.name or 'the file'} is run again when it fails", "flag")
        known = Counter(skip.marker for skip in old.skips)
        fresh = [skip for skip in new.skips if not known[skip.marker]]
        certain = [skip for skip in fresh if skip.certain]
        if certain and not any(skip.certain for skip in old.skips):
            detail = f"{new.name or 'the file'} is skipped: {short(certain[0].marker)}"
            yield _found(new.path, detail, doubt=MAY_BE_ASKED if self._asked.skips else "")
        elif fresh and len(new.skips) > len(old.skips):
            yield _found(new.path, f"{new.name or 'the file'} is skipped under a condition", "flag")

    def _fewer_rows(self, old: Case, new: Case) -> Iterator[Finding]:
        lost = list((Counter(old.rows) - Counter(new.rows)).elements())
        if len(new.rows) >= len(old.rows) or not lost:
            return
        elsewhere = [case for case in self._added if case is not new]
        missing = [row for row in lost if not any(covers(case.words, words(row)) for case in elsewhere)]
        if missing:
            what = f"{new.name or 'the file'} lost {len(old.rows) - len(new.rows)} rows of test data"
            yield self._blame(old, f"{what}: {short(missing[0])}", missing[0])

    def _weaker(self, old: Case, new: Case, before: Check, now: Check) -> Iterator[Finding]:
        detail = f"{new.name}: {short(before.text)} became {short(now.text)}"
        rank, least = self._strength(now), strength(before.plain)
        fails_now = expects_failure(now.plain) and not expects_failure(before.plain)
        asked = MAY_BE_ASKED if self._asked.looser else ""
        if rank < least and not (fails_now and rank == 2) and not same_truth(before, now):
            had = sum(strength(check.plain) >= least for check in old.checks)
            has = sum(self._strength(check) >= least for check in new.checks)
            if has < had and not self._moved(before):
                doubt = IN_ITS_PLACE if keeps_expected(before, now) else asked
                yield self._blame(old, f"a weaker assertion in {detail}", before.text, doubt)
        elif other := alternative(before.text, now.text):
            yield _found(new.path, f"{short(other)} would do as well now: {detail}", doubt=asked)
        elif counts(now) and _exact(new) < _exact(old) and not self._moved(before):
            yield _found(new.path, f"only counted now in {detail}", doubt=IN_ITS_PLACE)
        elif result := loosened(before.text, now.text):
            doubt = asked if result == "block" else IN_ITS_PLACE
            yield _found(new.path, f"a wider tolerance in {detail}", doubt=doubt)
        elif is_wilder(before, now):
            yield _found(new.path, f"anything will do in {detail}", doubt=IN_ITS_PLACE)
        elif (value := dropped(before, now, new)) and not self._moved(before):
            yield _found(new.path, f"not compared with {value} any more: {detail}", doubt=IN_ITS_PLACE)

    def _strength(self, check: Check) -> int:
        callee = _CALLEE.match(check.plain)
        return max(strength(check.plain), self._helpers.get(callee[1], 0) if callee else 0)

    # ---- a test that is gone ------------------------------------------------------------

    def _deleted(self, case: Case) -> Iterator[Finding]:
        if not case.test or not (case.checks or case.name):
            return
        if case.checks and all(self._moved(check, tests=True) for check in case.checks):
            return
        if any(skip.certain for skip in case.skips):
            yield _found(case.path, f"the skipped test {case.name} was deleted", "flag")
        else:
            yield self._blame(case, f"the test {case.name} was deleted", case.text, self._excuse(case))

    def _excuse(self, case: Case) -> str:
        """Why a test may be gone: another of nearly that name is new, it is to be removed, or the tests
        are to get another form and as many are new."""
        for new in self._new[:COMPARED]:
            if id(new) not in self._spent and is_successor(case, new):
                self._spent.add(id(new))
                return IN_ITS_PLACE
        if self._asked.versions and any(_VERSION.search(skip.marker) for skip in case.skips):
            return MAY_BE_ASKED
        named = words(f"{case.path} {case.name}".replace("_", " ")) & self._asked.tests_to_remove
        return MAY_BE_ASKED if named or (self._asked.rewrites and self._as_many) else ""

    def _moved(self, check: Check, tests: bool = False, by: Case | None = None) -> bool:
        """Whether the assertion, or its words, stand in something that the change adds; with
        ``tests``, in something that is run as a test. A helper that the test ``by`` calls gets the
        words of its arguments from there; what ``by`` waits for, it demands."""
        if check.key in (self._tested if tests else self._kept):
            return True
        wanted, plain = check.words - COMMON, words(check.plain) - COMMON
        if by is not None and any(covers(wait.words, wanted) for wait in by.waits):
            return True
        return any(
            covers(about | _arguments(case, by), plain if _GENERATED.search(case.text) else wanted)
            and _holds(case, check, table)
            for case, about, table in self._places
            if case.test or not tests
        )

    def _place(self, case: Case) -> tuple[Case, frozenset[str], bool]:
        """A test with its words and whether it runs over test data; such a one with the words of
        what may give it that data."""
        if not _table(case):
            return case, case.words, False
        others = (other for other in self._added if other.path == case.path)
        data = (other.words for other in others if not (other.test and other.name))
        return case, case.words.union(*data), True

    def _blame(self, case: Case, detail: str, about: str = "", doubt: str = "") -> Finding:
        if words(about or case.text) & self._gone:
            doubt = "with the code that it is about"
        return _found(case.path, detail, doubt=doubt)


def _guarded(old: Case, new: Case) -> Iterator[Finding]:
    """Assertions that ran always, and now only under a condition or unless the test returned before."""
    had = sum(not check.guarded for check in old.checks)
    has = sum(not check.guarded for check in new.checks)
    now = [check for check in new.checks if check.guarded]
    if has < had and len(now) > sum(check.guarded for check in old.checks):
        yield _found(new.path, f"{new.name} asserts under a condition only: {short(now[0].text)}", "flag")


def _exact(case: Case) -> int:
    return sum(strength(check.plain) == 3 and not counts(check) for check in case.checks)


def _arguments(helper: Case, by: Case | None) -> frozenset[str]:
    called = by is not None and not helper.test and leaf(helper).lower() in by.words
    return by.words if by is not None and called else frozenset()


def _is_minor(check: Check, new: Case, exact: Sequence[Check]) -> bool:
    """Whether a weak check is not missed: an exact one came, or what it spoke of is not there any
    more, as an error of the set-up, and exact ones are."""
    if strength(check.plain) > 1:
        return False
    about = check.words - COMMON
    kept = [other for other in new.checks if strength(other.plain) == 3]
    implied = any(owners(other) & about for other in kept)  # what is None or null has no members
    return bool(exact) or implied or (bool(kept) and bool(about) and not about & new.words)


def _holds(case: Case, check: Check, table: bool) -> bool:
    """An assertion as strong as ``check``, about its words or about test data that has them."""
    return any(
        strength(other.plain) >= strength(check.plain)
        and (covers(other.words, check.words - COMMON) or (other.key != check.key and table) or not case.test)
        for other in case.checks
    )


def _table(case: Case) -> bool:
    """Whether a test runs over data of its own, or of those who share it."""
    several = _GENERATED.search(case.text) or _SEVERAL.search(case.text)
    return bool(case.rows or several or "shared_" in case.name)
