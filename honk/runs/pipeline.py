"""One run, a straight line: request, base, [ session, freeze, gates, verify, judge ]*, publish.

Calling :func:`execute` again on the same log *is* resuming: every step first looks whether
the log already has its result, and every side effect outside the log is idempotent.
"""

from __future__ import annotations

from dataclasses import dataclass

from honk.agent.session import Session, work
from honk.core.errors import (
    Cancelled,
    GitError,
    HandOverError,
    HonkError,
    InfrastructureError,
    StaleWriter,
    StoreError,
)
from honk.core.events import (
    BaseResolved,
    ChangeFrozen,
    Gated,
    Instructed,
    Judged,
    RegistryAsked,
    RunEnded,
    ToolReturned,
    Verified,
)
from honk.core.messages import ToolResult
from honk.core.ports import Sandbox, SandboxSpec
from honk.core.types import Change, Check, CommandResult, Finding, FinishStatus, Outcome, PushAccess, Report
from honk.prompts import render
from honk.runs.publish import commit_message, publish
from honk.runs.run import Run
from honk.runs.services import Plan, Services
from honk.runs.workshop import Workshop

PACKAGE_MANAGERS = "pip, uv, npm, pnpm, yarn"


@dataclass(frozen=True)
class Ending:
    """How and why a run ends."""

    outcome: Outcome
    reason: str


def execute(run: Run, services: Services) -> None:
    """Bring the run to its end, whatever that is; the log then holds a RunEnded.

    Raises UserError (after logging) where usage or configuration is at fault, and
    StaleWriter if another process has taken the run over.
    """
    if run.state.ended is not None:
        return
    try:
        ending = _line(run, services)
    except StaleWriter:
        raise
    except Cancelled as error:
        ending = Ending(Outcome.CANCELLED, error.message)
    except HonkError as error:
        _end(run, services, Ending(Outcome.FAILED, str(error)))
        if isinstance(error, InfrastructureError):
            return
        raise
    except Exception as error:
        # A defect of honk's own must not cost the person the work: keep the patch, then fail loudly.
        _end(run, services, Ending(Outcome.FAILED, f"honk has a defect: {error!r}"))
        raise
    _end(run, services, ending)


def _line(run: Run, services: Services) -> Ending:
    access = None
    if not run.state.request.dry_run:
        access = services.publisher.access(run.state.request.repo, fork=run.state.request.fork)
    plan = _start(run, services)
    if not plan.commands and run.state.request.untested == "refuse":
        return Ending(
            Outcome.SKIPPED,
            "Nothing here verifies a change: no tests or checks were found. "
            "Name a command with --verify, or accept an unverified draft with --untested draft.",
        )
    ending = _attempts(run, services, plan)
    if ending is not None:
        return ending
    if access is None:
        return Ending(Outcome.VERIFIED, "Everything but the pull request is done (--dry-run).")
    return _publish(run, services, plan, access)


def _start(run: Run, services: Services) -> Plan:
    """Fetch, resolve the base once, and derive the plan from it."""
    request, resolved = run.state.request, run.state.base
    base = services.mirror.fetch(request.base)
    if resolved is not None:
        base = resolved.base
    plan = services.plan(request, base)
    if resolved is None:
        branch = services.branch(request.text, run.id)
        run.record(BaseResolved(base=base, branch=branch, verify=plan.commands, notices=plan.notices))
    for event in (run.state.checkpoint, run.state.frozen):
        if event is not None:  # the mirror is a cache; the artifact is what lasts
            services.mirror.unpack(services.artifacts.get(event.artifact))
    return plan


def _attempts(run: Run, services: Services, plan: Plan) -> Ending | None:
    """Work and face the stop gate until a change passes (None) or the run is over."""
    with Workshop(run, services, plan) as workshop:
        while True:
            if run.state.session is None:
                _session(run, services, plan, workshop)
            ending = _session_ending(run)
            if ending is None:
                ending = _stop_gate(run, services, plan, workshop)
            if ending is not None or run.state.session is not None:
                return ending


# ---- the session ------------------------------------------------------------------------


def _session(run: Run, services: Services, plan: Plan, workshop: Workshop) -> None:
    resumed = workshop.box is None and bool(run.state.messages)
    box = workshop.open()
    if not run.state.messages:
        _instruct(run, plan)
    elif resumed:
        _resume(run)
    session = Session(
        log=run,
        model=services.model,
        toolbox=services.toolbox(box, lambda: _verify_in_session(run, services, plan, box)),
        save=workshop.save,
        cost=services.cost,
        on_delta=services.on_delta,
        cancel=services.cancel,
        cache_key=run.id,
    )
    work(session)
    workshop.save()


def _instruct(run: Run, plan: Plan) -> None:
    state = run.state
    branch = state.base.base.branch if state.base else ""
    run.record(Instructed(origin="system", text=render("system.md", package_managers=PACKAGE_MANAGERS)))
    task = render(
        "task.md",
        request=state.request.text,
        repo=state.request.repo.name,
        branch=branch,
        commands=plan.commands,
        guidance=plan.guidance,
        template=plan.template,
    )
    run.record(Instructed(origin="task", text=task))


def _resume(run: Run) -> None:
    """After a restart: answer what was left open, and tell the model that the shell is a new one."""
    state = run.state
    if not state.turns:
        return
    lost = state.unsaved or bool(state.pending)
    for call in state.pending:
        text = "The sandbox was restarted before this call had an answer; its outcome is unknown."
        result = ToolResult(call_id=call.id, name=call.name, text=text, error=True)
        run.record(ToolReturned(result=result, seconds=0.0))
    run.record(Instructed(origin="resume", text=render("resume.md", lost=lost)))


def _verify_in_session(run: Run, services: Services, plan: Plan, box: Sandbox) -> str:
    """The model's ``verify`` tool: advice, in its own sandbox. The stop gate runs it all again."""
    if not plan.commands:
        return "Nothing was found in this repository that verifies a change."
    report = Report(checks=_run_checks(run, services, plan, box))
    run.record(Verified(stage="session", commit=None, image=run.state.image or "", report=report))
    return services.feedback(report)


def _run_checks(run: Run, services: Services, plan: Plan, box: Sandbox) -> tuple[Check, ...]:
    seconds = run.state.limits.verify_seconds

    def command(line: str, timeout: float) -> CommandResult:
        services.cancel.check()
        return box.run(line, timeout=timeout)

    return tuple(services.check(c, command, seconds) for c in plan.commands)


def _session_ending(run: Run) -> Ending | None:
    """What the end of the session means on its own, before the stop gate; None: go on."""
    session = run.state.session
    if session is None:
        return None
    reason, status = session.finish.reason, session.finish.status
    if session.stopped in ("limit", "stuck", "refusal"):
        return Ending(Outcome.EXHAUSTED if session.stopped == "limit" else Outcome.STUCK, reason)
    if status is FinishStatus.NO_CHANGE:
        return Ending(Outcome.NO_CHANGE, reason or "The model found nothing to do.")
    if status is FinishStatus.PRECONDITION_FAILED:
        return Ending(Outcome.SKIPPED, reason or "A precondition of the request does not hold.")
    if status is FinishStatus.GAVE_UP:
        return Ending(Outcome.STUCK, reason or "The model gave up.")
    return None


# ---- the stop gate ----------------------------------------------------------------------


def _stop_gate(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
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
            commit = workshop.freeze(commit_message(run, services.wording))
        except HandOverError as error:  # the model can mend it: a path, a type, a size
            finding = Finding(gate="hand-over", result="block", path="", detail=error.message)
            run.record(Gated(commit=_base_sha(run), findings=(finding,)))
            return _send_back(run, "gate", _gate_feedback((finding,)), Ending(Outcome.REFUSED, error.message))
        change = services.mirror.diff(_base_sha(run), commit)
        artifact = services.artifacts.put(services.mirror.pack(commit, change.base))
        run.record(ChangeFrozen(change=change, artifact=artifact))
    if _frozen(run).empty:
        idle = state.session is not None and state.session.stopped == "idle"
        if idle:
            return Ending(Outcome.STUCK, "The model stopped without changing anything or saying why.")
        return Ending(Outcome.NO_CHANGE, "The session ended without a change.")
    return None


def _gate(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
    if run.state.gated is None:
        change = _frozen(run)
        run.record(Gated(commit=change.head, findings=plan.inspect(change)))
    findings = run.state.gated.findings if run.state.gated else ()
    blocking = tuple(f for f in findings if f.result == "block")
    if not blocking:
        return None
    reason = "; ".join(f"{f.path}: {f.detail}" for f in blocking)
    return _send_back(run, "gate", _gate_feedback(blocking), Ending(Outcome.REFUSED, reason))


def _gate_feedback(findings: tuple[Finding, ...]) -> str:
    return render("gate_feedback.md", findings=findings)


def _verify(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
    if not plan.commands:
        return None  # --untested draft
    if run.state.verified is None:
        run.record(_verify_frozen(run, services, plan))
    report = run.state.verified.report if run.state.verified else Report(checks=())
    if report.passed:
        return None
    feedback = services.feedback(report)
    failed = ", ".join(c.name for c in report.checks if not c.passed)
    ending = Ending(Outcome.UNVERIFIED, f"Verification fails: {failed}.")
    return _send_back(run, "verify", render("verify_feedback.md", feedback=feedback), ending)


def _verify_frozen(run: Run, services: Services, plan: Plan) -> Verified:
    """Run every check on exactly the frozen commit, in a fresh container."""
    change, mirror = _frozen(run), services.mirror
    pack, shallow = mirror.seed(change.base, run.state.request.depth)
    image = plan.image(services.cancel)
    touched = any(services.is_manifest(f.path) for f in change.files)
    spec = SandboxSpec(
        run_id=run.id,
        role="verify",
        image=image,
        packs=(pack, mirror.pack(change.head, change.base)),
        shallow=shallow,
        head=change.head,
        checkout=change.head,
    )
    with services.open_sandbox(spec, services.cancel) as box:
        checks: tuple[Check, ...] = ()
        if touched:
            checks = _run_setup(run, services, plan, box)
        if all(c.passed for c in checks):
            checks += _run_checks(run, services, plan, box)
        if asked := box.asked():
            run.record(RegistryAsked(requests=asked))
    return Verified(stage="final", commit=change.head, image=image, report=Report(checks=checks))


def _run_setup(run: Run, services: Services, plan: Plan, box: Sandbox) -> tuple[Check, ...]:
    """Manifests changed: setup again, through the package proxy only, and never into the cache."""
    checks = []
    for number, command in enumerate(plan.setup, start=1):
        services.cancel.check()
        result = box.run(command, timeout=run.state.limits.verify_seconds)
        tail = result.output.strip()[-1500:]
        checks.append(
            Check(
                name=f"setup {number}",
                command=command,
                exit_code=result.exit_code,
                seconds=result.seconds,
                summary="done" if result.exit_code == 0 else tail,
                timed_out=result.timed_out,
            )
        )
        if result.exit_code != 0:
            break
    return tuple(checks)


def _judge(run: Run, services: Services, plan: Plan, workshop: Workshop) -> Ending | None:
    if services.judge is None:
        return None
    if run.state.judged is None:
        change = _frozen(run)
        report = run.state.verified.report if run.state.verified else Report(checks=())
        flags = run.state.gated.findings if run.state.gated else ()
        answer = services.judge.review(run, change, report, flags)
        run.record(Judged(commit=change.head, verdict=answer))
    verdict = run.state.judged.verdict if run.state.judged else None
    if verdict is None or verdict.verdict == "approve":
        return None
    ending = Ending(Outcome.VETOED, " ".join(verdict.reasons) or "The judge refuses the change.")
    if run.state.judge_rounds > run.state.limits.max_judge_rounds:
        return ending
    return _send_back(run, "judge", render("judge_feedback.md", reasons=verdict.reasons), ending)


def _send_back(run: Run, origin: str, text: str, ending: Ending) -> Ending | None:
    """Send the model back to work with ``text``, or end the run if its rounds are used up."""
    if run.state.rounds + 1 >= run.state.limits.max_attempts:
        return ending
    run.record(Instructed.model_validate({"origin": origin, "text": text}))
    return None


# ---- the end ----------------------------------------------------------------------------


def _publish(run: Run, services: Services, plan: Plan, access: PushAccess) -> Ending:
    blocked = publish(run, services, plan, access)
    if blocked:
        return Ending(Outcome.REFUSED, blocked)
    pull_request = run.state.published.pull_request if run.state.published else None
    verb = "opened" if pull_request is None or pull_request.created else "updated"
    return Ending(Outcome.PUBLISHED, f"Pull request {verb}.")


def _end(run: Run, services: Services, ending: Ending) -> None:
    patch = _keep_patch(run, services)
    run.record(RunEnded(outcome=ending.outcome, reason=ending.reason, patch=patch, seconds=run.seconds()))


def _keep_patch(run: Run, services: Services) -> str | None:
    """The work so far as a patch in the artifact store: of the last frozen change or checkpoint."""
    state = run.state
    change: Change | None = None
    try:
        if state.frozen is not None:
            change = state.frozen.change
        elif state.checkpoint is not None:
            change = services.mirror.diff(_base_sha(run), state.checkpoint.commit)
        elif state.last_change is not None:
            change = state.last_change.change
        if change is None or change.empty:
            return None
        return services.artifacts.put(change.patch.encode("utf-8", "surrogateescape"))
    except (GitError, StoreError):
        return None  # the end itself must be logged; the checkpoint's artifact still has the work


def _base_sha(run: Run) -> str:
    if run.state.base is None:
        raise ValueError("the base of this run is not resolved yet")
    return run.state.base.base.sha


def _frozen(run: Run) -> Change:
    if run.state.frozen is None:
        raise ValueError("no change is frozen")
    return run.state.frozen.change
