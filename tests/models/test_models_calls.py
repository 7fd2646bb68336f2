"""The adapters against the scripted service: requests, stop reasons, cancelling, broken streams."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, ModelError, UserError
from honk.core.messages import AssistantMessage, Dialect, StopReason, Text, ToolCall, Usage, UserMessage
from honk.models.openai import speaks_responses
from honk.testing.scripted import Call, Cut, Failure, Hang, ScriptedModel, Turn, extends

WIRES = ["anthropic", "responses", "chat"]
BUSY = Turn(
    "I look äround and edit. " * 5,
    calls=(
        Call("bash", {"command": "printf 'é\\n'"}),
        Call("edit", {"path": "a.py", "old": "x = 1", "new": "x = 2"}),
        Call("create", {"path": "b.py", "text": "y = 1\n"}),
        Call("verify"),
    ),
    thinking="What is asked? " * 5,
    usage=Usage(input_tokens=7, output_tokens=5, cache_read_tokens=11, cache_write_tokens=3),
)


def history(service: ScriptedModel, client: Any, steps: int) -> None:
    for turn in range(steps):
        client.answer(client.ask(turn))
    assert len(service.journal) == steps


@pytest.mark.parametrize("wire", WIRES)
def test_each_request_begins_with_the_whole_previous_one(wire: str, client: Callable[..., Any]) -> None:
    with ScriptedModel([BUSY, Turn("ok"), *[BUSY] * 18]) as service:
        history(service, client(wire, service.url), 20)
        for before, after in zip(service.journal, service.journal[1:], strict=False):
            assert extends(before, after)
        assert len({seen.client for seen in service.journal}) == 1  # one connection for all


@pytest.mark.parametrize("wire", WIRES)
def test_a_resumed_run_sends_the_same_bytes(wire: str, client: Callable[..., Any]) -> None:
    with ScriptedModel([BUSY] * 4) as service:
        first = client(wire, service.url)
        history(service, first, 3)
        again = client(wire, service.url)
        again.messages = tuple(m.model_copy(deep=True) for m in first.messages)
        first.ask(3)
        again.ask(3)
        assert service.journal[3].raw == service.journal[4].raw


def validate_anthropic(body: Any) -> None:
    from anthropic.types import ContentBlockParam, MessageParam, TextBlockParam, ToolUnionParam
    from anthropic.types.message_create_params import MessageCreateParamsStreaming

    TypeAdapter(MessageCreateParamsStreaming).validate_python(body)
    for message in body["messages"]:
        TypeAdapter(MessageParam).validate_python(message)
        for block in message["content"]:
            TypeAdapter(ContentBlockParam).validate_python(block)
    for tool in body["tools"]:
        TypeAdapter(ToolUnionParam).validate_python(tool)
    TypeAdapter(list[TextBlockParam]).validate_python(body["system"])


def validate_responses(body: Any) -> None:
    from openai.types.responses import ResponseInputItemParam, ToolParam
    from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

    TypeAdapter(ResponseCreateParamsStreaming).validate_python(body)
    for item in body["input"]:
        TypeAdapter(ResponseInputItemParam).validate_python(item)
    for tool in body["tools"]:
        TypeAdapter(ToolParam).validate_python(tool)


def validate_chat(body: Any) -> None:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

    TypeAdapter(CompletionCreateParamsStreaming).validate_python(body)
    for message in body["messages"]:
        TypeAdapter(ChatCompletionMessageParam).validate_python(message)
    for tool in body["tools"]:
        TypeAdapter(ChatCompletionToolUnionParam).validate_python(tool)


@pytest.mark.parametrize("wire", WIRES)
def test_requests_are_what_the_sdk_types_allow(wire: str, client: Callable[..., Any]) -> None:
    validate = {"anthropic": validate_anthropic, "responses": validate_responses, "chat": validate_chat}[wire]
    with ScriptedModel([BUSY, Turn("done")]) as service:
        history(service, client(wire, service.url), 2)
        for seen in service.journal:
            validate(seen.body)


def test_anthropic_gets_native_tools_and_stable_cache_markers(client: Callable[..., Any]) -> None:
    with ScriptedModel([BUSY, Turn("done")]) as service:
        history(service, client("anthropic", service.url, "claude-opus-5"), 2)
        body = service.journal[1].body
    assert body["tools"][:2] == [
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
    ]
    assert body["tools"][2]["input_schema"]["type"] == "object"
    assert body["cache_control"] == {"type": "ephemeral"}
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in json.dumps(body["messages"])
    assert body["thinking"] == {"type": "adaptive"}
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user"]
    results = body["messages"][2]["content"]
    assert [r["type"] for r in results] == ["tool_result"] * 4
    assert [r.get("is_error") for r in results] == [True, None, None, None]
    thinking = body["messages"][1]["content"][0]
    assert thinking == {"type": "thinking", "thinking": BUSY.thinking, "signature": "sig-work0"}


@pytest.mark.parametrize(
    ("name", "adaptive"),
    [
        ("claude-opus-5", True),
        ("claude-sonnet-5-5", True),
        ("claude-opus-4-6", True),
        ("claude-opus-4-8", True),
        ("claude-sonnet-4-5", False),
        ("claude-sonnet-4-5-20250929", False),
        ("claude-opus-4-20250514", False),
        ("claude-haiku-4-5", False),
        ("claude-3-7-sonnet-latest", False),
    ],
)
def test_thinking_is_adaptive_where_the_model_can(
    name: str, adaptive: bool, client: Callable[..., Any]
) -> None:
    with ScriptedModel([Turn("hi")]) as service:
        client("anthropic", service.url, name).ask()
        assert ("thinking" in service.journal[0].body) is adaptive


def test_responses_gets_native_tools_and_their_outputs(client: Callable[..., Any]) -> None:
    with ScriptedModel([BUSY, Turn("done")]) as service:
        history(service, client("responses", service.url, "gpt-5.2"), 2)
        body = service.journal[1].body
    assert body["tools"][:2] == [
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "apply_patch"},
    ]
    assert (body["store"], body["prompt_cache_key"]) == (False, "run-1")
    assert body["include"] == ["reasoning.encrypted_content"]
    kinds = [item.get("type", "message") for item in body["input"]]
    calls = ["shell_call", "apply_patch_call", "apply_patch_call", "function_call"]
    assert kinds == ["message", "reasoning", "message", *calls, *[f"{c}_output" for c in calls]]
    shell, patch, other, function = body["input"][-4:]
    assert shell["output"] == [
        {"stdout": "out\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
        {"stdout": "slow", "stderr": "", "outcome": {"type": "timeout"}},
    ]
    assert (patch["status"], other["status"]) == ("completed", "completed")
    assert function["output"] == "result 3\n"
    assert body["input"][1]["encrypted_content"] == "enc-work0"


def test_native_openai_calls_carry_action_and_operation(client: Callable[..., Any]) -> None:
    with ScriptedModel([BUSY]) as service:
        shell, edit, create, verify = client("responses", service.url).ask().message.calls
    assert (shell.name, json.loads(shell.arguments)["commands"]) == ("shell", ["printf 'é\\n'"])
    assert json.loads(edit.arguments) == {
        "type": "update_file",
        "path": "a.py",
        "diff": "@@\n-x = 1\n+x = 2\n",
    }
    assert json.loads(create.arguments) == {"type": "create_file", "path": "b.py", "diff": "+y = 1\n"}
    assert (verify.name, verify.arguments) == ("verify", "{}")


def test_chat_gets_functions_only(client: Callable[..., Any]) -> None:
    with ScriptedModel([BUSY, Turn("done")]) as service:
        one = client("chat", service.url)
        history(service, one, 2)
        body = service.journal[1].body
    assert one.model.dialect is Dialect.GENERIC
    assert {t["type"] for t in body["tools"]} == {"function"}
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", *["tool"] * 4]
    assert body["messages"][2]["reasoning_content"] == BUSY.thinking
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("wire", WIRES)
def test_a_turn_is_read_whole_and_streamed(wire: str, client: Callable[..., Any]) -> None:
    with ScriptedModel([BUSY]) as service:
        one = client(wire, service.url, "asked-for")
        completion = one.ask()
    assert completion.message.text == BUSY.text
    assert len(completion.message.calls) == 4
    assert completion.usage == BUSY.usage
    assert completion.model == "asked-for"
    assert "".join(d.text for d in one.deltas if not d.thinking) == BUSY.text
    assert "".join(d.text for d in one.deltas if d.thinking) == BUSY.thinking


REASONS = [
    (StopReason.END, WIRES),
    (StopReason.MAX_TOKENS, WIRES),
    (StopReason.REFUSAL, WIRES),
    (StopReason.PAUSE, ["anthropic"]),
    (StopReason.CONTEXT_FULL, ["anthropic"]),
]


@pytest.mark.parametrize(("reason", "wire"), [(r, w) for r, wires in REASONS for w in wires])
def test_each_stop_reason_is_told(reason: StopReason, wire: str, client: Callable[..., Any]) -> None:
    with ScriptedModel(
        [Turn("some words", stop=reason, detail="not allowed" if reason == "refusal" else "")]
    ) as s:
        completion = client(wire, s.url).ask()
    assert completion.stop is reason
    if reason is StopReason.REFUSAL and wire != "chat":
        assert completion.detail == "not allowed"


@pytest.mark.parametrize("wire", WIRES)
def test_arguments_that_are_no_json_are_kept_and_can_be_sent_back(
    wire: str, client: Callable[..., Any]
) -> None:
    broken = Turn("x", calls=(Call("verify", '{"path": "a'),))
    with ScriptedModel([broken, Turn("done")]) as service:
        one = client(wire, service.url)
        completion = one.ask()
        assert completion.message.calls[0].arguments == '{"path": "a'
        one.answer(completion)
        assert one.ask(1).message.text == "done"


@pytest.mark.parametrize("wire", WIRES)
def test_a_lone_surrogate_can_be_stored_and_sent(wire: str, client: Callable[..., Any]) -> None:
    with ScriptedModel([Turn("half \ud83d of a pair"), Turn("done")]) as service:
        one = client(wire, service.url)
        completion = one.ask()
        assert (
            AssistantMessage.model_validate_json(completion.message.model_dump_json()) == completion.message
        )
        one.answer(completion)
        assert one.ask(1).message.text == "done"


@pytest.mark.parametrize("wire", WIRES)
def test_cancelling_closes_a_hanging_stream_at_once(wire: str, client: Callable[..., Any]) -> None:
    with ScriptedModel([Hang()]) as service:
        one, cancel = client(wire, service.url), Cancel()

        def press() -> None:
            assert service.hanging.wait(20)
            cancel.set("Ctrl-C")

        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(Cancelled, match="Ctrl-C"):
            one.ask(cancel=cancel)
        assert not service.closed.is_set()
        thread.join()


@pytest.mark.parametrize("wire", WIRES)
def test_cancelling_does_not_wait_for_the_first_byte(wire: str, client: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one, cancel = client(wire, f"http://127.0.0.1:{silent.getsockname()[1]}"), Cancel()

        def press() -> None:
            connection, _ = silent.accept()
            with connection:
                connection.recv(65536)
                cancel.set("Ctrl-C")
                while connection.recv(65536):  # until the other side closes
                    pass

        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(Cancelled):
            one.ask(cancel=cancel)
        one.model.wire.close()
        thread.join()


@pytest.mark.parametrize("wire", WIRES)
def test_a_cancelled_run_makes_no_call(wire: str, client: Callable[..., Any]) -> None:
    with ScriptedModel([Turn("hi")]) as service:
        cancel = Cancel()
        cancel.set("enough")
        with pytest.raises(Cancelled, match="enough"):
            client(wire, service.url).ask(cancel=cancel)
        assert service.journal == []


@pytest.mark.parametrize("wire", WIRES)
def test_a_cut_stream_is_a_retryable_error(wire: str, client: Callable[..., Any]) -> None:
    with (
        ScriptedModel([Cut(), BUSY]) as service,
        pytest.raises(ModelError, match="before its answer") as caught,
    ):
        client(wire, service.url).ask()
    assert caught.value.retryable


ERRORS = [
    (400, False, ""),
    (401, False, "API_KEY"),
    (403, False, "API_KEY"),
    (404, False, "model's name"),
    (413, False, "too large"),
    (429, True, "rate"),
    (500, True, "later"),
    (503, True, "later"),
    (529, True, "later"),
    (302, False, "redirect"),
]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("status", "retryable", "hint"), ERRORS)
def test_each_failure_is_typed_with_a_hint(
    wire: str, status: int, retryable: bool, hint: str, client: Callable[..., Any]
) -> None:
    with ScriptedModel([Failure(status, retry_after=7 if status in (429, 503) else None)]) as service:
        with pytest.raises(ModelError) as caught:
            client(wire, service.url).ask()
        assert len(service.journal) == 1  # the SDK makes no second try of its own
    error = caught.value
    assert (error.status, error.retryable) == (status, retryable)
    assert hint in error.hint
    assert error.context_full is (status == 413)
    assert error.retry_after == (7 if status in (429, 503) else None)
    if status in (401, 403):
        assert error.hint.startswith(f"Check {'ANTHROPIC' if wire == 'anthropic' else 'OPENAI'}_API_KEY")


@pytest.mark.parametrize("wire", WIRES)
def test_a_context_that_is_too_long_says_so(wire: str, client: Callable[..., Any]) -> None:
    said = {
        "anthropic": "prompt is too long: 210000 tokens > 200000 maximum",
        "responses": "Your input exceeds the context window of this model.",
        "chat": "This model's maximum context length is 8192 tokens.",
    }
    with ScriptedModel([Failure(400, said[wire])]) as service, pytest.raises(ModelError) as caught:
        client(wire, service.url).ask()
    assert "context window" in caught.value.hint
    assert caught.value.context_full


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"),
        (400, "the request exceeds the available context size, try increasing it"),
        (500, "Context size has been exceeded."),
        (400, "The prompt (total length 25938) is too long to fit into the model"),
    ],
)
def test_other_words_for_a_context_that_is_too_long_are_known_and_not_tried_again(
    status: int, said: str, client: Callable[..., Any]
) -> None:
    with ScriptedModel([Failure(status, said)]) as service, pytest.raises(ModelError) as caught:
        client("chat", service.url).ask()
    assert caught.value.context_full
    assert not caught.value.retryable


def test_a_used_up_quota_is_not_tried_again(client: Callable[..., Any]) -> None:
    body = '{"error": {"code": "insufficient_quota", "message": "You exceeded your current quota."}}'
    with ScriptedModel([Failure(429, body)]) as service, pytest.raises(ModelError) as caught:
        client("responses", service.url).ask()
    assert not caught.value.retryable
    assert "billing" in caught.value.hint


@pytest.mark.parametrize("wire", WIRES)
def test_an_unreachable_service_is_retryable(wire: str, client: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        client(wire, f"http://127.0.0.1:{port}").ask()
    assert caught.value.retryable
    assert caught.value.status is None


def test_the_probe_tells_responses_from_chat_only() -> None:
    with ScriptedModel() as both, ScriptedModel(wires=["chat"]) as chat:
        assert speaks_responses(f"{both.url}/v1", "key")
        assert not speaks_responses(f"{chat.url}/v1/", "key")
    with pytest.raises(ModelError, match="cannot be reached"):
        speaks_responses(f"{chat.url}/v1", "key")


def test_the_probe_takes_the_key_to_no_other_host(playback: Any) -> None:
    with ScriptedModel() as other:
        playback.status, playback.headers = 307, {"Location": f"{other.url}/v1/responses"}
        assert speaks_responses(f"{playback.url}/v1", "key")
        assert other.journal == []
    assert len(playback.seen) == 1


def test_turns_of_another_provider_become_plain_ones(client: Callable[..., Any]) -> None:
    call = ToolCall(id="c", name="shell", arguments='{"commands":["ls"]}', opaque='{"type":"shell_call"}')
    turn = AssistantMessage(provider="openai", parts=(Text(text="hello", opaque='{"id":"m"}'), call))
    with ScriptedModel([Turn(), Turn(), Turn("done")]) as service:
        one = client("anthropic", service.url)
        one.messages = (*one.messages, turn, UserMessage(parts=(Text(text="and?"),)))
        one.ask()
        assert service.journal[0].body["messages"][1]["content"] == [
            {"type": "text", "text": "hello"},
            {"type": "tool_use", "id": "c", "name": "shell", "input": {"commands": ["ls"]}},
        ]


@pytest.mark.parametrize(
    ("wire", "key", "said"),
    [
        ("anthropic", "", "is not set"),
        ("responses", " \n", "is not set"),
        ("anthropic", "kéy\n", "no API key has"),
        ("chat", "kéy", "no API key has"),
    ],
)
def test_an_unusable_key_is_named_but_not_shown(
    wire: str, key: str, said: str, client: Callable[..., Any]
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        client(wire, "http://127.0.0.1:9", key=key)
    assert "_API_KEY" in caught.value.message
    assert "kéy" not in str(caught.value)


def test_a_server_without_keys_needs_none(client: Callable[..., Any]) -> None:
    with ScriptedModel([Turn("hi")], key="sk-1") as service:
        assert client("responses", service.url, key=" sk-1\n").ask().message.text == "hi"
    with ScriptedModel([Turn("hi")]) as service:
        assert speaks_responses(f"{service.url}/v1", "")
        for wire in ("chat", "responses"):
            assert client(wire, service.url, key="").ask().message.text == "hi"


def test_a_password_in_the_base_url_is_not_shown(client: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ModelError) as caught:
        client("chat", f"http://me:secret@127.0.0.1:{port}").ask()
    assert "secret" not in str(caught.value)
    assert f"http://127.0.0.1:{port}" in str(caught.value)


def test_a_page_as_error_is_clipped(client: Callable[..., Any]) -> None:
    page = "<html>\n" + "x" * 5000
    with ScriptedModel([Failure(502, page)]) as service, pytest.raises(ModelError) as caught:
        client("chat", service.url).ask()
    assert len(caught.value.message) < 700
