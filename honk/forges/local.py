"""The local forge: branches in a repository on this machine, pull requests kept by honk."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from honk.core.errors import ForgeError, UserError
from honk.core.followup import FailedCheck, Remark, Standing
from honk.core.ports import PullRequestTable
from honk.core.pulls import PullRequestRecord
from honk.core.types import (
    Proposal,
    PullRequest,
    PushAccess,
    RepoRef,
)


class LocalForge:
    """Implements ``Forge`` over a table of pull requests; nobody comments there, and no checks run."""

    def __init__(self, table: PullRequestTable) -> None:
        self._table = table

    def access(self, repo: RepoRef, *, fork: bool) -> PushAccess:
        """The repository itself, by its ``file://`` URL.

        Raises UserError if it is gone or not writable for this user. ``fork`` changes
        nothing: a local repository that can be read but not written has no forks.
        """
        path = _path(repo)
        git = path / ".git" if (path / ".git").exists() else path
        if git.is_file():  # a linked work tree: git itself knows where its objects are
            return PushAccess(url=path.as_uri())
        if not (git / "objects").is_dir():
            raise UserError(f"{path} is not a git repository.", "Check the path of the origin.")
        if not all(os.access(git / name, os.W_OK | os.X_OK) for name in ("", "objects", "refs")):
            raise UserError(
                f"You have no right to write to {path}, where honk would push its branch.",
                "Change its permissions, or use a clone of your own as --repo.",
            )
        return PushAccess(url=path.as_uri())

    def find(self, repo: RepoRef, base: str, branch: str, head_owner: str = "") -> PullRequest | None:
        records = self._table.of_branch(repo.name, base, branch)
        return _pull_request(records[0], created=False) if records else None

    def publish(self, proposal: Proposal) -> PullRequest:
        """Open a pull request, or update the open one of the same branch.

        An open one keeps its draft state, labels and reviewers. Raises ForgeError if the
        newest one of the branch was closed or merged, unless it was merged with this commit.
        """
        records = self._table.of_branch(proposal.repo.name, proposal.base, proposal.branch)
        if not records:
            record = self._table.add(_record(proposal))
            return _pull_request(record, created=True)
        changes = {"title": proposal.title, "body": proposal.body, "head_sha": proposal.head_sha}

        def refreshed(now: PullRequestRecord) -> PullRequestRecord:
            return now.model_copy(update=changes) if now.state == "open" else now

        newest = self._table.edit(records[0].repo, records[0].number, refreshed)
        if newest.state == "closed" or newest.head_sha != proposal.head_sha:
            raise ForgeError(
                f"Pull request {newest.number} of branch {proposal.branch} was {newest.state};"
                " honk does not open it again.",
                "Start a new run if the change is still wanted.",
            )
        return _pull_request(newest, created=False)

    def standing(self, repo: RepoRef, number: int) -> Standing:
        record = self._table.get(repo.name, number)
        if record is None:
            raise UserError(f"There is no pull request {number} of {repo.name}.", "`honk runs` lists them.")
        return Standing(
            number=number,
            url=_url(record),
            state=record.state,
            draft=record.draft,
            title=record.title,
            body=record.body,
            base=record.base,
            branch=record.branch,
            head=record.head_sha,
        )

    def remarks(self, repo: RepoRef, number: int, since: datetime | None) -> tuple[Remark, ...]:
        return ()

    def failures(self, repo: RepoRef, commit: str) -> tuple[FailedCheck, ...]:
        return ()


def _url(record: PullRequestRecord) -> str:
    """The repository's address, with the pull request's number as the fragment."""
    return f"{Path(record.repo).as_uri()}#honk-{record.number}"


def _path(repo: RepoRef) -> Path:
    url = urlsplit(repo.url)
    return Path(url2pathname(url.path) if url.scheme == "file" else repo.url)


def _record(proposal: Proposal) -> PullRequestRecord:
    fields = proposal.model_dump(exclude={"repo", "head_owner"})
    return PullRequestRecord(repo=proposal.repo.name, opened_at=datetime.now(UTC), **fields)


def _pull_request(record: PullRequestRecord, *, created: bool) -> PullRequest:
    return PullRequest(
        number=record.number,
        url=_url(record),
        draft=record.draft,
        created=created,
        state=record.state,
    )
