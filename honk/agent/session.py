"""The session loop: the model works until it is finished, or until a limit ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field, ValidationError

from honk.agent.calls import Caller
from honk.agent.compact import compact, due, output_tokens
from honk.core.base import Frozen
from honk.core.errors import ModelError
from honk.core.events import Instructed, Planned, SessionEnded, ToolReturned
from honk.core.messages import (
    AssistantMessage,
    Completion,
    Message,
    ModelRequest,
    StopReason,
    ToolCall,
    ToolResult,
    ToolSpec,
    UserMessage,
)
from honk.core.ports import RunLog
from honk.core.types import Finish, FinishStatus
from honk.prompts import render

SAME_TURNS = 5
"""So many identical turns with identical results in a row count as being stuck."""


ENDS = ("finish", "propose_plan")
"""Tools that end the session; they touch nothing."""


class _Proposal(Frozen):
    """Arguments of ``propose_plan``."""

    plan: str = Field(min_length=1)


@dataclass(frozen=True)
class Toolbox:
    """What the model can do. ``run`` answers any call but ``finish`` and ``propose_plan``, and never
    raises for its mistakes."""

    specs: tuple[ToolSpec, ...]
    run: Callable[[ToolCall], ToolResult]


@dataclass(frozen=True)
class Session:
    """What the loop works with. ``save`` makes the changed files safe after a turn; ``hear`` logs
    what people said meanwhile; ``window`` is the size of the model's context in tokens, None if
    unknown."""

    log: RunLog
    model: Caller
    window: int | None
    toolbox: Toolbox
    save: Callable[[], None]
    hear: Callable[[], None]
    cache_key: str


def work(session: Session) -> None:
    """Take turns until the log holds a SessionEnded, or a plan that waits for a person.

    Raises ModelError, SandboxError, Cancelled.
    """
    log = session.log
    while log.state.session is None and not log.state.plan_waits:
        session.hear()
        if _limit_reached(log) or _repeating(log):
            return
        if due(log.state, session.window):
            _make_room(session)
            continue
        completion = _ask(session)
        if completion is None or completion.stop is StopReason.CONTEXT_FULL:
            continue  # room was made, or is made next
        if completion.stop is StopReason.REFUSAL:
            log.record(_declined(completion))
        elif completion.message.calls:
            _answer(session, completion.message.calls)
        elif completion.stop is not StopReason.PAUSE:  # a paused turn is sent back as it is
            _idle(log, cut_off=completion.stop is StopReason.MAX_TOKENS)


def _limit_reached(log: RunLog) -> bool:
    """The first fixed place where limits are looked at: before every model call."""
    limits, state, seconds = log.state.limits, log.state, log.seconds()
    if reason := limits.exceeded(state, seconds):
        finish = Finish(status=FinishStatus.GAVE_UP, reason=reason)
        log.record(SessionEnded(finish=finish, stopped="limit"))
        return True
    if limits.nearly(state, seconds) and not state.warned and state.turns:
        text = render(
            "wrap_up.md",
            turns_left=limits.max_turns - state.turns,
            dollars_left=limits.max_cost_usd - state.cost_usd,
            minutes_left=int((limits.timeout_seconds - seconds) / 60),
        )
        log.record(Instructed(origin="limit", text=text))
    return False


def _request(session: Session) -> ModelRequest:
    state = session.log.state
    return ModelRequest.model_construct(  # all of it is valid; checking a long history again takes time
        purpose="work",
        turn=state.turns,
        system=state.system,
        messages=state.messages,
        tools=session.toolbox.specs,
        max_output_tokens=output_tokens(session.window),
        cache_key=session.cache_key,
    )


def _ask(session: Session) -> Completion | None:
    """The next turn. None if the service says that the conversation is too long, which then is shorter."""
    try:
        return session.model.call(session.log, _request(session))
    except ModelError as error:
        if not error.context_full:
            raise
        _make_room(session)
        return None


def _make_room(session: Session) -> None:
    """Have earlier turns summarised; the session ends if that cannot help."""
    reason = compact(session.log, session.model, _request(session))
    if reason is not None:
        reason += " Ask for a smaller change, or use a model with a larger window."
        finish = Finish(status=FinishStatus.GAVE_UP, reason=reason)
        session.log.record(SessionEnded(finish=finish, stopped="limit"))


def _declined(completion: Completion) -> SessionEnded:
    reason = f"The model declined: {completion.detail or completion.message.text or 'no reason given'}"
    return SessionEnded(finish=Finish(status=FinishStatus.GAVE_UP, reason=reason), stopped="refusal")


def _answer(session: Session, calls: tuple[ToolCall, ...]) -> None:
    """Answer all calls of a turn in their order; ``finish`` or a plan ends the session after them."""
    log = session.log
    end: SessionEnded | Planned | None = None
    over = log.state.limits.spent(log.state, log.seconds())
    if over and not any(call.name in ENDS for call in calls):
        # The second fixed place: the reply may have used up money or time. Its calls
        # are not run, but answered, so that the session can be resumed with higher limits.
        for call in calls:
            log.record(_returned(call, f"Not run: {over}", error=True))
        log.record(SessionEnded(finish=Finish(status=FinishStatus.GAVE_UP, reason=over), stopped="limit"))
        return
    for call in calls:
        end = _run(session, call, record=True) or end
    session.save()
    if end is not None:
        log.record(end)


def redo(session: Session) -> bool:
    """Finish a turn that was interrupted; False if there was none.

    The work tree is back at the last checkpoint and nothing outside it was touched. After a
    crash that is how the tree was before the turn, so all of its calls run again, in order, and
    those that have no answer yet get one. An interruption in order made a checkpoint of what the
    answered calls did; then only the others run.
    """
    state = session.log.state
    if not (state.pending or state.unsaved):
        return False
    end = None
    for call in next(m.calls for m in reversed(state.messages) if isinstance(m, AssistantMessage)):
        pending = any(call.id == other.id for other in state.pending)
        again = call.name in ENDS or (state.unsaved and call.name != "verify")
        if pending or again:
            end = _run(session, call, record=pending) or end
    session.save()
    if end is not None:
        session.log.record(end)
    return True


def _run(session: Session, call: ToolCall, *, record: bool) -> SessionEnded | Planned | None:
    """Run one call and log its answer; the end of the session, if it was ``finish`` or a plan."""
    session.model.cancel.check()
    began = time.monotonic()
    end: SessionEnded | Planned | None = None
    if call.id == session.log.state.half:
        result = ToolResult(call_id=call.id, name=call.name, text=render("cut_off.md"), error=True)
    elif call.name == "finish":
        end, result = _finish(call, planning=session.log.state.planning)
    elif call.name == "propose_plan":
        end, result = _propose(call, planning=session.log.state.planning)
    else:
        result = session.toolbox.run(call)
    if record:
        session.log.record(ToolReturned(result=result, seconds=time.monotonic() - began))
    return end


def _returned(call: ToolCall, text: str, *, error: bool = False) -> ToolReturned:
    result = ToolResult(call_id=call.id, name=call.name, text=text, error=error)
    return ToolReturned(result=result, seconds=0.0)


def _finish(call: ToolCall, *, planning: bool) -> tuple[SessionEnded | None, ToolResult]:
    try:
        finish = Finish.model_validate_json(call.arguments or "{}")
    except ValidationError as error:
        return None, _misunderstood(call, error)
    if planning and finish.status is FinishStatus.DONE:
        text = "Nothing can be done before a person has approved a plan: call propose_plan."
        return None, ToolResult(call_id=call.id, name=call.name, text=text, error=True)
    answer = ToolResult(call_id=call.id, name=call.name, text="The session is finished.")
    return SessionEnded(finish=finish), answer


def _propose(call: ToolCall, *, planning: bool) -> tuple[Planned | None, ToolResult]:
    try:
        plan = _Proposal.model_validate_json(call.arguments or "{}").plan
    except ValidationError as error:
        return None, _misunderstood(call, error)
    if not planning:
        text = "A plan is approved already, or none is asked for. Go on with the work."
        return None, ToolResult(call_id=call.id, name=call.name, text=text, error=True)
    answer = ToolResult(call_id=call.id, name=call.name, text="A person reads the plan.")
    return Planned(text=plan), answer


def _misunderstood(call: ToolCall, error: ValidationError) -> ToolResult:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "arguments"
    text = f"{call.name} was not understood: {where}: {first['msg']}. Call it again."
    return ToolResult(call_id=call.id, name=call.name, text=text, error=True)


def _idle(log: RunLog, *, cut_off: bool) -> None:
    """A turn without tool calls is nudged once; the second one in a row ends the session."""
    if not log.state.nudged:
        text = render("nudge.md", cut_off=cut_off, planning=log.state.planning)
        log.record(Instructed(origin="nudge", text=text))
        return
    last = log.state.messages[-1]
    words = last.text if isinstance(last, AssistantMessage) else ""
    if log.state.planning:
        finish = Finish(status=FinishStatus.GAVE_UP, reason="The model proposed no plan.")
        log.record(Planned(text=words) if words.strip() else SessionEnded(finish=finish, stopped="idle"))
        return
    log.record(SessionEnded(finish=Finish(status=FinishStatus.DONE, description=words), stopped="idle"))


def _repeating(log: RunLog) -> bool:
    """Whether the model does the same thing again and again, with the same result."""
    if not _same(log.state.messages[-2 * SAME_TURNS :]):
        return False
    reason = f"The model repeated the same step {SAME_TURNS} times with the same result."
    log.record(SessionEnded(finish=Finish(status=FinishStatus.GAVE_UP, reason=reason), stopped="stuck"))
    return True


def _same(messages: tuple[Message, ...]) -> bool:
    if len(messages) < 2 * SAME_TURNS:
        return False
    seen = {_essence(message) for message in messages}
    return len(seen) == 2 and () not in seen


def _essence(message: Message) -> tuple[str, ...]:
    """What a message says, without the ids that differ in every turn; empty if it is only words."""
    if isinstance(message, AssistantMessage):
        return tuple(f"call {call.name} {call.arguments}" for call in message.calls)
    return _results(message)


def _results(message: UserMessage) -> tuple[str, ...]:
    return tuple(f"result {p.name} {p.text}" for p in message.parts if isinstance(p, ToolResult))
