"""One run's log while it is being written: append, fold, tell the listeners."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from honk.core.events import Event, Recorded, RunRequested, RunResumed
from honk.core.limits import Limits
from honk.core.ports import EventStore, Leases
from honk.core.state import RunState, fold, step

Listener = Callable[[Recorded], None]


class Run:
    """The run at hand. ``record`` is the only way to change its state."""

    def __init__(self, run_id: str, store: EventStore, fence: int, recorded: list[Recorded]) -> None:
        self.id = run_id
        self.fence = fence
        self._store = store
        self._seq = recorded[-1].seq if recorded else 0
        self._state = fold(recorded)
        self._listeners: list[Listener] = []

    @property
    def state(self) -> RunState:
        return self._state

    def listen(self, listener: Listener) -> None:
        """Have ``listener`` called with every event that is recorded from now on."""
        self._listeners.append(listener)

    def record(self, event: Event) -> None:
        """Append ``event``. Raises StaleWriter if another process owns the run now."""
        recorded = self._store.append(self.id, event, seq=self._seq + 1, fence=self.fence)
        self._seq = recorded.seq
        self._state = step(self._state, recorded)
        for listener in self._listeners:
            listener(recorded)

    def seconds(self) -> float:
        return self._state.seconds(datetime.now(UTC))


def start(run_id: str, event: RunRequested, store: EventStore, leases: Leases, owner: str) -> Run:
    """Begin a new run with its first event, owned by ``owner``."""
    run = Run(run_id, store, leases.claim(run_id, owner), [])
    run.record(event)
    return run


def resume(run_id: str, store: EventStore, leases: Leases, owner: str, limits: Limits | None = None) -> Run:
    """Take over a run that has begun. ``limits`` replaces those in force.

    Raises StaleWriter if a live process owns it.
    """
    run = Run(run_id, store, leases.claim(run_id, owner), store.read(run_id))
    run.record(RunResumed(limits=limits or run.state.limits))
    return run
