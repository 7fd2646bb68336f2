"""honk as people run it: a process of its own, with its own HONK_HOME, in real Docker.

Only the model is ours: a scripted service of the test's process, behind the real SDK.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import docker

from honk import settings as settings_module
from honk.core.events import Recorded
from honk.core.state import fold
from honk.core.types import RunResult
from honk.sandboxes.docker import ROLE_LABEL, SCOPE_LABEL
from honk.settings import Settings
from honk.testing.scripted import ScriptedModel, Step
from honk.wiring import open_stores
from honk.wiring.sandboxes import Engine
from tests.world import APPROVE, FILES, git, make_origin

T = TypeVar("T")
CHECKOUT = Path(__file__).resolve().parents[2]

SECONDS = 150
"""Nothing that is tested here takes longer; a process that does is killed and fails its test."""


@dataclass(frozen=True)
class Done:
    """An ended process."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> RunResult:
        """The one object of ``--json``."""
        return RunResult.model_validate_json(self.out)


@dataclass
class Started:
    """A running `honk`. Its streams are files, so that nothing blocks and all can be read later."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def end(self, seconds: float = SECONDS) -> Done:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"honk hangs:\n{self.err.read_text()}") from None
        return Done(code, self.out.read_text(), self.err.read_text())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@dataclass
class Installed:
    """One HONK_HOME and one model service; ``env`` may be changed before a command."""

    root: Path
    service: ScriptedModel
    stack: ExitStack
    env: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @property
    def settings(self) -> Settings:
        return settings_module.load(environ=self.env)

    def start(
        self, *arguments: str, cwd: Path | None = None, stdin: str = "", program: Sequence[str] | None = None
    ) -> Started:
        self.count += 1
        out, err = self.root / f"out{self.count}", self.root / f"err{self.count}"
        given = self.root / f"in{self.count}"
        given.write_bytes(stdin.encode("utf-8", "surrogateescape"))
        with out.open("wb") as to, err.open("wb") as errors, given.open("rb") as words:
            process = subprocess.Popen(
                [*(program or (sys.executable, "-m", "honk")), *arguments],
                cwd=cwd or self.root,
                env=self.env,
                stdin=words,
                stdout=to,
                stderr=errors,
            )
        self.stack.callback(_kill, process)
        return Started(process, out, err)

    def honk(
        self, *arguments: str, cwd: Path | None = None, stdin: str = "", seconds: float = SECONDS
    ) -> Done:
        """Run `honk` to its end."""
        return self.start(*arguments, cwd=cwd, stdin=stdin).end(seconds)

    def run_id(self) -> str:
        """Id of the newest run."""
        with open_stores(self.settings) as stores:
            return stores.events.runs()[0]

    def log(self, run_id: str | None = None) -> list[Recorded]:
        with open_stores(self.settings) as stores:
            return stores.events.read(run_id or stores.events.runs()[0])

    @property
    def scope(self) -> str:
        return Engine(self.settings, print).scope

    def turns(self, count: int) -> str | None:
        """Id of the newest run once its model has replied ``count`` times."""
        if not (Path(self.env["HONK_HOME"]) / "honk.sqlite").exists():
            return None
        with open_stores(self.settings) as stores:
            found = stores.events.runs()
            state = fold(stores.events.read(found[0])) if found else None
        return found[0] if state is not None and state.turns >= count else None

    def leftovers(self) -> list[str]:
        """Containers and volumes of this HONK_HOME that are still there."""
        filters = {"label": f"{SCOPE_LABEL}={self.scope}"}
        with docker_client() as client:
            containers = [c.name or "" for c in client.containers.list(all=True, filters=filters)]
            return containers + [v.name for v in client.volumes.list(filters=filters)]

    def container(self, role: str = "work") -> str | None:
        """Id of a running container of this HONK_HOME."""
        labels = [f"{SCOPE_LABEL}={self.scope}", f"{ROLE_LABEL}={role}"]
        with docker_client() as client:
            found = client.containers.list(filters={"label": labels})
            return found[0].id if found else None


def make_repo(folder: Path, files: dict[str, str] = FILES) -> Path:
    """A bare repository without an origin of its own: the local forge."""
    origin = make_origin(folder, files)
    git(origin, "remote", "remove", "origin")
    return origin


@contextlib.contextmanager
def docker_client() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    try:
        yield client
    finally:
        client.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


class Installer:
    """Makes installations; each has a folder of its own."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root = root
        self._stack = stack
        self._count = 0

    def __call__(self, turns: Sequence[Step] = (), judge: Sequence[Step] = (APPROVE,)) -> Installed:
        self._count += 1
        root = self._root / f"i{self._count}"
        root.mkdir()
        service = self._stack.enter_context(ScriptedModel(turns, judge))
        machine = ("PATH", "TMPDIR", "LANG", "DOCKER_HOST")
        kept = (*machine, "PIP_CONFIG_FILE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        env = {name: os.environ[name] for name in kept if name in os.environ}
        env |= {
            "HOME": str(root),
            "HONK_HOME": str(root / "home"),
            "ANTHROPIC_API_KEY": "key-of-the-test",
            "ANTHROPIC_BASE_URL": service.url,
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "XDG_CONFIG_HOME": str(root / "config"),
        }
        return Installed(root, service, self._stack, env)


def until(look: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """What ``look`` gives once it gives something: for what another process does."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        pause.wait(0.2)
    raise AssertionError("it did not happen in time")
