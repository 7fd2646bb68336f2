"""Text for people, which no terminal and no page obeys."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u202a-\u202e\u2066-\u2069]"  # these reorder what is shown
)
# Words that keep a CI from running: GitHub, GitLab, Azure and others look for them anywhere in
# a commit's message, code or not, and a squashed commit's message is the pull request's text.
_SKIP = re.compile(r"\[\s*(skip[ -]\w+|\w+[ -]skip|no[ -]ci)\s*\]|\*{3}(NO_CI)\*{3}", re.IGNORECASE)
_NAMED = re.compile(r"(.*)<([^<>\s@]+@[^<>\s@]+)>")
# What a forge reads in a commit's message: mentions, addresses, references that close an issue.
_ACTIVE = re.compile(r"[<>]|(?<!\w)@|://|#(?=\d)|\bGH-(?=\d)", re.IGNORECASE)
_NAME, _EMAIL = 100, 254  # characters; of an address more is none (RFC 5321, 4.5.3.1.3)


def clean(text: str) -> str:
    """Text of a person, a model or a sandbox without the control sequences that could take over
    a terminal, or make a reader see something else than what is there."""
    return _CONTROL.sub("", text)


def unskipped(text: str) -> str:
    """``text`` with nothing that keeps a CI from running."""
    return _SKIP.sub(lambda m: f"({m[1] or m[2]})", text)


def person(text: str) -> str:
    """Whoever asked, as one line that a commit's trailer can hold: ``Name <email>``, or what there is
    of it. The words are that person's own choice (a display name, a field of the API), so nothing is
    left in them that ends the trailer, mentions somebody, closes an issue or switches a CI off."""
    line = " ".join(clean(" ".join(text.split())).split())
    found = _NAMED.fullmatch(line)
    name, email = found.groups() if found else (line, "")
    name = " ".join(_ACTIVE.sub(" ", name).split())[:_NAME].rstrip()
    return unskipped(f"{name} <{email}>".lstrip() if 0 < len(email) <= _EMAIL else name)


def duration(seconds: float) -> str:
    """A length of time as people say it: 20 seconds, 3 minutes, 1 minute 30 seconds."""
    minutes, rest = divmod(seconds, 60)
    parts = ((minutes, "minute"), (rest, "second"))
    return " ".join(f"{n:g} {unit}{'s'[: n != 1]}" for n, unit in parts if n) or "no time"
