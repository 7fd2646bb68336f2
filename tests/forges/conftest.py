"""A fake GitHub whose every exchange is held to GitHub's own OpenAPI description."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from honk.forges.api import App
from honk.forges.github import GitHubForge
from honk.testing.github import FakeGitHub
from honk.testing.github_openapi import Description, load_description


@pytest.fixture(scope="session")
def description() -> Description | str:
    """GitHub's OpenAPI description, or why it cannot be had."""
    return load_description(os.environ.get("HONK_TEST_TOOLS"))


@pytest.fixture
def github(tmp_path: Path, description: Description | str) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "hub") as fake:
        yield fake
    if isinstance(description, Description):
        violations = [v for exchange in fake.journal for v in description.violations(exchange)]
        assert not violations, "\n".join(violations)


OpenForge = Callable[..., GitHubForge]


@pytest.fixture
def open_forge(github: FakeGitHub) -> Iterator[OpenForge]:
    """Opens a forge over the fake; it does not sleep where it would wait."""
    opened: list[GitHubForge] = []

    def open_one(token: str | None = None, app: App | None = None, **options: object) -> GitHubForge:
        forge = GitHubForge(github.url, token=token, app=app, pace=0, **({"wait": lambda _: None} | options))
        opened.append(forge)
        return forge

    yield open_one
    for forge in opened:
        forge.close()
