"""Keys by which a runner finds fewer tests than by its defaults, or runs something else in their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from honk.gates.lines import Found
from honk.gates.paths import is_test

_PYTEST = re.compile(r"(?:^|/)python_(files|functions|classes)$")
_DEFAULTS = {"files": ("test_*.py", "*_test.py"), "functions": ("test",), "classes": ("Test",)}
_MATCHES = re.compile(r"(?:^|/)(testMatch|testRegex)$")
_SETUP = re.compile(r"(?:^|/)(?:setupFiles\w*|testRunner|runner|globalSetup|moduleNameMapper/.*)$")
# On unless they say otherwise: what Cargo.toml runs as a test, golangci-lint's reading of tests.
_UNTESTED = re.compile(
    r"^(?:lib|bin|test|example)(?:/[^/]+)?/(?:test|doctest)$|^(?:lib|bin|test)(?:/[^/]+)?/harness$"
    r"|^package/autotests$|^run/tests$"
)
_RUNS = re.compile(r"^target/.*/runner$|^build/rustc(?:-workspace)?-wrapper$|^alias/(?:test|clippy|check)$")
_SCRIPT_TEST = re.compile(r"(?:\.(?:test|spec)\.|(?:^|/)__tests__/.*\.)[cm]?[jt]sx?$")
_GLOB = re.compile(r"\*\*/|\*\*|\*|\?(?=\()|[+@](?=\()|[?(){},|]|\[[^\]]*\]|<rootDir>/?|.", re.S)
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
    key: str, regex: bool, old: Sequence[str], new: Sequence[str], files: Sequence[str]
) -> Iterator[Found]:
    usual = [file for file in files if _SCRIPT_TEST.search(file) and is_test(file)]
    was, now = (_patterns(side, regex) for side in (old, new))
    found = [file for file in usual if not old or any(pattern.search(f"/{file}") for pattern in was)]
    lost = [file for file in found if not any(pattern.search(f"/{file}") for pattern in now)]
    if lost:
        yield "block", f"{key}: {lost[0]} is not looked at any more"


def _patterns(values: Sequence[str], regex: bool) -> list[re.Pattern[str]]:
    """Patterns for a path with a slash before it. One that cannot be read finds nothing."""
    found = []
    for value in values:
        try:
            found.append(re.compile(value if regex else _regex(value)))
        except re.error:
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
