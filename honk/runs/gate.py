"""The stop gate: what stands between a session and a pull request.

The tree is frozen into a commit, the commit's diff passes deterministic gates, every check
runs on exactly that commit in a fresh container, and the judge compares it with the
request. Whatever fails goes back to the model as one message, a bounded number of times.
"""

from __future__ import annotations

from honk.core.errors import Exhausted, HandOverError, ModelError
from honk.core.events import ChangeFrozen, Gated, Instructed, Judged
from honk.core.judgement import Verdict
from honk.core.limits import OVERTIME
from honk.core.lines import finding_line
from honk.core.types import Change, Finding, Outcome, Report
from honk.prompts import render
from honk.runs.followup import merges, parents, unresolved
from honk.runs.publish import commit_message
from honk.runs.run import Ending, Run
from honk.runs.services import Plan, Services
from honk.runs.verification import verify_change
from honk.runs.workshop import Workshop, base_sha

NAMED = 5
"""Grounds of a veto that the end of the run names; its log has them all."""

_UNVERIFIED = "Name a command with --verify, or accept an unverified draft with --untested draft."


def stop_gate(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
    """Freeze, gates, verification, judge. None: passed, or the model was sent back to work."""
    for check in (_freeze, _gate, _verify, _judge):
        ending = check(run, services, plan, workshop)
        if ending is not None or run.state.session is None:
            return ending
    return None


def _freeze(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
    state = run.state
    if state.frozen is None and state.session is not None:
        try:
            commit = workshop.freeze(commit_message(run, services.wording), parents(run))
        except HandOverError as error:  # the model can mend it: a path, a type, a size
            finding = Finding(gate="hand-over", result="block", path="", detail=error.message)
            run.record(Gated(commit=base_sha(run), findings=(finding,)))
            return _send_back(run, "gate", _gate_feedback((finding,)), Ending(Outcome.REFUSED, error.message))
        change = services.mirror.diff(base_sha(run), commit)
        # Gates read the blobs; log, patch and judge need no secret to know that there is one.
        change = change.model_copy(update={"patch": services.wording.mask(change.patch)})
        artifact = services.artifacts.put(services.mirror.pack(commit, change.base))
        run.record(ChangeFrozen(change=change, artifact=artifact))
    if _frozen(run).empty and not merges(run):
        idle = state.session is not None and state.session.stopped == "idle"
        if idle:
            return Ending(Outcome.STUCK, "The model stopped without changing anything or saying why.")
        return Ending(Outcome.NO_CHANGE, "The session ended without a change.")
    return None


def _gate(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
    if run.state.gated is None:
        change = _frozen(run)
        findings = (*plan.inspect(change, run.state.allowed), *unresolved(run, services, change))
        run.record(Gated(commit=change.head, findings=findings))
    return _blocked(run)


def _blocked(run: Run) -> Ending | None:
    """Send the model back for what gates refuse, if anything."""
    findings = run.state.gated.findings if run.state.gated else ()
    blocking = tuple(f for f in findings if f.result == "block")
    if not blocking:
        return None
    reason = "; ".join(finding_line(f) for f in blocking)
    return _send_back(run, "gate", _gate_feedback(blocking), Ending(Outcome.REFUSED, reason))


def _gate_feedback(findings: tuple[Finding, ...]) -> str:
    return render("gate_feedback.md", findings=findings)


def _verify(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
    if not plan.commands:
        return None  # --untested draft
    if run.state.verified is None:
        run.record(verify_change(run, services, plan, _frozen(run)))
    report = run.state.verified.report if run.state.verified else Report(checks=())
    if report.permits(run.state.request.untested):
        _note_weakened(run, services, report)
        return _blocked(run)
    feedback = services.feedback(report)
    failed = ", ".join(f"{c.name} ({OVERTIME})" if c.timed_out else c.name for c in report.checks if c.blocks)
    reason = f"Verification fails: {failed}." if failed else _nothing_passes(report)
    ending = Ending(Outcome.UNVERIFIED, reason)
    return _send_back(run, "verify", render("verify_feedback.md", feedback=feedback), ending)


def _nothing_passes(report: Report) -> str:
    """Why a report that blames the change for nothing is not enough."""
    flips = [c.name for c in report.checks if c.compared and c.compared.before == "passed"]
    if not report.checks:
        return f"The change leaves no check that concerns it: nothing verifies it. {_UNVERIFIED}"
    told = "Every check fails, as it did on the base, and no test passes"
    if flips:
        told = (
            f"No check passes. On the base {', '.join(flips)} passed; with the change it failed in every "
            "run, each time for tests that passed in another"
        )
    return f"{told}: nothing verifies the change. Mend the base. {_UNVERIFIED}"


def _note_weakened(run: Run, services: Services, report: Report) -> None:
    """Tests that no longer run are for the gate against weakened tests, though no diff shows them."""
    found = run.state.gated.findings if run.state.gated else ()
    new = tuple(f for f in services.weakened(report.checks) if f not in found)
    if new:
        run.record(Gated(commit=_frozen(run).head, findings=(*found, *new)))


def _judge(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
    if plan.judge == "off" or _frozen(run).empty:
        return None
    if run.state.judged is None:
        verdict = _ask(run, services) if plan.judge == "blocking" else _advice(run, services)
        run.record(Judged(commit=_frozen(run).head, verdict=verdict, mode=plan.judge))
    if run.state.judged is None or not run.state.vetoed:
        return None
    verdict = run.state.judged.verdict
    more = len(verdict.grounds) - NAMED
    reason = " ".join(verdict.grounds[:NAMED]) + (f" And {more} more." if more > 0 else "")
    ending = Ending(Outcome.VETOED, reason)
    if run.state.judge_rounds > run.state.limits.max_judge_rounds:
        return ending
    return _send_back(run, "judge", render("judge_feedback.md", verdict=verdict), ending)


def _ask(run: Run, services: Services) -> Verdict:
    """The judge's word. Raises ModelError if it gives none: nothing is published unjudged, but
    that is a failure, no veto, and `honk resume` asks again."""
    report = run.state.verified.report if run.state.verified else Report(checks=())
    flags = run.state.gated.findings if run.state.gated else ()
    return services.judge.review(run, _frozen(run), report, flags)


def _advice(run: Run, services: Services) -> Verdict:
    """As _ask, but nothing that goes wrong with an advisory judge keeps the change back."""
    try:
        return _ask(run, services)
    except (ModelError, Exhausted) as error:
        return Verdict(verdict="none", reasons=(error.message,))


def _send_back(run: Run, origin: str, text: str, ending: Ending) -> Ending | None:
    """Send the model back to work with ``text``, or end the run if its rounds are used up."""
    if run.state.rounds + 1 >= run.state.limits.max_attempts:
        return ending
    run.record(Instructed.model_validate({"origin": origin, "text": text}))
    return None


def _frozen(run: Run) -> Change:
    if run.state.frozen is None:
        raise ValueError("no change is frozen")
    return run.state.frozen.change
