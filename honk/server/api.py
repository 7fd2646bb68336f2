"""The HTTP API, version 1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response, Security
from fastapi.security import HTTPBearer
from pydantic import Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from honk.core.api import Approval, Cancelling, Problem, RunSummary, Started, Words
from honk.core.base import Frozen
from honk.core.events import Recorded
from honk.core.followup import FollowUp
from honk.core.order import Order, Origin
from honk.core.plain import clean
from honk.core.state import RunState
from honk.core.types import RunResult
from honk.runs.result import result
from honk.server.auth import Runner, ServiceOf, Viewer
from honk.server.context import Service, work
from honk.server.tail import Tail

Answers = dict[int | str, dict[str, object]]


def _problems(**said: str) -> Answers:
    """Refusals for the OpenAPI document: ``s404="when"``."""
    return {int(name[1:]): {"model": Problem, "description": when} for name, when in said.items()}


COMMON = _problems(
    s401="No token, or none that is known",
    s403="The token's role may not do this",
    s422="The request cannot be used; the message says what to change",
    s503="Engine, forge, mirror or store failed; the message says which",
)
BODY = _problems(s400="The body is no JSON", s411="The body has no Content-Length", s413="It is too large")
UNKNOWN = _problems(s404="There is no such run, or it has no such thing")
NOT_NOW = _problems(s409="The run is not in a state for this")

_bearer = HTTPBearer(auto_error=False, description="A token of `honk token`.")  # for the document alone
router = APIRouter(prefix="/api/v1", dependencies=[Security(_bearer)], responses=COMMON)

NOTHING_NAMED = Approval()

MOST = 2**31 - 1
"""Above any number of runs and of events; a database's integers end there or later."""

RunId = Annotated[str, Path(pattern=r"^[0-9a-f]{10}$", examples=["5f2c9a01be"])]


def known(service: Service, run_id: str) -> RunState:
    """The state of a run. Raises 404."""
    state = service.runs.state(run_id)
    if state is None or state.requested is None:
        raise HTTPException(404, f"There is no run {run_id}.")
    return state


def run_url(service: Service, request: Request, run_id: str) -> str:
    base = service.settings.server.url or str(request.base_url)
    return f"{base.rstrip('/')}/runs/{run_id}"


@router.post("/runs", status_code=202, responses=BODY)
def start(
    order: Order,
    service: ServiceOf,
    who: Runner,
    request: Request,
    idempotency_key: Annotated[str | None, Header(pattern=r"^[!-~]{1,200}$")] = None,
) -> Started:
    """Queue a run. The same ``Idempotency-Key`` of the same token starts it once, and
    with another order is refused."""
    key = None if idempotency_key is None else (f"api:{who.name}", idempotency_key)
    place, url = clean(order.origin.place), clean(order.origin.url)
    origin = Origin(kind="api", place=place, url=url, by=who.name)
    followup = order.followup and FollowUp(  # rounds are the operator's, remarks the forge's to tell
        number=order.followup.number, update=order.followup.update, rounds=service.settings.github.rounds
    )
    changes = {"origin": origin, "requester": order.requester or who.name, "followup": followup}
    asked = order.model_copy(update=changes)
    run_id = service.desk.submit(asked, key=key)
    return Started(run_id=run_id, url=run_url(service, request, run_id))


class Listed(Frozen):
    """Which runs to list; ``prefix`` is the beginning of their ids. A misspelt filter is refused."""

    status: str | None = None
    repo: str | None = None
    requester: str | None = None
    prefix: str | None = Field(default=None, pattern=r"^[0-9a-f]{0,10}$")
    limit: int = Field(default=50, ge=1, le=500)
    offset: int = Field(default=0, ge=0, le=MOST)


@router.get("/runs")
def runs(service: ServiceOf, who: Viewer, listed: Annotated[Listed, Query()]) -> list[RunSummary]:
    """Runs, newest first."""
    filters = listed.model_dump(include={"status", "repo", "requester"}, exclude_none=True)

    def fits(summary: RunSummary) -> bool:
        return all(getattr(summary, name) == value for name, value in filters.items() if value)

    found = filter(fits, service.runs.summaries(listed.prefix or ""))
    return list(islice(found, listed.offset, listed.offset + listed.limit))


@router.get("/runs/{run_id}", responses=UNKNOWN)
def run(run_id: RunId, service: ServiceOf, who: Viewer) -> RunSummary:
    known(service, run_id)
    summary = service.runs.summary(run_id)
    assert summary is not None
    return summary


@router.get("/runs/{run_id}/result", responses=UNKNOWN | NOT_NOW)
def run_result(run_id: RunId, service: ServiceOf, who: Viewer) -> RunResult:
    """What ``honk run --json`` prints; 409 until the run has ended."""
    state = known(service, run_id)
    if state.ended is None:
        raise HTTPException(409, f"Run {run_id} has not ended.")
    return result(run_id, state, service.artifacts)


_PATCH: Answers = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get("/runs/{run_id}/patch", response_class=Response, responses=UNKNOWN | _PATCH)
def patch(run_id: RunId, service: ServiceOf, who: Viewer) -> Response:
    """The work of a run, also so far, as a patch for ``git apply``; 404 where there is none."""
    data = work(service, run_id, known(service, run_id))
    if not data:
        raise HTTPException(404, f"Run {run_id} has no change.")
    headers = {"Content-Disposition": f'attachment; filename="{run_id}.patch"'}
    return Response(data, media_type="text/plain; charset=utf-8", headers=headers)


_ENVELOPE: Answers = {200: {"content": {"application/vnd.dsse.envelope.v1+json": {}}}}


@router.get("/runs/{run_id}/evidence", response_class=Response, responses=UNKNOWN | _ENVELOPE)
def evidence(run_id: RunId, service: ServiceOf, who: Viewer) -> Response:
    """What is known of a run's commit as a signed in-toto statement (a DSSE envelope); 404 where
    there is none."""
    attested = known(service, run_id).attested
    if attested is None:
        raise HTTPException(404, f"Run {run_id} has no evidence: its change did not pass everything.")
    headers = {"Content-Disposition": f'attachment; filename="{run_id}.intoto.json"'}
    data = service.artifacts.get(attested.artifact)
    return Response(data, media_type="application/vnd.dsse.envelope.v1+json", headers=headers)


_LOG: Answers = {
    200: {
        "description": "The log",
        "content": {
            "application/json": {
                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Recorded"}}
            },
            "text/event-stream": {"schema": {"type": "string"}},
        },
    },
    204: {"description": "Nothing comes after Last-Event-ID any more"},
}


@router.get("/runs/{run_id}/events", response_model=list[Recorded], responses=UNKNOWN | _LOG)
async def events(
    run_id: RunId,
    service: ServiceOf,
    who: Viewer,
    request: Request,
    after: Annotated[int, Query(ge=0, le=MOST)] = 0,
    last_event_id: Annotated[int | None, Header(ge=0, le=MOST)] = None,
) -> Response:
    """The log: a JSON list, or with ``Accept: text/event-stream`` a stream that goes on until the
    run ends and that ``Last-Event-ID`` resumes."""
    state = await asyncio.to_thread(known, service, run_id)
    if "text/event-stream" not in request.headers.get("accept", ""):
        found = await asyncio.to_thread(service.events.read, run_id, after)
        body = "[" + ",".join(recorded.model_dump_json() for recorded in found) + "]"
        return Response(body, media_type="application/json")
    if last_event_id is not None:
        after = last_event_id
        if state.ended is not None and not await asyncio.to_thread(service.events.read, run_id, after):
            return Response(status_code=204)  # an EventSource then stops asking
    return EventSourceResponse(_stream(request.app.state.tail, run_id, after), ping=15)


async def _stream(tail: Tail, run_id: str, after: int) -> AsyncIterator[ServerSentEvent]:
    async for recorded in tail.follow(run_id, after):
        yield ServerSentEvent(
            recorded.model_dump_json(), id=str(recorded.seq), event=recorded.event.kind, sep="\n"
        )


@router.post("/runs/{run_id}/cancel", responses=UNKNOWN | NOT_NOW)
def cancel(run_id: RunId, service: ServiceOf, who: Runner) -> Cancelling:
    """Stop a run in order: container gone, patch kept."""
    known(service, run_id)
    return Cancelling(ended=service.desk.cancel(run_id, f"Cancelled by {who.name}."))


@router.post("/runs/{run_id}/resume", status_code=202, responses=UNKNOWN | NOT_NOW)
def resume(run_id: RunId, service: ServiceOf, who: Runner, request: Request) -> Started:
    """Queue a run again that was cancelled, failed, or ran out of something."""
    known(service, run_id)
    service.desk.resume(run_id)
    return Started(run_id=run_id, url=run_url(service, request, run_id))


@router.post("/runs/{run_id}/approve", status_code=202, responses=UNKNOWN | NOT_NOW | BODY)
def approve(
    run_id: RunId, service: ServiceOf, who: Runner, request: Request, approval: Approval = NOTHING_NAMED
) -> Started:
    """Permit what gates or judge refused, and queue the run again; its log names the token. The
    same approval again, until the run has ended, changes nothing."""
    known(service, run_id)
    service.desk.approve(run_id, approval.globs, who.name)
    return Started(run_id=run_id, url=run_url(service, request, run_id))


@router.post("/runs/{run_id}/say", status_code=202, response_class=Response, responses=UNKNOWN | BODY)
def say(run_id: RunId, words: Words, service: ServiceOf, who: Runner) -> Response:
    """Words for the model of a run, which hears them before its next turn."""
    known(service, run_id)
    service.desk.say(run_id, words.text)
    return Response(status_code=202)
