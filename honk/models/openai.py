"""OpenAI's Responses API, without storage at the service: the whole history travels.

Items follow the types of the openai SDK 3.54 (``types/responses/response_input_item_param.py``,
``response_output_item.py``, ``response_stream_event.py``).
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
    ToolKind,
    ToolResult,
    ToolSpec,
    Usage,
)
from honk.models import errors
from honk.models.wire import History, Json, Recorder, Wire, clean, dumps, opaque, text_of, without_password

PROVIDER = "openai"
BASE_URL = "https://api.openai.com/v1"
_NATIVE: dict[ToolKind, Json] = {
    ToolKind.SHELL: {"type": "shell", "environment": {"type": "local"}},
    ToolKind.APPLY_PATCH: {"type": "apply_patch"},
}
# Item type of a native call -> the tool's name and the field that holds what it asks for.
_CALLS = {"shell_call": ("shell", "action"), "apply_patch_call": ("apply_patch", "operation")}
_NO_REASONING = ("gpt-3", "gpt-4", "chatgpt-")  # these refuse to be asked for encrypted reasoning
_WORDS = {"response.output_text.delta": False, "response.refusal.delta": False}
_THOUGHTS = {"response.reasoning_summary_text.delta": True, "response.reasoning_text.delta": True}
_DELTAS = _WORDS | _THOUGHTS


def _tool(spec: ToolSpec) -> Json:
    native = _NATIVE.get(spec.kind)
    if native is not None:
        return native
    return {
        "type": "function",
        "name": spec.name,
        "description": spec.description,
        "parameters": json.loads(spec.parameters),
        "strict": False,
    }


def answer_format(schema: str) -> Json:
    """What both of OpenAI's formats say about an answer that is to fit ``schema`` (JSON text)."""
    return {"name": "answer", "strict": True, "schema": json.loads(schema)}


def _text_item(part: Text, foreign: bool) -> Json:
    if foreign or not part.opaque:
        return {"role": "assistant", "content": part.text}
    item: Json = json.loads(part.opaque)
    content = item.get("content") or []
    if len(content) == 1 and "text" not in content[0] and content[0].get("type") == "output_text":
        content[0]["text"] = part.text
    return item


def _call_item(call: ToolCall, foreign: bool) -> Json:
    extra: Json = json.loads(call.opaque) if call.opaque and not foreign else {}
    kind = extra.get("type", "function_call")
    if kind in _CALLS:
        return {**extra, "call_id": call.id, _CALLS[kind][1]: json.loads(call.arguments)}
    return {
        **extra,
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def _result_item(result: ToolResult, calls: dict[str, Json]) -> Json:
    call = calls.get(result.call_id, {})
    if call.get("type") == "shell_call":
        output = [
            {
                "stdout": o.text,
                "stderr": "",
                "outcome": {"type": "timeout"}
                if o.exit_code is None
                else {"type": "exit", "exit_code": o.exit_code},
            }
            for o in result.outputs
        ] or [{"stdout": "", "stderr": result.text, "outcome": {"type": "exit", "exit_code": 1}}]
        item: Json = {"type": "shell_call_output", "call_id": result.call_id, "output": output}
        limit = call["action"].get("max_output_length")
        return item if limit is None else {**item, "max_output_length": limit}
    if call.get("type") == "apply_patch_call":
        status = "failed" if result.error else "completed"
        return {
            "type": "apply_patch_call_output",
            "call_id": result.call_id,
            "status": status,
            "output": result.text,
        }
    return {"type": "function_call_output", "call_id": result.call_id, "output": result.text}


def _convert(message: Message, before: Message | None) -> bytes:
    items: list[bytes] = []
    if isinstance(message, AssistantMessage):
        foreign = message.provider != PROVIDER
        for part in message.parts:
            if isinstance(part, Opaque):
                if not foreign:
                    items.append(part.data.encode())
            elif isinstance(part, ToolCall):
                items.append(dumps(_call_item(part, foreign)))
            elif part.text or part.opaque:
                items.append(dumps(_text_item(part, foreign)))
        return b",".join(items)
    calls: dict[str, Json] = {}
    if isinstance(before, AssistantMessage):
        foreign = before.provider != PROVIDER
        calls = {call.id: _call_item(call, foreign) for call in before.calls}
    return b",".join(
        dumps(_result_item(p, calls) if isinstance(p, ToolResult) else {"role": "user", "content": p.text})
        for p in message.parts
    )


def _text_part(item: Json) -> Text:
    content = item.get("content") or []
    words = [clean(text_of(c, "text") or text_of(c, "refusal")) for c in content]
    if len(content) == 1 and content[0].get("type") == "output_text":
        bare = {k: v for k, v in content[0].items() if k != "text"}
        return Text(text=words[0], opaque=opaque({**item, "content": [bare]}))
    return Text(text="\n".join(words), opaque=opaque(item))


def _part(item: Json) -> Text | Opaque | ToolCall:
    kind = item.get("type")
    if kind == "message":
        return _text_part(item)
    if kind == "function_call":
        extra = {k: v for k, v in item.items() if k not in ("call_id", "name", "arguments")}
        return ToolCall(
            id=item["call_id"],
            name=item["name"],
            arguments=clean(item["arguments"]) or "{}",
            opaque=opaque(extra),
        )
    if kind in _CALLS:
        name, field = _CALLS[kind]
        extra = {k: v for k, v in item.items() if k not in ("call_id", field)}
        return ToolCall(id=item["call_id"], name=name, arguments=opaque(item[field]), opaque=opaque(extra))
    summary = item.get("summary") or item.get("content") or []
    words = [text_of(s, "text") for s in summary if isinstance(s, dict)] if kind == "reasoning" else []
    return Opaque(text=clean("\n".join(words)), data=opaque(item))


def _stop(response: Json, items: list[Json], calls: bool) -> tuple[StopReason, str]:
    refusals = [text_of(c, "refusal") for i in items for c in i.get("content") or [] if isinstance(c, dict)]
    if any(refusals):
        return StopReason.REFUSAL, clean(" ".join(r for r in refusals if r))
    if response.get("status") == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason")
        if reason == "content_filter":
            return StopReason.REFUSAL, "content filter"
        return StopReason.MAX_TOKENS, ""
    return (StopReason.TOOL_USE if calls else StopReason.END), ""


def _completion(response: Json, items: list[Json]) -> Completion:
    message = AssistantMessage(provider=PROVIDER, parts=tuple(_part(item) for item in items))
    stop, detail = _stop(response, items, bool(message.calls))
    usage = response.get("usage") or {}
    details = usage.get("input_tokens_details") or {}
    read = details.get("cached_tokens") or 0
    written = details.get("cache_write_tokens") or 0
    return Completion(
        message=message,
        stop=stop,
        usage=Usage(
            input_tokens=max(0, (usage.get("input_tokens") or 0) - read - written),
            output_tokens=usage.get("output_tokens") or 0,
            cache_read_tokens=read,
            cache_write_tokens=written,
        ),
        model=str(response.get("model") or ""),
        detail=detail,
    )


class OpenAIModel:
    """A model behind the Responses API. ``name`` is the service's; one thread at a time."""

    dialect = Dialect.OPENAI

    def __init__(
        self, name: str, api_key: str, base_url: str | None = None, *, recorder: Recorder | None = None
    ) -> None:
        self.name = f"{PROVIDER}:{name}"
        self.wire = Wire(
            "openai",
            base_url=base_url or BASE_URL,
            api_key=api_key or ("none" if base_url else ""),  # local servers want none; the SDK wants one
            key="OPENAI_API_KEY",
            model=name,
            recorder=recorder,
        )
        self._history = History(_convert)
        self._fixed: Json = {"model": name, "stream": True, "store": False}
        if not name.startswith(_NO_REASONING):
            self._fixed["include"] = ["reasoning.encrypted_content"]

    def complete(
        self, request: ModelRequest, *, on_delta: Callable[[TextDelta], None], cancel: Cancel
    ) -> Completion:
        items: dict[int, Json] = {}
        response: Json | None = None
        with (
            self.wire.reading(),
            closing(self.wire.events("/responses", self._body(request), request, cancel)) as events,
        ):
            for streamed, event in events:
                kind = event.get("type") if streamed else "whole"
                if kind in _DELTAS:
                    on_delta(TextDelta(text=clean(event["delta"]), thinking=_DELTAS[kind]))
                elif kind == "response.output_item.done":
                    items[event["output_index"]] = event["item"]
                elif kind in ("response.completed", "response.incomplete", "response.failed"):
                    response = event["response"]
                elif kind == "whole":
                    response = event
                elif kind == "error":
                    raise self.wire.failure(event)
            if response is None:
                raise self.wire.cut()
            status = response.get("status")
            if status in ("failed", "cancelled", "queued", "in_progress") or response.get("error"):
                raise self.wire.failure(response.get("error") or {"message": f"the response is {status}"})
            done = [items[index] for index in sorted(items)]
            output = response.get("output") or done or response["output"]
            return _completion(response, output)

    def _body(self, request: ModelRequest) -> bytes:
        head: Json = {**self._fixed, "max_output_tokens": request.max_output_tokens}
        if request.system:
            head["instructions"] = request.system
        if request.tools:
            head["tools"] = [_tool(spec) for spec in request.tools]
        if request.answer_schema:
            head["text"] = {"format": {"type": "json_schema", **answer_format(request.answer_schema)}}
        if request.cache_key:
            head["prompt_cache_key"] = request.cache_key
        return dumps(head)[:-1] + b',"input":[' + self._history.join(request.messages) + b"]}"


def speaks_responses(base_url: str, api_key: str) -> bool:
    """Whether the service at ``base_url`` has ``/responses``, asked with an empty request.

    Raises ModelError if it cannot be reached.
    """
    from honk.models.connection import ask_status

    shown = without_password(base_url)
    try:
        status = ask_status(f"{base_url.rstrip('/')}/responses", api_key.strip())
    except Exception as error:
        raise errors.from_sdk(error, model="", key="OPENAI_API_KEY", base_url=shown) from error
    return status not in (404, 405, 501)
