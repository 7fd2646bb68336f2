"""Neutral turns in the three wire formats, streamed and whole.

Formats as in the recorded exchanges of ``corpora/model-traffic.jsonl.gz`` and the types of the
two SDKs (anthropic 2.12, openai 3.54).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from honk.core.messages import Purpose, StopReason
from honk.testing.turns import Call, Turn

Wire = Literal["anthropic", "responses", "chat"]
Json = dict[str, Any]
_SERIAL = re.compile(r'"(?:id|call_id)": "[a-z]+_work(\d+)[_"]')
_PIECE = 40  # characters of text in one event

_ANTHROPIC_STOP = {
    StopReason.END: "end_turn",
    StopReason.TOOL_USE: "tool_use",
    StopReason.MAX_TOKENS: "max_tokens",
    StopReason.REFUSAL: "refusal",
    StopReason.PAUSE: "pause_turn",
    StopReason.CONTEXT_FULL: "model_context_window_exceeded",
}
_CHAT_STOP = {
    StopReason.TOOL_USE: "tool_calls",
    StopReason.MAX_TOKENS: "length",
    StopReason.REFUSAL: "content_filter",
}


def turns_before(wire: Wire, body: Json) -> int:
    """How many turns of the model there were before the request, as its history tells.

    The last turn with a scripted id says where it stood in the script, since earlier ones may
    have been summarised; without any, the turns that are there are counted.
    """
    turns = _turns(wire, body)
    for after, turn in enumerate(reversed(turns)):
        if found := _SERIAL.search(json.dumps(turn)):
            return int(found[1]) + 1 + after
    return len(turns)


def _turns(wire: Wire, body: Json) -> list[list[Json]]:
    """The items of each turn of the model."""
    if wire != "responses":
        return [[m] for m in body.get("messages", ()) if m.get("role") == "assistant"]
    turns: list[list[Json]] = []
    before = False
    for item in body.get("input", ()):
        kind = item.get("type", "message")
        mine = item.get("role") == "assistant" if kind == "message" else not kind.endswith("_output")
        if mine and before:
            turns[-1].append(item)
        elif mine:
            turns.append([item])
        before = mine
    return turns


def purpose(wire: Wire, body: Json) -> Purpose:
    """What a request is for; see :mod:`honk.testing.scripted`."""
    if not body.get("tools"):
        return "judge"
    last = body["input" if wire == "responses" else "messages"][-1]
    said = last.get("content")
    said = said[-1].get("text", "") if isinstance(said, list) and said else said
    asks = last.get("role") == "user" and isinstance(said, str) and "</summary>" in said
    return "compact" if asks else "work"


def failure_body(wire: Wire, status: int, message: str) -> Json:
    """An error in the wire's own form."""
    kinds = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error"}
    kinds |= {404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error"}
    kinds |= {529: "overloaded_error"}
    error = {"type": kinds.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error} if wire == "anthropic" else {"error": {**error, "code": None}}


def render(wire: Wire, turn: Turn, body: Json, serial: str) -> tuple[Json, list[tuple[str, Json]]]:
    """The whole answer, and the events of its stream. ``serial`` makes ids unique and repeatable."""
    model = str(body.get("model", "scripted"))
    if wire == "anthropic":
        return _anthropic(turn, model, serial)
    if wire == "responses":
        return _responses(turn, model, serial, {t.get("type") for t in body.get("tools", ())})
    return _chat(turn, model, serial)


def encode(wire: Wire, events: list[tuple[str, Json]]) -> list[bytes]:
    """Server-sent events, as each service writes them."""
    lines: list[bytes] = []
    for name, data in events:
        head = "" if wire == "chat" else f"event: {name}\n"
        lines.append(f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode())
    return [*lines, b"data: [DONE]\n\n"] if wire == "chat" else lines


def _stop(turn: Turn) -> StopReason:
    return turn.stop or (StopReason.TOOL_USE if turn.calls else StopReason.END)


def _pieces(text: str) -> Iterator[str]:
    return (text[i : i + _PIECE] for i in range(0, len(text), _PIECE))


def _editor(call: Call) -> tuple[str, str]:
    """A neutral call as the tools ``bash`` and ``str_replace_based_edit_tool`` take it."""
    if isinstance(call.arguments, str):
        return call.name, call.arguments
    given: Mapping[str, Any] = call.arguments
    if call.name == "create":
        given = {"command": "create", "path": given["path"], "file_text": given["text"]}
    elif call.name == "edit":
        given = {
            "command": "str_replace",
            "path": given["path"],
            "old_str": given["old"],
            "new_str": given["new"],
        }
    else:
        return call.name, json.dumps(given)
    return "str_replace_based_edit_tool", json.dumps(given)


def _anthropic(turn: Turn, model: str, serial: str) -> tuple[Json, list[tuple[str, Json]]]:
    blocks: list[tuple[Json, list[Json]]] = []  # a block as it starts, and its deltas
    if turn.thinking:
        deltas = [{"type": "thinking_delta", "thinking": p} for p in _pieces(turn.thinking)]
        signature = {"type": "signature_delta", "signature": f"sig-{serial}"}
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]))
    if turn.text:
        deltas = [{"type": "text_delta", "text": p} for p in _pieces(turn.text)]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for number, call in enumerate(turn.calls):
        name, arguments = _editor(call)
        start = {"type": "tool_use", "id": f"toolu_{serial}_{number}", "name": name, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": p} for p in _pieces(arguments)]
        blocks.append((start, deltas))
    usage: Json = {
        "input_tokens": turn.usage.input_tokens,
        "cache_read_input_tokens": turn.usage.cache_read_tokens,
        "cache_creation_input_tokens": turn.usage.cache_write_tokens,
        "output_tokens": 1,
    }
    message: Json = {"id": f"msg_{serial}", "type": "message", "role": "assistant", "model": model}
    begun: Json = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    stop: Json = {"stop_reason": _ANTHROPIC_STOP[_stop(turn)], "stop_sequence": None}
    if turn.detail:
        stop["stop_details"] = {"type": "refusal", "category": None, "explanation": turn.detail}
    end = {"output_tokens": turn.usage.output_tokens}
    events: list[Json] = [{"type": "message_start", "message": begun}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events += [{"type": "message_delta", "delta": stop, "usage": end}, {"type": "message_stop"}]
    content = [_whole_block(block, deltas) for block, deltas in blocks]
    whole = {**message, "content": content, **stop, "usage": {**usage, **end}}
    return whole, [(e["type"], e) for e in events]


def _whole_block(block: Json, deltas: list[Json]) -> Json:
    whole = dict(block)
    for delta in deltas:
        for key in ("text", "thinking", "signature"):
            whole[key] = whole.get(key, "") + delta[key] if key in delta else whole.get(key)
    if block["type"] == "tool_use":
        text = "".join(d["partial_json"] for d in deltas)
        try:
            whole["input"] = json.loads(text or "{}")
        except ValueError:  # what the service makes of broken arguments when it does not stream
            whole["input"] = {"INVALID_JSON": text}
    return {k: v for k, v in whole.items() if v is not None}


def _v4a(call: Call) -> Json:
    """A neutral edit as the operation of an apply_patch call (V4A lines, no envelope)."""
    assert not isinstance(call.arguments, str)
    given = call.arguments
    if call.name == "create":
        diff = "".join(f"+{line}\n" for line in given["text"].splitlines())
        return {"type": "create_file", "path": given["path"], "diff": diff}
    old = "".join(f"-{line}\n" for line in given["old"].splitlines())
    new = "".join(f"+{line}\n" for line in given["new"].splitlines())
    return {"type": "update_file", "path": given["path"], "diff": f"@@\n{old}{new}"}


def _response_call(call: Call, item: Json, native: set[str | None]) -> Json:
    if not isinstance(call.arguments, str):
        if call.name == "bash" and "shell" in native:
            action = {"commands": [call.arguments["command"]], "timeout_ms": None, "max_output_length": None}
            return {**item, "type": "shell_call", "action": action}
        if call.name in ("create", "edit") and "apply_patch" in native:
            return {**item, "type": "apply_patch_call", "operation": _v4a(call)}
    name, arguments = _editor(call)
    return {**item, "type": "function_call", "name": name, "arguments": arguments}


def _responses(
    turn: Turn, model: str, serial: str, native: set[str | None]
) -> tuple[Json, list[tuple[str, Json]]]:
    items: list[Json] = []
    if turn.thinking:
        summary = [{"type": "summary_text", "text": turn.thinking}]
        encrypted = f"enc-{serial}"
        items.append(
            {"id": f"rs_{serial}", "type": "reasoning", "summary": summary, "encrypted_content": encrypted}
        )
    stop = _stop(turn)
    if turn.text or stop is StopReason.REFUSAL:
        part: Json = {"type": "output_text", "text": turn.text, "annotations": [], "logprobs": []}
        if stop is StopReason.REFUSAL:
            part = {"type": "refusal", "refusal": turn.detail or turn.text or "no"}
        item: Json = {"id": f"msg_{serial}", "type": "message", "role": "assistant"}
        items.append({**item, "status": "completed", "content": [part]})
    for number, call in enumerate(turn.calls):
        ids = {"id": f"fc_{serial}_{number}", "call_id": f"call_{serial}_{number}", "status": "completed"}
        items.append(_response_call(call, ids, native))
    usage = turn.usage
    whole: Json = {"id": f"resp_{serial}", "object": "response", "model": model, "created_at": 0}
    whole |= {"status": "completed", "error": None, "incomplete_details": None, "output": items}
    if stop in (StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL):
        whole |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    total = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    cached = {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens}
    whole["usage"] = {
        "input_tokens": total,
        "input_tokens_details": cached,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": total + usage.output_tokens,
    }
    started = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events: list[Json] = [{"type": "response.created", "response": started}]
    for index, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        events += [{**e, "output_index": index, "item_id": item["id"]} for e in _item_deltas(item)]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": f"response.{whole['status']}", "response": whole})
    return whole, [(e["type"], {**e, "sequence_number": n}) for n, e in enumerate(events)]


def _item_deltas(item: Json) -> Iterator[Json]:
    if item["type"] == "reasoning":
        for piece in _pieces(item["summary"][0]["text"]):
            yield {"type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": piece}
    elif item["type"] == "message":
        part = item["content"][0]
        kind = part["type"]
        for piece in _pieces(part["text" if kind == "output_text" else "refusal"]):
            yield {"type": f"response.{kind}.delta", "content_index": 0, "delta": piece}


def _chat(turn: Turn, model: str, serial: str) -> tuple[Json, list[tuple[str, Json]]]:
    calls = [
        {"id": f"call_{serial}_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(map(_editor, turn.calls))
    ]
    finish = _CHAT_STOP.get(_stop(turn), "stop")
    total = turn.usage.input_tokens + turn.usage.cache_read_tokens + turn.usage.cache_write_tokens
    usage = {
        "prompt_tokens": total,
        "completion_tokens": turn.usage.output_tokens,
        "total_tokens": total + turn.usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": turn.usage.cache_read_tokens,
            "cache_write_tokens": turn.usage.cache_write_tokens,
        },
    }
    head: Json = {"id": f"chatcmpl-{serial}", "created": 0, "model": model}
    message: Json = {"role": "assistant", "content": turn.text or None}
    if turn.thinking:
        message["reasoning_content"] = turn.thinking
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": finish}
    whole = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": p} for p in _pieces(turn.thinking)]
    deltas += [{"content": p} for p in _pieces(turn.text)]
    for index, call in enumerate(calls):
        deltas += _call_deltas(index, call)
    head["object"] = "chat.completion.chunk"
    chunks = [{**head, "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({**head, "choices": [], "usage": usage})
    return whole, [("", chunk) for chunk in chunks]


def _call_deltas(index: int, call: Json) -> Iterator[Json]:
    function = call["function"]
    yield {"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]}
    for piece in _pieces(function["arguments"]):
        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
