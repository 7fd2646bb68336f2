"""What a run does not pay for. Times are measured in benchmarks/, never here."""

from __future__ import annotations

import re

import pytest

from tests.e2e.installed import Installer, make_repo
from tests.world import FINISH, GREET

UNUSED = {"alembic", "dbos", "fastapi", "github", "openai", "rich"}
LATER = {"cryptography", "detect_secrets", "pathspec"}  # what looks at a change, and signs
JUDGING = ("honk.verifiers.patterns", "honk.verifiers.runners")  # what reads the output of checks


def imported(text: str) -> set[str]:
    # Two threads write these lines, sometimes into one another: packages are enough.
    return set(re.findall(r"\| +([a-z_0-9]+)\b", text))


@pytest.mark.full
@pytest.mark.docker
def test_a_run_imports_only_what_it_uses_and_not_before(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o")
    assert honk.honk("runs").code == 0  # makes the database, which takes migrations
    honk.env["PYTHONPROFILEIMPORTTIME"] = "1"
    done = honk.honk("say hello", "--repo", str(origin))
    assert done.code == 0, done.err
    assert {"anthropic", "docker", "sqlalchemy"} <= imported(done.err), "this is a list of a run's imports"
    assert imported(done.err) & UNUSED == set()

    # All that happens before the first answer is waited for.
    start, answered, rest = done.err.partition("\n> bash: ")
    assert answered and imported(rest) >= LATER
    assert imported(start) & LATER == set()

    # The SDK is imported while the engine starts the containers, and not beside other work.
    planned, resolved, rest = start.partition("checks: greeting")
    assert resolved and "docker" in imported(planned)
    assert "anthropic" not in imported(planned)
    assert "anthropic" in imported(rest)

    # Before a check has run, the expressions that read its output are not compiled.
    assert not any(name in planned for name in JUDGING) and any(name in rest for name in JUDGING)

    # The proxy listened, and nobody asked it for a package.
    assert "honk.sandboxes.proxy" in done.err and "honk.sandboxes.proxy.front" not in done.err
