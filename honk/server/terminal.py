"""Text of models, tools and strangers, as a page may show it: nothing hidden, nothing obeyed.

Terminal output keeps its colours (SGR, ECMA-48 8.3.117) as classes of spans; every other control
sequence is dropped, and what would reorder, overwrite or hide text is shown as what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from markupsafe import Markup, escape

# Controls, and characters without a shape of their own: bidirectional, zero-width, tags, fillers.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f"
    "\u2028-\u202e\u2060-\u2064\u2066-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]*)m"  # SGR, the only one that is followed
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # titles, links
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # cursor, erasure, modes
    r"|\x1b[ -/]*[0-Z\\^-~]"  # two characters
)
LINE_LIMIT = 2000
"""Characters of one line; browsers become slow with lines of megabytes."""


def shown(text: str) -> str:
    """``text`` with every character that does not show, or moves others, as ``[U+202E]``."""
    return _UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


@dataclass(frozen=True)
class Style:
    """``fg`` and ``bg`` are 0 to 15, or None for the default."""

    fg: int | None = None
    bg: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    reverse: bool = False


PLAIN = Style()

_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


@lru_cache(1024)  # the same few sequences come thousands of times
def _sgr(style: Style, parameters: str) -> Style:
    codes = iter([int(part[:4] or 0) for part in re.split("[;:]", parameters)])
    for code in codes:
        if code == 0:
            style = PLAIN
        elif code in _ON:
            style = replace(style, **{_ON[code]: True})
        elif code in _OFF:
            style = replace(style, **dict.fromkeys(_OFF[code], False))
        elif code in (38, 48):
            colour = _extended(codes)
            style = replace(style, fg=colour) if code == 38 else replace(style, bg=colour)
        else:
            style = _plain_colour(style, code)
    return style


def _plain_colour(style: Style, code: int) -> Style:
    tens, number = divmod(code, 10)
    if tens in (3, 9) and number < 8:
        return replace(style, fg=number + 8 * (tens == 9))
    if tens in (4, 10) and number < 8:
        return replace(style, bg=number + 8 * (tens == 10))
    if code == 39:
        return replace(style, fg=None)
    return replace(style, bg=None) if code == 49 else style  # 8 (conceal) would hide text


def _extended(codes: Iterator[int]) -> int | None:
    """``5;N`` (256 colours) or ``2;R;G;B``, as the nearest of the sixteen: only those are
    known to be readable on the page's background."""
    match next(codes, None):
        case 5:
            number = next(codes, None)
            if number is None or number < 16:
                return number
            if number >= 232:
                return _nearest(*[8 + 10 * (min(number, 255) - 232)] * 3)
            cube = [(number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6]
            return _nearest(*(0 if part == 0 else 55 + 40 * part for part in cube))
        case 2:
            rgb = list(islice(codes, 3))
            return _nearest(*rgb) if len(rgb) == 3 else None
    return None


def _nearest(red: int, green: int, blue: int) -> int:
    top = max(red, green, blue)
    if top - min(red, green, blue) < 40:  # a grey
        return 0 if top < 64 else 8 if top < 144 else 7 if top < 224 else 15
    bits = sum(1 << place for place, part in enumerate((red, green, blue)) if part * 2 > top)
    return bits + 8 * (top > 200)


def terminal(text: str) -> Markup:
    """Terminal output as HTML: lines, escaped text, and spans with classes for colours."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # what a terminal overwrites is shown too
    out: list[Markup | str] = []
    style, position = PLAIN, 0
    for found in _SEQUENCE.finditer(text):
        out.append(_span(text[position : found.start()], style))
        position = found.end()
        if found[1] is not None:
            style = _sgr(style, found[1])
    out.append(_span(text[position:], style))
    return Markup("").join(out)


@lru_cache(1024)
def _classes(style: Style) -> str:
    names = ("bold", "dim", "italic", "underline", "strike", "reverse")
    found = [f"t-{name}" for name in names if getattr(style, name)]
    found += [] if style.fg is None else [f"t-f{style.fg}"]
    found += [] if style.bg is None else [f"t-b{style.bg}"]
    return " ".join(found)


def _span(text: str, style: Style) -> Markup:
    if not text:
        return Markup("")
    words = escape(shown(text))
    return words if style == PLAIN else Markup(f'<span class="{_classes(style)}">{words}</span>')


@dataclass(frozen=True)
class Clipped:
    """The beginning and the end of a text; ``left_out`` says what is missing between them."""

    head: str
    tail: str = ""
    left_out: str = ""


def clip(text: str, lines: int, *, line_limit: int = LINE_LIMIT) -> Clipped:
    """At most about ``lines`` lines of ``text``, none longer than ``line_limit`` characters."""
    every = [
        line
        if len(line) <= line_limit
        else f"{line[:line_limit]}… ({len(line) - line_limit:,} more characters)"
        for line in text.split("\n")
    ]
    if len(every) <= lines:
        return Clipped("\n".join(every))
    half = lines // 2
    return Clipped("\n".join(every[:half]), "\n".join(every[-half:]), f"{len(every) - 2 * half:,} more lines")
