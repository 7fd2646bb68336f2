"""Merging in a bare repository: what two branches make together, without a work tree."""

from __future__ import annotations

from dataclasses import dataclass

from honk.core.errors import GitError, UserError
from honk.core.types import check_object_id
from honk.git import handover
from honk.git.command import Git, last_words


@dataclass(frozen=True)
class Merged:
    """The ``tree`` of both sides together, or the paths in which they contradict each other."""

    tree: str | None
    conflicts: tuple[str, ...] = ()


def contains(git: Git, commit: str, other: str) -> bool:
    """Whether ``other`` is ``commit`` or one of its ancestors."""
    return (
        git.attempt("merge-base", "--is-ancestor", check_object_id(other), check_object_id(commit)).code == 0
    )


def fork_point(git: Git, base: str, head: str) -> str:
    """The commit that both sides have in common. Raises GitError if there is none."""
    return git.run("merge-base", check_object_id(base), check_object_id(head)).decode().strip()


def try_merge(git: Git, base: str, head: str) -> Merged:
    """What ``head`` merged into ``base`` would be (git merge-tree --write-tree, git 2.38).

    Raises UserError where git is too old, GitError where it fails.
    """
    ends = (check_object_id(base), check_object_id(head))
    result = git.attempt("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", *ends)
    fields = result.out.decode("utf-8", "backslashreplace").split("\0")
    if result.code == 0:
        return Merged(check_object_id(fields[0]))
    if result.code == 1:
        return Merged(None, tuple(sorted({name for name in fields[1:] if name})))
    if result.code == 129 or "usage:" in result.err:
        raise UserError("This git is too old to merge without a work tree.", "Install git 2.38 or newer.")
    raise GitError(f"git could not merge: {last_words(result.err)}", "Merge it by hand.")


def merge(parts: handover.Parts, base: str, head: str, message: str) -> str:
    """The commit that ``base`` becomes: ``head`` itself if nothing else happened, else a merge.

    Raises UserError if they contradict each other.
    """
    if contains(parts.git, head, base):
        return head
    merged = try_merge(parts.git, base, head)
    if merged.tree is None:
        raise UserError(
            f"Both sides changed {', '.join(merged.conflicts[:5])}.",
            "Merge the base into the branch by hand, push it, and look again.",
        )
    return handover.commit_tree(parts, merged.tree, (base, head), message, None)


def reverted(git: Git, head: str) -> frozenset[str]:
    """Commits that ``git revert`` named in messages that ``head`` has."""
    found = git.run(
        "log", "--fixed-strings", "--grep=This reverts commit ", "--format=%B", check_object_id(head)
    )
    words = found.decode("utf-8", "replace").replace(",", " ").replace(".", " ").split()
    return frozenset(word for word in words if len(word) in (40, 64))
