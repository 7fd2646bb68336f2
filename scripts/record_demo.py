"""Record the demo's session anew: examples/bump-logging-lib/session.jsonl.

A scripted service speaks Anthropic's wire format, honk works with it as with any model,
and --record writes what went over the wire. Needs Docker.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from honk.testing.scripted import ScriptedModel

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "bump-logging-lib"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    session, make_repo = _load("session"), _load("make_repo")
    target = EXAMPLE / "session.jsonl"
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_repo.create(root / "orders.git")
        config = root / "honk.toml"
        config.write_text(f'[[registries]]\nkind = "pypi"\nurl = "{EXAMPLE / "registry"}"\n')
        with ScriptedModel(session.TURNS, session.JUDGE) as service:
            env = {
                **os.environ,
                "HONK_HOME": str(root / "home"),
                "ANTHROPIC_API_KEY": "scripted",
                "ANTHROPIC_BASE_URL": service.url,
            }
            command = [sys.executable, "-m", "honk", session.REQUEST, "--repo", str(root / "orders.git")]
            command += ["--config", str(config), "--record", str(target), "--dry-run"]
            return subprocess.run(command, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
