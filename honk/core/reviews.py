"""The reading side of a forge, and a whole forge."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from honk.core.followup import FailedCheck, Remark, Standing
from honk.core.ports import Publisher
from honk.core.types import RepoRef


class Reviews(Protocol):
    """What people and checks say about a pull request. Remarks are those of people who may write."""

    def standing(self, repo: RepoRef, number: int) -> Standing:
        """The pull request as it is now. Raises UserError if there is none."""
        ...

    def remarks(self, repo: RepoRef, number: int, since: datetime | None) -> tuple[Remark, ...]:
        """Remarks made after ``since``, oldest first."""
        ...

    def failures(self, repo: RepoRef, commit: str) -> tuple[FailedCheck, ...]: ...


class Forge(Publisher, Reviews, Protocol):
    """A forge: the writing side and the reading side of pull requests."""
