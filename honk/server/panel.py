"""Where a run stands: the fold of its log as the page's side panel shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from honk.core.desk import Offer
from honk.core.judgement import Verdict
from honk.core.state import RunState
from honk.core.types import Check, Comparison, Finding, Outcome, VerifyCommand

Mark = Literal["done", "now", "bad", "ahead"]

STEPS = ("Prepare", "Work", "Hand over", "Gates", "Verify", "Judge", "Publish")
RESUMABLE = (Outcome.FAILED, Outcome.CANCELLED, Outcome.EXHAUSTED)


@dataclass(frozen=True)
class Step:
    name: str
    mark: Mark


@dataclass(frozen=True)
class Meter:
    """``used`` of ``limit`` as text, and as a whole number of percent (at most 100)."""

    name: str
    used: str
    limit: str
    percent: int


@dataclass(frozen=True)
class CheckRow:
    """One verify command; ``before`` and ``after`` are None where it did not run. ``tests`` are
    groups of tests by name with what became of them."""

    name: str
    command: str
    before: bool | None
    after: bool | None
    seconds: float
    tests: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Panel:
    run_id: str
    status: str
    state: RunState
    steps: tuple[Step, ...]
    meters: tuple[Meter, ...]
    checks: tuple[CheckRow, ...]
    findings: tuple[Finding, ...]
    gated: bool
    verdict: Verdict | None
    notices: tuple[str, ...]
    running_since: (
        float | None
    )  # seconds since 1970, so that it has used what it has; None while nobody works
    may_cancel: bool
    may_resume: bool
    offer: Offer | None  # what a person can approve
    last: int  # number of the last event that all this is of


def panel(run_id: str, status: str, state: RunState, offer: Offer | None = None, last: int = 0) -> Panel:
    ended = state.ended
    now = datetime.now(UTC)
    running = ended is None and status != "waiting"
    seconds = ended.seconds if ended else state.seconds(now if running else state.last_at or now)
    return Panel(
        run_id=run_id,
        status=status,
        state=state,
        steps=_steps(state),
        meters=_meters(state, seconds),
        checks=_checks(state),
        findings=state.last_findings.findings if state.last_findings else (),
        gated=state.last_findings is not None,
        verdict=state.last_verdict.verdict if state.last_verdict else None,
        notices=state.base.notices if state.base else (),
        running_since=now.timestamp() - seconds if running else None,
        may_cancel=ended is None or ended.outcome is Outcome.PLANNED,
        may_resume=ended.outcome in RESUMABLE if ended else status == "waiting",
        offer=offer,
        last=last,
    )


def _steps(state: RunState) -> tuple[Step, ...]:
    """Which steps are behind the run, which one it is at, which one ended it."""
    # Evidence comes next, whether there is a judge or not (the repository may want one).
    judged = state.judged is not None or state.attested is not None
    behind = (
        state.image is not None,
        state.session is not None,
        state.frozen is not None,
        state.gated is not None and not any(f.result == "block" for f in state.gated.findings),
        state.verified is not None and state.verified.report.permits(state.request.untested),
        judged and not state.vetoed,
        state.published is not None,
    )
    at = behind.index(False) if False in behind else len(behind)
    ended = state.ended
    if ended is not None and ended.outcome in (Outcome.PUBLISHED, Outcome.VERIFIED):
        at = len(behind) if ended.outcome is Outcome.PUBLISHED else len(behind) - 1
    now: Mark = "now" if ended is None else "ahead" if ended.outcome is Outcome.VERIFIED else "bad"
    if ended is not None and ended.outcome in (Outcome.NO_CHANGE, Outcome.SKIPPED, Outcome.PLANNED):
        now = "ahead"
    marks: list[Mark] = ["done" if n < at else now if n == at else "ahead" for n in range(len(behind))]
    return tuple(Step(name, mark) for name, mark in zip(STEPS, marks, strict=True))


def _meters(state: RunState, seconds: float) -> tuple[Meter, ...]:
    cost, turns, time = state.limits.max_cost_usd, state.limits.max_turns, state.limits.timeout_seconds
    return (
        Meter("Cost", f"${state.cost_usd:.2f}", f"${cost:g}", _percent(state.cost_usd, cost)),
        Meter("Turns", str(state.turns), str(turns), _percent(state.turns, turns)),
        Meter("Time", clock(seconds), clock(time), _percent(seconds, time)),
    )


def _percent(used: float, limit: float) -> int:
    return min(100, round(100 * used / limit)) if limit > 0 else 100


def clock(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def _checks(state: RunState) -> tuple[CheckRow, ...]:
    base = {c.name: c.passed for c in state.base_report.checks} if state.base_report else {}
    after = {c.name: c for c in state.last_report.checks} if state.last_report else {}
    return tuple(
        _row(command, base.get(command.name), after.get(command.name))
        for command in state.in_force(state.base.verify if state.base else ())
    )


def _row(command: VerifyCommand, base: bool | None, check: Check | None) -> CheckRow:
    if check is None:
        return CheckRow(command.name, command.command, base, None, 0.0, ())
    found = check.compared or Comparison(blocks=False)
    before = base if found.before is None else found.before == "passed"
    groups = (
        ("new failures", found.new_failures),
        ("no longer run", found.missing),
        ("newly skipped", found.skipped),
        ("flaky", found.flaky),
        ("failed before, too", found.standing),
        ("mended", found.mended),
    )
    tests = tuple((word, names) for word, names in groups if names)
    return CheckRow(command.name, command.command, before, check.passed, check.seconds, tests)
