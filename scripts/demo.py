"""`make demo`: the change request "bump logging lib" becomes a verified pull request here.

With ANTHROPIC_API_KEY or OPENAI_API_KEY set a real model does it. Without one a recorded
session is played through the same adapter over HTTP; the output says so.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

from honk import settings as settings_module

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "bump-logging-lib"
REQUEST = "bump logging lib"


def _make_repo(path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_repo", EXAMPLE / "make_repo.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.create(path)


def _prepare(home: Path) -> tuple[Path, Path]:
    """The demo's origin and settings under HONK_HOME; made once."""
    folder = home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    origin, config = folder / "orders.git", folder / "honk.toml"
    if not origin.exists():
        _make_repo(origin)
    registry = str(EXAMPLE / "registry").replace("\\", "\\\\").replace('"', '\\"')
    config.write_text(f'[[registries]]\nkind = "pypi"\nurl = "{registry}"\n')
    return origin, config


def main() -> int:
    home = settings_module.load().home
    origin, config = _prepare(home)
    environment = {**os.environ, "HONK_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    settings = settings_module.load(config, environment)  # as the run itself will see them
    command = [sys.executable, "-m", "honk", REQUEST, "--repo", str(origin), "--config", str(config)]
    real = bool(settings.model or settings.anthropic_api_key or settings.openai_api_key)
    if not real:
        print("No model key is set: a RECORDED session is played back through the same adapter.")
        print("With ANTHROPIC_API_KEY or OPENAI_API_KEY set, `make demo` lets a model do the work.\n")
        command += ["--model", f"replay:{EXAMPLE / 'session.jsonl'}"]
    began = time.monotonic()
    print(f'$ honk "{REQUEST}" --repo {origin}', flush=True)
    code = subprocess.run(command, env=environment).returncode
    if code != 0:
        return code
    look = [sys.executable, "-m", "honk"]
    listed = subprocess.run(
        [*look, "runs", "-n", "1"], check=True, capture_output=True, text=True, env=environment
    )
    run_id = listed.stdout.split()[0]
    print(f"\n$ honk show {run_id}", flush=True)
    subprocess.run([*look, "show", run_id], check=True, env=environment)
    print(f"\nThe commands above are here as {Path(sys.executable).with_name('honk')}.")
    print(f"Done in {time.monotonic() - began:.0f} s" + ("." if real else " (a replayed session)."))
    return 0


if __name__ == "__main__":
    sys.exit(main())
