"""The pages in this process: a real server on a socket, real stores, runs as their logs say."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from honk.core.events import Event, Recorded, RunRequested
from honk.core.types import Request
from honk.queue.engine import RunQueue, queue_url
from honk.server.app import create_app
from honk.server.context import Service
from honk.server.listen import address, open_socket
from honk.settings import Settings
from honk.wiring import Stores
from honk.wiring.server import service_of


@dataclass
class Site:
    """One `honk serve` without a worker. ``fences`` are those of runs whose logs a test writes."""

    settings: Settings
    stores: Stores
    service: Service
    url: str
    fences: dict[str, int] = field(default_factory=dict)

    def token(self, role: str = "admin", name: str | None = None) -> str:
        assert role in ("viewer", "runner", "admin")
        return self.stores.tokens.create(name or role, role)  # type: ignore[arg-type]

    def write(self, run_id: str, events: Sequence[Event]) -> list[Recorded]:
        """Append to a run's log as its owner, who stays alive until ``leave``."""
        if run_id not in self.fences:
            self.fences[run_id] = self.stores.leases.claim(run_id, self.stores.owner)
        before = len(self.stores.events.read(run_id))
        return [
            self.stores.events.append(run_id, event, seq=before + n, fence=self.fences[run_id])
            for n, event in enumerate(events, 1)
        ]

    def begin(self, run_id: str, request: Request, events: Sequence[Event] = ()) -> None:
        self.write(run_id, [RunRequested(honk="0", request=request), *events])

    def leave(self, run_id: str) -> None:
        self.stores.leases.release(run_id, self.fences.pop(run_id))


@contextmanager
def open_site(settings: Settings, stores: Stores) -> Iterator[Site]:
    """Serve until the context is left."""
    with RunQueue(queue_url(settings.database_url, settings.home)) as queue:
        service = service_of(settings, stores, queue, print)
        with open_socket("127.0.0.1", 0) as opened:
            config = uvicorn.Config(create_app(service), log_level="warning", timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
            thread.start()
            try:
                yield Site(settings, stores, service, address(opened).rstrip("/"))
            finally:
                server.should_exit = True
                thread.join()
