"""What the tests share: the stock sandbox image, the tools' folder, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from honk import settings as settings_module
from honk.core.cancel import Cancel
from honk.core.errors import HonkError
from honk.wiring.sandboxes import Engine

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def _browser() -> None:
    """Debian's chromium for the tests of the pages, which are skipped where it cannot be installed."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    why = "HONK_NO_INSTALL is set" if os.environ.get("HONK_NO_INSTALL") else ""
    why = why or ("" if shutil.which("apt-get") else "there is no apt-get")
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        if not why:
            command = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *step]
            done = subprocess.run(command, capture_output=True, text=True)
            why = (done.stderr.strip() or "apt-get failed").splitlines()[-1] if done.returncode else ""
    skipped = f"The tests of the pages are skipped, for want of chromium: {why}. Install it to run them."
    print(skipped if why else "Installed chromium.")


def main() -> int:
    Path(os.environ["HONK_TEST_TOOLS"]).mkdir(parents=True, exist_ok=True)
    _browser()
    engine = Engine(settings_module.load(), lambda line: print(line, flush=True))
    try:
        print(f"Sandbox image: {engine.companion(Cancel())}")
    except HonkError as error:
        print(f"The tests need a sandbox image. {error}", file=sys.stderr)
        return 40
    finally:
        engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
