"""The adapters against a fake model service that someone else wrote: npm's @copilotkit/aimock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import ModelError
from honk.core.messages import StopReason, Text, UserMessage
from honk.models.retry import Patience, with_retries
from tests.aimock import serving

WIRES = ["anthropic", "responses", "chat"]
CALLS = [{"name": "verify", "arguments": '{"a":1}'}, {"name": "finish", "arguments": "{}"}]
USAGE = {"prompt_tokens": 12, "completion_tokens": 7, "input_tokens": 12, "output_tokens": 7}
BUSY = {"content": "Let me look at ït.", "reasoning": "I look first.", "toolCalls": CALLS, "usage": USAGE}


def error(status: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": f"said {kind}", "type": kind}, "status": status, **more}


FIXTURES = [
    {"match": {"hasToolResult": True}, "response": {"content": "All done.", "usage": USAGE}},
    {"match": {"userMessage": "work"}, "response": BUSY},
    *(
        {
            "match": {"userMessage": f"busy {wire}", "sequenceIndex": 0},  # the first time only
            "response": error(429, "rate_limit_error", retryAfter=3),
        }
        for wire in WIRES
    ),
    {"match": {"userMessage": "busy"}, "response": {"content": "Now it works."}},
    {"match": {"userMessage": "overloaded"}, "response": error(529, "overloaded_error")},
    {"match": {"userMessage": "shout"}, "response": {"content": "AAA", "finishReason": "length"}},
]


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the running fake."""
    with serving(FIXTURES, tmp_path_factory.mktemp("aimock")) as url:
        yield url


@pytest.fixture
def say(aimock: str, client: Callable[..., Any]) -> Callable[..., Any]:
    """A client that asks one thing."""

    def make(wire: str, words: str) -> Any:
        one = client(wire, aimock)
        one.messages = (UserMessage(parts=(Text(text=words),)),)
        return one

    return make


@pytest.mark.parametrize("wire", WIRES)
def test_a_round_of_tools(wire: str, say: Callable[..., Any]) -> None:
    one = say(wire, "work")
    completion = one.ask()
    assert completion.stop is StopReason.TOOL_USE
    assert [(c.name, json.loads(c.arguments)) for c in completion.message.calls] == [
        ("verify", {"a": 1}),
        ("finish", {}),
    ]
    assert completion.message.text == BUSY["content"]
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (12, 7)
    assert "".join(d.text for d in one.deltas if not d.thinking) == BUSY["content"]
    assert "".join(d.text for d in one.deltas if d.thinking) == BUSY["reasoning"]
    one.answer(completion)
    assert one.ask(1).message.text == "All done."


@pytest.mark.parametrize("wire", WIRES)
def test_a_rate_limit_is_waited_for(wire: str, say: Callable[..., Any]) -> None:
    one = say(wire, f"busy {wire}")
    with pytest.raises(ModelError) as caught:
        one.ask()
    assert (caught.value.status, caught.value.retryable, caught.value.retry_after) == (429, True, 3)
    assert one.ask().message.text == "Now it works."


@pytest.mark.parametrize("wire", WIRES)
def test_an_overload_is_tried_again_and_then_told(wire: str, say: Callable[..., Any]) -> None:
    one, said = say(wire, "overloaded"), []
    model = with_retries(one.model, notify=said.append, patience=Patience(tries=3, first=0.001))
    with pytest.raises(ModelError, match="said overloaded_error") as caught:
        model.complete(one.request(), on_delta=lambda _: None, cancel=Cancel())
    assert (caught.value.status, len(said)) == (529, 2)


@pytest.mark.parametrize("wire", WIRES)
def test_an_answer_cut_by_the_limit_says_so(wire: str, say: Callable[..., Any]) -> None:
    completion = say(wire, "shout").ask()
    assert (completion.stop, completion.message.text) == (StopReason.MAX_TOKENS, "AAA")
