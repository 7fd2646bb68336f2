"""A session with the tools of an operator's MCP server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from honk.core.events import ToolReturned
from honk.testing.scripted import Call, Turn
from tests.e2e.installed import Installed, Installer, make_repo
from tests.world import FINISH, GREET

SERVER = Path(__file__).parents[1] / "tools" / "mcp_server.py"
ASK = Turn("What do we know?", (Call("notes__lookup", {"topic": "logging"}),))
SECRET = "a-token-of-the-notes"


def configure(honk: Installed, tools: list[str], repositories: str = "*") -> None:
    folder = honk.root / "config" / "honk"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "honk.toml").write_text(
        f"[[mcp]]\nname = 'notes'\ncommand = {json.dumps([sys.executable, str(SERVER)])}\n"
        f"tools = {json.dumps(tools)}\nrepositories = ['{repositories}']\n"
        f"environment = {{ NOTES_TOKEN = '{SECRET}' }}\n"
    )


@pytest.mark.full
@pytest.mark.docker
def test_a_session_calls_a_tool_of_the_operators_server(install: Installer) -> None:
    honk = install([ASK, GREET, FINISH])
    configure(honk, ["lookup"])
    done = honk.honk("say hello", "--repo", str(make_repo(honk.root / "o")), "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    found = [r.event.result for r in honk.log() if isinstance(r.event, ToolReturned)]
    [answer] = [result for result in found if result.name == "notes__lookup"]
    assert not answer.error and "note on logging" in answer.text
    first = honk.service.journal[0].body
    names = {tool["name"] for tool in first["tools"]}
    assert "notes__lookup" in names and "notes__long" not in names
    assert SECRET not in done.err + json.dumps(first)


@pytest.mark.docker
@pytest.mark.full
def test_other_repositories_have_no_such_tool(install: Installer) -> None:
    honk = install([ASK, GREET, FINISH])
    configure(honk, ["lookup"], "acme/*")
    done = honk.honk("say hello", "--repo", str(make_repo(honk.root / "o")), "--json")
    assert done.code == 0, done.err
    found = [r.event.result for r in honk.log() if isinstance(r.event, ToolReturned)]
    assert found[0].error and "There is no tool 'notes__lookup'" in found[0].text


@pytest.mark.full
def test_doctor_and_a_run_say_what_is_wrong_with_a_server(install: Installer) -> None:
    honk = install()
    configure(honk, ["lookdown"])
    done = honk.honk("say hello", "--repo", str(make_repo(honk.root / "o")))
    assert done.code == 2 and "has no tool lookdown" in done.err and "lookup" in done.err
    told = json.loads(honk.honk("doctor", "--json").out)
    [finding] = [finding for finding in told if finding["name"] == "mcp"]
    assert not finding["good"] and "has no tool lookdown" in finding["detail"]
