"""HONK_HOME holds private code, transcripts and mirrors."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from honk.settings import load
from honk.wiring import open_stores


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_a_new_home_is_closed_to_other_users(tmp_path: Path, open_umask: None) -> None:
    home = tmp_path / "data" / "honk"
    with open_stores(load(environ={"HONK_HOME": str(home)})):
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_home_that_exists_keeps_its_mode(tmp_path: Path, open_umask: None) -> None:
    with open_stores(load(environ={"HONK_HOME": str(tmp_path)})):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    tmp_path.chmod(0o750)
    with open_stores(load(environ={"HONK_HOME": str(tmp_path)})):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750
