"""The stop gate: what stands between a session and a pull request.

The tree is frozen into a commit, the commit's diff passes deterministic gates, every check
runs on exactly that commit in a fresh container, and the judge compares it with the
request. Whatever fails goes back to the model as one message, a bounded number of times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from honk.core.errors import Exhausted, HandOverError
from honk.core.events import ChangeFrozen, Gated, Instructed, Judged, RegistryAsked, Verified
from honk.core.ports import Sandbox, SandboxSpec
from honk.core.types import Change, Check, CommandResult, Finding, Outcome, Report, VerifyCommand
from honk.prompts import render
from honk.runs.publish import commit_message
from honk.runs.run import Run
from honk.runs.services import Plan, Services
from honk.runs.workshop import Workshop, base_sha

_SYSTEM_PACKAGES = re.compile(
    r"""\s*(?:(?:sudo|env|-\S+|\w+=\S*)\s+)*  # what may stand before a command
    (?:apt|apt-get|apk|dnf|microdnf|yum|zypper)\s
    (?:"[^"]*"|'[^']*'|\\.|>&|[^"'\\&;\n])*  # its arguments
    (?:&&|;|\n|$)\s*""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Ending:
    """How and why a run ends."""

    outcome: Outcome
    reason: str


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
            commit = workshop.freeze(commit_message(run, services.wording))
        except HandOverError as error:  # the model can mend it: a path, a type, a size
            finding = Finding(gate="hand-over", result="block", path="", detail=error.message)
            run.record(Gated(commit=base_sha(run), findings=(finding,)))
            return _send_back(run, "gate", _gate_feedback((finding,)), Ending(Outcome.REFUSED, error.message))
        change = services.mirror.diff(base_sha(run), commit)
        # Gates read the blobs; log, patch and judge need no secret to know that there is one.
        change = change.model_copy(update={"patch": services.wording.mask(change.patch)})
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
        run.record(Gated(commit=change.head, findings=plan.inspect(change, run.state.allowed)))
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
        run.record(_verify_commit(run, services, plan, _frozen(run)))
    report = run.state.verified.report if run.state.verified else Report(checks=())
    if report.passed:
        return None
    feedback = services.feedback(report)
    failed = ", ".join(c.name for c in report.checks if not c.passed)
    ending = Ending(Outcome.UNVERIFIED, f"Verification fails: {failed}.")
    return _send_back(run, "verify", render("verify_feedback.md", feedback=feedback), ending)


def verify_base(run: Run, services: Services, plan: Plan) -> Ending | None:
    """With ``--broken-base skip``: whether the base itself passes, before any model cost."""
    if run.state.base_report is None:
        run.record(_verify_commit(run, services, plan, None))
    report = run.state.base_report
    if report is None or report.passed:
        return None
    failed = ", ".join(c.name for c in report.checks if not c.passed)
    return Ending(Outcome.SKIPPED, f"The base fails its own checks: {failed} (--broken-base skip).")


def _verify_commit(run: Run, services: Services, plan: Plan, change: Change | None) -> Verified:
    """Run every check in a fresh container, on exactly the change's commit or on the base."""
    base, mirror = base_sha(run), services.mirror
    pack, shallow = mirror.seed(base, run.state.request.depth)
    image = plan.image(services.cancel)
    commit = base if change is None else change.head
    spec = SandboxSpec(
        run_id=run.id,
        role="verify",
        image=image,
        packs=(pack,) if change is None else (pack, mirror.pack(commit, base)),
        shallow=shallow,
        head=commit,
        checkout=commit,
        submodules=plan.submodules.seed(),
    )
    touched = change is not None and any(services.is_manifest(f.path) for f in change.files)
    with services.open_sandbox(spec, services.cancel) as box:
        checks: tuple[Check, ...] = ()
        if touched:
            checks = _run_setup(run, services, plan, box)
        if all(c.passed for c in checks):
            for number, command in enumerate(plan.commands):
                if number or checks:  # no check may live on what another left running or lying about
                    box.reset()
                checks += run_checks(run, services, (command,), box)
        if asked := box.asked():
            run.record(RegistryAsked(requests=asked))
    stage: Literal["base", "final"] = "base" if change is None else "final"
    return Verified(stage=stage, commit=commit, image=image, report=Report(checks=checks))


def _run_setup(run: Run, services: Services, plan: Plan, box: Sandbox) -> tuple[Check, ...]:
    """Manifests changed: setup again, through the package proxy only, and never into the cache.

    Packages of the system are left out: they come from the image, no manifest of the
    repository names them, and they would need root and their own mirrors. What honk only
    detected may fail, as it may when the image is prepared; the checks then decide alone.
    """
    checks: list[Check] = []
    for number, declared in enumerate(plan.setup, start=1):
        command = _without_system_packages(declared)
        if not command:
            continue
        result = _timely(run, services, box, command, run.state.limits.verify_seconds)
        if result.exit_code != 0 and not plan.setup_declared:
            break
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


def _without_system_packages(command: str) -> str:
    while found := _SYSTEM_PACKAGES.match(command):
        command = command[found.end() :]
    return command


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


def run_checks(
    run: Run, services: Services, commands: tuple[VerifyCommand, ...], box: Sandbox
) -> tuple[Check, ...]:
    """Run ``commands``. Raises Exhausted when the run's time is used up before or meanwhile: a
    check that was killed for that says nothing about the change."""

    def command(line: str, timeout: float) -> CommandResult:
        return _timely(run, services, box, line, timeout)

    return tuple(services.check(c, command, run.state.limits.verify_seconds) for c in commands)


def _timely(run: Run, services: Services, box: Sandbox, line: str, timeout: float) -> CommandResult:
    services.cancel.check()
    _in_time(run)
    result = box.run(line, timeout=run.within(timeout))
    if result.timed_out:
        _in_time(run)
    return result


def _in_time(run: Run) -> None:
    if late := run.state.limits.late(run.seconds()):
        raise Exhausted(f"{late} Verification was not finished.")


def _frozen(run: Run) -> Change:
    if run.state.frozen is None:
        raise ValueError("no change is frozen")
    return run.state.frozen.change
