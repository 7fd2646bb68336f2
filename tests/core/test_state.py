"""State is a fold, and the conversation only ever grows at its end."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from honk.core.events import (
    EVENT,
    Compacted,
    Event,
    Instructed,
    ModelReplied,
    Overruled,
    PathsAllowed,
    Recorded,
    RunEnded,
    RunRequested,
    RunResumed,
    SessionEnded,
    ToolReturned,
)
from honk.core.limits import Limits
from honk.core.messages import (
    AssistantMessage,
    Completion,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    UserMessage,
)
from honk.core.state import RunState, fold, step
from honk.core.types import Finish, Outcome, RepoRef, Request

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def request(**fields: object) -> Request:
    repo = RepoRef(forge="local", name="/r", url="file:///r")
    return Request.model_validate({"text": "do it", "repo": repo, "model": "anthropic:x", **fields})


def log(*events: Event, seconds: float = 1.0) -> list[Recorded]:
    return [
        Recorded(run_id="r", seq=n, at=BEGIN + timedelta(seconds=n * seconds), event=event)
        for n, event in enumerate(events, start=1)
    ]


def reply(*calls: ToolCall, text: str = "", cost: float = 0.5) -> ModelReplied:
    message = AssistantMessage(provider="anthropic", parts=(Text(text=text), *calls) if text else calls)
    completion = Completion(
        message=message,
        stop=StopReason.TOOL_USE if calls else StopReason.END,
        usage=Usage(input_tokens=10, output_tokens=2),
        model="x",
    )
    return ModelReplied(purpose="work", completion=completion, cost_usd=cost, seconds=1)


def answer(call_id: str, text: str = "ok") -> ToolReturned:
    return ToolReturned(result=ToolResult(call_id=call_id, name="bash", text=text), seconds=0.1)


FIRST = RunRequested(honk="0", request=request())
CALLS = (ToolCall(id="a", name="bash", arguments="{}"), ToolCall(id="b", name="bash", arguments="{}"))


def test_answers_to_parallel_calls_travel_in_one_message_in_order() -> None:
    state = fold(
        log(FIRST, Instructed(origin="task", text="go"), reply(*CALLS), answer("a", "1"), answer("b", "2"))
    )
    last = state.messages[-1]
    assert isinstance(last, UserMessage)
    assert [p.text for p in last.parts] == ["1", "2"]
    assert state.pending == ()


def test_every_conversation_begins_with_the_whole_previous_one() -> None:
    events: list[Event] = [FIRST, Instructed(origin="system", text="s"), Instructed(origin="task", text="go")]
    for n in range(20):
        call = ToolCall(id=f"c{n}", name="bash", arguments='{"command": "ls"}')
        events += [reply(call), answer(call.id)]
    state, asked = RunState(), []
    for recorded in log(*events):
        if isinstance(recorded.event, ModelReplied):
            asked.append(state.messages)
        state = step(state, recorded)
    assert len(asked) == 20
    for before, after in itertools.pairwise(asked):
        assert after[: len(before)] == before


def test_calls_without_an_answer_are_pending() -> None:
    state = fold(log(FIRST, Instructed(origin="task", text="go"), reply(*CALLS), answer("a")))
    assert [c.id for c in state.pending] == ["b"]


def test_a_compaction_replaces_the_middle_of_the_conversation() -> None:
    events: list[Event] = [FIRST, Instructed(origin="task", text="go")]
    for n in range(4):
        events += [reply(ToolCall(id=f"c{n}", name="bash", arguments="{}")), answer(f"c{n}", f"r{n}")]
    before = fold(log(*events))
    after = fold(log(*events, Compacted(start=1, end=7, text="notes")))
    notes = UserMessage(parts=(Text(text="notes"),))
    assert after.messages == (before.messages[0], notes, *before.messages[7:])
    assert (before.context_tokens, after.context_tokens) == (12, 0)
    assert (before.compacted_at, after.compacted_at) == ((), (4,))


def test_a_turn_that_the_full_window_cut_off_is_paid_for_but_not_part_of_the_conversation() -> None:
    cut = reply(*CALLS, text="Half a")
    cut = cut.model_copy(
        update={"completion": cut.completion.model_copy(update={"stop": StopReason.CONTEXT_FULL})}
    )
    state = fold(log(FIRST, Instructed(origin="task", text="go"), cut))
    assert len(state.messages) == 1
    assert (state.pending, state.context_full, state.turns, state.cost_usd) == ((), True, 1, 0.5)


def test_what_stands_is_every_persons_word_and_the_last_reason_of_a_sending_back() -> None:
    said = [
        Instructed.model_validate({"origin": origin, "text": f"{n}"})
        for n, origin in enumerate(("task", "gate", "human", "nudge", "judge", "human", "verify"))
    ]
    state = fold(log(FIRST, *said))
    assert [one.text for one in state.standing] == ["2", "5", "6"]


def test_cost_and_usage_add_up_over_work_and_judge() -> None:
    judge = reply(text='{"verdict": "approve"}', cost=0.25).model_copy(update={"purpose": "judge"})
    state = fold(log(FIRST, Instructed(origin="task", text="go"), reply(text="x"), judge))
    assert state.cost_usd == 0.75
    assert state.usage.input_tokens == 20
    assert (state.turns, state.judge_calls) == (1, 1)
    assert len(state.messages) == 2  # the judge's words are no part of the conversation


def test_time_between_a_crash_and_its_resumption_does_not_count() -> None:
    before = log(FIRST, Instructed(origin="task", text="go"))
    resumed_at = BEGIN + timedelta(hours=5)
    resumed = Recorded(run_id="r", seq=3, at=resumed_at, event=RunResumed(limits=Limits()))
    state = fold([*before, resumed])
    assert state.seconds(resumed_at + timedelta(seconds=7)) == 8.0


@pytest.mark.parametrize("word", [PathsAllowed(globs=("/x",)), Overruled(commit="c")])
def test_a_person_who_takes_a_day_to_approve_uses_up_none_of_the_runs_time(word: Event) -> None:
    refused = RunEnded(outcome=Outcome.REFUSED, reason="x", seconds=2)
    before = log(FIRST, Instructed(origin="task", text="go"), refused)
    later = BEGIN + timedelta(days=1)
    approved = [
        Recorded(run_id="r", seq=4, at=later, event=word),
        Recorded(run_id="r", seq=5, at=later, event=RunResumed(limits=Limits())),
    ]
    assert fold([*before, *approved]).seconds(later + timedelta(seconds=7)) == 9.0


def test_a_persons_word_against_a_refusal_makes_its_end_void() -> None:
    refused = RunEnded(outcome=Outcome.REFUSED, reason="x", seconds=2)
    assert fold(log(FIRST, refused)).ended == refused
    assert fold(log(FIRST, refused, PathsAllowed(globs=("/x",)))).ended is None


def test_a_session_that_a_limit_ended_goes_on_when_resumed_with_more() -> None:
    stopped = SessionEnded(finish=Finish(reason="limit"), stopped="limit")
    ended = RunEnded(outcome=Outcome.EXHAUSTED, reason="limit", seconds=1)
    more = Limits(max_turns=500)
    state = fold(log(FIRST, Instructed(origin="task", text="go"), stopped, ended, RunResumed(limits=more)))
    assert (state.session, state.ended, state.limits) == (None, None, more)


def test_limits_name_the_one_that_is_reached() -> None:
    limits = Limits(max_cost_usd=1, max_turns=3, timeout_seconds=60)
    state = fold(log(FIRST, Instructed(origin="task", text="go"), reply(text="x", cost=1.0)))
    assert "cost" in (limits.exceeded(state, 0) or "")
    assert "turns" in (Limits(max_turns=1).exceeded(state, 0) or "")
    assert "time" in (Limits(timeout_seconds=60).exceeded(state, 60) or "")
    assert Limits().exceeded(state, 0) is None


def test_an_event_survives_its_json_form() -> None:
    for event in (FIRST, reply(*CALLS, text="words"), answer("a"), RunResumed(limits=Limits())):
        assert EVENT.validate_json(event.model_dump_json()) == event
