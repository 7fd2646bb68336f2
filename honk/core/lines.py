"""What the events of a run say to people, as plain lines: terminals, chats and other agents."""

from __future__ import annotations

import json

from honk.core.events import (
    Attested,
    BaseResolved,
    ChangeFrozen,
    Compacted,
    FollowedUp,
    Gated,
    Instructed,
    Judged,
    ModelReplied,
    Moved,
    Overruled,
    PathsAllowed,
    PlanApproved,
    Planned,
    Published,
    Pushed,
    Recorded,
    RegistryAsked,
    RunEnded,
    RunRequested,
    RunResumed,
    SandboxStarted,
    ToolReturned,
    Verified,
)
from honk.core.judgement import sentences
from honk.core.limits import OVERTIME
from honk.core.messages import ToolCall
from honk.core.plain import clean
from honk.core.types import Check, Finding


def call_line(call: ToolCall, width: int = 110) -> str:
    """One tool call in one line: the tool's name and what matters of its arguments."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = {"?": call.arguments}
    values = arguments.values() if isinstance(arguments, dict) else [arguments]
    words = " ".join(" ".join(map(str, v)) if isinstance(v, list) else str(v) for v in values)
    return _short(f"{call.name}: {words}", width).removesuffix(":")


def _short(text: str, width: int) -> str:
    line = clean(" ".join(text.split()))
    return line if len(line) <= width else line[: width - 1] + "…"


def finding_line(finding: Finding) -> str:
    """What a gate says; the whole tree has no path."""
    return f"{finding.path}: {finding.detail}" if finding.path else finding.detail


def lines(recorded: Recorded) -> list[str]:
    """What an event says to people, as plain lines that no terminal obeys; most say one thing."""
    return [clean(line) for line in _lines(recorded)]


def _lines(recorded: Recorded) -> list[str]:  # noqa: C901 -- one case for each event
    event = recorded.event
    match event:
        case RunRequested():
            note = ["REPLAYED SESSION: recorded answers are played back, no model thinks here."]
            return [f"run {recorded.run_id}: {_short(event.request.title, 400)}"] + (
                note if event.replayed else []
            )
        case RunResumed():
            return ["resumed"]
        case BaseResolved():
            base = event.base
            checks = ", ".join(c.name for c in event.verify) or "none found"
            return [f"{base.repo.name} {base.branch} at {base.sha[:12]}; checks: {checks}", *event.notices]
        case FollowedUp():
            return _found(event)
        case Moved():
            return [f"somebody pushed {event.found.head[:12]}; the work so far is laid over it"]
        case SandboxStarted():
            return ["sandbox started"]
        case Instructed() if event.origin in ("gate", "verify", "judge", "limit", "human"):
            return [f"back to work ({event.origin}):", *("  " + x for x in event.text.splitlines())]
        case ModelReplied() if event.purpose == "work":
            message = event.completion.message
            words = [f"  {line}" for line in message.text.splitlines() if line.strip()]
            return words + [f"> {call_line(c)}" for c in message.calls]
        case ToolReturned() if event.result.error:
            return [f"  ! {(event.result.text.strip() or 'failed').splitlines()[0][:110]}"]
        case ToolReturned() if event.result.text.rpartition("\n")[2].startswith("[exit code "):
            return [f"  {event.result.text.rpartition(chr(10))[2]}"]
        case Compacted():
            return [f"the context window is nearly full: {event.end - event.start} messages became notes"]
        case RegistryAsked():
            return [f"  registry: {request}" for request in event.requests]
        case ChangeFrozen():
            files = event.change.files
            added = sum(f.added or 0 for f in files)
            removed = sum(f.removed or 0 for f in files)
            count = f"{len(files)} file{'s'[: len(files) != 1]}"
            return [f"handed over {event.change.head[:12]}: {count}, +{added} -{removed}"]
        case Gated():
            return [f"gate {f.result}: {finding_line(f)}" for f in event.findings] or ["gates: nothing"]
        case PathsAllowed():
            who = f" by {event.by}" if event.by else ""
            return [f"permitted{who}: {', '.join(event.globs)}"]
        case Planned():
            return ["plan:", *("  " + line for line in event.text.splitlines())]
        case PlanApproved():
            return [f"the plan is approved{f' by {event.by}' if event.by else ''}"]
        case Verified():
            where = {"session": "verify", "base": "base", "final": "verified outside"}[event.stage]
            return [f"{where}: {line}" for check in event.report.checks for line in _check(check)]
        case Judged():
            said, *more = sentences(event.verdict, event.mode)
            return [f"judge {said}", *(f"  {line}" for line in more)]
        case Overruled():
            return [f"a person{f' ({event.by})' if event.by else ''} overrules the judge"]
        case Attested():
            return [f"evidence signed: {event.artifact}"]
        case Pushed():
            return [f"pushed {event.sha[:12]} to {event.branch}"]
        case Published():
            return [f"pull request {event.pull_request.url}"]
        case RunEnded():
            return [f"{event.outcome}: {event.reason}"]
        case _:
            return []


def _check(check: Check) -> list[str]:
    """How a check ended, and what differs from the base; names of tests are cut short."""
    took = "known from an earlier run" if check.known else f"in {check.seconds:.1f}s"
    late = f": {OVERTIME}" if check.timed_out else ""
    said = [f"{check.name} {'passed' if check.passed else 'FAILED'} {took}{late}"]
    found = check.compared
    if found is not None and found.blocks != (not check.passed):
        said.append(f"{check.name}: {found.reason}")
    if found is not None and found.flaky:
        said.append(f"{check.name} flaky: {', '.join(found.flaky[:5])}")
    return said


def _found(event: FollowedUp) -> list[str]:
    """What a follow-up has to do, in a few lines."""
    conflicts = f", conflicts in {', '.join(event.conflicts)}" if event.conflicts else ""
    merged = [f"  merged {event.merged[:12]} of the base{conflicts}"] if event.merged else []
    said = [f"  {r.author}: {r.text.splitlines()[0] if r.text else ''}" for r in event.remarks]
    failed = [f"  fails: {check.name}" for check in event.failures]
    return [f"pull request {event.pull_request.url} at {event.head[:12]}", *merged, *said, *failed]
