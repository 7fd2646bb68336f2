"""The wheel: prompts, sandbox and migrations are found when it is installed elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CODE = """
import honk, json
from honk import resources
from honk.prompts import render
from honk.stores.database import Database
from pathlib import Path
Database("sqlite:///" + str(Path("honk.sqlite").absolute())).close()
print(json.dumps({
    "honk": honk.__file__,
    "prompts": str(resources.folder("prompts")),
    "seccomp": (resources.folder("sandbox") / "seccomp.json").is_file(),
    "companion": (resources.folder("sandbox") / "companion" / "companion.py").is_file(),
    "recipe": (resources.folder("sandbox") / "Dockerfile").is_file(),
    "page": [(Path(honk.__file__).parent / "server" / name).is_file() for name in (
        "templates/run.html", "static/honk.css", "static/honk.js", "static/vendor/htmx-2.0.11.min.js",
        "static/vendor/htmx-LICENSE.txt")],
    "prompt": render("nudge.md", cut_off=False, planning=False)[:3],
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("honk-*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def test_an_installed_wheel_finds_its_data(installed: Path, tmp_path: Path) -> None:
    import json
    import os

    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["honk"].startswith(str(installed))
    assert found["prompts"].startswith(str(installed))
    assert found["prompt"] == "You"
    assert all(found["page"])
    assert found["seccomp"] and found["companion"] and found["recipe"]


def test_the_wheel_holds_no_tests_and_no_examples(installed: Path) -> None:
    tops = {path.name for path in installed.iterdir()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"honk"}


def test_the_environment_of_the_checkout_keeps_all_bytecode_to_itself() -> None:
    """One place under make and by hand: what pip compiled is found, and none is in the source tree."""
    code = "import sys, honk; print(sys.prefix); print(honk.__cached__)"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    prefix, cached = map(Path, done.stdout.splitlines())
    assert cached.is_relative_to(prefix)
