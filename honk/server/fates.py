"""What became of all pull requests: those of the local forge, and those that GitHub told of."""

from __future__ import annotations

from collections.abc import Collection

from honk.core.fates import Fate, Key, key
from honk.core.pulls import PullRequestRecord
from honk.core.state import RunState
from honk.server.context import Service


def opened(state: RunState) -> Key | None:
    """The pull request that a run opened; a follow-up opens none."""
    if state.published is None or state.request.followup is not None:
        return None
    repo = state.base.base.repo if state.base else state.request.repo
    return key(repo, state.published.pull_request.number)


def fates(service: Service, *, reverts: bool) -> dict[Key, Fate]:
    """``reverts``: whether the local repositories are searched for commits that took something back,
    which takes a while; without that nobody knows."""
    records = service.pulls.all()
    undone = service.pulls.reverted() if records and reverts else frozenset()
    return service.fates() | {(r.repo, r.number): _local(r, undone) for r in records}


def _local(record: PullRequestRecord, undone: Collection[Key]) -> Fate:
    return Fate(
        repo=record.repo,
        number=record.number,
        state=record.state,
        base=record.base,
        opened_at=record.opened_at,
        closed_at=record.closed_at,
        merge_sha=record.merge_sha,
        reverted_by="a commit" if (record.repo, record.number) in undone else "",
        told_by="forge",
    )
