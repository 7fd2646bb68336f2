"""What GitHub's webhooks tell of pull requests that nobody asks anything about: their ends."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from honk.core.fates import Fate, Tidings, Undoing, tidings, undone

EVENTS = ("pull_request", "push")

_HEADS = "refs/heads/"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Ref(_Part):
    ref: str


class _Repo(_Part):
    full_name: str


class _Pull(_Part):
    number: int
    title: str = ""
    body: str | None = None
    state: str
    created_at: datetime
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merge_commit_sha: str | None = None
    head: _Ref
    base: _Ref


class _Ended(_Part):
    action: str
    repository: _Repo
    pull_request: _Pull


class _Commit(_Part):
    id: str
    message: str


class _Push(_Part):
    repository: _Repo
    ref: str
    commits: tuple[_Commit, ...] = ()


def read(event: str, body: bytes) -> Tidings | str:
    """What the delivery tells, or why it tells nothing."""
    try:
        if event == "push":
            return _push(_Push.model_validate_json(body))
        return _ended(_Ended.model_validate_json(body))
    except ValidationError as error:
        first = error.errors()[0]
        return f"the payload cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}"


def _ended(payload: _Ended) -> Tidings | str:
    if payload.action not in ("closed", "reopened"):
        return f"pull_request {payload.action} is no end"
    pull = payload.pull_request
    merged = pull.merged_at is not None
    fate = Fate(
        repo=payload.repository.full_name.lower(),
        number=pull.number,
        state="merged" if merged else "open" if pull.state == "open" else "closed",
        base=pull.base.ref,
        opened_at=pull.created_at,
        closed_at=pull.merged_at or pull.closed_at,
        merge_sha=pull.merge_commit_sha if merged else None,  # else that of a trial
        told_by="webhook",
    )
    told = tidings(fate, pull.head.ref, pull.title, pull.body or "")
    return "the pull request is not honk's" if told == Tidings() else told


def _push(payload: _Push) -> Tidings | str:
    commits = {sha: commit.id for commit in payload.commits for sha in undone(commit.message)}
    if not commits or not payload.ref.startswith(_HEADS):
        return "the push takes nothing back"
    repo, branch = payload.repository.full_name.lower(), payload.ref.removeprefix(_HEADS)
    by = next(iter(commits.values()))
    return Tidings(undoing=Undoing(repo=repo, branch=branch, by=by, commits=tuple(commits)))
