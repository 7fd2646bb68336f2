"""The last step: the words of commit and pull request, the push, the pull request itself."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from honk.core.events import Published, Pushed
from honk.core.judgement import Verdict
from honk.core.rules import weight
from honk.core.state import RunState
from honk.core.types import Check, Comparison, Finding, Proposal, PushAccess, Report
from honk.prompts import render
from honk.runs.evidence import plain
from honk.runs.run import Run
from honk.runs.services import Plan, Services, Wording

SHOWN = 10
"""Names of tests of one kind that the pull request lists."""
NAME = 120
"""Characters of each that it shows; with SHOWN they keep the evidence below the forge's limit."""

SAID = 300
"""Characters of one sentence of the judge that it shows."""


def title(run: Run, wording: Wording) -> str:
    """The model's title if it gave a usable one, else the request's first line."""
    finish = run.state.session.finish if run.state.session else None
    own = wording.title(finish.title) if finish else ""
    return own or wording.title(run.state.task.partition("\n")[0]) or "Change by honk"


def commit_message(run: Run, wording: Wording) -> str:
    """Set by the host before verification, so that the verified commit is the pushed one."""
    finish = run.state.session.finish if run.state.session else None
    return render(
        "commit.txt",
        title=title(run, wording),
        # A follow-up's description is that of the whole pull request, not of its commit.
        description=wording.body(finish.description) if finish and run.state.followed is None else "",
        run_id=run.id,
        requester=run.state.request.requester,
    )


def publish(run: Run, services: Services, plan: Plan, access: PushAccess) -> str:
    """Push the verified commit and open or update the pull request.

    Returns why the words may not be published (a secret, say), or an empty string.
    """
    state = run.state
    if state.base is None or state.frozen is None:
        raise ValueError("nothing is ready to be published")
    branch, head = state.base.branch, state.frozen.change.head
    if plan.commands and (state.verified is None or state.verified.commit != head):
        raise ValueError("the commit to be published is not the verified one")
    heading, body = _words(run, services, plan, access)
    if findings := services.wording.scan(f"{heading}\n{body}\n{plain(run, services)}"):
        return "; ".join(f"pull request text: {f.detail}" for f in findings)
    services.cancel.check()  # the last moment to heed a Ctrl-C, or another process's lease
    if state.pushed is None or state.pushed.sha != head:
        expect = state.pushed.sha if state.pushed else state.followed.head if state.followed else None
        services.mirror.push(head, branch, access, expect)
        run.record(Pushed(branch=branch, sha=head))
    if state.published is None:
        proposal = Proposal(
            run_id=run.id,
            repo=state.base.base.repo,
            base=state.base.base.branch,
            branch=branch,
            head_owner=state.followed.head_owner if state.followed else access.owner if access.fork else "",
            head_sha=head,
            title=heading,
            body=body,
            draft=state.request.draft or not _spoken_for(state, plan),
            labels=plan.labels,
            reviewers=plan.reviewers(state.frozen.change),
        )
        pull_request = services.publisher.publish(proposal)
        run.record(Published(pull_request=pull_request, title=heading, body=body))
    return ""


def _spoken_for(state: RunState, plan: Plan) -> bool:
    """Whether a check or a test passes. What nothing verifies is never ready to be merged."""
    report = state.verified.report if plan.commands and state.verified else Report(checks=())
    return report.permits("refuse")


@dataclass(frozen=True)
class _Room:
    """How much the description shows of what can give way; numbers are of characters, but for
    ``names`` (tests of one kind) and ``flags``."""

    envelope: bool = True
    template: bool = True
    names: int = SHOWN
    flags: int = 20
    description: int = 20_000
    request: int = 20_000


_ROOMS = (
    _Room(),
    _Room(envelope=False),
    _Room(envelope=False, template=False),
    _Room(envelope=False, template=False, names=2),
    _Room(envelope=False, template=False, names=2, description=4_000),
    _Room(envelope=False, template=False, names=0, flags=5, description=1_000, request=2_000),
)
"""What gives way to the forge's limit, in this order: the signed statement, which the run keeps, the
template that nobody filled, names of tests, the model's words, the request. The table stays."""

_CUT = "\n\n(Cut: the text is too long for a pull request.)"


def _words(run: Run, services: Services, plan: Plan, access: PushAccess) -> tuple[str, str]:
    """Title and body, which fits into the forge's limit unless there are hundreds of checks."""
    state, wording = run.state, services.wording
    bodies = (_body(run, services, plan, access, room) for room in _ROOMS)
    for body in bodies:
        if wording.units(body) <= wording.body_limit:
            break
    if state.followed is not None:  # which a person may have given
        return state.followed.title, body
    return plan.title.replace("{title}", title(run, wording)), body


def _body(run: Run, services: Services, plan: Plan, access: PushAccess, room: _Room) -> str:
    state, wording = run.state, services.wording
    assert state.base is not None and state.frozen is not None  # checked by publish()
    report = state.verified.report if state.verified else Report(checks=())
    requester = state.request.requester
    finish = state.session.finish if state.session else None
    words = finish.description if finish else ""
    if state.followed is not None:
        words = words or state.followed.description
    description = _at_most(words, room.description, wording)
    flags = _flags(state, wording)
    attested = state.attested
    return render(
        "pull_request.md",
        replayed=state.requested is not None and state.requested.replayed,
        description=description,
        fixes=wording.issue(state.task),
        template=_unused_template(plan, description) if room.template else "",
        request=_at_most(state.task, room.request, wording),
        followup=state.followed,
        checks=report.checks,
        differences=_told(report, wording, room.names),
        flags=flags[: room.flags],
        more_flags=max(0, len(flags) - room.flags),
        judge=_judged(state, wording),
        overruled=state.overruled_now is not None,
        planned=state.approved is not None,
        judge_rounds=state.judge_rounds,
        base=state.base.base.branch,
        base_sha=state.followed.trusted if state.followed else state.base.base.sha,
        head_sha=state.frozen.change.head,
        image=state.verified.image if state.verified else (state.image or ""),
        model=state.request.model,
        turns=state.turns,
        cost=state.cost_usd,
        run_id=run.id,
        evidence=attested.artifact if attested else "",
        envelope=_envelope(run, services) if room.envelope else "",
        reproduce=_reproduce(run, services, access),
        requester=requester,
        requester_name=wording.title(requester.split("<")[0]) or wording.title(requester),
    )


def _at_most(text: str, size: int, wording: Wording) -> str:
    """The first ``size`` characters, sanitised. Cut before that: a cut afterwards could open a code
    span that keeps a mention inert."""
    return wording.body(text) if len(text) <= size else wording.body(text[:size]) + _CUT


def _envelope(run: Run, services: Services) -> str:
    """The signed statement, for readers who have nothing but the pull request. Who reads one of the
    local forge has the run's own."""
    attested, base = run.state.attested, run.state.base
    if attested is None or base is None or base.base.repo.forge == "local":
        return ""
    return services.artifacts.get(attested.artifact).decode()


def _reproduce(run: Run, services: Services, access: PushAccess) -> str:
    """The command that repeats the checks: from the pull request on GitHub, else from the run's log,
    with the settings that the run had: what setup and checks fetch comes from the registries there."""
    base = run.state.base
    assert base is not None
    if base.base.repo.forge == "local":
        settings = f"--config {quote(str(services.config))} " if services.config else ""
        return f"honk reproduce {settings}{run.id}"
    owner = f"{access.owner}:" if access.fork else ""
    return f"honk reproduce --repo {quote(base.base.repo.name)} {quote(owner + base.branch)}"


def differences(check: Check) -> list[tuple[str, tuple[str, ...]]]:
    """What of a check differs from the base, in words, with the names of the tests."""
    found = check.compared or Comparison(blocks=False)
    lists = (
        ("new failures", found.new_failures),
        ("failing before and after", found.standing),
        ("mended", found.mended),
        ("flaky", found.flaky),
        ("no longer run", found.missing),
        ("now skipped", found.skipped),
    )
    return [(what, names) for what, names in lists if names]


def _told(report: Report, wording: Wording, count: int) -> list[tuple[str, str, str]]:
    """Check, what differs from the base, and the tests; their names are words of the code under test."""
    told = []
    for check in report.checks:
        for what, names in differences(check):
            shown = [name if len(name) <= NAME else name[: NAME - 1] + "…" for name in names[:count]]
            more = [f"{len(names) - len(shown)} more"] if len(names) > len(shown) else []
            listed = [", ".join(map(wording.body, shown))] if shown else []
            told.append((check.name, what, " and ".join(listed + more)))
    return told


def _flags(state: RunState, wording: Wording) -> tuple[Finding, ...]:
    """What a reviewer should look at, the gravest first; a detail may quote the change (a link's target)."""
    found = state.gated.findings if state.gated else ()
    return tuple(
        f.model_copy(update={"path": f.path[:200], "detail": wording.body(f.detail[:400])})
        for f in sorted(found, key=lambda found: weight(found.gate))
        if f.result == "flag"
    )


def _judged(state: RunState, wording: Wording) -> Verdict | None:
    """The verdict as the pull request tells it: a model's words, a bounded number of them."""
    if state.judged is None:
        return None
    verdict = state.judged.verdict

    def told(text: str) -> str:
        return " ".join(wording.body(text if len(text) <= SAID else text[: SAID - 1] + "…").split())

    return verdict.model_copy(
        update={
            "reasons": tuple(map(told, verdict.reasons[:SHOWN])),
            "out_of_scope": tuple(
                stray.model_copy(update={"path": told(stray.path), "why": told(stray.why)})
                for stray in verdict.out_of_scope[:SHOWN]
            ),
            "missing": tuple(map(told, verdict.missing[:SHOWN])),
            "flags": tuple(
                ruling.model_copy(update={"detail": told(ruling.detail), "why": told(ruling.why)})
                for ruling in sorted(verdict.flags, key=lambda ruling: ruling.justified)[:SHOWN]
            ),
        }
    )


def _unused_template(plan: Plan, description: str) -> str:
    """The repository's template, unless the model's description already has its headings."""
    if not plan.template:
        return ""
    headings = [line.strip() for line in plan.template.splitlines() if line.startswith("#")]
    used = bool(headings) and all(heading in description for heading in headings)
    return "" if used else plan.template
