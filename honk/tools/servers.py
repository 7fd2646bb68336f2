"""Tools of an operator's MCP servers, called from the host on a model's word.

The operator lists servers and tools (``[[mcp]]`` in honk.toml); nothing in a repository can.
Arguments come from the model and results from the server: neither is trusted with more than
text in the conversation.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TextIO

from honk.core.cancel import Cancel
from honk.core.errors import InfrastructureError, ToolError, UserError
from honk.core.messages import ToolCall, ToolSpec
from honk.core.operator import McpServer
from honk.core.plain import clean
from honk.tools.tool import Answer

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal
    from mcp import types
    from mcp.client import Client

LIMIT = 30_000
"""Characters of one result that the model gets."""

_DESCRIPTION = 2_000
_PAGES = 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what all three model services take


@dataclass(frozen=True)
class ServerTool:
    """``run`` raises ToolError for what the model can mend, and Cancelled."""

    spec: ToolSpec
    run: Callable[[ToolCall], Answer]


@contextmanager
def open_servers(servers: Sequence[McpServer], cancel: Cancel) -> Iterator[tuple[ServerTool, ...]]:
    """The permitted tools of ``servers``, which are connected while the block runs.

    Raises InfrastructureError if a server does not answer, UserError if it has no such tool.
    """
    try:
        import mcp  # noqa: F401
        from anyio.from_thread import start_blocking_portal
    except ImportError as error:
        raise UserError("[[mcp]] needs the MCP SDK.", "Run `pip install 'honk[mcp]'`.") from error
    with ExitStack() as stack, open(os.devnull, "w") as nowhere:
        portal = stack.enter_context(start_blocking_portal())
        tools: list[ServerTool] = []
        for server in servers:
            with _answering(server):
                connection = portal.wrap_async_context_manager(_connected(server, nowhere))
                client = connection.__enter__()
                stack.callback(_disconnect, connection)
                listed = portal.call(_listed, client)
            tools += [_tool(server, tool, client, portal, cancel) for tool in _permitted(server, listed)]
        yield tuple(tools)


def _disconnect(connection: AbstractContextManager[Client]) -> None:
    """End a connection, whatever state it is in, without letting it see why: an error of the block
    would come back wrapped by its task group."""
    with suppress(Exception):
        connection.__exit__(None, None, None)


@contextmanager
def _answering(server: McpServer) -> Iterator[None]:
    from mcp import MCPError

    try:
        yield
    except (OSError, MCPError, RuntimeError, TimeoutError, ExceptionGroup) as error:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        said = clean(str(error))[:300] or type(error).__name__
        raise InfrastructureError(
            f"The MCP server {server.name} does not answer: {said}.",
            "Mend its [[mcp]] in honk.toml, or take it out.",
        ) from error


@asynccontextmanager
async def _connected(server: McpServer, errors: TextIO) -> AsyncIterator[Client]:
    from mcp.client import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamable_http_client

    async with AsyncExitStack() as stack:
        if server.url is not None:
            import httpx2

            headers = {name: value.get_secret_value() for name, value in server.headers.items()}
            http = httpx2.AsyncClient(headers=headers, timeout=server.seconds)
            await stack.enter_async_context(http)
            way = streamable_http_client(server.url, http_client=http)
        else:
            program, *arguments = server.command
            # The SDK gives it PATH, HOME and the like, and none of honk's credentials.
            environment = {name: value.get_secret_value() for name, value in server.environment.items()}
            start = StdioServerParameters(command=program, args=arguments, env=environment)
            way = stdio_client(start, errlog=errors)
        yield await stack.enter_async_context(Client(way, read_timeout_seconds=server.seconds))


async def _listed(client: Client) -> list[types.Tool]:
    tools: list[types.Tool] = []
    cursor = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None:
            break
    return tools


def _permitted(server: McpServer, listed: Sequence[types.Tool]) -> list[types.Tool]:
    for pattern in server.tools:
        if not any(fnmatchcase(tool.name, pattern) for tool in listed):
            names = ", ".join(clean(tool.name) for tool in listed) or "none"
            raise UserError(f"The MCP server {server.name} has no tool {pattern}.", f"It has: {names[:500]}.")
    found = [tool for tool in listed if any(fnmatchcase(tool.name, p) for p in server.tools)]
    if unfit := [tool.name for tool in found if not _NAME.fullmatch(f"{server.name}__{tool.name}")]:
        raise UserError(
            f"The MCP server {server.name} has a tool whose name no model takes: {clean(unfit[0])[:100]}.",
            "Leave it out of `tools` of its [[mcp]] in honk.toml.",
        )
    return found


def _tool(
    server: McpServer, tool: types.Tool, client: Client, portal: BlockingPortal, cancel: Cancel
) -> ServerTool:
    spec = ToolSpec(
        name=f"{server.name}__{tool.name}",
        description=clean(tool.description or tool.title or tool.name)[:_DESCRIPTION],
        parameters=json.dumps(tool.input_schema),
    )

    def run(call: ToolCall) -> Answer:
        from mcp import MCPError

        arguments = _arguments(call)
        future = portal.start_task_soon(client.call_tool, tool.name, arguments, server.seconds)

        def stop() -> None:
            future.cancel()

        try:
            with cancel.closing(stop):
                result = future.result()
        except CancelledError:
            cancel.check()
            raise ToolError(f"{call.name} was interrupted.") from None
        except (MCPError, OSError, RuntimeError, ExceptionGroup) as error:
            said = clean(str(error))[:500] or type(error).__name__
            raise ToolError(
                f"{call.name} failed: {said}", "Go on without it, or try it once more."
            ) from error
        return Answer(_text(result), error=bool(result.is_error))

    return ServerTool(spec, run)


def _arguments(call: ToolCall) -> dict[str, object]:
    try:
        found = json.loads(call.arguments.strip() or "{}")
    except (json.JSONDecodeError, RecursionError) as error:
        raise ToolError(f"Nothing was done. The arguments are not valid JSON: {error}.") from error
    if not isinstance(found, dict):
        raise ToolError("Nothing was done. The arguments must be a JSON object.")
    return found


def _text(result: types.CallToolResult) -> str:
    """The result as text; what is none (an image, a sound) is said to be left out."""
    parts = []
    for block in result.content:
        if block.type == "text":
            parts.append(block.text)
        elif block.type == "resource" and (text := getattr(block.resource, "text", None)) is not None:
            parts.append(text)
        else:
            parts.append(f"[{block.type} left out]")
    if not parts and result.structured_content is not None:
        parts.append(json.dumps(result.structured_content, ensure_ascii=False))
    text = "\n".join(parts) or "(no content)"
    if len(text) <= LIMIT:
        return text
    head, tail = text[: LIMIT * 2 // 3], text[-LIMIT // 3 :]
    return f"{head}\n[… {len(text) - len(head) - len(tail)} characters left out …]\n{tail}"
