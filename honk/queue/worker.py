"""A worker: takes queued runs, carries each to its end, and looks after those of dead workers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from honk.core.cancel import Cancel
from honk.core.errors import StaleWriter
from honk.core.ports import Leases
from honk.queue import engine

LOOK_SECONDS = 10.0
"""Between two looks for runs whose worker died, at most."""


class GivenBack(BaseException):
    """An item leaves this worker unfinished. No Exception: DBOS would record that as its outcome,
    or wait here for the outcome that the next worker records."""


class Executor(Protocol):
    """Carries a run to its end that was queued at event ``seq`` of its log.

    Raises StaleWriter while or once another process owns it.
    """

    def __call__(self, run_id: str, seq: int, cancel: Cancel) -> None: ...


class Worker:
    """A context manager: while it is open, this process works on queued runs.

    ``orphan_seconds``: so long after it was taken, a run without a living owner is an orphan.

    Leaving it gives running runs back to the queue, where they stood: their leases are
    ended first, so that nothing here can write them any more.
    """

    def __init__(
        self,
        url: str,
        *,
        worker_id: str,
        at_once: int,
        execute: Executor,
        leases: Leases,
        note: Callable[[str], None],
        orphan_seconds: float,
    ) -> None:
        self._url = url
        self._worker_id = worker_id
        self._at_once = at_once
        self._execute = execute
        self._leases = leases
        self._note = note
        self._orphan_seconds = orphan_seconds
        self._look_seconds = min(LOOK_SECONDS, orphan_seconds)
        self._queue = engine.RunQueue(url)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._running: dict[str, Cancel] = {}
        self._lookout = threading.Thread(target=self._look, name="orphans", daemon=True)

    def __enter__(self) -> Worker:
        engine.start(
            self._url,
            worker_id=self._worker_id,
            at_once=self._at_once,
            work=self._work,
        )
        self._lookout.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        with self._lock:
            running = dict(self._running)
        for workflow_id, cancel in running.items():
            self._leases.revoke(engine.run_of(workflow_id))
            cancel.set("This worker stops; another carries on.")
        with self._idle:
            self._idle.wait_for(lambda: not self._running, timeout=60)
        self._lookout.join()
        engine.stop()
        self._queue.__exit__()

    def _work(self, workflow_id: str) -> None:
        run_id, seq = engine.run_of(workflow_id), engine.seq_of(workflow_id)
        try:
            while not self._stopping.is_set():
                cancel = Cancel()
                with self._lock:
                    self._running[workflow_id] = cancel
                try:
                    return self._execute(run_id, seq, cancel)
                except StaleWriter as error:
                    if not self._stopping.is_set():
                        self._note(f"{run_id}: {error.message} Waiting for it.")
                        self._stopping.wait(self._look_seconds)
            self._queue.give_back(workflow_id)
            raise GivenBack
        finally:
            with self._idle:
                self._running.pop(workflow_id, None)
                self._idle.notify_all()

    def _look(self) -> None:
        while not self._stopping.wait(self._look_seconds):
            try:
                for workflow_id in engine.orphans(
                    self._queue, self._leases.live, self._running.__contains__, self._orphan_seconds
                ):
                    self._note(f"{engine.run_of(workflow_id)}: its worker is gone; it is queued again.")
                    self._queue.give_back(workflow_id)
            except Exception as error:  # the database, for a moment: the next look sees
                self._note(f"Looking for orphaned runs failed: {error}")
