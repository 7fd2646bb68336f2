"""honk against a model service that someone else wrote: npm's @copilotkit/aimock, all wires."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aimock import serving
from tests.e2e.installed import Installer, make_repo
from tests.world import git

pytestmark = [pytest.mark.docker, pytest.mark.full]

USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "input_tokens": 120, "output_tokens": 30}


def call(name: str, **arguments: object) -> dict[str, Any]:
    return {"toolCalls": [{"name": name, "arguments": json.dumps(arguments)}], "usage": USAGE}


def shell(wire: str, command: str) -> dict[str, Any]:
    """aimock knows no native tools: a call of the shell is a function call under its name."""
    return call("shell", commands=[command]) if wire == "responses" else call("bash", command=command)


def script(wire: str) -> Iterator[dict[str, Any]]:
    """By the number of the model's turns so far; the judge is known by what it is asked."""
    approve = {"content": '{"verdict": "approve", "reasons": []}', "usage": USAGE}
    yield {"match": {"userMessage": "# Verification"}, "response": approve}
    story = [
        shell(wire, "cat greet.sh"),
        shell(wire, "sed -i s/bye/hallo/ greet.sh"),
        call("verify"),
        shell(wire, "sed -i s/hallo/hello/ greet.sh"),
        call("verify"),
        call("finish", title="Say hello", description="It greets now."),
    ]
    for turn, response in enumerate(story):
        yield {"match": {"turnIndex": turn}, "response": response}


@pytest.fixture(params=["anthropic", "responses", "chat"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def aimock(tmp_path: Path, wire: str) -> Iterator[str]:
    """The base URL of the running fake."""
    with serving(list(script(wire)), tmp_path) as url:
        yield url


def test_a_session_with_a_failing_check_ends_in_a_pull_request(
    install: Installer, aimock: str, wire: str
) -> None:
    honk = install()
    if wire == "anthropic":
        honk.env["ANTHROPIC_BASE_URL"], model = aimock, "anthropic:claude-sonnet-5-5"
    else:
        honk.env |= {"OPENAI_API_KEY": "key", "OPENAI_BASE_URL": f"{aimock}/v1", "HONK_OPENAI_WIRE": wire}
        model = "openai:gpt-5.5"
    origin = make_repo(honk.root / "o")
    done = honk.honk("say hello", "--repo", str(origin), "--model", model, "--json")
    assert done.code == 0, done.err
    assert (done.result.turns, done.result.judge and done.result.judge.verdict) == (6, "approve")
    assert done.result.usage.output_tokens == 7 * USAGE["output_tokens"]
    assert git(origin, "show", f"{done.result.branch}:greet.sh") == "echo hello\n"
