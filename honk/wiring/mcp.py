"""`honk mcp`: the tools for other agents on standard input and output, and a worker for what they start."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from honk.core.errors import UserError
from honk.queue.engine import RunQueue, queue_url
from honk.server.mcp import build
from honk.settings import Settings
from honk.wiring.repositories import target
from honk.wiring.server import Note, open_worker, service_of
from honk.wiring.stores import Stores


def serve_stdio(settings: Settings, stores: Stores, *, work: bool, stop: threading.Event, note: Note) -> None:
    """Answer until standard input ends or ``stop`` is set. Unfinished runs go back to the queue."""
    around = _around(settings)
    if around is not None:
        open_to = (*(settings.server.repositories or ("[!/]*/*",)), around)
        server = settings.server.model_copy(update={"repositories": open_to})
        settings = settings.model_copy(update={"server": server})
    with ExitStack() as stack:
        queue = stack.enter_context(RunQueue(queue_url(settings.database_url, settings.home)))
        if work:
            stack.enter_context(open_worker(settings, stores, note))
        tools = build(service_of(settings, stores, queue, note), repo=around)

        def answer() -> None:
            try:
                tools.run()
            finally:
                stop.set()

        # A read from standard input cannot be interrupted: the thread ends with the process.
        threading.Thread(target=answer, name="mcp", daemon=True).start()
        stop.wait()


def _around(settings: Settings) -> str | None:
    """The repository of the current folder, in which agents start their servers."""
    try:
        return target(None, settings, base=None).repo.name
    except UserError:
        return None
