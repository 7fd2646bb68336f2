"""honk as a process: what it prints, how it ends, and what it leaves behind."""

from __future__ import annotations

import pytest

from tests.e2e.installed import Installer, make_repo
from tests.world import FINISH, GREET, git

pytestmark = pytest.mark.docker


def test_json_prints_one_result_and_nothing_else(install: Installer) -> None:
    honk = install([GREET, FINISH])
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin), "--json")
    assert done.code == 0, done.err
    assert done.result.outcome == "published"
    assert done.out.count("\n") == 1
    assert str(done.result.branch) in git(origin, "branch", "--list", "honk/*")
    assert honk.leftovers() == []
