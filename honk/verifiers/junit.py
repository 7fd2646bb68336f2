"""JUnit XML: what pytest, Maven, Gradle and many others write about the tests that they ran.

The reports were written by the code under test, so the parser takes nothing for granted: a
document with a DTD is refused (entities cannot grow what there is not), elements are dropped
as soon as they are read, and one that is cut off or damaged gives what stands before that.
Control characters, which XML cannot have and runners write nevertheless, count as spaces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from typing import Literal, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

Outcome = Literal["passed", "failed", "skipped"]

_PIECE = 1 << 16  # characters that are fed to the parser at a time
_RUNNERS = {  # by a root's name
    "vitest tests": "vitest",
    "jest tests": "jest",
    "Mocha Tests": "mocha",
    "bun test": "bun",
}
_HEAD = 4_000  # characters of a report in which its runner shows
# CTest repeats a test's name and has a word for each outcome. Meson's root has sums and no name.
_CTEST = re.compile(
    r'<testcase name="([^"]*)" classname="\1" time="[^"]*" status="(?:run|fail|notrun|disabled)"'
)
_MESON = re.compile(r'\s*<testsuites tests="\d+" errors="\d+" failures="\d+">\s*<testsuite name="')
_NUMBER = re.compile(r"^\d+ (?:- )?(?=\S)")  # of TAP, which another test before it would change
_FLAKY = ("flakyFailure", "flakyError")  # Surefire's, of tries before one that passed
_SAYING = ("failure", "error", "skipped", *_FLAKY)
_DEPTH = 64  # of nested elements; real reports have five
# What no XML 1.0 document may hold, raw or as a reference (https://www.w3.org/TR/xml/#charsets).
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
    r"|&#(?:0{0,6}(?:[0-8]|1[124-9]|2\d|3[01])|x0{0,6}(?:[0-8bcefBCEF]|1[\da-fA-F]));"
)
_MISC = re.compile(r"\s+|<!--(?s:.*?)-->|<\?(?s:.*?)\?>")  # what may come before the root


@dataclass(frozen=True)
class Case:
    """One test. ``name`` is raw text of the report. ``again``: it passed at a second try."""

    name: str
    outcome: Outcome
    again: bool = False


@dataclass(frozen=True)
class JUnit:
    """The tests of one report; ``whole`` if it could be read to its end.

    ``runner`` wrote it, as far as the report shows that: its own words then add nothing. (Meson's
    do, so that it is not named.)
    """

    cases: tuple[Case, ...]
    whole: bool
    runner: str = ""


def parse(text: str) -> JUnit:
    """The test cases of one JUnit document, which may be none of that kind at all."""
    text = _CONTROL.sub(" ", text.lstrip("\ufeff \t\r\n"))
    if text.startswith("<?xml"):  # it names an encoding, and this is text already
        text = text.partition("?>")[2]
    if _declares(text):
        return JUnit((), whole=False)
    cases: list[Case] = []
    runner = _runner(text)
    whole = True
    try:
        for case in _cases(text, runner):
            cases.append(case)
    except ParseError:
        whole = False
    if runner == "bun":
        cases = list(_numbered(cases))
    return JUnit(tuple(cases), whole=whole, runner="" if runner == "meson" else runner)


def _declares(text: str) -> bool:
    """Whether a DTD stands before the root, the only place where XML has one; what a test printed
    (a page of HTML, say) may look the same. The parser reads text, whatever encoding it names."""
    at = 0
    while match := _MISC.match(text, at):
        at = match.end()
    return text.startswith("<!", at)


def _numbered(cases: Iterable[Case]) -> Iterator[Case]:
    """``cases`` with a number in names that come again, as those that are read from words have."""
    seen: Counter[str] = Counter()
    for case in cases:
        seen[case.name] += 1
        number = seen[case.name]
        yield case if number == 1 else replace(case, name=f"{case.name} ({number})")


def _runner(text: str) -> str:
    """Only PHPUnit gives test cases a ``class`` beside their ``classname``."""
    named = re.match(r'\s*<testsuites name="([^"]*)"', text)
    if named:
        return _RUNNERS.get(named[1], "")
    head = text[:_HEAD]
    if re.search(r'<testcase [^>]* class="', head):
        return "phpunit"
    if _MESON.match(head):
        return "meson"
    return "ctest" if _CTEST.search(head) else ""


def _cases(text: str, runner: str) -> Iterator[Case]:
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    open_elements: list[Element] = []
    for start in range(0, len(text), _PIECE):
        parser.feed(text[start : start + _PIECE])
        for event, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
            if event == "start":
                open_elements.append(element)
                if len(open_elements) > _DEPTH:
                    raise ParseError("nested too deeply")
                continue
            open_elements.pop()
            whole = runner == "meson" and _is_whole(element, open_elements)
            if _tag(element) == "testcase" and not whole:
                yield _case(element, runner)
            if _tag(element) not in _SAYING and open_elements:
                open_elements[-1].remove(element)
    parser.close()


def _is_whole(case: Element, around: Sequence[Element]) -> bool:
    """Whether a case of Meson's report is a whole test, not one of those within a test (of TAP, Rust
    or GoogleTest). It prints the whole ones, and their outcomes better: the report has those passed
    that took too long, or passed against expectation."""
    suite = around[-1].get("name") if around else None
    return case.get("time") is not None and case.get("classname") == suite


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _case(element: Element, runner: str) -> Case:
    """GoogleTest and CTest say by a ``status`` alone that a test is disabled. CTest's ``skipped`` is
    also about what it could not start, which its own words and exit code call a failure."""
    inside = {_tag(child): child for child in element}
    outcome: Outcome = "passed"
    if "failure" in inside or "error" in inside:
        outcome = "failed"
    elif "skipped" in inside:
        unstarted = runner == "ctest" and not inside["skipped"].get("message", "").startswith("SKIP_")
        outcome = "failed" if unstarted else "skipped"
    elif element.get("status") in ("disabled", "notrun"):
        outcome = "skipped"
    group, name = _named(element, runner)
    again = outcome == "passed" and not inside.keys().isdisjoint(_FLAKY)
    return Case(f"{group}::{name}" if group else name, outcome, again)


def _named(element: Element, runner: str) -> tuple[str, str]:
    """Group and name of a case, as its runner prints them where that is known."""
    group, name = element.get("classname", ""), element.get("name", "")
    if runner == "ctest":
        return "", name
    if runner == "meson" and element.get("time") is None:
        return group, _NUMBER.sub("", name, count=1)
    if runner == "bun":  # the innermost suite comes first; 1.2 escapes the marks twice
        suites = unescape(group).split(" > ")[::-1] if group else []
        return element.get("file", ""), " > ".join([*suites, name])
    return group, name
