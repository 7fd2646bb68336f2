"""Event streams: one look at the log for all who watch, instead of a thread for each."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

from honk.core.events import Recorded, RunEnded
from honk.core.ports import EventStore

LOOK_SECONDS = 0.1  # one query, however many watch
QUEUE_LIMIT = 1000  # events that a slow reader may lag behind before it is cut off


class Tail:
    """Follows the logs that somebody watches. ``run`` is its one task."""

    def __init__(self, events: EventStore, *, seconds: float = LOOK_SECONDS) -> None:
        self._events = events
        self._seconds = seconds
        self._watchers: dict[str, set[asyncio.Queue[Recorded | None]]] = defaultdict(set)
        self._seen: dict[str, int] = {}

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            if self._watchers:
                self._hand_out(await asyncio.to_thread(self._look, dict(self._seen)))

    def _look(self, seen: dict[str, int]) -> dict[str, list[Recorded]]:
        grown = [head.run_id for head in self._events.heads(seen) if head.seq > seen[head.run_id]]
        return {run_id: self._events.read(run_id, seen[run_id]) for run_id in grown}

    def _hand_out(self, found: dict[str, list[Recorded]]) -> None:
        for run_id, new in found.items():
            if run_id not in self._seen:
                continue  # the last watcher left meanwhile
            self._seen[run_id] = new[-1].seq
            for watcher in list(self._watchers[run_id]):
                for recorded in new:
                    try:
                        watcher.put_nowait(recorded)
                    except asyncio.QueueFull:  # it can come back with Last-Event-ID
                        self._leave(run_id, watcher)
                        watcher.get_nowait()
                        watcher.put_nowait(None)
                        break

    async def follow(self, run_id: str, after: int) -> AsyncIterator[Recorded]:
        """Events of a run with a number above ``after``, until it ends or the reader lags too far."""
        last, ended = after, False
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
