"""Text for people, which no terminal and no page obeys."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    r"|[\u202a-\u202e\u2066-\u2069]"  # these reorder what is shown
)


def clean(text: str) -> str:
    """Text of a person, a model or a sandbox without the control sequences that could take over
    a terminal, or make a reader see something else than what is there."""
    return _CONTROL.sub("", text)


def duration(seconds: float) -> str:
    """A length of time as people say it: 20 seconds, 3 minutes, 1 minute 30 seconds."""
    minutes, rest = divmod(seconds, 60)
    parts = ((minutes, "minute"), (rest, "second"))
    return " ".join(f"{n:g} {unit}{'s'[: n != 1]}" for n, unit in parts if n) or "no time"
