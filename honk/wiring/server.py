"""The service put together: queue, worker, web application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from honk.core.cancel import Cancel
from honk.core.state import RunState
from honk.core.types import Change
from honk.forges.review import LocalReviews
from honk.queue.engine import RunQueue, queue_url
from honk.queue.worker import Worker
from honk.runs.patch import change_so_far
from honk.server.app import create_app
from honk.server.context import Runs, Service
from honk.server.github import Door
from honk.server.listen import address, listen, open_socket
from honk.settings import Settings
from honk.wiring.desk import QueueDesk
from honk.wiring.hub import open_door
from honk.wiring.lookout import open_lookout
from honk.wiring.repositories import open_mirror
from honk.wiring.slack import open_slack
from honk.wiring.stores import Stores
from honk.wiring.watching import open_herald
from honk.wiring.workers import work_on

if TYPE_CHECKING:
    from honk.triggers.slack_app import SlackApp

Note = Callable[[str], None]

WHOLE_HISTORY = 2147483647  # git's word for a clone that is not shallow: a merge may need any of it


@contextmanager
def open_worker(settings: Settings, stores: Stores, note: Note) -> Iterator[Worker]:
    """A worker of this process, at work while the context is open."""

    def execute(run_id: str, seq: int, cancel: Cancel) -> None:
        work_on(settings, stores, run_id, seq, cancel, note)

    worker = Worker(
        queue_url(settings.database_url, settings.home),
        worker_id=stores.owner,
        at_once=settings.server.workers,
        execute=execute,
        leases=stores.leases,
        note=note,
        orphan_seconds=settings.server.orphan_seconds,
    )
    with worker:
        yield worker


def change_of(settings: Settings, stores: Stores, state: RunState) -> Change | None:
    """What a run has changed so far; None before its first change.

    Raises GitError or StoreError if mirror and artifact are gone.
    """
    if state.base is None:
        return None
    if state.frozen is not None:
        return state.frozen.change
    with open_mirror(settings, state.base.base.repo) as mirror:
        return change_so_far(state, mirror, stores.artifacts)


def service_of(
    settings: Settings,
    stores: Stores,
    queue: RunQueue,
    note: Note,
    *,
    slack: SlackApp | None = None,
    github: Door | None = None,
) -> Service:
    """What the web application works with."""
    return Service(
        settings=settings,
        desk=QueueDesk(settings, stores, queue, note),
        events=stores.events,
        leases=stores.leases,
        artifacts=stores.artifacts,
        tokens=stores.tokens,
        runs=Runs(stores.events, stores.leases),
        change=lambda state: change_of(settings, stores, state),
        fates=stores.fates.all,
        pulls=LocalReviews(stores.pulls, lambda repo: open_mirror(settings, repo, depth=WHOLE_HISTORY)),
        note=note,
        slack=slack,
        github=github,
    )


@contextmanager
def open_service(settings: Settings, stores: Stores, note: Note) -> Iterator[Service]:
    with RunQueue(queue_url(settings.database_url, settings.home)) as queue, ExitStack() as stack:
        desk = QueueDesk(settings, stores, queue, note)
        slack = stack.enter_context(open_slack(settings, stores, desk, note))
        github = stack.enter_context(open_door(settings, stores, desk, note))
        yield service_of(settings, stores, queue, note, slack=slack, github=github)


def serve(settings: Settings, stores: Stores, *, work: bool, note: Note) -> None:
    """Serve until a signal comes."""
    with ExitStack() as stack:
        service = stack.enter_context(open_service(settings, stores, note))
        stack.enter_context(open_herald(settings, stores, note))
        stack.enter_context(open_lookout(settings, stores, service.runs, note))
        if work:
            stack.enter_context(open_worker(settings, stores, note))
        opened = stack.enter_context(open_socket(settings.server.host, settings.server.port))
        note(f"honk is at {settings.server.url or address(opened)}")
        listen(create_app(service), opened)
