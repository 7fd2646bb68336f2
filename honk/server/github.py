"""GitHub's webhooks: checked and acknowledged here at once, acted upon afterwards."""

from __future__ import annotations

from typing import Protocol

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from honk.core.base import Frozen
from honk.core.fates import Tidings
from honk.triggers.github import Rules, Wish, read, signed

router = APIRouter()


class Door(Protocol):
    """What stands behind the webhook: which deliveries are new, and what a wish leads to. Nobody waits
    for ``act`` and ``learn``: what they are given is done by other threads."""

    @property
    def secret(self) -> str: ...

    @property
    def rules(self) -> Rules: ...

    def first(self, delivery: str, body: bytes) -> bool: ...

    def act(self, wish: Wish, delivery: str) -> None: ...

    def learn(self, told: Tidings, delivery: str) -> None: ...


class Heard(Frozen):
    """``acting``: something follows from the delivery; otherwise ``detail`` says why nothing does."""

    acting: bool
    detail: str


@router.post("/github/webhook", status_code=202, include_in_schema=False)
async def webhook(request: Request) -> Heard:
    """One delivery. The signature is of the body's bytes as they came, before anything parses them."""
    door: Door | None = request.app.state.service.github
    if door is None:
        raise HTTPException(404, "No webhook secret is set here.")
    body = await request.body()
    if not signed(door.secret, body, request.headers.get("x-hub-signature-256", "")):
        raise HTTPException(401, "The signature is not that of this body.")
    delivery = request.headers.get("x-github-delivery", "")
    if not delivery or len(delivery) > 100:
        raise HTTPException(400, "X-GitHub-Delivery is missing.")
    found = read(request.headers.get("x-github-event", ""), body, door.rules)
    if isinstance(found, str):
        return Heard(acting=False, detail=found)
    if not await run_in_threadpool(door.first, delivery, body):
        return Heard(acting=False, detail="this delivery was seen before")
    if isinstance(found, Tidings):
        door.learn(found, delivery)
        return Heard(acting=True, detail="pull request")
    door.act(found, delivery)
    return Heard(acting=True, detail=found.kind)
