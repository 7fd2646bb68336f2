"""A run as it happens: HTML for each batch of events, over one stream that can be resumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from honk.core.events import ChangeFrozen, Checkpointed, Recorded, RunEnded
from honk.server.api import MOST, known
from honk.server.auth import ServiceOf, Viewer
from honk.server.context import Service
from honk.server.panel import panel
from honk.server.render import fragment
from honk.server.timeline import WINDOW, Timeline, entries

router = APIRouter(include_in_schema=False)

STATUS_SECONDS = 5.0  # no event says that a run's owner came or went
BATCH = 50


@router.get("/runs/{run_id}/live")
async def live(
    run_id: str,
    service: ServiceOf,
    who: Viewer,
    request: Request,
    after: Annotated[int, Query(ge=0, le=MOST)] = 0,
    last_event_id: Annotated[int | None, Header(ge=0, le=MOST)] = None,
) -> Response:
    state = await asyncio.to_thread(known, service, run_id)
    if last_event_id is not None:
        after = last_event_id
        if state.ended is not None and after >= await asyncio.to_thread(service.runs.last, run_id):
            return Response(status_code=204)  # an EventSource then stops asking
    drawing = await asyncio.to_thread(Drawing, service, run_id, after, runner=who.role != "viewer")
    return EventSourceResponse(_stream(drawing, request.app.state.tail.follow(run_id, after)), ping=15)


async def _stream(drawing: Drawing, events: AsyncIterator[Recorded]) -> AsyncIterator[ServerSentEvent]:
    async for batch in _batches(events):
        html = await asyncio.to_thread(drawing.update, batch)
        if html:
            seq = drawing.last
            yield ServerSentEvent(html, id=str(seq), event="update", sep="\n")
        if any(isinstance(r.event, Checkpointed | ChangeFrozen | RunEnded) for r in batch):
            yield ServerSentEvent("", event="change", sep="\n")
    if drawing.ended:
        yield ServerSentEvent("", event="end", sep="\n")


async def _batches(events: AsyncIterator[Recorded]) -> AsyncIterator[list[Recorded]]:
    """Events that one look at the log found in one list; an empty one now and then while none comes."""
    queue: asyncio.Queue[Recorded | None] = asyncio.Queue(BATCH)

    async def pump() -> None:
        async for recorded in events:
            await queue.put(recorded)
        await queue.put(None)

    task = asyncio.create_task(pump())
    try:
        going = True
        while going:
            batch: list[Recorded] = []
            with suppress(TimeoutError):
                item = await asyncio.wait_for(queue.get(), STATUS_SECONDS)
                while item is not None:
                    batch.append(item)
                    if queue.empty() or len(batch) >= BATCH:
                        break
                    item = queue.get_nowait()
                going = item is not None
            yield batch
            if task.done() and queue.empty():  # also where the log could not be read
                break
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Drawing:
    """What one reader's page has, and what it needs next."""

    def __init__(self, service: Service, run_id: str, after: int, *, runner: bool) -> None:
        self._service = service
        self._run_id = run_id
        self._timeline = Timeline()
        self._runner = runner
        self._status = ""
        self.last = after
        self.ended = False
        for recorded in service.events.read(run_id, max(0, after - WINDOW)):
            if recorded.seq <= after:  # so that the calls of the last turn are known
                self._timeline.entry(recorded)

    def update(self, batch: list[Recorded]) -> str:
        """New entries, and the panel; an empty text if nothing is new."""
        state = known(self._service, self._run_id)
        status = self._service.runs.status(self._run_id, state)
        if not batch and status == self._status:
            return ""
        self._status = status
        found = entries(batch, self._timeline)
        if batch:
            self.last = batch[-1].seq
            self.ended = isinstance(batch[-1].event, RunEnded)
        offer = self._service.desk.offer(self._run_id, state)
        return fragment(
            "update",
            run_id=self._run_id,
            entries=found,
            panel=panel(self._run_id, status, state, offer, self._service.runs.last(self._run_id)),
            runner=self._runner,
            oob=True,
        )
