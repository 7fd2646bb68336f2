"""The closed union of events. A run *is* the list of them; state is their fold.

Events carry no display code and no vendor fields. The union is closed here and versioned
on disk: a field may be added with a default, nothing may be removed or renamed while a log
in ``tests/fixtures/logs`` still has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic_core import PydanticSerializationError

from honk.core.base import Frozen
from honk.core.followup import FailedCheck, Remark
from honk.core.judgement import JudgeMode, Verdict
from honk.core.limits import Limits
from honk.core.messages import Completion, Purpose, ToolResult
from honk.core.types import (
    Base,
    Change,
    Finding,
    Finish,
    Outcome,
    PullRequest,
    Report,
    Request,
    VerifyCommand,
)


class RunRequested(Frozen):
    """The first event of every run. ``replayed`` marks a session that no model thought up."""

    kind: Literal["run_requested"] = "run_requested"
    version: int = 1  # of the log format
    honk: str  # honk's own version
    request: Request
    replayed: bool = False


class RunResumed(Frozen):
    """The run goes on after a crash, a failure, a cancellation or a limit; an earlier end is void."""

    kind: Literal["run_resumed"] = "run_resumed"
    limits: Limits  # those in force from now on


class BaseResolved(Frozen):
    """The base commit is in the mirror; ``branch`` is where honk will push."""

    kind: Literal["base_resolved"] = "base_resolved"
    base: Base
    branch: str
    verify: tuple[VerifyCommand, ...]
    notices: tuple[str, ...] = ()  # for people: uncommitted changes not included, and the like
    limits: Limits | None = None  # in force from here on, if the repository asks for lower ones


class FollowedUp(Frozen):
    """What a follow-up found. ``base`` of the BaseResolved after it is the commit to build upon:
    ``head`` itself, or the merge of ``merged`` (the base branch's newest commit) into it.

    ``trusted`` is the commit of the base branch whose rules hold (checks, image, guidance).
    ``artifact`` holds the merge as a pack, beyond head and ``merged``. ``conflicts`` are paths
    that git could not merge; they stand in the tree with conflict markers.
    """

    kind: Literal["followed_up"] = "followed_up"
    pull_request: PullRequest
    title: str
    original: str  # the change request that the pull request was opened for
    description: str  # of the pull request, before this run
    branch: str
    head: str
    head_owner: str = ""
    trusted: str
    merged: str | None = None
    artifact: str | None = None
    conflicts: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    failures: tuple[FailedCheck, ...] = ()
    heard: datetime | None = None  # when the newest remark that is worked in was made


class SandboxStarted(Frozen):
    """A container for the session runs. ``image`` is its id (``sha256:…``)."""

    kind: Literal["sandbox_started"] = "sandbox_started"
    image: str


class Instructed(Frozen):
    """Words for the model, from whomever. The system prompt is the first one (``origin`` system)."""

    kind: Literal["instructed"] = "instructed"
    origin: Literal["system", "task", "nudge", "limit", "gate", "verify", "judge", "resume", "human", "plan"]
    text: str


class ModelReplied(Frozen):
    """A finished model call; never made again on resume."""

    kind: Literal["model_replied"] = "model_replied"
    purpose: Purpose
    completion: Completion
    cost_usd: float
    seconds: float


class ToolReturned(Frozen):
    """The answer to one tool call of the last model turn."""

    kind: Literal["tool_returned"] = "tool_returned"
    result: ToolResult
    seconds: float


class Compacted(Frozen):
    """Earlier turns gave way to a summary: the messages from ``start`` up to ``end`` (which stays)
    of the conversation are replaced by one of the user with ``text``."""

    kind: Literal["compacted"] = "compacted"
    start: int
    end: int
    text: str


class Checkpointed(Frozen):
    """The change so far is safe. ``artifact`` is the digest of a git pack that holds ``commit``
    and what it needs beyond the base; ``commit`` is its id."""

    kind: Literal["checkpointed"] = "checkpointed"
    artifact: str
    commit: str


class Moved(Frozen):
    """Somebody pushed to the branch before the run did. ``found`` and ``base`` speak of the new
    head, and ``checkpoint`` is the work so far, laid over it."""

    kind: Literal["moved"] = "moved"
    found: FollowedUp
    base: Base
    checkpoint: Checkpointed


class Planned(Frozen):
    """The model proposes a plan (Markdown), and waits: for approval, or for words that amend it."""

    kind: Literal["planned"] = "planned"
    text: str


class PlanApproved(Frozen):
    """A person approves the last plan (``honk approve``): the work begins, and the end of the run,
    which waited, is void. ``by`` as in PathsAllowed."""

    kind: Literal["plan_approved"] = "plan_approved"
    by: str = ""


class SessionEnded(Frozen):
    """The model is finished, or was stopped (``stopped``: why a limit or the loop itself ended it)."""

    kind: Literal["session_ended"] = "session_ended"
    finish: Finish
    stopped: Literal["limit", "stuck", "refusal", "idle"] | None = None


class ChangeFrozen(Frozen):
    """The tree was handed over as ``change.head``; ``artifact`` as in Checkpointed."""

    kind: Literal["change_frozen"] = "change_frozen"
    change: Change
    artifact: str


class Gated(Frozen):
    kind: Literal["gated"] = "gated"
    commit: str
    findings: tuple[Finding, ...]


class PathsAllowed(Frozen):
    """A person permits what gates blocked (``honk approve``): the frozen change is inspected again,
    and the refusal that ended the run is void.

    ``globs`` add to those of the request; ``by`` is who said so, as the system or a service's
    token names them.
    """

    kind: Literal["paths_allowed"] = "paths_allowed"
    globs: tuple[str, ...]
    by: str = ""


class Verified(Frozen):
    """``stage``: on the base, inside the session (advice), or on the frozen commit (decides).

    Only the checks of the base keep the names of the tests that passed."""

    kind: Literal["verified"] = "verified"
    stage: Literal["base", "session", "final"]
    commit: str | None  # None inside the session
    image: str
    report: Report


class Judged(Frozen):
    kind: Literal["judged"] = "judged"
    commit: str
    verdict: Verdict
    mode: JudgeMode = "blocking"


class Overruled(Frozen):
    """A person publishes what the judge refused (``honk approve``); the end of the run is void.
    ``by`` as in PathsAllowed."""

    kind: Literal["overruled"] = "overruled"
    commit: str
    by: str = ""


class Attested(Frozen):
    """What is known of ``commit`` was stated and signed; ``artifact`` is the DSSE envelope's digest."""

    kind: Literal["attested"] = "attested"
    commit: str
    artifact: str


class Pushed(Frozen):
    """The remote branch was read back and holds ``sha``."""

    kind: Literal["pushed"] = "pushed"
    branch: str
    sha: str


class Published(Frozen):
    kind: Literal["published"] = "published"
    pull_request: PullRequest
    title: str
    body: str


class RegistryAsked(Frozen):
    """Requests that went through the package proxy since the last such event."""

    kind: Literal["registry_asked"] = "registry_asked"
    requests: tuple[str, ...]  # "GET pypi /simple/acme-log/ 200"


class RunEnded(Frozen):
    """The last event. ``patch`` is the artifact digest of the work so far as a git patch, if any."""

    kind: Literal["run_ended"] = "run_ended"
    outcome: Outcome
    reason: str
    patch: str | None = None
    seconds: float


Event = Annotated[
    RunRequested
    | RunResumed
    | FollowedUp
    | BaseResolved
    | SandboxStarted
    | Instructed
    | ModelReplied
    | ToolReturned
    | Compacted
    | Checkpointed
    | Moved
    | Planned
    | PlanApproved
    | SessionEnded
    | ChangeFrozen
    | Gated
    | PathsAllowed
    | Verified
    | Judged
    | Attested
    | Overruled
    | Pushed
    | Published
    | RegistryAsked
    | RunEnded,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class Recorded(Frozen):
    """An event in its place: ``seq`` counts from 1 without gaps within a run; ``at`` is UTC."""

    run_id: str
    seq: int
    at: datetime
    event: Event


@dataclass(frozen=True)
class Head:
    """The newest event of a run: what has changed, without reading all of it."""

    run_id: str
    seq: int
    kind: str
    at: datetime


def _mend(value: object) -> object:
    """Every string of ``value`` without lone surrogates: pairs are joined, the rest becomes U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {key: _mend(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_mend(item) for item in value)
    return value


def to_json(event: Event) -> tuple[Event, str]:
    """The event as JSON text, and the event that this text says.

    They differ from ``event`` only where a string holds lone surrogates (half an emoji that
    a model or a tool cut in two), which pydantic accepts but UTF-8 cannot write.
    """
    try:
        return event, event.model_dump_json()
    except PydanticSerializationError:
        mended = EVENT.validate_python(_mend(event.model_dump()))
        return mended, mended.model_dump_json()
