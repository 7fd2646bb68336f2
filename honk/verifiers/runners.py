"""How test runners name tests in their own output: one table, where the first match decides.

A row for a new runner is added here and nowhere else. The formats come from what the runners
print; tests hold them on real outputs. Every expression is tried at the start of a line of at
most ``streams.LINE`` characters, and has the group ``name``; ``group`` goes before it, ``word``
says how the test ended where the row itself does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from honk.verifiers.junit import Outcome

_PASSED = ["ok", "PASS", "PASSED", "Passed", "OK", "✔", "✓", "pass", "LEAK"]
_SKIPPED = [
    "ignored",
    "SKIP",
    "SKIPPED",
    "Skipped",
    "skipped",
    "skip",
    "XFAIL",
    "○ skipped",
    "﹣",
    "↓",
    "EXPECTEDFAIL",
    "Disabled",
    "todo",
    "-",
]
_WORDS: tuple[tuple[list[str], Outcome], ...] = ((_PASSED, "passed"), (_SKIPPED, "skipped"))
WORDS: dict[str, Outcome] = {word: outcome for words, outcome in _WORDS for word in words}
"""What a runner's word means; any other one is a failure."""


@dataclass(frozen=True)
class Row:
    """``once``: the runner may print the line again for the same test; otherwise a second line
    with the same name and outcome is another test that is called the same."""

    runner: str
    pattern: re.Pattern[str]
    outcome: Outcome | None = None
    once: bool = False


def _row(runner: str, pattern: str, outcome: Outcome | None = None, *, once: bool = True) -> Row:
    return Row(runner, re.compile(pattern), outcome, once)


_PYTEST_ID = r"(?P<name>\S+?\.py(?:::[^\[]+?(?:\[.*?\])?)?)"
_MS = r"(?: \(?[\d.]+ ?m?s\)?)"
_PLAYWRIGHT = r"(?P<group>(?:\[[^\]]+\] › )?\S+\.[cm]?[jt]sx?):\d+:\d+ › (?P<name>\S.*?)"

ROWS: tuple[Row, ...] = (
    _row("pytest", rf"(?:FAILED|ERROR) {_PYTEST_ID}(?: - .*)?$", "failed"),
    _row("pytest", rf"{_PYTEST_ID} (?P<word>PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b"),
    _row("pytest", rf"\[gw\d+\] \[ *\d+%\] (?P<word>PASSED|FAILED|ERROR|SKIPPED|XFAIL) {_PYTEST_ID} ?$"),
    _row("unittest", r"(?:FAIL|ERROR): (?P<name>\w+) \((?P<group>[\w.]+)\)", "failed"),
    _row(
        "unittest",
        r"(?P<name>\w+) \((?P<group>[\w.]+)\)(?: .*)? \.\.\. (?P<word>ok|FAIL|ERROR|skipped|unexpected)\b",
    ),
    _row("unittest", r"(?P<name>\w+) \((?P<group>[\w.]+)\)(?: .*)? \.\.\. expected failure", "skipped"),
    _row("go", r"(?:\s*|.*\S)--- (?P<word>PASS|FAIL|SKIP): (?P<name>\S+) \([\d.]+s\)$"),
    _row("cargo", r"test (?P<name>\S.*?) \.\.\. (?P<word>ok|FAILED|ignored)\b", once=False),
    _row(
        "nextest",
        r"\s+(?P<word>PASS|FAIL|LEAK|TIMEOUT|ABORT|SIG[A-Z]+) \[\s*[\d.]+s\](?: \([^)]*\))? "
        r"(?P<group>\S+) (?P<name>\S.*)$",
    ),
    _row(
        "ctest",
        r"\s*\d+/\d+ Test +#\d+: (?P<name>\S.*?) \.{3,}\s*(?:[\w ]*\*+)?(?:Not Run \()?"
        r"(?P<word>Passed|Skipped|Disabled|Failed|Timeout|Not Run|Exception)\b",
    ),
    _row(
        "meson",
        r"\s*\d+/\d+ (?P<name>\S.*?)\s+"
        r"(?P<word>OK|FAIL|SKIP|TIMEOUT|ERROR|EXPECTEDFAIL|UNEXPECTEDPASS)\s+[\d.]+\s?s\b",
    ),
    _row("googletest", r"\[\s+(?P<word>OK|FAILED|SKIPPED)\s+\] (?P<group>[\w/]+)\.(?P<name>[\w/]+)\b"),
    _row("bazel", r"(?P<name>//\S+)\s+(?:\(cached\) )?(?P<word>PASSED|FAILED|TIMEOUT|NO STATUS)\b"),
    _row("gradle", r"(?P<group>[A-Za-z][\w.$]*) > (?P<name>.+) (?P<word>PASSED|FAILED|SKIPPED)$"),
    _row(
        "maven",
        r"\[ERROR\] (?P<group>[A-Za-z][\w.$]*)\.(?P<name>[\w$]+)(?:\([^)]*\))?\s.*<<< (?:FAILURE|ERROR)!",
        "failed",
    ),
    _row("dotnet", r"\s{2}(?P<word>Passed|Failed|Skipped) (?P<name>\S.*?) \[[^\]]+\]$", once=False),
    _row("rspec", r"rspec (?:\./)?(?P<group>[^\s:\[]+)(?::\d+|\[[\d:]+\])\s+# (?P<name>.+)$", "failed"),
    _row("phpunit", r"\d+\) (?P<name>[\w\\]+::\w.*)$", "failed"),
    _row("minitest", r"(?P<name>[A-Z][\w:]*#test_\S+?)(?: \[.*\])?:$", "failed"),
    _row("minitest", r"(?P<name>[A-Z][\w:]*#test_\S+) = [\d.]+ s = (?P<word>[.FES])$"),
    _row("vitest", r"\s*FAIL\s+(?P<group>\S+\.[cm]?[jt]sx?) > (?P<name>.+)$", "failed"),
    _row("vitest", r"\s*FAIL\s+(?P<group>(?P<name>\S+\.[cm]?[jt]sx?)) \[ .+ \]$", "failed"),
    _row("jest", r"\s*● (?!Console$|Cannot log after)(?P<name>\S.*)$", "failed"),
    _row("vitest", r" [✓❯] (?P<name>\S+\.[cm]?[jt]sx?) +\(\d+ tests?.*$", "passed"),
    _row("vitest", r" ↓ (?P<name>\S+\.[cm]?[jt]sx?) +\(\d+ tests?.*$", "skipped"),
    _row("bun", r"\((?P<word>pass|fail|skip|todo)\) (?P<name>\S.*?)(?: \[[\d.]+ ?m?s\])?$", once=False),
    _row("playwright", rf"\s+(?P<word>[✓✘-])\s+\d+ {_PLAYWRIGHT}{_MS}?$"),
    _row("playwright", rf"\s+(?:\d+\) )?{_PLAYWRIGHT} ─+$", "failed"),
    _row("karma", r"\w[\w ]*? [\d.]+ \([^)]+\) (?P<name>\S.*) FAILED$", "failed"),
    _row("automake", r"(?P<word>PASS|FAIL|SKIP|XFAIL|XPASS|ERROR): (?P<name>\S+)$"),
    _row(
        "spec",
        r"\s*(?P<word>○ skipped|[✔✓✖✕×✘⨯﹣↓]) (?:\[fail\]: )?(?!\d+ problems?\b)"
        rf"(?P<name>\S.*?){_MS}?(?: # .*)?$",
        once=False,
    ),
    _row("spec", r"\s{2,}(?P<word>\d+\)) (?P<name>\S.*)$", once=False),
)  # fmt: skip

# A name may hold the mark of a directive; what escapes it is no part of the name.
TAP = re.compile(
    r"(?P<indent>\s*)(?P<word>not ok|ok) \d+(?: -)? ?(?P<name>.*?)"
    r"(?:(?<!\S)# *(?P<directive>(?i:skip|todo)|time=).*)?$"
)
TAP_ESCAPE = re.compile(r"\\([\\#])")
SUBTEST = re.compile(r"(?P<indent>\s*)# Subtest: (?P<name>.+)$")
UNITTEST_TITLE = re.compile(r"\w+ \([\w.]+\)$")
SUITE = re.compile(r"(?P<indent> *)(?P<mark>▶ )?(?P<name>[^\s'\"{}\[\]()<>↓❯→-].*?)(?: \([\d.]+m?s\))?$")
"""The title of a suite as mocha and jest print it, and node with a mark."""
CARGO_BINARY = re.compile(
    r"\s+(?:Running .*?(?P<name>[\w-]+?)(?:-[0-9a-f]{16})?(?:\.exe)?\)$|Doc-tests (?P<doc>\S+))"
)
JEST_FILE = re.compile(r"(?:PASS|FAIL) (?:\S+ )?(?P<name>\S+\.[cm]?[jt]sx?)(?: \([\d.]+ m?s\))?$")
BUN_FILE = re.compile(r"(?P<name>\S+\.[cm]?[jt]sx?):$")
PEST_CLASS = re.compile(r"\s+(?:PASS|FAIL|WARN)\s+(?P<name>[A-Z]\w*(?:\\\w+)+)$")
JEST_BROKEN = "Test suite failed to run"
GO_JSON = re.compile(
    r'\{"Time":.*"Action":"(?P<word>pass|fail|skip)","Package":"(?P<group>[^"]+)"(?:,"Test":"(?P<name>[^"]+)")?'
)
GO_PACKAGE = re.compile(r"(?P<word>ok  |FAIL)\t(?P<name>\S+)(?:\t| \[(?:build|setup) failed\]|$)")
DATA_SET = re.compile(r"( with data set (?:#\d+|\".*?\")) .*$")
"""PHPUnit's data set and, after it, the values that its report leaves out."""
VARIABLE = re.compile(r"(?: \(line \d+\))?(?: - (?:compile|should panic)(?: fail)?)?$")
"""What may differ between two runs of one test of cargo: a doc test's line."""

SPEC_SUMS = frozenset({"spec", "mocha", "jest", "vitest", "ava", "pest"})
"""Runners that tick off tests, and end with a sum."""

FAILURES_TWICE = frozenset({"jest", "vitest"})
"""Runners that tick off tests, and print the failures once more with their suites."""

NAMES_FAILURES_ONLY = frozenset({"vitest"})
"""Runners that name other tests now and then, by no rule that two runs would share."""

CLOSING = re.compile(r"✖ failing tests:$|\s+\d+ failing$|Failures:$|Pending: \(|\d+ tests? \w+:$")
"""From here on a runner repeats what it said."""
MINITEST_HEADING = re.compile(r"\s+\d+\) (?P<name>Failure|Error|Skipped):$")

LIKELY = re.compile(
    r"(?i:pass|fail|skip|error|timeout|ignored|not run|disabled|xpass|no status|exception|todo)"
    r"|\b(?:ok|OK)\b|[✔✓✖✕×✘⨯○●﹣↓]"
    r"|\d\) |Running |Doc-tests|Subtest|#test_|rspec |expected |Pending: |\.[cm]?[jt]sx?:|LEAK|ABORT|SIG| - "
)
"""A line that any of these may match; it saves trying them all."""

# Sums at the end of a run. ``all`` is the number of tests, the other groups say how many ended how.
_SUMS = (
    ("pytest", r"=*\s?(?P<sums>\d+ (?:failed|passed|skipped|error|x\w+|warning|deselected).*) in [\d.]+s"),
    ("unittest", r"Ran (?P<all>\d+) tests? in "),
    ("unittest", r"(?:FAILED|OK) \((?P<pairs>(?:failures|errors|skipped|expected)\W?.*)\)$"),
    ("jest", r"Tests:\s+(?P<sums>\d.*?),? \d+ total"),
    ("vitest", r"\s+Tests\s+(?P<sums>\d.*?) \(\d+\)"),
    ("spec", r"(?:#|ℹ) (?P<what>pass|fail|skipped|cancelled) (?P<n>\d+)$"),
    ("mocha", r"\s+(?P<n>\d+) (?P<what>passing|failing|pending)\b"),
    ("bun", r"\s+(?P<n>\d+) (?P<what>pass|fail|skip|todo)$"),
    ("ava", r"\s+(?P<n>\d+) tests? (?P<what>passed|failed|skipped|todo)$"),
    ("playwright", r"\s+(?P<n>\d+) (?P<what>passed|failed|skipped)(?: \([\d.]+\w+\))?$"),
    ("cargo", r"test result: \w+\. (?P<sums>\d+ passed; \d+ failed; \d+ ignored)"),
    ("nextest", r"\s+Summary \[.*?\] +(?:\d+/)?\d+ tests? run: (?P<sums>.*)"),
    ("pest", r"\s+Tests:\s+(?P<sums>\d.*?) \(\d+ assertions\)"),
    ("rspec", r"(?P<all>\d+) examples?, (?P<sums>\d+ failures?.*)$"),
    ("minitest", r"(?P<all>\d+) (?:runs|tests), \d+ assertions, (?P<sums>\d+ failures, \d+ errors, .*)"),
    ("phpunit", r"OK \((?P<all>\d+) tests?, "),
    ("phpunit", r"Tests: (?P<all>\d+), Assertions: \d+(?P<pairs>(?:, \w[\w ]*: \d+)*)"),
    ("dotnet", r"(?:Passed|Failed)!\s+- (?P<pairs>Failed:\s+\d+, Passed:\s+\d+, Skipped:\s+\d+)"),
)
SUMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple((r, re.compile(p)) for r, p in _SUMS)
