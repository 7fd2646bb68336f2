"""`honk doctor`: everything good, and each thing broken on its own, with what mends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from honk.testing.scripted import Turn
from tests.e2e.hub import Hub
from tests.e2e.installed import Installed, Installer
from tests.world import git

pytestmark = pytest.mark.docker

NAMES = ("home", "database", "git", "engine", "image", "model", "registries")
OK = Turn("ok")
CONFIG = '[[registries]]\nkind = "pypi"\nurl = "/"\n'


def prepare(install: Installer, hub: Hub) -> Installed:
    """An installation in which everything is good, and the repository acme/app."""
    honk = install(judge=[OK] * 3)
    hub.repo()
    hub.sign_in(honk)
    settle(honk, CONFIG)
    return honk


def settle(honk: Installed, config: str) -> None:
    (honk.root / "config" / "honk").mkdir(parents=True, exist_ok=True)
    (honk.root / "config" / "honk" / "honk.toml").write_text(config)


def test_all_is_good(install: Installer, hub: Hub) -> None:
    honk = prepare(install, hub)
    done = honk.honk("doctor", "--repo", "acme/app")
    assert done.code == 0, done.out + done.err
    assert [line.split(":")[0] for line in done.out.splitlines()] == [
        f"ok  {name}" for name in (*NAMES, "repository", "workflows")
    ]
    assert "acme/app: push allowed" in done.out
    elsewhere = honk.honk("doctor", "--json")  # a credential, but no repository around to try it on
    assert elsewhere.code == 0, elsewhere.out + elsewhere.err
    assert all(finding["good"] for finding in json.loads(elsewhere.out))


def no_home(honk: Installed, hub: Hub) -> None:
    (honk.root / "file").write_text("")
    honk.env["HONK_HOME"] = str(honk.root / "file" / "home")


def no_database(honk: Installed, hub: Hub) -> None:
    honk.env["HONK_DATABASE_URL"] = "postgresql://me:pass-of-mine@127.0.0.1:9/honk"


def no_git(honk: Installed, hub: Hub) -> None:
    honk.env["PATH"] = "/nonexistent"


def no_engine(honk: Installed, hub: Hub) -> None:
    honk.env["DOCKER_HOST"] = "unix:///nonexistent.sock"


def no_key(honk: Installed, hub: Hub) -> None:
    del honk.env["ANTHROPIC_API_KEY"]


def wrong_key(honk: Installed, hub: Hub) -> None:
    honk.service.key = "another"


def no_price(honk: Installed, hub: Hub) -> None:
    honk.env["HONK_MODEL"] = "anthropic:claude-of-our-own"


def service_down(honk: Installed, hub: Hub) -> None:
    honk.env["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:9"


def no_push_right(honk: Installed, hub: Hub) -> None:
    hub.fake.repos[1].roles["ada"] = "read"


def workflow_may_not_open(honk: Installed, hub: Hub) -> None:
    """A job with the workflow's own token; the setting is seen by what GitHub refuses."""
    hub.fake.repos[1].workflows_may_open = False
    grants = {"metadata": "read", "contents": "write", "pull_requests": "write"}
    token = hub.fake.add_token("github-actions[bot]", prefix="ghs_", grants=grants, workflow=True)
    honk.env |= {"GITHUB_TOKEN": token, "GITHUB_ACTIONS": "true"}


def not_signed_on(honk: Installed, hub: Hub) -> None:
    honk.env["GITHUB_TOKEN"] = hub.fake.add_token("ada", scopes=("repo",), sso=True)


def wrong_token(honk: Installed, hub: Hub) -> None:
    honk.env["GITHUB_TOKEN"] = "ghp_" + "0" * 36


def no_token(honk: Installed, hub: Hub) -> None:
    del honk.env["GITHUB_TOKEN"]


RARER = [
    (no_home, {"home", "database", "repository", "engine", "image"}, "Set HONK_HOME"),
    (no_database, {"database"}, "127.0.0.1"),
    (no_git, {"git"}, "apt-get install git"),
    (no_key, {"model"}, "ANTHROPIC_API_KEY"),
    (no_price, {"model"}, 'price."anthropic:claude-of-our-own"'),
    (service_down, {"model"}, "127.0.0.1:9"),
    (wrong_token, {"repository", "workflows"}, "GITHUB_TOKEN"),
    (wrong_key, {"model"}, "Check ANTHROPIC_API_KEY"),
    (no_push_right, {"repository"}, "write access"),
    (no_token, {"repository", "workflows"}, "Set GITHUB_TOKEN"),
    (not_signed_on, {"repository", "workflows"}, "/orgs/acme/sso?authorization_request="),
    (workflow_may_not_open, {"repository"}, "Allow GitHub Actions to create and approve"),
]


@pytest.mark.parametrize(
    ("damage", "bad", "words"),
    [
        *(pytest.param(*row, marks=pytest.mark.full) for row in RARER),
        (no_engine, {"engine", "image"}, "DOCKER_HOST"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_broken_is_told_alone_with_what_mends_it(
    install: Installer, hub: Hub, damage: Callable[[Installed, Hub], None], bad: set[str], words: str
) -> None:
    honk = prepare(install, hub)
    damage(honk, hub)
    done = honk.honk("doctor", "--repo", "acme/app", "--json")
    assert done.code == 40, done.out + done.err
    findings: list[dict[str, Any]] = json.loads(done.out)
    told = [finding for finding in findings if not finding["good"]]
    assert {finding["name"] for finding in told} <= bad
    assert words in "".join(finding["detail"] + finding["mend"] for finding in told)
    assert all(finding["mend"] for finding in told)
    assert "pass-of-mine" not in done.out + done.err
    assert "Trying again" not in done.err


@pytest.mark.full
@pytest.mark.parametrize("origin", ["https://{0}/acme/app.git", "git@localhost:acme/app.git"])
def test_the_repository_around_here_is_known_by_its_origin(install: Installer, hub: Hub, origin: str) -> None:
    honk = prepare(install, hub)
    clone = hub.clone(hub.fake.repos[1], origin.format(hub.host))
    done = honk.honk("doctor", cwd=clone)
    assert "ok  repository: acme/app: push allowed" in done.out
    git(clone, "status")


@pytest.mark.parametrize(
    ("admin", "allowed", "words"),
    [
        (True, False, "may not open pull requests"),
        pytest.param(True, True, "on which no checks start by themselves", marks=pytest.mark.full),
        pytest.param(False, False, "only an administrator's credential can see", marks=pytest.mark.full),
    ],
)
def test_the_setting_for_workflows_is_told(
    install: Installer, hub: Hub, admin: bool, allowed: bool, words: str
) -> None:
    honk = prepare(install, hub)
    repo = hub.fake.repos[1]
    repo.workflows_may_open = allowed
    repo.roles["ada"] = "admin" if admin else "write"
    done = honk.honk("doctor", "--repo", "acme/app", "--json")
    assert done.code == 0, done.out
    [told] = [finding for finding in json.loads(done.out) if finding["name"] == "workflows"]
    assert told["good"] and words in told["detail"]
