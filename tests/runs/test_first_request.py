"""The first request stays small: it is paid for again, cached or not, in every turn."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.world import FINISH, GREET, Worlds

PLAIN = {"greet.sh": "echo bye\n", ".honk.yml": "verify:\n  greeting: test -e greet.sh\n"}
BYTES = 12_000


@pytest.mark.parametrize("wire", ["anthropic", "responses", "chat"])
def test_system_prompt_tools_and_task_fit_in_12_kilobytes(worlds: Worlds, wire: str) -> None:
    world = worlds([GREET, FINISH], files=PLAIN)
    openai = {
        "openai_base_url": f"{world.service.url}/v1",
        "openai_api_key": SecretStr("key-of-the-test"),
        "openai_wire": wire,
    }
    if wire == "anthropic":
        world.run(judge=None)
    else:
        world.settings = world.settings.model_copy(update=openai)
        world.run(model="openai:gpt-5.5", judge=None)
    first = world.service.journal[0]
    assert first.wire == wire
    assert len(first.raw) <= BYTES
