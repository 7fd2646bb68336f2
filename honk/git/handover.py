"""A tree from the sandbox becomes a commit in the mirror, by plumbing alone.

The rules and their order:

1. What the base's ignore rules cover is passed over, whatever it is, unless the base
   itself has that path. The top-level ``.git`` and everything under a submodule of the
   base are passed over too; submodules stay as the base has them.
2. What is the same as in the base stays, whatever its name.
3. Everything else must be a regular file or a symbolic link with a name and a target that
   every file system reads the same way. All refusals found are reported together.
4. Bytes equal blobs: no filter runs. A file kept in LFS is a pointer here and can be moved
   or deleted, but not changed.
5. The tree that git then writes must equal the expected one exactly.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from honk.core.errors import GitError, HandOverError
from honk.git.command import Git
from honk.git.commits import Committer, commit_tree
from honk.git.history import make_pack
from honk.git.names import fold, git_alias, malformed, shown, unacceptable, unacceptable_link
from honk.git.objects import (
    GITLINK,
    REGULAR,
    SYMLINK,
    Blobs,
    Entry,
    compressed,
    object_id,
    tree,
    unpack,
    write_blobs,
)
from honk.git.rules import BaseRules
from honk.git.tar import Caps, Member, walk

_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_CHECKED = (b".gitmodules", b".gitattributes")  # files whose content git itself may refuse
_REPORTED = 10  # refusals told at once


@dataclass
class _Found:
    """What the walk has gathered."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    new: dict[str, bytes] = field(default_factory=dict)  # blob id -> entry of a pack
    new_bytes: int = 0
    refusals: dict[str, None] = field(default_factory=dict)  # in order, each once
    seen: set[bytes] = field(default_factory=set)
    members: int = 0

    def refuse(self, path: bytes, why: str) -> None:
        path = git_alias(path) or path  # one word on a nested .git, not one on each of its files
        if len(self.refusals) < _REPORTED:
            self.refusals[f"{shown(path)} {why}"] = None

    def check(self) -> None:
        if self.refusals:
            raise HandOverError(
                f"The tree cannot be committed: {'; '.join(self.refusals)}.",
                "Remove or mend what is named; other changes stay as they are.",
            )


def _parents(path: bytes) -> list[bytes]:
    """The folders above ``path``, innermost first."""
    found = []
    while (cut := path.rfind(b"/")) > 0:
        path = path[:cut]
        found.append(path)
    return found


def _folders(entries: Iterable[bytes]) -> set[bytes]:
    folders: set[bytes] = set()
    for path in entries:
        for parent in _parents(path):
            if parent in folders:
                break
            folders.add(parent)
    return folders


class _Walk:
    """One pass over the stream, against the base's tree and rules."""

    def __init__(
        self, base: Mapping[bytes, Entry], known: set[str], rules: BaseRules, caps: Caps, algorithm: str
    ):
        self.base = base
        self.known = known
        self.rules = rules
        self.caps = caps
        self.algorithm = algorithm
        self.folders = _folders(base)
        self.ignored: set[bytes] = set()
        self.found = _Found()

    def take(self, member: Member) -> None:
        """Judge one member, and keep what would be committed."""
        self.found.members += 1
        path = member.path
        if not path:
            return
        if why := self._out_of_bounds(path):
            raise HandOverError(f"The tree cannot be committed: {shown(path)} {why}.", "Remove it.")
        if (
            path == b".git"
            or path.startswith(b".git/")
            or self._in_submodule(member)
            or self._ignored(member)
        ):
            return
        if path in self.found.seen:
            self.found.refuse(path, "appears twice")
            return
        self.found.seen.add(path)
        if member.kind != "folder":  # an empty folder is never committed, so its name is free
            self._take_content(member)

    def _out_of_bounds(self, path: bytes) -> str | None:
        if len(path) > self.caps.path:
            return f"is a path longer than {self.caps.path} bytes"
        if path.count(b"/") >= self.caps.depth:
            return f"is more than {self.caps.depth} folders deep"
        return malformed(path)

    def _in_submodule(self, member: Member) -> bool:
        entry = self.base.get(member.path)
        if entry is not None and entry.mode == GITLINK:
            if member.kind != "folder":
                self.found.refuse(member.path, "is a submodule, which must stay as it is")
            return True
        return any(p in self.base and self.base[p].mode == GITLINK for p in _parents(member.path))

    def _ignored(self, member: Member) -> bool:
        path = member.path
        if path in self.base or (member.kind == "folder" and path in self.folders):
            return False
        parent = path.rpartition(b"/")[0]
        hidden = parent in self.ignored
        if not hidden:
            hidden = self.rules.ignores(path + b"/" if member.kind == "folder" else path)
        if hidden and member.kind == "folder":
            self.ignored.add(path)
        return hidden

    def _take_content(self, member: Member) -> None:
        path, before = member.path, self.base.get(member.path)
        if member.kind == "other":
            self.found.refuse(path, "is no file, folder or symbolic link (a socket, pipe or device?)")
        elif member.kind == "symlink":
            self._take_link(path, member.target, before)
        elif member.kind == "hardlink":
            self._take_hardlink(member)
        else:
            self._take_file(member, before)

    def _take_link(self, path: bytes, target: bytes, before: Entry | None) -> None:
        entry = Entry(SYMLINK, object_id("blob", target, self.algorithm))
        if entry != before:
            why = unacceptable(path) or unacceptable_link(path, target)
            if why:
                self.found.refuse(path, why)
                return
            self._keep(entry.oid, target)
        self.found.entries[path] = entry

    def _take_hardlink(self, member: Member) -> None:
        target = self.found.entries.get(member.target.removeprefix(b"./"))
        if target is None or target.mode == SYMLINK:
            self.found.refuse(member.path, f"is a hard link to {shown(member.target)}, outside of the tree")
        elif target != self.base.get(member.path) and (why := unacceptable(member.path)):
            self.found.refuse(member.path, why)
        else:
            self.found.entries[member.path] = target

    def _take_file(self, member: Member, before: Entry | None) -> None:
        path, size, cap = member.path, member.size, self.caps.file
        too_large = f"is {size >> 20} MiB large; at most {cap >> 20} MiB are allowed"
        if size > cap and before is None:
            self.found.refuse(path, too_large)
            return
        digest = hashlib.new(self.algorithm, b"blob %d\0" % size)
        pieces = []
        for piece in member.content():
            digest.update(piece)
            if size <= cap:
                pieces.append(piece)
        entry = Entry("100755" if member.executable else "100644", digest.hexdigest())
        if entry != before:
            if why := unacceptable(path):
                self.found.refuse(path, why)
                return
            if size > cap and entry.oid not in self.known:  # its mode may change
                self.found.refuse(path, too_large)
                return
            if size <= cap:
                self._keep(entry.oid, b"".join(pieces))
        self.found.entries[path] = entry

    def _keep(self, oid: str, data: bytes) -> None:
        if oid in self.known or oid in self.found.new:
            return
        self.found.new_bytes += len(data)
        if self.found.new_bytes > self.caps.new:
            raise HandOverError(
                f"The change adds more than {self.caps.new >> 20} MiB of new files.",
                "Delete what does not belong into a pull request, or have it ignored on the base branch.",
            )
        self.found.new[oid] = compressed(data)


def _check_collisions(final: Mapping[bytes, Entry], base: Mapping[bytes, Entry], found: _Found) -> None:
    """New names must differ from every other one in more than case or Unicode form, at every level."""
    folders = _folders(final)
    for path in final:
        if path in folders:
            found.refuse(path, "is a file and a folder at once")
    added = [p for p in final if p not in base]
    if not added:
        return
    base_folders = _folders(base)
    new = set(added) | {f for p in added for f in _parents(p) if f not in base_folders}
    folded: dict[bytes, bytes] = {}
    for name in sorted(new):
        if folded.setdefault(fold(name), name) != name:
            found.refuse(name, f"differs from {shown(folded[fold(name)])} only in case or Unicode form")
    for name in (*final, *folders):
        other = folded.get(fold(name))
        if other is not None and name not in new:
            found.refuse(other, f"differs from {shown(name)} only in case or Unicode form")


def _check_lfs(
    final: Mapping[bytes, Entry], base: Mapping[bytes, Entry], rules: BaseRules, blobs: Blobs, found: _Found
) -> None:
    """Files in LFS are pointers here: moved and deleted ones are fine, new content is not."""

    def pointer(entry: Entry | None) -> bool:
        return entry is not None and entry.mode in REGULAR and blobs.read(entry.oid).startswith(_LFS_POINTER)

    changed = [p for p, e in final.items() if e.mode in REGULAR and base.get(p) != e]
    if not changed:
        return
    originals = {entry.oid for entry in base.values()}
    under = rules.kept_in_lfs(changed)
    for path in changed:
        if path in under or pointer(base.get(path)):
            entry = final[path]
            if entry.oid not in originals or not pointer(entry):
                found.refuse(path, "is kept in Git LFS, and honk cannot change such files")


def _overlay(
    previous: Mapping[bytes, Entry], entries: Mapping[bytes, Entry], deleted: Sequence[bytes]
) -> dict[bytes, Entry]:
    """``previous`` less what was deleted or replaced (a file by a folder or back), plus ``entries``."""
    gone = {path.removeprefix(b"./").rstrip(b"/") for path in deleted}
    no_file, no_folder = gone | _folders(entries), gone | set(entries)
    final = {
        path: entry
        for path, entry in previous.items()
        if entry.mode == GITLINK
        or not (path in no_file or any(parent in no_folder for parent in _parents(path)))
    }
    final.update(entries)
    return final


@dataclass(frozen=True)
class Parts:
    """What one hand-over works with: the mirror, its trees, and who commits."""

    git: Git
    blobs: Blobs
    trees: Callable[[str], Mapping[bytes, Entry]]
    algorithm: str
    by: Committer = Committer()  # noqa: RUF009 -- frozen


def read_tree(
    parts: Parts, stream: Iterable[bytes], base: str, previous: str | None, deleted: Sequence[bytes]
) -> dict[bytes, Entry]:
    """The tree that a stream stands for, its new blobs written. Raises HandOverError.

    Laid over a ``previous`` commit, refused paths are left out instead.
    """
    before = parts.trees(base)
    under = before if previous is None else parts.trees(previous)
    known = {entry.oid for entry in before.values()} | {entry.oid for entry in under.values()}
    with BaseRules(parts.git, before, parts.blobs) as rules:
        walking = _Walk(before, known, rules, parts.by.caps, parts.algorithm)
        for member in walk(stream, parts.by.caps):
            walking.take(member)
        found = walking.found
        if previous is not None:  # a checkpoint: what is refused stays out, and must not cost the rest
            found.refusals.clear()
            final = _overlay(under, found.entries, deleted)
        elif found.members:
            final = {**found.entries, **{p: e for p, e in before.items() if e.mode == GITLINK}}
        else:
            raise HandOverError("The sandbox sent an empty tree.", "Run it again.")
        _check_collisions(final, before, found)
        found.check()  # of the stream, and of its names
        write_blobs(parts.git, found.new.values(), parts.algorithm)
        _check_lfs(final, before, rules, parts.blobs, found)
        found.check()
    return final


def write_commit(
    parts: Parts,
    final: Mapping[bytes, Entry],
    base: str,
    start: str,
    message: str,
    date: datetime | None,
    parents: Sequence[str] = (),
) -> str:
    """Write tree and commit on ``base``. ``start`` is a commit whose tree is near (base itself, say).
    ``parents`` stand in for ``base`` where it is a merge that will not be pushed itself."""
    near = parts.trees(start)
    lines = [b"0 %s\t%s\0" % (b"0" * len(start), p) for p in near if p not in final]
    lines += [
        b"%s %s\t%s\0" % (entry.mode.encode(), entry.oid.encode(), path)
        for path, entry in final.items()
        if near.get(path) != entry
    ]
    with tempfile.TemporaryDirectory(dir=parts.git.folder, prefix="index-") as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        parts.git.run("read-tree", start, env=env)
        parts.git.run("update-index", "-z", "--index-info", input=b"".join(lines), env=env)
        written = parts.git.run("write-tree", env=env).decode().strip()
    if tree(parts.git, written) != final:
        raise GitError("git wrote another tree than the sandbox held.", "Report this as a defect of honk.")
    commit = commit_tree(parts.git, written, parents or (base,), message, parts.by, date)
    if any(path.rsplit(b"/", 1)[-1] in _CHECKED and near.get(path) != e for path, e in final.items()):
        _check_strictly(parts, commit, base)
    return commit


def _check_strictly(parts: Parts, commit: str, base: str) -> None:
    """Let git's own strict check read the new objects, as a careful remote will."""
    try:
        unpack(parts.git, make_pack(parts.git, commit, base))
    except GitError as error:
        raise HandOverError(
            f"The tree cannot be committed, because git refuses what it says: {error.message}",
            "Undo the change of .gitmodules or .gitattributes.",
        ) from None
