"""Slack's text: what people write becomes words, and words of others become harmless text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from honk.core.plain import clean

SECTION_LIMIT = 3000
"""Characters of a section's text (https://docs.slack.dev/reference/block-kit/blocks/section-block)."""

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_PLAN = re.compile(r"\s*(?:--|[–—])plan(?:\s|$)")  # Slack's clients may make a dash of two hyphens
_REPOSITORY = re.compile(r"`?([A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100})`?(?:\s|$)")


def escaped(text: str, limit: int = SECTION_LIMIT) -> str:
    """``text`` with Slack's three control characters as entities, so that nothing in it is a
    link, a mention or a broadcast; at most ``limit`` UTF-16 units, an ellipsis where it was cut."""
    text = clean(text).strip()
    sizes = _sizes(text)
    if sum(sizes) > limit:
        room, kept = limit - 1, 0
        while room >= sizes[kept]:
            room -= sizes[kept]
            kept += 1
        text = text[:kept].rstrip() + "…"
    return "".join(_ENTITIES.get(c, c) for c in text)


def fits(text: str, limit: int = SECTION_LIMIT) -> bool:
    """Whether ``escaped`` keeps all of it."""
    return sum(_sizes(clean(text).strip())) <= limit


def _sizes(text: str) -> list[int]:
    return [len(_ENTITIES.get(c, c)) + (ord(c) > 0xFFFF) for c in text]


def words(text: str, bot: str = "") -> str:
    """What a person wrote, from the text of a message or command.

    Links become their address, channels and people their name (or id), mentions of ``bot`` go.
    """

    def plain(mark: re.Match[str]) -> str:
        kind, target, label = mark.groups()
        if kind == "@" and target == bot:
            return ""
        if kind:
            return f"{'' if kind == '!' else kind}{label or target}"
        return target.removeprefix("mailto:")

    text = _MARK.sub(plain, text)
    for character, entity in reversed(_ENTITIES.items()):  # "&" last: "&amp;lt;" is "&lt;"
        text = text.replace(entity, character)
    return clean(text).strip()


@dataclass(frozen=True)
class Wanted:
    """What a command asks for: the repository, if it names one, and whether to plan first. ``whole`` is
    the request if the first word, though written like a repository, belongs to it ("and/or")."""

    repo: str | None
    request: str
    plan: bool = False
    whole: str = ""


def wanted(text: str) -> Wanted:
    """``[--plan] [owner/name] change request``, the option also behind the repository."""
    whole, early = _planned(text)
    found = _REPOSITORY.match(whole)
    text, late = _planned(whole[found.end() :] if found else whole)
    return Wanted(found[1] if found else None, text, early or late, whole)


def _planned(text: str) -> tuple[str, bool]:
    found = _PLAN.match(text)
    return text[found.end() if found else 0 :].strip(), found is not None
