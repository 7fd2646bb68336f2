"""The recorded traffic of three services, served over HTTP to the adapters through the real SDKs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import ModelError
from honk.core.messages import (
    AssistantMessage,
    Completion,
    ModelRequest,
    Opaque,
    StopReason,
    Text,
    TextDelta,
    ToolCall,
    UserMessage,
)
from honk.models.anthropic import AnthropicModel
from honk.models.chat import ChatModel
from honk.models.openai import OpenAIModel

ASK = UserMessage(parts=(Text(text="Please."),))
PATHS = ["/v1/messages", "/v1/responses", "/v1/chat/completions"]
Adapter = AnthropicModel | OpenAIModel | ChatModel


def adapter(path: str, url: str) -> Adapter:
    if path == "/v1/messages":
        return AnthropicModel("recorded", "key", url)
    return (OpenAIModel if path == "/v1/responses" else ChatModel)("recorded", "key", f"{url}/v1")


def play(playback: Any, exchange: dict[str, Any]) -> None:
    playback.status = exchange["status"]
    playback.headers = {k: v for k, v in exchange["headers"].items() if k.lower() != "content-length"}
    playback.body = exchange["response"].encode()
    playback.seen.clear()


def check_anthropic(found: Any, completion: Completion) -> None:
    kinds = {"text": Text, "tool_use": ToolCall}
    parts = completion.message.parts
    assert [kinds.get(b["type"], Opaque) for b in found.blocks] == [type(p) for p in parts]
    for block, part in zip(found.blocks, parts, strict=True):
        if isinstance(part, Text):
            assert part.text == block["text"]
        elif isinstance(part, ToolCall):
            assert (part.id, part.name, json.loads(part.arguments)) == (
                block["id"],
                block["name"],
                block["input"],
            )
        else:
            assert json.loads(part.data) == block
            assert part.text == block.get("thinking", "")
    stops = {"end_turn": StopReason.END, "stop_sequence": StopReason.END, "tool_use": StopReason.TOOL_USE}
    assert completion.stop is stops[str(found.stop)]
    usage = completion.usage
    assert (usage.input_tokens, usage.output_tokens) == (
        found.usage["input_tokens"],
        found.usage["output_tokens"],
    )
    assert usage.cache_read_tokens == (found.usage.get("cache_read_input_tokens") or 0)
    assert usage.cache_write_tokens == (found.usage.get("cache_creation_input_tokens") or 0)


def check_responses(found: Any, completion: Completion) -> None:
    parts = completion.message.parts
    assert len(parts) == len(found.blocks)
    for item, part in zip(found.blocks, parts, strict=True):
        if item["type"] == "message":
            assert isinstance(part, Text)
            assert part.text == "\n".join(c.get("text") or c.get("refusal") or "" for c in item["content"])
        elif item["type"] == "function_call":
            assert isinstance(part, ToolCall)
            assert (part.id, part.name, part.arguments) == (
                item["call_id"],
                item["name"],
                item["arguments"] or "{}",
            )
        else:
            assert isinstance(part, Opaque)
            assert json.loads(part.data) == item
    calls = any(i["type"] == "function_call" for i in found.blocks)
    if found.stop in ("completed", "complete"):
        assert completion.stop is (StopReason.TOOL_USE if calls else StopReason.END)
    else:
        assert completion.stop is StopReason.MAX_TOKENS
    check_inclusive_usage(found.usage, completion, "input_tokens", "output_tokens", "input_tokens_details")


def check_chat(found: Any, completion: Completion) -> None:
    assert completion.message.text == "".join(b["text"] for b in found.blocks if "text" in b)
    calls = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in completion.message.calls]
    assert calls == [{**b, "arguments": b["arguments"] or "{}"} for b in found.blocks if "text" not in b]
    stops = {"stop": StopReason.END, "tool_calls": StopReason.TOOL_USE, "length": StopReason.MAX_TOKENS}
    stops["None"] = StopReason.TOOL_USE if calls else StopReason.END
    assert completion.stop is stops[str(found.stop)]
    check_inclusive_usage(
        found.usage, completion, "prompt_tokens", "completion_tokens", "prompt_tokens_details"
    )


def check_inclusive_usage(
    given: dict[str, Any], completion: Completion, total: str, output: str, details: str
) -> None:
    usage = completion.usage
    assert usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens == given.get(total, 0)
    assert usage.cache_read_tokens == ((given.get(details) or {}).get("cached_tokens") or 0)
    assert usage.output_tokens == given.get(output, 0)


CHECKS = {
    "/v1/messages": check_anthropic,
    "/v1/responses": check_responses,
    "/v1/chat/completions": check_chat,
}


def sent_back(path: str, body: dict[str, Any]) -> Any:
    """The model's own turn in the second request."""
    if path == "/v1/responses":
        return body["input"][1:-1]
    turns = [m for m in body["messages"] if m["role"] == "assistant"]
    assert len(turns) == 1
    return turns[0]["content"] if path == "/v1/messages" else turns[0]


def check_sent_back(path: str, found: Any, body: dict[str, Any]) -> None:
    back = sent_back(path, body)
    if path == "/v1/chat/completions":
        assert (back["content"] or "") == "".join(b["text"] for b in found.blocks if "text" in b)
        calls = [
            {
                "id": c["id"],
                "name": c["function"]["name"],
                "arguments": c["function"]["arguments"],
            }
            for c in back.get("tool_calls", ())
        ]
        assert calls == [{**b, "arguments": b["arguments"] or "{}"} for b in found.blocks if "text" not in b]
        return
    # Blank text is the one thing that the service refuses to get back.
    blocks = [b for b in found.blocks if not (b["type"] == "text" and not b["text"].strip())]
    assert [{k: v for k, v in b.items() if v is not None or k != "citations"} for b in back] == [
        {k: v for k, v in b.items() if v is not None or k != "citations"} for b in blocks
    ]


@pytest.mark.parametrize("path", PATHS)
def test_every_recorded_answer_is_read_whole_and_goes_back_as_it_came(
    path: str, exchanges: list[dict[str, Any]], playback: Any, walk: Callable[..., Any]
) -> None:
    model = adapter(path, playback.url)
    count: Counter[bool] = Counter()
    for exchange in exchanges:
        if exchange["path"] != path or exchange["status"] != 200:
            continue
        play(playback, exchange)
        deltas: list[TextDelta] = []
        request = ModelRequest(system="Be brief.", messages=(ASK,))
        found = walk(path, exchange["stream"], exchange["response"])
        if found.stop in ("queued", "in_progress"):  # of a mode that honk never asks for
            with pytest.raises(ModelError, match=found.stop):
                model.complete(request, on_delta=deltas.append, cancel=Cancel())
            continue
        completion = model.complete(request, on_delta=deltas.append, cancel=Cancel())
        CHECKS[path](found, completion)
        assert completion.model == found.model, exchange["source"]
        words = "".join(p.text for p in completion.message.parts if isinstance(p, Text))
        if exchange["stream"]:
            assert "".join(d.text for d in deltas if not d.thinking) == words

        after = request.model_copy(update={"messages": (ASK, completion.message, ASK), "turn": 1})
        model.complete(after, on_delta=deltas.append, cancel=Cancel())
        assert len(playback.seen) == 2
        if completion.message.parts:
            check_sent_back(path, found, playback.seen[1])
        count[exchange["stream"]] += 1
    model.wire.close()
    assert count[True] >= 13
    assert count[False] >= 38


def test_recorded_errors_are_typed(exchanges: list[dict[str, Any]], playback: Any) -> None:
    failed = [e for e in exchanges if e["status"] != 200]
    assert len(failed) == 5
    for exchange in failed:
        play(playback, exchange)
        model = adapter(exchange["path"], playback.url)
        with pytest.raises(ModelError) as caught:
            model.complete(ModelRequest(system="", messages=(ASK,)), on_delta=lambda _: None, cancel=Cancel())
        model.wire.close()
        assert caught.value.status == exchange["status"]
        assert not caught.value.retryable
        assert json.loads(exchange["response"])["error"]["message"].rstrip(".") in caught.value.message


def test_opaque_parts_are_dropped_for_another_provider(
    exchanges: list[dict[str, Any]], playback: Any
) -> None:
    thinking = Opaque(text="secret thoughts", data='{"type":"thinking","thinking":"x","signature":"s"}')
    call = ToolCall(id="c1", name="verify", arguments="{}", opaque='{"caller":{"type":"direct"}}')
    turn = AssistantMessage(provider="elsewhere", parts=(thinking, Text(text="hello", opaque="{}"), call))
    for path in PATHS:
        play(playback, next(e for e in exchanges if e["path"] == path and e["status"] == 200))
        model = adapter(path, playback.url)
        request = ModelRequest(system="", messages=(ASK, turn, ASK))
        model.complete(request, on_delta=lambda _: None, cancel=Cancel())
        model.wire.close()
        text = json.dumps(playback.seen[0])
        assert "hello" in text
        assert "c1" in text
        assert "signature" not in text
        assert "caller" not in text
