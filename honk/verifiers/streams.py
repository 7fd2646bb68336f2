"""A log line by line, as a terminal would show it, and by the task that printed each line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LINE = 400  # characters of one line that are looked at and shown
GAP = "…"

# Colours and cursor movements (ECMA-48 control sequences), hyperlinks and titles (OSC).
_CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)?|[@-Z\\^_=>])")


def lines(output: str) -> Iterator[str]:
    """The lines as a terminal would show them in the end: no colours, progress bars overwritten."""
    start = 0
    while start < len(output):
        end = output.find("\n", start)
        end = len(output) if end < 0 else end
        shown = output[start:end].rstrip("\r")
        shown = shown[shown.rfind("\r") + 1 :]
        if len(shown) > 20 * LINE:  # a minified file, say; colours within are cut as well
            shown = shown[: 10 * LINE] + shown[-10 * LINE :]
        yield clip(_CONTROL.sub("", shown).rstrip())
        start = end + 1


def clip(line: str) -> str:
    """``line`` with its middle left out where it is longer than ``LINE``."""
    return line if len(line) <= LINE else f"{line[: LINE - 63]} {GAP} {line[-60:]}"


# Turborepo and pnpm say which task begins, and put its name before each of its lines.
_BEGINS = re.compile(r"(?P<turbo>\S+:\S+): cache (?:hit|miss|bypass)\b|(?P<pnpm>\S+ [\w:.-]+)\$ ")


# npm names the package only where it has a version: `> @x/a@1.0.0 test`, then `> ` and the command.
_NPM = re.compile(
    r"\n(?P<line>> (?:(?P<package>(?:@[\w.~-]+/)?[\w.~-]+)@\d\S* )?(?P<script>[\w:.-]+))\r?\n"
    r"> (?P<command>.*)"
)
_EVERYWHERE = re.compile(r"\s(?:--workspaces|-ws)\b")


def tasks(output: str) -> Iterator[tuple[str, str]]:
    """Each line with the task of a workspace that printed it, an empty text where none did.

    Lines of several tasks come mixed, and each may run a test runner. Those of npm come one after
    another, below a line that names the package.
    """
    known: set[str] = set()
    packages, package = _packages(output), ""
    for line in lines(output):
        if match := _BEGINS.match(line):
            known.add(match["turbo"] or match["pnpm"])
        package = packages.get(line, package)
        task, mark, rest = line.partition(": ") if known else ("", "", "")
        if mark and task in known:
            yield task, rest
        elif line.endswith(":") and line[:-1] in known:  # an empty line of the task
            yield line[:-1], ""
        else:
            yield package, line


def _packages(output: str) -> dict[str, str]:
    """Lines by which npm begins a script and the packages that they name, an empty text where none.

    Nothing if it runs no script of several packages: what a single one prints needs no name.
    """
    begun, ran = {}, dict[str, set[str]]()
    everywhere = False
    for match in _NPM.finditer(f"\n{output}" if output.startswith("> ") else output):
        begun[match["line"]] = match["package"] or ""
        ran.setdefault(match["script"], set()).add(match["package"] or "")
        everywhere = everywhere or _EVERYWHERE.search(match["command"]) is not None
    return begun if everywhere or any(len(names) > 1 for names in ran.values()) else {}


_SKIPPED = re.compile(r"\s+\d+\) Skipped:$")


def without_skipped(stream: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """``stream`` without Minitest's paragraphs on skipped tests, which look like those on failures."""
    skipped = False
    for task, line in stream:
        skipped = bool(line) and (skipped or _SKIPPED.match(line) is not None)
        if not skipped:
            yield task, line


_GO_TEST = re.compile(r"=== (?:RUN|PAUSE|CONT|NAME) +(?P<name>\S+)$")
_GO_ENDED = re.compile(r"\s*--- (?P<word>PASS|FAIL|SKIP): (?P<name>\S+) \([\d.]+s\)$")
_GO_PACKAGE = re.compile(r"(?:ok  |FAIL|\?   )\t")


def regrouped(stream: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """``stream`` with the logs of Go's tests as they are without ``-v``: of those that failed alone,
    and after the line that says so. What a test printed that did not end comes before its package."""
    held: dict[str, list[tuple[str, str]]] = {}
    current: str | None = None
    for task, line in stream:
        if match := _GO_TEST.match(line):
            current = match["name"]
            held.setdefault(current, [])
        elif match := _GO_ENDED.match(line):
            current, logs = None, held.pop(match["name"], [])
            yield task, line
            yield from logs if match["word"] == "FAIL" else ()
        elif current is not None and not _GO_PACKAGE.match(line):
            held[current].append((task, line))
        else:
            if _GO_PACKAGE.match(line):
                yield from (entry for logs in held.values() for entry in logs)
                held, current = {}, None
            yield task, line
    yield from (entry for logs in held.values() for entry in logs)
