"""The state of a run: a fold over its events, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from honk.core.events import (
    Attested,
    BaseResolved,
    ChangeFrozen,
    Checkpointed,
    Compacted,
    Event,
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
    SessionEnded,
    ToolReturned,
    Verified,
)
from honk.core.limits import Limits
from honk.core.messages import (
    AssistantMessage,
    Completion,
    Message,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    UserMessage,
)
from honk.core.types import Report, Request, VerifyCommand


@dataclass(frozen=True)
class RunState:
    """Everything that honk knows about a run. Fields are None (or empty) until they happen.

    ``messages`` only grows at its end, but for a compaction: each model request begins with
    the whole previous one. ``frozen``, ``gated``, ``verified``, ``judged`` and ``attested`` speak of the
    current attempt and are cleared when the model is instructed again.
    """

    requested: RunRequested | None = None
    limits: Limits = Limits()  # noqa: RUF009 -- frozen
    started_at: datetime | None = None  # of the run, or of its last resumption; None once it has ended
    last_at: datetime | None = None
    earlier_seconds: float = 0.0  # wall clock used before the last resumption
    base: BaseResolved | None = None
    followed: FollowedUp | None = None
    system: str = ""
    messages: tuple[Message, ...] = ()
    pending: tuple[ToolCall, ...] = ()  # calls of the last turn without an answer yet
    half: str | None = None  # id of the last turn's last call, if the output limit cut it off
    turns: int = 0  # finished model calls of the session
    context_tokens: int = 0  # of the conversation with the last reply, as the provider counts; 0: unknown
    context_full: bool = False  # the last reply was cut off by the context window
    standing: tuple[Instructed, ...] = ()  # what people said, and why the model was last sent back
    verify_said: str = ""  # the last result of the model's own `verify`
    compact_calls: int = 0
    compact_reply: Completion | None = None  # the last summary, until a compaction used it
    compact_length: int = 0  # messages that there were when it came
    compacted_at: tuple[int, ...] = ()  # turns that there were at each compaction
    judge_calls: int = 0
    judge_reply: Completion | None = None  # the judge's last answer, until it became a verdict
    cost_usd: float = 0.0
    usage: Usage = Usage()  # noqa: RUF009 -- frozen
    image: str | None = None
    checkpoint: Checkpointed | None = None
    unsaved: bool = False  # tools of the last turn ran, and what they did is not yet safe
    warned: bool = False  # the model knows that a limit is near
    nudged: bool = False  # the model was reminded to use its tools, and has not since
    plan: Planned | None = None  # the last one that the model proposed
    plan_waits: bool = False  # for a person: to approve it, or to amend it by words
    approved: PlanApproved | None = None
    session: SessionEnded | None = None
    rounds: int = 0  # times that gates, verification or judge sent the model back to work
    frozen: ChangeFrozen | None = None
    gated: Gated | None = None
    allowed: tuple[str, ...] = ()  # globs that a person permitted since the request
    verified: Verified | None = None
    judged: Judged | None = None
    attested: Attested | None = None
    judge_rounds: int = 0
    vetoes: int = 0  # times that a blocking judge refused
    overruled: Overruled | None = None  # the last time that a person set a refusal aside
    base_report: Report | None = None
    last_report: Report | None = None  # of the last final verification, whatever came after
    last_findings: Gated | None = None
    last_verdict: Judged | None = None
    last_change: ChangeFrozen | None = None
    pushed: Pushed | None = None
    published: Published | None = None
    ended: RunEnded | None = None

    @property
    def request(self) -> Request:
        """What was asked for. Only the empty state has none, and raises ValueError."""
        if self.requested is None:
            raise ValueError("the log of this run has no first event")
        return self.requested.request

    @property
    def task(self) -> str:
        """The change request; of a follow-up, the one that its pull request was opened for."""
        return self.followed.original if self.followed is not None else self.request.text

    @property
    def plan_told(self) -> bool:
        """Whether the model knows that its plan is approved."""
        return any(said.origin == "plan" for said in self.standing)

    @property
    def planning(self) -> bool:
        """Whether the model is to propose a plan and to change nothing yet."""
        return self.request.plan and self.approved is None

    @property
    def overruled_now(self) -> Overruled | None:
        """A person's word against the last verdict, if it speaks of the same commit."""
        verdict, word = self.last_verdict, self.overruled
        return word if word is not None and verdict is not None and word.commit == verdict.commit else None

    @property
    def vetoed(self) -> bool:
        """Whether the verdict on the current attempt keeps it from being published."""
        refused = self.judged is not None and self.judged.verdict.verdict == "refuse"
        blocking = self.judged is not None and self.judged.mode == "blocking"
        return refused and blocking and self.overruled_now is None

    def in_force(self, commands: Iterable[VerifyCommand]) -> tuple[VerifyCommand, ...]:
        """Those of ``commands`` that decide. One that ``replaces`` another does so where the base has a
        result of it, which is recorded only if the other passes no test there and this one does."""
        given = tuple(commands)
        measured = {check.command for check in self.base_report.checks} if self.base_report else set()
        replaced = {c.replaces for c in given if c.replaces and c.command in measured}
        return tuple(
            c for c in given if (c.replaces in replaced if c.replaces else c.command not in replaced)
        )

    def seconds(self, now: datetime) -> float:
        """Wall clock that the run has used until ``now``, pauses between resumptions left out."""
        running = (now - self.started_at).total_seconds() if self.started_at else 0.0
        return self.earlier_seconds + running


def _user(text: str) -> UserMessage:
    return UserMessage(parts=(Text(text=text),))


def _instruct(state: RunState, event: Instructed) -> RunState:
    if event.origin == "system":
        return replace(state, system=event.text)
    standing = state.standing
    if event.origin in ("gate", "verify", "judge", "human", "plan"):
        standing = (*(said for said in standing if said.origin in ("human", "plan")), event)
    return replace(
        state,
        messages=(*state.messages, _user(event.text)),
        standing=standing,
        rounds=state.rounds + (event.origin in ("gate", "verify", "judge")),
        nudged=event.origin == "nudge",
        warned=state.warned or event.origin == "limit",
        plan_waits=state.plan_waits and event.origin != "human",
        session=None,
        frozen=None,
        gated=None,
        verified=None,
        judged=None,
        attested=None,
        judge_reply=None,
    )


def _reply(state: RunState, event: ModelReplied) -> RunState:
    completion = event.completion
    state = replace(state, cost_usd=state.cost_usd + event.cost_usd, usage=state.usage + completion.usage)
    if event.purpose == "judge":
        return replace(state, judge_calls=state.judge_calls + 1, judge_reply=completion)
    if event.purpose == "compact":
        return replace(
            state,
            compact_calls=state.compact_calls + 1,
            compact_reply=completion,
            compact_length=len(state.messages),
        )
    state = replace(state, turns=state.turns + 1, context_tokens=completion.usage.total, unsaved=False)
    if completion.stop is StopReason.CONTEXT_FULL:  # half a turn is none: its calls may be cut anywhere
        return replace(state, context_full=True)
    return replace(
        state,
        messages=(*state.messages, completion.message),
        pending=completion.message.calls,
        half=_half(completion),
    )


def _half(completion: Completion) -> str | None:
    """The call in which an answer ends that the output limit cut off. Its arguments may be valid
    and still lack their second half."""
    last = completion.message.parts[-1:]
    if completion.stop is not StopReason.MAX_TOKENS:
        return None
    return next((part.id for part in last if isinstance(part, ToolCall)), None)


def _compact(state: RunState, event: Compacted) -> RunState:
    before, after = state.messages[: event.start], state.messages[event.end :]
    return replace(
        state,
        messages=(*before, _user(event.text), *after),
        context_tokens=0,
        context_full=False,
        compact_reply=None,
        compacted_at=(*state.compacted_at, state.turns),
    )


def _answer(state: RunState, result: ToolResult) -> RunState:
    last = state.messages[-1]
    if isinstance(last, AssistantMessage):
        messages = (*state.messages, UserMessage(parts=(result,)))
    else:  # all answers to one turn travel in one message: parallel calls, answered in order
        messages = (*state.messages[:-1], UserMessage(parts=(*last.parts, result)))
    pending = tuple(call for call in state.pending if call.id != result.call_id)
    said = result.text if result.name == "verify" else state.verify_said
    return replace(state, messages=messages, pending=pending, verify_said=said, unsaved=True, nudged=False)


def _resume(state: RunState, event: RunResumed, at: datetime, was_at: datetime | None) -> RunState:
    stopped = state.session is not None and state.session.stopped == "limit"
    return replace(
        state,
        limits=event.limits,
        started_at=at,
        earlier_seconds=state.seconds(was_at or at),
        session=None if stopped else state.session,  # a session cut short goes on
        ended=None,
        warned=False,
    )


def _move(state: RunState, event: Moved) -> RunState:
    """The work stands on another commit now, and has to face the stop gate again."""
    base = state.base.model_copy(update={"base": event.base}) if state.base else None
    return replace(
        state,
        followed=event.found,
        base=base,
        checkpoint=event.checkpoint,
        frozen=None,
        gated=None,
        verified=None,
        judged=None,
        attested=None,
    )


def _judge(state: RunState, event: Judged) -> RunState:
    veto = event.verdict.verdict == "refuse" and event.mode == "blocking"
    return replace(
        state,
        judged=event,
        last_verdict=event,
        judge_rounds=state.judge_rounds + 1,
        judge_reply=None,
        vetoes=state.vetoes + veto,
    )


def step(state: RunState, recorded: Recorded) -> RunState:  # noqa: C901 -- one case per event
    """The state after one more event. A forgotten event type is a type error here."""
    event: Event = recorded.event
    was_at = state.last_at
    state = replace(state, last_at=recorded.at)
    match event:
        case RunRequested():
            return replace(state, requested=event, limits=event.request.limits, started_at=recorded.at)
        case RunResumed():
            return _resume(state, event, recorded.at, was_at)
        case BaseResolved():
            return replace(state, base=event, limits=event.limits or state.limits)
        case FollowedUp():
            return replace(state, followed=event)
        case Moved():
            return _move(state, event)
        case SandboxStarted():
            return replace(state, image=event.image)
        case Instructed():
            return _instruct(state, event)
        case ModelReplied():
            return _reply(state, event)
        case ToolReturned():
            return _answer(state, event.result)
        case Compacted():
            return _compact(state, event)
        case Checkpointed():
            return replace(state, checkpoint=event, unsaved=False)
        case Planned():
            return replace(state, plan=event, plan_waits=True, unsaved=False)
        case PlanApproved():
            return replace(state, approved=event, plan_waits=False, ended=None)
        case SessionEnded():
            return replace(state, session=event, unsaved=False)
        case ChangeFrozen():
            return replace(state, frozen=event, last_change=event, unsaved=False)
        case Gated():
            return replace(state, gated=event, last_findings=event)
        case PathsAllowed():
            allowed = (*state.allowed, *event.globs)
            return replace(state, allowed=allowed, gated=None, attested=None, ended=None)
        case Verified():
            if event.stage == "session":
                return state
            if event.stage == "base":
                known = state.base_report.checks if state.base_report else ()
                return replace(state, base_report=Report(checks=(*known, *event.report.checks)))
            return replace(state, verified=event, last_report=event.report)
        case Judged():
            return _judge(state, event)
        case Overruled():
            return replace(state, overruled=event, ended=None)
        case Attested():
            return replace(state, attested=event)
        case Pushed():
            return replace(state, pushed=event)
        case Published():
            return replace(state, published=event)
        case RegistryAsked():
            return state  # for people; nothing depends on it
        case RunEnded():
            seconds = state.seconds(recorded.at)  # from here on nobody works, however long
            return replace(state, ended=event, earlier_seconds=seconds, started_at=None)


def fold(events: Iterable[Recorded]) -> RunState:
    """The state after all ``events``, oldest first."""
    return reduce(step, events, RunState())
