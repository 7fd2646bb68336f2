"""The crash test of the design: killed before and after every append, one pull request each time."""

from __future__ import annotations

import pytest

from honk.core.events import Event, ModelReplied, Recorded
from honk.core.ports import EventStore
from honk.core.types import Outcome
from honk.testing.scripted import Call, Turn
from tests.world import APPROVE, FINISH, Worlds, bash

# A run that goes through everything: the base's checks, an edit, parallel calls, verify, a refusal by a
# gate, a failing verification, a veto, and the way to the pull request.
TURNS = [
    bash("sed -i s/bye/hallo/ greet.sh"),
    Turn(calls=(Call("bash", {"command": "echo x > CODEOWNERS"}), Call("verify", {}))),
    FINISH,
    bash("rm CODEOWNERS"),
    FINISH,
    bash("sed -i s/hallo/hello/ greet.sh; echo x > notes.txt"),
    FINISH,
    bash("rm notes.txt"),
    FINISH,
]
JUDGE = [Turn('{"verdict": "refuse", "reasons": ["notes.txt is out of scope."]}'), APPROVE]
VETO = 40  # the append of the judge's first answer
APPENDS = 57  # of the undisturbed run; a test below holds the number


class Crash(BaseException):
    """The process is gone: nothing of honk may catch this."""


class CrashingStore:
    """The event store of a process that dies at its append number ``at``."""

    def __init__(self, store: EventStore, at: int, *, after: bool) -> None:
        self._store = store
        self._at = at
        self._after = after

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        if seq == self._at and not self._after:
            raise Crash
        recorded = self._store.append(run_id, event, seq=seq, fence=fence)
        if seq == self._at:
            raise Crash
        return recorded

    def read(self, run_id: str, after: int = 0) -> list[Recorded]:
        return self._store.read(run_id, after)

    def runs(self) -> list[str]:
        return self._store.runs()


def test_the_undisturbed_run_has_the_number_of_appends_that_the_crash_test_walks(worlds: Worlds) -> None:
    world = worlds(TURNS, JUDGE)
    run = world.run()
    assert run.state.ended is not None
    assert run.state.ended.outcome is Outcome.PUBLISHED, run.state.ended.reason
    assert len(world.log()) == APPENDS


def crash(worlds: Worlds, at: int, *, after: bool) -> None:
    # One answer more than needed: a reply of the judge that was never logged is asked for again.
    again = 0 if (at, after) == (VETO, False) else 1
    world = worlds(TURNS, [JUDGE[0], JUDGE[again], JUDGE[1]])
    with pytest.raises(Crash):
        world.run(store=CrashingStore(world.stores.events, at, after=after))
    if not world.log():  # it died before its first word: there is no run, and nothing to resume
        assert world.branches() == []
        return
    if world.log()[-1].event.kind == "run_ended":
        run_outcome = world.log()[-1].event
    else:
        world.run()
        run_outcome = world.log()[-1].event
    assert run_outcome.kind == "run_ended"
    assert run_outcome.outcome is Outcome.PUBLISHED, run_outcome.reason
    assert len(world.pull_requests()) == 1
    replies = [r.event for r in world.log() if isinstance(r.event, ModelReplied)]
    lost = len(world.service.journal) - len(replies)
    assert lost in (0, 1)  # only a reply that was never logged is asked for again


SAMPLE = (1, 3, 8, 12, 18, 29, 30, 41, 52, 54)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", SAMPLE)
def test_a_crash_ends_in_one_pull_request(worlds: Worlds, at: int, after: bool) -> None:
    crash(worlds, at, after=after)


@pytest.mark.full
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", sorted(set(range(1, APPENDS + 1)) - set(SAMPLE)))
def test_a_crash_at_every_other_append_ends_in_one_pull_request(worlds: Worlds, at: int, after: bool) -> None:
    crash(worlds, at, after=after)
