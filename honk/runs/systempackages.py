"""A line of setup without the commands that install packages of the system.

The line is cut at the shell's operators where that is safe without all of its grammar. From a compound
command, a here-document or a job in the background on it stays as it is, and so does a line whose
brackets or operators do not fit. What is left out counts as a success.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<blank> [ \t\r]+ | \\\n | (?<![^\s;&|()])\#[^\n]* )  # comments, too
    | (?P<operator> && | \|\| | ; | \n )
    | (?P<word> \\. | '[^']*' | `(?:\\.|[^`\\])*` | \$\{[^{}"'`$\\]*\} | <<< | &> | [<>]& | >\| )
    | (?P<string> "(?:\\.|[^"\\])*" )
    | (?P<pipe> \|&? )
    | (?P<odd> \$' | \$\{ | << | ["'`&\\] )  # what is not read here, or has no end
    | (?P<open> [$<>=]?\( )
    | (?P<close> \) )
    | (?P<text> [^\s\\"'`$&|;()<>=]+ | . )""",
    re.VERBOSE | re.DOTALL,
)
_COMPOUND = re.compile(
    r"(?:if|for|while|until|case|select|function|coproc|time|!|\{|\[\[)(?![^\s;&|()<>])",
)
_SYSTEM = re.compile(
    r"""(?:  # what may stand before a command
        (?: sudo | env | -[^\s;&|]++ | \w++=(?:"[^"]*+"|'[^']*+'|[^\s"';&|])*+ )(?:\s|\\\n)++
    )*+
    (?:apt|apt-get|apk|dnf|microdnf|yum|zypper)(?![^\s;&|()<>])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class _Part:
    """One pipeline: ``after`` is the operator before it. ``rest`` is all that was not cut."""

    after: str
    text: str
    system: bool = False
    rest: bool = False


def without_system_packages(command: str) -> str:
    """``command`` without what installs packages of the system; empty if it does nothing else."""
    parts = _parts(command)
    if not any(part.system for part in parts):
        return command
    found, between = "", ""
    for chain in _chains(parts):
        # A line's end is no less than one: it may end a comment.
        between = "\n" if "\n" in (between, chain[0].after) else chain[0].after
        if left := "".join(_left(chain)):
            found += between + left if found else left
            between = ""
    if found and between:  # the last command decides how the line ends
        found += f"{between} true"
    return found.strip()


def _chains(parts: Sequence[_Part]) -> Iterator[Sequence[_Part]]:
    """What `&&` and `||` join."""
    starts = [number for number, part in enumerate(parts) if part.after not in ("&&", "||")]
    for start, end in zip(starts, [*starts[1:], len(parts)], strict=True):
        yield parts[start:end]


def _left(chain: Sequence[_Part]) -> Iterator[str]:
    begun = False
    for part in chain:
        if part.system:
            if begun and part.after == "||":
                yield "|| true "
        elif begun:
            yield part.after + part.text
        elif part.after != "||":
            begun = True
            yield part.text
        elif part.rest:  # of which the first command would not have run
            yield f"true ||{part.text}"


def _parts(command: str) -> list[_Part]:
    """The pipelines of ``command``; none where it is not plain how they are joined."""
    parts: list[_Part] = []
    after, start, depth = "", 0, 0
    stages: list[int] = []  # where the commands of the pipeline begin
    fresh = True  # the next word begins one
    for token in _TOKEN.finditer(command):
        kind, text = token.lastgroup, token[0]
        if kind == "blank" or (text == "\n" and fresh):
            continue
        if kind in ("operator", "pipe") and not depth:
            if fresh:
                return []
            if kind == "operator":
                parts.append(_Part(after, command[start : token.start()], _system(command, stages)))
                after, start, stages = text, token.end(), []
            fresh = True
            continue
        if _unclear(token, fresh=fresh, inner=depth > 0):
            return [*parts, _Part(after, command[start:], rest=True)]
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            return []
        stages += [token.start()] * fresh
        fresh = False
    if depth or (fresh and (stages or after in ("&&", "||"))):
        return []
    return parts if fresh else [*parts, _Part(after, command[start:], _system(command, stages))]


def _system(command: str, stages: Sequence[int]) -> bool:
    return any(_SYSTEM.match(command, stage) for stage in stages)


def _unclear(token: re.Match[str], *, fresh: bool, inner: bool) -> bool:
    """Whether what begins with ``token`` is not to be cut: ``fresh`` where a command begins, ``inner``
    within brackets."""
    text = token[0]
    if token.lastgroup == "string":  # a string may hold commands with strings of their own
        pairs = (("(", ")"), ("{", "}"))
        return text.count("`") % 2 > 0 or any(text.count(a) != text.count(b) for a, b in pairs)
    if token.lastgroup == "open" and text == "(" and not inner and not fresh:
        return True  # a function, or a pattern
    return token.lastgroup == "odd" or (fresh and _COMPOUND.match(token.string, token.start()) is not None)
