"""Stories of follow-ups: what people, checks and the base did to a pull request of honk's meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from honk.core.errors import UserError
from honk.core.events import Attested, Event, FollowedUp, Judged, Moved, Recorded
from honk.core.followup import FailedCheck, FollowUp, Remark
from honk.core.ports import EventStore
from honk.core.types import Outcome, RepoRef
from honk.forges.local import LocalForge
from honk.runs.run import Run
from honk.testing.scripted import Call, Turn
from tests.world import APPROVE, FILES, FINISH, GREET, World, Worlds, bash, git

TWICE = bash("echo 'echo again' >> more.sh")
DONE = Turn(calls=(Call("finish", {"title": "Greet again", "description": "It greets twice."}),))
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Talk(LocalForge):
    """The local forge, with people who comment and checks that run."""

    said: tuple[Remark, ...] = ()
    failed: tuple[FailedCheck, ...] = ()

    def remarks(self, repo: RepoRef, number: int, since: datetime | None) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.said if since is None or remark.at > since)

    def failures(self, repo: RepoRef, commit: str) -> tuple[FailedCheck, ...]:
        return self.failed


@dataclass
class Watching:
    """An event store; ``then`` is called once, after the first event of a kind."""

    store: EventStore
    kind: type
    then: Callable[[], object] | None

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        recorded = self.store.append(run_id, event, seq=seq, fence=fence)
        if isinstance(event, self.kind) and self.then is not None:
            act, self.then = self.then, None
            act()
        return recorded

    def read(self, run_id: str, after: int = 0) -> list[Recorded]:
        return self.store.read(run_id, after)

    def runs(self) -> list[str]:
        return self.store.runs()


def opened(worlds: Worlds, turns: list[Turn], judge: list[Turn] | None = None, **files: str) -> World:
    """A world in which honk opened a pull request; what runs next is a follow-up."""
    world = worlds([GREET, FINISH], files={**FILES, **files})
    world.forge = Talk(world.stores.pulls)
    world.run()
    worlds.rescript(world, turns, [APPROVE] if judge is None else judge)
    world.run_id = "r0000000002"
    return world


def follow(world: World, text: str = "greet twice", store: EventStore | None = None, **fields: object) -> Run:
    return world.run(store=store, text=text, followup=FollowUp.model_validate({"number": 1, **fields}))


def branch(world: World) -> str:
    [name] = world.branches()
    return name


def commit(world: World, on: str, path: str, text: str) -> str:
    """A person's commit, pushed to ``on``."""
    clone = world.root / "person"
    if not clone.exists():
        git(world.root, "clone", "-q", str(world.origin), str(clone))
    git(clone, "fetch", "-q", "origin", on)
    git(clone, "checkout", "-q", "-B", "mine", "FETCH_HEAD")
    (clone / path).write_text(text)
    git(clone, "add", "-A")
    git(clone, "-c", "user.name=Ada", "commit", "-q", "-m", f"Ada's {path}")
    git(clone, "push", "-q", "origin", f"mine:{on}")
    return git(clone, "rev-parse", "HEAD").strip()


def outcome(run: Run) -> tuple[Outcome, str]:
    assert run.state.ended is not None
    return run.state.ended.outcome, run.state.ended.reason


def found(world: World) -> FollowedUp:
    return next(r.event for r in world.log() if isinstance(r.event, FollowedUp))


def subjects(world: World, ref: str) -> list[str]:
    return git(world.origin, "log", "--format=%s", "--first-parent", ref).splitlines()


# ---- on top of what is there ------------------------------------------------------------


def test_a_follow_up_adds_a_commit_upon_a_persons(worlds: Worlds) -> None:
    world = opened(worlds, [TWICE, DONE])
    mine = commit(world, branch(world), "notes.txt", "by hand\n")
    run = follow(world)
    assert outcome(run) == (Outcome.PUBLISHED, "Pull request updated.")
    assert subjects(world, branch(world)) == ["Greet again", "Ada's notes.txt", "Say hello", "First"]
    [record] = world.pull_requests()
    assert git(world.origin, "rev-parse", f"{branch(world)}~1").strip() == mine
    assert git(world.origin, "rev-parse", branch(world)).strip() == record.head_sha
    assert record.title == "Say hello"  # of the pull request, which stays
    assert "It greets twice." in record.body
    assert "Updated by honk" in record.body
    assert "## Request\n\nsay hello\n" in record.body
    assert run.state.verified is not None and run.state.verified.commit == record.head_sha


def test_the_model_is_told_the_first_request_and_what_is_asked_now(worlds: Worlds) -> None:
    world = opened(worlds, [TWICE, DONE])
    assert isinstance(world.forge, Talk)
    world.forge.said = (
        Remark(id="line-3", author="ada", text="Not so\n~~~~\nloud", place="greet.sh:1", at=AT),
    )
    log = "noise\n" * 50_000 + "FAILED test_loud.py::test_it - AssertionError: too loud\n"
    world.forge.failed = (FailedCheck(name="ci / build", log=log),)
    follow(world)
    task = world.service.journal[0].raw.decode()
    for words in ("say hello", "greet twice", "Not so", "`greet.sh:1`", "ci / build", "too loud"):
        assert words in task, words
    assert "\\n~~~~~\\nNot so\\n~~~~\\nloud\\n~~~~~\\n" in task  # a remark cannot leave its fence
    assert len(task) < 60_000
    [failed] = found(world).failures
    assert len(failed.log) <= 2000
    judged = next(seen.raw.decode() for seen in world.service.journal if seen.judge)
    assert "Not so" in judged and "Mend the failing check ci / build" in judged


def test_what_was_heard_once_is_not_worked_in_again(worlds: Worlds) -> None:
    world = opened(worlds, [TWICE, DONE])
    assert isinstance(world.forge, Talk)
    world.forge.said = (Remark(id="comment-3", author="ada", text="Louder", at=AT),)
    assert outcome(follow(world, ""))[0] is Outcome.PUBLISHED
    world.run_id = "r0000000003"
    again = follow(world, "")
    assert outcome(again) == (
        Outcome.NO_CHANGE,
        "Nothing new is said about the pull request, and no check fails.",
    )
    assert again.state.turns == 0


def test_a_remark_that_started_the_run_is_heard_as_it_stood_then(worlds: Worlds) -> None:
    world = opened(worlds, [TWICE, DONE])
    assert isinstance(world.forge, Talk)
    world.forge.said = (Remark(id="comment-3", author="ada", text="edited since", at=AT),)
    follow(world, "", said=[Remark(id="comment-3", author="ada", text="as it stood", at=AT)])
    assert [remark.text for remark in found(world).remarks] == ["as it stood"]


def test_rules_are_those_of_the_base_whatever_the_branch_says(worlds: Worlds) -> None:
    """A check that the branch disarmed still decides."""
    mend = bash("echo echo hello > greet.sh; echo x > more.sh")
    world = opened(worlds, [bash("echo echo bad > greet.sh"), FINISH, mend, DONE])
    commit(world, branch(world), ".honk.yml", "verify:\n  greeting: 'true'\n")
    run = follow(world)
    assert outcome(run)[0] is Outcome.PUBLISHED
    assert run.state.rounds == 1
    assert [c.command for c in run.state.base.verify] == ["sh check.sh"] if run.state.base else False


def test_what_fails_on_the_branch_is_not_forgiven_for_having_failed_before(worlds: Worlds) -> None:
    """A person broke the branch: only the base branch is what a change is measured by."""
    world = opened(worlds, [TWICE, DONE, bash("echo echo hello > greet.sh"), DONE])
    commit(world, "main", "greet.sh", "echo hello\n")  # so that the check passes there
    commit(world, branch(world), "greet.sh", "echo broken\n")
    run = follow(world, "greet twice")
    assert outcome(run)[0] is Outcome.PUBLISHED
    assert run.state.rounds == 1
    assert git(world.origin, "show", f"{branch(world)}:greet.sh") == "echo hello\n"


# ---- somebody pushes meanwhile ----------------------------------------------------------


def test_a_push_meanwhile_is_built_upon_and_verified_again(worlds: Worlds) -> None:
    world = opened(worlds, [TWICE, DONE], [APPROVE, APPROVE])
    pushed: list[str] = []

    def push() -> None:
        pushed.append(commit(world, branch(world), "notes.txt", "by hand\n"))

    run = follow(world, store=Watching(world.stores.events, Judged, push))
    assert outcome(run)[0] is Outcome.PUBLISHED
    assert subjects(world, branch(world)) == ["Greet again", "Ada's notes.txt", "Say hello", "First"]
    assert git(world.origin, "rev-parse", f"{branch(world)}~1").split() == pushed
    assert git(world.origin, "show", f"{branch(world)}:more.sh") == "echo again\n"
    assert run.state.verified is not None and run.state.pushed is not None
    assert run.state.verified.commit == run.state.pushed.sha


def test_a_push_meanwhile_that_conflicts_goes_back_to_the_model(worlds: Worlds) -> None:
    resolve = bash("grep -q '<<<<<<<' more.sh && printf 'by hand\\necho again\\n' > more.sh")
    world = opened(worlds, [TWICE, DONE, resolve, DONE], [APPROVE, APPROVE])
    push = lambda: commit(world, branch(world), "more.sh", "by hand\n")  # noqa: E731
    run = follow(world, store=Watching(world.stores.events, Judged, push))
    assert outcome(run)[0] is Outcome.PUBLISHED
    assert subjects(world, branch(world))[1] == "Ada's more.sh"
    assert git(world.origin, "show", f"{branch(world)}:more.sh") == "by hand\necho again\n"


def test_a_branch_that_moves_every_time_is_given_up(worlds: Worlds) -> None:
    world = opened(worlds, [TWICE, DONE], [APPROVE] * 5)
    count = 0

    @dataclass
    class Restless(Watching):
        def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
            nonlocal count
            if isinstance(event, Judged):
                count += 1
                commit(world, branch(world), f"notes{count}.txt", "by hand\n")
            return self.store.append(run_id, event, seq=seq, fence=fence)

    run = follow(world, store=Restless(world.stores.events, Judged, None))
    assert outcome(run)[0] is Outcome.FAILED
    assert subjects(world, branch(world))[0] == f"Ada's notes{count}.txt"
    assert run.state.ended is not None and run.state.ended.patch is not None


# ---- the base went on -------------------------------------------------------------------


def test_a_conflict_with_the_base_is_resolved_in_a_merge_commit(worlds: Worlds) -> None:
    look = bash("cat greet.sh; grep -q '<<<<<<<' greet.sh && echo 'echo hello # all' > greet.sh")
    world = opened(worlds, [look, DONE])
    before = git(world.origin, "rev-parse", branch(world)).strip()
    tip = commit(world, "main", "greet.sh", "echo bye # all\n")
    run = follow(world, "")
    assert outcome(run)[0] is Outcome.PUBLISHED, outcome(run)
    assert found(world).conflicts == ("greet.sh",)
    parents = git(world.origin, "log", "-1", "--format=%P", branch(world)).split()
    assert parents == [before, tip]
    assert git(world.origin, "show", f"{branch(world)}:greet.sh") == "echo hello # all\n"


def test_conflict_markers_are_never_published(worlds: Worlds) -> None:
    world = opened(worlds, [DONE, bash("echo 'echo hello' > greet.sh"), DONE])
    commit(world, "main", "greet.sh", "echo bye # all\n")
    run = follow(world, "")
    assert outcome(run)[0] is Outcome.PUBLISHED
    assert run.state.rounds == 1
    assert git(world.origin, "show", f"{branch(world)}:greet.sh") == "echo hello\n"


def test_an_update_without_conflicts_needs_no_model(worlds: Worlds) -> None:
    world = opened(worlds, [])
    calls = len(world.service.journal)
    before = git(world.origin, "rev-parse", branch(world)).strip()
    tip = commit(world, "main", "other.txt", "x\n")
    assert outcome(follow(world, ""))[0] is Outcome.NO_CHANGE  # nothing is in the way
    world.run_id = "r0000000003"
    run = follow(world, "", update=True)
    assert outcome(run)[0] is Outcome.PUBLISHED
    assert git(world.origin, "log", "-1", "--format=%P", branch(world)).split() == [before, tip]
    assert len(world.service.journal) == calls
    assert run.state.verified is not None and run.state.verified.commit == run.state.pushed.sha  # type: ignore[union-attr]


def test_an_update_that_breaks_the_checks_goes_to_the_model(worlds: Worlds) -> None:
    world = opened(worlds, [bash("echo echo hallo > greet.sh"), DONE])
    # What the base branch's own greeting passes, and the pull request's does not.
    commit(world, "main", "check.sh", 'test "$(sh greet.sh)" != hello || { echo no hello here; exit 1; }\n')
    run = follow(world, "", update=True)
    assert outcome(run)[0] is Outcome.PUBLISHED
    assert subjects(world, branch(world))[:2] == ["Greet again", f"Merge branch 'main' into {branch(world)}"]
    assert b"This is a follow-up" in world.service.journal[0].raw
    assert b"no hello here" in world.service.journal[0].raw


# ---- left alone -------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_a_pull_request_that_is_not_open_is_left_alone(worlds: Worlds, state: str) -> None:
    world = opened(worlds, [])
    [record] = world.pull_requests()
    world.stores.pulls.edit(record.repo, record.number, lambda now: now.model_copy(update={"state": state}))
    before = git(world.origin, "rev-parse", branch(world))
    run = follow(world)
    assert outcome(run) == (Outcome.SKIPPED, f"Pull request 1 is {state}; it is left alone.")
    assert git(world.origin, "rev-parse", branch(world)) == before


def test_a_head_has_only_so_many_follow_ups(worlds: Worlds) -> None:
    nothing = Turn(calls=(Call("finish", {"status": "no_change", "reason": "Not here."}),))
    world = opened(worlds, [nothing, nothing])
    assert isinstance(world.forge, Talk)
    number = 1

    def again(text: str = "") -> tuple[Outcome, str]:
        nonlocal number
        number += 1
        world.run_id = f"r000000000{number}"
        return outcome(follow(world, text, rounds=2))

    assert again()[0] is again()[0] is again()[0] is Outcome.NO_CHANGE  # nothing to do is no round
    world.forge.failed = (FailedCheck(name="build", log="FAILED"),)
    assert again() == again() == (Outcome.NO_CHANGE, "Not here.")
    given, reason = again()
    assert (given, "2 follow-ups were already made" in reason) == (Outcome.SKIPPED, True)
    assert again("try once more")[1] == "Not here."  # a person's word is always heard
    world.forge.said = (Remark(id="comment-3", author="ada", text="Louder", at=AT),)
    assert again()[1] == "Not here."
    assert again()[0] is Outcome.SKIPPED  # but once


def test_a_branch_of_a_person_is_refused(worlds: Worlds) -> None:
    world = opened(worlds, [])
    [record] = world.pull_requests()
    world.stores.pulls.edit(
        record.repo, record.number, lambda now: now.model_copy(update={"branch": "feature"})
    )
    with pytest.raises(UserError, match="not honk's"):
        follow(world)
    world.run_id = "r0000000003"
    with pytest.raises(UserError, match="no pull request 7"):
        follow(world, number=7)


# ---- crashes ----------------------------------------------------------------------------


class Crash(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(
    ("story", "step"),
    [
        pytest.param("moved", 7, marks=pytest.mark.full),
        pytest.param("moved", 1, marks=pytest.mark.full),
        pytest.param("conflict", 1, marks=pytest.mark.full),
    ],
)
def test_a_crash_at_any_append_ends_in_the_same_branch(worlds: Worlds, story: str, step: int) -> None:
    """The undisturbed run says how many appends there are; every ``step``-th is a process's last."""
    resolve = bash("grep -q '<<<<<<<' greet.sh && echo 'echo hello # all' > greet.sh; echo x >> more.sh")
    appends = 1
    at = 0
    while at <= appends:
        world = opened(worlds, [resolve, DONE, DONE], [APPROVE] * 4)
        if story == "conflict":
            commit(world, "main", "greet.sh", "echo bye # all\n")
        dying = Dying(world, at, story)
        if at == 0:
            follow(world, store=dying)
            appends = len(world.log())
        else:
            with pytest.raises(Crash):
                follow(world, store=dying)
            if world.log()[-1].event.kind != "run_ended":
                world.run(store=Dying(world, 0, "" if dying.pushed else story))
        ended = world.log()[-1].event
        assert ended.kind == "run_ended"
        assert ended.outcome is Outcome.PUBLISHED, (at, ended.reason)
        assert git(world.origin, "show", f"{branch(world)}:more.sh") == "x\n"
        if story == "moved":
            assert "Ada's notes.txt" in subjects(world, branch(world)), at
            assert any(isinstance(r.event, Moved) for r in world.log())
            stated = [r.event.commit for r in world.log() if isinstance(r.event, Attested)]
            assert stated[-1] == git(world.origin, "rev-parse", branch(world)).strip(), at
        else:
            assert len(git(world.origin, "log", "-1", "--format=%P", branch(world)).split()) == 2
        at += step


@dataclass
class Dying:
    """The store of a process that dies after append ``at`` (0: never); in the story ``moved`` a
    person pushes before the judge's word is written down."""

    world: World
    at: int
    story: str
    pushed: bool = False

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        if self.story == "moved" and isinstance(event, Judged) and not self.pushed:
            self.pushed = True
            commit(self.world, branch(self.world), "notes.txt", "by hand\n")
        recorded = self.world.stores.events.append(run_id, event, seq=seq, fence=fence)
        if seq == self.at:
            raise Crash
        return recorded

    def read(self, run_id: str, after: int = 0) -> list[Recorded]:
        return self.world.stores.events.read(run_id, after)

    def runs(self) -> list[str]:
        return self.world.stores.events.runs()
