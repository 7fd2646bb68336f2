"""What the pipeline needs from the outside. Tiny protocols; each has one contract suite."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from honk.core.cancel import Cancel
from honk.core.events import Event, Head, Recorded
from honk.core.merging import Merging
from honk.core.messages import Completion, Dialect, ModelRequest, TextDelta
from honk.core.pulls import PullRequestRecord
from honk.core.state import RunState
from honk.core.types import (
    Base,
    BaselineKey,
    Change,
    Check,
    Proposal,
    PullRequest,
    PushAccess,
    RepoRef,
)

# ---- the run ---------------------------------------------------------------------------


class RunLog(Protocol):
    """The log of the run at hand: the only way to read or change its state."""

    @property
    def state(self) -> RunState: ...

    def record(self, event: Event) -> None: ...

    def seconds(self) -> float:
        """Wall clock that the run has used so far."""
        ...


# ---- models ---------------------------------------------------------------------------


class Model(Protocol):
    """A language model. Retrying is done once, by ``honk.models.retry`` around it."""

    @property
    def name(self) -> str:
        """``provider:NAME``, as prices and people know it."""
        ...

    @property
    def dialect(self) -> Dialect: ...

    def complete(
        self, request: ModelRequest, *, on_delta: Callable[[TextDelta], None], cancel: Cancel
    ) -> Completion:
        """Make one call, streaming words to ``on_delta``.

        Raises ModelError, or Cancelled if ``cancel`` was set meanwhile.
        """
        ...


# ---- git ------------------------------------------------------------------------------


class Source(Protocol):
    """A repository's objects on the host, trusted ones only. Implemented by a bare mirror."""

    def files(self, commit: str) -> Mapping[str, str]:
        """Path to blob id of every regular file of ``commit`` (paths as UTF-8 text)."""
        ...

    def read(self, blob: str) -> bytes: ...

    def diff(self, base: str, head: str) -> Change: ...


class HandOver(Protocol):
    """Trees from the sandbox become commits in the mirror; nothing is ever checked out."""

    def seed(self, commit: str, depth: int) -> tuple[bytes, tuple[str, ...]]:
        """A pack of ``commit`` with ``depth`` commits of history, and its shallow boundary."""
        ...

    def context(self, commit: str) -> Mapping[str, tuple[str, str]]:
        """Path to git's mode and blob id of every file and symbolic link: what an image is built from."""
        ...

    def commit(
        self,
        stream: Iterable[bytes],
        *,
        base: str,
        message: str,
        previous: str | None = None,
        deleted: Sequence[bytes] = (),
        parents: Sequence[str] = (),
    ) -> str:
        """Turn a tar stream into a commit on ``base`` (with other ``parents``, if any are named).

        With ``previous`` the stream holds only changed paths, laid over that commit's tree
        less ``deleted``, and a path that may not be committed is left out; without it such a
        path raises HandOverError. An unchanged tree returns ``base`` itself.
        """
        ...

    def tree(self, commit: str) -> str:
        """The id of the tree of ``commit``."""
        ...

    def pack(self, commit: str, base: str) -> bytes:
        """A self-contained pack of what ``commit`` needs beyond ``base``."""
        ...

    def unpack(self, pack: bytes) -> None: ...


class Remote(Protocol):
    """The repository's remote side."""

    def fetch(self, base: str | None) -> Base:
        """Update the mirror and resolve the base branch. Raises GitError or UserError."""
        ...

    def ensure(self, commit: str) -> None:
        """Bring one commit that the remote has, if the mirror lacks it. Raises GitError."""
        ...

    def head(self, branch: str, access: PushAccess) -> str | None:
        """The commit that the remote branch points to now, or None."""
        ...

    def follow(self, branch: str, access: PushAccess) -> str | None:
        """Bring what the remote branch holds now, and return its commit; None if it is gone."""

    def push(self, sha: str, branch: str, access: PushAccess, expect: str | None) -> None:
        """Push exactly ``sha``; the remote must hold ``expect`` (None: nothing). Reads it back.

        ``expect`` equal to ``sha`` on the remote already is success. Raises GitError.
        """
        ...


class Mirror(Source, HandOver, Remote, Merging, Protocol):
    """One repository on the host: the four views above of one bare clone."""


# ---- forges ---------------------------------------------------------------------------


class Publisher(Protocol):
    """The forge's writing side."""

    def access(self, repo: RepoRef, *, fork: bool) -> PushAccess:
        """Where honk may push. Raises UserError if nowhere: asked before any model cost."""
        ...

    def find(self, repo: RepoRef, base: str, branch: str, head_owner: str = "") -> PullRequest | None:
        """The newest pull request from ``branch``, in whatever state."""
        ...

    def publish(self, proposal: Proposal) -> PullRequest:
        """Open a pull request, or update the open one of the same branch. Never reopens one."""
        ...


class PullRequestTable(Protocol):
    """Pull requests of the local forge, kept by honk."""

    def add(self, record: PullRequestRecord) -> PullRequestRecord:
        """Store a new one; its number is the next free one of its repository."""
        ...

    def edit(
        self, repo: str, number: int, change: Callable[[PullRequestRecord], PullRequestRecord]
    ) -> PullRequestRecord:
        """Replace a record by what ``change`` makes of it as it then stands; nobody writes in between.

        What ``change`` raises leaves it as it was. Raises StoreError if there is none.
        """
        ...

    def get(self, repo: str, number: int) -> PullRequestRecord | None: ...

    def all(self) -> list[PullRequestRecord]:
        """Newest first."""
        ...

    def of_branch(self, repo: str, base: str, branch: str) -> list[PullRequestRecord]:
        """Newest first."""
        ...


# ---- stores ---------------------------------------------------------------------------


class EventStore(Protocol):
    """The log. One writer for each run, fenced."""

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        """Append as number ``seq``. Raises StaleWriter if another owner took the run."""
        ...

    def read(self, run_id: str, after: int = 0) -> list[Recorded]: ...

    def runs(self) -> list[str]:
        """Ids of all runs, newest first."""
        ...

    def heads(self, of: Collection[str] | None = None) -> list[Head]:
        """The newest event of each run, or of each one named, in no order."""
        ...


class Leases(Protocol):
    """Who owns a run now."""

    def claim(self, run_id: str, owner: str) -> int:
        """Take the run and return the new fence. Raises StaleWriter if a live owner holds it."""
        ...

    def renew(self, run_id: str, fence: int) -> None:
        """Say that the owner lives. Raises StaleWriter if the fence is not the newest."""
        ...

    def release(self, run_id: str, fence: int) -> None: ...

    def revoke(self, run_id: str) -> None:
        """Take the run from whoever has it: every fence so far is a stale one."""
        ...

    def live(self, run_id: str) -> bool: ...


@dataclass(frozen=True)
class Word:
    """One message in a run's inbox."""

    id: int
    kind: str
    text: str


class Inbox(Protocol):
    """Words from other processes to the owner of a run, in order."""

    def send(self, run_id: str, kind: Literal["cancel", "say", "allow"], text: str) -> None: ...

    def look(self, run_id: str) -> list[Word]:
        """All that is there, oldest first. It stays until it is dropped."""
        ...

    def drop(self, word: Word) -> None:
        """What it said is done, or in the log."""
        ...


class Baselines(Protocol):
    """What checks found on base commits; a cache that any run may fill and use."""

    def get(self, key: BaselineKey) -> Check | None: ...

    def put(self, key: BaselineKey, check: Check) -> None: ...


class Artifacts(Protocol):
    """Immutable bytes by digest (``sha256:…``)."""

    def put(self, data: bytes) -> str: ...

    def get(self, digest: str) -> bytes:
        """Raises StoreError if there is none."""
        ...

    def size(self, digest: str) -> int:
        """In bytes; 0 if there is none."""
        ...

    def remove(self, digest: str) -> None:
        """Delete it, if it is there."""
        ...
