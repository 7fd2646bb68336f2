"""Retrying happens in one place, within bounds, and can be interrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, ModelError
from honk.models.retry import Patience, with_retries
from honk.testing.scripted import Call, Cut, Failure, ScriptedModel, Turn

WIRES = ["anthropic", "responses", "chat"]
QUICK = Patience(first=0.001, longest=0.002)


@pytest.mark.parametrize("wire", WIRES)
def test_a_cut_stream_is_made_again_once_and_counts_once(wire: str, client: Callable[..., Any]) -> None:
    turn = Turn("All of the answer. " * 20, calls=(Call("bash", {"command": "ls"}),), thinking="Hm. " * 20)
    said: list[str] = []
    with ScriptedModel([Cut(), turn]) as service:
        one = client(wire, service.url)
        model = with_retries(one.model, notify=said.append, patience=QUICK)
        completion = one.ask(model=model)
        assert len(service.journal) == 2
        assert service.journal[0].raw == service.journal[1].raw
    assert completion.message.text == turn.text
    assert len(completion.message.calls) == 1
    assert len(said) == 1
    assert "before its answer was complete" in said[0]


@pytest.mark.parametrize("wire", WIRES)
def test_retry_after_goes_before_the_own_pauses(wire: str, client: Callable[..., Any]) -> None:
    said: list[str] = []
    slow = Patience(first=3600, longest=3600, seconds=7200)
    with ScriptedModel([Failure(429, retry_after=0), Failure(529, retry_after=0), Turn("hi")]) as service:
        one = client(wire, service.url)
        model = with_retries(one.model, notify=said.append, patience=slow)
        assert one.ask(model=model).message.text == "hi"
        assert len(service.journal) == 3
    assert [s.endswith("Trying again in 0 s.") for s in said] == [True, True]


def test_tries_are_bounded(client: Callable[..., Any]) -> None:
    with ScriptedModel([Failure(503)]) as service:
        one = client("anthropic", service.url)
        with pytest.raises(ModelError) as caught:
            one.ask(model=with_retries(one.model, notify=lambda _: None, patience=QUICK))
        assert caught.value.status == 503
        assert len(service.journal) == QUICK.tries


def test_a_pause_beyond_the_patience_ends_at_once(client: Callable[..., Any]) -> None:
    said: list[str] = []
    with ScriptedModel([Failure(429, retry_after=86400)]) as service:
        one = client("responses", service.url)
        with pytest.raises(ModelError) as caught:
            one.ask(model=with_retries(one.model, notify=said.append))
        assert caught.value.retry_after == 86400
        assert len(service.journal) == 1
    assert said == []


def test_waiting_is_bounded_in_all(client: Callable[..., Any]) -> None:
    patience = Patience(seconds=0.025)
    with ScriptedModel([Failure(429, retry_after=0.01)]) as service:
        one = client("chat", service.url)
        with pytest.raises(ModelError):
            one.ask(model=with_retries(one.model, notify=lambda _: None, patience=patience))
        assert len(service.journal) == 3  # two pauses fit, a third does not


def test_what_cannot_succeed_is_not_tried_again(client: Callable[..., Any]) -> None:
    with ScriptedModel([Failure(401)]) as service:
        one = client("chat", service.url)
        with pytest.raises(ModelError):
            one.ask(model=with_retries(one.model, notify=lambda _: None, patience=QUICK))
        assert len(service.journal) == 1


def test_cancelling_ends_the_pause(client: Callable[..., Any]) -> None:
    cancel = Cancel()
    with ScriptedModel([Failure(429, retry_after=500)]) as service:
        one = client("anthropic", service.url)
        model = with_retries(one.model, notify=lambda _: cancel.set("Ctrl-C"))
        with pytest.raises(Cancelled, match="Ctrl-C"):
            one.ask(model=model, cancel=cancel)


def test_pauses_grow_to_a_ceiling_with_jitter() -> None:
    patience = Patience(first=1, longest=10)
    for tried, full in ((1, 1), (2, 2), (3, 4), (5, 10), (30, 10)):
        pauses = {patience.pause(tried, None) for _ in range(50)}
        assert all(full / 2 <= p <= full for p in pauses)
        assert len(pauses) > 1
    assert patience.pause(9, 3.5) == 3.5


def test_the_wrapper_is_the_model_to_the_outside(client: Callable[..., Any]) -> None:
    one = client("anthropic", "http://127.0.0.1:9", "claude-opus-5")
    model = with_retries(one.model, notify=lambda _: None)
    assert (model.name, model.dialect) == ("anthropic:claude-opus-5", one.model.dialect)
