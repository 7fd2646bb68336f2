"""A change request as it comes in, from whichever door, before anything is looked up."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from honk.core.base import Frozen
from honk.core.followup import FollowUp

OriginKind = Literal["cli", "api", "mcp", "slack", "github", "ci", "schedule", "campaign", "page"]


class Origin(Frozen):
    """Which door a request came in by.

    ``place`` is where answers belong, as that door writes it (a Slack ``channel/thread``, a
    GitHub ``owner/name#12``, the name of a schedule); ``url`` leads people there. ``message``
    is what the door keeps up to date there for this run (a Slack message's ``ts``); ``by`` is
    who asked, as the door names people (a Slack user id, the name of an API token).
    """

    kind: OriginKind = "cli"
    place: str = ""
    url: str = ""
    message: str = ""
    by: str = ""


class Order(Frozen):
    """What somebody wants done. What is left out (None) comes from the settings.

    ``repo`` is a path, a git URL or ``owner/name``; None means the repository around the
    current folder, which only a command line has. ``max_cost`` in dollars, ``timeout`` in
    seconds. ``requester`` is ``Name <email>`` where known.
    ``plan``: whether a person approves a plan before the work begins.
    With ``followup``, ``request`` holds the words that are said now, which may be none.
    """

    request: str
    repo: str | None = None
    base: str | None = None
    model: str | None = None
    judge: str | None = None
    judge_mode: Literal["advisory", "blocking"] | None = None
    verify: tuple[str, ...] = ()
    image: str | None = None
    draft: bool = True
    dry_run: bool = False
    max_cost: float | None = Field(default=None, gt=0)
    max_turns: int | None = Field(default=None, gt=0)
    timeout: float | None = Field(default=None, gt=0)
    untested: Literal["refuse", "draft"] = "refuse"
    broken_base: Literal["continue", "skip"] = "continue"
    allow: tuple[str, ...] = ()
    depth: int = Field(default=50, ge=1, le=(1 << 31) - 1)  # more git cannot count
    fork: bool = False
    plan: bool | None = None
    requester: str = ""
    followup: FollowUp | None = None
    origin: Origin = Origin()
