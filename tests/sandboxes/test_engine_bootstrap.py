"""scripts/bootstrap.sh: quick when nothing is to do, plain when it may not install."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bootstrap.sh"
TOOLS = ("sh", "dirname", "cat", "cksum", "id", "git", "mktemp")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project with the script, and a ``bin`` folder that holds no Python."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": str(checkout / "bin"), "HOME": str(checkout), "HONK_NO_INSTALL": "1"}
    command = ["sh", "scripts/bootstrap.sh"]
    return subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)


def test_nothing_is_done_while_project_file_and_script_are_unchanged(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho called; exit 1\n")
    python.chmod(0o755)
    both = b"[project]\n" + (checkout / "scripts" / "bootstrap.sh").read_bytes()
    want = subprocess.run(["cksum"], input=both, capture_output=True, check=True).stdout
    (checkout / ".venv" / ".honk-bootstrap").write_bytes(want)
    done = run(checkout)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_python_and_without_leave_to_install_it_says_what_to_install(checkout: Path) -> None:
    done = run(checkout)
    assert done.returncode == 1
    assert "HONK_NO_INSTALL is set" in done.stderr and "apt-get install python3 python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()
