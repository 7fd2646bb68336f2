"""What the words of test frameworks mean: which call asserts, and how much.

Names are those of pytest, unittest, Jest, Vitest, Mocha, Chai, node:test, Go's testing and
testify, Rust's macros, JUnit, AssertJ, Hamcrest, kotlin.test, Kotest, xUnit.net, NUnit, MSTest,
RSpec, Minitest, PHPUnit, Pest, GoogleTest, Catch2, doctest and Boost.Test.
"""

from __future__ import annotations

import re
from functools import lru_cache

from honk.gates.vacuous import arguments

_CALLEE = re.compile(r"^(?:await\s+)?([\w$.:>@!?-]*)")
_ASSERTS = re.compile(
    r"(?:^|[_.:>])(?:_?assert|expect|refute|verif|check|require|ensure|should|must|fail|raises|warns"
    r"|compare|approve|it_behaves_like|include_examples|BOOST_)|[a-z](?:Equals?|Assert)(?:$|[A-Z])",
    re.I,
)
_CHAINED = re.compile(
    r"\bawait\(.*\.until|\.(?:Received|DidNotReceive)\w*\(|[.>](?:should|Should|must_|to\b|not_to\b|assert_|Assert)|\bshould(?:Be|Not|Throw|Have)"
)
_GO_FAILS = re.compile(r"^(?:t|b|tb|f)\.(?:Error|Fatal|Fail)")
_LOADS = re.compile(r"^require(?:_relative|_once)?$")
_SETS_UP = re.compile(r"^ExpectedException\.none$")


def is_check(language: str, text: str, chain: str) -> bool:
    """Whether the call, macro or expression ``text`` can fail a test by itself.

    ``chain`` is what stands before its arguments.
    """
    match = _CALLEE.match(text)
    callee = match[1] if match else ""
    if (language in ("javascript", "ruby", "php") and _LOADS.match(callee)) or _SETS_UP.match(callee):
        return False
    if language == "go":
        return bool(_GO_FAILS.match(callee)) or bool(
            re.match(r"^(?:require|assert)\.|^[\w.]+\(\s*(?:t|tb)\s*,", text)
            and not callee.startswith(("t.Run", "suite.Run"))
        )
    if re.match(r"^expect\s*[({]", text):
        return bool(re.search(r"[)}]\s*(?:\.|->|\?\.)", text))
    return bool(_ASSERTS.search(callee) or _CHAINED.search(chain))


_RAISES = re.compile(
    r"raises|throw|raise_error|should_panic|expectexception|expected\w*\s*=|must_raise|assert_raise", re.I
)


def expects_failure(text: str) -> bool:
    """Whether the check wants the code to fail."""
    return _RAISES.search(text) is not None


_GENERIC = re.compile(
    r"[(\s,](?:Base)?(?:Exception|Throwable|Error|StandardError)(?:\.class|::class)?\s*(?:[),]|$)"
    r"|<(?:System\.)?Exception>"
)
_ABSENT = re.compile(r"not\.toBeInTheDocument")  # says all that there is to say
_WEAK = re.compile(
    r"iferror\(|(?:assert|require)\.(?:error\(|nil\(\s*t\s*,\s*err\b)|to_?be_?(?:truthy|defined|falsy|present|valid)|be_(?:truthy|present)|tobeinthedocument"
    r"|tobe(?:null|undefined)\(|\(\s*expect\.any\(\w+\)\s*\)"
    r"|not\.tobe(?:null|undefined)"
    r"|(?:not_?to|to_?not)\s+raise|not\.toThrow|not_?(?:null|nil|none|empty|zero|false)|is\s*not\s*(?:None|null)|isnotempty|refute_nil|is_some\(|is_ok\("
    r"|tohavebeencalled\(\s*\)|assert_called\(\)|no_?(?:throw|error)|doesnotthrow|!=\s*(?:nil|null|None"
    r"|undefined)\b"
    r"|==\s*nil\b|\.not_to\s+be_nil|anything\(",
    re.I,
)
_LENIENT = re.compile(r"\bverify\b.*\b(?:atLeast\(\s*0|atMost\(|at_least\(\s*0)|\bReceived\(\s*0\s*,")
# Testing Library: what is looked for is what is expected.
_QUERIED = re.compile(
    r"\b(?:get|find)By\w+\([^)]*[\"'`/][^)]*\)+\s*\.(?:toBeInTheDocument|toBeVisible|toBeTruthy|toBeDefined)"
)
_NEGATED = re.compile(  # or both sides are made less of before they are compared
    r"\b(sorted|set|len|type|bool)\(.*==\s*\1\(|not_?equal|not_?same|(?:assert|expect|require|check)_ne\b|\.not\.|not_to|!=|notequal",
    re.I,
)
_EXACT = re.compile(
    r"==|equal|(?:^|[^a-z])eq(?:$|[^a-z])|_eq\b|tobe\(|same\(|areequal|shouldbe\b|containsexactly"
    r"|containexactly"
    r"|tohave(?:textcontent|attribute|value|displayvalue|accessiblename|text|title|url)\("
    r"|havelength|havecount|calledwith|calledtimes|calledonce|called_(?:once_)?with|haslength|hassize|snapshot|almost|closeto"
    r"|approx|near"
    r"|within|delta|isclose|allclose|match_array|^assert\b.*\sis\s+(?!not\b)\w|\bbe\(|isnull|assertnull"
    r"|\bnil\b|elementsare|\bchange\b|\.by\(|yield_with|resolves|rejects",
    re.I,
)
_PARTIAL = re.compile(
    r"\bin\b|_(?:ge|gt|le|lt)\b|at_?(?:least|most)|assert_?(?:not_?)?in\b|contain|includ|match|starts_?with|ends_?with|regex|instance|greater"
    r"|less|[<>]|hasattr|callcount"
    r"|\bany\b|have|be_an?\b|kind_of|respond_to",
    re.I,
)
# What only asks for truth. A matcher that is not known is not called weak.
_BARE = re.compile(
    r"^assert(?:\s|!|\()|assert_?(?:true|false|that)?\(|assert_?(?:predicate|operator)?\s|is_?(?:true"
    r"|false)\(|\bTrue\("
    r"|\bFalse\(|EXPECT_(?:TRUE|FALSE)|ASSERT_(?:TRUE|FALSE)|^(?:REQUIRE|CHECK)\w*\(|\bok\(|refute\b"
    r"|be_\w+\s*\)?$"
    r"|\)\.to\.(?:be\.)?(?:ok|exist|true)\b|BOOST_\w+\(|\.Pass\(|verify\(",
    re.I,
)


@lru_cache(maxsize=10_000)
def strength(text: str) -> int:
    """How much a check says: 3 one exact result, 2 a part of it, 1 that there is something, 0 nothing.

    ``text`` has its strings blanked. A helper of the repository's own counts as exact.
    """
    text = text.replace("=>", " ").replace("->", ".")
    if text.startswith("if "):
        return _if_strength(text)
    if _LENIENT.search(text):
        return 0
    if _QUERIED.search(text):
        return 3
    if _RAISES.search(text) and not re.search(
        r"no_?throw|not_?throw|not_to\s+raise|not\.toThrow", text, re.I
    ):
        return _raises_strength(text)
    for pattern, value in ((_ABSENT, 3), (_WEAK, 1), (_NEGATED, 2), (_EXACT, 3), (_PARTIAL, 2)):
        if pattern.search(text):
            return value
    return 1 if _BARE.search(text) else 3


def is_bare(text: str) -> bool:
    """Whether the check only asks whether a thing is true, or false."""
    return strength(text) == 1 and not _WEAK.search(text) and _BARE.search(text) is not None


def _raises_strength(text: str) -> int:
    if re.search(r"(?:raise_error|must_raise|should_panic\]?)\s*$|toThrow\w*\(\s*\)|\(\s*\)\s*$", text):
        return 1
    if _GENERIC.search(text) and "match" not in text:
        return 1
    specific = re.search(r"match\s*=|expected\s*=\s*\"|raise_error\([^()]*,|Message|raise_error\s+\w+,", text)
    return 3 if specific else 2


def _if_strength(text: str) -> int:
    """A condition under which Go's ``t.Error`` is called: the check is its opposite."""
    if re.search(r"[!=]=\s*nil\b", text) and not re.search(r"!=(?!\s*nil\b)", text):
        return 1
    if re.search(r"!=|DeepEqual|\.Equal\(|Diff\(|errors\.(?:Is|As)\(", text):
        return 3
    return 2 if re.search(r"[<>]|==|\(", text) else 1


_NUMBER = re.compile(r"(?<![\w.])-?\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?(?:[fFdDL]\b)?")
_DIGITS = re.compile(r"places|tobecloseto|decimal|precision|significant", re.I)
_PLACES = re.compile(r"(?:Assert\.Equal|[Aa]ssertAlmostEquals?|[Aa]ssert_almost_equal)\s*(?=\()")
_TOLERANCE = re.compile(
    r"approx|near|delta|within|closeto|tol\b|isclose|allclose|almost|eps|assertEquals|AreEqual|\bmargin\b",
    re.I,
)


_MARGIN = re.compile(r"near|\babs\s*=|delta|within|margin", re.I)


def _is_wide(text: str) -> bool:
    """Whether a tolerance is as large as what is compared: then nearly everything passes."""
    *values, tolerance = (abs(_float(number)) for number in _NUMBER.findall(text) or ["0"])
    return bool(_MARGIN.search(text) and values) and tolerance >= max(1.0, *values)


def _has_places(text: str) -> bool:
    """Whether the last of three arguments is a number of decimal places."""
    match = _PLACES.search(text)
    given = arguments(text, match.end())[0] if match else []
    return len(given) == 3 and given[2].strip().isdigit()


def _float(number: str) -> float:
    return float(number.rstrip("fFdDL").replace("_", ""))


def loosened(before: str, after: str) -> str | None:
    """``block`` or ``flag`` if only numbers differ and a tolerance or a bound grew, or if there is
    a tolerance now under which nearly everything passes; else None."""
    if _is_wide(after) and not _is_wide(before):
        return "block"
    if _NUMBER.sub("#", before) != _NUMBER.sub("#", after):
        return None
    pairs = [
        (_float(old), _float(new))
        for old, new in zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True)
    ]
    changed = [pair for pair in pairs if pair[0] != pair[1]]
    if not pairs or not changed:
        return None
    old, new = pairs[-1]
    if _DIGITS.search(before) or _has_places(before):
        return "block" if new < old else None
    if _TOLERANCE.search(before):
        numbers = 2 if re.search("assertEquals|AreEqual", before) else 1
        return "block" if len(pairs) >= numbers and new > old >= 0 and old < 1 else None
    bound = re.search(r"[<>]=?\s*$", before[: before.rfind(_NUMBER.findall(before)[-1])])
    if bound and old != new:
        return "flag" if (new > old) == bound[0].startswith("<") else None
    return None
