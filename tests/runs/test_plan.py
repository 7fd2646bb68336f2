"""A plan first: the run waits for a person without a process, and goes on from its log."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from honk import settings as settings_module
from honk import wiring
from honk.core.errors import UserError
from honk.core.events import ModelReplied, PlanApproved, Planned, RunEnded
from honk.core.followup import FollowUp
from honk.core.limits import Limits
from honk.core.order import Order, Origin, OriginKind
from honk.core.types import Outcome
from honk.runs.result import result
from honk.runs.run import Run
from honk.testing.scripted import Call, Step, Turn
from tests.runs.test_crash import Crash, CrashingStore
from tests.world import FINISH, GREET, World, Worlds, bash, make_origin


def propose(plan: str) -> Turn:
    return Turn(calls=(Call("propose_plan", {"plan": plan}),))


LOOK = bash("cat greet.sh; echo x > scratch.txt")
PLAN = propose("1. Let `greet.sh` say hello.")
BETTER = propose("1. Let `greet.sh` say hello.\n2. Leave the rest.")


def outcome(run: Run) -> Outcome:
    assert run.state.ended is not None
    return run.state.ended.outcome


def planned(worlds: Worlds, *turns: Step, limits: Limits | None = None) -> World:
    world = worlds(turns)
    run = world.run(plan=True, limits=limits)
    assert outcome(run) is Outcome.PLANNED, run.state.ended
    return world


def test_a_plan_waits_and_the_work_begins_once_a_person_approves_it(worlds: Worlds) -> None:
    world = planned(worlds, LOOK, PLAN, GREET, FINISH)
    waiting = result(world.run_id, world.run().state, world.stores.artifacts)
    assert (waiting.plan, waiting.patch, waiting.pull_request) == ("1. Let `greet.sh` say hello.", None, None)
    assert (waiting.turns, waiting.cost_usd > 0) == (2, True)
    assert len(world.work_requests()) == 2  # resuming it asks the model nothing
    assert world.branches() == []

    wiring.approve(world.stores, world.run_id, (), "ada")
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert run.state.cost_usd > waiting.cost_usd and run.state.turns == 4
    assert "A person approved this plan:" in str(world.work_requests()[2])
    files = {file.path for file in run.state.last_change.change.files} if run.state.last_change else set()
    assert files == {"greet.sh"}  # what was changed before is thrown away
    [record] = world.pull_requests()
    assert "| plan | approved by a person before the work began |" in record.body
    assert [r.event.by for r in world.log() if isinstance(r.event, PlanApproved)] == ["ada"]
    first, *later = world.service.journal
    for seen in later[:-1]:  # the last one is the judge's
        assert seen.body["tools"] == first.body["tools"] and not seen.judge


def test_words_amend_the_plan_and_it_waits_again(worlds: Worlds) -> None:
    world = planned(worlds, PLAN, BETTER, GREET, FINISH)
    assert wiring.say(world.stores, world.run_id, "Leave the rest.")
    assert outcome(world.run()) is Outcome.PLANNED
    assert "Leave the rest." in str(world.work_requests()[-1])
    assert "with the whole plan as it is now" in str(world.work_requests()[-1])
    assert [r.event.text.count("\n") for r in world.log() if isinstance(r.event, Planned)] == [0, 1]
    wiring.approve(world.stores, world.run_id, (), "")
    assert outcome(world.run()) is Outcome.PUBLISHED
    told = str(world.work_requests()[2])
    assert told.count("2. Leave the rest.") == 2  # as proposed, and as approved
    # Both are part of what was asked, and so of what the judge measures the change by.
    [judged] = [str(seen.body["messages"]) for seen in world.service.journal if seen.judge]
    assert judged.count("2. Leave the rest.") == 1 and judged.count("Leave the rest.") == 2


def test_nothing_is_done_before_the_plan_and_none_is_asked_for_after(worlds: Worlds) -> None:
    world = planned(worlds, Turn(calls=(*GREET.calls, *FINISH.calls)), PLAN, PLAN, FINISH)
    assert "before a person has approved a plan" in str(world.work_requests()[1])
    wiring.approve(world.stores, world.run_id, (), "")
    assert outcome(world.run()) is Outcome.NO_CHANGE  # the greeting is gone, and the model does nothing
    assert "A plan is approved already" in str(world.work_requests()[3])


@pytest.mark.full
def test_a_plan_in_plain_words_is_one_and_no_words_are_none(worlds: Worlds) -> None:
    world = planned(worlds, Turn("I would look."), Turn("Let greet.sh say hello."))
    assert "Call `propose_plan` with your plan" in str(world.work_requests()[1])
    assert [r.event.text for r in world.log() if isinstance(r.event, Planned)] == ["Let greet.sh say hello."]
    nothing = Turn(calls=(Call("finish", {"status": "no_change", "reason": "It does."}),))
    for turns, ending in (([nothing], Outcome.NO_CHANGE), ([Turn(" "), Turn(" ")], Outcome.STUCK)):
        assert outcome(worlds(turns).run(plan=True)) is ending


@pytest.mark.full
def test_a_declined_run_waits_again_when_it_is_resumed(worlds: Worlds) -> None:
    world = planned(worlds, PLAN, GREET, FINISH)
    assert wiring.cancel_run(world.settings, world.stores, world.run_id, "No.", note=print)
    with pytest.raises(UserError, match="is cancelled; only a planned"):
        wiring.approve(world.stores, world.run_id, (), "")
    assert outcome(world.run()) is Outcome.PLANNED
    with pytest.raises(UserError, match="not with paths"):
        wiring.approve(world.stores, world.run_id, ("x",), "")
    wiring.approve(world.stores, world.run_id, (), "")
    assert outcome(world.run()) is Outcome.PUBLISHED


@pytest.mark.full
def test_what_the_plan_took_counts_against_the_limits(worlds: Worlds) -> None:
    world = planned(worlds, LOOK, PLAN, GREET, FINISH, limits=Limits(max_turns=3))
    wiring.approve(world.stores, world.run_id, (), "")
    assert outcome(world.run()) is Outcome.EXHAUSTED
    assert outcome(world.run(limits=Limits(max_turns=9))) is Outcome.PUBLISHED


APPENDS = 12  # until the plan waits; a test below holds the number
WORKING = 14  # the append that resumes the run once it is approved
TURNS = (LOOK, PLAN, BETTER, GREET, FINISH)


def crash(worlds: Worlds, at: int, *, after: bool) -> None:
    """Killed at append ``at``; then resumed, amended, approved, and one pull request."""
    world = worlds(TURNS)
    with contextlib.suppress(Crash):
        world.run(store=CrashingStore(world.stores.events, at, after=after), plan=True)
    if not world.log():  # it died before its first word
        world.run(plan=True)
    while not isinstance(world.log()[-1].event, RunEnded):
        world.run()
    assert len([r for r in world.log() if isinstance(r.event, Planned)]) == 1
    assert world.branches() == []
    wiring.say(world.stores, world.run_id, "Leave the rest.")
    assert outcome(world.run()) is Outcome.PLANNED
    wiring.approve(world.stores, world.run_id, (), "")
    ends_well(world, world.run())


def ends_well(world: World, run: Run) -> None:
    assert outcome(run) is Outcome.PUBLISHED
    assert len(world.pull_requests()) == 1
    replies = [r for r in world.log() if isinstance(r.event, ModelReplied)]
    assert len(world.service.journal) - len(replies) in (0, 1)  # only what was never logged is asked again


def test_a_crash_between_the_plan_and_the_end_asks_for_no_second_plan(worlds: Worlds) -> None:
    assert len(planned(worlds, *TURNS).log()) == APPENDS
    crash(worlds, APPENDS - 1, after=True)


@pytest.mark.full
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, APPENDS + 1))
def test_a_crash_before_the_plan_waits_ends_in_one_pull_request(worlds: Worlds, at: int, after: bool) -> None:
    crash(worlds, at, after=after)


@pytest.mark.full
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(WORKING, WORKING + 8))
def test_a_crash_once_it_is_approved_ends_in_one_pull_request(worlds: Worlds, at: int, after: bool) -> None:
    world = planned(worlds, LOOK, PLAN, GREET, FINISH)
    wiring.approve(world.stores, world.run_id, (), "")
    with pytest.raises(Crash):
        world.run(store=CrashingStore(world.stores.events, at, after=after))
    assert wiring.approve(world.stores, world.run_id, (), "") == WORKING - 1  # said twice counts once
    run = world.run()
    ends_well(world, run)
    assert run.state.last_change is not None
    assert [file.path for file in run.state.last_change.change.files] == ["greet.sh"]


def test_an_order_plans_if_it_says_so_or_its_door_does(tmp_path: Path) -> None:
    origin = make_origin(tmp_path, {"a": "b\n"})
    config = tmp_path / "honk.toml"
    config.write_text('plan = ["slack"]\n')
    environ = {"HONK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "ANTHROPIC_API_KEY": "k"}
    settings = settings_module.load(config, environ)

    def plans(door: OriginKind, plan: bool | None) -> bool:
        order = Order(request="x", repo=str(origin), plan=plan, origin=Origin(kind=door))
        return wiring.make_request(order, settings).request.plan

    said = [plans(door, plan) for door in ("slack", "cli") for plan in (None, True, False)]
    assert said == [True, True, False, False, True, False]
    order = Order(request="x", repo=str(origin), origin=Origin(kind="slack"), followup=FollowUp(number=1))
    assert not wiring.make_request(order, settings).request.plan
    with pytest.raises(UserError, match="A follow-up proposes no plan"):
        wiring.make_request(order.model_copy(update={"plan": True}), settings)
