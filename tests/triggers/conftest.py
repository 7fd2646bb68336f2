"""Payloads of GitHub's webhooks, as GitHub's own examples have them."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from honk.testing.github_assets import PAYLOAD_SCHEMAS, PAYLOADS, fetch

Example = tuple[str, dict[str, Any]]


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Every example: the event's name, and the payload."""
    found = fetch(os.environ.get("HONK_TEST_TOOLS"), PAYLOADS, "api.github.com/index.json")
    if isinstance(found, str):
        pytest.skip(found)
    return [(event["name"], e) for event in json.loads(found.read_text()) for e in event["examples"]]


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    """The JSON Schema of all payloads."""
    found = fetch(os.environ.get("HONK_TEST_TOOLS"), PAYLOAD_SCHEMAS, "schema.json")
    if isinstance(found, str):
        pytest.skip(found)
    loaded: dict[str, Any] = json.loads(found.read_text())
    return loaded
