"""Tools of MCP servers: real ones, over stdio and HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, InfrastructureError, ToolError, UserError
from honk.core.messages import ToolCall
from honk.core.operator import McpServer
from honk.tools.servers import LIMIT, ServerTool, open_servers

SERVER = Path(__file__).with_name("mcp_server.py")
Opened = Callable[..., dict[str, ServerTool]]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Connect to the server with these settings; its tools by name."""
    with ExitStack() as stack:

        def connect(cancel: Cancel | None = None, **fields: object) -> dict[str, ServerTool]:
            given = {"name": "notes", "command": (sys.executable, str(SERVER)), "tools": ("*",), **fields}
            server = McpServer.model_validate(given)
            tools = stack.enter_context(open_servers([server], cancel or Cancel()))
            return {tool.spec.name: tool for tool in tools}

        yield connect


@pytest.fixture(scope="module")
def notes() -> Iterator[dict[str, ServerTool]]:
    """All tools of one server, for tests that leave it as it was."""
    server = McpServer(name="notes", command=(sys.executable, str(SERVER)), tools=("*",))
    with open_servers([server], Cancel()) as tools:
        yield {tool.spec.name: tool for tool in tools}


def call(tools: dict[str, ServerTool], name: str, arguments: str = "{}") -> str:
    return tools[name].run(ToolCall(id="1", name=name, arguments=arguments)).text


def test_only_the_permitted_tools_are_there(opened: Opened) -> None:
    tools = opened(tools=("look*", "long"))
    assert set(tools) == {"notes__lookup", "notes__long"}
    assert tools["notes__lookup"].spec.description.startswith("What the team noted")
    assert '"topic"' in tools["notes__lookup"].spec.parameters
    answer = call(tools, "notes__lookup", '{"topic": "logging"}')
    assert answer == "note on logging: version 2 renamed log() to emit()"


def test_a_server_gets_what_it_is_given_and_no_credential(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "never")
    names = call(opened(environment={"NOTES_TOKEN": SecretStr("x")}), "notes__environment").split()
    assert "NOTES_TOKEN" in names and "ANTHROPIC_API_KEY" not in names


def test_long_and_structured_results(notes: dict[str, ServerTool]) -> None:
    text = call(notes, "notes__long")
    assert text.startswith("head x") and text.endswith("x tail") and "characters left out" in text
    assert len(text) < LIMIT + 100
    assert "42" in call(notes, "notes__structured")


@pytest.mark.parametrize("arguments", ["{", "[]", "[" * 100_000])
def test_arguments_that_are_no_object_are_for_the_model_to_mend(
    notes: dict[str, ServerTool], arguments: str
) -> None:
    with pytest.raises(ToolError, match="Nothing was done"):
        call(notes, "notes__lookup", arguments)


def test_a_failing_tool_is_an_error_result_and_the_server_stays(notes: dict[str, ServerTool]) -> None:
    answer = notes["notes__broken"].run(ToolCall(id="1", name="notes__broken", arguments="{}"))
    assert answer.error and "broken" in answer.text
    wrong = notes["notes__lookup"].run(ToolCall(id="1", name="notes__lookup", arguments='{"x": 1}'))
    assert wrong.error and "topic" in wrong.text
    assert "version 2" in call(notes, "notes__lookup", '{"topic": "a"}')


def test_a_tool_that_never_ends_is_given_up(opened: Opened) -> None:
    with pytest.raises(ToolError, match="notes__slow failed"):
        call(opened(seconds=0.5), "notes__slow")


def test_a_server_that_dies_is_no_end_of_the_session(opened: Opened) -> None:
    tools = opened(seconds=20)
    for name in ("notes__dies", "notes__lookup"):
        with pytest.raises(ToolError, match=f"{name} failed"):
            call(tools, name, '{"topic": "a"}' if name == "notes__lookup" else "{}")


def test_a_cancelled_run_does_not_wait_for_a_tool(opened: Opened) -> None:
    cancel = Cancel()
    tools = opened(cancel)
    threading.Timer(0.2, cancel.set, ["Stopped by SIGINT."]).start()
    with pytest.raises(Cancelled, match="SIGINT"):
        call(tools, "notes__slow")


def test_a_tool_that_is_not_there_is_the_operators_mistake(opened: Opened) -> None:
    with pytest.raises(UserError, match="has no tool lookdown") as error:
        opened(tools=("lookdown",))
    assert "lookup" in error.value.hint


@pytest.mark.parametrize(
    "way",
    [
        {"command": ("/nonexistent/server",)},
        {"command": ("false",)},
        {"command": ("echo", "no protocol"), "seconds": 2},
        {"command": (), "url": "http://127.0.0.1:9/mcp"},
    ],
    ids=str,
)
def test_a_server_that_does_not_answer_is_named(opened: Opened, way: dict[str, object]) -> None:
    with pytest.raises(InfrastructureError, match="The MCP server notes does not answer"):
        opened(**way)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": ("a",)},
        {"tools": ("a",), "command": ("x",), "url": "http://localhost/mcp"},
        {"tools": (), "command": ("x",)},
        {"tools": ("a",), "command": ("x",), "name": "a__b"},
        {"tools": ("a",), "url": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        McpServer.model_validate({"name": "notes", **fields})


@contextmanager
def serving(port: int) -> Iterator[str]:
    argv = [sys.executable, str(SERVER), str(port)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "running on" in line:
                    break
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def test_a_server_over_http(opened: Opened) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with serving(port) as url:
        tools = opened(
            command=(), url=url, headers={"Authorization": SecretStr("Bearer x")}, tools=("lookup",)
        )
        assert "note on a" in call(tools, "notes__lookup", '{"topic": "a"}')


def test_an_error_of_the_session_comes_out_as_it_is() -> None:
    server = McpServer(name="notes", command=(sys.executable, str(SERVER)), tools=("*",))
    with pytest.raises(UserError, match="mine"), open_servers([server], Cancel()):
        raise UserError("mine")
