"""The fake answers as the real one was recorded to, and its judge does judge."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from typing import Any

import pytest
import requests

from honk.testing.github import FakeGitHub, Repo
from honk.testing.github_assets import FIXTURES, fetch
from honk.testing.github_openapi import Description


@pytest.fixture
def hub(github: FakeGitHub) -> Repo:
    return github.add_repo("acme/app", {"dev": "write"})


@pytest.fixture
def headers(github: FakeGitHub, hub: Repo) -> dict[str, str]:
    return {"Authorization": f"token {github.add_token('dev', scopes=('repo',))}", "Connection": "close"}


def recorded(scenario: str) -> list[dict[str, Any]]:
    """The exchanges that GitHub's own SDK team recorded."""
    member = f"scenarios/api.github.com/{scenario}/normalized-fixture.json"
    found = fetch(os.environ.get("HONK_TEST_TOOLS"), FIXTURES, member)
    if isinstance(found, str):
        pytest.skip(found)
    exchanges: list[dict[str, Any]] = json.loads(found.read_text())
    return exchanges


def shape(body: Any) -> Any:
    """Names and types of a body, its "status" aside: GitHub added that after the recordings."""
    if isinstance(body, dict):
        return {name: shape(value) for name, value in body.items() if name != "status"}
    return [shape(item) for item in body] if isinstance(body, list) else type(body).__name__


def test_every_exchange_of_these_tests_is_judged_by_githubs_description(
    description: Description | str,
) -> None:
    if isinstance(description, str):
        pytest.skip(f"exchanges were not judged: {description}")
    assert isinstance(description, Description)


def test_the_judge_finds_what_is_wrong(
    github: FakeGitHub, hub: Repo, headers: dict[str, str], description: Description | str
) -> None:
    if isinstance(description, str):
        pytest.skip(description)
    requests.get(f"{github.url}/repos/acme/app", headers=headers, timeout=10)
    good = github.journal[-1]
    assert not list(description.violations(good))
    spoiled = [
        dataclasses.replace(good, response={**good.response, "default_branch": None}),
        dataclasses.replace(good, response={"message": "hello"}),
        dataclasses.replace(good, status=418),
        dataclasses.replace(good, query={"colour": ["red"]}),
        dataclasses.replace(good, path="/no/such/path"),
        dataclasses.replace(good, method="POST", path="/repos/acme/app/pulls", body={"title": 1}),
        dataclasses.replace(good, method="POST", path="/repos/acme/app/forks", body={"nom": "x"}, status=202),
    ]
    for exchange in spoiled:
        assert list(description.violations(exchange)), exchange


@pytest.mark.parametrize(("index", "method"), [(1, "GET"), (3, "PATCH")])
def test_a_renamed_repository_redirects_as_recorded(
    github: FakeGitHub, hub: Repo, headers: dict[str, str], index: int, method: str
) -> None:
    real = recorded("rename-repository")[index]
    github.rename(hub, "acme/new")
    answer = requests.request(
        method, f"{github.url}/repos/acme/app", headers=headers, timeout=10, allow_redirects=False
    )
    assert answer.status_code == real["status"]
    assert shape(answer.json()) == shape(real["response"])
    assert answer.json()["message"] == real["response"]["message"]
    assert re.fullmatch(r".*/repositories/\d+", answer.headers["Location"])
    assert re.fullmatch(r".*/repositories/\d+", real["headers"]["location"])


def test_a_validation_error_has_the_recorded_shape(
    github: FakeGitHub, hub: Repo, headers: dict[str, str]
) -> None:
    real = recorded("errors")[0]
    hub.commit("main", "one\n")
    body = {"title": "t", "head": "no-such-branch", "base": "main"}
    answer = requests.post(f"{github.url}/repos/acme/app/pulls", json=body, headers=headers, timeout=10)
    assert answer.status_code == real["status"]
    assert shape(answer.json()) == shape(real["response"])
    assert answer.json()["message"] == real["response"]["message"]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5])
def test_pages_are_linked_as_recorded(
    github: FakeGitHub, hub: Repo, headers: dict[str, str], page: int
) -> None:
    real = recorded("paginate-issues")[page - 1]
    base = hub.commit("main", "one\n")
    for number in range(13):
        hub.commit(f"b{number}", f"{number}\n", parent=base)
        body = {"title": "t", "head": f"b{number}", "base": "main"}
        requests.post(f"{github.url}/repos/acme/app/pulls", json=body, headers=headers, timeout=10)
    parameters = {"per_page": 3} | ({"page": page} if page > 1 else {})
    answer = requests.get(
        f"{github.url}/repos/acme/app/pulls", params=parameters, headers=headers, timeout=10
    )

    def links(header: str) -> list[tuple[str, str]]:
        return re.findall(r'<[^>]*\?(per_page=3&page=\d)>; rel="(\w+)"', header)

    assert links(answer.headers["Link"]) == links(real["headers"]["link"]) != []


def test_a_draft_and_a_duplicate_are_refused_as_github_refuses_them(
    github: FakeGitHub, hub: Repo, headers: dict[str, str]
) -> None:
    hub.commit("topic", "two\n", parent=hub.commit("main", "one\n"))
    url = f"{github.url}/repos/acme/app/pulls"
    body = {"title": "t", "head": "topic", "base": "main", "draft": True}
    hub.drafts = False
    refused = requests.post(url, json=body, headers=headers, timeout=10)
    assert (refused.status_code, "not supported" in refused.json()["message"]) == (422, True)
    hub.drafts = True
    assert requests.post(url, json=body, headers=headers, timeout=10).status_code == 201
    again = requests.post(url, json=body, headers=headers, timeout=10)
    assert again.json()["errors"][0]["message"] == "A pull request already exists for acme:topic."
