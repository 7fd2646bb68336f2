"""Figures over many runs: what came of them, how long it took, what it cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from honk.core.fates import Fate, Key, Teller
from honk.core.judging import overruled, recovered, unheeded
from honk.core.order import Origin
from honk.core.state import RunState
from honk.core.types import Outcome
from honk.server.auth import ServiceOf, Viewer
from honk.server.charts import Bars, Series, bars
from honk.server.context import Service
from honk.server.fates import fates, opened
from honk.server.render import page

router = APIRouter(include_in_schema=False)

By = Literal["repository", "model", "requester", "origin"]
SHOWN = 10  # groups in a plot; the table has all


@dataclass(frozen=True)
class Fact:
    """What the figures need of one run. ``fate``: what became of the pull request that it opened,
    ``unknown`` where nobody told honk, ``told_by`` who did; ``merge_hours`` from opening to merge."""

    group: str
    at: datetime
    cost_usd: float
    vetoes: int
    passed_judge: bool
    overruled: bool
    sent_back: bool
    good: bool
    fate: Literal["none", "open", "merged", "closed", "reverted", "unknown"]
    told_by: Teller | None
    merge_hours: float | None


@dataclass(frozen=True)
class Figures:
    """Sums over runs. Money in dollars, time in hours; None where nothing was merged.

    A reverted pull request counts as merged too. What became of one honk knows from its own forge
    (``local``), from webhooks (``heard``), or from looking (``seen``).
    ``judge_recoveries``: runs that passed the judge after a veto; ``overruled``:
    those that people published, or merged, against its word.
    """

    name: str
    attempts: int
    opened: int
    local: int
    heard: int
    seen: int
    merged: int
    closed: int
    reverted: int
    vetoes: int
    judge_recoveries: int
    overruled: int
    recoveries: int
    cost_usd: float
    merge_hours: float | None
    merged_cost_usd: float | None

    @property
    def known(self) -> int:
        """Pull requests of which honk knows what became of them."""
        return self.local + self.heard + self.seen


def figures(name: str, facts: Sequence[Fact]) -> Figures:
    def count(*fates: str) -> int:
        return sum(fact.fate in fates for fact in facts)

    merged = count("merged", "reverted")
    cost = sum(fact.cost_usd for fact in facts)
    hours = [fact.merge_hours for fact in facts if fact.merge_hours is not None]
    pulls = count("open", "merged", "closed", "reverted", "unknown")
    return Figures(
        name=name,
        attempts=len(facts),
        opened=pulls,
        local=sum(fact.told_by == "forge" for fact in facts),
        heard=sum(fact.told_by == "webhook" for fact in facts),
        seen=sum(fact.told_by == "look" for fact in facts),
        merged=merged,
        closed=count("closed"),
        reverted=count("reverted"),
        vetoes=sum(fact.vetoes for fact in facts),
        judge_recoveries=sum(fact.passed_judge for fact in facts),
        overruled=sum(fact.overruled for fact in facts),
        recoveries=sum(fact.sent_back and fact.good for fact in facts),
        cost_usd=cost,
        merge_hours=median(hours) if hours else None,
        merged_cost_usd=cost / merged if merged else None,  # failures are part of the price
    )


def grouped(facts: Iterable[Fact]) -> list[Figures]:
    """Most attempts first."""
    groups: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[fact.group].append(fact)
    found = [figures(name, members) for name, members in groups.items()]
    return sorted(found, key=lambda figure: (-figure.attempts, figure.name))


def _origin(origin: Origin) -> str:
    """A campaign by its name, other doors by their kind."""
    return f"campaign {origin.place}" if origin.kind == "campaign" else origin.kind


_GROUPS: dict[By, Callable[[RunState], str]] = {
    "repository": lambda state: state.request.repo.name,
    "model": lambda state: state.request.model,
    "requester": lambda state: state.request.requester or "nobody named",
    "origin": lambda state: _origin(state.request.origin),
}


def fact(state: RunState, at: datetime, by: By, fates: Mapping[Key, Fate]) -> Fact:
    pull = opened(state)
    found = fates.get(pull) if pull is not None else None
    fate: Literal["none", "open", "merged", "closed", "reverted", "unknown"] = "none"
    if found is not None:
        fate = "reverted" if found.reverted_by else found.state
    elif pull is not None:
        fate = "unknown"
    seconds = found.merge_seconds if found is not None else None
    return Fact(
        group=_GROUPS[by](state),
        at=at,
        cost_usd=state.cost_usd,
        vetoes=state.vetoes,
        passed_judge=recovered(state),
        overruled=overruled(state) or (unheeded(state) and fate in ("merged", "reverted")),
        sent_back=state.rounds > 0,
        good=state.ended is not None and state.ended.outcome in (Outcome.PUBLISHED, Outcome.VERIFIED),
        fate=fate,
        told_by=found.told_by if found is not None else None,
        merge_hours=None if seconds is None else seconds / 3600,
    )


def facts(service: Service, by: By, since: datetime | None) -> list[Fact]:
    """Of all real runs that began after ``since``; replayed ones say nothing."""
    known = fates(service, reverts=True)
    found = []
    for summary in service.runs.summaries():
        if since is not None and summary.created_at < since:
            break  # newest first
        state = service.runs.state(summary.run_id)
        if state is not None and not summary.replayed:
            found.append(fact(state, summary.created_at, by, known))
    return found


@router.get("/stats")
def stats(
    service: ServiceOf, who: Viewer, by: By = "repository", days: Annotated[int, Query(ge=0, le=3660)] = 90
) -> Response:
    """``days`` 0: from the beginning."""
    found = facts(service, by, datetime.now(UTC) - timedelta(days=days) if days else None)
    groups = grouped(found)
    return page(
        "stats",
        who,
        total=figures("All", found),
        groups=groups,
        plots=plots(groups[:SHOWN]) if groups else [],
        by=by,
        days=days,
        choices=tuple(_GROUPS),
        periods=((7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year"), (0, "all time")),
        cut=len(groups) > SHOWN,
        shown=SHOWN,
    )


def plots(groups: Sequence[Figures]) -> list[Bars]:
    names = [group.name for group in groups]

    def whole(values: Iterable[int]) -> list[tuple[float, str]]:
        return [(float(value), str(value)) for value in values]

    def fate(count: Callable[[Figures], int]) -> list[tuple[float, str]]:
        return [(float(count(g)), str(count(g)) if g.known or not g.opened else "?") for g in groups]

    def optional(values: Iterable[float | None], form: str) -> list[tuple[float, str]]:
        return [(0.0, "—") if value is None else (value, form.format(value)) for value in values]

    return [
        bars("Attempts and opened", names, (
            Series("attempts", whole(g.attempts for g in groups)),
            Series("opened", whole(g.opened for g in groups)),
        )),
        bars("Merged, closed and reverted", names, (
            Series("merged", fate(lambda g: g.merged)),
            Series("closed", fate(lambda g: g.closed)),
            Series("reverted", fate(lambda g: g.reverted)),
        )),
        bars("Vetoes and recoveries", names, (
            Series("vetoes", whole(g.vetoes for g in groups)),
            Series("recoveries", whole(g.recoveries for g in groups)),
        )),
        bars("Hours to merge (median)", names, (
            Series("hours", optional((g.merge_hours for g in groups), "{:.1f} h")),
        )),
        bars("Cost per merged pull request", names, (
            Series("dollars", optional((g.merged_cost_usd for g in groups), "${:.2f}")),
        )),
    ]  # fmt: skip
