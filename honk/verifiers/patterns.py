"""What lines of build and test logs mean: one table, ordered, where the first match decides.

A row for a new tool is added here and nowhere else. Every expression is tried on a line of
at most ``streams.LINE`` characters, so that the work is linear in the number of lines. The
formats come from the tools' own output: the 49 logs of reviewdog/errorformat, and the tools
that the tests run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum


class Weight(IntEnum):
    """How much a line tells about a failure; heavier ones get the room first."""

    NOISE = 0
    CONTEXT = 1  # near a telling line, or at the end
    WARNING = 2
    FRAME = 3  # of a stack trace, in the repository's own code
    POSITION = 4  # a place without a word on how bad it is
    DETAIL = 5  # expected and actual values
    ERROR = 6
    VERDICT = 7  # the test that failed; the sum at the end


@dataclass(frozen=True)
class Row:
    """``after`` lines of context follow; ``headed``: the line is about the last heading's file."""

    weight: Weight
    find: Callable[[str], re.Match[str] | None]
    after: int = 0
    headed: bool = False


def _start(weight: Weight, pattern: str, after: int = 0, headed: bool = False) -> Row:
    """The line begins so. (Much faster than a search for ``^``, which Python tries everywhere.)"""
    return Row(weight, re.compile(pattern).match, after, headed)


def _anywhere(weight: Weight, pattern: str, after: int = 0) -> Row:
    return Row(weight, re.compile(pattern).search, after)


_FILE = r"(?:\.[A-Za-z]\w{0,11}|/[\w.-]{1,80}|\b(?:[A-Z][a-z]{2,12}file|BUILD|WORKSPACE))"
_LINE = r"""(?::\d+\b|:\[\d+,\d+\]|\[\d+, ?\d+\]|\(\d+(?:,\d+)?\)|['"]?[:,] line \d+)"""
_PLACE = rf"(?:{_FILE}{_LINE}|\bon line \d+$|^\S{{1,200}}\.\w{{1,10}}\s{{1,20}}\d+\s)"
_MILD = r"(?i:\b(?:warning|warn|note|info|style|convention|refactor|suggestion|W)\b|⚠)"
_BAD = r"(?i:\b(?:error|fatal|failed|failure|panic|panicked|exception|unresolved|undefined)\b|✖|✗|✘)"
_RAISED = r"\s*(?:[\w.]{1,80}\.)?[A-Z]\w{0,80}(?:Error|Exception|Failure)(?: \[\w+\])?:"

ROWS: tuple[Row, ...] = (
    # what every log of its kind says
    _start(Weight.NOISE, r"[\s=\-_*.#]+$"),
    _start(Weight.NOISE, r"\[ERROR\] *(?:$|-> |To see the full|Re-run Maven|For more information|\[Help)"),
    _start(Weight.NOISE, r"npm (?:ERR!|error) (?:A complete log|Lifecycle|errno|code|path|workspace|$)"),
    _start(Weight.NOISE, r"> \S+@\d|\d+ files? (?:inspected|checked)|\s*note: run with `RUST|Skipped "),
    # tests that passed, though their names may speak of errors
    _start(Weight.NOISE, r".* \.\.\. (?:ok|skipped\b.*|expected failure)$|\s*[✓✔] \S"),
    _start(Weight.NOISE, r"\((?:pass|skip|todo)\) |\s*--- (?:PASS|SKIP): |\S+#test_\S+ = [\d.]+ s = [.S]$"),
    # frames outside the repository
    _start(Weight.NOISE, r"\s*(?:at|File) .*(?:-packages/|node_modules/|node:|/usr/|/\.pyenv/|/rustc/)"),
    _start(Weight.NOISE, r"\s*(?:at )?(?:[\w.<> ]{1,100} )?\(?node:\w[\w/]*:\d+"),
    _start(Weight.NOISE, r"\s*at (?:java|jdk|sun|scala|org\.(?:junit|apache|gradle)|(?:async|new) Promise)"),
    # the sum at the end
    _start(Weight.VERDICT, r"=*\s?(?:\d+ \w+, )*\d+ (?:failed|passed|errors?)\b.* in [\d.]+s"),
    _start(Weight.VERDICT, r"FAILED \((?:failures|errors)=|Ran \d+ tests? in "),
    _start(Weight.VERDICT, r"test result: FAILED|Tests:\s+\d+ \w+|\s*\d+ (?:passing|failing)\b"),
    _start(Weight.VERDICT, r"\[\w+\] Tests run: .*(?:FAILURE!|ERROR!)|\d+ tests completed, \d+ failed"),
    _start(Weight.VERDICT, r"\d+ runs, \d+ assertions, |\d+ examples?, [1-9]|Tests: \d+, Assertions: "),
    _start(Weight.VERDICT, r"\d+% tests passed, [1-9]|Failed!\s+- |\s+[1-9]\d* (?:fail|(?:tests? )?failed)$"),
    _start(Weight.VERDICT, r"\s+Tests:?\s+[1-9]\d* failed|\s+Summary \[.* [1-9]\d* failed"),
    _start(Weight.VERDICT, r"(?:#|ℹ) fail [1-9]|BUILD FAILED|make(?:\[\d+\])?: \*\*\* "),
    # the test that failed, by runner
    _start(Weight.VERDICT, r"(?:FAILED|ERROR) \S+(?:::|\.py)|_{2,} .* _{2,}$"),  # pytest
    _start(Weight.VERDICT, r"(?:FAIL|ERROR): \w+ \(|(?:FAIL|XPASS): \S+"),  # unittest, automake, bazel
    _start(Weight.VERDICT, r"\s*--- FAIL: |\s*FAIL(?:ED)?\s+\S+|panic: ", after=4),  # go, vitest, nextest
    _start(Weight.VERDICT, r"\s*[×✘⨯] \S|\(fail\) \S"),  # vitest, ava, playwright, pest, bun
    _start(Weight.VERDICT, r"[A-Z][\w:]*#test_\S+(?: \[.*\])?:$", after=3),  # minitest
    _start(Weight.VERDICT, r"rspec \S+ +# \S"),
    _start(Weight.VERDICT, r"\s*\d+/\d+ Test +#\d+: .*\*\*\*(?!Skipped|Not Run \(D)"),  # ctest
    _start(Weight.VERDICT, r"\s*\d+/\d+ \S.* (?:FAIL|TIMEOUT|ERROR|UNEXPECTEDPASS) +[\d.]+ ?s\b"),  # meson
    _start(Weight.VERDICT, r"\[ +FAILED +\] \S", after=2),  # googletest
    _start(Weight.VERDICT, r"//\S+\s+(?:\(cached\) )?(?:FAILED|TIMEOUT|NO STATUS)\b"),  # bazel
    _start(Weight.VERDICT, r"\s+Failed \S.* \[[^\]]+\]$", after=4),  # dotnet
    _start(Weight.VERDICT, r"test .{1,200} \.\.\. FAILED|---- .{1,200} stdout ----"),  # cargo
    _start(Weight.VERDICT, r"\s*not ok \d+|\s*✖ \S.{0,200} \([\d.]+m?s\)$"),  # TAP, node
    _start(Weight.VERDICT, r"\s*● \S|\s*✕ |\s*\d+\) \S", after=2),  # jest, mocha
    _start(Weight.VERDICT, r"\[ERROR\]\s+\w[\w.$]*:\d+ |\[ERROR\] \w[\w.$]* (?:--|Time elapsed)", after=1),
    _start(Weight.VERDICT, r"\w[\w.$]{0,120} > .{1,120} FAILED$|> Task \S+ FAILED$", after=3),  # gradle
    # messages and values
    _start(Weight.ERROR, r"thread '.{0,200}' (?:\(\d+\) )?panicked at ", after=3),
    _start(Weight.ERROR, r"E {2,}\S"),  # pytest
    _start(Weight.ERROR, r"\s+\w+_test\.go:\d+: ", after=1),
    _start(Weight.DETAIL, r"> {2,}\S"),  # pytest, the line of source
    _start(Weight.DETAIL, r"\s*(?:left|right|expected|actual|got|want|received|operator)\b ?[:=]"),
    _start(Weight.DETAIL, r"(?i)\s*error: (?:\||'|\")", after=2),  # the YAML block of TAP
    _start(Weight.DETAIL, r"\s*[-+] (?:expected|actual)"),
    _start(Weight.ERROR, _RAISED, after=2),
    # places and how bad they are; headed ones come under the name of their file
    _start(Weight.ERROR, r"\s*\d+:\d+\s+(?i:error|✖)\s", headed=True),
    _start(Weight.WARNING, rf"\s*\d+:\d+\s+{_MILD}", headed=True),
    _start(Weight.POSITION, r"\s*\d+:\d+\s+\S", headed=True),
    _start(Weight.FRAME, r"""\s*(?:at .{1,250}:\d+|File ".{1,250}", line \d+)""", after=1),
    _start(Weight.ERROR, rf"\s*--> \S.*{_LINE}", after=4),  # rustc, under its message
    _anywhere(Weight.ERROR, rf"{_PLACE}.{{0,12}}(?i:error|fatal)|(?i:^\W?error\b).*{_FILE}", after=2),
    _anywhere(Weight.WARNING, rf"{_PLACE}.{{0,12}}{_MILD}|^\W?(?i:warn(?:ing)?)\b.*{_FILE}{_LINE}"),
    _anywhere(Weight.POSITION, _PLACE, after=1),
    _start(Weight.NOISE, r"\W?(?i:info|note|debug)\b"),
    _start(Weight.CONTEXT, r"\W?(?i:warn(?:ing)?)\b"),
    _start(Weight.WARNING, r"would reformat \S|[\w./-]+ would be reformatted"),
    _start(Weight.ERROR, r"error(?:\[\w+\])?: ", after=2),  # rustc, gcc, typos: the place may come next
    _anywhere(Weight.POSITION, _BAD, after=1),
)

# One line that says how a whole run went; the greatest number of tests speaks for all.
SUMS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<n>\d+) passed\b.* in [\d.]+s",  # pytest
        r"^Ran (?P<n>\d+) tests? in ",  # unittest
        r"^test result: ok\. (?P<n>\d+) passed",  # cargo
        r"Tests run: (?P<n>\d+), Failures: 0, Errors: 0",  # surefire
        r"^Tests:\s.*?(?P<n>\d+) passed",  # jest
        r"^\s+Tests\s+(?P<n>\d+) passed",  # vitest
        r"^(?:#|ℹ) pass (?P<n>\d+)",  # node, TAP
        r"^\s*(?P<n>\d+) passing\b",  # mocha
        r"^ok\s+(?P<n>)\S+\s+(?:[\d.]+s|\(cached\))$",  # go
        r"^(?P<n>)BUILD SUCCESSFUL",  # gradle
    )
)

# A runner that says that it ran nothing, and one that says that it ran something. What `results`
# reads as names and sums is not repeated here.
NO_TESTS = re.compile(
    r"(?:Ran 0 tests (?:in|across) |NO TESTS RAN|=*\s?no tests ran in |collected 0 items|running 0 tests"
    r"|\?\s+\S+\s+\[no test files\]|ok\s+\S+\s.*\[no tests to run\]|testing: warning: no tests to run"
    r"|(?:#|ℹ) tests 0$|\W*No tests? (?:files? )?(?:were )?(?:found|to run|executed|defined)"
    r"|(?:\[\w+\] )?(?:No tests (?:to run|were executed)|Tests run: (?:0,|(?P<n>\d+),.* Skipped: (?P=n)\b))"
    r"|> Task \S*:test NO-SOURCE"
    r"|There are no tests|No suitable tests defined"
    r"|\W*(?:ERROR: )?No test (?:is available|targets were found|matches)"
    r"|\[=+\] Running 0 tests |\s*Executed 0 (?:tests|of 0)|\s*[\w.,-]+: SKIP \([\d.]+ seconds\)"
    r"|make(?:\[\d+\])?: (?:Nothing to be done for )?.(?:tests?|check).(?: is up to date)?\.$)"
)
SOME_TESTS = re.compile(
    r"(?:\b[1-9]\d* (?:tests? )?(?:passed\b|passing\b|failed\b(?! [a-z]))|\b(?i:pass(?:ed)?):? +[1-9]"
    r"|Tests run: (?P<ran>[1-9]\d*),.* Skipped: (?!(?P=ran)\b)|Tests run: [1-9]\d*(?!.* Skipped: )"
    r"|Executed [1-9]\d* |^\s*[\w.,-]+: OK \([\d.]+)"
)
