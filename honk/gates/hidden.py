"""Characters that a reviewer cannot see: the gate ``hidden-characters``.

Sources: CVE-2021-42574 (bidirectional controls), ECMA-262 (line terminators), the tag and
variation-selector tricks that hide instructions for models, and Unicode Technical Standard 51
and Standard Annex 31 for where joiners, tags and selectors are honest.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from honk.core.types import Finding
from honk.gates.content import TOO_LONG, Content

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
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

# What prose, translations and data have on purpose, or by copying: the soft hyphen, the grapheme joiner, the
# separators of lines and paragraphs, and the blank of braille. Code has escapes for them; there a separator
# ends a comment of JavaScript, which goes on in the eyes of a reviewer.
_TYPOGRAPHIC = frozenset("\u00ad\u034f\u2028\u2029\u2800")
_BRAILLE = re.compile(rb"\xe2(?:\xa0[\x81-\xbf]|[\xa1-\xa3][\x80-\xbf])")
_FOLDERS = r"(?:^|/)(?:i18n|l10n|locales?|lang|languages?|translations?|messages)/"
_PROSE = re.compile(
    r"\.(?:md|markdown|rst|adoc|txt|tex|org|x?html?|pot?|ftl|srt|vtt|xlf|xliff|arb|resx|strings)$"
    rf"|{_FOLDERS}.*\.(?:json5?|ya?ml|properties)$",
    re.I,
)
_DATA = re.compile(r"\.(?:json[5cl]?|ya?ml|toml|[ct]sv|xml|svg|ini|cfg|properties|snap|ipynb)$", re.I)
_WORDS = re.compile(  # code with words for people in it
    rf"\.(?:[jt]sx|vue|svelte|astro|erb|haml|hbs|ejs|twig|liquid|j2|njk|php|cshtml)$|{_FOLDERS}", re.I
)

Result = Literal["block", "flag"]


def hidden_characters(content: Content) -> Iterator[Finding]:
    """Newly added ones in the lines of a file, and in its name if that is new."""
    path = content.file.path
    if content.file.status == "A" and (in_name := list(find_hidden(path))):
        yield _finding(path, "block", "its name", in_name)
    if content.too_long:
        yield Finding(gate="hidden-characters", result="block", path=visible(path), detail=TOO_LONG)
    before = Counter(c for line in content.removed for c in find_hidden(line))
    found: dict[tuple[Result, int], list[str]] = {}
    for number, line in content.added:
        for at in _places(line):
            if before[line[at]] > 0:  # it was there in another version of the line
                before[line[at]] -= 1
            elif result := _result(line, at, content):
                found.setdefault((result, number), []).append(line[at])
    for wanted in ("block", "flag"):
        for (result, number), characters in [item for item in found.items() if item[0][0] == wanted][:_SHOWN]:
            yield _finding(path, result, f"line {number}", characters)


def _result(line: str, at: int, content: Content) -> Result | None:
    """What a character means where the file is code, prose or data."""
    path, character = content.file.path, line[at]
    if character not in _TYPOGRAPHIC:
        return "block"
    if character == "\u2800" and _BRAILLE.search(content.new or b""):
        return None  # one of the pictures in dots that a program draws, as while one waits for it
    in_word = character == "\u00ad" and line[at - 1 : at].isalpha() and line[at + 1 : at + 2].isalpha()
    if in_word and _PROSE.search(path):
        return None
    in_text = _PROSE.search(path) or _DATA.search(path) or (in_word and _WORDS.search(path))
    return "flag" if in_text else "block"


def _finding(path: str, result: Result, where: str, characters: Iterable[str]) -> Finding:
    names = ", ".join(name_of(c) for c in dict.fromkeys(characters))
    return Finding(
        gate="hidden-characters", result=result, path=visible(path), detail=f"{where} has {names[:300]}"
    )


def scan_hidden(text: str) -> Iterator[Finding]:
    """For words that are no file: a title or a description."""
    for number, line in enumerate(text.split("\n"), 1):
        if characters := [c for c in find_hidden(line) if c not in _TYPOGRAPHIC]:
            yield _finding("", "block", f"line {number}", characters)


def visible(text: str) -> str:
    """``text`` with every hidden character spelled out."""
    return _HIDDEN.sub(lambda m: f"<U+{ord(m[0]):04X}>", text)


def name_of(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}"


def find_hidden(line: str) -> Iterator[str]:
    """Each character of ``line`` that is hidden and has no honest purpose where it stands."""
    return (line[at] for at in _places(line))


def _places(line: str) -> Iterator[int]:
    if line.isascii():
        return
    flags = [m.span() for m in _FLAG.finditer(line)]
    for match in _HIDDEN.finditer(line):
        at = match.start()
        if not any(start <= at < end for start, end in flags) and not _honest(line, at):
            yield at


def _honest(line: str, at: int) -> bool:
    character, before = line[at], line[at - 1] if at else ""
    if character in "\u200c\u200d":
        joins_emoji = character == "\u200d" and _is_emoji(before) and _is_emoji(line[at + 1 : at + 2])
        return joins_emoji or _script(before) in _JOINING
    if character == "\u034f":  # it orders marks, or keeps them apart
        return any(unicodedata.combining(c) for c in line[max(at - 1, 0) : at + 2])
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
