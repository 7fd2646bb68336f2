"""What judges said over many runs, and what came of it: a fold over their logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from honk.core.events import Judged, ModelReplied, Recorded
from honk.core.state import RunState, fold
from honk.core.types import Outcome

GOOD = (Outcome.PUBLISHED, Outcome.VERIFIED)


@dataclass(frozen=True)
class Judging:
    """Figures of one judge. Money in dollars.

    ``runs``: those that it judged. ``approved``, ``refused`` and ``silent`` count its verdicts;
    ``vetoes`` are refusals of a blocking judge. Of the runs that had one, ``recovered`` went on
    to pass it, ``vetoed`` ended there, and ``overruled`` were published by a person's
    `honk approve`; the rest ended otherwise or is not at its end. ``unheeded`` runs were published
    though the judge, being advisory, refused. What became of a pull request at its forge is in
    no log, so that an approval that people took back is not counted here.
    """

    judge: str
    runs: int
    approved: int
    refused: int
    silent: int
    vetoes: int
    runs_with_veto: int
    recovered: int
    vetoed: int
    overruled: int
    unheeded: int
    cost_usd: float


@dataclass(frozen=True)
class _Run:
    state: RunState
    said: tuple[str, ...]  # the verdicts
    cost_usd: float


def _good(state: RunState) -> bool:
    return state.ended is not None and state.ended.outcome in GOOD


def recovered(state: RunState) -> bool:
    """Whether a run that had a veto went on to pass the judge, by its own work."""
    return _good(state) and state.vetoes > 0 and state.overruled_now is None


def overruled(state: RunState) -> bool:
    """Whether a person published what the judge refused."""
    return _good(state) and state.overruled_now is not None


def unheeded(state: RunState) -> bool:
    """Whether a change was published though an advisory judge refused it."""
    last = state.last_verdict
    refused = last is not None and last.mode == "advisory" and last.verdict.verdict == "refuse"
    return _good(state) and refused


def judging(logs: Iterable[Iterable[Recorded]]) -> list[Judging]:
    """Figures of each judge, most runs first; replayed runs say nothing about one."""
    found: dict[str, list[_Run]] = defaultdict(list)
    for log in logs:
        events = list(log)
        said = tuple(r.event.verdict.verdict for r in events if isinstance(r.event, Judged))
        if not said:
            continue
        state = fold(events)
        if state.requested is None or state.requested.replayed:
            continue
        replies = (r.event for r in events if isinstance(r.event, ModelReplied))
        cost = sum(reply.cost_usd for reply in replies if reply.purpose == "judge")
        found[state.request.judge or state.request.model].append(_Run(state, said, cost))
    figures = [_figures(judge, runs) for judge, runs in found.items()]
    return sorted(figures, key=lambda one: (-one.runs, one.judge))


def _figures(judge: str, runs: list[_Run]) -> Judging:
    words = [word for run in runs for word in run.said]
    states = [run.state for run in runs]
    return Judging(
        judge=judge,
        runs=len(runs),
        approved=words.count("approve"),
        refused=words.count("refuse"),
        silent=words.count("none"),
        vetoes=sum(state.vetoes for state in states),
        runs_with_veto=sum(state.vetoes > 0 for state in states),
        recovered=sum(map(recovered, states)),
        vetoed=sum(state.ended is not None and state.ended.outcome is Outcome.VETOED for state in states),
        overruled=sum(map(overruled, states)),
        unheeded=sum(map(unheeded, states)),
        cost_usd=sum(run.cost_usd for run in runs),
    )
