"""What a run does not pay for. Times are measured in benchmarks/, never here."""

from __future__ import annotations

import re

import pytest

from tests.e2e.installed import Installer, make_repo
from tests.world import FINISH, GREET

UNUSED = {"alembic", "github", "openai", "rich"}


@pytest.mark.docker
def test_a_run_imports_nothing_that_it_does_not_use(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o")
    assert honk.honk("runs").code == 0  # makes the database, which takes migrations
    honk.env["PYTHONPROFILEIMPORTTIME"] = "1"
    done = honk.honk("say hello", "--repo", str(origin))
    assert done.code == 0, done.err
    # Two threads write these lines, sometimes into one another: packages are enough.
    imported = set(re.findall(r"\| +([a-z_0-9]+)\b", done.err))
    assert {"anthropic", "docker", "sqlalchemy"} <= imported, "this is a list of a run's imports"
    assert imported & UNUSED == set()
