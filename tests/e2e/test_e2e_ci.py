"""The action, run step by step with a runner's environment, against GitHub and a scripted model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from honk.core.events import RunRequested
from honk.testing.scripted import Call, Turn
from tests.e2e.hub import Hub
from tests.e2e.installed import CHECKOUT, Installed, Installer
from tests.runner import Ran, Runner
from tests.world import FINISH, GREET, git

HOSTILE = (
    'Say "hello" $(touch OUCH) `touch OUCH` \'; touch OUCH; #\n::error::not ours\n${{ github.token }} %0A'
)
SLY = Turn(
    "::error::I am the runner\n::add-mask::hello\n##[error]me too\n",
    calls=(Call("finish", {"title": "Say hello", "description": "It greets <img src=x> now."}),),
)


def runner(honk: Installed, hub: Hub, token: str, *, event: str = "workflow_dispatch") -> Runner:
    """The environment that GitHub's runner gives to a job of acme/app."""
    temp = honk.root / "runner"
    temp.mkdir()
    (temp / "bin").mkdir()
    (temp / "bin" / "honk").write_text(f'#!/bin/sh\nexec {sys.executable} -m honk "$@"\n')
    (temp / "bin" / "honk").chmod(0o755)
    env = honk.env | hub.address | {"PATH": f"{temp}/bin:{honk.env['PATH']}"}
    github = {
        "token": token,
        "repository": "acme/app",
        "server_url": "https://github.example",
        "api_url": hub.fake.url,
        "run_id": "77",
        "actor": "octo-ada",
        "actor_id": "583231",
        "event_name": event,
    }
    return Runner(CHECKOUT, temp, env, github)


def run(made: Runner, honk: Installed, **inputs: str) -> Ran:
    key = honk.env["ANTHROPIC_API_KEY"]
    return made.run(**{"installed": "true", "anthropic_api_key": key, **inputs})


def workflow_token(hub: Hub, **grants: str) -> str:
    """The token that a workflow gets, with the permissions that the documentation asks for."""
    wanted = grants or {"contents": "write", "pull_requests": "write"}
    return hub.fake.add_token(
        "github-actions[bot]", prefix="ghs_", grants={"metadata": "read", **wanted}, workflow=True
    )


@pytest.mark.docker
def test_a_step_opens_a_pull_request_and_hostile_words_stay_words(install: Installer, hub: Hub) -> None:
    honk = install([GREET, SLY])
    repo = hub.repo()
    made = runner(honk, hub, workflow_token(hub))
    ran = run(made, honk, request=HOSTILE, verify="sh check.sh\ntrue '$(touch OUCH)'", max_cost="1.5")
    assert ran.code == 0, ran.log
    pull = hub.the_pull(repo)
    assert (pull.draft, pull.author) == (True, "github-actions[bot]")
    assert ran.outputs["outcome"] == "published"
    assert ran.outputs["pull-request-url"].endswith("/acme/app/pull/1")
    assert ran.outputs["run-id"] == honk.run_id()
    [requested] = [r.event for r in honk.log() if isinstance(r.event, RunRequested)]
    request = requested.request
    assert request.text == HOSTILE.strip()
    assert request.verify == ("sh check.sh", "true '$(touch OUCH)'")
    assert request.limits.max_cost_usd == 1.5
    assert request.origin.kind == "ci"
    assert (request.origin.place, request.origin.url) == (
        "acme/app",
        "https://github.example/acme/app/actions/runs/77",
    )
    assert request.requester == "octo-ada <583231+octo-ada@users.noreply.github.com>"
    assert "Co-authored-by: octo-ada" in git(repo.path, "log", "-1", pull.head_ref)
    assert not list(honk.root.rglob("OUCH"))
    # The model's and the request's commands were in the log, and none of them counted.
    assert "::error::I am the runner" in ran.log
    [(level, words)] = ran.commands
    assert level == "warning"
    assert "checks" in words and "Allow GitHub Actions to create and approve pull requests" in words
    assert "/acme/app/pull/1" in ran.summary and "sh check.sh" in ran.summary
    assert "`GITHUB_TOKEN`" in ran.summary
    report = Path(ran.outputs["report"])
    assert json.loads((report / "result.json").read_text())["outcome"] == "published"
    assert len((report / "log.jsonl").read_text().splitlines()) == len(honk.log())
    assert (report / "evidence.json").read_text() in pull.body
    assert not (report / "change.patch").exists()


@pytest.mark.full
@pytest.mark.docker
def test_a_failed_run_leaves_its_patch_and_an_error(install: Installer, hub: Hub) -> None:
    honk = install([Turn("no"), Turn("::error::no"), Turn("no"), Turn("no")])
    hub.repo()
    token = hub.fake.add_token(
        "ada", prefix="github_pat_", grants={"contents": "write", "pull_requests": "write"}
    )
    ran = run(runner(honk, hub, "ghs_unused", event="schedule"), honk, request="say hello", token=token)
    assert (ran.code, ran.outputs["outcome"]) == (31, "stuck")
    [(level, words)] = ran.commands
    assert (level, words.startswith("stuck: ")) == ("error", True)
    assert "GITHUB_TOKEN" not in ran.summary + ran.log
    assert honk.log()[0].event.request.requester == ""  # type: ignore[union-attr]


RARER: list[tuple[dict[str, str], int, str]] = [
    ({"fail_on": "skipped"}, 11, "skipped"),
    ({"fail_on": ""}, 0, "skipped"),
    ({"draft": "maybe"}, 2, "failed"),
    ({"max_cost": "-1"}, 2, "failed"),
    ({"base": "--help"}, 2, "failed"),
    ({"repo": "$(id)/app"}, 2, "failed"),
    ({"request": " \n "}, 2, "failed"),
]


@pytest.mark.parametrize(
    ("inputs", "code", "outcome"),
    [
        ({}, 0, "skipped"),
        ({"max_cost": "lots; id"}, 2, "failed"),
        ({"fail_on": "everything"}, 2, "failed"),
        *(pytest.param(*row, marks=pytest.mark.full) for row in RARER),
    ],
)
def test_outcomes_and_wrong_inputs_become_the_steps_result(
    install: Installer, hub: Hub, inputs: dict[str, str], code: int, outcome: str
) -> None:
    honk = install()
    hub.repo({"greet.sh": "echo bye\n"})
    ran = run(runner(honk, hub, workflow_token(hub)), honk, **{"request": "say hello", **inputs})
    assert (ran.code, ran.outputs["outcome"]) == (code, outcome), ran.log
    [(level, _)] = ran.commands
    assert level == ("notice" if outcome == "skipped" else "error")
    assert "uid=" not in ran.log
    assert honk.service.journal == []


def test_a_workflow_that_may_not_open_pull_requests_hears_it_before_any_cost(
    install: Installer, hub: Hub
) -> None:
    honk = install()
    hub.repo(workflows_may_open=False)
    ran = run(runner(honk, hub, workflow_token(hub)), honk, request="say hello")
    assert (ran.code, ran.outputs["outcome"]) == (2, "failed"), ran.log
    assert "Settings > Actions > General" in ran.log
    assert honk.service.journal == []


@pytest.mark.full
@pytest.mark.docker
def test_the_action_installs_itself(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    made = runner(honk, hub, workflow_token(hub))
    made.env = {name: value for name, value in made.env.items() if name != "PYTHONPATH"}
    (made.temp / "bin" / "honk").unlink()
    ran = run(made, honk, request="say hello", installed="false", draft="false")
    assert ran.code == 0, ran.log
    assert not hub.the_pull(repo).draft
