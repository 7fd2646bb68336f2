"""The web application of `honk serve`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from honk import __version__
from honk.core.errors import HonkError, StaleWriter, UserError
from honk.server import api, github, slack
from honk.server.context import Service
from honk.server.tail import Tail

BODY_LIMIT = 1 << 20
"""Bytes of a request's body. Larger orders are no change requests."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
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
    app.state.tail = Tail(service.events)
    app.include_router(api.router)
    app.include_router(slack.router)
    app.include_router(github.router)
    app.add_api_route("/healthz", _health, include_in_schema=False)
    app.add_exception_handler(HonkError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.middleware("http")(_guard)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(app.state.tail.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _health() -> dict[str, str]:
    return {"status": "ok", "version": __version__}


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    length = request.headers.get("content-length", "0")
    if request.method not in ("GET", "HEAD") and (not length.isdigit() or int(length) > BODY_LIMIT):
        return JSONResponse({"message": "The body is too large.", "hint": ""}, 413)
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HonkError)
    status = 409 if isinstance(error, StaleWriter) else 422 if isinstance(error, UserError) else 503
    return JSONResponse({"message": error.message, "hint": error.hint}, status)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"message": str(error.detail), "hint": ""}, error.status_code, error.headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    hint = "The format is at /api/v1/openapi.json."
    return JSONResponse({"message": f"{where}: {first['msg']}", "hint": hint}, 422)
