"""Streams of events: what fails in one place, or one reader asks for, is not what the others suffer from."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from honk import settings as settings_module
from honk.core.events import Event, Head, Instructed, Recorded, RunEnded
from honk.core.types import Outcome
from honk.server.tail import Tail
from honk.wiring import Stores, open_stores
from tests.server.conftest import play

SECONDS = 60.0  # only ends what hangs
END = RunEnded(outcome=Outcome.FAILED, reason="x", seconds=1)


def words(text: str) -> Event:
    return Instructed(origin="system", text=text)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    environ = {"HONK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    with open_stores(settings_module.load(environ=environ)) as opened:
        yield opened


def write(stores: Stores, run_id: str, *events: Event) -> None:
    fence = stores.leases.claim(run_id, "test")
    for seq, event in enumerate(events, len(stores.events.read(run_id)) + 1):
        stores.events.append(run_id, event, seq=seq, fence=fence)
    stores.leases.release(run_id, fence)


class Notes:
    """The operator's log."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()

    def __call__(self, text: str) -> None:
        self.said.append(text)
        self._loop.call_soon_threadsafe(self._news.set)

    async def news(self) -> None:
        await asyncio.wait_for(self._news.wait(), SECONDS)
        self._news.clear()


class Log:
    """The log of ``stores``. ``reads`` gets the id of each run that is read."""

    def __init__(self, stores: Stores) -> None:
        self._events = stores.events
        self._loop = asyncio.get_running_loop()
        self.reads: asyncio.Queue[str] = asyncio.Queue()

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        return self._events.append(run_id, event, seq=seq, fence=fence)

    def read(self, run_id: str, after: int = 0) -> list[Recorded]:
        found = self._events.read(run_id, after)
        self._loop.call_soon_threadsafe(self.reads.put_nowait, run_id)
        return found

    def runs(self) -> list[str]:
        return self._events.runs()

    def heads(self, of: Collection[str] | None = None) -> list[Head]:
        return self._events.heads(of)


@asynccontextmanager
async def tailing(log: Log) -> AsyncIterator[tuple[Tail, Notes]]:
    notes = Notes()
    tail = Tail(log, notes)
    task = asyncio.create_task(tail.run())
    try:
        yield tail, notes
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def joined(tail: Tail, log: Log, run_id: str, after: int) -> asyncio.Task[list[int]]:
    """The numbers of all that a reader gets until its stream ends; it waits for them already."""

    async def read() -> list[int]:
        return [recorded.seq async for recorded in tail.follow(run_id, after)]

    task = asyncio.create_task(read())
    for _ in range(2):  # what is old; and, as one of the watchers, what came meanwhile
        assert await asyncio.wait_for(log.reads.get(), SECONDS) == run_id
    return task


async def got(task: asyncio.Task[list[int]]) -> list[int]:
    return await asyncio.wait_for(task, SECONDS)


def test_streams_outlive_a_database_that_fails_for_a_while(stores: Stores) -> None:
    async def story() -> None:
        write(stores, "a", words("one"))
        log = Log(stores)
        async with tailing(log) as (tail, notes):
            reader = await joined(tail, log, "a", 1)
            with closing(sqlite3.connect(stores.database.url.database or "", isolation_level=None)) as file:
                file.execute("ALTER TABLE events RENAME TO away")
                await notes.news()
                file.execute("ALTER TABLE away RENAME TO events")
            write(stores, "a", words("two"), END)
            assert await got(reader) == [2, 3]
            [said] = notes.said  # though it looked more than once
            assert "no such table" in said

    play(story())


def test_a_log_that_cannot_be_read_cuts_off_its_own_readers_only(stores: Stores) -> None:
    async def story() -> None:
        for run_id in ("a", "b"):
            write(stores, run_id, words("one"))
        log = Log(stores)
        async with tailing(log) as (tail, notes):
            readers = [await joined(tail, log, run_id, 1) for run_id in ("a", "b")]
            with closing(sqlite3.connect(stores.database.url.database or "", isolation_level=None)) as file:
                file.execute("INSERT INTO events VALUES ('a', 2, '2026-01-01T00:00:00+00:00', 'x', '{}')")
            assert await got(readers[0]) == []  # and its reader can come back
            write(stores, "b", words("two"), END)
            assert await got(readers[1]) == [2, 3]
            assert [text.partition(":")[0] for text in notes.said] == ["The stream of run a is cut"]

    play(story())


def test_a_reader_from_a_number_that_is_not_there_yet_stops_nobody(stores: Stores) -> None:
    async def story() -> None:
        write(stores, "a", words("one"))
        log = Log(stores)
        async with tailing(log) as (tail, _):
            readers = [await joined(tail, log, "a", after) for after in (999_999, 0)]
            write(stores, "a", words("two"), END)
            assert [await got(reader) for reader in readers] == [[2, 3], [1, 2, 3]]

    play(story())
