"""One run, a straight line: request, base, [ session, freeze, gates, verify, judge ]*, publish.

Calling :func:`execute` again on the same log *is* resuming: every step first looks whether
the log already has its result, and every side effect outside the log is idempotent.
"""

from __future__ import annotations

from honk.agent.session import Session, redo, work
from honk.core.errors import (
    Cancelled,
    Exhausted,
    HonkError,
    InfrastructureError,
    StaleWriter,
    in_words,
)
from honk.core.events import BaseResolved, Instructed, SessionEnded
from honk.core.types import Finish, FinishStatus, Outcome, PushAccess
from honk.prompts import render
from honk.runs import followup
from honk.runs.evidence import attest
from honk.runs.gate import stop_gate
from honk.runs.patch import end
from honk.runs.publish import publish
from honk.runs.run import Ending, Run
from honk.runs.services import Plan, Services
from honk.runs.verification import at_once, measure_base, standing, verify_in_session
from honk.runs.workshop import Workshop

PACKAGE_MANAGERS = "pip, uv, npm, pnpm, yarn"


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
    except Exhausted as error:
        ending = Ending(Outcome.EXHAUSTED, error.message)
    except HonkError as error:
        if services.cancel.is_set():  # what broke under a cancelled run broke because of that
            _end(run, services, Ending(Outcome.CANCELLED, services.cancel.reason))
            return
        _end(run, services, Ending(Outcome.FAILED, str(error)))
        if isinstance(error, InfrastructureError):
            return
        raise
    except Exception as error:
        # A defect of honk's own must not cost the person the work: keep the patch, then fail loudly.
        _end(run, services, Ending(Outcome.FAILED, in_words(error)))
        raise
    _end(run, services, ending)


def _line(run: Run, services: Services) -> Ending:
    services.sweep()  # the first step, since nothing goes without the engine
    access = _access(run, services)
    if isinstance(access, Ending):
        return access
    plan = _start(run, services, access)
    if isinstance(plan, Ending):
        return plan
    if not plan.commands and run.state.request.untested == "refuse":
        return Ending(
            Outcome.SKIPPED,
            "Nothing here verifies a change: no tests or checks were found. "
            "Name a command with --verify, or accept an unverified draft with --untested draft.",
        )
    measure_base(run, services, plan, at_once(run, plan))
    ending = _broken_base(run)
    for _ in range(followup.MOVES):
        ending = ending or _attempts(run, services, plan)
        if ending is not None:
            return ending
        attest(run, services)
        if access is None or run.state.request.dry_run:
            return Ending(Outcome.VERIFIED, "Everything but the pull request is done (--dry-run).")
        if not followup.moved(run, services, access):
            return _publish(run, services, plan, access)
    return Ending(Outcome.FAILED, "The branch moved each time that the work was about to be pushed.")


def _access(run: Run, services: Services) -> PushAccess | Ending | None:
    """Where the run may push; asked before any model cost. None: it will not."""
    request = run.state.request
    if request.followup is not None:
        return followup.reach(run, services)
    return None if request.dry_run else services.publisher.access(request.repo, fork=request.fork)


def _start(run: Run, services: Services, access: PushAccess | None) -> Plan | Ending:
    """Fetch, resolve the base once, and derive the plan from it."""
    request, resolved = run.state.request, run.state.base
    if resolved is None:
        base = services.mirror.fetch(request.base)
        if request.followup is not None and access is not None:
            found = followup.begin(run, services, access)
            if isinstance(found, Ending):
                return found
            base = found
    else:
        base = resolved.base
        followup.restore(run, services)
        services.mirror.ensure(base.sha)
    followed = run.state.followed
    plan = services.plan(request, base, followed.trusted if followed else base.sha)
    if resolved is None:
        branch = followed.branch if followed else services.branch(request.text, run.id)
        limits = run.state.limits.lowered(plan.limits)
        run.record(
            BaseResolved(
                base=base,
                branch=branch,
                verify=plan.commands,
                notices=plan.notices,
                limits=limits if limits != run.state.limits else None,
            )
        )
    for event in (run.state.checkpoint, run.state.frozen):
        if event is not None:  # the mirror is a cache; the artifact is what lasts
            services.mirror.unpack(services.artifacts.get(event.artifact))
    return plan


def _broken_base(run: Run) -> Ending | None:
    """With ``--broken-base skip`` a base that fails its own checks ends the run before any model cost."""
    report = run.state.base_report
    if run.state.request.broken_base == "continue" or report is None or report.passed:
        return None
    failed = ", ".join(c.name for c in report.checks if not c.passed)
    return Ending(Outcome.SKIPPED, f"The base fails its own checks: {failed} (--broken-base skip).")


def _attempts(run: Run, services: Services, plan: Plan) -> Ending | None:
    """Work and face the stop gate until a change passes (None) or the run is over."""
    with Workshop(run, services, plan) as workshop:
        while True:
            if run.state.session is None and not run.state.plan_waits:
                _session(run, services, plan, workshop)
            if run.state.plan_waits:
                _hear(run, services)  # words amend the plan
                if run.state.plan_waits:
                    return Ending(Outcome.PLANNED, "The plan waits for a person's approval.")
                continue
            ending = _session_ending(run)
            if ending is None:
                ending = stop_gate(run, services, plan, workshop)
            if ending is None:
                _hear(run, services)  # words that came during the gate count before it is too late
            if ending is not None or run.state.session is not None:
                return ending


# ---- the session ------------------------------------------------------------------------


def _session(run: Run, services: Services, plan: Plan, workshop: Workshop) -> None:
    resumed = workshop.box is None and bool(run.state.messages)
    box = workshop.open()
    session = Session(
        log=run,
        model=services.model,
        window=services.window,
        toolbox=services.toolbox(
            box,
            lambda: verify_in_session(run, services, plan, box),
            lambda: run.within(run.state.limits.command_seconds),
        ),
        save=workshop.save,
        hear=lambda: _hear(run, services),
        cache_key=run.id,
    )
    _instruct(run, plan)
    if followup.only_merges(run):
        run.record(SessionEnded(finish=Finish(reason="The base was merged in.")))
        return
    if resumed and run.state.turns:
        redone = redo(session)
        if run.state.session is None and not run.state.plan_waits:
            _back(run, redone=redone)
    work(session)


def _back(run: Run, *, redone: bool) -> None:
    """Tell the model that it works in another sandbox now, and why."""
    state = run.state
    if state.approved is not None and state.plan is not None and not state.plan_told:
        text = render("plan_approved.md", plan=state.plan.text)
        run.record(Instructed(origin="plan", text=text))
        return
    text = render("resume.md", redone=redone, planning=state.planning)
    run.record(Instructed(origin="resume", text=text))


def _hear(run: Run, services: Services) -> None:
    """Pass on what people said since the last turn."""
    for word in run.heard():
        text = render("human.md", words=word.text, planning=run.state.planning)
        run.record(Instructed(origin="human", text=text))
        services.inbox.drop(word)


def _instruct(run: Run, plan: Plan) -> None:
    """Give the model its system prompt and its task, unless the log has them."""
    state = run.state
    if not state.system:
        text = render("system.md", package_managers=PACKAGE_MANAGERS)
        run.record(Instructed(origin="system", text=text))
    if state.messages:
        return
    task = render(
        "task.md",
        request=state.task,
        planning=state.planning,
        followup=followup.words(run),
        repo=state.request.repo.name,
        branch=state.base.base.branch if state.base else "",
        commands=run.state.in_force(plan.commands),
        failing=standing(run),
        submodules=plan.submodules.present,
        left_out=plan.submodules.absent,
        guidance=plan.guidance,
        template=plan.template,
    )
    run.record(Instructed(origin="task", text=task))


def _session_ending(run: Run) -> Ending | None:
    """What the end of the session means on its own, before the stop gate; None: go on."""
    session = run.state.session
    if session is None:
        return None
    reason, status = session.finish.reason, session.finish.status
    if session.stopped in ("limit", "stuck", "refusal"):
        return Ending(Outcome.EXHAUSTED if session.stopped == "limit" else Outcome.STUCK, reason)
    if status is FinishStatus.NO_CHANGE and not followup.merges(run):
        return Ending(Outcome.NO_CHANGE, reason or "The model found nothing to do.")
    if status is FinishStatus.PRECONDITION_FAILED:
        return Ending(Outcome.SKIPPED, reason or "A precondition of the request does not hold.")
    if status is FinishStatus.GAVE_UP:
        return Ending(Outcome.STUCK, reason or "The model gave up.")
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
    end(run, services.mirror, services.artifacts, ending.outcome, ending.reason)
