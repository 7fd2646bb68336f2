"""What git can merge without a work tree: a view of the mirror."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Merged:
    """A merge made by git. ``conflicts``: paths (as text) that stand in it with conflict markers,
    or as one side has them."""

    commit: str
    conflicts: tuple[str, ...]


class Merging(Protocol):
    """Commits brought together, without a work tree."""

    def common(self, one: str, other: str) -> str | None:
        """The newest commit that both histories have, or None."""
        ...

    def merge_in(self, head: str, other: str, message: str) -> Merged:
        """``other`` merged into ``head``, whose conflicts are in the commit's tree. Raises GitError."""
        ...

    def carry(self, base: str, commit: str, onto: str, message: str) -> Merged:
        """What ``commit`` changes of ``base``, as a commit on ``onto``. Raises GitError."""
        ...
