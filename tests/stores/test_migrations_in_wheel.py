"""The migrations are found where honk is installed, not only in a checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import honk.stores


def test_a_copy_of_the_package_elsewhere_creates_its_database(tmp_path: Path) -> None:
    package = Path(honk.stores.__file__).parents[1]
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, tmp_path / "site" / "honk", ignore=ignored)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import honk; from honk.stores.database import Database\n"
        "Database(sys.argv[2]); print(honk.__file__)"
    )
    url = f"sqlite:///{tmp_path}/honk.sqlite"
    command = [sys.executable, "-I", "-c", code, str(tmp_path / "site"), url]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.stdout.startswith(str(tmp_path)), run.stderr
