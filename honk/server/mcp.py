"""honk's tools for other agents (Model Context Protocol), over stdio and at /mcp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Annotated, ParamSpec, TypeVar

from fastapi import HTTPException, Request
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from honk import __version__
from honk.core.api import Cancelling, Problem, RunSummary
from honk.core.base import Frozen
from honk.core.errors import HonkError, UserError
from honk.core.lines import lines
from honk.core.order import Order, Origin
from honk.core.state import RunState
from honk.server.auth import bearer, check_role
from honk.server.context import Service, work

P = ParamSpec("P")
T = TypeVar("T")

CLIP = 50_000
"""Characters of a patch or of a log that one answer holds."""

INSTRUCTIONS = (
    "honk turns a change request into a verified pull request. `start` queues a run and returns its id "
    "at once; a run takes minutes. `status` says how it stands, `logs` what it did, `diff` what it changed."
)

RunId = Annotated[str, Field(description="The id that start returned.", pattern=r"^[0-9a-f]{10}$")]
Words = Annotated[str, Field(description="What the model of the run shall hear before its next turn.")]

LOOKS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ACTS = ToolAnnotations(read_only_hint=False, destructive_hint=False)
ENDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)


class StartedRun(Frozen):
    run_id: str
    next: str = "Ask status until it is neither waiting nor running."


class Diff(Frozen):
    """``patch`` is for ``git apply``, unless ``clipped``: then its beginning only."""

    run_id: str
    patch: str
    clipped: bool


class Log(Frozen):
    """Lines of the log up to event number ``last``; ask again with ``after`` = ``last``."""

    lines: tuple[str, ...]
    last: int
    ended: bool


class Said(Frozen):
    run_id: str
    heard: str = "before its next turn"


def _told(function: Callable[P, T]) -> Callable[P, T]:
    """What honk says is wrong becomes a tool error: message and hint, for the agent to read."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except HonkError as error:
            raise ToolError(str(error)) from error

    return call


def _caller(context: Context[None, Request]) -> str:
    """Name of the token, which :class:`Door` has looked at; over stdio nobody else can be there."""
    request = context.request_context.request
    return "mcp" if request is None else str(request.state.caller)


def build(service: Service, *, repo: str | None = None) -> MCPServer[None]:
    """The tools on ``service``. ``repo`` is meant where an order names none."""
    server: MCPServer[None] = MCPServer(
        "honk", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING", subscriptions=False
    )
    _offer_runs(server, service, repo)
    _offer_views(server, service)
    return server


def _state(service: Service, run_id: str) -> RunState:
    state = service.runs.state(run_id)
    if state is None or state.requested is None:
        raise UserError(f"There is no run {run_id}.", "start returns the id of one.")
    return state


def _offer_runs(server: MCPServer[None], service: Service, repo: str | None) -> None:
    around = repo

    @server.tool(annotations=ACTS)
    @_told
    def start(
        context: Context[None, Request],
        request: Annotated[str, Field(description="What to change: the end state, not the steps.")],
        repo: Annotated[str | None, Field(description="owner/name, or a path that is open.")] = None,
        base: Annotated[str | None, Field(description="Branch to change.")] = None,
        verify: Annotated[list[str] | None, Field(description="Commands that must pass.")] = None,
        draft: bool = True,
        dry_run: Annotated[bool, Field(description="No push, no pull request.")] = False,
        max_cost: Annotated[float | None, Field(gt=0, description="Dollars.")] = None,
        max_turns: Annotated[int | None, Field(gt=0)] = None,
        timeout: Annotated[float | None, Field(gt=0, description="Seconds.")] = None,
        key: Annotated[str | None, Field(description="The same key starts one run.", max_length=200)] = None,
    ) -> StartedRun:
        """Queue a run: a change request becomes a verified pull request. Costs money."""
        caller = _caller(context)
        order = Order(
            request=request, repo=repo or around, base=base, verify=tuple(verify or ()), draft=draft,
            dry_run=dry_run, max_cost=max_cost, max_turns=max_turns, timeout=timeout,
            requester="" if caller == "mcp" else caller, origin=Origin(kind="mcp"),
        )  # fmt: skip
        return StartedRun(run_id=service.desk.submit(order, key=(f"mcp:{caller}", key) if key else None))

    @server.tool(annotations=ENDS)
    @_told
    def cancel(context: Context[None, Request], run_id: RunId) -> Cancelling:
        """Stop a run in order; its work so far stays as a patch."""
        _state(service, run_id)
        return Cancelling(ended=service.desk.cancel(run_id, f"Cancelled by {_caller(context)}."))

    @server.tool(annotations=ACTS)
    @_told
    def say(run_id: RunId, text: Words) -> Said:
        """Tell the model of a run something while it works."""
        _state(service, run_id)
        service.desk.say(run_id, text)
        return Said(run_id=run_id)


def _offer_views(server: MCPServer[None], service: Service) -> None:
    @server.tool(annotations=LOOKS)
    @_told
    def status(run_id: RunId) -> RunSummary:
        """How a run stands: waiting, running, or its outcome and why; its pull request and cost."""
        _state(service, run_id)
        summary = service.runs.summary(run_id)
        assert summary is not None
        return summary

    @server.tool(annotations=LOOKS)
    @_told
    def diff(run_id: RunId) -> Diff:
        """The change of a run, also so far, as a patch."""
        text = work(service, run_id, _state(service, run_id)).decode("utf-8", "replace")
        return Diff(run_id=run_id, patch=text[:CLIP], clipped=len(text) > CLIP)

    @server.tool(annotations=LOOKS)
    @_told
    def logs(run_id: RunId, after: Annotated[int, Field(ge=0, lt=2**31)] = 0) -> Log:
        """What a run said and did since event number `after`, as lines."""
        state = _state(service, run_id)
        said: list[str] = []
        last, room = after, CLIP
        for recorded in service.events.read(run_id, after):
            more = lines(recorded)
            room -= sum(len(line) + 1 for line in more)
            if room < 0 and said:
                return Log(lines=tuple(said), last=last, ended=False)
            said += [line[:CLIP] for line in more]
            last = recorded.seq
        return Log(lines=tuple(said), last=last, ended=state.ended is not None)


class Door:
    """The ASGI application at /mcp: bearer tokens of the role ``runner``, no cookies.

    Sessions keep nothing: each request stands alone, so that any server may answer it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = build(self._service)
        # Its check of the Host header guards servers without tokens against other sites' pages.
        unguarded = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(stateless_http=True, json_response=True, transport_security=unguarded)
        async with server.session_manager.run():
            self._manager = server.session_manager
            yield
        self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            caller = check_role(await asyncio.to_thread(bearer, request), "runner")
        except HTTPException as error:
            body = Problem(message=error.detail).model_dump()
            return await JSONResponse(body, error.status_code, error.headers)(scope, receive, send)
        assert self._manager is not None  # requests come while the application runs
        request.state.caller = caller.name
        await self._manager.handle_request(scope, receive, send)
