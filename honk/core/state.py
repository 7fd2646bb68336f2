"""The state of a run: a fold over its events, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce

from honk.core.events import (
    BaseResolved,
    ChangeFrozen,
    Checkpointed,
    Event,
    Gated,
    Instructed,
    Judged,
    ModelReplied,
    Published,
    Pushed,
    Recorded,
    RegistryAsked,
    RunEnded,
    RunRequested,
    SandboxStarted,
    SessionEnded,
    ToolReturned,
    Verified,
)
from honk.core.messages import AssistantMessage, Message, Text, ToolCall, ToolResult, Usage, UserMessage
from honk.core.types import Report


@dataclass(frozen=True)
class RunState:
    """Everything that honk knows about a run. Fields are None (or empty) until they happen.

    ``messages`` only ever grows at its end: each model request begins with the whole
    previous one. ``frozen``, ``gated``, ``verified`` and ``judged`` speak of the current
    attempt and are cleared when the model is instructed again.
    """

    requested: RunRequested | None = None
    started_at: datetime | None = None
    base: BaseResolved | None = None
    system: str = ""
    messages: tuple[Message, ...] = ()
    pending: tuple[ToolCall, ...] = ()  # calls of the last turn without an answer yet
    turns: int = 0  # finished model calls of the session
    judge_calls: int = 0
    cost_usd: float = 0.0
    usage: Usage = Usage()  # noqa: RUF009 -- frozen
    image: str | None = None
    checkpoint: Checkpointed | None = None
    unsaved: bool = False  # a tool ran after the last checkpoint or start
    session: SessionEnded | None = None
    attempts: int = 0  # changes frozen so far
    frozen: ChangeFrozen | None = None
    gated: Gated | None = None
    verified: Verified | None = None
    judged: Judged | None = None
    judge_rounds: int = 0
    last_report: Report | None = None  # of the last final verification, whatever came after
    last_findings: Gated | None = None
    last_verdict: Judged | None = None
    last_change: ChangeFrozen | None = None
    pushed: Pushed | None = None
    published: Published | None = None
    ended: RunEnded | None = None
    asked: tuple[str, ...] = field(default=())

    @property
    def instructed(self) -> bool:
        """The last thing in the conversation is for the model to answer."""
        return bool(self.messages) and isinstance(self.messages[-1], UserMessage)


def _instruct(state: RunState, event: Instructed) -> RunState:
    if event.origin == "system":
        return replace(state, system=event.text)
    message = UserMessage(parts=(Text(text=event.text),))
    return replace(
        state,
        messages=(*state.messages, message),
        session=None,
        frozen=None,
        gated=None,
        verified=None,
        judged=None,
    )


def _reply(state: RunState, event: ModelReplied) -> RunState:
    completion = event.completion
    state = replace(state, cost_usd=state.cost_usd + event.cost_usd, usage=state.usage + completion.usage)
    if event.purpose == "judge":
        return replace(state, judge_calls=state.judge_calls + 1)
    return replace(
        state,
        turns=state.turns + 1,
        messages=(*state.messages, completion.message),
        pending=completion.message.calls,
    )


def _answer(state: RunState, result: ToolResult) -> RunState:
    last = state.messages[-1]
    if isinstance(last, AssistantMessage):
        messages = (*state.messages, UserMessage(parts=(result,)))
    else:  # all answers to one turn travel in one message: parallel calls, answered in order
        messages = (*state.messages[:-1], UserMessage(parts=(*last.parts, result)))
    pending = tuple(call for call in state.pending if call.id != result.call_id)
    return replace(state, messages=messages, pending=pending, unsaved=True)


def step(state: RunState, recorded: Recorded) -> RunState:  # noqa: C901 -- one case per event
    """The state after one more event. A forgotten event type is a type error here."""
    event: Event = recorded.event
    match event:
        case RunRequested():
            return replace(state, requested=event, started_at=recorded.at)
        case BaseResolved():
            return replace(state, base=event)
        case SandboxStarted():
            return replace(state, image=event.image)
        case Instructed():
            return _instruct(state, event)
        case ModelReplied():
            return _reply(state, event)
        case ToolReturned():
            return _answer(state, event.result)
        case Checkpointed():
            return replace(state, checkpoint=event, unsaved=False)
        case SessionEnded():
            return replace(state, session=event)
        case ChangeFrozen():
            return replace(state, frozen=event, last_change=event, attempts=state.attempts + 1, unsaved=False)
        case Gated():
            return replace(state, gated=event, last_findings=event)
        case Verified():
            if event.stage == "session":
                return state
            return replace(state, verified=event, last_report=event.report)
        case Judged():
            return replace(state, judged=event, last_verdict=event, judge_rounds=state.judge_rounds + 1)
        case Pushed():
            return replace(state, pushed=event)
        case Published():
            return replace(state, published=event)
        case RegistryAsked():
            return replace(state, asked=(*state.asked, *event.requests))
        case RunEnded():
            return replace(state, ended=event)


def fold(events: Iterable[Recorded]) -> RunState:
    """The state after all ``events``, oldest first."""
    return reduce(step, events, RunState())
