"""Everything that lasts: log, leases, inbox, artifacts, the local forge's table."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from honk.core.errors import UserError
from honk.core.events import Recorded
from honk.core.ports import Artifacts, Baselines, EventStore, Inbox, Leases
from honk.core.state import RunState, fold
from honk.core.types import Outcome
from honk.settings import Settings

if TYPE_CHECKING:
    from honk.stores.database import Database
    from honk.stores.fates import SqlFates
    from honk.stores.pulls import SqlPullRequests
    from honk.stores.service import SqlLinks, SqlOnce, SqlTokens


def new_run_id() -> str:
    """Ten hex digits: short enough to type, and a beginning of it will do."""
    return secrets.token_hex(5)


@dataclass(frozen=True)
class Stores:
    """Everything that lasts. A context manager that closes the database."""

    database: Database
    events: EventStore
    leases: Leases
    inbox: Inbox
    artifacts: Artifacts
    baselines: Baselines
    pulls: SqlPullRequests
    fates: SqlFates
    once: SqlOnce
    links: SqlLinks
    tokens: SqlTokens
    owner: str

    def __enter__(self) -> Stores:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.close()


def open_stores(settings: Settings) -> Stores:
    """Open (and create or migrate) the database. Raises UserError, StoreError."""
    from honk.stores import artifacts, baselines, database, fates, leases, log, owners, pulls, service

    with suppress(OSError):  # whoever writes there says what is wrong
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)  # nobody else's to read
    opened = database.Database(settings.database_url)
    kept: Artifacts = (
        artifacts.SqlArtifacts(opened)
        if opened.postgres
        else artifacts.FolderArtifacts(settings.home / "artifacts")
    )
    return Stores(
        database=opened,
        events=log.SqlEventStore(opened),
        leases=leases.SqlLeases(opened),
        inbox=leases.SqlInbox(opened),
        artifacts=kept,
        baselines=baselines.SqlBaselines(opened),
        pulls=pulls.SqlPullRequests(opened),
        fates=fates.SqlFates(opened),
        once=service.SqlOnce(opened),
        links=service.SqlLinks(opened),
        tokens=service.SqlTokens(opened),
        owner=owners.this_process(),
    )


def check_free(stores: Stores, run_id: str) -> None:
    """Raise UserError while somebody works on the run."""
    if stores.leases.live(run_id):
        raise UserError(
            f"Run {run_id} is being worked on.",
            f"Follow it with `honk logs -f {run_id}`, or stop it with `honk cancel {run_id}`.",
        )


def check_resumable(run_id: str, recorded: list[Recorded], artifacts: Artifacts) -> None:
    """Raise UserError if there is nothing to go on with."""
    state = fold(recorded)
    again = (Outcome.FAILED, Outcome.CANCELLED, Outcome.EXHAUSTED, Outcome.PLANNED)
    if state.ended is None:
        return
    if state.ended.outcome not in again:
        hint = "Start a new run to try something else."
        if state.ended.outcome is Outcome.REFUSED:
            hint = f"`honk approve {run_id}` permits what its gates refused."
        elif state.ended.outcome is Outcome.VETOED:
            hint = f"`honk approve {run_id}` overrules the judge and publishes the change."
        raise UserError(f"Run {run_id} has ended: {state.ended.outcome}.", hint)
    check_kept(run_id, state, artifacts)


def check_kept(run_id: str, state: RunState, artifacts: Artifacts) -> None:
    """Raise UserError if the work that a run would go on from is gone."""
    packs = [event.artifact for event in (state.checkpoint, state.frozen) if event is not None]
    if not all(map(artifacts.size, packs)):
        raise UserError(
            f"Run {run_id} is too old to go on: what it would go on from was pruned.",
            f"`honk diff {run_id}` prints its work; start a new run.",
        )
