"""What a person approves in a run that waits with a plan or ended refused or vetoed, from whichever door."""

from __future__ import annotations

from honk.core.desk import Offer
from honk.core.errors import UserError
from honk.core.events import Overruled, PathsAllowed, PlanApproved, Recorded, RunEnded
from honk.core.lines import finding_line
from honk.core.plain import clean
from honk.core.state import RunState
from honk.core.types import Finding, Outcome
from honk.runs.run import Run
from honk.wiring.stores import Stores, check_kept

Approval = PathsAllowed | Overruled | PlanApproved


def approve(stores: Stores, run_id: str, globs: tuple[str, ...], by: str) -> int:
    """Write a person's approval into the log of a run, which then waits to be carried on; the
    number of the event that says so.

    The same approval again, while the run has not ended since, is that event, and no second one.
    ``by``: who says so. Raises UserError where there is nothing that ``globs`` (none: all)
    can approve, StaleWriter while somebody works on the run.
    """
    if (given := _given(stores.events.read(run_id), globs)) is not None:
        return given
    fence = stores.leases.claim(run_id, stores.owner)
    try:
        recorded = stores.events.read(run_id)
        run = Run(run_id, stores.events, fence, recorded)
        approval = _approval(run_id, run.state, globs, by)
        check_kept(run_id, run.state, stores.artifacts)
        run.record(approval)
        return recorded[-1].seq + 1
    finally:
        stores.leases.release(run_id, fence)


def offer(run_id: str, state: RunState) -> Offer | None:
    """What a person can approve where a run stands, or None."""
    try:
        approval = _approval(run_id, state, (), "")
    except UserError:
        return None
    if isinstance(approval, Overruled):
        verdict = state.judged.verdict if state.judged else None
        return Offer("Overrule the judge and publish", verdict.grounds if verdict else ())
    if isinstance(approval, PlanApproved):
        return Offer("Start the work as planned", ())
    what = tuple(finding_line(finding) for finding in blocked(state))
    return Offer("Permit what the gates refused", what)


def _given(recorded: list[Recorded], globs: tuple[str, ...]) -> int | None:
    """Number of the approval since which the run has not ended, if it is the one that is asked for."""
    for item in reversed(recorded):
        if isinstance(item.event, RunEnded):
            return None
        if isinstance(item.event, Approval):
            said = item.event.globs if isinstance(item.event, PathsAllowed) else ()
            return item.seq if globs in ((), said) else None
    return None


def _approval(run_id: str, state: RunState, globs: tuple[str, ...], by: str) -> Approval:
    """What is approved where a run stands. Raises UserError."""
    outcome = state.ended.outcome if state.ended is not None else None
    if outcome is Outcome.PLANNED:
        if globs:
            raise UserError(f"Run {run_id} waits with a plan, not with paths.", "Approve it without paths.")
        return PlanApproved(by=clean(by))
    if outcome is Outcome.VETOED:
        return Overruled(commit=_vetoed(run_id, state, globs), by=clean(by))
    if state.ended is None or outcome is not Outcome.REFUSED:
        now = outcome or "not at its end"
        raise UserError(
            f"Run {run_id} is {now}; only a planned, refused or vetoed run can be approved.",
            "See `honk runs`.",
        )
    from honk.gates import can_permit, matches  # no run begins with an approval

    blocking = blocked(state)
    never = [finding for finding in blocking if not can_permit(finding)]
    if never or not blocking:
        what = _list(never) if never else state.ended.reason
        raise UserError(
            f"Run {run_id} was refused for what nobody can permit: {what}.",
            "Start a new run, and ask for a change without it.",
        )
    chosen = globs or tuple(dict.fromkeys(f"/{_literal(finding.path)}" for finding in blocking))
    if left := [finding for finding in blocking if not matches(chosen, finding.path)]:
        raise UserError(
            f"These globs leave refused: {_list(left)}.",
            f"Name their paths too, or none: `honk approve {run_id}` permits all.",
        )
    return PathsAllowed(globs=chosen, by=clean(by))


def blocked(state: RunState) -> list[Finding]:
    """What the gates refused, the last time that they looked."""
    return [f for f in (state.last_findings.findings if state.last_findings else ()) if f.result == "block"]


def _vetoed(run_id: str, state: RunState, globs: tuple[str, ...]) -> str:
    """The commit that the judge refused. Raises UserError where only a part of it is to pass."""
    if globs:
        raise UserError(
            f"Run {run_id} was vetoed by the judge, who speaks of the whole change, not of paths.",
            f"`honk diff {run_id}` shows it; `honk approve {run_id}` publishes it as it is.",
        )
    if state.judged is None:  # a veto is the end of such a run, so its log has one
        raise UserError(f"Run {run_id} has no verdict to overrule.", "Start a new run.")
    return state.judged.commit


def _list(findings: list[Finding]) -> str:
    return "; ".join(finding_line(f) for f in findings[:5])


def _literal(path: str) -> str:
    """``path`` as a glob that fits nothing else."""
    return "".join(f"\\{c}" if c in "\\*?[]!# " else c for c in path)
