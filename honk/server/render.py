"""Pages from the templates in ``templates/``. Every value on its way into a page goes through
``shown`` and is escaped; a missing one is an error."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlsplit

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from honk import __version__
from honk.core.api import Problem
from honk.core.errors import HonkError
from honk.server.auth import identity
from honk.server.markdown import markdown
from honk.server.panel import clock
from honk.server.terminal import shown, terminal
from honk.stores.service import TokenInfo

FOLDER = Path(__file__).resolve().parent


def _finalize(value: object) -> object:
    return value if isinstance(value, Markup) or not isinstance(value, str) else shown(value)


def _web(url: str) -> str | None:
    """``url`` if a browser may be led there, else None."""
    parts = urlsplit(url)
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def _moment(at: datetime) -> Markup:
    """A time that honk.js rewrites into the reader's own zone."""
    utc = at.astimezone(UTC)
    form = '<time datetime="{}">{}</time>'
    return Markup(form).format(f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M} UTC")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        terminal=terminal, web=_web, moment=_moment, clock=clock, markdown=markdown, path=quote
    )
    environment.globals.update(version=__version__)
    return environment


def fragment(name: str, /, **values: object) -> str:
    """The template ``templates/NAME.html`` filled with ``values``."""
    return _environment().get_template(f"{name}.html").render(**values)


def page(name: str, who: TokenInfo | None, /, status: int = 200, **values: object) -> Response:
    """A whole page. It shows what runs say, and is nobody else's to keep."""
    headers = {"Cache-Control": "no-store"}
    return HTMLResponse(fragment(name, who=who, **values), status, headers)


def from_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


_PROGRAMS = ("/api/", "/healthz", "/metrics", "/mcp", "/slack/", "/github/")
"""Paths that programs ask for, not people."""


def _text(text: str) -> str:
    """Text that UTF-8 can write: callers may send, and are told of, half an emoji."""
    return text.encode("utf-8", "replace").decode()


def problem(
    request: Request, status: int, message: str, hint: str = "", headers: dict[str, str] | None = None
) -> Response:
    """A refusal, in the form that who asked can read: JSON for programs, a page for people."""
    wants_json = "application/json" in request.headers.get("accept", "")
    if wants_json or request.url.path.startswith(_PROGRAMS):
        body = Problem(message=_text(message), hint=_text(hint))
        return JSONResponse(body.model_dump(), status, headers)
    if status == 401:
        return _to_login(request)
    if from_htmx(request):  # it shows what came with success only
        return HTMLResponse(fragment("said", message=message, hint=hint, bad=True))
    try:
        who = identity(request)
    except (HonkError, HTTPException):  # the database, or who asks, is what is wrong
        who = None
    return page("problem", who, status=status, message=message, hint=hint, code=status)


def _to_login(request: Request) -> Response:
    there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if from_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": "/login"})
    if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        # A link in a chat brings no SameSite=Strict cookie; the same page asked by ourselves does.
        return page("bounce", None, there=there)
    after = there if request.method == "GET" else "/"
    return RedirectResponse(f"/login?after={quote(after, safe='')}", 303)
