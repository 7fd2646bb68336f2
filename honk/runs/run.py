"""One run's log while it is being written: append, fold, tell the listeners."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from honk.core.events import Event, Recorded, RunResumed
from honk.core.limits import Limits
from honk.core.ports import EventStore, Word
from honk.core.state import RunState, fold, step
from honk.core.types import Outcome

Listener = Callable[[Recorded], None]


@dataclass(frozen=True)
class Ending:
    """How and why a run ends."""

    outcome: Outcome
    reason: str


class Run:
    """The run at hand. ``record`` is the only way to change its state."""

    def __init__(self, run_id: str, store: EventStore, fence: int, recorded: list[Recorded]) -> None:
        self.id = run_id
        self.fence = fence
        self._store = store
        self._seq = recorded[-1].seq if recorded else 0
        self._state = fold(recorded)
        self._listeners: list[Listener] = []
        self._words: deque[Word] = deque()
        self._last_word = 0

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

    def hear(self, word: Word) -> None:
        """Keep a person's word until the run's own thread asks; once, however often it is said."""
        if word.id > self._last_word:
            self._last_word = word.id
            self._words.append(word)

    def heard(self) -> Iterator[Word]:
        """The words since the last call, oldest first."""
        while self._words:
            yield self._words.popleft()

    def seconds(self) -> float:
        return self._state.seconds(datetime.now(UTC))

    def within(self, seconds: float) -> float:
        """``seconds``, or what is left of the run's time if that is less; at least one."""
        return max(1.0, min(seconds, self._state.limits.timeout_seconds - self.seconds()))


def resume(run: Run, limits: Limits) -> None:
    """Say that the run goes on, with ``limits`` in force. An earlier end of it is void."""
    run.record(RunResumed(limits=limits))
