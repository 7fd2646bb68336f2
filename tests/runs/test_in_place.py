"""A runner that is of no use on the base gives way to the one that the repository's tests need."""

from __future__ import annotations

import sys

import pytest

from honk.core.events import BaseResolved, Verified
from honk.core.state import RunState
from honk.core.types import Check, Outcome, Report, RunResult, VerifyCommand
from honk.runs.result import result
from honk.server.panel import panel
from tests.world import FINISH, World, Worlds, bash

stories = pytest.mark.usefixtures("python")

# `python3 -m tox` finds this first: where there is none, tox is as if setup could not make it.
TOX = (
    "import runpy, sys\n\nsys.argv = ['pytest', '-q', 'test_greet.py']\n"
    "runpy.run_module('pytest', run_name='__main__')\n"
)
FILES = {
    "greet.py": "def greet():\n    return 'hello'\n",
    "test_greet.py": "from greet import greet\n\n\ndef test_greet():\n    assert greet() == 'hello'\n",
    "conftest.py": "",
    "tox.ini": "[testenv]\ncommands = pytest\n[pytest]\naddopts = -p no:cacheprovider\n",
    ".gitignore": "__pycache__/\n",
}
BETTER, WORSE = bash("echo more > notes.txt"), bash("sed -i s/hello/bye/ greet.py")


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python3` of the checks is the interpreter that has pytest, and has no tox."""
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin:/usr/bin:/bin")


def told(world: World, **fields: object) -> RunResult:
    run = world.run(**fields)
    return result(run.id, run.state, world.stores.artifacts)


def on_base(world: World) -> list[tuple[str, bool]]:
    found = [r.event for r in world.log() if isinstance(r.event, Verified)]
    return [(c.name, c.passed) for event in found if event.stage == "base" for c in event.report.checks]


@pytest.mark.full
@stories
def test_where_no_test_passes_in_tox_on_the_base_pytest_takes_its_place(worlds: Worlds) -> None:
    world = worlds([BETTER, FINISH], files=FILES)
    good = told(world, broken_base="skip")  # what is not the check is no broken base either
    assert good.outcome is Outcome.PUBLISHED
    [row] = good.verification
    assert (row.name, row.before, row.after) == ("pytest in place of tox", "passed", "passed")
    assert on_base(world) == [("pytest in place of tox", True)]
    assert "pytest in place of tox" in world.pull_requests()[0].body
    run = world.run()  # which has ended: this only reads its log
    assert [check.name for check in panel(run.id, "ended", run.state).checks] == ["pytest in place of tox"]

    bad = told(worlds([WORSE, *[FINISH] * 4], files=FILES))
    assert bad.outcome is Outcome.UNVERIFIED
    [row] = bad.verification
    assert row.new_failures == ("test_greet::test_greet",)


@pytest.mark.full
@stories
def test_tox_that_tests_alone_is_the_check(worlds: Worlds) -> None:
    world = worlds([BETTER, FINISH], files={**FILES, "tox.py": TOX})
    assert [row.name for row in told(world).verification] == ["tox"]
    assert on_base(world) == [("tox", True)]
    resolved = next(r.event for r in world.log() if isinstance(r.event, BaseResolved))
    assert [command.name for command in resolved.verify] == ["tox", "pytest in place of tox"]


@pytest.mark.full
@stories
def test_where_neither_passes_a_test_tox_stays(worlds: Worlds) -> None:
    world = worlds([BETTER, *[FINISH] * 4], files={**FILES, "greet.py": "import missing\n"})
    assert [row.name for row in told(world).verification] == ["tox"]
    assert on_base(world) == [("tox", False)]


def test_what_replaces_another_is_in_force_where_the_base_has_a_result_of_it() -> None:
    tox, lint = (VerifyCommand(name=name, command=name, source="detected") for name in ("tox", "lint"))
    instead = VerifyCommand(name="pytest", command="pytest", source="detected", replaces="tox")
    check = Check(name="", command="", exit_code=0, seconds=1, summary="")

    def after(*measured: str) -> tuple[VerifyCommand, ...]:
        checks = tuple(check.model_copy(update={"command": name}) for name in measured)
        return RunState(base_report=Report(checks=checks)).in_force((tox, instead, lint))

    assert RunState().in_force((tox, instead, lint)) == after("tox", "lint") == (tox, lint)
    assert after("lint", "pytest") == (instead, lint)
