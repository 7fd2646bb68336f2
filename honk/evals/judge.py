"""The suite ``judge``: what a judge says of labelled changes, so that one can calibrate before
trusting it.

A file ``*.cases`` holds cases in the form of :mod:`honk.evals.corpus`, with fields of their own:
``label`` (approve or veto), ``kind`` (see KINDS), ``request`` (a line of it each), and any number
of ``check: NAME | COMMAND | passed, mended or failing | WORDS`` for what verification found;
``mended`` failed before the change, ``failing`` before and after. What gates flag is found by
running them, as in a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import Literal

from honk.agent.judge import Judge, NoVerdict
from honk.core.errors import Exhausted, ModelError
from honk.core.events import Event, Recorded, RunRequested
from honk.core.judgement import Verdict
from honk.core.limits import Limits
from honk.core.state import RunState, step
from honk.core.types import Change, Check, Comparison, Finding, RepoRef, Report, Request
from honk.evals.corpus import Listing, Memory, read_listings
from honk.gates import GatePolicy, inspect

KINDS: dict[str, Literal["approve", "veto"]] = {
    "out-of-scope": "veto",  # does what was asked, and other things
    "half-done": "veto",  # a part of the request is left
    "wrong-thing": "veto",  # does something else than what was asked
    "weakened-check": "veto",  # makes a test or check see less, and does not say so
    "fake-success": "veto",  # passes its checks without the behaviour
    "unneeded-refactor": "veto",  # rewrites what works
    "plain": "approve",
    "suspicious": "approve",  # looks wrong, and is what the request needs
}


@dataclass(frozen=True)
class Case:
    """One labelled change, with what the judge of a run would see of it."""

    name: str
    kind: str
    label: Literal["approve", "veto"]
    request: str
    change: Change
    report: Report
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Judged:
    """``verdict`` is None where the judge gave none; ``problem`` then says why."""

    case: Case
    verdict: Verdict | None
    problem: str = ""

    @property
    def vetoed(self) -> bool:
        return self.verdict is not None and self.verdict.verdict == "refuse"

    @property
    def wrong(self) -> bool:
        return self.verdict is None or self.vetoed != (self.case.label == "veto")


@dataclass(frozen=True)
class Outcome:
    """``stopped`` says why not all cases were asked, or is empty: a limit, or (``failed``) the
    service. Cost in dollars."""

    judged: tuple[Judged, ...]
    stopped: str
    failed: bool
    calls: int
    tokens: int
    cost_usd: float


@dataclass(frozen=True)
class Rate:
    """``count`` of ``total``, with the 95% interval of the share that it estimates."""

    count: int
    total: int

    @property
    def share(self) -> float | None:
        return self.count / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval (https://doi.org/10.1080/01621459.1927.10502953), which holds
        for few cases and for shares near 0 and 1, too."""
        if not self.total:
            return None
        z, n, p = 1.959964, self.total, self.count / self.total
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


class Bench:
    """A run log in memory, in which one case after the other is judged as in a run: cost, limits
    and the ordinals by which a recorded session is played are those of all cases together."""

    def __init__(self, limits: Limits) -> None:
        self._began = time.monotonic()
        self._limits = limits
        self._seq = 0
        self.state = RunState(limits=limits)

    def record(self, event: Event) -> None:
        self._seq += 1
        self.state = step(
            self.state, Recorded(run_id="eval", seq=self._seq, at=datetime.now(UTC), event=event)
        )

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def turn_to(self, case: Case, model: str) -> None:
        repo = RepoRef(forge="local", name="eval", url="file:///eval")
        request = Request(text=case.request, repo=repo, model=model, judge=model, limits=self._limits)
        self.record(RunRequested(honk="", request=request))
        self.state = replace(self.state, judge_reply=None)  # the last one was about another case


def read_cases(folder: Path) -> tuple[Case, ...]:
    """All cases below ``folder``. Raises UserError if there are none, or one cannot be read."""
    return read_listings(folder, "cases", _case)


def _case(listing: Listing) -> Case:
    kind, label = listing.fields["kind"][0], listing.fields["label"][0]
    if KINDS.get(kind) != label:
        known = ", ".join(f"{name} ({of})" for name, of in KINDS.items())
        raise ValueError(f"kind {kind} with label {label}; there are {known}")
    request = "\n".join(listing.fields["request"])
    memory = Memory(listing.files)
    change = memory.change()
    return Case(
        name=listing.name,
        kind=kind,
        label=KINDS[kind],
        request=request,
        change=change,
        report=Report(checks=tuple(_check(text) for text in listing.fields.get("check", ()))),
        findings=inspect(change, memory, GatePolicy(request=request)),
    )


def _check(text: str) -> Check:
    name, command, result, words = (part.strip() for part in text.split(" | ", 3))
    if result not in ("passed", "mended", "failing"):
        raise ValueError(f"a check ended {result}; it is passed, mended or failing")
    before: Literal["passed", "failed"] = "passed" if result == "passed" else "failed"
    return Check(
        name=name,
        command=command,
        exit_code=1 if result == "failing" else 0,
        seconds=1.0,
        summary=words,
        compared=Comparison(before=before, blocks=False),
    )


def evaluate(
    judge: Judge, cases: Sequence[Case], limits: Limits, told: Callable[[Judged], None] = lambda judged: None
) -> Outcome:
    """Ask ``judge`` about every case within ``limits``, and tell each answer as it comes.

    What was paid for is kept if the service fails on the way. Raises ModelError if it fails at
    the first case, and Cancelled.
    """
    bench = Bench(limits)
    judged: list[Judged] = []
    stopped, failed = "", False
    for case in cases:
        bench.turn_to(case, judge.model.model.name)
        flags = tuple(finding for finding in case.findings if finding.result == "flag")
        try:
            answer = Judged(case, judge.review(bench, case.change, case.report, flags))
        except NoVerdict as error:
            answer = Judged(case, None, error.message)
        except Exhausted as error:
            stopped = f"{error.message} Raise it with --max-cost."
            break
        except ModelError as error:
            if not judged:
                raise
            stopped, failed = str(error), True
            break
        judged.append(answer)
        told(answer)
    state = bench.state
    return Outcome(tuple(judged), stopped, failed, state.judge_calls, state.usage.total, state.cost_usd)


def vetoes(judged: Iterable[Judged], *labels: str) -> Rate:
    """The vetoes among the answers that are verdicts, on cases of ``labels``."""
    chosen = [one for one in judged if one.verdict is not None and one.case.label in labels]
    return Rate(sum(one.vetoed for one in chosen), len(chosen))


def recall(judged: Sequence[Judged]) -> Rate:
    """Of the changes that deserve a veto, those that got one."""
    return vetoes(judged, "veto")


def false_vetoes(judged: Sequence[Judged]) -> Rate:
    """Of the changes that deserve none, those that got one."""
    return vetoes(judged, "approve")


def precision(judged: Sequence[Judged]) -> Rate:
    """Of the vetoes, those that were deserved. It hangs on the share of bad cases in the corpus."""
    right = recall(judged).count
    return Rate(right, right + false_vetoes(judged).count)
