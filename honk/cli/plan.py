"""A plan that waits: what a person at the terminal says to it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

DECLINED = "The plan was declined."


@dataclass(frozen=True)
class Said:
    """What a person said to a plan; ``words`` where they amend it."""

    verdict: Literal["yes", "no", "amend"]
    words: str = ""


def ask() -> Said | None:
    """Ask what shall become of the plan that was shown; None where nobody is there to ask, or
    somebody leaves without a word. Ctrl-C must raise KeyboardInterrupt here, as by default."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    try:
        while True:
            print("\nGo ahead? [y, n, or what to change in the plan] ", end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
            if not line:
                return None
            if word := line.strip():
                return _said(word)
    except KeyboardInterrupt:
        return None


def _said(word: str) -> Said:
    if word.lower() in ("y", "yes"):
        return Said("yes")
    return Said("no") if word.lower() in ("n", "no") else Said("amend", word)
