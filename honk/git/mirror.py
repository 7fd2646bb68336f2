"""A bare clone on the host: the one place where a repository's objects live.

A mirror is a disposable cache under ``HOME/mirrors/``, one for each address. It is shallow:
a run needs the base commit and the history that travels into the sandbox, and a push from
a shallow clone sends only the new commit where the remote has its parent (and after
unshallowing, where it has not: an outdated fork). Nothing is ever checked out in it, no
hook, filter or driver runs, and nothing is pruned while honk may need it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType

from honk.core.cancel import Cancel
from honk.core.errors import GitError, UserError
from honk.core.merging import Merged
from honk.core.types import Base, Change, PushAccess, RepoRef, check_object_id
from honk.git import handover, history, merge, objects, submodules
from honk.git.command import EMPTY_TREE, Git, failure
from honk.git.commits import Committer
from honk.git.objects import REGULAR, Blobs, Entry
from honk.git.refs import Location, check_branch, check_own_branch, location
from honk.git.remote import (
    Advertised,
    Credential,
    Endpoint,
    Network,
    advertised,
    explain,
    fetch,
    push,
    refused,
)
from honk.git.upkeep import locked, nascent, place, sweep, touch

_TREES = 6  # parsed trees kept: the base's, the last checkpoints'


class Mirror:
    """The ports Source, HandOver and Remote of one repository. A context manager; see open_mirror."""

    def __init__(
        self, directory: Path, repo: RepoRef, origin: Endpoint, depth: int, committer: Committer
    ) -> None:
        self._repo = repo
        self._origin = origin
        self._depth = depth
        self._committer = committer
        self._directory = directory
        self._git = Git(directory)
        self._blobs = Blobs(self._git)
        self._trees: dict[str, dict[bytes, Entry]] = {}

    def __enter__(self) -> Mirror:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the long-lived git process."""
        self._blobs.close()

    @property
    def directory(self) -> Path:
        """The bare repository, for messages."""
        return self._directory

    @property
    def repo(self) -> RepoRef:
        """The repository that this is a mirror of."""
        return self._repo

    # ---- Remote -------------------------------------------------------------------------

    def fetch(self, base: str | None) -> Base:
        """Bring the base branch (the remote's default one if None) and say where it is.

        Raises UserError for a branch, repository or commit that is not there, GitError if the
        remote cannot be used.
        """
        found = self._heads(base)
        branch = base or found.head
        if branch is None or branch not in found.heads:
            raise self._no_branch(base, found.head)
        check_branch(branch)  # the remote's own HEAD may name anything
        sha = self._bring(f"refs/heads/{branch}", branch, found.heads[branch])
        return Base(repo=self._repo, branch=branch, sha=sha, default_branch=found.head or branch)

    def ensure(self, commit: str) -> None:
        """Bring one commit that an earlier run or a person left at the remote, if it is missing here."""
        check_object_id(commit)
        if self.has(commit):
            touch(self._directory)
        else:
            self._bring(commit, commit, commit)

    def has(self, commit: str) -> bool:
        """Whether the commit is here already."""
        return self._git.attempt("cat-file", "-e", f"{check_object_id(commit)}^{{commit}}").code == 0

    def head(self, branch: str, access: PushAccess) -> str | None:
        """The commit that the remote branch points to now, or None."""
        ref = f"refs/heads/{check_branch(branch)}"
        return advertised(self._git, self._endpoint(access), ref).heads.get(branch)

    def follow(self, branch: str, access: PushAccess) -> str | None:
        """Bring what the remote branch holds now, and return its commit; None if it is gone."""
        now = self.head(branch, access)
        if now is None:
            return None
        return self._bring(f"refs/heads/{branch}", f"{access.url} {branch}", now, self._endpoint(access))

    def push(self, sha: str, branch: str, access: PushAccess, expect: str | None) -> None:
        """Push exactly ``sha`` to ``branch`` (``honk/…``), which must hold ``expect`` or already ``sha``."""
        check_own_branch(branch)
        self._put(sha, branch, access, expect)

    def advance(self, sha: str, branch: str, access: PushAccess, expect: str) -> None:
        """As ``push``, to any branch: a person merges. Raises UserError if it is checked out there."""
        check_branch(branch)
        self._put(sha, branch, access, expect)

    def _put(self, sha: str, branch: str, access: PushAccess, expect: str | None) -> None:
        check_object_id(sha)
        now = self.head(branch, access)
        if now == sha:
            return
        if now != (None if expect is None else check_object_id(expect)):
            raise _moved(branch, access, now)
        remote = self._endpoint(access)
        result = push(self._git, remote, sha, branch, expect)
        if "shallow update not allowed" in result.err + result.out.decode("utf-8", "replace"):
            self._unshallow()
            result = push(self._git, remote, sha, branch, expect)
        held = self.head(branch, access) if result.code == 0 else None
        if result.code != 0:
            raise refused(result, branch, remote)
        if held != sha:
            raise _moved(branch, access, held)

    # ---- Source -------------------------------------------------------------------------

    def files(self, commit: str) -> Mapping[str, str]:
        """Path to blob id of every regular file of ``commit``."""
        return {
            objects.text_path(path): entry.oid
            for path, entry in self._tree(commit).items()
            if entry.mode in REGULAR
        }

    def read(self, blob: str) -> bytes:
        """The content of a blob. Raises GitError."""
        return self._blobs.read(blob)

    def diff(self, base: str, head: str) -> Change:
        """The difference between two commits, renames not followed."""
        return objects.diff(self._plain(base), base, head)

    def tree(self, commit: str) -> str:
        """The id of the tree of ``commit``."""
        return self._git.run("rev-parse", "--verify", f"{check_object_id(commit)}^{{tree}}").decode().strip()

    def submodules(self, commit: str) -> tuple[submodules.Link, ...]:
        """The submodules of ``commit``, each with the repository that it may be read from."""
        return submodules.links(self._git, self._blobs, self._tree(commit), self._repo)

    # ---- HandOver -----------------------------------------------------------------------

    def context(self, commit: str) -> Mapping[str, tuple[str, str]]:
        """Path to mode and blob id of every file and symbolic link of ``commit``."""
        return {objects.text_path(p): e for p, e in self._tree(commit).items() if e.mode != objects.GITLINK}

    def seed(self, commit: str, depth: int) -> tuple[bytes, tuple[str, ...]]:
        """A pack of ``commit`` with at most ``depth`` commits of history, and its shallow boundary.

        Kept on disk beside the mirror's objects, one file for each commit and depth.
        """
        folder = self._directory / "seeds"
        if cached := history.load_seed(folder, check_object_id(commit), depth):
            return cached
        with self._locked():
            pack, boundary = history.make_seed(self._git, commit, depth)
            history.store_seed(folder, commit, depth, pack, boundary)
        return pack, boundary

    def commit(
        self,
        stream: Iterable[bytes],
        *,
        base: str,
        message: str,
        previous: str | None = None,
        deleted: Sequence[bytes] = (),
        parents: Sequence[str] = (),
        date: datetime | None = None,
    ) -> str:
        """Turn a tar stream into a commit on ``base``; see :mod:`honk.git.handover` for the rules.

        The same stream, base, message, author and ``date`` (None: now) give the same commit,
        OpenPGP signatures aside. An unchanged tree returns ``base``. Raises HandOverError.
        """
        check_object_id(base)
        start = base if previous is None else check_object_id(previous)
        parts = self._parts(base)
        final = handover.read_tree(parts, stream, base, previous, deleted)
        if final == self._tree(base):
            return base
        sha = handover.write_commit(parts, final, base, start, message, date, parents)
        self._remember(sha, final)
        return sha

    def pack(self, commit: str, base: str) -> bytes:
        """A self-contained pack of what ``commit`` needs beyond ``base``."""
        return history.make_pack(self._git, commit, base)

    def unpack(self, pack: bytes) -> None:
        """Take such a pack back in. Raises GitError."""
        objects.unpack(self._git, pack)

    # ---- Merging: people's merges, and those of follow-ups ------------------------------

    def contains(self, commit: str, other: str) -> bool:
        """Whether ``other`` is ``commit`` or one of its ancestors."""
        return merge.contains(self._git, commit, other)

    def fork_point(self, base: str, head: str) -> str:
        return merge.fork_point(self._git, base, head)

    def conflicts(self, base: str, head: str) -> tuple[str, ...]:
        """Paths that ``base`` and ``head`` changed in ways that contradict each other."""
        return merge.try_merge(self._plain(base), base, head)[1]

    def merge(self, base: str, head: str, message: str) -> str:
        """The commit that ``base`` becomes with ``head`` in it. Raises UserError for conflicts."""
        return merge.merge(self._plain(base), base, head, message, self._committer)

    def reverted(self, head: str) -> frozenset[str]:
        """Commits that ``head`` has taken back."""
        return merge.reverted(self._git, head)

    def common(self, one: str, other: str) -> str | None:
        """The newest commit that both histories have, or None; all of them is fetched if need be."""
        found = merge.common(self._git, one, other)
        if found is None:
            self._unshallow()
            found = merge.common(self._git, one, other)
        return found

    def merge_in(self, head: str, other: str, message: str) -> Merged:
        """``other`` merged into ``head``, with its conflicts in the tree."""
        self.common(head, other)  # brings the history that a merge needs
        return merge.merge_in(self._plain(head), head, other, message, self._committer)

    def carry(self, base: str, commit: str, onto: str, message: str) -> Merged:
        """What ``commit`` changes of ``base``, as a commit on ``onto``."""
        return merge.carry(self._plain(base), base, commit, onto, message, self._committer)

    # ---- inside -------------------------------------------------------------------------

    def _parts(self, base: str) -> handover.Parts:
        return handover.Parts(
            git=self._git,
            blobs=self._blobs,
            trees=self._tree,
            algorithm=_format(base),
            by=self._committer,
        )

    def _plain(self, commit: str) -> Git:
        """git that reads no attributes of any tree (newer versions would, in a bare repository)."""
        return replace(self._git, config={"attr.tree": EMPTY_TREE[_format(commit)]})

    def _tree(self, commit: str) -> dict[bytes, Entry]:
        return self._trees.get(commit) or self._remember(commit, objects.tree(self._git, commit))

    def _remember(self, commit: str, entries: dict[bytes, Entry]) -> dict[bytes, Entry]:
        self._trees = {**dict(list(self._trees.items())[1 - _TREES :]), commit: entries}
        return entries

    def _endpoint(self, access: PushAccess) -> Endpoint:
        return replace(self._origin, at=location(access.url))

    def _heads(self, base: str | None) -> Advertised:
        if base is not None:
            return advertised(self._git, self._origin, f"refs/heads/{check_branch(base)}")
        return advertised(self._git, self._origin, "HEAD")

    def _no_branch(self, base: str | None, default: str | None) -> UserError:
        url = self._origin.at.url
        heads = sorted(name for name in advertised(self._git, self._origin).heads if name)
        if not heads:
            return UserError(
                f"The repository {url} has no branch with a commit yet.",
                "Push a first commit, then run it again.",
            )
        shown = ", ".join(heads[:10]) + (f" and {len(heads) - 10} more" if len(heads) > 10 else "")
        if base is None:
            return UserError(
                f"HEAD of {url} does not point to a branch that exists.", f"Give one with --base: {shown}."
            )
        return UserError(f"{url} has no branch {base}.", f"It has: {shown}.")

    def _bring(self, wanted: str, name: str, known: str, remote: Endpoint | None = None) -> str:
        """Fetch ``wanted`` with the mirror's depth and return its commit; nothing is fetched twice."""
        ref = f"refs/honk/depth-{self._depth}/{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        with self._locked():
            self._initialise(_format(known))
            held = self._git.attempt("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
            if held.out.decode().strip() == known:
                with suppress(FileNotFoundError):
                    os.utime(self._directory / ref)  # in use: `honk prune` drops old ones
                return known
            sweep(self._directory)
            self._fetch(remote or self._origin, f"--depth={self._depth}", refspec=f"+{wanted}:{ref}")
            return self._git.run("rev-parse", "--verify", f"{ref}^{{commit}}").decode().strip()

    def _fetch(self, remote: Endpoint, *options: str, refspec: str) -> None:
        result = fetch(self._git, remote, *options, refspec=refspec)
        if result.code != 0 and f"{self._directory}/objects" in result.err:
            raise failure("fetch", result, self._directory)  # about the mirror, not the remote
        if result.code != 0:
            raise explain(result, remote, "read")

    def _unshallow(self) -> None:
        if not (self._directory / "shallow").exists():
            return
        refs = self._git.run("for-each-ref", "--format=%(objectname)", "refs/honk").decode().split()
        with self._locked():
            for sha in dict.fromkeys(refs):
                self._fetch(self._origin, "--depth=2147483647", refspec=f"+{sha}:refs/honk/full/{sha}")

    def _initialise(self, algorithm: str) -> None:
        """Create the bare repository, unless it is there."""
        if self._directory.is_dir():
            return
        with nascent(self._directory) as fresh:
            Git(fresh).run(
                "init",
                "--quiet",
                "--bare",
                "--template=",
                f"--object-format={algorithm}",
                "--initial-branch=none",
            )
            (fresh / objects.BINARY_ATTRIBUTES).write_text("* -diff\n")

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self._directory, self._origin.cancel)


def _format(commit: str) -> str:
    return "sha1" if len(commit) == 40 else "sha256"


def _moved(branch: str, access: PushAccess, now: str | None) -> GitError:
    holds = f"holds {now}, which honk did not push" if now else "is gone, though honk pushed it before"
    return GitError(
        f"The branch {branch} at {location(access.url).url} {holds}; nothing was overwritten.",
        "Follow up on the pull request to build upon that commit, or delete the branch.",
    )


def open_mirror(
    home: Path,
    repo: RepoRef,
    credential: Credential | None = None,
    *,
    network: Network | None = None,
    committer: Committer | None = None,
    depth: int = 50,
    cancel: Cancel | None = None,
) -> Mirror:
    """The mirror of ``repo`` under ``home/mirrors``; nothing is created before the first fetch.

    ``credential`` is used for the forge's own host only. ``depth`` is the history to keep,
    at least what :meth:`Mirror.seed` will be asked for. ``cancel`` ends what talks to a remote
    or waits for the mirror, which then raises Cancelled. Raises UserError for an address that
    honk does not take.
    """
    at: Location = location(repo.url)
    origin = Endpoint(at, credential, network or Network(), cancel or Cancel())
    return Mirror(place(home, at), repo, origin, depth, committer or Committer())
