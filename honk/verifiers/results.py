"""Which tests a check ran: from its JUnit reports, else from what its tools printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from honk.core.types import Counts, Results
from honk.verifiers import junit
from honk.verifiers.distil import lines
from honk.verifiers.junit import Case, Outcome
from honk.verifiers.patterns import NO_TESTS, SOME_TESTS
from honk.verifiers.runners import (
    CARGO_BINARY,
    CLOSING,
    GO_JSON,
    GO_PACKAGE,
    JEST_BROKEN,
    JEST_FILE,
    LIKELY,
    MINITEST_HEADING,
    NAMES_FAILURES_ONLY,
    ROWS,
    SPEC_SUMS,
    SUBTEST,
    SUMS,
    TAP,
    VARIABLE,
    WORDS,
)

NAME = 300  # characters of one name that are kept
FAILED = 2_000  # names of failing tests that are kept
NAMES = 512 << 10  # characters of all names that passed or were skipped

_FAMILY = {"tap": "spec", "mocha": "spec"}  # whose tests are counted under another's name
_XML = frozenset({"pytest", "maven", "gradle", "googletest"})  # their reports say it better
_MEANING: tuple[tuple[re.Pattern[str], Outcome | None], ...] = (
    (re.compile(r"deselected|warning|assertion"), None),
    (re.compile(r"skip|xfail|pending|todo|^expected|incomplete", re.IGNORECASE), "skipped"),
    (re.compile(r"fail|error|cancel|^unexpected", re.IGNORECASE), "failed"),
    (re.compile(r"pass", re.IGNORECASE), "passed"),
)


def results(output: str, reports: Sequence[str] = (), *, passed: bool = False) -> Results | None:
    """The tests of one run. ``reports`` are JUnit documents. None where nothing names or counts any.

    ``passed``: the command was content. What its words seem to say of failures is then no more
    than words (a linter's warnings, say); its reports still count.
    """
    documents = [junit.parse(report) for report in reports]
    cases = [replace(case, name=_clean(case.name)) for document in documents for case in document.cases]
    text = _read(output, passed=passed)
    whole = all(document.whole for document in documents)
    if cases:
        # Runs of pytest in one command write over each other's report; their sums tell.
        again = text.sums.get("pytest", 0) > 1
        others = [c for runner, c in text.cases if runner not in _XML or again]
        known = {(case.name, case.outcome) for case in cases}
        cases += [case for case in others if (case.name, case.outcome) not in known]
        counts = _counted(cases) if not again else _larger(_counted(cases), text.counts())
        return _results(cases, counts, complete=whole and not again and text.complete(without=_XML))
    if not text.cases and not text.sums:
        return None
    # CTest shows what is within a test only if it fails: two runs would not name the same.
    registered = any(runner == "ctest" for runner, _ in text.cases)
    if registered:
        text.cases = [(r, case) for r, case in text.cases if r != "googletest"]
    counts = _larger(_counted(case for _, case in text.counted()), text.counts())
    return _results((case for _, case in text.cases), counts, complete=text.complete())


def ran_none(output: str, reports: Sequence[str] = ()) -> bool:
    """Whether runners plainly say that no test ran: there is none, or all are skipped.

    Reports and sums decide; where there are none, the words that runners have for it.
    """
    text = _read(output, passed=False)
    cases = [case for report in reports for case in junit.parse(report).cases]
    # A makefile's word `SKIP: x` alone may be about anything.
    cases += [case for runner, case in text.counted() if runner != "automake"]
    counts = _larger(_counted(cases), text.counts())
    if counts.ran or any(SOME_TESTS.search(line) for line in lines(output)):
        return False
    return bool(counts.skipped or text.sums) or any(NO_TESTS.match(line) for line in lines(output))


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


def _clean(name: str) -> str:
    """A name that can be shown anywhere: one line, nothing invisible, not too long."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name[: 2 * NAME]).split())
    return name if len(name) <= NAME else name[: NAME - 1] + "…"


# ---- the tools' own output --------------------------------------------------------------


@dataclass
class _Text:
    """What a log says. ``sums`` counts the runs of each runner that ended with a sum."""

    cases: list[tuple[str, Case]] = field(default_factory=list)
    sums: dict[str, int] = field(default_factory=dict)
    summed: dict[str, dict[Outcome, int]] = field(default_factory=dict)
    seen: dict[tuple[str, Outcome], int] = field(default_factory=dict)
    heading: str = ""  # cargo's binary or jest's file, whose tests come next
    waiting: list[Case] = field(default_factory=list)  # of go, until their package is named
    above: list[tuple[int, str]] = field(default_factory=list)  # of TAP: indentation and name
    closed: bool = False  # what comes now was said before
    partial: bool = False  # some runner named a package instead of its tests

    def add(self, runner: str, name: str, outcome: Outcome, *, once: bool) -> None:
        name = _clean(name)
        number = self.seen[name, outcome] = self.seen.get((name, outcome), 0) + 1
        if number > 1 and once:
            return
        self.cases.append((runner, Case(name if number == 1 else f"{name} ({number})", outcome)))

    def counted(self) -> list[tuple[str, Case]]:
        """The cases that count: sums leave out the suites that node ticks off like tests."""
        summed = SPEC_SUMS & self.summed.keys()
        return [(r, case) for r, case in self.cases if not (summed and r in ("spec", "tap"))]

    def count(self, runner: str, outcome: Outcome, number: int) -> None:
        counts = self.summed.setdefault(runner, {})
        counts[outcome] = counts.get(outcome, 0) + number

    def counts(self) -> Counts:
        found = {"passed": 0, "failed": 0, "skipped": 0}
        for counts in self.summed.values():
            for outcome, number in counts.items():
                found[outcome] += number
        return Counts(**found)

    def complete(self, without: frozenset[str] = frozenset()) -> bool:
        """Whether the log names as many tests as it says that it ran."""
        if self.partial or NAMES_FAILURES_ONLY & self.sums.keys():
            return False
        named: dict[str, int] = {}
        for runner, case in self.cases:
            if case.outcome != "skipped":
                named[_FAMILY.get(runner, runner)] = named.get(_FAMILY.get(runner, runner), 0) + 1
        for runner, counts in self.summed.items():
            ran = counts.get("passed", 0) + counts.get("failed", 0)
            if runner not in without and named.get(_FAMILY.get(runner, runner), 0) < ran:
                return False
        return True


def _read(output: str, *, passed: bool) -> _Text:
    text = _Text()
    for line in lines(output):
        _sum(text, line)
        if not LIKELY.search(line):
            continue
        if CLOSING.match(line):
            text.closed = True
        if not _heading(text, line):
            _row(text, line)
    for case in text.waiting:
        text.add("go", case.name, case.outcome, once=True)
    if not SPEC_SUMS & text.sums.keys():  # ticks and crosses alone: other tools print those, too
        text.cases = [(r, c) for r, c in text.cases if r != "spec"]
    if NAMES_FAILURES_ONLY & text.sums.keys():  # these name a failure twice, once with its suite
        text.cases = [(r, c) for r, c in text.cases if (r, c.outcome) != ("spec", "failed")]
    if passed:
        text.cases = [(r, c) for r, c in text.cases if c.outcome != "failed"]
        for counts in text.summed.values():
            counts.pop("failed", None)
    return text


def _row(text: _Text, line: str) -> None:
    for row in ROWS:
        match = row.pattern.match(line)
        if match is None:
            continue
        if row.runner == "spec" and text.closed:
            return
        found = match.groupdict()
        outcome: Outcome = row.outcome or WORDS.get(found.get("word") or "", "failed")
        name, group = found["name"], found.get("group")
        if row.runner == "pytest":
            group, name = _dotted(name)
        elif row.runner == "unittest" and group is not None:  # newer Pythons repeat the name there
            group = group.removesuffix(f".{name}")
        elif row.runner == "cargo":
            group, name = text.heading, VARIABLE.sub("", name)
        elif name == JEST_BROKEN:
            name = text.heading
        elif row.runner == "go":
            text.waiting.append(Case(name, outcome))
            return
        elif row.runner == "minitest":
            skipped = found.get("word") == "S" or (row.outcome and text.heading == "Skipped")
            outcome = "passed" if found.get("word") == "." else "skipped" if skipped else "failed"
        text.add(row.runner, f"{group}::{name}" if group else name, outcome, once=row.once)
        return
    _tap(text, line)


def _dotted(node: str) -> tuple[str | None, str]:
    """Group and name of a pytest node as JUnit has them: ``a/test_b.py::T::test`` is ``a.test_b.T::test``."""
    path, *inside = node.split("::", 1)
    module = path.removesuffix(".py").replace("/", ".")
    if not inside:
        return None, module
    plain, bracket, rest = inside[0].partition("[")
    *classes, name = plain.split("::")
    return ".".join([module, *classes]), name + bracket + rest


def _heading(text: _Text, line: str) -> bool:
    """A line about the tests that come next, or about a whole package."""
    if match := CARGO_BINARY.match(line):
        text.heading = match["name"] or f"{match['doc']} (doc)"
        return True
    if match := JEST_FILE.match(line) or MINITEST_HEADING.match(line):
        text.heading = match["name"]
        return True
    if match := GO_JSON.match(line):
        if match["name"]:
            outcome = WORDS.get(match["word"], "failed")
            text.add("go", f"{match['group']}::{match['name']}", outcome, once=True)
        return True
    return _go(text, line)


def _go(text: _Text, line: str) -> bool:
    match = GO_PACKAGE.match(line)
    if match is None:
        return False
    if line.endswith("[no tests to run]"):
        text.waiting.clear()
        return True
    package = match["name"]
    for case in text.waiting:
        text.add("go", f"{package}::{case.name}", case.outcome, once=True)
    failed = match["word"] == "FAIL"
    if not text.waiting or (failed and all(case.outcome != "failed" for case in text.waiting)):
        text.add("go", package, "failed" if failed else "passed", once=True)
        text.partial = text.partial or not failed
    text.waiting.clear()
    return True


def _tap(text: _Text, line: str) -> None:
    if match := SUBTEST.match(line):
        indent = len(match["indent"])
        text.above = [(at, name) for at, name in text.above if at < indent] + [(indent, match["name"])]
        return
    match = TAP.match(line)
    if match is None or not match["name"]:
        return
    indent = len(match["indent"])
    names = [name for at, name in text.above if at < indent] + [match["name"]]
    directive = (match["directive"] or "").lower()
    failed = match["word"] == "not ok"
    outcome: Outcome = "skipped" if directive in ("skip", "todo") else "failed" if failed else "passed"
    text.add("tap", " > ".join(names), outcome, once=False)


def _sum(text: _Text, line: str) -> None:
    for runner, pattern in SUMS:
        match = pattern.match(line)
        if match is None:
            continue
        text.sums[runner] = text.sums.get(runner, 0) + 1
        found = match.groupdict()
        parts = re.findall(r"(\d+) ([A-Za-z]+)", found.get("sums") or "")
        parts += [(n, what) for what, n in re.findall(r"(\w[\w ]*)[:=]\s*(\d+)", found.get("pairs") or "")]
        if found.get("what"):
            parts.append((found["n"], found["what"]))
        counted = 0
        for n, what in parts:
            meaning = next((outcome for words, outcome in _MEANING if words.search(what)), None)
            if meaning is not None:
                text.count(runner, meaning, int(n))
                counted += int(n)
        if found.get("all"):
            text.count(runner, "passed", max(0, int(found["all"]) - counted))
        elif runner == "unittest":  # the line after "Ran n tests", which counted all as passed
            text.count(runner, "passed", -counted)
        return
