"""Where a line of a build script stands, where only that says whether what it switches off verifies.

``exclude``, ``enabled`` and ``skip`` are words of packaging and deployment as well as of tests. In a POM
the plugin and its execution decide, elsewhere the blocks around the line. What stands in none that
verifies is still for the judge to see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

_VERIFIES = re.compile(
    r"(?<![A-Za-z])(?:test|check(?!out|sum|box)|lint|coverage|specs?\b|e2e)|T(?:est|EST)|Check(?!out|sum|box)|Lint|Coverage"
    r"|(?i:jacoco|surefire|failsafe|kover|detekt|spotless|ktlint|\bpmd|spotbugs|findbugs|pitest|cobertura|errorprone"
    r"|enforcer|sonar)"
    # all tasks of Gradle, and some of them chosen by a condition
    r"|\b(?:allTasks|taskGraph)\b|\btasks\.(?:all|each|forEach|configureEach|matching|whenTaskAdded|withType\W+Task)\b"
)
_DEPENDENCY = re.compile(
    r"^\s*(?:\w*(?:[iI]mplementation|[aA]pi|[cC]ompileOnly|[rR]untimeOnly)|configurations)\b"
)
_COORDINATES = re.compile(r"\bexclude\s*\(?\s*(?:mapOf\s*\(\s*)?[\"']?(?:group|module)\b")
_GRADLE = re.compile(r"\.gradle(?:\.kts)?$")
_SCRIPT = re.compile(r"\.config\.[cm]?[jt]s$")
_MAVEN_WORDS = re.compile(r"<(?:skip>|excludes?$)", re.I)
_GRADLE_WORDS = re.compile(r"enabled|exclude(?!Tags|TestsMatching)", re.I)
_LEVEL = re.compile(r"[\"']")
_SKIP = re.compile(r"\.skip", re.I)
_ENABLED = re.compile(r"enabled", re.I)
_LEFT_OUT = re.compile(r"exclude\b|ignores|globalIgnores|(?:test|coverage)PathIgnorePatterns", re.I)
_ENTRIES = re.compile(r"\w+\s*[:(]\s*\[([^\[\]]{0,5000}+)\]")
_ENTRY = re.compile(r"[\"'`]([^\"'`\\\s]+)[\"'`]|\.\.\.configDefaults\.exclude")
_MADE = re.compile(  # what tools write, and the tests of another runner
    r"(?:<rootDir>)?/?(?:\./|\*\*/)*(?:node_modules|dist|build|coverage|out|target|vendor|storybook-static|e2e|cypress|playwright"
    r"|(?:[\w.@*-]+/)*(?:__generated__|generated)|\.[\w-]+)(?:/\**)*|(?:[\w.@*-]+/)*\*+(?:\.\w+)*\.(?:min\.\w+|d\.ts)"
)  # fmt: skip
_COMMENT = re.compile(r"<!--(?:[^-]|-(?!->))*+(?:-->)?|<!\[CDATA\[(?:[^\]]|\](?!\]>))*+(?:\]\]>)?")
_TAG = re.compile(r"<(/?)(plugin|execution)(?=[\s>])[^<>]*+>")
_ARTIFACT = re.compile(r"<artifactId>([^<]{1,200})<")
_NAME = re.compile(r"<(?:id|goal|phase|arguments?)>([^<]{1,200})<")
_TOKEN = re.compile(
    r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|`(?:[^`\\]|\\.)*+`?"
    r"|[()\[\]{},;]|\n(?![ \t]*[.{])",
    re.S,
)
_HEADER, _DEPTH = 400, 50  # characters of what opens a block, and blocks, that are looked at


Result = Literal["block", "flag"]
_Finder = Callable[[str, Sequence[int]], Iterator[str]]


@dataclass(frozen=True)
class Switch:
    """A new line of a file by which something is switched off: ``spots`` are where in it, and ``words``
    the words there; ``old`` and ``new`` are the file."""

    path: str
    line: str
    spots: Sequence[int]
    words: Sequence[str]
    old: str
    new: str

    def says_only(self, pattern: re.Pattern[str]) -> bool:
        return all(map(pattern.match, self.words))

    def new_places(self, find: _Finder) -> Sequence[str]:
        """The places that have the line now and did not before; all that have it, if there is none."""
        old, new = (Counter(find(text, self._offsets(text))) for text in (self.old, self.new))
        return list((new - old) or new)

    def _offsets(self, text: str) -> Sequence[int]:
        found, at = [], 0
        for whole in text.split("\n"):
            if whole.rstrip()[:1_000] == self.line:
                found += [at + spot for spot in self.spots]
            at += len(whole) + 1
        return found


def judged(switch: Switch) -> Result:
    """``block`` where the line stands in what verifies, or its place says nothing of it."""
    path = switch.path
    if path.endswith("pom.xml") and switch.says_only(_MAVEN_WORDS):
        return _verdict(switch.new_places(_plugins))
    if _GRADLE.search(path) and switch.says_only(_GRADLE_WORDS):
        return _verdict([*switch.new_places(_blocks), *_own(switch)])
    if path.endswith("conftest.py") and switch.says_only(_SKIP):
        return "flag"  # what its hooks and fixtures skip is judged by their conditions, in ``hooks``
    return _in_script(switch) if _SCRIPT.search(path) else "block"


def _in_script(switch: Switch) -> Result:
    """As above in a configuration written in JavaScript."""
    if switch.says_only(_LEVEL) and "eslint" not in switch.path:  # of a rule, or any other number
        places = [*switch.new_places(_blocks), switch.line]
        return "block" if any("rules" in place.lower() for place in places) else "flag"
    if switch.says_only(_LEFT_OUT) and all(map(_is_made, switch.new_places(_lists))):
        return "flag"
    # Vite builds, and its configuration may be that of the tests besides.
    if "vite." in switch.path and (switch.says_only(_LEFT_OUT) or switch.says_only(_ENABLED)):
        return _verdict([*switch.new_places(_blocks), switch.line])
    return "block"


def _verdict(places: Sequence[str]) -> Result:
    return "block" if any(map(_VERIFIES.search, places)) else "flag"


def _own(switch: Switch) -> Iterator[str]:
    """The line itself, as ``test.enabled = false`` has its place, unless it is about a package."""
    if not _COORDINATES.search(switch.line) and not _DEPENDENCY.search(switch.line):
        yield switch.line


def _lists(text: str, offsets: Sequence[int]) -> Iterator[str]:
    for offset in offsets:
        match = _ENTRIES.match(text, offset)
        yield re.sub(r"^[ \t]*//[^\n]*", "", match[1], flags=re.M) if match else ""


def _is_made(listed: str) -> bool:
    """Whether a list has nothing but what tools write."""
    entries = [entry for entry in re.split(r"[\s,]+", listed) if entry]
    known = [match for entry in entries if (match := _ENTRY.fullmatch(entry))]
    return 0 < len(entries) == len(known) and all(not m[1] or _MADE.fullmatch(m[1]) for m in known)


def _plugins(text: str, offsets: Sequence[int]) -> Iterator[str]:
    """By which names the plugin goes that stands around each offset, and its execution."""
    text = _COMMENT.sub(lambda match: " " * len(match[0]), text)
    stack: list[tuple[str, int]] = []
    ends: dict[int, int] = {}
    around: list[dict[str, int]] = []
    left = list(reversed(offsets))
    for tag in _TAG.finditer(text):
        while left and left[-1] < tag.start():
            left.pop()
            around.append(dict(reversed(stack[:_DEPTH])))  # the outermost of each is Maven's own
        if not tag[1]:
            stack.append((tag[2], tag.start()))
        elif stack:
            ends[stack.pop()[1]] = tag.end()

    @cache
    def names(start: int, pattern: re.Pattern[str]) -> str:
        return " ".join(pattern.findall(text, start, ends.get(start, len(text))))

    for spans in around:
        if "plugin" in spans:
            within = spans.get("execution", spans["plugin"])
            yield f"{names(spans['plugin'], _ARTIFACT)} {names(within, _NAME)}"


def _blocks(text: str, offsets: Sequence[int]) -> Iterator[str]:
    """What opens the blocks around each offset, the outermost first; nothing of dependencies."""
    opened: list[tuple[int, int]] = []
    starts, levels = [0], [""]
    left = list(reversed(offsets))
    for token in _TOKEN.finditer(text):
        while left and left[-1] < token.start():
            left.pop()
            yield _headers(text, opened)
        sign = token[0]
        if sign in "([{":
            opened.append((starts[-1], token.start()))
            starts.append(token.end())
            levels.append(sign)
        elif sign in ")]}" and opened:
            opened.pop()
            starts.pop()
            levels.pop()
        elif sign in ",;" or (sign == "\n" and levels[-1] != "("):
            starts[-1] = token.end()
    yield from (_headers(text, opened) for _ in left)


def _headers(text: str, opened: Sequence[tuple[int, int]]) -> str:
    headers = (text[max(start, end - _HEADER) : end].strip() for start, end in opened[-_DEPTH:])
    return "\n".join(header for header in headers if not _DEPENDENCY.search(header))
