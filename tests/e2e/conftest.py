"""The whole of honk as a process; see tests/e2e/installed.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from honk.testing.github_openapi import Description, load_description
from tests.e2e.hub import Hub, open_hub
from tests.e2e.installed import Installer


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Installer]:
    """A factory of installations: ``install(turns, judge)``."""
    with ExitStack() as stack:
        yield Installer(tmp_path, stack)


@pytest.fixture(scope="session")
def description() -> Description | str:
    """GitHub's OpenAPI description, or why it cannot be had."""
    return load_description(os.environ.get("HONK_TEST_TOOLS"))


@pytest.fixture
def hub(tmp_path: Path, description: Description | str) -> Iterator[Hub]:
    """A GitHub; whatever a test did there, it is held to GitHub's description."""
    with open_hub(tmp_path) as opened:
        yield opened
    if isinstance(description, Description):
        violations = [v for exchange in opened.fake.journal for v in description.violations(exchange)]
        assert not violations, "\n".join(violations)
