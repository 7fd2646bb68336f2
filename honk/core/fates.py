"""What became of pull requests: open, merged, closed, taken back."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from honk.core.base import Frozen
from honk.core.types import RepoRef

BRANCHES = "honk/"
"""What the names of honk's branches begin with."""

_REVERTS = re.compile(r"^Reverts (?:([\w.-]+/[\w.-]+))?#(\d{1,9})\b", re.MULTILINE)
_UNDONE = re.compile(r"\bThis reverts commit ([0-9a-f]{40})\b")

Teller = Literal["forge", "webhook", "look"]
Key = tuple[str, int]
"""A pull request among those of all forges; see :func:`key`."""


def key(repo: RepoRef, number: int) -> Key:
    """GitHub takes names in any case; honk's own forge has paths."""
    return (repo.name.lower() if repo.forge == "github" else repo.name, number)


class Fate(Frozen):
    """One pull request. ``repo`` in lower case on GitHub; times in UTC, None where not known.

    ``merge_sha`` is the commit that the base got. ``reverted_by``: the commit or pull request
    (``#12``) that took the merge back, empty if none did. ``told_by``: honk's own forge, a
    webhook, or a look at GitHub.
    """

    repo: str
    number: int
    state: Literal["open", "merged", "closed"]
    base: str
    opened_at: datetime | None
    closed_at: datetime | None = None
    merge_sha: str | None = None
    reverted_by: str = ""
    told_by: Teller

    @property
    def merge_seconds(self) -> float | None:
        """From opening to merge."""
        if self.state != "merged" or self.opened_at is None or self.closed_at is None:
            return None
        return (self.closed_at - self.opened_at).total_seconds()


class Undoing(Frozen):
    """That something on ``branch`` took merges back: of pull request ``number``, of ``commits``."""

    repo: str
    branch: str
    by: str
    number: int = 0
    commits: tuple[str, ...] = ()


class Tidings(Frozen):
    """What one delivery, or one item of a list, tells of pull requests."""

    fate: Fate | None = None
    undoing: Undoing | None = None


def undone(text: str) -> tuple[str, ...]:
    """Commits that a message says it reverts, in the words of git-revert(1)."""
    return tuple(dict.fromkeys(_UNDONE.findall(text)))


def tidings(fate: Fate, branch: str, title: str, body: str) -> Tidings:
    """What a pull request on ``branch`` tells: its own fate if it is honk's, and whose merge it undid."""
    own = branch.startswith(BRANCHES)
    return Tidings(fate=fate if own else None, undoing=_undoing(fate, title, body))


def _undoing(fate: Fate, title: str, body: str) -> Undoing | None:
    """What a pull request takes back, once it is merged: that of GitHub's own button ("Reverting a pull
    request", GitHub Docs), which is called ``Revert "…"`` and says ``Reverts owner/name#12``, or one
    whose description quotes git's words."""
    if fate.state != "merged":
        return None
    found = _REVERTS.search(body.replace("\r\n", "\n")) if title.startswith('Revert "') else None
    same = found is not None and (found[1] or fate.repo).lower() == fate.repo
    number, commits = int(found[2]) if found and same else 0, undone(body)
    if not (number or commits):
        return None
    by = f"#{fate.number}"
    return Undoing(repo=fate.repo, branch=fate.base, by=by, number=number, commits=commits)
