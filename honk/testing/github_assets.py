"""Files of npm packages that GitHub publishes about its own API, for tests only."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

OPENAPI = "@octokit/openapi@23.0.2"
FIXTURES = "@octokit/fixtures@23.1.2"
PAYLOADS = "@octokit/webhooks-examples@7.6.1"
PAYLOAD_SCHEMAS = "@octokit/webhooks-schemas@7.6.1"


def fetch(tools: str | None, package: str, member: str) -> Path | str:
    """A file of an npm package, kept in the folder ``tools``; or why it cannot be had.

    The package is fetched with ``npm pack`` unless its tarball is in the folder already.
    """
    if not tools:
        return "HONK_TEST_TOOLS names no folder for test tools"
    folder = Path(tools)
    stem, version = package.removeprefix("@").replace("/", "-").rsplit("@", 1)
    target = folder / f"{stem}-{version}" / member
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    tarball = folder / f"{stem}-{version}.tgz"
    with tempfile.TemporaryDirectory(dir=folder) as name:  # several test processes may come at once
        own = Path(name)
        if not tarball.exists():
            if shutil.which("npm") is None:
                return "npm is not installed"
            command = ["npm", "pack", "--silent", package]
            packed = subprocess.run(command, cwd=own, capture_output=True, text=True, check=False)
            if packed.returncode:
                return f"npm cannot fetch {package}: {packed.stderr[-300:]}"
            (own / tarball.name).rename(tarball)
        with tarfile.open(tarball) as archive:
            content = archive.extractfile(f"package/{member}")
            assert content is not None
            (own / "member").write_bytes(content.read())
        target.parent.mkdir(parents=True, exist_ok=True)
        (own / "member").rename(target)
    return target
