"""Which tests a check ran: from its JUnit reports, else from what its tools printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from honk.core.types import Counts, Results
from honk.verifiers import junit, rspec
from honk.verifiers.junit import Case, JUnit, Outcome
from honk.verifiers.names import short
from honk.verifiers.output import Text, clean, read
from honk.verifiers.patterns import NO_TESTS, SOME_TESTS
from honk.verifiers.runners import SPEC_SUMS
from honk.verifiers.streams import tasks

FAILED = 2_000  # names of failing tests that are kept
NAMES = 512 << 10  # characters of all names that passed or were skipped

_XML = frozenset({"pytest", "maven", "gradle", "googletest"})  # which write reports without a name of theirs

_WITHIN = frozenset({"googletest", "tap"})  # what the tests of CTest and Meson may print


def results(output: str, reports: Sequence[str] = (), *, passed: bool = False) -> Results | None:
    """The tests of one run. ``reports`` are JUnit documents. None where nothing names or counts any.

    ``passed``: the command was content. What its words seem to say of failures is then no more
    than words (a linter's warnings, say); its reports still count.
    """
    documents = [_parsed(report) for report in reports]
    cases = [replace(case, name=clean(case.name)) for document in documents for case in document.cases]
    text = read(output, passed=passed)
    _leave_to_registered(text)
    whole = all(document.whole for document in documents)
    if cases:
        # Runs of one runner in one command write over each other's report; their sums tell.
        again = text.sums.get("pytest", 0) > 1 or text.sums.get("rspec", 0) > 1
        told = _XML | {document.runner for document in documents if document.runner}
        if text.sums.keys() & SPEC_SUMS <= told:
            told |= {"spec"}  # its ticks are theirs
        others = [case for runner, case in text.cases if again or runner not in told]
        if not again:
            others += _unreported([(r, c) for r, c in text.cases if r in told - {"spec"}], cases)
        known = {(case.name, case.outcome) for case in cases}
        cases += [case for case in others if (case.name, case.outcome) not in known]
        exact = whole and not again
        counts = _counted(cases) if exact else _larger(_counted(cases), text.counts())
        return _results(cases, counts, complete=exact and text.complete(without=told))
    if not text.cases and not text.sums:
        return None
    counts = _larger(_counted(case for _, case in text.counted()), text.counts())
    return _results((case for _, case in text.cases), counts, complete=whole and text.complete())


def _unreported(printed: Iterable[tuple[str, Case]], reported: Sequence[Case]) -> list[Case]:
    """Failures that a runner prints and no report has: they stay, whatever a report says or lacks.

    pytest prints paths as they are from where it starts, and Gradle classes without their package:
    a failure of the same test under another name is that one, one for one. Maven prints the first
    try of a test that passes at its second, which its report calls flaky.
    """
    failed = [(runner, case) for runner, case in printed if case.outcome == "failed"]
    said = {_dotted(case.name) for _, case in failed}
    there = [case for case in reported if case.outcome == "failed"]
    names = {case.name for case in there}
    dotted = {_dotted(name) for name in names}
    spare = Counter(short(case.name) for case in there if _dotted(case.name) not in said)
    retried = {short(case.name) for case in reported if case.again}
    kept = []
    for runner, case in failed:
        key = short(case.name)
        if case.name in names or (runner in _XML and _dotted(case.name) in dotted):
            continue
        if runner in _XML and spare[key] > 0:
            spare[key] -= 1
        elif runner not in ("maven", "gradle") or key not in retried:
            kept.append(case)
    return kept


def _dotted(name: str) -> str:
    """Maven prints an error of a whole class as if the class were a test of its package."""
    return name.replace("::", ".").rstrip(".")


def _leave_to_registered(text: Text) -> None:
    """CTest and Meson show what is within a test only if it fails: two runs would not name the same."""
    if {"ctest", "meson"} & {runner for runner, _ in text.cases}:
        text.cases = [(r, case) for r, case in text.cases if r not in _WITHIN]


def _parsed(report: str) -> JUnit:
    return rspec.parse(report) if report.startswith("{") else junit.parse(report)


def ran_none(output: str, reports: Sequence[str] = ()) -> bool:
    """Whether runners plainly say that no test ran: there is none, or all are skipped.

    Reports and sums decide; where there are none, the words that runners have for it.
    """
    text = read(output, passed=False)
    cases = [case for report in reports for case in _parsed(report).cases]
    # A makefile's word `SKIP: x` alone may be about anything.
    cases += [case for runner, case in text.counted() if runner != "automake"]
    counts = _larger(_counted(cases), text.counts())
    if counts.ran:
        return False
    none = bool(counts.skipped or text.sums)
    for _, line in tasks(output):
        if SOME_TESTS.search(line):
            return False
        none = none or NO_TESTS.match(line) is not None
    return none


def _results(cases: Iterable[Case], counts: Counts, *, complete: bool) -> Results:
    names: dict[Outcome, dict[str, None]] = {"passed": {}, "failed": {}, "skipped": {}}
    for case in cases:
        if case.name:
            names[case.outcome][case.name] = None
    failed = tuple(names["failed"])
    room = NAMES
    kept: dict[Outcome, list[str]] = {"passed": [], "skipped": []}
    for outcome in kept:
        for name in names[outcome]:
            if name in names["failed"]:  # of several with one name, the failing one speaks
                continue
            room -= len(name)
            if room < 0:
                complete = False
                break
            kept[outcome].append(name)
    return Results(
        passed=tuple(kept["passed"]),
        failed=failed[:FAILED],
        skipped=tuple(kept["skipped"]),
        counts=counts,
        complete=complete and len(failed) <= FAILED,
    )


def _counted(cases: Iterable[Case]) -> Counts:
    found = {"passed": 0, "failed": 0, "skipped": 0}
    for case in cases:
        found[case.outcome] += 1
    return Counts(**found)


def _larger(one: Counts, other: Counts) -> Counts:
    return Counts(
        passed=max(one.passed, other.passed),
        failed=max(one.failed, other.failed),
        skipped=max(one.skipped, other.skipped),
    )
