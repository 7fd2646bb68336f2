"""What the pipeline needs of a sandbox. Its contract suite is in ``tests/sandboxes``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from honk.core.cancel import Cancel
from honk.core.types import CommandResult


class Shell(Protocol):
    """The session's one long-lived shell; it keeps working folder and environment."""

    def run(self, command: str, *, timeout: float) -> CommandResult:
        """Run one command, which may be many lines. ``timeout`` in seconds.

        At the deadline every process of the session is killed and the shell starts anew.
        Raises SandboxError if the container is gone.
        """
        ...

    def restart(self) -> None: ...


class Workspace(Protocol):
    """Files of the sandbox, read and written inside it, as its own user.

    Paths are absolute or relative to the repository. Each raises ToolError with the
    reason (no such file, a folder, no permission, too large) for the model to read.
    """

    def read(self, path: str) -> bytes: ...

    def write(self, path: str, data: bytes) -> None:
        """Create or replace, with missing folders; an existing file keeps its mode."""
        ...

    def remove(self, path: str) -> None: ...

    def listing(self, path: str, depth: int) -> list[str]:
        """Paths below a folder, sorted, folders with a trailing slash, hidden ones left out.

        Raises ToolError if ``path`` is not a folder. ``depth`` 1 is its direct content.
        """
        ...


@dataclass(frozen=True)
class TreeChanges:
    """Paths (relative, raw bytes) that differ from the last scan, and those that are gone."""

    changed: tuple[bytes, ...]
    deleted: tuple[bytes, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.deleted)


class Tree(Protocol):
    """The work tree as honk's own trusted reader sees it, beside the container of the model."""

    def scan(self) -> TreeChanges:
        """What changed since the previous scan (the first one compares with the seed)."""
        ...

    def export(self, paths: Sequence[bytes] | None = None) -> AbstractContextManager[Iterator[bytes]]:
        """A POSIX tar stream of the whole tree without its top-level ``.git``, or of some paths."""
        ...


class Sandbox(Protocol):
    """One run's container with its companion. A context manager closes it, always."""

    @property
    def image(self) -> str: ...

    @property
    def shell(self) -> Shell: ...

    @property
    def files(self) -> Workspace: ...

    @property
    def tree(self) -> Tree: ...

    def run(self, command: str, *, timeout: float) -> CommandResult:
        """Run ``command`` in a fresh shell in the repository, apart from the session's shell."""
        ...

    def freeze(self) -> None:
        """Kill everything that the model may have started. Only ``tree`` works afterwards."""
        ...

    def thaw(self) -> None:
        """Start a new container on the same files; the shell is a new one."""
        ...

    def reset(self) -> None:
        """Start again on the spec's checkout: nothing runs, and of the work tree's files only
        those stay that the ignore rules cover (what setup installed, what a build made).

        What lies outside the work tree and /tmp stays too: caches below HOME.
        """
        ...

    def asked(self) -> tuple[str, ...]:
        """Requests through the package proxy since the last call, for the run's log."""
        ...


@dataclass(frozen=True)
class Submodule:
    """A submodule of the base: a git pack that holds ``commit``, whose files are put at ``path``.

    They are there to be read: neither a scan nor an export goes below ``path``.
    """

    path: str
    commit: str
    pack: bytes


@dataclass(frozen=True)
class SandboxSpec:
    """What a sandbox is made from.

    ``packs``: git packs, base first, that together hold ``commit`` with ``depth`` commits
    of history; ``checkout`` is what the work tree shows, ``head`` what HEAD points to (a
    checkpoint's tree over the base commit shows as uncommitted edits).
    """

    run_id: str
    role: Literal["work", "verify"]
    image: str
    packs: tuple[bytes, ...]
    shallow: tuple[str, ...]
    head: str
    checkout: str
    submodules: tuple[Submodule, ...] = ()


OpenSandbox = Callable[[SandboxSpec, Cancel], AbstractContextManager[Sandbox]]
