"""What the service's pages and calls work with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from honk.core.api import RunSummary
from honk.core.desk import Desk
from honk.core.fates import Fate, Key
from honk.core.ports import Artifacts, EventStore, Leases
from honk.core.review import PullRequests
from honk.core.state import RunState, step
from honk.core.types import Change
from honk.runs.patch import patch_bytes
from honk.server.github import Door
from honk.settings import Settings
from honk.stores.service import SqlTokens

if TYPE_CHECKING:
    from honk.triggers.slack_app import SlackApp


@dataclass(frozen=True)
class Service:
    """One running `honk serve`. ``note`` is its operator's log, ``change`` the work of a run so far;
    ``fates``: what became of pull requests on GitHub, as far as anybody told."""

    settings: Settings
    desk: Desk
    events: EventStore
    leases: Leases
    artifacts: Artifacts
    tokens: SqlTokens
    runs: Runs
    change: Callable[[RunState], Change | None]
    pulls: PullRequests
    fates: Callable[[], dict[Key, Fate]]
    note: Callable[[str], None]
    slack: SlackApp | None = None
    github: Door | None = None  # behind the webhook, if it is open


def work(service: Service, run_id: str, state: RunState) -> bytes:
    """What ``honk diff`` prints; empty if there is no change yet. Raises GitError or StoreError."""
    if state.ended is not None and state.ended.patch is not None:
        return service.artifacts.get(state.ended.patch)
    change = service.change(state)
    return b"" if change is None else patch_bytes(change)


class Runs:
    """Folded logs, kept up to date: a list of thousands must not read every event each time."""

    def __init__(self, events: EventStore, leases: Leases) -> None:
        self._events = events
        self._leases = leases
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, datetime, RunState]] = {}

    def state(self, run_id: str) -> RunState | None:
        """The state of a run as of now; None if there is no such run."""
        with self._lock:
            seq, created, state = self._known.get(run_id, (0, datetime.min, RunState()))
        new = self._events.read(run_id, seq)
        if seq == 0 and not new:
            return None
        if new:
            created = created if seq else new[0].at
            state = reduce(step, new, state)
            with self._lock:
                if self._known.get(run_id, (0,))[0] < new[-1].seq:
                    self._known[run_id] = (new[-1].seq, created, state)
        return state

    def last(self, run_id: str) -> int:
        """Number of the last event that ``state`` has seen; 0 for a run that it was not asked for."""
        with self._lock:
            return self._known.get(run_id, (0,))[0]

    def summary(self, run_id: str) -> RunSummary | None:
        state = self.state(run_id)
        if state is None or state.requested is None or state.last_at is None:
            return None
        request, ended = state.request, state.ended
        published = state.published
        return RunSummary(
            run_id=run_id,
            status=self.status(run_id, state),
            reason=ended.reason if ended else "",
            repo=request.repo.name,
            request=request.title,
            requester=request.requester,
            origin=request.origin,
            model=request.model,
            created_at=self._known[run_id][1],
            updated_at=state.last_at,
            turns=state.turns,
            cost_usd=round(state.cost_usd, 6),
            pull_request=published.pull_request.url if published else None,
            pull_number=published.pull_request.number if published else None,
            replayed=state.requested.replayed,
        )

    def status(self, run_id: str, state: RunState) -> str:
        if state.ended is not None:
            return str(state.ended.outcome)
        return "running" if self._leases.live(run_id) else "waiting"

    def summaries(self, prefix: str = "") -> Iterable[RunSummary]:
        """Of all runs whose ids begin so, newest first."""
        for run_id in self._events.runs():
            if run_id.startswith(prefix) and (summary := self.summary(run_id)) is not None:
                yield summary
