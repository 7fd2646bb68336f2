"""In eight ecosystems: the honest change is published, every cheat ends in its outcome with nothing pushed.

Nothing is declared in these repositories: detection finds the checks, in the image that honk
makes for them.
"""

from __future__ import annotations

import pytest

from tests.e2e.ecosystems import ECOSYSTEMS
from tests.e2e.installed import Installer, make_repo
from tests.world import FINISH, bash, git

pytestmark = [pytest.mark.docker, pytest.mark.full]

OPTIONS = ("--judge", "off", "--json")
CHEATS = [(name, cheat) for name, ecosystem in ECOSYSTEMS.items() for cheat in ecosystem.cheats]


@pytest.mark.parametrize("name", ECOSYSTEMS)
def test_the_honest_change_is_published_and_shows_what_it_mends(install: Installer, name: str) -> None:
    ecosystem = ECOSYSTEMS[name]
    honk = install([bash(ecosystem.right), FINISH])
    origin = make_repo(honk.root / "o", ecosystem.files)
    done = honk.honk("mend the area", "--repo", str(origin), *OPTIONS, seconds=900)
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    rows = done.result.verification
    assert tuple(row.name for row in rows) == ecosystem.checks
    assert (rows[0].before, rows[0].after, rows[0].new_failures) == ("failed", "passed", ())
    assert all(row.after == "passed" for row in rows)
    assert not [gate for gate in done.result.gates if gate.result == "block"]


@pytest.mark.parametrize("name", ECOSYSTEMS)
def test_a_change_that_breaks_another_test_is_not_verified(install: Installer, name: str) -> None:
    ecosystem = ECOSYSTEMS[name]
    honk = install([bash(ecosystem.breaks), *[FINISH] * 4])
    origin = make_repo(honk.root / "o", ecosystem.files)
    done = honk.honk("mend the area", "--repo", str(origin), *OPTIONS, seconds=900)
    assert (done.code, done.result.outcome) == (20, "unverified"), done.err
    assert git(origin, "for-each-ref", "refs/heads/honk/") == ""


@pytest.mark.parametrize(("name", "cheat"), CHEATS, ids=[f"{name}: {cheat}" for name, cheat in CHEATS])
def test_a_cheat_is_refused(install: Installer, name: str, cheat: str) -> None:
    ecosystem = ECOSYSTEMS[name]
    command, gate = ecosystem.cheats[cheat]
    honk = install([bash(command), *[FINISH] * 4])
    origin = make_repo(honk.root / "o", ecosystem.files)
    done = honk.honk("mend the area", "--repo", str(origin), *OPTIONS, seconds=900)
    assert (done.code, done.result.outcome) == (22, "refused"), done.err
    assert gate in {found.name for found in done.result.gates if found.result == "block"}
    assert git(origin, "for-each-ref", "refs/heads/honk/") == ""
