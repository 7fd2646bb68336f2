"""What a check is given so that the tools in it write their results where honk finds them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from honk.verifiers.reports import asking

PASSED_ON = (
    "testenv.pass_env+=PYTEST_ADDOPTS;env_run_base.pass_env+=PYTEST_ADDOPTS;"
    "tool.tox.env_run_base.pass_env+=PYTEST_ADDOPTS"
)


@pytest.mark.parametrize(
    ("own", "told"), [({}, PASSED_ON), ({"TOX_OVERRIDE": "testenv.x=1"}, f"testenv.x=1;{PASSED_ON}")]
)
def test_tox_passes_on_what_asks_pytest(own: dict[str, str], told: str, tmp_path: Path) -> None:
    line = asking(f"{tmp_path}/reports") + 'echo "$TOX_OVERRIDE"'
    done = subprocess.run(["sh", "-c", line], env={"PATH": "/usr/bin:/bin", **own}, capture_output=True)
    assert (done.returncode, done.stdout.decode().strip()) == (0, told)
