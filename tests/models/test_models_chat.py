"""Chat Completions as servers are known to deviate from it, and answers that are not streamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from honk.core.errors import ModelError
from honk.core.messages import Completion, Opaque, StopReason, Usage


def sse(*chunks: dict[str, Any], done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def delta(finish: str | None = None, **content: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": content, "finish_reason": finish}]}


@pytest.fixture
def serve(playback: Any, client: Callable[..., Any]) -> Callable[..., Completion]:
    def ask(body: bytes, kind: str = "text/event-stream", wire: str = "chat", turn: int = 0) -> Completion:
        playback.headers = {"Content-Type": kind}
        playback.body = body
        return client(wire, playback.url).ask(turn)  # type: ignore[no-any-return]

    return ask


def test_no_usage_counts_nothing(serve: Callable[..., Completion]) -> None:
    completion = serve(sse(delta(content="hi"), delta("stop")))
    assert (completion.message.text, completion.usage) == ("hi", Usage())


def test_stop_beside_calls_means_tool_use(serve: Callable[..., Completion]) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "bash", "arguments": '{"command":"ls"}'}}
    completion = serve(sse(delta(tool_calls=[call]), delta("stop")))
    assert completion.stop is StopReason.TOOL_USE
    assert completion.message.calls[0].arguments == '{"command":"ls"}'


def test_missing_ids_are_made_up_and_differ_between_turns(serve: Callable[..., Completion]) -> None:
    body = sse(
        delta(tool_calls=[{"index": 0, "function": {"name": "bash", "arguments": "{}"}}]),
        delta(tool_calls=[{"index": 1, "function": {"name": "verify", "arguments": ""}}]),
        delta("tool_calls"),
    )
    assert [c.id for c in serve(body, turn=3).message.calls] == ["call_3_0", "call_3_1"]
    assert [c.arguments for c in serve(body, turn=4).message.calls] == ["{}", "{}"]


def test_calls_without_index_or_all_at_index_0_stay_apart(serve: Callable[..., Completion]) -> None:
    def call(name: str, **more: Any) -> dict[str, Any]:
        return {**more, "function": {"name": name, "arguments": '{"a":1}'}}

    for calls in (
        [call("bash"), call("verify")],
        [call("bash", id="x", index=0), call("verify", id="y", index=0)],
    ):
        completion = serve(sse(*[delta(tool_calls=[c]) for c in calls], delta("stop")))
        assert [(c.name, c.arguments) for c in completion.message.calls] == [
            ("bash", '{"a":1}'),
            ("verify", '{"a":1}'),
        ]


def test_arguments_in_pieces_and_as_an_object(serve: Callable[..., Completion]) -> None:
    pieces = [
        {"index": 0, "id": "a", "function": {"name": "bash", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"comm'}},
        {"index": 0, "id": "a", "function": {"arguments": 'and":"ls"}'}},
    ]
    completion = serve(sse(*[delta(tool_calls=[p]) for p in pieces], delta("tool_calls")))
    assert [c.arguments for c in completion.message.calls] == ['{"command":"ls"}']
    whole = {"id": "a", "function": {"name": "bash", "arguments": {"command": "ls"}}}
    assert serve(sse(delta("stop", tool_calls=[whole]))).message.calls[0].arguments == '{"command":"ls"}'


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_is_kept_apart_from_the_words(field: str, serve: Callable[..., Completion]) -> None:
    completion = serve(sse(delta(**{field: "hm"}), delta(**{field: "!"}), delta("stop", content="hi")))
    thought, words = completion.message.parts
    assert thought == Opaque(text="hm!", data=json.dumps({field: "hm!"}, separators=(",", ":")))
    assert completion.message.text == "hi"
    assert words.kind == "text"


def test_what_belongs_to_a_call_goes_back_with_it(playback: Any, client: Callable[..., Any]) -> None:
    signature = {"google": {"thought_signature": "abc"}}
    call = {
        "index": 0,
        "id": "a",
        "function": {"name": "verify", "arguments": "{}"},
        "extra_content": signature,
    }
    playback.headers = {"Content-Type": "text/event-stream"}
    playback.body = sse(delta("tool_calls", tool_calls=[call]))
    one = client("chat", playback.url)
    one.answer(one.ask())
    one.ask(1)
    assert playback.seen[1]["messages"][2]["tool_calls"][0]["extra_content"] == signature


def test_done_completes_a_stream_without_a_finish_reason(serve: Callable[..., Completion]) -> None:
    assert serve(sse(delta(content="hi"))).message.text == "hi"
    with pytest.raises(ModelError, match="before its answer was complete"):
        serve(sse(delta(content="hi"), done=False))


def test_an_error_inside_the_stream_is_typed(serve: Callable[..., Completion]) -> None:
    error = {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    for wire in ("chat", "responses"):
        with pytest.raises(ModelError, match="slow down") as caught:
            serve(sse(error), wire=wire)
        assert (caught.value.status, caught.value.retryable) == (429, True)
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ModelError, match="Overloaded") as caught:
        serve(f"event: error\ndata: {json.dumps(overloaded)}\n\n".encode(), wire="anthropic")
    assert (caught.value.status, caught.value.retryable) == (529, True)


def test_a_failed_response_is_an_error(serve: Callable[..., Completion]) -> None:
    response = {"status": "failed", "error": {"code": "server_error", "message": "sorry"}, "output": []}
    event = {"type": "response.failed", "response": response}
    with pytest.raises(ModelError, match="sorry") as caught:
        serve(f"event: response.failed\ndata: {json.dumps(event)}\n\n".encode(), wire="responses")
    assert caught.value.retryable


def test_an_answer_that_is_not_streamed_is_read(serve: Callable[..., Completion]) -> None:
    message = {"role": "assistant", "content": "hi"}
    body = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    body["usage"] = {"prompt_tokens": 3, "completion_tokens": 2}  # type: ignore[assignment]
    completion = serve(json.dumps(body).encode(), "application/json")
    assert completion.message.text == "hi"
    assert completion.usage == Usage(input_tokens=3, output_tokens=2)


@pytest.mark.parametrize("wire", ["anthropic", "responses", "chat"])
@pytest.mark.parametrize("body", [b"<html>login</html>", b"[]", b"null", b"{", b'{"detail": "hi"}'])
def test_an_answer_of_something_else_is_an_error(
    wire: str, body: bytes, serve: Callable[..., Completion]
) -> None:
    with pytest.raises(ModelError, match=r"in an unknown form|before its answer") as caught:
        serve(body, "text/html", wire)
    assert "base URL" in caught.value.hint or caught.value.retryable
    with pytest.raises(ModelError, match=r"in an unknown form|before its answer"):
        serve(b"event: message_start\ndata: " + body + b"\n\n", wire=wire)


@pytest.mark.parametrize("wire", ["anthropic", "responses"])
def test_unknown_items_and_events_are_kept_or_passed_over(
    wire: str, playback: Any, client: Callable[..., Any]
) -> None:
    block = {"type": "hologram", "id": "h1", "payload": {"deep": ["x"]}}
    if wire == "anthropic":
        message = {"role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1}}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": message},
            {"type": "novelty", "what": 1},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "hologram_delta", "wave": "ab"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "hologram_delta", "wave": "cd"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "novel"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ]
        expected = {**block, "wave": "abcd"}
    else:
        whole = {"status": "completed", "model": "m", "output": [block], "usage": {}}
        events = [{"type": "novelty"}, {"type": "response.completed", "response": whole}]
        expected = block
    playback.headers = {"Content-Type": "text/event-stream"}
    playback.body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()
    one = client(wire, playback.url)
    completion = one.ask()
    (part,) = completion.message.parts
    assert isinstance(part, Opaque)
    assert json.loads(part.data) == expected
    assert completion.stop is StopReason.END
    one.answer(completion)
    one.ask(1)
    second = playback.seen[1]
    back = second["messages"][1]["content"][0] if wire == "anthropic" else second["input"][1]
    assert back == expected
