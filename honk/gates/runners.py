"""How tests are run and fail where a file does it itself: in C and C++ ``main`` calls them and gives the
result, and macros report; in Go ``TestMain`` runs them; in JavaScript matchers can be replaced, in
Python the tests themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from honk.gates.cases import Case
from honk.gates.matching import leaf
from honk.gates.syntax import language_of

_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)]*)\)((?:[^\n\\]|\\.|\\\n)*)", re.M)
_FAILS = re.compile(r"\breturn\b|exit|abort|longjmp|goto|throw|assert|fail|\+\+|\+=|raise", re.I)
_CALLED = re.compile(r"\b(\w+)\s*\(|[(,{]\s*&?(\w+)(?=\s*[,)}])")
_RESULT = re.compile(
    r"\breturn\s+(?!0\s*;|EXIT_SUCCESS)\S|\b_?exit\s*\(\s*(?!0\s*\))|abort\s*\(|\bassert\w*\s*\("
)
_EXITS = re.compile(r"\bos\.Exit\(\s*0\s*\)|\bsyscall\.Exit\(\s*0")
_RUNS = re.compile(r"\.Run\(\s*\)|\(\s*(?:&?\w+,\s*)*m\s*[,)]")  # itself, or by what it gives its m to
_LOADS = re.compile(r"\btests\b|addTest|loadTests|discover|makeSuite", re.I)
_MATCHER = re.compile(
    r"\bexpect\.extend\(\s*\{[^}]*?\b(to(?:Be|Equal|StrictEqual|Match|Contain|Throw))\s*[:(]"
)
_NAMES = re.compile(r"assert|check|expect|require|test|verify|must", re.I)


def neutered(before: Sequence[Case], after: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Path and detail of what makes tests fail and does not any more: a macro that neither ends the
    test nor counts, a ``main`` or ``TestMain`` whose result is 0 whatever happened, a matcher of one's
    own that takes the name of a usual one."""
    now = {(path, name): body for path, name, body in _macros(after)}
    for path, name, body in _macros(before):
        changed = now.get((path, name), body)
        if _FAILS.search(body) and not _FAILS.search(changed):
            yield path, f"the macro {name} fails no test any more"
    mains = {case.path: case.text for case in after if leaf(case) == "main"}
    for case in before:
        program = leaf(case) == "main" and language_of(case.path) == "cpp"
        if program and _RESULT.search(case.text) and not _RESULT.search(mains.get(case.path, case.text)):
            yield case.path, "main gives success whatever its checks found"
    yield from _run_by_hand(before, after)
    known = {(case.path, name) for case in before for name in _MATCHER.findall(case.text)}
    for case in after:
        for name in _MATCHER.findall(case.text):
            if (case.path, name) not in known:
                yield case.path, f"the matcher {name} is replaced by one of the file's own"


def _run_by_hand(before: Sequence[Case], after: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """What a file runs of its tests, where it says so: Go's ``TestMain``, unittest's ``load_tests``."""
    kept = {case.text for case in before}
    for case in after:
        hook = leaf(case) == "load_tests" and language_of(case.path) == "python"
        if hook and case.text not in kept and not _LOADS.search(case.text.partition(":\n")[2]):
            yield case.path, "load_tests gives none of the tests"
    for case in after:
        ignores = _EXITS.search(case.text) or not _RUNS.search(case.text)
        if leaf(case) == "TestMain" and language_of(case.path) == "go" and case.text not in kept and ignores:
            yield case.path, "TestMain gives success whatever the tests found"


def _macros(cases: Sequence[Case]) -> Iterator[tuple[str, str, str]]:
    for case in cases:
        if not case.name and language_of(case.path) == "cpp":
            for match in _MACRO.finditer(case.text):
                if _NAMES.search(match[1]):
                    yield case.path, match[1], match[3]


def unregistered(before: Sequence[Case], after: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Path and detail of each test that is there still, and that nothing in its file calls any more."""
    had, has = _called(before), _called(after)
    for case in after:
        name = (case.path, leaf(case))
        if case.test and case.checks and name in had and name not in has:
            yield case.path, f"the test {leaf(case)} is not run any more"


_REPLACES = re.compile(r"^(?:del\s+(.*)|(test\w*)\s*(?::[^=\n]+)?=(?!=)\s*(.*))$", re.M)


def overwritten(before: Sequence[Case], after: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Path and detail of each Python test whose name stands for something else before it could run."""
    had, has = (
        Counter((case.path, case.name) for case in cases if case.test and language_of(case.path) == "python")
        for cases in (before, after)
    )
    for (path, name), times in has.items():
        if name and times > 1 and had[path, name] < times:
            yield path, f"the test {name} is defined twice: only the last one runs"
    known = {(path, name) for path, name in _replaced(before)}
    names = {(path, name.rpartition(".")[2]) for path, name in (*had, *has)}
    for path, name in dict.fromkeys(_replaced(after)):
        if (path, name) not in known and (path, name) in names:
            yield path, f"the test {name} is replaced or deleted below it"


def _replaced(cases: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Names of tests that the code around the tests deletes, or gives another value without them."""
    for case in cases:
        if not case.name and language_of(case.path) == "python":
            for match in _REPLACES.finditer(case.text):
                if match[1] is not None:
                    yield from ((case.path, name) for name in re.findall(r"\btest\w*", match[1]))
                elif not re.search(rf"\b{match[2]}\b", match[3]):
                    yield case.path, match[2]


_CLASS = re.compile(r"^class[ \t]+(\w+)[ \t]*(?:\(([^)\n]*)\))?[ \t]*:")
_METHOD = re.compile(r"^[ \t]+(async[ \t]+)?def[ \t]+(test\w*)[ \t]*\(")
# The class as unittest itself has it: one of that name in Django, Twisted or Tornado waits for coroutines.
_BASES = (
    (re.compile(r"^import[ \t]+unittest\b", re.M), re.compile(r"\bunittest\.TestCase\b")),
    (
        re.compile(r"^from[ \t]+unittest[ \t]+import\b[^\n]*\bTestCase\b", re.M),
        re.compile(r"(?<![\w.])TestCase\b"),
    ),
)


def never_awaited(old: str, new: str) -> Iterator[str]:
    """What became of each Python test that ``unittest.TestCase`` calls without waiting for it: it passes
    whatever it asserts."""
    had = _methods(old)
    for name, is_lost in _methods(new).items():
        if is_lost and had.get(name) is False:
            yield f"the test {name} is a coroutine, which unittest.TestCase does not wait for"


def _methods(code: str) -> dict[str, bool]:
    """The tests in classes of a Python file, and whether nothing waits for their end."""
    found: dict[str, bool] = {}
    owner, plain, before = "", False, ""
    bases = [base for imported, base in _BASES if imported.search(code)]
    for line in code.split("\n"):
        if match := _CLASS.match(line):
            owner, of = match[1], match[2] or ""  # a base beside it that waits mostly says so
            plain = any(base.search(of) for base in bases) and re.search("async|aio", of, re.I) is None
        elif owner and (match := _METHOD.match(line)):
            wrapped = before.lstrip().startswith("@")  # maybe by what does run it to its end
            found[f"{owner}.{match[2]}"] = plain and match[1] is not None and not wrapped
        before = line
    return found


def _called(cases: Sequence[Case]) -> set[tuple[str, str]]:
    """Path and name of what the functions and tables of C and C++ files call or hand on."""
    found: set[tuple[str, str]] = set()
    for case in cases:
        if language_of(case.path) == "cpp":
            names = {name for match in _CALLED.finditer(case.text) for name in match.groups() if name}
            found |= {(case.path, name) for name in names if name != leaf(case)}
    return found
