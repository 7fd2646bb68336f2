"""What a repository of a person's knows of commits. It is only read, and nothing of it is run."""

from __future__ import annotations

from pathlib import Path

from honk.core.errors import GitError
from honk.core.types import check_object_id
from honk.git.command import Git, last_words
from honk.git.local import describe


class Commits:
    """The commits of the repository at or above ``path``. Raises UserError if there is none."""

    def __init__(self, path: Path) -> None:
        self._git = Git(describe(path).git_dir, config={"safe.directory": "*"})

    def tree(self, commit: str) -> str | None:
        """The id of its tree; None if there is no such commit."""
        try:
            name = f"{check_object_id(commit)}^{{tree}}"
        except ValueError:
            return None
        found = self._git.attempt("rev-parse", "--verify", "--quiet", name)
        return found.out.decode().strip() if found.code == 0 else None

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether ``ancestor`` is ``commit`` or comes before it. Raises GitError."""
        found = self._git.attempt("merge-base", "--is-ancestor", ancestor, commit)
        if found.code not in (0, 1):
            raise GitError(f"git cannot compare the commits: {last_words(found.err)}", "Mend the repository.")
        return found.code == 0
