"""A context window that fills: earlier turns become notes, what matters stays, and nothing loops."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from honk.core.events import Compacted, ModelReplied
from honk.core.limits import Limits
from honk.core.messages import StopReason, Usage
from honk.core.operator import Price
from honk.core.types import Outcome
from honk.runs.run import Run
from honk.testing.scripted import Call, Failure, Seen, Turn, extends
from tests.runs.test_crash import Crash, CrashingStore
from tests.world import APPROVE, FINISH, World, Worlds, bash

WIRES = ["anthropic", "responses", "chat"]
MODELS = {
    "anthropic": "anthropic:claude-sonnet-5-5",
    "responses": "openai:gpt-5.5",
    "chat": "openai:gpt-5.5",
}
WINDOW = 10_000
FULL = Usage(input_tokens=1_000, cache_read_tokens=6_500, output_tokens=100)
NOTES = Turn("<summary>\ngreet.sh says hallo since the first turn.\n</summary>")
EARLY = Turn(
    "I begin.", calls=(Call("bash", {"command": "sed -i s/bye/hallo/ greet.sh"}),), thinking="Early thought."
)
VERIFY = Turn(calls=(Call("verify", {}),))
LOOKING = [bash(f"echo looking-{n}") for n in range(5)]
LATE = Turn(
    "Now I know.", calls=(Call("bash", {"command": "cat greet.sh"}),), thinking="Late thought.", usage=FULL
)
MEND = bash("sed -i s/hallo/hello/ greet.sh")
TOO_LONG = Failure(400, "prompt is too long: 210000 tokens > 200000 maximum context length")


def play(world: World, wire: str = "anthropic", window: int = WINDOW, **more: Any) -> Run:
    model = MODELS[wire]
    world.settings = world.settings.model_copy(
        update={
            "context_window": {model: window},
            "openai_wire": "chat" if wire == "chat" else "responses",
        }
    )
    return world.run(model=model, judge=model, **more)


def ended(run: Run) -> tuple[Outcome, str]:
    assert run.state.ended is not None
    return run.state.ended.outcome, run.state.ended.reason


def asked(world: World, purpose: str) -> list[Seen]:
    return [seen for seen in world.service.journal if seen.purpose == purpose]


def calls_and_results(wire: str, body: Any) -> Iterator[tuple[str, str]]:
    """Ids of calls and of results, in the order of the request."""
    for message in body["input" if wire == "responses" else "messages"]:
        kind = message.get("type", "")
        if kind.endswith("call"):
            yield "call", message["call_id"]
        elif kind.endswith("_output"):
            yield "result", message["call_id"]
        for call in message.get("tool_calls") or ():
            yield "call", call["id"]
        if message.get("role") == "tool":
            yield "result", message["tool_call_id"]
        for block in message["content"] if isinstance(message.get("content"), list) else ():
            if block["type"] == "tool_use":
                yield "call", block["id"]
            elif block["type"] == "tool_result":
                yield "result", block["tool_use_id"]


# ---- what goes and what stays -----------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_request_guidance_and_last_failure_stay_while_earlier_turns_become_notes(
    worlds: Worlds, wire: str
) -> None:
    world = worlds([EARLY, VERIFY, *LOOKING, LATE, MEND, VERIFY, FINISH], compact=[NOTES])
    run = play(world, wire)
    assert ended(run)[0] is Outcome.PUBLISHED
    work = asked(world, "work")
    before, after = work[7].raw.decode(), work[8].raw.decode()
    for words in ("say hello", "sh check.sh", "Keep it short.", "greet.sh: expected hello"):
        assert words in before
        assert words in after, words
    for words in ("Now I know.", "Late thought.", "work7", "echo hallo"):
        assert words in after, words
    for words in ("Early thought.", "looking-0", "sed -i s/bye/hallo/", "work0"):
        assert words in before
        assert words not in after, words
    assert "greet.sh says hallo since the first turn." in after
    assert "<summary>" not in after


@pytest.mark.parametrize("wire", WIRES)
def test_every_request_begins_with_the_previous_one_but_for_the_compaction(worlds: Worlds, wire: str) -> None:
    world = worlds([EARLY, VERIFY, *LOOKING, LATE, MEND, VERIFY, FINISH], compact=[NOTES])
    play(world, wire)
    work = asked(world, "work")
    grows = [extends(before, after) for before, after in itertools.pairwise(work)]
    assert [place for place, grew in enumerate(grows) if not grew] == [7]
    [question] = asked(world, "compact")
    assert extends(work[7], question)  # which the service therefore has in its cache
    for seen in world.service.journal:  # a call and its result go together, in every request
        pairs = list(calls_and_results(wire, seen.body))
        for place, (kind, name) in enumerate(pairs):
            before = [other for what, other in pairs[:place] if what == "call"]
            assert kind == "call" or name in before
        assert len({n for k, n in pairs if k == "call"}) == sum(k == "result" for k, _ in pairs)


def test_why_the_model_was_sent_back_stays_word_for_word(worlds: Worlds) -> None:
    world = worlds([EARLY, FINISH, *LOOKING, LATE, MEND, FINISH], compact=[NOTES])
    assert ended(play(world))[0] is Outcome.PUBLISHED
    after = asked(world, "work")[8].raw.decode()
    assert "The checks were run on exactly the files that you left" in after
    assert "greet.sh: expected hello" in after


def test_a_second_compaction_takes_the_notes_of_the_first_along(worlds: Worlds) -> None:
    again = Turn("<summary>Second notes.</summary>")
    turns = [EARLY, VERIFY, *LOOKING, LATE, *LOOKING, LATE, MEND, FINISH]
    world = worlds(turns, compact=[NOTES, again])
    assert ended(play(world))[0] is Outcome.PUBLISHED
    second = asked(world, "compact")[1].raw.decode()
    assert "greet.sh says hallo since the first turn." in second
    last = asked(world, "work")[-1].raw.decode()
    assert "Second notes." in last
    assert last.count("greet.sh: expected hello") == 1  # word for word still
    assert "say hello" in last
    assert "greet.sh says hallo" not in last


def test_the_notes_are_paid_for_and_counted(worlds: Worlds) -> None:
    notes = Turn(NOTES.text, usage=Usage(input_tokens=200_000, output_tokens=1_000))
    world = worlds([EARLY, *LOOKING, LATE, MEND, FINISH], compact=[notes])
    run = play(world)
    [reply] = [e for r in world.log() if isinstance(e := r.event, ModelReplied) and e.purpose == "compact"]
    assert reply.cost_usd > 0.4
    assert run.state.cost_usd == pytest.approx(
        sum(r.event.cost_usd for r in world.log() if isinstance(r.event, ModelReplied))
    )
    assert run.state.turns == 9  # notes are no turn


# ---- when ------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_a_service_that_refuses_the_length_is_asked_again_after_a_compaction(
    worlds: Worlds, wire: str
) -> None:
    world = worlds([EARLY, *LOOKING, TOO_LONG, MEND, FINISH], compact=[NOTES])
    run = play(world, wire, window=10_000_000)
    assert ended(run)[0] is Outcome.PUBLISHED
    assert len(asked(world, "compact")) == 1


def test_a_turn_that_the_full_window_cut_off_is_dropped_and_made_again(worlds: Worlds) -> None:
    cut = Turn("Half a", calls=(Call("bash", '{"command": "rm -r'),), stop=StopReason.CONTEXT_FULL)
    world = worlds([EARLY, *LOOKING, cut, MEND, FINISH], compact=[NOTES])
    run = play(world, window=10_000_000)
    assert ended(run)[0] is Outcome.PUBLISHED
    assert b"Half a" not in asked(world, "work")[-1].raw
    assert run.state.turns == 9  # it was paid for


def test_a_window_that_nobody_knows_is_not_guessed(worlds: Worlds) -> None:
    huge = Usage(input_tokens=5_000_000)
    world = worlds([EARLY, *LOOKING, Turn(calls=LATE.calls, usage=huge), MEND, FINISH])
    model = "openai:our-own"
    price = {model: Price(input=0, output=0)}
    world.settings = world.settings.model_copy(update={"price": price, "openai_wire": "chat"})
    assert ended(world.run(model=model, judge=None))[0] is Outcome.PUBLISHED


def test_a_small_window_leaves_room_for_its_question(worlds: Worlds) -> None:
    world = worlds([EARLY, MEND, FINISH])
    play(world)
    assert {seen.body["max_tokens"] for seen in asked(world, "work")} == {WINDOW // 4}


# ---- what cannot be helped ----------------------------------------------------------------


def test_a_window_that_stays_full_ends_the_run_and_keeps_the_work(worlds: Worlds) -> None:
    world = worlds([EARLY, *LOOKING, TOO_LONG], compact=[NOTES])
    run = play(world, window=10_000_000)
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert "full again right after" in ended(run)[1]
    assert run.state.ended is not None
    assert run.state.ended.patch is not None
    assert len(asked(world, "compact")) == 1
    assert len(asked(world, "work")) == 8


def test_notes_that_do_not_shrink_the_conversation_end_the_run(worlds: Worlds) -> None:
    world = worlds([EARLY, *LOOKING, LATE, LATE, LATE, *LOOKING], compact=[NOTES, NOTES, NOTES])
    run = play(world)
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert "full again right after" in ended(run)[1]
    assert len(asked(world, "compact")) == 2


def test_one_large_result_that_stays_is_gone_with_the_next_compaction(worlds: Worlds) -> None:
    large = Turn(calls=(Call("bash", {"command": "seq 1 3000 # large"}),))
    next_one = Turn(calls=(Call("bash", {"command": "true"}),), usage=FULL)
    world = worlds([EARLY, *LOOKING, large, TOO_LONG, next_one, MEND, FINISH], compact=[NOTES, NOTES])
    assert ended(play(world))[0] is Outcome.PUBLISHED
    work = asked(world, "work")
    assert [b"# large" in seen.raw for seen in work[-4:]] == [True, True, False, False]


def test_a_request_that_alone_is_too_long_is_told_without_a_summary(worlds: Worlds) -> None:
    world = worlds([TOO_LONG])
    run = play(world)
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert "request and one turn alone" in ended(run)[1]
    assert "smaller change" in ended(run)[1]
    assert len(world.service.journal) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Turn("I would rather not.", stop=StopReason.REFUSAL), "no summary"),
        (Turn(calls=(Call("bash", {"command": "touch x"}),)), "no summary"),
        (TOO_LONG, "too full even for a summary"),
    ],
    ids=["refused", "a call instead", "too long"],
)
def test_without_notes_the_run_ends_and_a_resumed_one_asks_again(
    worlds: Worlds, answer: Turn | Failure, words: str
) -> None:
    world = worlds([EARLY, *LOOKING, LATE, MEND, FINISH], compact=[answer, NOTES])
    run = play(world)
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert words in ended(run)[1]
    assert len(asked(world, "compact")) == 1
    assert ended(world.run())[0] is Outcome.PUBLISHED


def test_no_money_no_notes(worlds: Worlds) -> None:
    world = worlds([EARLY, *LOOKING, LATE, MEND, FINISH], compact=[NOTES])
    run = play(world, limits=Limits(max_cost_usd=0.005))
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert "cost limit" in ended(run)[1]
    assert asked(world, "compact") == []


# ---- crashes and recordings ---------------------------------------------------------------

TURNS = [EARLY, VERIFY, *LOOKING, LATE, MEND, FINISH]
NOTED = 25  # the append of the model's notes; a test below holds the number


def test_the_notes_come_where_the_crash_test_looks_for_them(worlds: Worlds) -> None:
    world = worlds(TURNS, compact=[NOTES])
    play(world)
    kinds = {r.seq: r.event for r in world.log()}
    assert isinstance(noted := kinds[NOTED], ModelReplied)
    assert noted.purpose == "compact"
    assert isinstance(kinds[NOTED + 1], Compacted)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "at",
    [
        NOTED,
        NOTED + 1,
        *(pytest.param(NOTED + at, marks=pytest.mark.full) for at in (-2, -1, 2, 3)),
    ],
)
def test_a_crash_around_a_compaction_ends_in_one_pull_request(worlds: Worlds, at: int, after: bool) -> None:
    lost = (at, after) == (NOTED, False)  # an answer that was never logged is asked for again
    world = worlds(TURNS, [APPROVE], compact=[NOTES, NOTES][: 1 + lost])
    with pytest.raises(Crash):
        play(world, store=CrashingStore(world.stores.events, at, after=after))
    run = world.run()
    assert ended(run)[0] is Outcome.PUBLISHED
    assert len(world.pull_requests()) == 1
    assert [type(r.event) for r in world.log()].count(Compacted) == 1
    assert len(asked(world, "compact")) == 1 + lost
    last = asked(world, "work")[-1].raw.decode()
    assert "say hello" in last
    assert "greet.sh says hallo since the first turn." in last
    assert "looking-0" not in last


@pytest.mark.parametrize("wire", WIRES)
def test_a_recorded_compaction_is_played_again(worlds: Worlds, wire: str, tmp_path: Path) -> None:
    live = worlds(TURNS, compact=[NOTES])
    live.record = tmp_path / "tape.jsonl"
    assert ended(play(live, wire))[0] is Outcome.PUBLISHED
    lines = [json.loads(line) for line in live.record.read_text().splitlines()]
    assert [line["turn"] for line in lines if line.get("purpose") == "compact"] == [0]
    played = worlds([])
    name = f"replay:{live.record}"
    played.settings = played.settings.model_copy(update={"context_window": {MODELS[wire]: WINDOW}})
    run = played.run(model=name, judge=name)
    assert ended(run)[0] is Outcome.PUBLISHED
    assert played.service.journal == []
    assert [r.event.kind for r in played.log()] == [r.event.kind for r in live.log()]
