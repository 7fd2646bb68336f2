"""What the tools themselves print about their tests: names, outcomes and sums, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from honk.core.types import Counts
from honk.verifiers.junit import Case, Outcome
from honk.verifiers.runners import (
    BUN_FILE,
    CARGO_BINARY,
    CLOSING,
    DATA_SET,
    FAILURES_TWICE,
    GO_JSON,
    GO_PACKAGE,
    JEST_BROKEN,
    JEST_FILE,
    LIKELY,
    MINITEST_HEADING,
    NAMES_FAILURES_ONLY,
    PEST_CLASS,
    ROWS,
    SPEC_SUMS,
    SUBTEST,
    SUITE,
    SUMS,
    TAP,
    TAP_ESCAPE,
    UNITTEST_TITLE,
    VARIABLE,
    WORDS,
    Row,
)
from honk.verifiers.streams import tasks

NAME = 300  # characters of one name that are kept

_FAMILY = dict.fromkeys(("tap", "mocha", "jest", "ava", "pest"), "spec")  # counted under its name
_MEANING: tuple[tuple[re.Pattern[str], Outcome | None], ...] = (
    (re.compile(r"deselected|warning|assertion"), None),
    (re.compile(r"skip|ignored|xfail|pending|todo|^expected|incomplete", re.IGNORECASE), "skipped"),
    (re.compile(r"fail|error|cancel|^unexpected", re.IGNORECASE), "failed"),
    (re.compile(r"pass", re.IGNORECASE), "passed"),
)


def clean(name: str) -> str:
    """A name that can be shown anywhere: one line, nothing invisible, not too long."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name[: 2 * NAME]).split())
    return name if len(name) <= NAME else name[: NAME - 1] + "…"


@dataclass
class Text:
    """What a log says. ``sums`` counts the runs of each runner that ended with a sum."""

    cases: list[tuple[str, Case]] = field(default_factory=list)
    sums: dict[str, int] = field(default_factory=dict)
    summed: dict[str, dict[Outcome, int]] = field(default_factory=dict)
    seen: dict[tuple[str, Outcome | None], int] = field(default_factory=dict)
    heading: str = ""  # cargo's binary or minitest's verdict, about the tests that come next
    title: str = ""  # of a test of unittest, whose docstring and outcome come next
    file: str = ""  # of jest or bun, whose tests come next
    waiting: list[Case] = field(default_factory=list)  # of go, until their package is named
    above: list[tuple[int, str]] = field(default_factory=list)  # suites: indentation and name
    room: int | None = 1  # indentation at which a suite may begin here
    closed: bool = False  # what comes now was said before
    partial: bool = False  # some runner named a package instead of its tests

    def add(self, runner: str, name: str, outcome: Outcome, *, once: bool) -> None:
        name = clean(name)
        key = (name, outcome if once else None)
        number = self.seen[key] = self.seen.get(key, 0) + 1
        if number > 1 and once:
            return
        self.cases.append((runner, Case(name if number == 1 else f"{name} ({number})", outcome)))

    def take(self, other: Text, task: str) -> None:
        """Add what ``task`` of a workspace printed."""
        self.cases += [
            (r, replace(c, name=clean(f"{task}::{c.name}")) if task else c) for r, c in other.cases
        ]
        self.partial = self.partial or other.partial
        for runner, number in other.sums.items():
            self.sums[runner] = self.sums.get(runner, 0) + number
        for runner, counts in other.summed.items():
            for outcome, number in counts.items():
                self.count(runner, outcome, number)

    def within(self, indent: int, name: str) -> list[str]:
        """``name`` after those of the suites that it stands in."""
        return [suite for at, suite in self.above if at < indent] + [name]

    def enter(self, indent: int, name: str) -> None:
        self.above = [(at, suite) for at, suite in self.above if at < indent] + [(indent, name)]

    def counted(self) -> list[tuple[str, Case]]:
        """The cases that count: node lists suites like tests, and Vitest files, but not in their sums."""
        left_out = {"spec", "tap"} if "spec" in self.summed else set()
        left_out |= {"vitest"} & self.summed.keys()
        return [(r, case) for r, case in self.cases if r not in left_out]

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
        if self.partial or NAMES_FAILURES_ONLY & self.sums.keys() - without:
            return False
        missing: dict[str, int] = {}
        for runner, counts in self.summed.items():
            if runner not in without:
                ran = counts.get("passed", 0) + counts.get("failed", 0)
                missing[_FAMILY.get(runner, runner)] = missing.get(_FAMILY.get(runner, runner), 0) + ran
        for runner, case in self.cases:
            if case.outcome != "skipped" and _FAMILY.get(runner, runner) in missing:
                missing[_FAMILY.get(runner, runner)] -= 1
        return all(number <= 0 for number in missing.values())


def read(output: str, *, passed: bool) -> Text:
    """All that ``output`` says of tests. ``passed``: the command was content, so none failed."""
    texts = {"": Text()}
    for task, line in tasks(output):
        _read(texts.setdefault(task, Text()), line)
    whole = Text()
    for task, text in texts.items():
        _close(text, passed=passed)
        whole.take(text, task)
    return whole


def _read(text: Text, line: str) -> None:
    if text.title and " ... " in line:  # a docstring has taken the place of the rest of the line
        line = text.title + line[line.rindex(" ... ") :]
    text.title = line if UNITTEST_TITLE.match(line) else ""
    if _sum(text, line):
        text.file, text.above = "", []
    if LIKELY.search(line):
        text.closed = text.closed or CLOSING.match(line) is not None
        if _heading(text, line) or _row(text, line):
            text.room = 1
            return
    _suite(text, line)


def _close(text: Text, *, passed: bool) -> None:
    """What only the end of the log tells."""
    for case in text.waiting:
        text.add("go", case.name, case.outcome, once=True)
    if not SPEC_SUMS & text.sums.keys():  # ticks and crosses alone: other tools print those, too
        text.cases = [(r, c) for r, c in text.cases if r != "spec"]
    if FAILURES_TWICE & text.sums.keys():  # these name a failure twice, once with its suite
        text.cases = [(r, c) for r, c in text.cases if (r, c.outcome) != ("spec", "failed")]
    if passed:
        text.cases = [(r, c) for r, c in text.cases if c.outcome != "failed"]
        for counts in text.summed.values():
            counts.pop("failed", None)


def _suite(text: Text, line: str) -> None:
    """The title of a suite: after a blank line, a test, or the suite around it.

    Elsewhere such a line is what a test printed, whose words may differ from run to run.
    """
    if text.room is None and line and "▶" not in line:
        return
    match = SUITE.match(line)
    indent = len(match["indent"]) if match else 0
    if match and (match["mark"] or (text.room is not None and indent >= text.room)):
        text.enter(indent, match["name"])
        text.room = indent + 1
    else:
        text.room = None if line else 1


def _row(text: Text, line: str) -> bool:
    """Whether the line is about one test."""
    for row in ROWS:
        match = row.pattern.match(line)
        if match is None:
            continue
        if row.runner in ("spec", "bun") and text.closed:
            return True
        found = match.groupdict()
        outcome: Outcome = row.outcome or WORDS.get(found.get("word") or "", "failed")
        if row.runner == "go":
            text.waiting.append(Case(found["name"], outcome))
            return True
        if row.runner == "minitest":
            skipped = found.get("word") == "S" or (row.outcome and text.heading == "Skipped")
            outcome = "passed" if found.get("word") == "." else "skipped" if skipped else "failed"
        group, name = _named(text, row, match)
        text.add(row.runner, f"{group}::{name}" if group else name, outcome, once=row.once)
        return True
    return _tap(text, line)


def _named(text: Text, row: Row, match: re.Match[str]) -> tuple[str | None, str]:
    """Group and name of the test of one line, which has the one of them or both."""
    name, group = match["name"], match.groupdict().get("group")
    if row.runner == "pytest":
        return _dotted(name)
    if row.runner == "unittest" and group is not None:  # newer Pythons repeat the name there
        return group.removesuffix(f".{name}"), name
    if row.runner == "cargo":
        return text.heading, VARIABLE.sub("", name)
    if row.runner == "jest":
        return (None, text.file) if name == JEST_BROKEN else (text.file, name)
    if row.runner == "phpunit":  # as its report has it
        return None, DATA_SET.sub(r"\1", name).replace("\\", ".")
    if row.runner == "bun":
        return text.file, name
    if row.runner == "spec":
        return text.file, (" › " if text.file else " > ").join(text.within(match.start("word"), name))
    if row.runner == "vitest" and row.outcome != "failed":  # its default reporter names no suites
        text.file, text.above = name, []
    return group, name


def _dotted(node: str) -> tuple[str | None, str]:
    """Group and name of a pytest node as JUnit has them: ``a/test_b.py::T::test`` is ``a.test_b.T::test``."""
    path, *inside = node.split("::", 1)
    module = path.removesuffix(".py").replace("/", ".")
    if not inside:
        return None, module
    plain, bracket, rest = inside[0].partition("[")
    *classes, name = plain.split("::")
    return ".".join([module, *classes]), name + bracket + rest


def _heading(text: Text, line: str) -> bool:
    """A line about the tests that come next, or about a whole package."""
    if match := CARGO_BINARY.match(line):
        text.heading = match["name"] or f"{match['doc']} (doc)"
        return True
    if match := JEST_FILE.match(line) or BUN_FILE.match(line) or PEST_CLASS.match(line):
        text.file, text.above = match["name"].removeprefix("./"), []
        return True
    if match := MINITEST_HEADING.match(line):
        text.heading = match["name"]
        return True
    if match := GO_JSON.match(line):
        if match["name"]:
            outcome = WORDS.get(match["word"], "failed")
            text.add("go", f"{match['group']}::{match['name']}", outcome, once=True)
        return True
    return _go(text, line)


def _go(text: Text, line: str) -> bool:
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


def _tap(text: Text, line: str) -> bool:
    if match := SUBTEST.match(line):
        text.enter(len(match["indent"]), TAP_ESCAPE.sub(r"\1", match["name"]))
        return True
    match = TAP.match(line)
    if match is None or not match["name"].strip():
        return False
    names = text.within(len(match["indent"]), TAP_ESCAPE.sub(r"\1", match["name"]))
    directive = (match["directive"] or "").lower()
    failed = match["word"] == "not ok"
    outcome: Outcome = "skipped" if directive in ("skip", "todo") else "failed" if failed else "passed"
    text.add("tap", " > ".join(names), outcome, once=False)
    return True


def _sum(text: Text, line: str) -> bool:
    """Whether the line is part of a sum."""
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
        return True
    return False
