"""What a repository of a person's knows of commits, by GitPython. It is only read.

The person's own git answers, with the configuration that it has for them; what honk does in its
mirrors needs a closed environment instead (:mod:`honk.git.command`).
"""

from __future__ import annotations

from pathlib import Path

from honk.core.errors import GitError, UserError
from honk.core.types import check_object_id
from honk.git.command import printable


class Commits:
    """The commits of the repository at or above ``path``. Raises UserError if there is none."""

    def __init__(self, path: Path) -> None:
        from git import InvalidGitRepositoryError, NoSuchPathError, Repo

        try:
            self._repo = Repo(path, search_parent_directories=True)
        except (InvalidGitRepositoryError, NoSuchPathError) as error:
            raise UserError(
                f"{path} is not in a git repository.", "Give another path with --repo."
            ) from error

    def tree(self, commit: str) -> str | None:
        """The id of its tree; None if there is no such commit. Raises GitError."""
        try:
            name = f"{check_object_id(commit)}^{{tree}}"
        except ValueError:
            return None
        code, out, _ = self._ask("rev-parse", "--verify", "--quiet", name)
        return out if code == 0 else None

    def descends(self, commit: str, ancestor: str) -> bool:
        """Whether ``ancestor`` is ``commit`` or comes before it. Raises GitError."""
        code, _, error = self._ask("merge-base", "--is-ancestor", ancestor, commit)
        if code not in (0, 1):
            raise GitError(f"git cannot compare the commits: {printable(error)}", "Mend the repository.")
        return code == 0

    def _ask(self, *words: str) -> tuple[int, str, str]:
        from git.exc import GitCommandNotFound

        try:
            code, out, error = self._repo.git.execute(
                ["git", *words], with_extended_output=True, with_exceptions=False
            )
        except GitCommandNotFound as missing:
            raise GitError("git is not installed.", "Install git 2.36 or newer (package git).") from missing
        return code, str(out), str(error)
