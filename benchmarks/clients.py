"""What is measured: honk, the floor, and peers; and how one of them runs against the service."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
_SAMPLE_SECONDS = 0.02  # of the CPU time that a client has spent
TASK = "Run the commands you are told to run, then stop."
# Nothing of the caller's credentials or of its Python settings may reach what is measured.
_HIDDEN = re.compile(r"ANTHROPIC|OPENAI|CLAUDE|HONK|GITHUB|PYTHONDONTWRITE|PYTHONUNBUF|PYTHONPATH")


@dataclass(frozen=True)
class Bench:
    """Where things are. ``scratch`` is kept between runs of the benchmark: caches are warm."""

    scratch: Path
    peers: Path | None
    image: str
    repeat: int

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _HIDDEN.search(name)}
        return {**kept, "HOME": str(self.scratch), "NO_COLOR": "1", "PYTHONPATH": str(ROOT), **more}


@dataclass(frozen=True)
class Timed:
    """One client's run. ``started`` and ``ended`` in seconds of the monotonic clock, ``spent`` as
    in :class:`Ended`, ``asked`` the service's records."""

    code: int
    started: float
    ended: float
    spent: list[tuple[float, float]] = field(repr=False)
    asked: list[dict[str, Any]] = field(repr=False)

    @property
    def main(self) -> list[dict[str, Any]]:
        return [asked for asked in self.asked if asked["main"]]

    @property
    def gaps(self) -> list[float]:
        """Milliseconds between an answer and the next request."""
        pairs = pairwise(self.main)
        return [(after["arrived"] - before["sent"]) * 1e3 for before, after in pairs]

    def cpu(self, at: float) -> float:
        """Seconds of CPU that the client had spent ``at`` a time, between two samples."""
        place = bisect(self.spent, (at, math.inf))
        (early, less), (late, more) = (
            self.spent[max(place - 1, 0)],
            self.spent[min(place, len(self.spent) - 1)],
        )
        return more if late <= early else less + (more - less) * (at - early) / (late - early)


@contextmanager
def service(steps: int, command: str = "echo step-{k}") -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A running service: its URL, and a list that has its records once the block is left."""
    asked: list[dict[str, Any]] = []
    argv = [sys.executable, "-E", str(HERE / "service.py"), "--steps", str(steps), "--command", command]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}", asked
        finally:
            process.stdin.close()
            asked += [json.loads(line) for line in process.stdout]


def repository(bench: Bench, name: str = "repo", files: int = 1) -> Path:
    """A repository with one commit of ``files`` small files; made once."""
    folder = bench.scratch / name
    if (folder / ".git" / "HEAD").exists():
        return folder
    for number in range(files):
        file = folder / f"d{number // 200}" / f"f{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"line {number}\n")
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@x", "-C", str(folder)]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True, env=bench.environment())
    return folder


@dataclass(frozen=True)
class Ended:
    """A process that has run to its end. ``spent`` has samples of the clock and of the seconds
    of CPU that the process and those of its children that have ended had spent by then."""

    code: int
    started: float
    ended: float
    spent: list[tuple[float, float]]


def cpu_of(pid: int) -> float:
    """User, system, and both of ended children: fields 14 to 17 of /proc/PID/stat, proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def run(argv: Sequence[str], environment: dict[str, str], folder: Path) -> Ended:
    """Run to the end."""
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        spent = [(started, 0.0)]
        # The end is looked for, but not taken: until then the process has its files in /proc.
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            time.sleep(_SAMPLE_SECONDS)
            spent.append((time.monotonic(), cpu_of(process.pid)))
        ended = time.monotonic()
        code = process.wait()
        if code not in (0, 10):
            output.seek(0)
            tail = output.read()[-2000:].decode(errors="replace")
            print(f"{argv[0]} {' '.join(argv[1:3])} ended with {code}:\n{tail}", file=sys.stderr)
    return Ended(code, started, ended, spent)


def honk(bench: Bench, base: str, repo: Path, *more: str) -> tuple[list[str], dict[str, str]]:
    """honk's own command line: sandbox, log on disk, no judge."""
    argv = [
        sys.executable, "-m", "honk", TASK, "--repo", str(repo), "--image", bench.image,
        "--model", "anthropic:claude-sonnet-5-5", "--judge", "off", "--verify", "true",
        "--max-turns", "1000", "--max-cost", "100", "--dry-run", *more,
    ]  # fmt: skip
    environment = bench.environment(
        ANTHROPIC_API_KEY="none",
        ANTHROPIC_BASE_URL=base,
        OPENAI_API_KEY="none",
        OPENAI_BASE_URL=f"{base}/v1",
        HONK_HOME=str(bench.scratch / "honk"),
    )
    return argv, environment


def floor(bench: Bench, base: str, repo: Path) -> tuple[list[str], dict[str, str]]:
    argv = [sys.executable, str(HERE / "floor.py"), "--base", base, "--image", bench.image]
    return argv, bench.environment()


def mini_docker(bench: Bench, base: str, repo: Path) -> tuple[list[str], dict[str, str]]:
    """mini-swe-agent with its Docker environment (`pip install mini-swe-agent mcp`)."""
    assert bench.peers is not None
    settings = [
        "mini.yaml", f"model.model_kwargs.api_base={base}/v1", "model.cost_tracking=ignore_errors",
        f"environment.image={bench.image}", 'environment.run_args=["--rm","--network=none"]',
    ]  # fmt: skip
    argv = [
        str(bench.peers / "mini/bin/mini"), "-y", "--exit-immediately", "-l", "0", "-t", TASK,
        "-m", "openai/scripted", "--environment-class", "docker", "-o", str(bench.scratch / "mini.json"),
    ]  # fmt: skip
    for setting in settings:
        argv += ["-c", setting]
    return argv, bench.environment(
        PYTHONPATH="",
        MSWEA_CONFIGURED="true",
        MSWEA_SILENT_STARTUP="1",
        OPENAI_API_KEY="none",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )


def claude_code(bench: Bench, base: str, repo: Path) -> tuple[list[str], dict[str, str]]:
    """Claude Code on the bare host (`npm install @anthropic-ai/claude-code`)."""
    assert bench.peers is not None
    argv = [
        str(bench.peers / "cc/node_modules/.bin/claude"), "-p", TASK, "--allowedTools", "Bash",
        "--model", "claude-sonnet-4-5", "--output-format", "json",
    ]  # fmt: skip
    return argv, bench.environment(
        ANTHROPIC_BASE_URL=base,
        ANTHROPIC_API_KEY="none",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        DISABLE_TELEMETRY="1",
        DISABLE_AUTOUPDATER="1",
        DISABLE_ERROR_REPORTING="1",
    )


CLIENTS = {"floor": floor, "honk": honk, "mini-docker": mini_docker, "claude-code": claude_code}


def installed(bench: Bench) -> list[str]:
    """The clients that can be measured here."""
    found = ["floor", "honk"]
    if bench.peers is not None:
        programs = {"mini-docker": "mini/bin/mini", "claude-code": "cc/node_modules/.bin/claude"}
        found += [name for name, path in programs.items() if (bench.peers / path).exists()]
    return found


def measure(bench: Bench, client: str, steps: int, command: str = "echo step-{k}") -> Timed:
    """One run of ``client`` with so many steps."""
    repo = repository(bench)
    with service(steps, command) as (base, asked):
        argv, environment = CLIENTS[client](bench, base, repo)
        done = run(argv, environment, repo)
    return Timed(done.code, done.started, done.ended, done.spent, asked)
