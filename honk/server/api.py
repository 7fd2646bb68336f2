"""The HTTP API, version 1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from honk.core.base import Frozen
from honk.core.order import Order, Origin
from honk.core.state import RunState
from honk.core.types import RunResult
from honk.runs.result import result
from honk.server.auth import Runner, ServiceOf, Viewer
from honk.server.context import RunSummary, Service
from honk.server.tail import Tail

router = APIRouter(prefix="/api/v1")

RUN_ID = r"[0-9a-f]{10}"


class Problem(Frozen):
    """What every refusal says: what happened, and what to do next."""

    message: str
    hint: str = ""


class Started(Frozen):
    run_id: str
    url: str


class Words(Frozen):
    text: str = Field(min_length=1, max_length=20_000)


class Cancelling(Frozen):
    """``ended``: the run has ended already; otherwise it was asked to stop."""

    ended: bool


def known(service: Service, run_id: str) -> RunState:
    """The state of a run. Raises 404."""
    state = service.runs.state(run_id)
    if state is None or state.requested is None:
        raise HTTPException(404, f"There is no run {run_id}.")
    return state


def run_url(service: Service, request: Request, run_id: str) -> str:
    base = service.settings.server.url or str(request.base_url)
    return f"{base.rstrip('/')}/runs/{run_id}"


@router.post("/runs", status_code=202, responses={422: {"model": Problem}})
def start(
    order: Order,
    service: ServiceOf,
    who: Runner,
    request: Request,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Started:
    """Queue a run. The same ``Idempotency-Key`` of the same token starts it once."""
    key = None if idempotency_key is None else (f"api:{who.name}", idempotency_key)
    origin = Origin(kind="api", place=order.origin.place, url=order.origin.url)
    asked = order.model_copy(update={"origin": origin, "requester": order.requester or who.name})
    run_id = service.desk.submit(asked, key=key)
    return Started(run_id=run_id, url=run_url(service, request, run_id))


@router.get("/runs")
def runs(
    service: ServiceOf,
    who: Viewer,
    status: str | None = None,
    repo: str | None = None,
    requester: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[RunSummary]:
    """Runs, newest first."""
    wanted = {"status": status, "repo": repo, "requester": requester}
    filters = {name: value for name, value in wanted.items() if value}

    def fits(summary: RunSummary) -> bool:
        return all(getattr(summary, name) == value for name, value in filters.items())

    found = filter(fits, service.runs.summaries())
    return list(islice(found, offset, offset + limit))


@router.get("/runs/{run_id}", responses={404: {"model": Problem}})
def run(run_id: str, service: ServiceOf, who: Viewer) -> RunSummary:
    known(service, run_id)
    summary = service.runs.summary(run_id)
    assert summary is not None
    return summary


@router.get("/runs/{run_id}/result", responses={404: {"model": Problem}, 409: {"model": Problem}})
def run_result(run_id: str, service: ServiceOf, who: Viewer) -> RunResult:
    """What ``honk run --json`` prints; 409 until the run has ended."""
    state = known(service, run_id)
    if state.ended is None:
        raise HTTPException(409, f"Run {run_id} has not ended.")
    return result(run_id, state, service.artifacts)


@router.get("/runs/{run_id}/patch", response_class=PlainTextResponse, responses={404: {"model": Problem}})
def patch(run_id: str, service: ServiceOf, who: Viewer) -> Response:
    """The work of an ended run as a patch for ``git apply``."""
    state = known(service, run_id)
    change = state.frozen or state.last_change
    if state.ended is not None and state.ended.patch is not None:
        data = service.artifacts.get(state.ended.patch)
    elif change is not None:
        data = change.change.patch.encode("utf-8", "surrogateescape")
    else:
        raise HTTPException(404, f"Run {run_id} has no change yet.")
    headers = {"Content-Disposition": f'attachment; filename="{run_id}.patch"'}
    return Response(data, media_type="text/plain; charset=utf-8", headers=headers)


@router.get("/runs/{run_id}/events", responses={404: {"model": Problem}})
async def events(
    run_id: str,
    service: ServiceOf,
    who: Viewer,
    request: Request,
    after: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The log: a JSON list, or with ``Accept: text/event-stream`` a stream that goes on until the
    run ends and that ``Last-Event-ID`` resumes."""
    state = await asyncio.to_thread(known, service, run_id)
    if "text/event-stream" not in request.headers.get("accept", ""):
        found = await asyncio.to_thread(service.events.read, run_id, after)
        body = "[" + ",".join(recorded.model_dump_json() for recorded in found) + "]"
        return Response(body, media_type="application/json")
    if last_event_id is not None and last_event_id.isdigit():
        after = int(last_event_id)
        if state.ended is not None and not await asyncio.to_thread(service.events.read, run_id, after):
            return Response(status_code=204)  # an EventSource then stops asking
    return EventSourceResponse(_stream(request.app.state.tail, run_id, after), ping=15)


async def _stream(tail: Tail, run_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    async for recorded in tail.follow(run_id, after):
        yield ServerSentEvent(
            recorded.model_dump_json(), id=str(recorded.seq), event=recorded.event.kind, sep="\n"
        )


@router.post("/runs/{run_id}/cancel", responses={404: {"model": Problem}, 422: {"model": Problem}})
def cancel(run_id: str, service: ServiceOf, who: Runner) -> Cancelling:
    """Stop a run in order: container gone, patch kept."""
    known(service, run_id)
    return Cancelling(ended=service.desk.cancel(run_id, f"Cancelled by {who.name}."))


@router.post("/runs/{run_id}/resume", status_code=202, responses={404: {"model": Problem}})
def resume(run_id: str, service: ServiceOf, who: Runner, request: Request) -> Started:
    """Queue a run again that was cancelled, failed, or ran out of something."""
    known(service, run_id)
    service.desk.resume(run_id)
    return Started(run_id=run_id, url=run_url(service, request, run_id))


@router.post("/runs/{run_id}/say", status_code=202, responses={404: {"model": Problem}})
def say(run_id: str, words: Words, service: ServiceOf, who: Runner) -> Response:
    """Words for the model of a run, which hears them before its next turn."""
    known(service, run_id)
    service.desk.say(run_id, words.text)
    return Response(status_code=202)
