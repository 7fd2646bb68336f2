"""Event streams: one look at the log for all who watch, instead of a thread for each."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

from honk.core.events import Recorded, RunEnded
from honk.core.ports import EventStore

LOOK_SECONDS = 0.1  # one query, however many watch
QUEUE_LIMIT = 1000  # events that a slow reader may lag behind before it is cut off


class Tail:
    """Follows the logs that somebody watches. ``run`` is its one task; ``note`` hears of what fails."""

    def __init__(self, events: EventStore, note: Callable[[str], None]) -> None:
        self._events = events
        self._note = note
        self._failing = False
        self._watchers: dict[str, set[asyncio.Queue[Recorded | None]]] = defaultdict(set)
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._watchers:
                self._hand_out(await asyncio.to_thread(self._look, dict(self._seen)))

    def _look(self, seen: dict[str, int]) -> dict[str, list[Recorded]]:
        """What is new by run; an empty list for a log that cannot be read. Raises nothing: whatever
        fails now, all who watch hang on this one task."""
        try:
            heads = self._events.heads(seen)
        except Exception as error:  # the database will be back, and then nothing was missed
            if not self._failing:
                self._note(f"Streams of events wait: {error}")
            self._failing = True
            return {}
        self._failing = False
        return {head.run_id: self._read(head.run_id, seen) for head in heads if head.seq > seen[head.run_id]}

    def _read(self, run_id: str, seen: dict[str, int]) -> list[Recorded]:
        try:
            return self._events.read(run_id, seen[run_id])
        except Exception as error:
            self._note(f"The stream of run {run_id} is cut: {error}")
            return []

    def _hand_out(self, found: dict[str, list[Recorded]]) -> None:
        for run_id, new in found.items():
            if run_id not in self._seen:
                continue  # the last watcher left meanwhile
            if new:
                self._seen[run_id] = new[-1].seq
            for watcher in list(self._watchers[run_id]):
                room = watcher.maxsize - watcher.qsize()
                for recorded in new[:room]:
                    watcher.put_nowait(recorded)
                if not new or len(new) > room:
                    self._cut(run_id, watcher)

    def _cut(self, run_id: str, watcher: asyncio.Queue[Recorded | None]) -> None:
        """End a stream before its run has ended: its reader can come back with Last-Event-ID."""
        self._leave(run_id, watcher)
        if watcher.full():
            watcher.get_nowait()
        watcher.put_nowait(None)

    async def follow(self, run_id: str, after: int) -> AsyncIterator[Recorded]:
        """Events of a run with a number above ``after``, until it ends or the reader lags too far."""
        # A number that the run has not reached must not become the point from which all are served.
        heads = await asyncio.to_thread(self._events.heads, [run_id])
        last, ended = min(after, heads[0].seq if heads else 0), False
        watcher: asyncio.Queue[Recorded | None] = asyncio.Queue(QUEUE_LIMIT)
        try:
            # First what is old, however much that is; then, as one of the watchers, what came
            # meanwhile; then what the common look hands out. What comes twice is dropped.
            for joined in (False, True):
                if joined:
                    self._watchers[run_id].add(watcher)
                    self._seen.setdefault(run_id, last)
                for recorded in await asyncio.to_thread(self._events.read, run_id, last):
                    yield recorded
                    last, ended = recorded.seq, isinstance(recorded.event, RunEnded)
            while not ended and (item := await watcher.get()) is not None:
                if item.seq > last:
                    yield item
                    last, ended = item.seq, isinstance(item.event, RunEnded)
        finally:
            self._leave(run_id, watcher)

    def _leave(self, run_id: str, watcher: asyncio.Queue[Recorded | None]) -> None:
        watchers = self._watchers.get(run_id)
        if watchers is None:
            return
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[run_id]
            self._seen.pop(run_id, None)
