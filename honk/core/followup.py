"""Follow-ups: what is said about a pull request of honk's, and the run that works it in."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from honk.core.base import Frozen


class Remark(Frozen):
    """What a person said about a pull request.

    ``id`` is the forge's own, with its kind before it (``comment-12``, ``review-3``,
    ``line-44``); ``place`` is ``path:line`` where the remark stands at one; ``at`` is UTC.
    """

    id: str
    author: str
    text: str
    place: str = ""
    at: datetime


class FailedCheck(Frozen):
    """A check of the forge that failed on a commit. ``log`` is that of its failed step, or its summary."""

    name: str
    url: str = ""
    log: str = ""


class Standing(Frozen):
    """A pull request as the forge has it now. ``head_owner`` owns the fork that its branch is in, if any."""

    number: int
    url: str
    state: Literal["open", "closed", "merged"]
    draft: bool
    title: str
    body: str
    base: str
    branch: str
    head: str  # the branch's commit, as the forge knows it
    head_owner: str = ""


class FollowUp(Frozen):
    """Which pull request a run continues, and how far it may go.

    ``update``: merge the base into the branch even where that is not needed. ``rounds``: how
    many follow-ups one head of the branch may have. ``cause``: a person asked, or checks
    failed. ``said`` are remarks as they stood when they started the run.
    """

    number: int = Field(ge=1)
    update: bool = False
    rounds: int = Field(default=3, ge=1)
    cause: Literal["asked", "checks"] = "asked"
    said: tuple[Remark, ...] = ()
