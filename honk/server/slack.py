"""Where Slack sends commands, events and button presses."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from honk.server.auth import ServiceOf

router = APIRouter()

PATH = "/slack/events"


@router.post(PATH, include_in_schema=False)
async def events(request: Request, service: ServiceOf) -> Response:
    """Slack signs the raw body, so nothing here may parse it."""
    if service.slack is None or not service.slack.http:
        raise HTTPException(404, "There is no Slack app here.")
    body = await request.body()
    reply = await run_in_threadpool(service.slack.handle, dict(request.headers), body)
    return Response(reply.body, reply.status, dict(reply.headers))
