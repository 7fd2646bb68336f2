"""Merges by plumbing: no work tree, no index, conflicts as markers in the resulting tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from honk.core.errors import GitError
from honk.core.merging import Merged
from honk.git.command import Git, failure
from honk.git.commits import Author, Signing, commit_tree
from honk.git.objects import text_path


@dataclass(frozen=True)
class Merger:
    """Merges in one repository, by one author."""

    git: Git
    author: Author
    signing: Signing | None

    def common(self, one: str, other: str) -> str | None:
        """The newest commit that both histories have, as far as they are here."""
        found = self.git.attempt("merge-base", one, other)
        return found.out.decode().split()[0] if found.code == 0 else None

    def merge(self, head: str, other: str, message: str) -> Merged:
        """``other`` merged into ``head``."""
        tree, conflicts = self._merge(head, other)
        return Merged(self._commit(tree, (head, other), message, self.signing), conflicts)

    def carry(self, base: str, commit: str, onto: str, message: str) -> Merged:
        """What ``commit`` changes of ``base``, as a commit on ``onto``.

        git before 2.40 takes no merge base by hand, so the three trees get a small history
        of their own in which ``base`` is the parent of both others.
        """
        root = self._commit(f"{base}^{{tree}}", (), "base")
        ours = self._commit(f"{onto}^{{tree}}", (root,), "ours")
        theirs = self._commit(f"{commit}^{{tree}}", (root,), "theirs")
        tree, conflicts = self._merge(ours, theirs)
        return Merged(self._commit(tree, (onto,), message), conflicts)

    def _merge(self, one: str, other: str) -> tuple[str, tuple[str, ...]]:
        """The tree of a merge, and the paths in conflict (git-merge-tree(1), since git 2.38)."""
        options = ("--write-tree", "-z", "--name-only", "--no-messages", "--allow-unrelated-histories")
        result = self.git.attempt("merge-tree", *options, one, other)
        if result.code not in (0, 1):
            if re.search("usage:|unknown option", result.err):
                raise GitError("This git cannot merge without a work tree.", "Install git 2.38 or newer.")
            raise failure("merge-tree", result, self.git.directory)
        tree, *paths = result.out.rstrip(b"\0").split(b"\0")
        return tree.decode().strip(), tuple(text_path(path) for path in dict.fromkeys(paths) if path)

    def _commit(self, tree: str, parents: Sequence[str], message: str, signing: Signing | None = None) -> str:
        return commit_tree(self.git, tree, parents, message, None, self.author, signing)
