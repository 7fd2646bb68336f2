"""What keeps a test from running, and where: words of test frameworks, and names that no runner looks
for."""

from __future__ import annotations

import re

SKIPS = re.compile(
    r"\bmark\.(?:skip|skipif|xfail)\b|@(?:unittest\.)?(?:skip\w*|expectedFailure)\b|\bpytest\.(?:skip"
    r"|xfail|importorskip)\s*\("
    r"|\.skipTest\s*\(|raise\s+(?:unittest\.)?SkipTest|\b__test__\s*=\s*False"
    r"|\b(?:it|test|describe|context|suite|specify)\.(?:skip\w*|todo|fixme|failing|only|runIf)\b"
    r"|\bx(?:it|test|describe|context|specify)\b"
    r"|\bf(?:it|describe|context)\s*[(\s]|\bthis\.skip\s*\(|\bt\.skip\s*\(|\b(?:skip|todo"
    r"|only)\s*:\s*(?:true|\")"
    r"|\b(?:t|b|tb)\.Skip(?:f|Now)?\s*\(|#\[\s*ignore\b"
    r"|@Disabled\w*|@Ignore\w*|@EnabledIf\w*|@EnabledOn\w*|\bassumeTrue\s*\(\s*false|\bAssume\.\w+"
    r"|\bassumeT\w+\s*\("
    r"|\bSkip\s*=|\[\s*(?:(?:Test\w*|DataTestMethod|Fact|Theory)\b[^\]\n]*,\s*)?(?:Ignore|Explicit)\b|\bAssert\.(?:Ignore|Inconclusive|Skip)\w*\s*\("
    r"|^[ \t]*(?:skip|pending)\b(?!\s*[=.:])|\bmarkTest(?:Skipped|Incomplete)\s*\(|->(?:skip|todo)\s*\("
    r"|^[ \t]*(?:before|setup)\b[^\n{]*\{[ \t]*(?:skip|pending)\b"
    # metadata of RSpec; parameters of TestNG and Kotest; no rows to run over
    r"|^[ \t]*(?:RSpec\.)?[fx]?(?:it|specify|example|describe|context|feature|scenario)\b[^\n{]*,\s*"
    r"(?::(?:skip|pending)\b|(?:skip|pending):\s*(?:true|\"))(?=[^\n]*\bdo\b|[^\n]*\{)"
    r"|(?:@Test|\.config)\s*\([^)\n]*\benabled\s*=\s*false|#\[\s*Requires\w+"
    r"|\bmark\.parametrize\([^\n]*,\s*(?:\[\s*\]|\(\s*\))\s*\)|\b(?:it|test|describe)\.each\(\s*\[\s*\]\s*\)"
    r"|\bXCTSkip\w*\b|@(?:module|describe)?tag\s+:?skip\b"
    r"|\bDISABLED_|\bGTEST_SKIP\b|\bSKIP\s*\(|doctest::skip|\bdisabled\s*\(\s*\)|\bshould_fail\s*\(",
    re.M,
)
FILE_SKIPS = re.compile(  # assert() does nothing after it
    r"^[ \t]*#[ \t]*define[ \t]+(?:NDEBUG\b"
    r"|(?:assert|(?:ASSERT|EXPECT|CHECK|REQUIRE)\w*)\([^)\n]*\)(?:[ \t(){};01]|void|do|while)*$)",
    re.M,
)
HIDDEN_TAGS = re.compile(r"\[(?:\.[^\]\"]*|!mayfail|!shouldfail)\]")  # Catch2
_CONDITIONAL = re.compile(
    r"feature\b|Requires|skipif|skip(?:If|Unless)|Disabled(?:On|If|For)|Enabled|runIf|importorskip|[Aa]ssume"
)
_ALWAYS = re.compile(
    r"\(\s*(?:True|true|1|not False|\(\)\s*=>\s*true)\s*[,)]|assume\w*\(\s*false|^[ \t]*if\s*\(?\s*(?:True"
    r"|true|1)\b|\(\s*[\"'](?:True|1)[\"']|\(\s*(\d+)\s*==\s*\1\s*[,)]|skip_?[Uu]nless\(\s*(?:False|0|None)\b"
    # every Python that still gets security fixes is newer, and none is a Python 4
    r"|version_info(?:\[:\d\])?\s*>=?\s*\(\s*(?:[0-2]\b|3\s*,?\s*\)|3\s*,\s*[0-7]\b)"
    r"|version_info(?:\[:\d\])?\s*<=?\s*\(\s*[4-9]|version_info(?:\[0\]|\.major)\s*(?:>=?\s*[0-2]\b|[>=]=\s*3\b)"
)
_HERE = re.compile(
    r"linux|os\.name\s*==\s*.posix|\bLINUX\b|environ\w*[^\n]{0,12}\bCI\b|env\.CI\b|\"CI\"|'CI'", re.I
)
_ELSEWHERE = re.compile(r"!=|\bnot\b|!\w|Unless|EnabledOn")


_ENVIRONMENT = re.compile(r"getenv|environ|process\.env|\bENV\b|env::var|EnvironmentVariable", re.I)
_UNSET = re.compile(
    r"(?<!!)==\s*(?:\"\"|''|null|nil|None)|\bis\s+None|\bnot\b|!\s*(?:process|os|System|getenv|ENV)"
    r"|\bunless\b|is_err|IsNullOrEmpty|\.nil\?|\.empty\?|skipUnless|EnabledIf|assume(?:True|NotNull|That)"
    r"|===?\s*undefined",
    re.I,
)


def is_conditional(marker: str, condition: str) -> bool:
    """Whether a skip holds only somewhere else: not always, not on Linux, not in CI, and not
    until somebody sets a variable of the environment."""
    if not condition and not _CONDITIONAL.search(marker):
        return False
    text = condition or marker
    if _ALWAYS.search(text) or (_ENVIRONMENT.search(text) and _UNSET.search(f"{marker} {text}")):
        return False
    return not (_HERE.search(text) and not _ELSEWHERE.search(text))


RERUNS = re.compile(
    r"\bretryTimes\s*\(|\bmark\.flaky\b|@flaky\b|\bthis\.retries\s*\(|\bretr(?:y|ies)\s*:\s*[1-9]"
    r"|@RepeatedIfExceptionsTest|@RetryingTest|\[\s*Retry\b|@Retry\b|\bflaky\s*=\s*True"
)
"""Words by which a test that fails is run again until it passes."""


_COLLECTED = {
    "py": re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_tests?|tests?)\.py$"),
    "go": re.compile(r"_test\.go$"),
    **dict.fromkeys(
        ("js", "jsx", "ts", "tsx", "mjs", "cjs"),
        re.compile(r"[._-](?:test|spec|cy)\.|__tests__/|(?:^|/)tests?/"),
    ),
    "rb": re.compile(r"_(?:spec|test)\.rb$|(?:^|/)test_[^/]*\.rb$"),
    "java": re.compile(r"(?:^|/)(?:Test\w*|\w*(?:Tests?|TestCase|IT))\.java$"),
}


def is_collected(path: str) -> bool:
    """Whether the usual runner of the file's language looks for tests in a file of that name."""
    pattern = _COLLECTED.get(path.rpartition(".")[2])
    return pattern is None or pattern.search(path) is not None
