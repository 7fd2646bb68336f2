"""A monorepo is verified by package: those that change, and those that depend on one that does."""

from __future__ import annotations

import sys

import pytest

from honk.core.events import RunEnded, Verified
from honk.core.types import Outcome
from honk.runs.result import result
from honk.testing.scripted import Call, Turn
from tests.world import FINISH, World, Worlds, bash

CHECK = "import common\n\n\ndef test_it():\n    assert common.NAME == 'acme'\n"


def package(name: str, *needs: str, check: str = CHECK) -> dict[str, str]:
    way = "pythonpath = ['../common']\n" if needs else ""
    config = (
        f"[project]\nname = '{name}'\nversion = '1'\ndependencies = {list(needs)}\n"
        f"[tool.pytest.ini_options]\n{way}addopts = '-p no:cacheprovider'\n"
    )
    return {f"{name}/pyproject.toml": config, f"{name}/test_{name}.py": check}


FILES = {
    "common/pyproject.toml": "[project]\nname = 'common'\nversion = '1'\n",
    "common/common.py": "NAME = 'acme'\n",
    **package("api", "common"),
    **package("web", "api"),
    **package("other", check="def test_it():\n    pass\n"),
    ".gitignore": "__pycache__/\n",
}


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python3` of the checks is the interpreter that has pytest."""
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin:/usr/bin:/bin")


def stages(world: World) -> list[tuple[str, list[str]]]:
    """Stage and names of each verification in the log."""
    found = [r.event for r in world.log() if isinstance(r.event, Verified)]
    return [(event.stage, [check.name for check in event.report.checks]) for event in found]


@pytest.mark.usefixtures("python")
@pytest.mark.full
def test_a_change_that_breaks_a_package_far_from_it_is_not_verified(worlds: Worlds) -> None:
    world = worlds([bash("sed -i s/acme/emca/ common/common.py"), *[FINISH] * 4], files=FILES)
    run = world.run()
    told = result(run.id, run.state, world.stores.artifacts)
    assert told.outcome is Outcome.UNVERIFIED
    assert {row.name: row.after for row in told.verification} == {
        "pytest (api)": "failed",
        "pytest (web)": "failed",
    }
    assert world.branches() == []


@pytest.mark.usefixtures("python")
def test_packages_that_a_change_does_not_concern_are_left_alone(worlds: Worlds) -> None:
    world = worlds([bash("echo 'X = 1' > web/more.py"), FINISH], files=FILES)
    assert result((run := world.run()).id, run.state, world.stores.artifacts).outcome is Outcome.PUBLISHED
    names = ["pytest (api)", "pytest (other)", "pytest (web)"]
    assert stages(world) == [("base", names), ("final", ["pytest (web)"])]


@pytest.mark.usefixtures("python")
def test_of_many_packages_the_base_is_measured_where_the_change_is(worlds: Worlds) -> None:
    red = {f"p{n}/{name}": "def test_it():\n    assert False\n" for n in range(5) for name in ("test_p.py",)}
    files = red | {f"p{n}/pyproject.toml": f"[project]\nname = 'p{n}'\nversion = '1'\n" for n in range(5)}
    green = {"p0/test_green.py": "def test_green():\n    pass\n"}
    world = worlds([bash("echo 'X = 1' > p0/more.py"), FINISH], files=files | green)
    run = world.run()
    told = result(run.id, run.state, world.stores.artifacts)
    assert told.outcome is Outcome.PUBLISHED  # what fails failed before, too
    assert [(row.name, row.before, row.after) for row in told.verification] == [
        ("pytest (p0)", "failed", "failed")
    ]
    assert stages(world) == [("base", ["pytest (p0)"]), ("final", ["pytest (p0)"])]


@pytest.mark.usefixtures("python")
@pytest.mark.full
def test_a_package_that_goes_takes_its_checks_along_and_the_others_all_run(worlds: Worlds) -> None:
    mark = "mkdir web/inner && touch web/inner/__init__.py"  # which every folder has: nothing has moved
    files = {**FILES, "other/__init__.py": ""}
    verify = Turn(calls=(Call("verify", {}),))
    world = worlds([bash(f"rm -rf other && {mark}"), verify, FINISH], files=files)
    run = world.run(judge=None, allow=("other/**",), text="delete the package other")
    told = result(run.id, run.state, world.stores.artifacts)
    assert told.outcome is Outcome.PUBLISHED
    checks = {row.name: row.after for row in told.verification if row.name.startswith("pytest")}
    assert checks == {"pytest (api)": "passed", "pytest (web)": "passed"}
    assert stages(world)[1] == ("session", list(checks))


@pytest.mark.usefixtures("python")
@pytest.mark.full
def test_a_package_that_is_moved_keeps_its_checks(worlds: Worlds) -> None:
    move = bash("mkdir new && git mv other/test_other.py new/ && git rm -rq other && rm -rf other")
    moved = worlds([move, FINISH], files=FILES)  # no answer to what verification says of it
    run = moved.run(judge=None, allow=("**",), text="move the package other")
    told = result(run.id, run.state, moved.stores.artifacts)
    assert {row.name: row.after for row in told.verification}["pytest (other)"] == "failed"


def spared(world: World) -> tuple[str, dict[str, str]]:
    """The outcome of a run that deletes a package, and its checks of the others."""
    run = world.run(judge=None, allow=("other/**",), text="delete the package other")
    told = result(run.id, run.state, world.stores.artifacts)
    return told.outcome, {row.name: row.after for row in told.verification if row.name.startswith("pytest")}


@pytest.mark.usefixtures("python")
@pytest.mark.full
def test_a_new_file_of_the_same_name_elsewhere_does_not_mean_that_a_package_was_moved(worlds: Worlds) -> None:
    files = {**FILES, "other/util.py": "X = 1\n"}
    new = "mkdir tools && echo 'X = 2' > tools/util.py"
    world = worlds([bash(f"git rm -rq other && rm -rf other && {new}"), FINISH], files=files)
    assert spared(world) == (Outcome.PUBLISHED, {"pytest (api)": "passed", "pytest (web)": "passed"})


@pytest.mark.usefixtures("python")
@pytest.mark.full
def test_without_the_only_package_that_has_checks_untested_decides(worlds: Worlds) -> None:
    files = {**package("other", check="def test_it():\n    pass\n"), "README.md": "Hi\n"}
    gone = bash("git rm -rq other && rm -rf other")
    world = worlds([gone, *[FINISH] * 4], files=files)
    assert spared(world) == (Outcome.UNVERIFIED, {})
    ended = world.log()[-1].event
    assert isinstance(ended, RunEnded) and "The change leaves no check that concerns it" in ended.reason
    world = worlds([gone, FINISH], files=files)
    run = world.run(judge=None, allow=("other/**",), text="delete the package other", untested="draft")
    assert run.state.ended is not None and run.state.ended.outcome is Outcome.PUBLISHED
