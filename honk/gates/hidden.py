"""Characters that a reviewer cannot see: the gate ``hidden-characters``.

Sources: CVE-2021-42574 (bidirectional controls), the tag and variation-selector tricks
that hide instructions for models, and Unicode Technical Standard 51 and Standard Annex 31
for where joiners, tags and selectors are honest.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from honk.core.types import Finding
from honk.gates.content import TOO_LONG, Content

_HIDDEN = re.compile(
    "[\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
# A flag of a region: black flag, its code in tag characters, cancel tag.
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_JOINING = frozenset(
    {"ARABIC", "SYRIAC", "MANDAIC", "NKO", "MONGOLIAN", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI"}
    | {"ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "KHMER", "MYANMAR", "TIBETAN"}
    | {"BALINESE", "JAVANESE", "THAANA", "HEBREW"}
)
_UNSPACED = frozenset({"THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE", "BALINESE"})
_MARKS = "\u061c\u200e\u200f"  # directional marks: harmless in lines of right-to-left script
_SHOWN = 3


def hidden_characters(content: Content) -> Iterator[Finding]:
    """Newly added ones in the lines of a file, and in its name if that is new."""
    path = content.file.path
    if content.file.status == "A" and (in_name := list(find_hidden(path))):
        yield _finding(path, "its name", in_name)
    if content.too_long:
        yield Finding(gate="hidden-characters", result="block", path=visible(path), detail=TOO_LONG)
    before = Counter(c for line in content.removed for c in find_hidden(line))
    found = []
    for number, line in content.added:
        for character in find_hidden(line):
            if before[character] > 0:  # it was there in another version of the line
                before[character] -= 1
            else:
                found.append((number, character))
    for number in list(dict.fromkeys(number for number, _ in found))[:_SHOWN]:
        yield _finding(path, f"line {number}", [c for n, c in found if n == number])


def _finding(path: str, where: str, characters: Iterable[str]) -> Finding:
    names = ", ".join(name_of(c) for c in dict.fromkeys(characters))
    return Finding(
        gate="hidden-characters", result="block", path=visible(path), detail=f"{where} has {names[:300]}"
    )


def scan_hidden(text: str) -> Iterator[Finding]:
    """For words that are no file: a title or a description."""
    for number, line in enumerate(text.split("\n"), 1):
        if characters := list(find_hidden(line)):
            yield _finding("", f"line {number}", characters)


def visible(text: str) -> str:
    """``text`` with every hidden character spelled out."""
    return _HIDDEN.sub(lambda m: f"<U+{ord(m[0]):04X}>", text)


def name_of(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}"


def find_hidden(line: str) -> Iterator[str]:
    """Each character of ``line`` that is hidden and has no honest purpose where it stands."""
    if line.isascii():
        return
    flags = [m.span() for m in _FLAG.finditer(line)]
    for match in _HIDDEN.finditer(line):
        at = match.start()
        if not any(start <= at < end for start, end in flags) and not _honest(line, at):
            yield match[0]


def _honest(line: str, at: int) -> bool:
    character, before = line[at], line[at - 1] if at else ""
    if character in "\u200c\u200d":
        joins_emoji = character == "\u200d" and _is_emoji(before) and _is_emoji(line[at + 1 : at + 2])
        return joins_emoji or _script(before) in _JOINING
    if character == "\u200b":
        return _script(before) in _UNSPACED
    if character == "\u180e":
        return _script(before) == "MONGOLIAN"
    if character in _MARKS:
        return any(unicodedata.bidirectional(c) in ("R", "AL") for c in line if c not in _MARKS)
    if "\ufe00" <= character <= "\ufe0f":
        return before in tuple("0123456789#*") or (_visible_symbol(before) and not before.isascii())
    if "\U000e0100" <= character <= "\U000e01ef":
        return _script(before) == "CJK"
    return False


def _script(character: str) -> str:
    """First word of the character's name, which is its script for letters and marks."""
    return unicodedata.name(character, "").split(" ")[0] if character else ""


def _visible_symbol(character: str) -> bool:
    return bool(character) and not _HIDDEN.match(character) and not character.isspace()


def _is_emoji(character: str) -> bool:
    """A symbol, a skin tone (Sk), the selector for the coloured form, or newer than this Python."""
    if character == "\ufe0f" or "\U0001f000" <= character <= "\U0001faff":
        return True
    return unicodedata.category(character or " ") in ("So", "Sk")
