"""The checks of a change once more: what is repeated, and what counts as different."""

from __future__ import annotations

import base64
import json
import sys

import pytest

from honk.core.cancel import Cancel
from honk.core.events import Recorded, Verified
from honk.core.evidence import Statement, parse_statement
from honk.core.followup import FollowUp
from honk.core.types import Outcome, VerificationResult
from honk.git.submodules import Brought
from honk.planning import make_plan
from honk.runs.reproduce import Forgetful, Repeated, Reproduced, reproduce
from honk.runs.services import Verifying
from honk.verifiers.commands import check, needs_setup
from honk.verifiers.compare import compare, settle
from honk.wiring import open_mirror
from tests.runs.test_monorepo import FILES, package
from tests.world import FINISH, World, Worlds, bash


def repeat(world: World, statement: Statement, seen: list[Recorded]) -> Reproduced:
    with open_mirror(world.settings, world.repo) as mirror:
        base = mirror.fetch("main")
        mirror.ensure(statement.head.digest["gitCommit"])
        services = Verifying(
            mirror=mirror,
            open_sandbox=world.open_sandbox,
            setup_asked=lambda: (),
            check=check,
            compare=compare,
            settle=settle,
            needs_setup=needs_setup,
            baselines=Forgetful(),
            cancel=Cancel(),
        )
        request = world.request()
        plan = make_plan(
            request, base, mirror, world.settings, lambda plan, cancel: world.image, lambda base: Brought()
        )
        return reproduce("r0000000009", request, base, statement, plan, services, seen.append)


def test_only_the_packages_that_the_change_concerns_are_repeated(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin:/usr/bin:/bin")
    world = worlds([bash("echo 'X = 1' > web/more.py"), FINISH], files=FILES)
    run = world.run()
    assert run.state.attested is not None
    found = json.loads(world.stores.artifacts.get(run.state.attested.artifact))
    statement = parse_statement(base64.b64decode(found["payload"]))
    seen: list[Recorded] = []
    done = repeat(world, statement, seen)
    assert done.same and done.image == world.image
    stages = [
        (r.event.stage, [c.name for c in r.event.report.checks])
        for r in seen
        if isinstance(r.event, Verified)
    ]
    assert stages == [("base", ["pytest (web)"]), ("final", ["pytest (web)"])]  # nothing from a cache

    [row] = statement.predicate.checks
    more = row.model_copy(update={"name": "pytest (other)"})
    padded = statement.predicate.model_copy(update={"checks": (row, more)})
    done = repeat(world, statement.model_copy(update={"predicate": padded}), [])
    assert not done.same
    assert [(c.stated.name if c.stated else "", c.differences) for c in done.checks] == [
        ("pytest (web)", ()), ("pytest (other)", ("check",)),
    ]  # fmt: skip
    none = statement.predicate.model_copy(update={"checks": ()})
    done = repeat(world, statement.model_copy(update={"predicate": none}), [])
    assert [check.differences for check in done.checks] == [("check",)]


@pytest.mark.full
def test_a_deleted_package_is_gone_in_evidence_in_what_repeats_it_and_in_a_follow_up(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin:/usr/bin:/bin")
    alone = "import os\n\n\ndef test_it():\n    assert not os.path.exists('../other')\n"
    files = {**package("api", check=alone), **package("other", check="def test_it():\n    pass\n")}
    world = worlds([bash("git rm -rq other && rm -rf other"), FINISH], files=files)
    run = world.run(judge=None, allow=("other/**",), text="delete the package other")
    assert run.state.attested is not None
    found = json.loads(world.stores.artifacts.get(run.state.attested.artifact))
    statement = parse_statement(base64.b64decode(found["payload"]))
    checks = [(c.name, c.before, c.after) for c in statement.predicate.checks if "setup" not in c.name]
    assert checks == [("pytest (api)", "failed", "passed")]
    assert repeat(world, statement, []).same

    worlds.rescript(world, [bash("echo 'X = 1' > api/more.py"), FINISH], [])
    world.run_id = "r0000000002"
    run = world.run(judge=None, text="add X", followup=FollowUp(number=1))
    assert run.state.ended is not None and run.state.ended.outcome is Outcome.PUBLISHED
    assert run.state.verified is not None
    assert [c.name for c in run.state.verified.report.checks if "setup" not in c.name] == ["pytest (api)"]


def row(**fields: object) -> VerificationResult:
    given = {"name": "tests", "command": "t", "before": "failed", "after": "failed", "seconds": 1.0}
    return VerificationResult.model_validate({**given, **fields})


def test_durations_and_flaky_tests_make_no_difference_and_other_tests_do() -> None:
    def differences(one: VerificationResult, other: VerificationResult) -> tuple[str, ...]:
        return Repeated(one, other).differences

    assert differences(row(), row(seconds=99)) == ()
    assert differences(row(standing=("a", "b")), row(standing=("b", "a"))) == ()
    assert differences(row(standing=("a", "b")), row(standing=("a",))) == ("standing",)
    assert differences(row(standing=("a", "b")), row(standing=("a",), flaky=("b",))) == ()
    assert differences(row(), row(after="passed", mended=("a",))) == ("after", "mended")
    assert differences(row(before=None), row()) == ("before",)
