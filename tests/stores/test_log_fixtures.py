"""Logs of every release must be read and folded by this one.

Each is a run of format 1, one ``Recorded`` to a line, written once and never edited: ``v1.jsonl``
has every event of the first release, ``v1-compaction.jsonl`` what came with compaction,
``v1-approved.jsonl`` a refused run that a person approved, ``v1-baseline.jsonl`` checks that were
compared with the base, ``v1-followup.jsonl`` a follow-up during which somebody pushed,
``v1-overruled.jsonl`` a veto with all its grounds that a person overruled, ``v1-plan.jsonl`` a plan
that a person amended and another approved.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from honk.core.events import Event, Moved, PathsAllowed, PlanApproved, Recorded, RegistryAsked
from honk.core.messages import UserMessage
from honk.core.state import fold
from honk.core.types import Outcome

LOGS = Path(__file__).parents[1] / "fixtures" / "logs"


def read(name: str) -> list[Recorded]:
    return [Recorded.model_validate_json(line) for line in (LOGS / name).read_text().splitlines()]


@pytest.mark.parametrize("name", sorted(path.name for path in LOGS.glob("*.jsonl")))
def test_every_stored_log_folds_and_loses_nothing(name: str) -> None:
    events = read(name)
    assert [recorded.seq for recorded in events] == list(range(1, len(events) + 1))
    assert fold(events).ended is not None
    for line, recorded in zip((LOGS / name).read_text().splitlines(), events, strict=True):
        assert holds(recorded.model_dump(mode="json"), json.loads(line))


def holds(now: object, then: object) -> bool:
    """Everything that was written is still there, with the same value; new fields may stand beside it."""
    if isinstance(then, dict) and isinstance(now, dict):
        return all(key in now and holds(now[key], value) for key, value in then.items())
    if isinstance(then, list) and isinstance(now, list):
        return len(now) == len(then) and all(map(holds, now, then))
    return now == then


def test_the_fixtures_have_every_kind_of_event() -> None:
    union, _ = get_args(Event)
    kinds = {member.model_fields["kind"].default for member in get_args(union)}
    assert {recorded.event.kind for path in LOGS.glob("*.jsonl") for recorded in read(path.name)} == kinds


def test_the_fixture_with_a_compaction_folds_to_what_it_always_meant() -> None:
    state = fold(read("v1-compaction.jsonl"))
    assert (state.turns, state.compact_calls, state.compact_reply, state.context_full) == (7, 1, None, False)
    task, notes, *rest = state.messages
    assert isinstance(task, UserMessage) and "say hello" in task.parts[0].text
    assert isinstance(notes, UserMessage) and "greet.sh says hallo" in notes.parts[0].text
    assert [message.role for message in rest] == ["assistant", "user"] * 3
    assert state.ended is not None and state.ended.outcome is Outcome.PUBLISHED


def test_the_fixture_of_an_approved_run_folds_to_its_pull_request() -> None:
    events = read("v1-approved.jsonl")
    [approved] = [n for n, e in enumerate(events) if isinstance(e.event, PathsAllowed)]
    refused = fold(events[:approved]).ended
    assert refused is not None and refused.outcome is Outcome.REFUSED
    state = fold(events)
    assert state.allowed == ("/.github/workflows/ci.yml",)
    assert state.ended is not None and state.ended.outcome is Outcome.PUBLISHED
    assert state.turns == 2


def test_the_fixture_of_a_follow_up_folds_to_the_head_that_it_was_laid_over() -> None:
    events = read("v1-followup.jsonl")
    state = fold(events)
    moved = next(e.event for e in events if isinstance(e.event, Moved))
    assert state.followed == moved.found
    assert state.base is not None and state.base.base == moved.base
    assert state.task == "say hello"
    assert state.request.text == "greet twice"
    assert [remark.text for remark in state.followed.remarks] == ["Louder"]
    assert state.frozen is not None and state.pushed is not None
    assert state.pushed.sha == state.frozen.change.head


def test_the_fixture_of_version_1_folds_to_what_it_always_meant() -> None:
    events = read("v1.jsonl")
    asked = [r for e in events if isinstance(e.event, RegistryAsked) for r in e.event.requests]
    assert len(asked) == 2
    state = fold(events)
    assert state.requested is not None and state.requested.request.text == "bump logging lib"
    assert (state.turns, state.judge_calls, state.judge_rounds) == (9, 2, 2)
    assert state.limits.max_cost_usd == 3
    assert state.cost_usd == pytest.approx(11 * 0.0125)
    assert state.usage.cache_read_tokens == sum(4000 * n for n in range(11))
    assert state.ended is not None and state.ended.outcome is Outcome.PUBLISHED
    assert state.published is not None and state.published.pull_request.number == 17
    assert state.pushed is not None and state.verified is not None
    assert state.pushed.sha == state.verified.commit == "3b2e" * 10
    assert state.pending == ()
    answers = state.messages[2]
    assert isinstance(answers, UserMessage) and [part.kind for part in answers.parts] == ["tool_result"] * 2


def test_a_comparison_with_the_base_folds_to_what_it_meant() -> None:
    state = fold(read("v1-baseline.jsonl"))
    assert state.base_report is not None and state.last_report is not None
    [before], [after] = state.base_report.checks, state.last_report.checks
    assert before.tests is not None and before.tests.passed == ("test_calc.T::test_add",)
    assert after.compared is not None and after.compared.before == "failed" and not after.blocks
    assert after.compared.standing == ("test_calc.T::test_sub",)
    assert state.last_report.acceptable and not state.last_report.passed


def test_the_fixture_with_a_plan_folds_to_what_it_always_meant() -> None:
    events = read("v1-plan.jsonl")
    [approved] = [n for n, e in enumerate(events) if isinstance(e.event, PlanApproved)]
    waiting, state = fold(events[:approved]), fold(events)
    assert waiting.ended is not None and waiting.ended.outcome is Outcome.PLANNED
    assert waiting.plan is not None and waiting.plan.text.endswith("2. Leave the rest.")
    assert (waiting.planning, waiting.plan_waits, waiting.checkpoint) == (True, True, None)
    assert (state.planning, state.plan_waits, state.plan_told) == (False, False, True)
    assert state.approved is not None and state.approved.by == "ada"
    assert state.ended is not None and state.ended.outcome is Outcome.PUBLISHED


def test_the_fixture_with_an_overruled_veto_folds_to_what_it_always_meant() -> None:
    state = fold(read("v1-overruled.jsonl"))
    assert state.last_verdict is not None and state.overruled_now is not None
    verdict = state.last_verdict.verdict
    assert (verdict.verdict, state.last_verdict.mode, state.vetoes) == ("refuse", "blocking", 1)
    assert [(s.path, s.hunk) for s in verdict.out_of_scope] == [("notes.txt", "@@ -0,0 +1,2 @@")]
    assert verdict.missing == ("The greeting has no name.",)
    assert [(r.gate, r.justified) for r in verdict.flags] == [("mode", False)]
    assert (state.overruled_now.by, state.vetoed) == ("ada", False)
    assert state.ended is not None and state.ended.outcome is Outcome.PUBLISHED
