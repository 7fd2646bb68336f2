"""Stories of the pipeline: what the model does, and how the run ends."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.events import (
    ChangeFrozen,
    Checkpointed,
    Event,
    Gated,
    Instructed,
    Judged,
    ModelReplied,
    Recorded,
    ToolReturned,
    Verified,
)
from honk.core.limits import Limits
from honk.core.messages import Usage
from honk.core.ports import EventStore
from honk.core.state import fold
from honk.core.types import Outcome
from honk.runs.run import Run
from honk.testing.scripted import Call, Failure, Hang, Turn, extends
from tests.runs.test_crash import Crash, CrashingStore
from tests.world import APPROVE, FILES, FINISH, GREET, World, Worlds, bash, git

REFUSE = Turn('{"verdict": "refuse", "reasons": ["notes.txt is out of scope."]}')


def ended(run: Run) -> tuple[Outcome, str]:
    assert run.state.ended is not None
    return run.state.ended.outcome, run.state.ended.reason


def instructions(world: World) -> list[str]:
    return [r.event.origin for r in world.log() if isinstance(r.event, Instructed)]


def patch(world: World, run: Run) -> str:
    assert run.state.ended is not None
    assert run.state.ended.patch is not None
    return world.stores.artifacts.get(run.state.ended.patch).decode()


# ---- published --------------------------------------------------------------------------


def test_a_change_that_passes_everything_becomes_one_pull_request(worlds: Worlds) -> None:
    world = worlds([GREET, Turn(calls=(Call("verify", {}),)), FINISH])
    run = world.run()
    assert ended(run)[0] is Outcome.PUBLISHED
    [record] = world.pull_requests()
    assert record.title == "Say hello"
    assert "It greets now." in record.body
    assert git(world.origin, "show", f"{record.branch}:greet.sh") == "echo hello\n"
    assert git(world.origin, "rev-parse", record.branch).strip() == record.head_sha
    assert run.state.verified is not None
    assert run.state.verified.commit == record.head_sha  # what was verified is what was pushed


def test_the_first_request_tells_task_checks_and_guidance(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    world.run()
    first = world.service.journal[0]
    assert b"say hello" in first.raw
    assert b"sh check.sh" in first.raw
    assert b"Keep it short." in first.raw


def test_every_request_begins_with_the_whole_previous_one(worlds: Worlds) -> None:
    world = worlds([*(bash(f"echo {n}") for n in range(200)), GREET, FINISH])
    world.run(limits=Limits(max_turns=1000, max_cost_usd=1000))
    work = [seen for seen in world.service.journal if not seen.judge]
    assert len(work) == 202
    assert all(extends(before, after) for before, after in itertools.pairwise(work))


def test_a_turn_that_changed_files_is_checkpointed_before_the_next_model_call(worlds: Worlds) -> None:
    world = worlds([bash("ls"), GREET, bash("ls"), FINISH])
    world.run()
    kinds = [type(r.event) for r in world.log() if isinstance(r.event, Checkpointed | ModelReplied)]
    assert kinds[:4] == [ModelReplied, ModelReplied, Checkpointed, ModelReplied]


# ---- sent back, and recovered -----------------------------------------------------------


def test_a_failing_check_returns_to_the_model_which_mends_it(worlds: Worlds) -> None:
    world = worlds(
        [bash("sed -i s/bye/hallo/ greet.sh"), FINISH, bash("sed -i s/hallo/hello/ greet.sh"), FINISH]
    )
    run = world.run()
    assert ended(run)[0] is Outcome.PUBLISHED
    assert "verify" in instructions(world)
    assert b"greet.sh: expected hello" in world.service.journal[2].raw
    assert len(world.pull_requests()) == 1


def test_a_protected_path_returns_to_the_model_which_undoes_it(worlds: Worlds) -> None:
    write = bash(
        "mkdir -p .github/workflows && echo x > .github/workflows/ci.yml && sed -i s/bye/hello/ greet.sh"
    )
    world = worlds([write, FINISH, bash("rm -r .github"), FINISH])
    run = world.run()
    assert ended(run)[0] is Outcome.PUBLISHED
    assert "gate" in instructions(world)
    [record] = world.pull_requests()
    assert ".github" not in git(world.origin, "ls-tree", "-r", "--name-only", record.branch)


def test_a_veto_returns_to_the_model_which_narrows_its_change(worlds: Worlds) -> None:
    world = worlds(
        [GREET, bash("echo x > notes.txt"), FINISH, bash("rm notes.txt"), FINISH], judge=[REFUSE, APPROVE]
    )
    run = world.run()
    assert ended(run)[0] is Outcome.PUBLISHED
    assert run.state.judge_rounds == 2
    assert "notes.txt is out of scope." in "".join(
        r.event.text for r in world.log() if isinstance(r.event, Instructed)
    )


def test_the_judge_sees_request_diff_and_report_but_not_the_transcript(worlds: Worlds) -> None:
    world = worlds([bash("echo a-word-of-the-transcript"), GREET, FINISH])
    world.run()
    [seen] = [seen for seen in world.service.journal if seen.judge]
    assert b"say hello" in seen.raw
    assert b"+echo hello" in seen.raw
    assert b"greeting" in seen.raw
    assert b"a-word-of-the-transcript" not in seen.raw


def test_a_tree_that_cannot_be_committed_is_a_refusal_that_can_be_mended(worlds: Worlds) -> None:
    world = worlds([GREET, bash("mkfifo pipe"), FINISH, bash("rm pipe"), FINISH])
    run = world.run()
    assert ended(run)[0] is Outcome.PUBLISHED
    assert any(
        "pipe" in f.detail for r in world.log() if isinstance(r.event, Gated) for f in r.event.findings
    )


def test_a_path_that_cannot_be_committed_does_not_cost_the_rest_of_the_work(worlds: Worlds) -> None:
    world = worlds([bash("sed -i s/bye/hello/ greet.sh; mkfifo pipe"), Failure(400), FINISH])
    first = world.run()
    assert ended(first)[0] is Outcome.FAILED
    assert "+echo hello" in patch(world, first)
    assert ended(world.run())[0] is Outcome.PUBLISHED


# ---- refused for good -------------------------------------------------------------------


def test_a_check_that_keeps_failing_publishes_nothing_and_keeps_the_patch(worlds: Worlds) -> None:
    world = worlds([bash("sed -i s/bye/hallo/ greet.sh"), *[FINISH] * 4])
    run = world.run()
    assert ended(run)[0] is Outcome.UNVERIFIED
    assert world.branches() == []
    assert "+echo hallo" in patch(world, run)


def test_a_gate_that_keeps_refusing_publishes_nothing(worlds: Worlds) -> None:
    world = worlds([GREET, bash("echo '* @me' > CODEOWNERS"), *[FINISH] * 4])
    run = world.run()
    assert ended(run)[0] is Outcome.REFUSED
    assert "CODEOWNERS" in ended(run)[1]
    assert world.branches() == []


def test_a_protected_path_that_the_requester_allows_is_published(worlds: Worlds) -> None:
    world = worlds([GREET, bash("echo '* @me' > CODEOWNERS"), FINISH])
    assert ended(world.run(allow=("CODEOWNERS",)))[0] is Outcome.PUBLISHED


def test_a_secret_in_the_diff_is_refused_and_named_without_its_value(worlds: Worlds) -> None:
    token = "ghp_" + "a1B2" * 9
    world = worlds([GREET, bash(f"echo 'token = \"{token}\"' > config.py"), *[FINISH] * 4])
    run = world.run()
    assert ended(run)[0] is Outcome.REFUSED
    assert "config.py" in ended(run)[1]
    assert token not in ended(run)[1]


def test_a_secret_that_is_removed_again_is_no_obstacle(worlds: Worlds) -> None:
    leak = bash("echo 'token = \"ghp_" + "a1B2" * 9 + "\"' > config.py")
    world = worlds([GREET, leak, FINISH, bash("rm config.py"), FINISH])
    assert ended(world.run())[0] is Outcome.PUBLISHED


def test_a_judge_that_keeps_refusing_vetoes(worlds: Worlds) -> None:
    world = worlds([GREET, bash("echo x > notes.txt"), *[FINISH] * 4], judge=[REFUSE] * 4)
    run = world.run()
    assert ended(run) == (Outcome.VETOED, "notes.txt is out of scope.")
    assert world.branches() == []
    assert "notes.txt" in patch(world, run)


def test_a_judge_without_a_readable_answer_fails_the_run(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], judge=[Turn("Well, perhaps."), Turn("Hm.")])
    run = world.run()
    assert ended(run)[0] is Outcome.FAILED
    assert "no readable verdict" in ended(run)[1]
    assert world.branches() == []


# ---- ends without a change --------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("no_change", Outcome.NO_CHANGE),
        ("precondition_failed", Outcome.SKIPPED),
        ("gave_up", Outcome.STUCK),
    ],
)
def test_the_model_says_how_the_session_ended(worlds: Worlds, status: str, outcome: Outcome) -> None:
    world = worlds([Turn(calls=(Call("finish", {"status": status, "reason": "Because."}),))])
    assert ended(world.run()) == (outcome, "Because.")
    assert world.branches() == []


def test_done_without_any_change_is_no_change(worlds: Worlds) -> None:
    assert ended(worlds([FINISH]).run())[0] is Outcome.NO_CHANGE


def test_a_finish_that_cannot_be_read_is_answered_and_repeated(worlds: Worlds) -> None:
    world = worlds([GREET, Turn(calls=(Call("finish", {"status": "finished"}),)), FINISH])
    assert ended(world.run())[0] is Outcome.PUBLISHED


def test_a_turn_without_calls_is_nudged_once_then_counts_as_done(worlds: Worlds) -> None:
    world = worlds([GREET, Turn("I am finished."), Turn("Really.")])
    run = world.run()
    assert ended(run)[0] is Outcome.PUBLISHED
    assert instructions(world).count("nudge") == 1


def test_a_turn_without_calls_and_without_a_change_is_a_dead_end(worlds: Worlds) -> None:
    assert ended(worlds([Turn("Hello."), Turn("Hello again.")]).run())[0] is Outcome.STUCK


def test_repeating_the_same_step_is_being_stuck(worlds: Worlds) -> None:
    world = worlds([bash("cat missing")] * 20)
    run = world.run()
    assert ended(run)[0] is Outcome.STUCK
    assert run.state.turns == 5


# ---- nothing verifies -------------------------------------------------------------------

BARE = {"greet.sh": "echo bye\n"}


def test_a_repository_without_checks_is_skipped_before_any_model_cost(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], files=BARE)
    run = world.run()
    assert ended(run)[0] is Outcome.SKIPPED
    assert "--verify" in ended(run)[1]
    assert world.service.journal == []


def test_a_repository_without_checks_may_become_an_unverified_draft(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], files=BARE)
    run = world.run(untested="draft", draft=False)
    assert ended(run)[0] is Outcome.PUBLISHED
    [record] = world.pull_requests()
    assert record.draft
    assert "nothing verifies" in record.body
    assert "No check ran on this commit" in record.body
    assert "The checks ran" not in record.body
    assert "verified commit" not in record.body


def test_a_command_of_the_requester_replaces_the_detected_ones(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], files=BARE)
    run = world.run(verify=("grep -q hello greet.sh",))
    assert ended(run)[0] is Outcome.PUBLISHED
    assert [c.command for c in run.state.verified.report.checks] == ["grep -q hello greet.sh"]  # type: ignore[union-attr]


# ---- limits, failures, interruptions ----------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(max_turns=2), "turns"),
        (Limits(max_cost_usd=0.0001), "cost"),
        (Limits(timeout_seconds=0.000001), "time"),
    ],
)
def test_a_limit_ends_the_run_in_order_and_keeps_the_work(worlds: Worlds, limits: Limits, word: str) -> None:
    world = worlds([GREET, bash("ls"), bash("ls -a"), FINISH])
    run = world.run(limits=limits)
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert word in ended(run)[1]
    assert world.branches() == []
    if word == "turns":
        assert "+echo hello" in patch(world, run)


def test_a_command_of_the_model_ends_with_the_time_of_the_run(worlds: Worlds) -> None:
    world = worlds([GREET, bash("sleep 10000"), FINISH])
    run = world.run(limits=Limits(timeout_seconds=4, command_seconds=20_000))
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert "time" in ended(run)[1]
    assert "+echo hello" in patch(world, run)


def test_an_exhausted_run_goes_on_with_higher_limits(worlds: Worlds) -> None:
    world = worlds([GREET, bash("ls"), FINISH])
    assert ended(world.run(limits=Limits(max_turns=1)))[0] is Outcome.EXHAUSTED
    run = world.run(limits=Limits(max_turns=50))
    assert ended(run)[0] is Outcome.PUBLISHED
    assert run.state.turns == 3  # the first turn was not paid for twice
    assert len(world.pull_requests()) == 1


def test_the_judge_is_not_asked_beyond_the_cost_limit_and_a_resumed_run_goes_on_there(worlds: Worlds) -> None:
    dear = Turn(calls=FINISH.calls, usage=Usage(output_tokens=100_000))
    world = worlds([GREET, dear])
    run = world.run(limits=Limits(max_cost_usd=0.5))
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert "cost limit" in ended(run)[1]
    assert "judge was not asked" in ended(run)[1]
    assert world.branches() == []
    assert "+echo hello" in patch(world, run)
    assert ended(world.run(limits=Limits(max_cost_usd=50)))[0] is Outcome.PUBLISHED
    assert [seen.purpose for seen in world.service.journal] == ["work", "work", "judge"]


def test_a_judge_that_cannot_be_read_is_not_asked_again_beyond_the_cost_limit(worlds: Worlds) -> None:
    dear = Turn("Well, perhaps.", usage=Usage(output_tokens=100_000))
    world = worlds([GREET, FINISH], judge=[dear, APPROVE])
    run = world.run(limits=Limits(max_cost_usd=0.5))
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert len(world.service.journal) == 3


@pytest.mark.parametrize("left", [0.0, 3.0], ids=["before a check", "during a check"])
def test_no_check_runs_beyond_the_time_of_the_run(worlds: Worlds, left: float, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    slow = {
        **FILES,
        ".honk.yml": f"verify:\n  slow: grep -q bye greet.sh || test -e {ready} || sleep 10000\n",
    }
    world = worlds([GREET, FINISH], files=slow)
    with pytest.raises(Crash):  # it dies with the change handed over, so that only the gate is left
        world.run(store=CrashingStore(world.stores.events, 13, after=True))
    assert isinstance(world.log()[-1].event, ChangeFrozen)
    used = fold(world.log()).seconds(world.log()[-1].at)
    run = world.run(limits=Limits(timeout_seconds=used + left + 0.001, verify_seconds=20_000))
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert "time limit" in ended(run)[1]
    verified = [r.event.stage for r in world.log() if isinstance(r.event, Verified)]
    assert verified == ["base"]  # a killed check says nothing
    assert "+echo hello" in patch(world, run)
    ready.touch()
    assert ended(world.run(limits=Limits()))[0] is Outcome.PUBLISHED
    assert [seen.purpose for seen in world.service.journal] == ["work", "work", "judge"]


def test_the_models_own_verify_ends_with_the_time_of_the_run_too(worlds: Worlds, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    slow = {
        **FILES,
        ".honk.yml": f"verify:\n  slow: grep -q bye greet.sh || test -e {ready} || sleep 10000\n",
    }
    edit = bash("sed -i s/bye/hello/ greet.sh; echo once >> notes.txt")
    both = Turn(calls=(*edit.calls, Call("verify", {})))
    world = worlds([both, FINISH], files=slow)
    with pytest.raises(Crash):  # it dies with the edit made, so that only the model's verify is left
        world.run(store=CrashingStore(world.stores.events, 8, after=True))
    assert isinstance(world.log()[-1].event, ToolReturned)
    run = world.run(limits=Limits(timeout_seconds=0.001))
    assert ended(run)[0] is Outcome.EXHAUSTED
    assert "Verification was not finished" in ended(run)[1]
    assert "+echo hello" in patch(world, run)
    ready.touch()
    assert ended(world.run(limits=Limits()))[0] is Outcome.PUBLISHED
    assert [r.event.stage for r in world.log() if isinstance(r.event, Verified)] == [
        "base",
        "session",
        "final",
    ]
    [branch] = world.branches()
    assert git(world.origin, "show", f"{branch}:notes.txt") == "once\n"  # what was saved is not done again


def test_limits_given_before_the_base_was_known_are_lowered_and_not_forgotten(worlds: Worlds) -> None:
    config = FILES[".honk.yml"] + "limits: {max_turns: 20}\n"
    world = worlds([GREET, FINISH], files={**FILES, ".honk.yml": config})
    away = world.origin.rename(world.root / "away")
    with pytest.raises(UserError):
        world.run(limits=Limits(max_cost_usd=1))
    away.rename(world.origin)
    run = world.run(limits=Limits(max_cost_usd=50))
    assert ended(run)[0] is Outcome.PUBLISHED
    assert (run.state.limits.max_cost_usd, run.state.limits.max_turns) == (50, 20)


def test_the_model_is_told_when_a_limit_is_near(worlds: Worlds) -> None:
    world = worlds([GREET, bash("ls"), bash("ls -a"), bash("ls -l"), bash("pwd"), bash("id"), FINISH])
    world.run(limits=Limits(max_turns=7))
    assert instructions(world).count("limit") == 1


def test_a_dry_run_does_everything_but_push(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    run = world.run(dry_run=True)
    assert ended(run)[0] is Outcome.VERIFIED
    assert world.branches() == []
    assert "+echo hello" in patch(world, run)


def test_a_patch_applies_to_the_base(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    text = patch(world, world.run(dry_run=True))
    clone = world.root / "clone"
    git(world.root, "clone", "-q", str(world.origin), str(clone))
    (world.root / "p.patch").write_text(text)
    git(clone, "apply", str(world.root / "p.patch"))
    assert (clone / "greet.sh").read_text() == "echo hello\n"


def test_a_model_service_that_refuses_fails_the_run_and_resume_goes_on(worlds: Worlds) -> None:
    world = worlds([GREET, Failure(400), FINISH])
    first = world.run()
    assert ended(first)[0] is Outcome.FAILED
    assert "+echo hello" in patch(world, first)
    assert ended(world.run())[0] is Outcome.PUBLISHED
    assert len(world.pull_requests()) == 1


def test_cancelling_wakes_a_hanging_model_call_and_keeps_the_work(worlds: Worlds) -> None:
    world = worlds([GREET, Hang()])
    waiting = threading.Event()

    def watch() -> None:
        while len(world.service.journal) < 2 and not waiting.wait(0.01):
            pass
        world.cancel.set("Stopped by the test.")

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        run = world.run()
    finally:
        waiting.set()
        thread.join()
    assert ended(run) == (Outcome.CANCELLED, "Stopped by the test.")
    assert "+echo hello" in patch(world, run)
    assert world.branches() == []


class CancelAfterVerdict:
    """An event store beside which a person cancels as soon as the judge's verdict is logged."""

    def __init__(self, store: EventStore, cancel: Cancel) -> None:
        self._store = store
        self._cancel = cancel

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        recorded = self._store.append(run_id, event, seq=seq, fence=fence)
        if isinstance(event, Judged):
            self._cancel.set("Stopped by the test.")
        return recorded

    def read(self, run_id: str, after: int = 0) -> list[Recorded]:
        return self._store.read(run_id, after)

    def runs(self) -> list[str]:
        return self._store.runs()


def test_a_run_that_is_cancelled_before_the_push_publishes_nothing(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    run = world.run(store=CancelAfterVerdict(world.stores.events, world.cancel))
    assert ended(run) == (Outcome.CANCELLED, "Stopped by the test.")
    assert world.branches() == []
    world.cancel = Cancel()
    assert ended(world.run())[0] is Outcome.PUBLISHED
    assert len(world.pull_requests()) == 1


def test_a_missing_base_branch_is_the_persons_mistake(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    with pytest.raises(UserError, match="main"):
        world.run(base="release")
    assert world.service.journal == []


def test_a_broken_honk_yml_is_named_before_any_model_cost(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], files={**FILES, ".honk.yml": "verfy: auto\n"})
    with pytest.raises(UserError, match="verfy"):
        world.run()
    assert world.service.journal == []


def test_the_model_cannot_change_the_checks_that_decide(worlds: Worlds) -> None:
    cheat = bash("printf 'verify:\\n  greeting: \"true\"\\n' > .honk.yml; sed -i s/bye/hallo/ greet.sh")
    world = worlds([cheat, *[FINISH] * 4])
    run = world.run(allow=(".honk.yml",))
    assert ended(run)[0] is Outcome.UNVERIFIED


def test_verification_inside_and_outside_are_both_in_the_log(worlds: Worlds) -> None:
    world = worlds([GREET, Turn(calls=(Call("verify", {}),)), FINISH])
    world.run()
    assert [r.event.stage for r in world.log() if isinstance(r.event, Verified)] == [
        "base",
        "session",
        "final",
    ]


def test_a_base_that_fails_is_skipped_if_so_asked_before_any_model_cost(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], files={**FILES, "check.sh": "grep -q hello greet.sh\n"})
    run = world.run(broken_base="skip")
    assert ended(run)[0] is Outcome.SKIPPED
    assert "greeting" in ended(run)[1]
    assert world.service.journal == []


def test_a_sound_base_is_worked_on_when_broken_ones_are_skipped(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], files={**FILES, "check.sh": "true\n"})
    assert ended(world.run(broken_base="skip"))[0] is Outcome.PUBLISHED
