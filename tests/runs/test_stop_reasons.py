"""How a turn ends, on every wire: complete, cut off, refused, paused; and what honk makes of it."""

from __future__ import annotations

import pytest

from honk.core.events import ToolReturned
from honk.core.messages import StopReason
from honk.core.types import Outcome
from honk.testing.scripted import Call, Turn, extends
from tests.runs.test_compaction import WIRES, ended, play
from tests.runs.test_crash import Crash, CrashingStore
from tests.world import APPROVE, FINISH, GREET, World, Worlds, bash


def answers(world: World) -> list[str]:
    return [r.event.result.text for r in world.log() if isinstance(r.event, ToolReturned)]


@pytest.mark.parametrize("wire", WIRES)
def test_parallel_calls_are_answered_in_their_order(worlds: Worlds, wire: str) -> None:
    calls = tuple(Call("bash", {"command": f"sleep 0.{5 - n}; echo answer-{n}"}) for n in range(4))
    world = worlds([Turn("All at once.", calls=calls), GREET, FINISH])
    assert ended(play(world, wire, window=10**6))[0] is Outcome.PUBLISHED
    assert [text.strip() for text in answers(world)[:4]] == [f"answer-{n}" for n in range(4)]
    sent = world.service.journal[1].raw
    places = [sent.rindex(b"answer-%d" % n) for n in range(4)]
    assert places == sorted(places)


@pytest.mark.parametrize("wire", WIRES)
def test_words_that_the_output_limit_cut_off_are_told_to_come_in_smaller_steps(
    worlds: Worlds, wire: str
) -> None:
    world = worlds([Turn("Long words", stop=StopReason.MAX_TOKENS), GREET, FINISH])
    assert ended(play(world, wire, window=10**6))[0] is Outcome.PUBLISHED
    assert b"smaller steps" in world.service.journal[1].raw


HALF = {
    "no JSON": Call("bash", '{"command": "touch half; echo whole'),
    "JSON by accident": Call("create", {"path": "half", "text": "the first half\n"}),
}


@pytest.mark.parametrize("half", HALF)
@pytest.mark.parametrize("wire", WIRES)
def test_a_call_that_the_output_limit_cut_off_is_never_run(worlds: Worlds, wire: str, half: str) -> None:
    cut = Turn(calls=(*GREET.calls, HALF[half]), stop=StopReason.MAX_TOKENS)
    world = worlds([cut, bash("ls"), FINISH])
    assert ended(play(world, wire, window=10**6))[0] is Outcome.PUBLISHED
    first, second, listing, _ = answers(world)
    assert "Not run" not in first
    assert "Not run" in second
    assert "smaller steps" in second
    assert "half" not in listing


def test_a_call_that_was_cut_off_is_not_run_after_a_crash_either(worlds: Worlds) -> None:
    cut = Turn(calls=(*GREET.calls, HALF["JSON by accident"]), stop=StopReason.MAX_TOKENS)
    world = worlds([cut, bash("ls"), FINISH])
    with pytest.raises(Crash):
        play(world, store=CrashingStore(world.stores.events, 7, after=True), window=10**6)
    assert ended(world.run())[0] is Outcome.PUBLISHED
    _, second, listing, _ = answers(world)
    assert "Not run" in second
    assert "half" not in listing


def test_a_finish_that_was_cut_off_finishes_nothing(worlds: Worlds) -> None:
    world = worlds([GREET, Turn(calls=FINISH.calls, stop=StopReason.MAX_TOKENS), FINISH], [APPROVE])
    run = play(world, window=10**6)
    assert ended(run)[0] is Outcome.PUBLISHED
    assert run.state.turns == 3


@pytest.mark.parametrize("wire", WIRES)
def test_a_refusal_ends_the_run_with_its_words(worlds: Worlds, wire: str) -> None:
    world = worlds([GREET, Turn("I will not do that.", stop=StopReason.REFUSAL)])
    run = play(world, wire, window=10**6)
    assert ended(run)[0] is Outcome.STUCK
    assert "I will not do that." in ended(run)[1]
    assert run.state.ended is not None
    assert run.state.ended.patch is not None


def test_a_paused_turn_goes_back_as_it_is(worlds: Worlds) -> None:  # only Anthropic pauses
    world = worlds([Turn("Thinking on.", stop=StopReason.PAUSE, thinking="Hm."), GREET, FINISH])
    assert ended(play(world, window=10**6))[0] is Outcome.PUBLISHED
    first, second = world.service.journal[:2]
    assert extends(first, second)
    assert [m["role"] for m in second.body["messages"]] == ["user", "assistant"]
    assert second.body["messages"][1]["content"][0]["signature"] == "sig-work0"
