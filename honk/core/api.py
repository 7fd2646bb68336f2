"""What the HTTP API says, for both of its ends: the service and its clients."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from honk.core.base import Frozen
from honk.core.order import Origin

WORDS_LIMIT = 20_000
"""Characters that a person may say to a model at once."""


class Problem(Frozen):
    """What every refusal says: what happened, and what to do next."""

    message: str
    hint: str = ""


class Started(Frozen):
    run_id: str
    url: str


class Words(Frozen):
    text: str = Field(min_length=1, max_length=WORDS_LIMIT)


Glob = Annotated[str, Field(min_length=1, max_length=4096)]


class Approval(Frozen):
    """What a person approves in a planned, refused or vetoed run. ``globs`` are paths to permit; none: all
    that the gates refused."""

    globs: tuple[Glob, ...] = Field(default=(), max_length=1000)


class Cancelling(Frozen):
    """``ended``: the run has ended already; otherwise it was asked to stop."""

    ended: bool


class RunSummary(Frozen):
    """One line of the list of runs. ``status`` is the outcome of an ended run, else ``running``
    or ``waiting`` (for a worker, or for somebody to resume it). Money in dollars, times in UTC."""

    run_id: str
    status: str
    reason: str
    repo: str
    request: str
    requester: str
    origin: Origin
    model: str
    created_at: datetime
    updated_at: datetime
    turns: int
    cost_usd: float
    pull_request: str | None
    pull_number: int | None
    replayed: bool
