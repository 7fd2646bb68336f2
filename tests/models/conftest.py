"""Fixtures for the model adapters: recorded traffic, a server that plays it, and an independent
reading of it, which shares no code with honk.models and knows only what is in the recordings."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest

from honk.core.cancel import Cancel
from honk.core.messages import (
    CommandOutput,
    Completion,
    Message,
    ModelRequest,
    Text,
    TextDelta,
    ToolKind,
    ToolResult,
    ToolSpec,
    UserMessage,
)
from honk.core.ports import Model
from honk.models.anthropic import AnthropicModel
from honk.models.chat import ChatModel
from honk.models.openai import OpenAIModel
from honk.models.recording import Recorder


class Playback:
    """A server that gives one fixed response to every POST and keeps what it was sent."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.seen: list[dict[str, Any]] = []
        playback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                playback.seen.append(json.loads(raw))
                self.send_response(playback.status)
                for name, value in playback.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(playback.body)))
                self.end_headers()
                self.wfile.write(playback.body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def playback() -> Iterator[Playback]:
    server = Playback()
    yield server
    server.close()


@pytest.fixture(scope="session")
def exchanges(corpora: Path) -> list[dict[str, Any]]:
    with gzip.open(corpora / "model-traffic.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="session")
def walk() -> Callable[[str, bool, str], Walked]:
    """What is in a recorded answer: path, streamed or not, body."""
    return _walk


@dataclass
class Walked:
    blocks: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    stop: str | None = None
    model: str = ""


def data_lines(text: str) -> list[dict[str, Any]]:
    lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _walk(path: str, stream: bool, text: str) -> Walked:
    events = data_lines(text) if stream else [json.loads(text)]
    reader = {"/v1/messages": _messages, "/v1/responses": _responses, "/v1/chat/completions": _chat}[path]
    return reader(stream, events)


def _messages(stream: bool, events: list[dict[str, Any]]) -> Walked:
    if not stream:
        whole = events[0]
        return Walked(whole["content"], whole["usage"], whole["stop_reason"], whole["model"])
    found = Walked()
    inputs: dict[int, str] = {}
    for event in events:
        if event["type"] == "message_start":
            found.usage, found.model = dict(event["message"]["usage"]), event["message"]["model"]
        elif event["type"] == "content_block_start":
            assert event["index"] == len(found.blocks)
            found.blocks.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            _delta(found.blocks[event["index"]], event["delta"], event["index"], inputs)
        elif event["type"] == "message_delta":
            found.stop = event["delta"]["stop_reason"]
            found.usage.update(event["usage"])
    for index, text in inputs.items():
        if text:
            found.blocks[index]["input"] = json.loads(text)
    return found


def _delta(block: dict[str, Any], delta: dict[str, Any], index: int, inputs: dict[int, str]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = block.get("signature", "") + delta["signature"]
        case "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
        case "input_json_delta":
            inputs[index] = inputs.get(index, "") + delta["partial_json"]
        case other:
            raise AssertionError(other)


def _responses(stream: bool, events: list[dict[str, Any]]) -> Walked:
    whole = events[-1]["response"] if stream else events[0]
    items = [e["item"] for e in events if e.get("type") == "response.output_item.done"]
    if whole["output"]:  # has all items, some of which come without an event of their own
        assert {i["id"] for i in items} <= {i["id"] for i in whole["output"]}
    return Walked(whole["output"] or items, whole["usage"], whole["status"], whole["model"])


def _chat(stream: bool, events: list[dict[str, Any]]) -> Walked:
    found = Walked()
    text, calls = "", {}
    for event in events:
        found.model = event.get("model") or found.model
        found.usage = event.get("usage") or found.usage
        for choice in event["choices"]:
            found.stop = choice.get("finish_reason") or found.stop
            part = choice["delta"] if stream else choice["message"]
            text += part.get("content") or ""
            for number, call in enumerate(part.get("tool_calls") or ()):
                index = call["index"] if stream else number
                known = calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
                known["id"] = call.get("id") or known["id"]
                known["name"] = (call["function"].get("name") or "") or known["name"]
                known["arguments"] += call["function"].get("arguments") or ""
    found.blocks = [{"text": text}] if text else []
    found.blocks += [calls[index] for index in sorted(calls)]
    return found


_PROTOTYPE = '{"type":"object","properties":{},"additionalProperties":false}'
TOOLS = (
    ToolSpec(name="bash", description="Runs a command.", parameters=_PROTOTYPE, kind=ToolKind.SHELL),
    ToolSpec(
        name="str_replace_based_edit_tool",
        description="Edits a file.",
        parameters=_PROTOTYPE,
        kind=ToolKind.EDITOR,
    ),
    ToolSpec(name="verify", description="Verifies.", parameters=_PROTOTYPE),
)
OPENAI_TOOLS = (
    TOOLS[0].model_copy(update={"name": "shell"}),
    ToolSpec(name="apply_patch", description="Patches.", parameters=_PROTOTYPE, kind=ToolKind.APPLY_PATCH),
    TOOLS[2],
)
MODELS: dict[str, Callable[..., AnthropicModel | OpenAIModel | ChatModel]] = {
    "anthropic": AnthropicModel,
    "responses": OpenAIModel,
    "chat": ChatModel,
}


class Client:
    """An adapter for one wire, and a conversation with it that grows as a run's does."""

    def __init__(self, wire: str, url: str, name: str, key: str, recorder: Recorder | None) -> None:
        base = url if wire == "anthropic" else f"{url}/v1"
        self.wire = wire
        self.model = MODELS[wire](name, key, base, recorder=recorder)
        self.tools = OPENAI_TOOLS if wire == "responses" else TOOLS
        self.messages: tuple[Message, ...] = (UserMessage(parts=(Text(text="Do it, ünd properly."),)),)
        self.deltas: list[TextDelta] = []

    def request(self, turn: int = 0, purpose: Literal["work", "judge"] = "work") -> ModelRequest:
        return ModelRequest(
            purpose=purpose,
            turn=turn,
            system="You are careful.",
            messages=self.messages,
            tools=self.tools if purpose == "work" else (),
            cache_key="run-1",
        )

    def ask(self, turn: int = 0, *, model: Model | None = None, cancel: Cancel | None = None) -> Completion:
        return (model or self.model).complete(
            self.request(turn), on_delta=self.deltas.append, cancel=cancel or Cancel()
        )

    def answer(self, completion: Completion) -> None:
        """Append the turn and the results of its calls, the first of which failed, in one message."""
        results = tuple(
            ToolResult(
                call_id=call.id,
                name=call.name,
                text=f"result {number}\n",
                error=number == 0,
                outputs=(
                    CommandOutput(text="out\n", exit_code=0),
                    CommandOutput(text="slow", exit_code=None),
                ),
            )
            for number, call in enumerate(completion.message.calls)
        )
        parts = results or (Text(text="Go on."),)
        self.messages = (*self.messages, completion.message, UserMessage(parts=parts))


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """Make a client: wire, URL, and if need be the model's name, a key, a recorder."""
    made: list[Client] = []

    def make(
        wire: str, url: str, name: str = "some-model", key: str = "key", recorder: Recorder | None = None
    ) -> Client:
        made.append(Client(wire, url, name, key, recorder))
        return made[-1]

    yield make
    for each in made:
        each.model.wire.close()
