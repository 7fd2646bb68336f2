"""Slack's text: what people write becomes words, and words of others become harmless text."""

from __future__ import annotations

import re

from honk.core.plain import clean

SECTION_LIMIT = 3000
"""Characters of a section's text (https://docs.slack.dev/reference/block-kit/blocks/section-block)."""

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_REPOSITORY = re.compile(r"`?([A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100})`?(?:\s|$)")


def escaped(text: str, limit: int = SECTION_LIMIT) -> str:
    """``text`` with Slack's three control characters as entities, so that nothing in it is a
    link, a mention or a broadcast; at most ``limit`` UTF-16 units, an ellipsis where it was cut."""
    text = clean(text).strip()
    sizes = [len(_ENTITIES.get(c, c)) + (ord(c) > 0xFFFF) for c in text]
    if sum(sizes) > limit:
        room, kept = limit - 1, 0
        while room >= sizes[kept]:
            room -= sizes[kept]
            kept += 1
        text = text[:kept].rstrip() + "…"
    return "".join(_ENTITIES.get(c, c) for c in text)


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


def split(text: str) -> tuple[str | None, str]:
    """``[owner/name] change request``: the repository, if one is named, and the rest."""
    found = _REPOSITORY.match(text)
    return (found[1], text[found.end() :].strip()) if found else (None, text.strip())
