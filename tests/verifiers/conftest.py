"""Where the corpora are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def errorformat() -> Path:
    root = os.environ.get("HONK_CORPORA")
    if not root or not (Path(root) / "errorformat").is_dir():
        pytest.skip("HONK_CORPORA names no folder with the errorformat logs")
    return Path(root) / "errorformat"
