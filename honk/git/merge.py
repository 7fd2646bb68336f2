"""Merging in a bare repository: what two commits make together, without a work tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from honk.core.errors import GitError, UserError
from honk.core.merging import Merged
from honk.core.types import check_object_id
from honk.git.command import Git, last_words
from honk.git.commits import Committer, commit_tree
from honk.git.objects import text_path


def contains(git: Git, commit: str, other: str) -> bool:
    """Whether ``other`` is ``commit`` or one of its ancestors."""
    return (
        git.attempt("merge-base", "--is-ancestor", check_object_id(other), check_object_id(commit)).code == 0
    )


def common(git: Git, one: str, other: str) -> str | None:
    """The newest commit that both histories have, as far as they are here."""
    found = git.attempt("merge-base", check_object_id(one), check_object_id(other))
    return found.out.decode().strip() if found.code == 0 else None


def fork_point(git: Git, base: str, head: str) -> str:
    """The commit that both sides have in common. Raises GitError if there is none."""
    return git.run("merge-base", check_object_id(base), check_object_id(head)).decode().strip()


def try_merge(git: Git, one: str, other: str, *options: str) -> tuple[str, tuple[str, ...]]:
    """The tree of ``other`` merged into ``one``, and the paths in conflict (git-merge-tree(1), git 2.38).

    Paths in conflict stand in the tree with conflict markers, or as one side has them.
    Raises UserError where git is too old, GitError where it fails.
    """
    ends = (check_object_id(one), check_object_id(other))
    result = git.attempt("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", *options, *ends)
    if result.code in (0, 1):
        tree, *paths = result.out.rstrip(b"\0").split(b"\0")
        names = sorted({text_path(path) for path in paths if path})
        return check_object_id(tree.decode().strip()), tuple(names)
    if result.code == 129 or "usage:" in result.err:
        raise UserError("This git is too old to merge without a work tree.", "Install git 2.38 or newer.")
    raise GitError(f"git could not merge: {last_words(result.err)}", "Merge it by hand.")


def merge(git: Git, base: str, head: str, message: str, by: Committer) -> str:
    """The commit that ``base`` becomes: ``head`` itself if nothing else happened, else a merge.

    Raises UserError if they contradict each other.
    """
    if contains(git, head, base):
        return head
    tree, conflicts = try_merge(git, base, head)
    if conflicts:
        raise UserError(
            f"Both sides changed {', '.join(conflicts[:5])}.",
            "Merge the base into the branch by hand, push it, and look again.",
        )
    return commit_tree(git, tree, (base, head), message, by)


def merge_in(git: Git, head: str, other: str, message: str, by: Committer) -> Merged:
    """``other`` merged into ``head``, its conflicts left in the tree for the model to settle."""
    tree, conflicts = try_merge(git, head, other, "--allow-unrelated-histories")
    return Merged(commit_tree(git, tree, (head, other), message, by), conflicts)


def carry(git: Git, base: str, commit: str, onto: str, message: str, by: Committer) -> Merged:
    """What ``commit`` changes of ``base``, as a commit on ``onto``.

    git before 2.40 takes no merge base by hand, so the three trees get a small history of
    their own in which ``base`` is the parent of both others. None of these is ever pushed,
    so none is signed.
    """
    by = replace(by, signing=None)

    def bare(sha: str, parents: Sequence[str]) -> str:
        return commit_tree(git, f"{check_object_id(sha)}^{{tree}}", parents, "honk", by)

    root = bare(base, ())
    tree, conflicts = try_merge(git, bare(onto, (root,)), bare(commit, (root,)))
    return Merged(commit_tree(git, tree, (onto,), message, by), conflicts)


def reverted(git: Git, head: str) -> frozenset[str]:
    """Commits that ``git revert`` named in messages that ``head`` has."""
    found = git.run(
        "log", "--fixed-strings", "--grep=This reverts commit ", "--format=%B", check_object_id(head)
    )
    words = found.decode("utf-8", "replace").replace(",", " ").replace(".", " ").split()
    return frozenset(word for word in words if len(word) in (40, 64))
