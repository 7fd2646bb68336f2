"""Anthropic's Messages API.

Blocks and stop reasons follow the types of the anthropic SDK 2.12
(``types/message_create_params.py``, ``types/raw_message_stream_event.py``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing

from honk.core.cancel import Cancel
from honk.core.messages import (
    AssistantMessage,
    Completion,
    Dialect,
    Message,
    ModelRequest,
    Opaque,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
    ToolKind,
    ToolResult,
    ToolSpec,
    Usage,
    UserMessage,
)
from honk.models.wire import History, Json, Recorder, Wire, clean, dumps, is_object, opaque

PROVIDER = "anthropic"
BASE_URL = "https://api.anthropic.com"
_STOP = {
    "end_turn": StopReason.END,
    "stop_sequence": StopReason.END,
    "tool_use": StopReason.TOOL_USE,
    "max_tokens": StopReason.MAX_TOKENS,
    "pause_turn": StopReason.PAUSE,
    "refusal": StopReason.REFUSAL,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
}
_NATIVE: dict[ToolKind, Json] = {
    ToolKind.SHELL: {"type": "bash_20250124", "name": "bash"},
    ToolKind.EDITOR: {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
}
# Models from before adaptive thinking: Claude 2 and 3, and 4.0 to 4.5.
_NOT_ADAPTIVE = re.compile(r"claude-(\d|instant|(opus|sonnet|haiku)-4-([0-5]$|[0-5]-|\d{8}))")


def _tool(spec: ToolSpec) -> Json:
    native = _NATIVE.get(spec.kind)
    if native is not None:
        return native
    return {"name": spec.name, "description": spec.description, "input_schema": json.loads(spec.parameters)}


def _call(call: ToolCall, foreign: bool) -> bytes:
    given = call.arguments.strip() or "{}"
    arguments = given.encode() if is_object(given) else dumps({"invalid_json": given})
    extra = b"" if foreign or not call.opaque else b"," + call.opaque[1:-1].encode()
    head = dumps({"type": "tool_use", "id": call.id, "name": call.name})
    return head[:-1] + b',"input":' + arguments + extra + b"}"


def _assistant(message: AssistantMessage) -> bytes:
    foreign = message.provider != PROVIDER
    blocks: list[bytes] = []
    for part in message.parts:
        if isinstance(part, ToolCall):
            blocks.append(_call(part, foreign))
        elif isinstance(part, Opaque):
            if not foreign:
                blocks.append(part.data.encode())
        elif part.opaque and not foreign:
            blocks.append(part.opaque.encode())
        elif part.text.strip():  # the service refuses blank text
            blocks.append(dumps({"type": "text", "text": part.text}))
    if not blocks:
        return b""
    return b'{"role":"assistant","content":[' + b",".join(blocks) + b"]}"


def _given(part: Text | ToolResult) -> Json:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    block: Json = {"type": "tool_result", "tool_use_id": part.call_id, "content": part.text}
    if part.error:
        block["is_error"] = True
    return block


def _convert(message: Message, before: Message | None) -> bytes:
    if isinstance(message, UserMessage):
        return dumps({"role": "user", "content": [_given(part) for part in message.parts]})
    return _assistant(message)


def _part(block: Json, arguments: str) -> Text | Opaque | ToolCall:
    """One content block; ``arguments`` is the input of a tool call as it was streamed, or empty."""
    kind = block.get("type")
    if kind == "text":
        more = {k for k, v in block.items() if k not in ("type", "text") and v is not None}
        return Text(text=clean(block["text"]), opaque=opaque(block) if more else None)
    if kind == "tool_use":
        extra = {k: v for k, v in block.items() if k not in ("type", "id", "name", "input")}
        given = arguments or opaque(block.get("input") or {})
        return ToolCall(
            id=block["id"],
            name=block["name"],
            arguments=clean(given),
            opaque=opaque(extra) if extra else None,
        )
    if arguments:  # of a tool that runs at the service
        block = {**block, "input": json.loads(arguments) if is_object(arguments) else block.get("input")}
    return Opaque(text=clean(str(block.get("thinking") or "")), data=opaque(block))


class _Answer:
    """Puts an answer together from its events."""

    def __init__(self) -> None:
        self.message: Json = {}
        self.blocks: dict[int, Json] = {}
        self.arguments: dict[int, list[str]] = {}
        self.done = False

    def take(self, event: Json, on_delta: Callable[[TextDelta], None]) -> None:
        match event.get("type"):
            case "message_start":
                self.message = event["message"]
                self.blocks = dict(enumerate(self.message.get("content") or []))
            case "content_block_start":
                self.blocks[event["index"]] = event["content_block"]
            case "content_block_delta":
                self._delta(event["index"], event["delta"], on_delta)
            case "message_delta":
                self.message.update({k: v for k, v in event["delta"].items() if v is not None})
                usage = self.message.setdefault("usage", {})
                usage.update({k: v for k, v in (event.get("usage") or {}).items() if v is not None})
            case "message_stop":
                self.done = True

    def _delta(self, index: int, delta: Json, on_delta: Callable[[TextDelta], None]) -> None:
        block = self.blocks[index]
        kind = delta["type"]
        if kind == "input_json_delta":
            self.arguments.setdefault(index, []).append(delta["partial_json"])
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        else:  # text, thinking, signature, and whatever comes: each a piece of the field of its name
            for key, value in delta.items():
                if key != "type":
                    both_text = isinstance(value, str) and isinstance(block.get(key), str)
                    block[key] = block[key] + value if both_text else value
        if kind == "text_delta":
            on_delta(TextDelta(text=clean(delta["text"])))
        elif kind == "thinking_delta":
            on_delta(TextDelta(text=clean(delta["thinking"]), thinking=True))

    def completion(self) -> Completion:
        blocks = sorted(self.blocks.items())
        parts = tuple(_part(block, "".join(self.arguments.get(index, ()))) for index, block in blocks)
        message = AssistantMessage(provider=PROVIDER, parts=parts)
        usage = self.message.get("usage") or {}
        said = self.message.get("stop_reason")
        stop = _STOP.get(str(said), StopReason.END)
        if stop is StopReason.END and message.calls:
            stop = StopReason.TOOL_USE
        details = self.message.get("stop_details") or {}
        detail = ": ".join(str(details[k]) for k in ("category", "explanation") if details.get(k))
        return Completion(
            message=message,
            stop=stop,
            usage=Usage(
                input_tokens=usage.get("input_tokens") or 0,
                output_tokens=usage.get("output_tokens") or 0,
                cache_read_tokens=usage.get("cache_read_input_tokens") or 0,
                cache_write_tokens=usage.get("cache_creation_input_tokens") or 0,
            ),
            model=str(self.message.get("model") or ""),
            detail=detail if stop is StopReason.REFUSAL else "",
        )


class AnthropicModel:
    """A Claude model. ``name`` is Anthropic's (``claude-…``); one thread at a time."""

    dialect = Dialect.ANTHROPIC

    def __init__(
        self, name: str, api_key: str, base_url: str | None = None, *, recorder: Recorder | None = None
    ) -> None:
        self.name = f"{PROVIDER}:{name}"
        self.wire = Wire(
            "anthropic",
            base_url=base_url or BASE_URL,
            api_key=api_key,
            key="ANTHROPIC_API_KEY",
            model=name,
            recorder=recorder,
        )
        self._history = History(_convert)
        self._fixed: Json = {"model": name, "stream": True}
        if not _NOT_ADAPTIVE.match(name):
            self._fixed["thinking"] = {"type": "adaptive"}

    def complete(
        self, request: ModelRequest, *, on_delta: Callable[[TextDelta], None], cancel: Cancel
    ) -> Completion:
        answer = _Answer()
        with (
            self.wire.reading(),
            closing(self.wire.events("/v1/messages", self._body(request), request, cancel)) as events,
        ):
            for streamed, event in events:
                if event.get("type") == "error":
                    raise self.wire.failure(event)
                if streamed:
                    answer.take(event, on_delta)
                else:
                    answer.take({"type": "message_start", "message": event}, on_delta)
                    answer.done = isinstance(event["content"], list)
            if not answer.done:
                raise self.wire.cut()
            return answer.completion()

    def _body(self, request: ModelRequest) -> bytes:
        """The request. The prefix has no moving part: a marker after the system prompt, and the
        one on the last block is set by the service itself (top-level ``cache_control``)."""
        head: Json = {**self._fixed, "max_tokens": request.max_output_tokens}
        marker = {"type": "ephemeral"}
        head["cache_control"] = marker
        if request.tools:
            head["tools"] = [_tool(spec) for spec in request.tools]
        if request.answer_schema:
            head["output_config"] = {
                "format": {"type": "json_schema", "schema": json.loads(request.answer_schema)}
            }
        if request.system:
            head["system"] = [{"type": "text", "text": request.system, "cache_control": marker}]
        return dumps(head)[:-1] + b',"messages":[' + self._history.join(request.messages) + b"]}"
