"""The real apply_patch as an oracle, and real doubles of shell and files."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from honk.testing.local import LocalShell, LocalWorkspace
from honk.tools.tool import ToolContext

PACKAGE = "@openai/codex@0.169.0-linux-x64"
BINARY = "vendor/x86_64-unknown-linux-musl/bin/codex"


def _unpack(tools: Path) -> Path:
    """The real binary anywhere below ``tools``, fetched with npm once. Skips where npm cannot."""
    found = next(tools.glob(f"**/{BINARY}"), None)
    if found is not None:
        return found
    home = tools / "codex-0.169.0"
    tools.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=tools, prefix="codex-") as name:
        _fetch(Path(name))
        with contextlib.suppress(OSError):  # another process was first
            Path(name, "package").rename(home)
    return home / BINARY


def _fetch(folder: Path) -> None:
    command = ["npm", "pack", "--silent", PACKAGE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot fetch {PACKAGE}: {error}")
    if done.returncode != 0:
        pytest.skip(f"npm cannot fetch {PACKAGE}: {done.stderr.strip()[-300:]}")
    with tarfile.open(folder / done.stdout.strip().splitlines()[-1]) as tar:
        tar.extract(f"package/{BINARY}", folder, filter="data")


@pytest.fixture(scope="session")
def real_apply_patch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real apply_patch: codex behaves as it when called by that name."""
    tools = os.environ.get("HONK_TEST_TOOLS")
    if not tools:
        pytest.skip("HONK_TEST_TOOLS is not set: no folder for the real apply_patch")
    link = tmp_path_factory.mktemp("oracle") / "apply_patch"
    link.symlink_to(_unpack(Path(tools)).resolve())
    return link


@pytest.fixture
def context(tmp_path: Path) -> Iterator[ToolContext]:
    """A tool context over a real shell and real files in a temporary folder."""
    folder = tmp_path / "repo"
    folder.mkdir()
    with LocalShell(folder) as shell:
        yield ToolContext(shell=shell, files=LocalWorkspace(folder), command_seconds=20)
