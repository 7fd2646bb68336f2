"""What a change is blamed for: stories of runs whose checks ran on the base, too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from honk.core.cancel import Cancel
from honk.core.events import Gated, Instructed, Verified
from honk.core.limits import Limits
from honk.core.sandbox import Sandbox, SandboxSpec
from honk.core.types import Outcome, RunResult, VerificationResult
from honk.runs.result import result
from honk.runs.run import Run
from honk.server.panel import panel
from honk.testing.sandbox import open_folder_sandbox
from honk.testing.scripted import Call, Turn
from tests.world import APPROVE, FINISH, World, Worlds, bash

PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider"
CALC = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a + b\n"
TESTS = """\
from calc import add, sub


def test_add():
    assert add(1, 2) == 3


def test_sub():
    assert sub(3, 2) == 1


def test_zero():
    assert add(0, 0) == 0
"""
GREEN = CALC.replace("sub(a, b):\n    return a + b", "sub(a, b):\n    return a - b")
MEND = bash("sed -i '6s/+/-/' calc.py")
BREAK = bash("sed -i '2s/+/*/' calc.py")
# The gates see most of this in the diff already; a person lets it pass, and the results speak.
PERMITTED = ("tests/**", "conftest.py")
# An approval that rules on what weakens tests, too.
RULINGS = ", ".join(f'{{"flag": {n}, "justified": true}}' for n in range(1, 4))
RULED = Turn(f'{{"verdict": "approve", "flags": [{RULINGS}]}}')
ADD, SUB, ZERO = (f"tests.test_calc::test_{name}" for name in ("add", "sub", "zero"))


def files(calc: str = CALC, tests: str = TESTS, verify: str = PYTEST) -> dict[str, str]:
    """``sub`` is wrong in CALC, so that one test of three fails."""
    config = f'verify:\n  tests: "{verify}"\n'
    start = "import sys\nsys.dont_write_bytecode = True\nsys.path.insert(0, '.')\n"
    return {"calc.py": calc, "tests/test_calc.py": tests, "conftest.py": start, ".honk.yml": config}


@dataclass
class Opened:
    """An OpenSandbox that counts: the role of each sandbox, and the commit that it showed."""

    sandboxes: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def __call__(self, spec: SandboxSpec, cancel: Cancel) -> Iterator[Sandbox]:
        self.sandboxes.append((spec.role, spec.checkout))
        with open_folder_sandbox(spec, cancel) as box:
            yield box


def told(run: Run, world: World) -> RunResult:
    return result(run.id, run.state, world.stores.artifacts)


def row(run: Run, world: World) -> VerificationResult:
    [only] = told(run, world).verification
    return only


def weakened(run: Run, world: World) -> list[str]:
    return [g.detail for g in told(run, world).gates if g.name == "weakened-tests"]


def feedback(world: World) -> str:
    """The first message about verification that went back to the model."""
    said = (r.event for r in world.log() if isinstance(r.event, Instructed))
    return next(event.text for event in said if event.origin == "verify")


def task(world: World) -> str:
    said = (r.event for r in world.log() if isinstance(r.event, Instructed))
    return next(event.text for event in said if event.origin == "task")


def test_what_failed_before_and_still_does_is_shown_and_blocks_nothing(worlds: Worlds) -> None:
    world = worlds([bash("echo more > notes.txt"), FINISH], files=files())
    run = world.run()
    found = row(run, world)
    assert told(run, world).outcome is Outcome.PUBLISHED
    assert (found.before, found.after) == ("failed", "failed")
    assert found.standing == (SUB,) and found.new_failures == () and found.mended == ()
    assert found.tests is not None and (found.tests.passed, found.tests.failed) == (2, 1)
    [record] = world.pull_requests()
    assert "| failed | failed | 0 |" in record.body
    assert "failing before and after: tests.test\\_calc::test\\_sub" in record.body
    assert SUB in task(world)  # the model knows before it begins
    [judge] = [seen for seen in world.service.journal if seen.judge]
    assert b"failed before the change" in judge.raw and SUB.encode() in judge.raw


def test_where_no_check_and_no_test_passes_nothing_speaks_for_the_change(worlds: Worlds) -> None:
    broken = {"a.txt": "a\n", ".honk.yml": "verify:\n  broken: test -f none\n"}
    world = worlds([bash("echo more > notes.txt"), *[FINISH] * 4], files=broken)
    run = world.run()
    ended = told(run, world)
    assert ended.outcome is Outcome.UNVERIFIED
    steps = panel(run.id, "ended", run.state).steps
    assert [step.name for step in steps if step.mark == "bad"] == ["Verify"]
    assert "nothing verifies the change" in ended.reason and "--untested draft" in ended.reason
    assert "fails (exit code 1) as it did before" in feedback(world)
    assert "whether anything new fails is not known" in feedback(world)
    assert world.branches() == []
    declared = {**broken, ".honk.yml": f"{broken['.honk.yml']}setup:\n  - 'true'\n", "setup.cfg": ""}
    touched = worlds([bash("echo '[x]' > setup.cfg"), *[FINISH] * 4], files=declared)
    assert told(touched.run(), touched).outcome is Outcome.UNVERIFIED  # that setup works says nothing
    accepted = worlds([bash("echo more > notes.txt"), FINISH], files=broken)
    assert told(accepted.run(untested="draft", draft=False), accepted).outcome is Outcome.PUBLISHED
    assert accepted.pull_requests()[0].draft  # though the requester wanted it ready


def test_a_new_failure_blocks_and_comes_first_in_what_the_model_hears(worlds: Worlds) -> None:
    world = worlds([BREAK, *[FINISH] * 4], files=files())
    run = world.run()
    assert told(run, world).outcome is Outcome.UNVERIFIED
    found = row(run, world)
    assert found.new_failures == (ADD,) and found.standing == (SUB,)
    text = feedback(world)
    assert text.index(f"New with your change: {ADD}") < text.index(f"not yours to mend: {SUB}")
    assert world.branches() == []


def test_a_red_base_that_the_change_mends_is_shown_as_mended(worlds: Worlds) -> None:
    world = worlds([MEND, FINISH], files=files())
    run = world.run()
    found = row(run, world)
    assert told(run, world).outcome is Outcome.PUBLISHED
    assert (found.before, found.after, found.mended, found.standing) == ("failed", "passed", (SUB,), ())
    assert "mended: tests.test\\_calc::test\\_sub" in world.pull_requests()[0].body


def test_a_test_that_flips_is_flaky_and_blocks_nothing(worlds: Worlds, tmp_path: Path) -> None:
    flips = f"\n\ndef test_flips():\n    import pathlib\n    p = pathlib.Path('{tmp_path}/count')\n"
    flips += (
        "    n = int(p.read_text()) if p.exists() else 0\n    p.write_text(str(n + 1))\n    assert n != 1\n"
    )
    world = worlds([bash("echo more > notes.txt"), FINISH], files=files(GREEN, TESTS + flips))
    run = world.run()
    assert (tmp_path / "count").read_text() == "3"  # the base, the change, and once more
    found = row(run, world)
    assert told(run, world).outcome is Outcome.PUBLISHED
    assert found.flaky == ("tests.test_calc::test_flips",) and found.new_failures == ()
    assert "flaky: tests.test\\_calc::test\\_flips" in world.pull_requests()[0].body


def test_a_test_that_is_flaky_on_the_base_is_nobodys_fault(worlds: Worlds, tmp_path: Path) -> None:
    flips = f"\n\ndef test_flips():\n    import pathlib\n    p = pathlib.Path('{tmp_path}/count')\n"
    flips += "    n = int(p.read_text()) if p.exists() else 0\n    p.write_text(str(n + 1))\n"
    flips += "    assert n in (1, 4)\n"
    world = worlds([bash("echo more > notes.txt"), FINISH], files=files(GREEN, TESTS + flips))
    run = world.run()
    assert (tmp_path / "count").read_text() == "5"  # the base twice, the change until it passes
    assert told(run, world).outcome is Outcome.PUBLISHED
    assert row(run, world).flaky == ("tests.test_calc::test_flips",)


def test_a_test_that_was_flaky_on_the_base_may_not_always_fail(worlds: Worlds, tmp_path: Path) -> None:
    flips = f"\n\ndef test_flips():\n    import pathlib\n    p = pathlib.Path('{tmp_path}/count')\n"
    flips += (
        "    n = int(p.read_text()) if p.exists() else 0\n    p.write_text(str(n + 1))\n    assert n == 1\n"
    )
    world = worlds([bash("echo more > notes.txt"), FINISH], files=files(GREEN, TESTS + flips))
    run = world.run(limits=Limits(max_attempts=1))
    assert (tmp_path / "count").read_text() == "5"  # the base twice, the change three times
    assert told(run, world).outcome is Outcome.UNVERIFIED
    assert row(run, world).new_failures == ("tests.test_calc::test_flips",)


def test_a_run_that_ends_without_a_check_that_passes_says_why(worlds: Worlds, tmp_path: Path) -> None:
    flips = f"import pathlib\n\np = pathlib.Path('{tmp_path}/count')\n"
    flips += "n = int(p.read_text()) if p.exists() else 0\np.write_text(str(n + 1))\n"
    # On the base both pass; with the change both fail, then one of them, then the other.
    for name, good in (("one", (0, 2)), ("two", (0, 3))):
        flips += f"\n\ndef test_{name}():\n    assert n in {good}\n"
    given = files(GREEN, flips)
    world = worlds([bash("echo more > notes.txt"), FINISH], files=given)
    run = world.run(limits=Limits(max_attempts=1))
    ended = told(run, world)
    assert ended.outcome is Outcome.UNVERIFIED
    assert "as it did on the base" not in ended.reason
    assert "No check passes. On the base tests passed" in ended.reason


@pytest.mark.parametrize("code", [137, 143])
def test_a_check_that_was_killed_on_the_base_is_not_kept(worlds: Worlds, code: int) -> None:
    config = {".honk.yml": f"verify:\n  there: test -f calc.py\n  big: (exit {code})\n"}
    world = worlds([bash("echo more > notes.txt"), FINISH] * 2, (APPROVE, APPROVE), files() | config)
    world.run()
    world.run_id = "r0000000002"
    second = world.run()
    assert told(second, world).outcome is Outcome.PUBLISHED
    [base] = [e.event for e in world.log() if isinstance(e.event, Verified) and e.event.stage == "base"]
    assert [check.known for check in base.report.checks] == [True, False]


def in_turn(count: Path) -> str:
    """A conftest.py that runs the tests in the other order each time that it is loaded."""
    return (
        "import pathlib, sys\nsys.dont_write_bytecode = True\nsys.path.insert(0, '.')\n"
        f"def pytest_collection_modifyitems(items):\n    p = pathlib.Path('{count}')\n"
        "    n = int(p.read_text()) if p.exists() else 0\n    p.write_text(str(n + 1))\n"
        "    items.sort(key=lambda item: item.name, reverse=bool(n % 2))\n"
    )


def test_a_test_that_did_not_run_again_has_not_passed(worlds: Worlds, tmp_path: Path) -> None:
    given = files(GREEN, verify=f"{PYTEST} -x") | {"conftest.py": in_turn(tmp_path / "count")}
    world = worlds([bash("printf 'def add(a, b): ...\\nsub = add\\n' > calc.py"), *[FINISH] * 4], files=given)
    run = world.run()
    assert told(run, world).outcome is Outcome.UNVERIFIED
    found = row(run, world)
    assert found.flaky == () and set(found.new_failures) == {ADD, ZERO}  # the first, and the last
    assert world.branches() == []


def test_a_deleted_test_is_missing_and_flagged(worlds: Worlds) -> None:
    world = worlds([bash("sed -i '/test_add/,+2d' tests/test_calc.py"), FINISH], [RULED], files(GREEN))
    run = world.run(allow=PERMITTED)
    assert row(run, world).missing == (ADD,)
    assert any(f"did not run: {ADD}" in detail for detail in weakened(run, world))
    [judge] = [seen for seen in world.service.journal if seen.judge]
    assert b"passed on the base and did not run" in judge.raw


def test_a_skipped_test_is_flagged(worlds: Worlds) -> None:
    skip = bash(
        "sed -i 's/^def test_add/import pytest\\n@pytest.mark.skip\\ndef test_add/' tests/test_calc.py"
    )
    world = worlds([skip, FINISH], [RULED], files(GREEN))
    run = world.run(allow=PERMITTED)
    assert row(run, world).skipped == (ADD,)
    assert any(f"now skipped: {ADD}" in detail for detail in weakened(run, world))


def test_a_renamed_and_a_moved_test_are_not_missing(worlds: Worlds) -> None:
    world = worlds([bash("sed -i 's/test_add/test_adds/' tests/test_calc.py"), FINISH], [RULED], files(GREEN))
    run = world.run(allow=PERMITTED)
    assert row(run, world).missing == () and weakened(run, world) == []
    world = worlds([bash("mv tests/test_calc.py tests/test_sums.py"), FINISH], [RULED], files(GREEN))
    run = world.run(allow=PERMITTED)
    assert row(run, world).missing == () and weakened(run, world) == []


def test_a_runner_that_runs_far_fewer_tests_than_on_the_base_is_no_evidence(worlds: Worlds) -> None:
    hide = bash("printf '\\ncollect_ignore = [\"tests/test_calc.py\"]\\n' >> conftest.py")
    other = {**files(GREEN), "tests/test_other.py": "def test_other(): ...\n"}
    world = worlds([hide, *[FINISH] * 4], files=other)
    run = world.run(allow=PERMITTED)
    assert told(run, world).outcome is Outcome.UNVERIFIED
    assert "It ran 4 tests on the base, and only 1 with the change." in feedback(world)


def test_a_suite_that_no_longer_starts_blocks_though_the_base_is_red(worlds: Worlds) -> None:
    world = worlds([bash("echo 'import nothing_of_the_kind' >> conftest.py"), *[FINISH] * 4], files=files())
    run = world.run(allow=PERMITTED)
    assert told(run, world).outcome is Outcome.UNVERIFIED
    assert "ran tests on the base, and none with the change" in str(run.state.last_report)


def test_the_second_run_on_the_same_base_needs_no_container_for_it(worlds: Worlds) -> None:
    world = worlds([bash("echo more > notes.txt"), FINISH], (APPROVE, APPROVE), files(GREEN))
    opened = Opened()
    world.open_sandbox = opened
    first = world.run()
    assert first.state.base is not None
    base = first.state.base.base.sha
    assert ("verify", base) in opened.sandboxes
    opened.sandboxes.clear()
    world.run_id = "r0000000002"
    second = world.run()
    assert told(second, world).outcome is Outcome.PUBLISHED
    assert [role for role, _ in opened.sandboxes] == ["work", "verify"]
    assert ("verify", base) not in opened.sandboxes
    [base_event] = [e.event for e in world.log() if isinstance(e.event, Verified) and e.event.stage == "base"]
    assert [check.known for check in base_event.report.checks] == [True]


def test_a_command_of_the_requester_is_not_run_on_the_base_and_must_pass(worlds: Worlds) -> None:
    world = worlds([bash("echo more > notes.txt"), *[FINISH] * 4], files=files())
    run = world.run(verify=(PYTEST,))
    assert told(run, world).outcome is Outcome.UNVERIFIED
    assert [r.event.stage for r in world.log() if isinstance(r.event, Verified)] == ["final"] * 4
    assert row(run, world).before is None


def test_verify_in_the_session_compares_with_the_base(worlds: Worlds) -> None:
    world = worlds([BREAK, Turn(calls=(Call("verify", {}),)), MEND, *[FINISH] * 4], files=files())
    world.run()
    work = [seen.raw for seen in world.service.journal if not seen.judge]
    assert f"New with your change: {ADD}".encode() in work[2]


def test_a_check_without_tests_is_compared_by_its_exit_code(worlds: Worlds) -> None:
    red = {**files(), ".honk.yml": "verify:\n  lint: grep -q nothing calc.py\n  there: test -f calc.py\n"}
    world = worlds([bash("echo more > notes.txt"), FINISH], files=red)
    run = world.run()
    assert told(run, world).outcome is Outcome.PUBLISHED
    found = told(run, world).verification
    assert [(row.before, row.after) for row in found] == [("failed", "failed"), ("passed", "passed")]
    assert [row.unknown for row in found] == [True, False]
    assert "| failed | failed | not known |" in world.pull_requests()[0].body


@pytest.mark.parametrize("ends", ["exit 1", "kill -9 $$"])
def test_a_check_that_passes_on_the_base_alone_blocks(worlds: Worlds, ends: str) -> None:
    config = {".honk.yml": f"verify:\n  lint: test ! -e notes.txt || {ends}\n"}
    world = worlds([bash("echo more > notes.txt"), *[FINISH] * 4], files=files() | config)
    run = world.run()
    assert told(run, world).outcome is Outcome.UNVERIFIED
    assert not [r for r in world.log() if isinstance(r.event, Gated) and r.event.findings]
