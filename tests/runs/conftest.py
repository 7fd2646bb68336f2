"""The world of the pipeline's tests; see tests/world.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest

from honk.core.cancel import Cancel
from honk.core.operator import SandboxCeiling
from honk.sandboxes.docker import DockerSandboxes
from honk.sandboxes.sweep import sweep
from honk.wiring.sandboxes import Engine
from tests.world import World, Worlds


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with ExitStack() as stack:
        yield Worlds(tmp_path, stack)


@pytest.fixture
def in_docker(tmp_path: Path) -> Iterator[Callable[[World], None]]:
    """Lets a world's runs happen in real containers, of the stock image."""
    client = docker.from_env()
    scope = f"test-{tmp_path.parent.name}-{tmp_path.name}"

    def settle(world: World) -> None:
        engine = Engine(world.settings, print)
        try:
            world.image = engine.companion(Cancel())
        finally:
            engine.close()
        ceiling = SandboxCeiling(memory=1 << 30, pids=512)
        world.open_sandbox = DockerSandboxes(client, ceiling, world.image, scope).open

    try:
        yield settle
        assert sweep(client, scope, lambda run: False) == 0
    finally:
        client.close()


@pytest.fixture(autouse=True)
def plain_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that are pytest start without the plugins of this suite, which take seconds."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
