"""honk as a service: a process of its own, spoken to over HTTP; see tests/e2e/installed.py."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from honk.core.events import Event
from honk.runs.run import Run
from honk.wiring import Stores
from tests.e2e.conftest import description, hub, install
from tests.e2e.installed import Installed, Started, until

__all__ = ["description", "hub", "install"]  # fixtures here, too


def record(stores: Stores, run_id: str, *new: Event) -> None:
    """Let a run go on that nobody works on."""
    fence = stores.leases.claim(run_id, "test")
    run = Run(run_id, stores.events, fence, stores.events.read(run_id))
    for event in new:
        run.record(event)
    stores.leases.release(run_id, fence)


def play(story: Coroutine[Any, Any, None]) -> None:
    """In a thread: Playwright, in other tests of this process, leaves a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, story).result()


@dataclass
class Served:
    """A running `honk serve`. ``http`` carries the admin's token."""

    honk: Installed
    started: Started
    url: str
    http: httpx2.Client

    def token(self, name: str, role: str) -> dict[str, str]:
        """Headers with a new token."""
        token = self.honk.honk("token", name, "--role", role).out.strip()
        return {"Authorization": f"Bearer {token}"}

    def order(self, repo: Path | str, **more: Any) -> httpx2.Response:
        headers = more.pop("headers", {})
        body = {"request": "say hello", "repo": str(repo), **more}
        return self.http.post("/api/v1/runs", json=body, headers=headers)

    def status(self, run_id: str, wanted: str) -> None:
        """Wait until the run has this status."""
        path = f"/api/v1/runs/{run_id}"
        until(lambda: True if self.http.get(path).json()["status"] == wanted else None)

    def ended(self, run_id: str) -> dict[str, Any]:
        """The result of a run, once it has ended."""

        def look() -> httpx2.Response | None:
            found = self.http.get(f"/api/v1/runs/{run_id}/result")
            return found if found.status_code == 200 else None

        result: dict[str, Any] = until(look).json()
        return result


def serve(honk: Installed, *options: str, repositories: str = "/**", more: str = "") -> Served:
    """Start the service; it may be asked for any repository of this machine. ``more`` is added to
    its honk.toml."""
    config = Path(honk.env["XDG_CONFIG_HOME"]) / "honk" / "honk.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f'[server]\nrepositories = ["{repositories}"]\norphan_seconds = 1\n{more}')
    started = honk.start("serve", "--port", "0", *options)

    def address() -> str | None:
        said = started.err.read_text()
        assert started.process.poll() is None, said
        found = re.search(r"honk is at (http://[^\s\"]+?)/?[\"\n]", said)
        return found[1] if found else None

    url = until(address)
    token = (Path(honk.env["HONK_HOME"]) / "admin-token").read_text().strip()
    http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    honk.stack.callback(http.close)
    return Served(honk, started, url, http)


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
