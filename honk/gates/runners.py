"""How tests of C and C++ are run and fail where a program of their own does it: ``main`` calls them,
and macros of the file report."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from honk.gates.cases import Case
from honk.gates.matching import leaf
from honk.gates.syntax import language_of

_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(([^)]*)\)((?:[^\n\\]|\\.|\\\n)*)", re.M)
_FAILS = re.compile(r"\breturn\b|exit|abort|longjmp|goto|throw|assert|fail|\+\+|\+=|raise", re.I)
_NAMES = re.compile(r"assert|check|expect|require|test|verify|must", re.I)


def neutered(before: Sequence[Case], after: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Path and detail of each macro that checks, and neither ends the test nor counts any more."""
    now = {(path, name): body for path, name, body in _macros(after)}
    for path, name, body in _macros(before):
        changed = now.get((path, name), body)
        if _FAILS.search(body) and not _FAILS.search(changed):
            yield path, f"the macro {name} fails no test any more"


def _macros(cases: Sequence[Case]) -> Iterator[tuple[str, str, str]]:
    for case in cases:
        if not case.name and language_of(case.path) == "cpp":
            for match in _MACRO.finditer(case.text):
                if _NAMES.search(match[1]):
                    yield case.path, match[1], match[3]


def unregistered(before: Sequence[Case], after: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """Path and detail of each test that is there still, and that nothing in its file calls any more."""
    for case in after:
        name = leaf(case)
        if not case.test or not case.checks or language_of(case.path) != "cpp" or not name.isidentifier():
            continue
        had, has = (_calls(name, [c for c in cases if c.path == case.path]) for cases in (before, after))
        if had and not has:
            yield case.path, f"the test {name} is not run any more"


def _calls(name: str, cases: Sequence[Case]) -> bool:
    """Whether another function or table of a file calls ``name`` or hands it on."""
    called = re.compile(rf"\b{name}\s*\(|[(,{{]\s*&?{name}\s*[,)}}]")
    return any(leaf(case) != name and called.search(case.text) for case in cases)
