"""The versions of a lock file reach pip. The one of uv was made by uv 0.9 and made shorter."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from honk.verifiers.detection import detect

UV = """\
version = 1
requires-python = ">=3.11"
resolution-markers = [
    "python_full_version >= '3.12'",
    "python_full_version < '3.12'",
]

[[package]]
name = "app"
version = "1.0"
source = { virtual = "." }
dependencies = [
    { name = "iniconfig" },
    { name = "numpy", version = "2.2.6", source = { registry = "https://index.example/simple" }, marker = "python_full_version < '3.12'" },
]

[[package]]
name = "iniconfig"
version = "2.0.0"
source = { registry = "https://index.example/simple" }
sdist = { url = "https://index.example/iniconfig-2.0.0.tar.gz", hash = "sha256:2d", size = 4646 }

[[package]]
name = "lib"
version = "0.1"
source = { directory = "lib" }

[[package]]
name = "numpy"
version = "2.2.6"
source = { registry = "https://index.example/simple" }

[[package]]
name = "numpy"
version = "2.5.5"
source = { registry = "https://index.example/simple" }
"""  # noqa: E501
POETRY = """\
[[package]]
name = "iniconfig"
version = "2.0.0"
files = [{file = "iniconfig-2.0.0-py3-none-any.whl", hash = "sha256:b6"}]

[[package]]
name = "ours"
version = "3.1"

[package.source]
type = "legacy"
url = "https://index.example/simple"
reference = "ours"

[[package]]
name = "forked"
version = "1.0.dev0"

[package.source]
type = "git"
url = "https://git.example/forked.git"
reference = "main"

[metadata]
lock-version = "2.0"
"""
PDM = """\
[metadata]
lock_version = "4.5.0"

[[package]]
name = "iniconfig"
version = "2.0.0"
groups = ["default"]

[[package]]
name = "local"
version = "0.1"
path = "./local"
"""
PROJECT = "[project]\nname='app'\nversion='1'\ndependencies=['iniconfig']\n"


def setup(files: Mapping[str, str]) -> tuple[list[str], str]:
    """The setup commands of ``files`` and the reasons for them."""
    files = {"test_x.py": "import pytest", "pyproject.toml": PROJECT, **files}
    found = detect({path: path for path in files}, lambda path: files[path].encode())
    return list(found.setup), "\n".join(found.reasons)


@pytest.mark.parametrize(
    ("name", "text", "versions"),
    [
        ("uv.lock", UV, ["iniconfig==2.0.0"]),
        ("poetry.lock", POETRY, ["iniconfig==2.0.0", "ours==3.1"]),
        ("pdm.lock", PDM, ["iniconfig==2.0.0"]),
    ],
)
def test_versions_of_registries_are_read(tmp_path: Path, name: str, text: str, versions: list[str]) -> None:
    [line], reasons = setup({name: text})
    assert f"in the versions of {name}" in reasons
    (tmp_path / name).write_text(text)
    read, _, rest = line.partition(" >/tmp/locked.txt ")
    done = subprocess.run(["sh", "-c", read], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == versions
    plain = "python3 -m pip install -e ."
    assert rest == f"&& python3 -m pip install -c /tmp/locked.txt -e . || {plain}"


def test_a_package_of_a_workspace_has_the_lock_of_its_root() -> None:
    root = {
        "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n",
        "uv.lock": UV,
        "packages/a/pyproject.toml": PROJECT,
        "packages/a/test_a.py": "import pytest",
    }
    assert " ../../uv.lock >/tmp/locked.txt" in setup(root)[0][-1]
    apart = {**root, "poetry.lock": POETRY}
    del apart["uv.lock"]
    assert "locked.txt" not in setup(apart)[0][-1]


def test_without_a_lock_pip_is_told_nothing() -> None:
    assert setup({"Pipfile.lock": "{}"})[0] == ["python3 -m pip install -e ."]
