"""What all tests share: where the outside's material is, and the Docker engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

# A shell starts what it puts in the background with SIGINT ignored, and nohup does so with SIGHUP. What
# tests start would inherit that, and wait in vain to be stopped.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of data files that no one of this project wrote (HONK_CORPORA)."""
    value = os.environ.get("HONK_CORPORA")
    if not value:
        pytest.skip("HONK_CORPORA names no folder of corpora")
    return Path(value)


_SETTINGS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "GITHUB_TOKEN",
    "GITHUB_API_URL",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SLACK_APP_TOKEN",
    "HONK_HOME",
    "HONK_MODEL",
    "HONK_DATABASE_URL",
)


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may speak to a paid service or a real forge by accident."""
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A HONK_HOME of the test's own."""
    folder = tmp_path / "honk-home"
    folder.mkdir()
    yield folder
