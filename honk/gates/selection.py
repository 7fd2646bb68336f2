"""What the configuration of a test runner in JavaScript selects: its keys, in the objects they stand in.

Nothing is run: a value that is worked out is not known, and only pointed out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from honk.gates.commands import Found
from honk.gates.lines import narrowed
from honk.gates.narrower import SCRIPT_TEST, unfound
from honk.gates.paths import is_test

_FILE = re.compile(
    r"(?:^|/)(?:(?:jest|vitest|vite|playwright|cypress)\.(?:config|workspace)|(?:jest|vitest)(?:[.-]\w+)+|\.mocharc)"
    r"\.[cm]?[jt]s$"
)
_SELECTS = frozenset({"testMatch", "testRegex", "include", "testDir", "specPattern", "spec"})
_LEAVES_OUT = frozenset({"testIgnore", "excludeSpecPattern"})
_BY_NAME = frozenset({"grep", "grepInvert", "fgrep", "testNamePattern"})
_ALL = _SELECTS | _LEAVES_OUT | _BY_NAME
_OF_OTHERS = frozenset(  # whose keys of these names are about something else
    {"coverage", "typecheck", "benchmark", "optimizeDeps", "deps", "server", "build", "ssr", "css", "esbuild"}
    | {"use", "webServer", "plugins", "resolve"}
)
_SEVERAL = frozenset({"projects", "workspace", "defineWorkspace"})
_TOKEN = re.compile(
    r"\"(?:[^\"\\\n]|\\.){0,300}\"|'(?:[^'\\\n]|\\.){0,300}'|`[^`]{0,300}`|//[^\n]*|/\*|[{}\[\]()]|[\w$]+|:"
)
_STRING = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'|`([^`]*)`")
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/[a-z]*")
_VALUE = re.compile(
    r"\[(?:[^\]\"'`]|\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`)*\]|\"[^\"\n]*\"|'[^'\n]*'|`[^`]*`"
    r"|/(?:[^/\\\n]|\\.)+/[a-z]*|[^\n]*"
)
_OF_BROWSERS = re.compile(r"e2e|playwright|cypress")  # another runner's, mostly
_ANOTHER = re.compile(r"(?:^|/)(?:playwright|cypress)[\w.-]*\.config\.\w+$")
_SHOWN = 200
_LONGEST = 2_000  # characters of a value
_DEEPEST = 50  # brackets that a key stands in
_MOST = 200  # keys; no configuration has as many


@dataclass(frozen=True)
class _Key:
    name: str
    within: tuple[str, ...]  # the names of what it stands in, from outside
    value: str

    @property
    def is_one_of_several(self) -> bool:
        return not _SEVERAL.isdisjoint(self.within)

    @property
    def known(self) -> tuple[str, ...]:
        """The strings or regular expressions of the value; none if it is worked out."""
        if self.value[:1] not in "[\"'`/" or "..." in self.value or "${" in self.value:
            return ()
        entry = _REGEX if self._is_literal else _STRING
        return tuple("".join(match.groups("")) for match in entry.finditer(self.value))

    @property
    def is_regex(self) -> bool:
        return self.name == "testRegex" or self._is_literal

    @property
    def _is_literal(self) -> bool:
        """Whether the value, or the first of its list, is a regular expression."""
        return self.value.lstrip("[ \t\n").startswith("/")


def selection(path: str, old: bytes | None, new: bytes | None, files: Iterable[str]) -> Iterator[Found]:
    """What the new configuration of a runner leaves out that the old one did not, of the test ``files`` of
    the base."""
    if old is None or new is None or not _FILE.search(path):
        return
    before, after = (list(islice(_keys(path, data.decode("utf-8", "replace")), _MOST)) for data in (old, new))
    folder = path[: path.rfind("/") + 1]
    files = [file for file in files if file.startswith(folder)]
    for key in after:
        if key not in before:
            had = [k for k in before if (k.name, k.within) == (key.name, key.within)]
            try:
                yield from _changed(path, key, had, files)
            except TimeoutError:
                yield "block", f"{key.name} takes too long to be compared"


def _changed(path: str, key: _Key, old: Sequence[_Key], files: Sequence[str]) -> Iterator[Found]:
    shown = f"{key.name} is {' '.join(key.value.split())}"[:_SHOWN]
    tests = [file for file in files if is_test(file)]
    had = [entry for k in old for entry in k.known]
    fresh = [entry for entry in key.known if entry not in had]
    if key.name in _BY_NAME or (key.name in _LEAVES_OUT and not key.known):
        yield ("flag" if old or key.is_one_of_several or not key.known else "block"), shown
    elif key.name in _LEAVES_OUT and fresh:
        left = set(unfound(tests, (fresh, key.is_regex)))
        yield ("block" if len(left) < len(tests) and not key.is_one_of_several else "flag"), shown
    elif key.known and key.name not in _LEAVES_OUT:
        doubtful = key.is_one_of_several or "playwright" in path or any(map(_ANOTHER.search, files))
        usual = [file for file in tests if SCRIPT_TEST.search(file) and not _OF_BROWSERS.search(file)]
        for result, why in _narrower(key, old[0] if old else None, usual):
            yield ("flag" if doubtful and result == "block" and not old else result), why


def _narrower(key: _Key, old: _Key | None, tests: Sequence[str]) -> Iterator[Found]:
    """What is run, if it is less than before, or than what a runner finds by itself."""
    was, now = ([e.removeprefix("./") for e in k.known] if k else [] for k in (old, key))
    if len(was) == 1 and narrowed(was[0], now):
        yield "block", f"{key.name} is narrowed from {was[0]} to {now[0]}"
    elif key.name not in ("testDir", "specPattern", "spec") and (old is None or was):
        before = (was, old.is_regex) if old else None
        if lost := next(unfound(tests, (now, key.is_regex), before), None):
            yield "block", f"{key.name}: {lost} is not looked at any more"


def _keys(path: str, text: str) -> Iterator[_Key]:
    """The keys that select tests."""
    of_vite = re.search(r"(?:^|/)vite\.", path) is not None
    within: list[str] = []
    word, name = "", ""  # the last one, and the last one before a colon or an opening bracket
    at = 0
    while token := _TOKEN.search(text, at):
        at, said = token.end(), token[0]
        if said == "/*":
            end = text.find("*/", at)
            if end < 0:
                return
            at = end + 2
        elif said.startswith("//"):
            continue
        elif said in "{[(":
            within.append(name or word)
            word, name = "", ""
        elif said in "}])":
            del within[-1:]
            word, name = "", ""
        elif said == ":":
            name = word
            if _selects(word, within, of_vite):
                yield _Key(word, tuple(filter(None, within)), _value(text, at))
        else:
            word, name = said.strip("\"'"), ""


def _selects(name: str, within: list[str], of_vite: bool) -> bool:
    if name not in _ALL or len(within) > _DEEPEST or not _OF_OTHERS.isdisjoint(within):
        return False
    return not of_vite or "test" in within


def _value(text: str, at: int) -> str:
    """What stands after a colon: a list, a string, a regular expression, or else the line."""
    match = _VALUE.match(text[at : at + _LONGEST].lstrip())
    return match[0].strip().rstrip(",") if match else ""
