"""What a ``conftest.py`` does to the tests of pytest: those of its hooks that leave tests out, or that
give their results.

A hook that only orders, marks or reports is ordinary; what decides is its body. What skips before a
single test runs may well belong to a marker, an option or a platform: its condition decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from honk.gates.commands import line_at
from honk.gates.skips import is_conditional

Result = Literal["block", "flag"]

_HOOK = re.compile(r"^([ \t]*)(?:async[ \t]+)?def[ \t]+(pytest_\w+)[ \t]*\(", re.M)
_COMMENT = re.compile(r"^[ \t]*#.*$", re.M)
_SELECTS = re.compile(
    r"collection_modifyitems|itemcollected|collection_finish|pycollect_make(?:item|module)|collectstart"
)
_LEAVES_OUT = re.compile(
    r"\bmark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail|exit)\(|add_marker\(\s*[\"'](?:skip|xfail)"
    r"|deselect|\bitems\s*\[[^\]]*\]\s*=(?!\s*(?:sorted\(|list\(\s*(?:reversed|sorted)))"
    r"|\bitems\.(?:clear|remove|pop)\(|\bdel\s+items\b|\breturn\s+\[\s*\]"
)
_NESTED = 3  # how often a file may be read, as functions in functions are
_LOOKED_AT, _ABOVE = 20, 5_000  # skips of one function, and characters before one, that are looked at
_AROUND_A_TEST = re.compile(r"runtest_(?:setup|call)|fixture_setup")
_CHOOSES_MODULES = "pytest_pycollect_makemodule"
_FIXTURE = re.compile(
    r"^([ \t]*)@(?:pytest\.|pytest_asyncio\.)?fixture\([^)]{0,300}?\bautouse[ \t]*=[ \t]*True[^)]{0,300}\)"
    r"[^\n]*\n"
    r"(?:[ \t]*@[^\n]*\n){0,9}[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(",
    re.M,
)
_SKIPS = re.compile(
    r"\bmark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail|exit)\(|add_?marker\(\s*[\"'](?:skip|xfail)"
    r"|\bskip\.Exception\b|\bSkipTest\b|\bskipTest\("
)
_CONDITION = re.compile(r"([ \t]*)(?:if|elif|else|except|for|case)\b")
_NAMES_TESTS = re.compile(
    r"\bnodeid\b|\b(?:item|node|request|function|module|cls)\.(?:name|originalname|path|fspath|module|cls|function|location"
    r"|__name__)\b|[\"'](?:\w+/){0,9}test_\w"
)
_MARKERS = re.compile(r"\b(?:get_closest_marker|iter_markers|own_markers|keywords)\b")
_OPTION = re.compile(r"\bgetoption\b|\bconfig\.(?:option|getini|getvalue)\b")
_RESULTS = re.compile(
    r"\.outcome\s*=(?!=|\s*[\"']failed)|\bexitstatus\s*=(?!=|\s*[1-9])|\bforce_(?:result|exception)\("
    r"|\bwasxfail\b|setattr\([^)\n]*[\"'](?:outcome|exitstatus)[\"']|\.excinfo\s*=\s*None"
)
_INSTEAD = re.compile(r"runtest_protocol|pyfunc_call|runtest_call|runtestloop|pytest_cmdline_main")
_TRUE = re.compile(r"^[ \t]*return\s+(?:True|0|1)\b", re.M)
_IGNORES = re.compile(r"^[ \t]*(?:return\b(?![ \t]*(?:False\b|None\b))[ \t]*\S|yield\b[ \t]*True)", re.M)
_LEFT_OUT = re.compile(
    r"^[ \t]*(collect_ignore(?:_glob)?)\s*(?::[^=\n]+)?(?:\+?=|\.(?:append|extend)\()\s*([^\n]*)", re.M
)
_NONE_LEFT_OUT = re.compile(
    r"(?:\[\s*(?:[\"']setup\.py[\"'],?\s*)?\]|\(\s*\)|list\(\s*\))\s*$|[\"']setup\.py[\"']\s*\)$"
)
_ENDS = re.compile(r"\bos\._exit\(|\bTestCase\.\w+\s*=(?!=)|\bpytest\.(?:raises|fail)\s*=(?!=)")


def weak_hooks(old: bytes | None, new: bytes | None) -> Iterator[tuple[Result, str]]:
    """What the file does to tests now that it did not do before."""
    known = {(what, why) for _, what, why, _ in _weak(_text(old))}
    for result, what, why, where in _weak(_text(new)):
        if (what, why) not in known:
            yield result, f"{where}: {what}"


def _text(data: bytes | None) -> str:
    return _COMMENT.sub("", (data or b"").decode("utf-8", "replace"))


def _weak(text: str) -> Iterator[tuple[Result, str, str, str]]:
    """The line that does it with what it depends on, and the name of what it is in."""
    left = _NESTED * len(text)
    for pattern, look in ((_HOOK, _hook), (_FIXTURE, _skips)):
        for match in pattern.finditer(text):
            body = _body(text, match)
            left -= len(body)
            if left < 0:  # one stands in another, and each would be read as often as it is deep
                yield "block", "hooks in hooks are too many to be looked at", "", match[2]
                return
            yield from look(body, match[2])
    for match in _LEFT_OUT.finditer(text):
        if not _NONE_LEFT_OUT.match(match[2]):
            yield "block", line_at(text, match.start(1)), "", match[1]
    for match in _ENDS.finditer(text):
        yield "block", line_at(text, match.start()), "", "the results of tests"


def _hook(body: str, name: str) -> Iterator[tuple[Result, str, str, str]]:
    patterns = [_RESULTS]
    if _SELECTS.search(name):
        patterns.append(_LEAVES_OUT)
    if _INSTEAD.search(name):
        patterns.append(_TRUE)
    if name == "pytest_ignore_collect":
        patterns.append(_IGNORES)
    for pattern in patterns:
        yield from (("block", line_at(body, found.start()), "", name) for found in pattern.finditer(body))
    if name == _CHOOSES_MODULES:
        yield "flag", "chooses how the tests of a module are found", body, name
    if _AROUND_A_TEST.search(name):
        yield from _skips(body, name)


def _body(text: str, match: re.Match[str]) -> str:
    # a function ends where something is indented no more than it
    end = re.compile(rf"^[ \t]{{0,{len(match[1])}}}[^\s#)]", re.M).search(text, match.end())
    return text[match.end() : end.start() if end else len(text)]


def _skips(body: str, name: str) -> Iterator[tuple[Result, str, str, str]]:
    """What a hook or fixture skips that runs before each test."""
    for number, found in enumerate(_SKIPS.finditer(body)):
        above = body[max(0, found.start() - _ABOVE) : found.start()] if number < _LOOKED_AT else ""
        conditions = _conditions(above)
        yield _judged(conditions, above), line_at(body, found.start()), "\n".join(conditions), name


def _conditions(above: str) -> list[str]:
    """The lines that what follows depends on: those it is indented below, and those that return before."""
    lines = above.split("\n")
    width, returns, found = len(lines[-1]) - len(lines[-1].lstrip()), False, [lines[-1]]
    for line in reversed(lines[:-1]):
        indent = len(line) - len(line.lstrip())
        returns = returns or line.lstrip().startswith("return")
        if _CONDITION.match(line) and (indent < width or returns or re.search(r":\s*return\b", line)):
            found.append(line.strip())
            returns = returns and indent >= width
            width = min(width, indent)
    return [line.strip() for line in found if _CONDITION.match(line)]


def _judged(conditions: Sequence[str], above: str) -> Result:
    """``block`` where nothing is asked before the skip, or only which test it is."""
    asked = "\n".join(conditions)
    chosen = _MARKERS.search(asked) or _OPTION.search(asked)
    if not conditions or (_NAMES_TESTS.search(asked) and not chosen):
        return "block"
    if _MARKERS.search(above):
        return "flag"
    return "flag" if any(is_conditional("if", line) for line in conditions) else "block"
