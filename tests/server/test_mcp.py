"""honk's tools for other agents, called by the protocol's own client over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from honk.core.api import RunSummary
from tests.e2e.installed import Installer, make_repo
from tests.server.conftest import play, serve
from tests.world import FINISH, GREET, git

TOOLS = {"start", "status", "diff", "logs", "cancel", "say"}


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The typed answer of a tool."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    found = answer.structured_content
    assert isinstance(found, dict)
    return found


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """What a tool says is wrong."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, answer.structured_content
    return " ".join(block.text for block in answer.content if block.type == "text")


async def ended(client: Client, run_id: str) -> RunSummary:
    while True:
        summary = RunSummary.model_validate(await ask(client, "status", run_id=run_id))
        if summary.status not in ("waiting", "running"):
            return summary
        await asyncio.sleep(0.5)


@pytest.mark.docker
def test_an_agent_on_stdio_gets_a_pull_request(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o")
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "honk", "mcp"], env=honk.env, cwd=origin
    )

    async def story() -> None:
        async with Client(command) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            started = await ask(client, "start", request="say hello", key="k")
            again = await ask(client, "start", request="say hello", key="k")
            assert started == again
            run_id = started["run_id"]
            summary = await asyncio.wait_for(ended(client, run_id), 150)
            assert (summary.status, summary.origin.kind) == ("published", "mcp")
            assert summary.repo == str(origin)
            patch = await ask(client, "diff", run_id=run_id)
            assert "+echo hello" in patch["patch"] and not patch["clipped"]
            log = await ask(client, "logs", run_id=run_id)
            assert log["ended"] and log["lines"][0] == f"run {run_id}: say hello"
            assert (await ask(client, "logs", run_id=run_id, after=log["last"]))["lines"] == []
            said = await refused(client, "say", run_id=run_id, text="more")
            assert "has ended: published" in said and "honk followup" in said
            assert "has ended" in await refused(client, "cancel", run_id=run_id)
            assert "not open to requests" in await refused(client, "start", request="x", repo="/etc")
            assert "start returns" in await refused(client, "status", run_id="0000000000")
            assert "pattern" in await refused(client, "status", run_id="../etc")

    play(story())
    branches = git(origin, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk/").split()
    assert len(branches) == 1
    assert honk.leftovers() == []


@asynccontextmanager
async def over_http(url: str, headers: dict[str, str]) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        yield client


def test_an_agent_over_http_needs_the_token_of_a_runner(install: Installer, tmp_path: Path) -> None:
    served = serve(install(), "--workers", "0")
    origin = make_repo(tmp_path / "o")
    runner, viewer = served.token("r", "runner"), served.token("v", "viewer")

    async def story() -> None:
        async with over_http(served.url, runner) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            run_id = (await ask(client, "start", request="say hello", repo=str(origin)))["run_id"]
            summary = RunSummary.model_validate(await ask(client, "status", run_id=run_id))
            assert (summary.status, summary.requester) == ("waiting", "r")
            assert (await ask(client, "diff", run_id=run_id))["patch"] == ""
            assert (await ask(client, "say", run_id=run_id, text="hear me"))["run_id"] == run_id
            assert await ask(client, "cancel", run_id=run_id) == {"ended": True}
            lines = (await ask(client, "logs", run_id=run_id))["lines"]
            assert lines[-1] == "cancelled: Cancelled by r."

    play(story())
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for headers, status in (({}, 401), (viewer, 403), ({"Cookie": f"honk_token={runner}"}, 401)):
        answer = httpx2.post(f"{served.url}/mcp", json=body, headers=headers)
        assert answer.status_code == status and answer.json()["message"]
