"""Keys by which a runner finds fewer tests than by its defaults, or runs something else in their place."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from honk.gates.commands import Found
from honk.gates.paths import is_test

if TYPE_CHECKING:
    import regex

_SECONDS = 2.0  # for the patterns of one key on all paths; ordinary ones take a thousandth of that
_PYTEST = re.compile(r"(?:^|/)python_(files|functions|classes)$")
_DEFAULTS = {"files": ("test_*.py", "*_test.py"), "functions": ("test",), "classes": ("Test",)}
_MATCHES = re.compile(r"(?:^|/)(testMatch|testRegex)$")
_BY_NAME = re.compile(r"(?:^|/)(?:f?grep|invert|[gfi])$")
_SETUP = re.compile(r"(?:^|/)(?:setupFiles\w*|testRunner|runner|globalSetup|moduleNameMapper/.*)$")
# On unless they say otherwise: what Cargo.toml runs as a test, golangci-lint's reading of tests.
_UNTESTED = re.compile(
    r"^(?:lib|bin|test|example)(?:/[^/]+)?/(?:test|doctest)$|^(?:lib|bin|test)(?:/[^/]+)?/harness$"
    r"|^package/autotests$|^run/tests$"
)
_RUNS = re.compile(r"^target/.*/runner$|^build/rustc(?:-workspace)?-wrapper$|^alias/(?:test|clippy|check)$")
SCRIPT_TEST = re.compile(r"(?:\.(?:test|spec)\.|(?:^|/)__tests__/.*\.)[cm]?[jt]sx?$")
_GLOB = re.compile(r"\*\*/|\*\*|\*|\?(?=\()|[+@](?=\()|[?(){},|]|\[[^\]]{0,200}\]|<rootDir>/?|.", re.S)
_AS_REGEX = {
    "**/": "(?:.*/)?",
    "**": ".*",
    "*": "[^/]*",
    "{": "(?:",
    "}": ")",
    "(": "(?:",
    ",": "|",
    "|": "|",
}


def narrower(
    path: str, key: str, old: Sequence[str], new: Sequence[str], files: Iterable[str]
) -> Iterator[Found]:
    """What a key that changed leaves out of the tests among ``files``, those of the base."""
    script = path.endswith((".json", ".jsonc", ".json5", "jestrc"))
    if match := _PYTEST.search(key):
        yield from _pytest(key, match[1], _split(old), _split(new), _below(path, files))
    elif script and (match := _MATCHES.search(key)) and new:
        yield from _jest(key, match[1] == "testRegex", old, new, _below(path, files))
    elif script and _SETUP.search(key) and key.startswith("jest") and new:
        yield "flag", f"{key} is {', '.join(new)} now"
    elif _BY_NAME.search(key) and new and (".mocharc" in path or key.startswith("mocha/")):
        yield ("flag" if old else "block"), f"{key} is {' '.join(new)} now: not all tests run"
    elif _UNTESTED.search(key) and new == ("false",):
        yield "block", f"{key} is off now"
    elif ".cargo/" in path and _RUNS.search(key) and new:
        yield "block", f"{key} is {' '.join(new)} now"


def _below(path: str, files: Iterable[str]) -> list[str]:
    """The files in the folder of a file."""
    return [file for file in files if file.startswith(path[: path.rfind("/") + 1])]


def _split(values: Sequence[str]) -> list[str]:
    return [part for value in values for part in value.split()]


def _pytest(key: str, kind: str, old: list[str], new: list[str], files: Sequence[str]) -> Iterator[Found]:
    was, now = (side or list(_DEFAULTS[kind]) for side in (old, new))
    if kind == "files":
        lost = [file for file in files if _is_found(file, was) and not _is_found(file, now)]
        if lost:
            yield "block", f"{key}: {lost[0]} is not looked at any more"
        return
    wider = {entry.rstrip("*_") for entry in now}
    if gone := [entry for entry in was if not entry.rstrip("*_").startswith(tuple(wider))]:
        yield "block", f"{key}: {gone[0]} is not looked for any more"


def _is_found(file: str, patterns: Sequence[str]) -> bool:
    name = file.rpartition("/")[2]
    return any(fnmatchcase(file if "/" in pattern else name, pattern) for pattern in patterns)


def _jest(
    key: str, is_regex: bool, old: Sequence[str], new: Sequence[str], files: Sequence[str]
) -> Iterator[Found]:
    usual = [file for file in files if SCRIPT_TEST.search(file) and is_test(file)]
    try:
        lost = next(unfound(usual, (new, is_regex), (old, is_regex) if old else None), None)
    except TimeoutError:
        yield "block", f"{key} takes too long to be compared"
        return
    if lost:
        yield "block", f"{key}: {lost} is not looked at any more"


def unfound(
    files: Iterable[str], new: tuple[Sequence[str], bool], old: tuple[Sequence[str], bool] | None = None
) -> Iterator[str]:
    """The files that the patterns ``new`` do not find, of those that ``old`` did, or of all. With each list,
    whether its patterns are regular expressions. Raises TimeoutError where they take too long."""
    now, was = _patterns(*new), _patterns(*old) if old else []
    end = time.monotonic() + _SECONDS
    return (f for f in files if (old is None or _is_in(f, was, end)) and not _is_in(f, now, end))


def _is_in(file: str, patterns: Sequence[regex.Pattern[str]], end: float) -> bool:
    """Raises TimeoutError at ``end``, on the monotonic clock."""
    return any(p.search(f"/{file}", timeout=max(end - time.monotonic(), 0.001)) for p in patterns)


def _patterns(values: Sequence[str], is_regex: bool) -> list[regex.Pattern[str]]:
    """Patterns for a path with a slash before it. One that cannot be read finds nothing.

    They are the repository's own, so that they may take for ever: Python's re has no limit of time.
    """
    import regex  # few changes touch such a key

    found = []
    for value in values:
        try:
            found.append(regex.compile(value if is_regex else _regex(value)))
        except regex.error:
            continue
    return found


def _regex(glob: str) -> str:
    text, repeats = "", [""]
    pieces = _GLOB.findall(glob.removeprefix("./"))
    for number, piece in enumerate(pieces):
        if piece in ("?", "+", "@") and pieces[number + 1 : number + 2] == ["("]:
            continue
        if piece.startswith("<rootDir>"):
            text += "/"
        elif piece == "(":
            before = pieces[number - 1] if number else ""
            repeats.append(before if before in ("?", "+") else "")
            text += "(?:"
        elif piece == ")":
            text += ")" + (repeats.pop() if len(repeats) > 1 else "")
        elif piece == "?":
            text += "[^/]"
        else:
            text += _AS_REGEX.get(piece) or (piece if piece.startswith("[") else re.escape(piece))
    return rf"(?:^/|^|/){text.lstrip('/')}$"
