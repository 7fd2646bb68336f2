"""The world of the pipeline's tests; see tests/world.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.world import Worlds


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Worlds]:
    with ExitStack() as stack:
        yield Worlds(tmp_path, stack)
