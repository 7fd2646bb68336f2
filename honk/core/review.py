"""What people do with the pull requests of the local forge."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from honk.core.ports import Remote, Source
from honk.core.pulls import PullRequestRecord
from honk.core.types import Change, PushAccess, RepoRef


class Merger(Source, Remote, Protocol):
    """A mirror with all the history that a merge may need."""

    def contains(self, commit: str, other: str) -> bool: ...

    def fork_point(self, base: str, head: str) -> str: ...

    def conflicts(self, base: str, head: str) -> tuple[str, ...]: ...

    def merge(self, base: str, head: str, message: str) -> str: ...

    def advance(self, sha: str, branch: str, access: PushAccess, expect: str) -> None: ...

    def reverted(self, head: str) -> frozenset[str]: ...


class OpenMerger(Protocol):
    def __call__(self, repo: RepoRef) -> AbstractContextManager[Merger]: ...


@dataclass(frozen=True)
class Review:
    """A pull request as it is now. ``head`` is what its branch holds (None: the branch is gone);
    ``change`` what merging would bring (None once it is no longer open, its run knows); ``conflicts``
    the paths that keep it from being merged."""

    record: PullRequestRecord
    head: str | None
    change: Change | None
    conflicts: tuple[str, ...] = ()


class PullRequests(Protocol):
    """Each method raises UserError with what to do, where it cannot do what it is asked."""

    def all(self) -> list[PullRequestRecord]:
        """Newest first."""
        ...

    def look(self, repo: str, number: int) -> Review: ...

    def approve(self, repo: str, number: int, who: str) -> None: ...

    def ready(self, repo: str, number: int) -> None:
        """It is a draft no more."""
        ...

    def close(self, repo: str, number: int, who: str) -> None: ...

    def merge(self, repo: str, number: int, head: str, who: str) -> None:
        """Merge exactly ``head``, which ``who`` has seen."""
        ...

    def reverted(self) -> frozenset[tuple[str, int]]:
        """Merged ones that a later commit of their base branch took back."""
        ...
