"""Repositories as a conversation needs them: their rights and pull requests, asked of the forge now."""

from __future__ import annotations

from typing import Protocol

from honk.core.errors import UserError
from honk.core.followup import Standing
from honk.core.operator import SlackSettings
from honk.core.types import RepoRef


class Projects(Protocol):
    """Nothing is remembered between two calls. Whatever asks the forge raises HonkError where that does not
    answer."""

    def find(self, name: str) -> RepoRef:
        """The repository that an order names. Raises UserError if it is not open to requests."""
        ...

    def known(self, name: str) -> bool:
        """Whether ``owner/name`` is a repository that people here are expected to name, rather than two
        words with a slash between them. Asks nobody."""
        ...

    def may_write(self, repo: RepoRef, login: str) -> bool:
        """Whether a person may write to a repository on GitHub."""
        ...

    def standing(self, repo: RepoRef, number: int) -> Standing:
        """A pull request as it is now. Raises UserError if there is none."""
        ...

    def working(self, repo: RepoRef, number: int) -> str | None:
        """The run that follows a pull request up at this moment, whoever asked for it."""
        ...


def permit(settings: SlackSettings, projects: Projects, user: str, repo: RepoRef) -> None:
    """Raise UserError unless somebody in Slack may have a repository changed.

    On GitHub only who may write there, like those who ask there. For repositories on this
    machine, which know nobody, the operator's lists are all there is.
    """
    if repo.forge != "github":
        return
    login = settings.users.get(user, "").rpartition("+")[2]
    if login and not projects.may_write(repo, login):
        raise UserError(
            f"On GitHub {login} may not write to {repo.name}.",
            "Ask somebody who may, or have write access given there.",
        )
    if not login and settings.mapped_only is None:
        raise UserError(
            f"honk does not know your GitHub login, so it cannot see whether you may write to {repo.name}.",
            "Its operator can add you to [slack.users], or let everybody ask with mapped_only = false.",
        )
