"""What a ``conftest.py`` does to the tests of pytest: those of its hooks that leave tests out, or that
give their results.

A hook that only orders, marks or reports is ordinary; what decides is its body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from honk.gates.commands import line_at

_HOOK = re.compile(r"^([ \t]*)(?:async[ \t]+)?def[ \t]+(pytest_\w+)[ \t]*\(", re.M)
_COMMENT = re.compile(r"^[ \t]*#.*$", re.M)
_SELECTS = re.compile(
    r"collection_modifyitems|itemcollected|collection_finish|pycollect_makeitem|collectstart"
)
_LEAVES_OUT = re.compile(
    r"\bmark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail|exit)\(|add_marker\(\s*[\"'](?:skip|xfail)"
    r"|deselect|\bitems\s*\[[^\]]*\]\s*=(?!\s*(?:sorted\(|list\(\s*(?:reversed|sorted)))"
    r"|\bitems\.(?:clear|remove|pop)\(|\bdel\s+items\b|\breturn\s+\[\s*\]"
)
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


def weak_hooks(old: bytes | None, new: bytes | None) -> Iterator[str]:
    """What the file does to tests now that it did not do before."""
    known = {what for what, _ in _weak(_text(old))}
    for what, where in _weak(_text(new)):
        if what not in known:
            yield f"{where}: {what}"


def _text(data: bytes | None) -> str:
    return _COMMENT.sub("", (data or b"").decode("utf-8", "replace"))


def _weak(text: str) -> Iterator[tuple[str, str]]:
    """The line that does it, and the name of what it is in."""
    for match in _HOOK.finditer(text):
        # a function ends where something is indented no more than it
        end = re.compile(rf"^[ \t]{{0,{len(match[1])}}}[^\s#)]", re.M).search(text, match.end())
        body = text[match.end() : end.start() if end else len(text)]
        name = match[2]
        patterns = [_RESULTS]
        if _SELECTS.search(name):
            patterns.append(_LEAVES_OUT)
        if _INSTEAD.search(name):
            patterns.append(_TRUE)
        if name == "pytest_ignore_collect":
            patterns.append(_IGNORES)
        for pattern in patterns:
            yield from ((line_at(body, found.start()), name) for found in pattern.finditer(body))
    for match in _LEFT_OUT.finditer(text):
        if not _NONE_LEFT_OUT.match(match[2]):
            yield line_at(text, match.start(1)), match[1]
    for match in _ENDS.finditer(text):
        yield line_at(text, match.start()), "the results of tests"
