"""What a CI job is known by, and that nothing which it is given can be taken for more than words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from honk.cli.ci import annotation, outputs, summary, token_note
from honk.core.ci import ci_job
from honk.core.messages import Usage
from honk.core.types import JudgeResult, Outcome, RunResult, VerificationResult
from tests.runner import obeyed, read_outputs

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/app",
    "GITHUB_RUN_ID": "77",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_TOKEN": "ghs_1",
}
SLY = "a\n::error::b\r\n%0A| c\u202e <img src=x> **d**\nrun-id=e\nhonk-0\n@everyone [f](https://evil.example)"


def result(outcome: Outcome, reason: str = SLY) -> RunResult:
    return RunResult(
        run_id="r1", outcome=outcome, reason=reason, repo="acme/app", base="main", base_sha=None,
        branch=None, head_sha=None, pull_request=None,
        judge=JudgeResult(verdict="refuse", reasons=(SLY,), rounds=1),
        verification=(VerificationResult(name=SLY, command="x", after="failed", seconds=1.0),),
        gates=(), turns=1, seconds=60.0, cost_usd=0.5, usage=Usage(), replayed=False, patch="+x\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "place", "url", "person"),
    [
        (GITHUB, "acme/app", "https://github.example/acme/app/actions/runs/77", ""),
        (
            {"GITLAB_CI": "true", "CI_PROJECT_PATH": "g/p", "CI_JOB_URL": "https://gitlab.example/g/p/-/jobs/1",
             "CI_PIPELINE_SOURCE": "web", "GITLAB_USER_NAME": "Ada", "GITLAB_USER_EMAIL": "ada@example.com"},
            "g/p", "https://gitlab.example/g/p/-/jobs/1", "Ada <ada@example.com>",
        ),
        (
            {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "web",
             "GITLAB_USER_NAME": "A\nSigned-off-by: B <b@c>", "GITLAB_USER_EMAIL": "a@b"},
            "", "", "",
        ),
        (
            {"JENKINS_URL": "https://ci.example/", "JOB_NAME": "honk", "BUILD_URL": "https://ci.example/job/honk/3/"},
            "honk", "https://ci.example/job/honk/3/", "",
        ),
    ],
)  # fmt: skip
def test_a_job_is_known_by_its_services_variables(
    environ: Mapping[str, str], place: str, url: str, person: str
) -> None:
    job = ci_job(environ)
    assert job is not None
    assert (job.origin.kind, job.origin.place, job.origin.url, job.person) == ("ci", place, url, person)


def test_a_persons_machine_is_no_job() -> None:
    assert ci_job({"CI": "true", "GITHUB_TOKEN": "ghs_1", "GITHUB_REPOSITORY": "a/b"}) is None


@pytest.mark.parametrize(
    ("event", "actor", "number", "person"),
    [
        ("issues", "ada", "7", "ada <7+ada@users.noreply.github.com>"),
        ("schedule", "ada", "7", ""),
        ("issues", "renovate[bot]", "7", ""),
        ("issues", "ada>\nX: <b", "7", ""),
        ("issues", "ada", "", ""),
    ],
)
def test_only_a_person_who_started_the_job_is_its_requester(
    event: str, actor: str, number: str, person: str
) -> None:
    more = {"GITHUB_EVENT_NAME": event, "GITHUB_ACTOR": actor, "GITHUB_ACTOR_ID": number}
    job = ci_job(GITHUB | more)
    assert job is not None and job.person == person


@pytest.mark.parametrize(
    ("more", "begins"),
    [
        ({"HONK_WORKFLOW_TOKEN": "true"}, "GitHub starts no checks"),
        ({}, "If this is the workflow's own token"),  # an App's token looks the same
        ({"HONK_WORKFLOW_TOKEN": "false"}, ""),
        ({"GITHUB_TOKEN": "github_pat_1"}, ""),
        ({"HONK_GITHUB_APP_ID": "1", "HONK_GITHUB_PRIVATE_KEY": "k"}, ""),
    ],
)
def test_the_workflows_own_token_is_told_apart(more: Mapping[str, str], begins: str) -> None:
    note = token_note(ci_job(GITHUB | more))
    assert note.startswith(begins) and bool(note) == bool(begins)


def test_an_annotation_is_one_command_and_nothing_in_it_is_another() -> None:
    said = annotation(result(Outcome.STUCK))
    [(name, words)] = obeyed(said)
    assert (name, said.count("\n")) == ("error", 1)
    assert "%250A" in words and "\u202e" not in words


def test_outputs_are_one_line_each_and_cannot_add_one() -> None:
    found = read_outputs(outputs(result(Outcome.STUCK), Path("/r")))
    assert set(found) == {"outcome", "run-id", "pull-request-url", "reason", "report"}
    assert (found["run-id"], found["outcome"], found["report"]) == ("r1", "stuck", "/r")
    assert "\n" not in "".join(found.values())


def test_a_summary_shows_words_as_words() -> None:
    text = summary(result(Outcome.STUCK))
    assert "<img" not in text and "\u202e" not in text and "](http" not in text
    assert not re.search(r"(?<!`)@everyone", text)
    assert len([line for line in text.splitlines() if line.startswith("|")]) == 3
    assert "change.patch" in text
