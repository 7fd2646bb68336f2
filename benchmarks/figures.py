"""The figures: each measures what it compares in turns, so that noise hits all alike."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clients
from clients import Bench, Timed, honk, installed, measure, repository, service

from honk.cli.names import COMMANDS


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``limit`` is the most that is allowed, None if nothing is asked;
    ``values`` are all measurements behind ``value``."""

    name: str
    unit: str
    value: float
    limit: float | None = None
    values: tuple[float, ...] = ()

    @property
    def kept(self) -> bool | None:
        return None if self.limit is None else self.value <= self.limit


def middle(name: str, unit: str, values: list[float], limit: float | None = None) -> Figure:
    """The median of ``values``."""
    return Figure(name, unit, statistics.median(values), limit, tuple(values))


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]


# ---- one step ---------------------------------------------------------------------------

FLOOR_MS = 0.9
"""The slowest floor for which the limits of a step are meant; where it is slower, so may a step be."""


def steps(bench: Bench) -> Iterator[Figure]:
    """From the last byte of an answer to the first byte of the next request."""
    counts = (50, 200)
    found: dict[tuple[str, int], list[Timed]] = {}
    for _ in range(bench.repeat):
        for count in counts:
            for client in installed(bench):
                timed = measure(bench, client, count)
                if len(timed.gaps) < count:
                    raise SystemExit(f"{client} made {len(timed.gaps)} of {count} steps")
                found.setdefault((client, count), []).append(timed)
    gaps = {key: [statistics.median(run.gaps) for run in runs] for key, runs in found.items()}
    medians = {key: statistics.median(each) for key, each in gaps.items()}
    for (client, count), runs in found.items():
        slower = max(1.0, medians["floor", count] / FLOOR_MS)
        at_most, tail = (5.0 * slower, 10.0 * slower) if client == "honk" else (None, None)
        yield middle(f"step, {client}, {count} steps", "ms", gaps[client, count], at_most)
        tails = [percentile(run.gaps, 0.95) for run in runs]
        yield middle(f"step, {client}, {count} steps, 95th percentile", "ms", tails, tail)
    for client, limit in (("mini-docker", 1 / 15), ("claude-code", 1 / 5)):
        for count in counts:
            if (client, count) in medians:
                ratio = medians["honk", count] / medians[client, count]
                yield Figure(f"step, honk / {client}, {count} steps", "", ratio, limit)
    for client in installed(bench):
        long, mine = found[client, 200], client == "honk"
        yield middle(f"drift, {client}", "", [drift(run.gaps) for run in long], 1.3 if mine else None)
        spent = [(r.cpu(r.main[-1]["arrived"]) - r.cpu(r.main[0]["arrived"])) / 200 * 1e3 for r in long]
        yield middle(f"CPU of a step, {client}", "ms", spent, 5.0 if mine else None)


def drift(gaps: list[float]) -> float:
    """The median of the last quarter over that of the first."""
    quarter = len(gaps) // 4
    return statistics.median(gaps[-quarter:]) / statistics.median(gaps[:quarter])


# ---- the start --------------------------------------------------------------------------

_IMPORT = "import time, anthropic; print(time.monotonic(), time.process_time())"
_TYPER = f"""import typer
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
def command(name):
    def body(one: str, two: int = 1, three: bool = False): pass
    body.__doc__ = f"What {{name}} does."
    app.command(name)(body)
for name in {sorted(COMMANDS)!r}: command(name)
app()
"""


def start(bench: Bench) -> Iterator[Figure]:
    """From the start of the process to the first request; image and mirror cached, container cold."""
    measure(bench, "honk", 0)  # fills the caches
    bare, first, over, cpu = [], [], [], []
    for _ in range(max(bench.repeat, 5)):
        began = time.monotonic()
        said = subprocess.run(
            [sys.executable, "-c", _IMPORT], capture_output=True, check=True, env=bench.environment()
        )
        imported, importing = map(float, said.stdout.split())
        bare.append(imported - began)
        timed = measure(bench, "honk", 0)
        arrived = timed.main[0]["arrived"]
        first.append(arrived - timed.started)
        over.append(first[-1] - bare[-1])
        cpu.append(timed.cpu(arrived) - importing)
    yield middle("start, bare import of the SDK", "s", bare)
    yield middle("start, honk to its first request", "s", first)
    yield middle("start, over the bare import", "s", over, 0.9)
    yield middle("start, CPU over that of the bare import", "s", cpu)


def help_text(bench: Bench) -> Iterator[Figure]:
    """`honk --help` beside a bare Typer application with as many commands."""
    found: dict[str, list[float]] = {"typer": [], "honk": []}
    for _ in range(max(bench.repeat, 5)):
        for name, argv in (("typer", ["-c", _TYPER]), ("honk", ["-m", "honk"])):
            began = time.monotonic()
            subprocess.run(
                [sys.executable, *argv, "--help"], capture_output=True, check=True, env=bench.environment()
            )
            found[name].append(time.monotonic() - began)
    yield middle("help, bare Typer", "s", found["typer"])
    yield middle("help, honk", "s", found["honk"])
    ratio = statistics.median(found["honk"]) / statistics.median(found["typer"])
    yield Figure("help, honk / bare Typer", "", ratio, 1.5)


# ---- sizes ------------------------------------------------------------------------------

_DIALECTS = {
    "Messages": ("anthropic:claude-sonnet-5-5", {}),
    "Responses": ("openai:gpt-5.5", {"HONK_OPENAI_WIRE": "responses"}),
    "Chat Completions": ("openai:gpt-5.5", {"HONK_OPENAI_WIRE": "chat"}),
}


def sizes(bench: Bench) -> Iterator[Figure]:
    """The first request: system prompt, tools and the task, of a repository without guidance."""
    repo = repository(bench)
    for name, (model, more) in _DIALECTS.items():
        with service(0) as (base, asked):
            argv, environment = honk(bench, base, repo, "--model", model)
            clients.run(argv, {**environment, **more}, repo)
        size = next(a["size"] for a in asked if a["main"])
        yield Figure(f"first request, {name}", "KB", size / 1000, 12.0)


# ---- memory -----------------------------------------------------------------------------


def memory(bench: Bench) -> Iterator[Figure]:
    """Peak resident memory of one run of 50 steps, and of ten at once in one process."""
    repo = repository(bench)
    peaks: dict[int, list[float]] = {0: [], 1: [], 10: []}
    for _ in range(bench.repeat):
        for runs, found in peaks.items():
            with service(50) as (base, _asked):
                argv = [sys.executable, str(clients.HERE / "many.py"), str(runs), str(repo), bench.image]
                _, environment = honk(bench, base, repo)
                done = subprocess.run(argv, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(done.stderr[-2000:])
            found.append(float(done.stdout))
    each = [(ten - one) / 9 for one, ten in zip(peaks[1], peaks[10], strict=True)]
    over = [one - bare for bare, one in zip(peaks[0], peaks[1], strict=True)]
    yield middle("memory, bare import of the SDK", "MB", peaks[0])
    yield middle("memory, one run", "MB", peaks[1])
    yield middle("memory, one run over the bare import", "MB", over, 70.0)
    yield middle("memory, each of nine more runs at once", "MB", each, 15.0)


# ---- the hand-over ----------------------------------------------------------------------


def handover(bench: Bench) -> Iterator[Figure]:
    """A turn that changes a file (with its checkpoint), and all that comes after the session."""
    for name, files in (("repo", 1), ("repo-20000", 20_000)):
        repo = repository(bench, name, files)
        turns, gates = [], []
        for _ in range(bench.repeat):
            with service(10, "date +%N > changed-{k}.txt") as (base, asked):
                argv, environment = honk(bench, base, repo)
                done = clients.run(argv, environment, repo)
            timed = Timed(done.code, done.started, done.ended, done.spent, asked)
            turns.append(statistics.median(timed.gaps))
            gates.append(timed.ended - timed.main[-1]["sent"])
        yield middle(f"turn that changes a file, {files} files", "ms", turns)
        yield middle(f"from the last answer to the end of honk, {files} files", "s", gates)


FIGURES: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "steps": steps,
    "start": start,
    "help": help_text,
    "sizes": sizes,
    "memory": memory,
    "handover": handover,
}


def as_json(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "value": figure.value,
        "limit": figure.limit,
        "values": figure.values,
    }


def folder(path: str) -> Path:
    """A folder that exists from now on."""
    made = Path(path).resolve()
    made.mkdir(parents=True, exist_ok=True)
    return made
