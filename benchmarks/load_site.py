"""The service of `load.py`: its processes, its neighbours, and what its database says."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clients import Bench, cpu_of, service

from honk import settings as settings_module
from honk.core.events import Event, Instructed, ModelReplied, RunEnded, RunResumed, ToolReturned
from honk.core.messages import AssistantMessage, Completion, StopReason, Text, ToolCall, ToolResult, Usage
from honk.core.types import RepoRef, Request
from honk.queue.engine import RunQueue, queue_url
from honk.queue.worker import Worker
from honk.sandboxes.docker import SCOPE_LABEL
from honk.settings import Settings
from honk.testing.github import FakeGitHub
from honk.testing.memory_stores import MemoryStore
from honk.testing.slack import FakeSlack
from honk.wiring import Stores, enlist, open_stores
from honk.wiring.sandboxes import Engine

CHANGE = "printf hello-{k} > greeting.txt"
CHANNEL = "C0GENERAL1"


@dataclass
class Site:
    """``fences`` are those of runs whose logs the benchmark itself writes."""

    root: Path
    origin: Path
    environment: dict[str, str]
    settings: Settings
    stores: Stores
    slack: FakeSlack
    github_secret: str
    stack: ExitStack
    url: str = ""
    token: str = ""
    server: int = 0  # its process
    chromium: str = field(default_factory=lambda: shutil.which("chromium") or "")
    fences: dict[str, tuple[int, int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    # ---- processes ----------------------------------------------------------------------

    def start(self, *words: str) -> tuple[subprocess.Popen[bytes], Path]:
        log = self.root / f"{words[0]}-{time.monotonic_ns()}.log"
        with log.open("wb") as to:
            argv = [sys.executable, "-m", "honk", *words, "--config", str(self.root / "honk.toml")]
            process = subprocess.Popen(
                argv, env=self.environment, cwd=self.root, stdin=subprocess.DEVNULL, stdout=to, stderr=to
            )
        self.stack.callback(self.stop, process)
        return process, log

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def worker(self) -> subprocess.Popen[bytes]:
        process, log = self.start("worker")
        said(log, r"Working on up to", process)
        return process

    def serve(self) -> None:
        process, log = self.start("serve", "--workers", "0", "--port", "0")
        self.server = process.pid
        self.url = said(log, r"honk is at (http://[^\s\"]+?)/?[\"\n]", process)
        self.token = (self.root / "home" / "admin-token").read_text().strip()

    # ---- requests -----------------------------------------------------------------------

    def order(self, key: str) -> str:
        """Queue a trivial run; its id."""
        body = {
            "request": f"say hello for {key}",
            "repo": str(self.origin),
            "verify": ["true"],
            "judge": "off",
        }
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        asked = urllib.request.Request(f"{self.url}/api/v1/runs", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return str(json.load(answer)["run_id"])

    # ---- logs that the benchmark writes -------------------------------------------------

    def watched(self, text: str, events: int = 0) -> str:
        """A run that nobody works on but this benchmark, with ``events`` more in its log."""
        repo = RepoRef(forge="local", name=str(self.origin), url=self.origin.as_uri())
        run_id = enlist(self.stores, Request(text=text, repo=repo, model="anthropic:claude-sonnet-5-5"))
        self.fences[run_id] = (self.stores.leases.claim(run_id, self.stores.owner), 1)
        for number in range(events // 2):
            for event in turn(number):
                self.append(run_id, event)
        return run_id

    def append(self, run_id: str, event: Event) -> None:
        with self.lock:
            fence, seq = self.fences[run_id]
            self.stores.events.append(run_id, event, seq=seq + 1, fence=fence)
            self.fences[run_id] = (fence, seq + 1)

    def line(self, run_id: str, words: str) -> None:
        self.append(run_id, Instructed(origin="human", text=words))

    # ---- what there is ------------------------------------------------------------------

    def ended(self) -> int:
        return sum(head.kind == "run_ended" for head in self.stores.events.heads())

    def taken(self, run_id: str) -> int:
        """How often a worker took up the run."""
        return sum(isinstance(r.event, RunResumed) for r in self.stores.events.read(run_id))

    def holds(self, pid: int) -> bool:
        """Whether the process has a run in hand, some turns into it or not."""
        from sqlalchemy import select

        from honk.stores.schema import runs

        with self.stores.database.single() as connection:
            owners = list(connection.scalars(select(runs.c.owner).where(runs.c.owner.is_not(None))))
        return any(re.search(rf"\b{pid}\b", owner) for owner in owners)

    def branches(self) -> list[str]:
        git = ["git", "-C", str(self.origin), "for-each-ref", "--format=%(refname)", "refs/heads/honk/"]
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout.split()

    def sweep(self) -> None:
        """Remove what a worker that was killed left in Docker. Nobody works on anything any more."""
        if not list(self.root.glob("worker-*.log")):
            return  # nobody ever did: the page alone needs no Docker
        with closing(Engine(self.settings.model_copy(update={"no_install": True}), print)) as engine:
            engine.sweep(MemoryStore())

    def containers(self) -> list[str]:
        label = f"label={SCOPE_LABEL}={Engine(self.settings, print).scope}"
        docker = ["docker", "ps", "-aq", "--filter", label]
        return subprocess.run(docker, check=True, capture_output=True, text=True).stdout.split()


def said(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    """The first group of ``pattern`` (or all of it) once the log has it."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if found := re.search(pattern, log.read_text()):
            return found[found.re.groups]
        if process.poll() is not None:
            raise SystemExit(f"{log}: ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
    raise SystemExit(f"{log}: {pattern} did not come")


def turn(number: int) -> tuple[Event, Event]:
    """A turn of a model that called its shell, and the answer."""
    call = ToolCall(id=f"c{number}", name="bash", arguments=json.dumps({"command": f"make step-{number}"}))
    message = AssistantMessage(provider="anthropic", parts=(Text(text=f"Step {number}."), call))
    usage = Usage(input_tokens=900, output_tokens=120)
    completion = Completion(message=message, stop=StopReason.TOOL_USE, usage=usage, model="scripted")
    text = "\n".join(f"\x1b[32mok\x1b[0m line {line} of {number}" for line in range(60))
    return (
        ModelReplied(purpose="work", completion=completion, cost_usd=0.01, seconds=1),
        ToolReturned(result=ToolResult(call_id=call.id, name="bash", text=text), seconds=0.2),
    )


@contextmanager
def open_site(bench: Bench, root: Path, origin: Path, database: str | None) -> Iterator[Site]:
    with ExitStack() as stack:
        url, _ = stack.enter_context(service(1, CHANGE))
        slack = stack.enter_context(FakeSlack())
        github = stack.enter_context(FakeGitHub(root / "github"))
        github.add_repo("acme/app", {"ada": "write"})
        config = root / "honk.toml"
        config.write_text(
            f'[server]\nrepositories = ["/**", "acme/*"]\n[slack]\napi_url = "{slack.api_url}"\n'
            f'channels.{CHANNEL} = "{origin}"\n'
        )
        (sockets := root / "tmp").mkdir()  # where a killed worker leaves the folder of its package proxy
        secret = "a secret of sixteen or more"
        environment = bench.environment(
            HONK_HOME=str(root / "home"), TMPDIR=str(sockets), ANTHROPIC_API_KEY="none",
            ANTHROPIC_BASE_URL=url, GITHUB_API_URL=github.url, GITHUB_TOKEN=github.add_token("ada"),
            HONK_GITHUB_WEBHOOK_SECRET=secret, SLACK_BOT_TOKEN=slack.token,
            SLACK_SIGNING_SECRET=slack.secret, **({"HONK_DATABASE_URL": database} if database else {}),
        )  # fmt: skip
        settings = settings_module.load(config, environment)
        stores = stack.enter_context(open_stores(settings))
        site = Site(root, origin, environment, settings, stores, slack, secret, stack)
        stack.callback(site.sweep)
        site.serve()
        yield site


def trivial_run(site: Site, worker: subprocess.Popen[bytes], count: int) -> tuple[float, float]:
    """Seconds of wall clock and of CPU (git's included) of one run in a worker that has done one
    before and does one after the other."""

    def through(names: list[str]) -> None:
        for name in names:
            before, end = site.ended(), time.monotonic() + 120
            site.order(name)
            while site.ended() == before:
                if time.monotonic() > end or worker.poll() is not None:
                    raise SystemExit("a trivial run did not end")
                time.sleep(0.1)

    through(["first"])
    before, known = cpu_of(worker.pid), set(site.stores.events.runs())
    through([f"trivial-{n}" for n in range(count)])
    new = [run_id for run_id in site.stores.events.runs() if run_id not in known]
    ends = [r.event.seconds for i in new for r in site.stores.events.read(i) if isinstance(r.event, RunEnded)]
    return statistics.median(ends), (cpu_of(worker.pid) - before) / count


def empty_items(count: int, folder: Path) -> float:
    """Seconds of CPU of an item that is put, taken and finished, and does nothing."""
    url, left, done = queue_url("sqlite:///", folder), count, threading.Event()
    lock = threading.Lock()

    def execute(run_id: str, seq: int, cancel: object) -> None:
        nonlocal left
        with lock:
            left -= 1
            if left == 0:
                done.set()

    worker = Worker(
        url, worker_id=f"load-{os.getpid()}", at_once=2, execute=execute, leases=MemoryStore(), note=print,
        orphan_seconds=40,
    )  # fmt: skip
    with RunQueue(url) as queue, worker:
        before = time.process_time()
        for number in range(count):
            queue.put(f"{number:010x}", 1)
        if not done.wait(60 + count):
            raise SystemExit("the queue did not pass its items on")
        return (time.process_time() - before) / count
