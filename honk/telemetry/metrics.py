"""Figures for Prometheus: a fold over the logs of all runs, read anew up to their newest events."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as FORMAT
from prometheus_client.registry import Collector

from honk.core.events import (
    BaseResolved,
    Event,
    Gated,
    Judged,
    ModelReplied,
    Overruled,
    Published,
    Recorded,
    RunEnded,
    RunRequested,
)
from honk.core.fates import Key, key
from honk.core.judging import GOOD
from honk.core.ports import EventStore, Leases
from honk.core.types import RepoRef
from honk.telemetry.pulls import Fates, families, histogram

__all__ = ["FORMAT", "Metrics"]

MOST_MODELS = 20
"""Model names that become labels; callers may name any, and each label is a time series."""

BUCKETS = (30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
"""Seconds. A run's default limit is an hour."""

OTHER = "other"


class Metrics(Collector):
    """What Prometheus scrapes, in a registry of its own. Thread-safe. ``fates``: what became of pull
    requests, as far as that is known."""

    def __init__(self, events: EventStore, leases: Leases, fates: Fates = dict) -> None:
        self._events = events
        self._leases = leases
        self._fates = fates
        self._repos: dict[str, RepoRef] = {}  # of runs that may open a pull request
        self._pulls: dict[Key, str] = {}  # those that runs opened, and their forge
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._origins: dict[str, str] = {}
        self._models: dict[str, str] = {}
        self._open: set[str] = set()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._gates: Counter[str] = Counter()
        self._dollars: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self._durations = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._judge_vetoes = 0
        self._vetoed: set[str] = set()  # runs that did not end well yet
        self._recoveries = 0
        self._overruled = 0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)

    def describe(self) -> list[CounterMetricFamily]:
        return []  # registering would otherwise collect once, and read every log at the start

    def _catch_up(self) -> None:
        for head in self._events.heads():
            after = self._seen.get(head.run_id, 0)
            if head.seq > after:
                for recorded in self._events.read(head.run_id, after):
                    self._add(recorded)

    def _add(self, recorded: Recorded) -> None:
        run_id, event = recorded.run_id, recorded.event
        self._seen[run_id] = recorded.seq
        self._add_pull(run_id, event)
        if isinstance(event, RunEnded):
            self._open.discard(run_id)
            if event.outcome in GOOD and run_id in self._vetoed:
                self._vetoed.discard(run_id)
                self._recoveries += 1
            self._ended[event.outcome, self._origins.get(run_id, OTHER)] += 1
            self._durations[bisect_left(BUCKETS, event.seconds)] += 1
            self._seconds += event.seconds
            return
        self._open.add(run_id)
        if isinstance(event, RunRequested):
            self._origins[run_id] = event.request.origin.kind
            self._models[run_id] = event.request.model
        elif isinstance(event, ModelReplied):
            model = self._label(self._models.get(run_id, OTHER))
            self._dollars[model] += event.cost_usd  # type: ignore[assignment]  # counts dollars
            self._turns[model] += event.purpose == "work"
        elif isinstance(event, Gated):
            self._gates.update({finding.gate for finding in event.findings if finding.result == "block"})
        elif isinstance(event, Judged):
            self._verdicts[event.verdict.verdict, event.mode] += 1
            if event.verdict.verdict == "refuse" and event.mode == "blocking":
                self._judge_vetoes += 1
                self._vetoed.add(run_id)
        elif isinstance(event, Overruled):
            self._overruled += 1
            self._vetoed.discard(run_id)

    def _add_pull(self, run_id: str, event: Event) -> None:
        """A follow-up opens none."""
        if isinstance(event, RunRequested) and event.request.followup is None:
            self._repos[run_id] = event.request.repo
        elif isinstance(event, BaseResolved) and run_id in self._repos:
            self._repos[run_id] = event.base.repo  # by its name of today
        elif isinstance(event, Published) and (repo := self._repos.get(run_id)) is not None:
            self._pulls[key(repo, event.pull_request.number)] = repo.forge

    def _label(self, model: str) -> str:
        return model if model in self._turns or len(self._turns) < MOST_MODELS else OTHER

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        with self._lock:
            self._catch_up()
            yield from self._families()

    def _families(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        ended = CounterMetricFamily("honk_runs", "Runs that ended.", labels=["outcome", "origin"])
        for labels, count in sorted(self._ended.items()):
            ended.add_metric(labels, count)
        yield ended
        running = sum(map(self._leases.live, self._open))
        yield GaugeMetricFamily("honk_runs_running", "Runs that somebody works on.", value=running)
        waiting = len(self._open) - running
        yield GaugeMetricFamily("honk_queue_depth", "Runs that wait for a worker.", value=waiting)
        dollars = CounterMetricFamily("honk_cost_dollars", "What model calls cost.", labels=["model"])
        turns = CounterMetricFamily("honk_turns", "Finished model calls of sessions.", labels=["model"])
        for model in sorted(self._turns):
            dollars.add_metric([model], self._dollars[model])
            turns.add_metric([model], self._turns[model])
        yield dollars
        yield turns
        told = "Wall clock that runs had used when they ended, pauses left out."
        yield histogram("honk_run_seconds", told, BUCKETS, self._durations, self._seconds)
        gates = CounterMetricFamily("honk_gate_vetoes", "Changes that a gate blocked.", labels=["gate"])
        for gate, count in sorted(self._gates.items()):
            gates.add_metric([gate], count)
        yield gates
        verdicts = CounterMetricFamily("honk_judge_verdicts", "What judges said.", labels=["verdict", "mode"])
        for labels, count in sorted(self._verdicts.items()):
            verdicts.add_metric(labels, count)
        yield verdicts
        told = "Changes that a blocking judge refused."
        yield CounterMetricFamily("honk_judge_vetoes", told, self._judge_vetoes)
        told = "Runs that had a veto and went on to pass the judge."
        yield CounterMetricFamily("honk_judge_recoveries", told, self._recoveries)
        told = "Vetoes that a person overruled."
        yield CounterMetricFamily("honk_judge_overruled", told, self._overruled)
        yield from families(self._pulls, self._fates())
