"""The web application of `honk serve`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from honk import __version__
from honk.core.errors import HonkError, StaleWriter, UserError
from honk.server import actions, api, github, live, pages, pulls, slack, stats
from honk.server.auth import Viewer
from honk.server.context import Service
from honk.server.fates import fates
from honk.server.mcp import Door
from honk.server.render import FOLDER, problem
from honk.server.tail import Tail
from honk.telemetry.metrics import FORMAT, Metrics

BODY_LIMIT = 1 << 20
"""Bytes of a request's body. Larger orders are no change requests."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send forms with "Origin: null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
}


def create_app(service: Service) -> FastAPI:
    """The application around ``service``."""
    app = FastAPI(
        title="honk",
        version=__version__,
        description="Change requests become verified pull requests.",
        lifespan=_lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.state.tail = Tail(service.events, service.note)
    app.include_router(api.router)
    app.include_router(pages.router)
    app.include_router(actions.router)
    app.include_router(live.router)
    app.include_router(pulls.router)
    app.include_router(stats.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.include_router(slack.router)
    app.include_router(github.router)
    app.state.mcp = Door(service)
    app.router.routes.append(Route("/mcp", app.state.mcp, methods=["GET", "POST", "DELETE"]))
    app.state.metrics = Metrics(service.events, service.leases, lambda: fates(service, reverts=False))
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    app.add_api_route("/healthz", _health, include_in_schema=False)
    app.add_exception_handler(HonkError, _refused)
    app.add_exception_handler(AnyHTTPException, _http)  # FastAPI's own, and those of unknown paths
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(Guard)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(app.state.tail.run())
    try:
        async with app.state.mcp.open():
            yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


def _metrics(request: Request, who: Viewer) -> Response:
    text: bytes = request.app.state.metrics.text()
    return Response(text, media_type=FORMAT)


class Guard:
    """Refuses bodies and sets headers. As plain ASGI: Starlette's helper for middleware passes every
    piece of a stream through two more tasks, which hundreds of open streams feel."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = _body_refused(Request(scope)) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, guarded)


def _body_refused(request: Request) -> Response | None:
    """A body without a length could be of any."""
    if request.method in ("GET", "HEAD"):
        return None
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" in request.headers:
        return problem(
            request, 411, "The body has no Content-Length.", "Send it in one piece, not in chunks."
        )
    if length is not None and not (re.fullmatch("[0-9]{1,9}", length) and int(length) <= BODY_LIMIT):
        return problem(request, 413, "The body is too large.", f"{BODY_LIMIT} bytes are the most.")
    return None


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HonkError)
    status = 409 if isinstance(error, StaleWriter) else 422 if isinstance(error, UserError) else 503
    return problem(request, status, error.message, error.hint)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return problem(request, error.status_code, str(error.detail), headers=dict(error.headers or {}))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(request, 422, f"{where}: {first['msg']}", "The format is at /api/v1/openapi.json.")
