"""A real MCP server of tests: `mcp_server.py` over stdio, `mcp_server.py PORT` over HTTP."""

from __future__ import annotations

import os
import sys
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer

server = MCPServer("notes")


@server.tool()
def lookup(topic: str) -> str:
    """What the team noted about a topic."""
    return f"note on {topic}: version 2 renamed log() to emit()"


@server.tool()
def environment() -> str:
    """Names of the variables that this process has."""
    return " ".join(sorted(os.environ))


@server.tool()
def long() -> str:
    """More than anybody reads."""
    return "head " + "x" * 100_000 + " tail"


@server.tool()
def broken() -> str:
    """It never works."""
    raise RuntimeError("the notes are locked")


@server.tool()
async def slow() -> str:
    """It never ends."""
    await anyio.sleep_forever()
    return ""


@server.tool()
def dies() -> str:
    """The server ends in the middle of it."""
    os._exit(3)


@server.tool()
def structured() -> dict[str, Any]:
    """Data."""
    return {"answer": 42}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
