"""The service put together: queue, worker, web application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from honk.core.cancel import Cancel
from honk.queue.engine import RunQueue, queue_url
from honk.queue.worker import Worker
from honk.server.app import create_app
from honk.server.context import Runs, Service
from honk.server.listen import address, listen, open_socket
from honk.settings import Settings
from honk.wiring.desk import QueueDesk
from honk.wiring.hub import open_door
from honk.wiring.slack import open_slack
from honk.wiring.stores import Stores
from honk.wiring.workers import work_on

Note = Callable[[str], None]


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


@contextmanager
def open_service(settings: Settings, stores: Stores, note: Note) -> Iterator[Service]:
    with RunQueue(queue_url(settings.database_url, settings.home)) as queue, ExitStack() as stack:
        desk = QueueDesk(settings, stores, queue)
        yield Service(
            settings=settings,
            desk=desk,
            github=open_door(settings, stores, desk, note),
            events=stores.events,
            leases=stores.leases,
            artifacts=stores.artifacts,
            tokens=stores.tokens,
            runs=Runs(stores.events, stores.leases),
            note=note,
            slack=stack.enter_context(open_slack(settings, stores, desk, note)),
        )


def serve(settings: Settings, stores: Stores, *, work: bool, note: Note) -> None:
    """Serve until a signal comes."""
    with ExitStack() as stack:
        service = stack.enter_context(open_service(settings, stores, note))
        if work:
            stack.enter_context(open_worker(settings, stores, note))
        opened = stack.enter_context(open_socket(settings.server.host, settings.server.port))
        note(f"honk is at {settings.server.url or address(opened)}")
        listen(create_app(service), opened)
