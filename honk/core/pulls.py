"""Pull requests that honk keeps itself, for repositories on this machine."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from honk.core.base import Frozen


class PullRequestRecord(Frozen):
    """A pull request of the local forge. ``number`` 0 means not stored yet.

    ``closed_at`` and ``closed_by`` are of its merge too; ``merge_sha`` is the commit that the base
    branch then pointed to. Times in UTC, None for what older versions did not write down.
    ``approvals`` are names of people.
    """

    number: int = 0
    repo: str
    base: str
    branch: str
    head_sha: str
    title: str
    body: str
    draft: bool
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    state: Literal["open", "closed", "merged"] = "open"
    run_id: str
    approvals: tuple[str, ...] = ()
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    merge_sha: str | None = None
