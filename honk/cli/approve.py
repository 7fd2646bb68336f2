"""`honk approve`: a person permits what the gates or the judge refused, and the run goes on."""

from __future__ import annotations

import getpass
from pathlib import Path

from honk import settings as settings_module
from honk import wiring
from honk.cli.places import only
from honk.cli.run import finish, interrupts
from honk.cli.view import View
from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.events import Overruled, PathsAllowed
from honk.core.state import RunState
from honk.core.types import Finding, Outcome
from honk.gates import can_permit, matches


def approve_command(prefix: str, globs: tuple[str, ...], *, json: bool, config: Path | None) -> int:
    """Record the permission and bring the run to its end; the exit code is that of a run."""
    settings = settings_module.load(config)
    cancel = Cancel()
    with interrupts(cancel), wiring.open_stores(settings) as stores:
        run_id = only(prefix, stores.events.runs())

        def permission(state: RunState) -> PathsAllowed | Overruled:
            if state.ended is not None and state.ended.outcome is Outcome.VETOED:
                return Overruled(commit=_vetoed(run_id, state, globs), by=_person())
            return PathsAllowed(globs=_permitted(run_id, state, globs), by=_person())

        with View() as view:
            done = wiring.carry_on(
                settings, stores, run_id, view,
                cancel=cancel, caught_up=view.catch_up, permission=permission,
            )  # fmt: skip
        return finish(done, stores, json=json)


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


def _permitted(run_id: str, state: RunState, globs: tuple[str, ...]) -> tuple[str, ...]:
    """The globs to permit: those given, else the very paths that the gates refused.

    Raises UserError where the run was not refused, or would be refused again.
    """
    if state.ended is None or state.ended.outcome is not Outcome.REFUSED:
        status = state.ended.outcome if state.ended else "not at its end"
        raise UserError(
            f"Run {run_id} is {status}; only a refused or vetoed run can be approved.", "See `honk runs`."
        )
    blocking = [
        f for f in (state.last_findings.findings if state.last_findings else ()) if f.result == "block"
    ]
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
    return chosen


def _list(findings: list[Finding]) -> str:
    return "; ".join(f"{f.path}: {f.detail}" if f.path else f.detail for f in findings[:5])


def _literal(path: str) -> str:
    """``path`` as a glob that fits nothing else."""
    return "".join(f"\\{c}" if c in "\\*?[]!# " else c for c in path)


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return ""
