"""A fake model service that someone else wrote: npm's @copilotkit/aimock, which speaks all wires.

It is installed once into the folder that HONK_TEST_TOOLS names, else into a cache under the
temporary folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

VERSION = "1.43.0"


def _install() -> Path:
    """The script of the server; npm runs only if it is not there yet."""
    tools = Path(os.environ.get("HONK_TEST_TOOLS") or Path(tempfile.gettempdir()) / "honk-test-tools")
    folder = tools / f"aimock-{VERSION}"
    if not folder.is_dir():
        if not (npm := shutil.which("npm")):
            pytest.skip("npm is not installed, which aimock needs")
        tools.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=tools))
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(fresh)]
        subprocess.run([*command, f"@copilotkit/aimock@{VERSION}"], check=True, capture_output=True)
        try:
            fresh.rename(folder)
        except OSError:  # another test process was faster
            shutil.rmtree(fresh)
    return folder / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"


@contextmanager
def serving(fixtures: Sequence[dict[str, Any]], folder: Path) -> Iterator[str]:
    """Run it with ``fixtures`` (aimock's own format), kept in ``folder``; gives its base URL."""
    server, file = _install(), folder / "fixtures.json"
    file.write_text(json.dumps({"fixtures": list(fixtures)}))
    command = ["node", str(server), "-p", "0", "-f", str(file), "--strict"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        try:
            found = None
            for line in running.stdout:
                if found := re.search(r"listening on (\S+)", line):
                    break
            assert found is not None
            yield found[1]
        finally:
            running.terminate()
