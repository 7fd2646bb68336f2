"""Chat Completions, as OpenAI-compatible servers speak it (vLLM, Ollama, gateways).

Tolerates what such servers are known to do differently: no usage, calls without ids or
index, arguments in one piece, ``finish_reason`` missing or "stop" beside tool calls, thinking in
``reasoning`` or ``reasoning_content``, an answer that is not streamed.
"""

from __future__ import annotations

import json
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
    ToolResult,
    ToolSpec,
    Usage,
)
from honk.models.openai import BASE_URL, answer_format
from honk.models.wire import History, Json, Recorder, Wire, clean, dumps, is_object, opaque, text_of

PROVIDER = "chat"
_STOP = {"length": StopReason.MAX_TOKENS, "content_filter": StopReason.REFUSAL}
_KNOWN = ("role", "content", "tool_calls", "refusal", "function_call")


def _tool(spec: ToolSpec) -> Json:
    function = {
        "name": spec.name,
        "description": spec.description,
        "parameters": json.loads(spec.parameters),
    }
    return {"type": "function", "function": function}


def _assistant(message: AssistantMessage) -> Json:
    foreign = message.provider != PROVIDER
    item: Json = {"role": "assistant", "content": message.text or None}
    calls: list[Json] = []
    for part in message.parts:
        if isinstance(part, Opaque) and not foreign:
            item.update(json.loads(part.data))
        elif isinstance(part, ToolCall):
            arguments = part.arguments if is_object(part.arguments) else "{}"
            call: Json = {"id": part.id, "type": "function"}
            call["function"] = {"name": part.name, "arguments": arguments}
            calls.append({**call, **(json.loads(part.opaque) if part.opaque and not foreign else {})})
    if calls:
        item["tool_calls"] = calls
    return item


def _convert(message: Message, before: Message | None) -> bytes:
    if isinstance(message, AssistantMessage):
        item = _assistant(message)
        return dumps(item) if item["content"] or len(item) > 2 else b""
    return b",".join(dumps(_given(part)) for part in message.parts)


def _given(part: Text | ToolResult) -> Json:
    if isinstance(part, Text):
        return {"role": "user", "content": part.text}
    return {"role": "tool", "tool_call_id": part.call_id, "content": part.text}


class _Answer:
    """Puts an answer together from its chunks."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.refusal: list[str] = []
        self.extra: Json = {}
        self.calls: list[Json] = []
        self.finish: str | None = None
        self.usage: Json = {}
        self.model = ""

    def take(self, chunk: Json, on_delta: Callable[[TextDelta], None]) -> None:
        self.model = text_of(chunk, "model") or self.model
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices") or ():
            if choice.get("index") not in (0, None):
                continue
            self._delta(choice.get("delta") or choice.get("message") or {}, on_delta)
            self.finish = choice.get("finish_reason") or self.finish

    def _delta(self, delta: Json, on_delta: Callable[[TextDelta], None]) -> None:
        for key, pieces in (("content", self.text), ("refusal", self.refusal)):
            if words := text_of(delta, key):
                pieces.append(words)
                on_delta(TextDelta(text=clean(words)))
        for call in delta.get("tool_calls") or ():
            self._call(call)
        for key, value in delta.items():
            if key not in _KNOWN and value:
                self._more(key, value, on_delta)

    def _more(self, key: str, value: object, on_delta: Callable[[TextDelta], None]) -> None:
        had = self.extra.get(key)
        if isinstance(value, str):
            self.extra[key] = had + value if isinstance(had, str) else value
            if key in ("reasoning", "reasoning_content"):
                on_delta(TextDelta(text=clean(value), thinking=True))
        elif isinstance(value, list) and isinstance(had, list):
            self.extra[key] = [*had, *value]
        else:
            self.extra[key] = value

    def _call(self, piece: Json) -> None:
        """A new call, or more of the one at the same index (of the last one, without an index)."""
        function = piece.get("function") or {}
        index, given = piece.get("index"), text_of(piece, "id")
        known = [c for c in self.calls if c["index"] == index] if index is not None else self.calls
        call = known[-1] if known else None
        another = bool(given and call and call["id"] and given != call["id"])
        if call is None or another or (index is None and function.get("name")):
            call = {"index": index, "id": "", "name": "", "arguments": "", "extra": {}}
            self.calls.append(call)
        call["id"] = given or call["id"]
        call["name"] = call["name"] or text_of(function, "name")
        arguments = function.get("arguments")
        call["arguments"] += (
            arguments if isinstance(arguments, str) else opaque(arguments) if arguments else ""
        )
        known_keys = ("index", "id", "type", "function")
        call["extra"].update({k: v for k, v in piece.items() if k not in known_keys and v is not None})

    def completion(self, turn: int) -> Completion:
        parts: list[Text | Opaque | ToolCall] = []
        if self.extra:
            thought = text_of(self.extra, "reasoning_content") or text_of(self.extra, "reasoning")
            parts.append(Opaque(text=clean(thought), data=opaque(self.extra)))
        if self.text or self.refusal:
            parts.append(Text(text=clean("".join(self.text or self.refusal))))
        for number, call in enumerate(self.calls):
            parts.append(
                ToolCall(
                    id=call["id"] or f"call_{turn}_{number}",
                    name=call["name"],
                    arguments=clean(call["arguments"]) or "{}",
                    opaque=opaque(call["extra"]) if call["extra"] else None,
                )
            )
        stop = _STOP.get(self.finish or "", StopReason.TOOL_USE if self.calls else StopReason.END)
        if self.refusal:
            stop = StopReason.REFUSAL
        return Completion(
            message=AssistantMessage(provider=PROVIDER, parts=tuple(parts)),
            stop=stop,
            usage=self._tokens(),
            model=self.model,
            detail=clean("".join(self.refusal)),
        )

    def _tokens(self) -> Usage:
        details = self.usage.get("prompt_tokens_details") or {}
        read = details.get("cached_tokens") or 0
        written = details.get("cache_write_tokens") or 0
        return Usage(
            input_tokens=max(0, (self.usage.get("prompt_tokens") or 0) - read - written),
            output_tokens=self.usage.get("completion_tokens") or 0,
            cache_read_tokens=read,
            cache_write_tokens=written,
        )


class ChatModel:
    """A model behind Chat Completions. ``name`` is the server's; one thread at a time."""

    dialect = Dialect.GENERIC

    def __init__(
        self, name: str, api_key: str, base_url: str | None = None, *, recorder: Recorder | None = None
    ) -> None:
        self.name = f"openai:{name}"
        self._model = name
        self.wire = Wire(
            "openai",
            base_url=base_url or BASE_URL,
            api_key=api_key or "none",  # local servers want none; the SDK wants one
            key="OPENAI_API_KEY",
            model=name,
            recorder=recorder,
        )
        self._history = History(_convert)

    def complete(
        self, request: ModelRequest, *, on_delta: Callable[[TextDelta], None], cancel: Cancel
    ) -> Completion:
        answer = _Answer()
        with (
            self.wire.reading(),
            closing(self.wire.events("/chat/completions", self._body(request), request, cancel)) as events,
        ):
            for _, chunk in events:
                if chunk.get("error"):
                    raise self.wire.failure(chunk)
                answer.take(chunk, on_delta)
            if answer.finish is None and not self.wire.said_done:
                raise self.wire.cut()
            return answer.completion(request.turn)

    def _body(self, request: ModelRequest) -> bytes:
        head: Json = {"model": self._model, "stream": True, "stream_options": {"include_usage": True}}
        head["max_tokens"] = request.max_output_tokens
        if request.tools:
            head["tools"] = [_tool(spec) for spec in request.tools]
        if request.answer_schema:
            head["response_format"] = {
                "type": "json_schema",
                "json_schema": answer_format(request.answer_schema),
            }
        system = dumps({"role": "system", "content": request.system}) + b"," if request.system else b""
        return dumps(head)[:-1] + b',"messages":[' + system + self._history.join(request.messages) + b"]}"
