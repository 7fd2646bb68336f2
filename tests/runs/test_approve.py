"""What gates refused, and a person permits: the run goes on, and the model is not asked again."""

from __future__ import annotations

from pathlib import Path

import pytest

from honk.cli.approve import approve_command
from honk.core.errors import UserError
from honk.core.events import Gated, PathsAllowed
from honk.core.limits import Limits
from honk.core.types import Outcome
from honk.runs.run import Run
from tests.world import FINISH, World, Worlds, bash

WORKFLOW = ".github/workflows/ci.yml"
EDIT = bash(f"mkdir -p .github/workflows && echo x > {WORKFLOW} && sed -i s/bye/hello/ greet.sh")
ONCE = Limits(max_attempts=1)


def permit(world: World, *globs: str) -> None:
    fence = world.stores.leases.claim(world.run_id, "person")
    run = Run(world.run_id, world.stores.events, fence, world.log())
    run.record(PathsAllowed(globs=globs, by="ada"))
    world.stores.leases.release(world.run_id, fence)


def outcome(run: Run) -> Outcome:
    assert run.state.ended is not None
    return run.state.ended.outcome


def test_an_approved_run_publishes_the_frozen_commit_without_another_word_of_the_model(
    worlds: Worlds,
) -> None:
    world = worlds([EDIT, FINISH])
    refused = world.run(limits=ONCE)
    assert outcome(refused) is Outcome.REFUSED
    assert world.branches() == []
    assert refused.state.frozen is not None
    asked = len(world.work_requests())

    permit(world, WORKFLOW)
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert len(world.work_requests()) == asked
    [record] = world.pull_requests()
    assert record.head_sha == refused.state.frozen.change.head
    assert "a person permits it" in record.body
    [event] = [r.event for r in world.log() if isinstance(r.event, PathsAllowed)]
    assert (event.globs, event.by) == ((WORKFLOW,), "ada")


def test_a_permission_for_another_path_permits_nothing(worlds: Worlds) -> None:
    world = worlds([EDIT, FINISH])
    world.run(limits=ONCE)
    permit(world, "docs/**")
    assert outcome(world.run()) is Outcome.REFUSED
    assert world.branches() == []


def test_the_change_is_still_verified_and_judged(worlds: Worlds) -> None:
    broken = bash(f"mkdir -p .github/workflows && echo x > {WORKFLOW} && echo false > greet.sh")
    world = worlds([broken, FINISH])
    world.run(limits=ONCE)
    permit(world, WORKFLOW)
    assert outcome(world.run()) is Outcome.UNVERIFIED
    assert world.branches() == []


def test_the_repository_can_make_a_gate_stricter_and_only_so_lax(worlds: Worlds) -> None:
    files = {
        "greet.sh": "echo bye\n",
        ".honk.yml": "verify:\n  ok: 'true'\ngates:\n  protected-path: 'off'\n  mode: block\n",
    }
    world = worlds(
        [bash(f"chmod +x greet.sh; mkdir -p .github/workflows && echo x > {WORKFLOW}"), FINISH], files=files
    )
    run = world.run(limits=ONCE)
    assert outcome(run) is Outcome.REFUSED
    [gated] = [r.event for r in world.log() if isinstance(r.event, Gated)]
    assert {(f.gate, f.result) for f in gated.findings} == {("protected-path", "block"), ("mode", "block")}


# ---- what the command says ------------------------------------------------------------------


def command(world: World, monkeypatch: pytest.MonkeyPatch, *globs: str) -> int:
    monkeypatch.setenv("HONK_HOME", str(world.root / "home"))
    return approve_command(world.run_id, globs, json=True, config=None, remote=None)


def test_a_run_that_was_not_refused_cannot_be_approved(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds([bash("sed -i s/bye/hello/ greet.sh"), FINISH])
    world.run()
    with pytest.raises(UserError, match="published; only a planned, refused or vetoed run"):
        command(world, monkeypatch)


def test_a_secret_cannot_be_approved(worlds: Worlds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = "ghp_" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zA2"
    world = worlds([bash(f"echo {token} > token.txt"), FINISH])
    assert outcome(world.run(limits=ONCE)) is Outcome.REFUSED
    with pytest.raises(UserError, match="nobody can permit"):
        command(world, monkeypatch)
    assert not [r for r in world.log() if isinstance(r.event, PathsAllowed)]


def test_globs_that_leave_something_refused_are_told_so(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds(
        [bash(f"mkdir -p .github/workflows .vscode && echo x | tee {WORKFLOW} .vscode/a.json"), FINISH]
    )
    world.run(limits=ONCE)
    with pytest.raises(UserError, match=r"leave refused: \.vscode/a\.json"):
        command(world, monkeypatch, ".github/**")
