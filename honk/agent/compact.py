"""Compaction: earlier turns of a session give way to the model's own notes on them.

honk asks for the notes itself and logs them as text. The services have means of their own, but
what those give back only the same service can read, and Chat Completions has none: the log would
no longer be a conversation that any model can go on with (decision 007).
"""

from __future__ import annotations

from itertools import accumulate

from honk.agent.calls import Caller
from honk.core.errors import ModelError
from honk.core.events import Compacted
from honk.core.messages import (
    AssistantMessage,
    Completion,
    Message,
    ModelRequest,
    StopReason,
    Text,
    ToolResult,
    UserMessage,
)
from honk.core.ports import RunLog
from honk.core.state import RunState
from honk.prompts import render

FILLED = 0.7
"""Share of the context window at which turns are summarised. The rest holds an answer (a quarter
at most, see :func:`output_tokens`) and the results of its calls."""
KEPT = 0.25
"""Share of the conversation, counted in characters, that its most recent turns may keep."""
SPAN, MOST = 6, 2
"""Within so many turns so many compactions at most: one result may fill a window that two results
would not, but one that goes on to fill has no room for the work."""
_TASK = 1
"""Messages at the beginning that always stay: the change request with guidance and checks."""


def output_tokens(window: int | None, most: int = 16_000) -> int:
    """The output limit of a call: a small window needs room for the question as well."""
    return most if window is None else min(most, max(1, window // 4))


def due(state: RunState, window: int | None) -> bool:
    """Whether turns must be summarised before the next call, as far as can be known."""
    if state.context_full or state.compact_reply is not None:  # or a compaction was interrupted
        return True
    return window is not None and state.context_tokens >= FILLED * window


def compact(log: RunLog, caller: Caller, template: ModelRequest) -> str | None:
    """Replace all but the first message and the most recent turns by notes; None, or why not.

    ``template`` is an ordinary request of the session. The question for the notes begins like
    one, tools included, so that the service has most of it in its cache; and it holds no more
    than the last request that the service took. Raises ModelError, Cancelled.
    """
    state = log.state
    lately = [turns for turns in state.compacted_at if state.turns - turns < SPAN]
    if len(lately) >= MOST or state.turns in lately:
        return "The model's context window is full again right after earlier turns were summarised."
    # A reply that was logged before a crash is about the conversation as it was then.
    messages = state.messages if state.compact_reply is None else state.messages[: state.compact_length]
    cut = _cut(messages)
    if not any(isinstance(message, AssistantMessage) for message in messages[_TASK:cut]):
        return "The request and one turn alone fill the model's context window."
    notes = "" if state.compact_reply is None else _notes(state.compact_reply)
    if not notes:
        question = UserMessage(parts=(Text(text=render("compact.md")),))
        asked = {"purpose": "compact", "turn": state.compact_calls, "messages": (*messages[:cut], question)}
        try:
            notes = _notes(caller.call(log, template.model_copy(update=asked)))
        except ModelError as error:
            if not error.context_full:
                raise
            return "The model's context window is too full even for a summary of earlier turns."
    if not notes:
        return "The model's context window is full, and it gave no summary of its earlier turns."
    log.record(Compacted(start=_TASK, end=cut, text=_text(state, cut, notes)))
    return None


def _cut(messages: tuple[Message, ...]) -> int:
    """Where the part that stays begins: whole turns with their results, at least the last one."""
    begins = [
        place
        for place, message in enumerate(messages)
        if isinstance(message, AssistantMessage) and isinstance(messages[place - 1], UserMessage)
    ]
    sizes = [len(message.model_dump_json()) for message in messages]
    room = KEPT * sum(sizes[_TASK:])
    after = list(accumulate(reversed(sizes)))[::-1]  # characters from each place to the end
    return next((place for place in begins if after[place] <= room), begins[-1] if begins else 0)


def _notes(completion: Completion) -> str:
    """The notes in an answer; empty if it has none. One that was cut off has its beginning, and one
    of words alone may lack the marks."""
    text = completion.message.text
    if completion.stop is StopReason.REFUSAL:
        return ""
    if "<summary>" not in text and not completion.message.calls:
        return text.strip()
    return text.partition("<summary>")[2].partition("</summary>")[0].strip()


def _text(state: RunState, cut: int, notes: str) -> str:
    """What stands in the place of earlier turns. What honk or a person said last, and what
    ``verify`` said last, stay word for word."""
    kept = {part.text for message in state.messages[cut:] for part in _given(message)}
    return render(
        "compacted.md",
        notes=notes,
        standing=[said.text for said in state.standing if said.text not in kept],
        verified="" if state.verify_said in kept else state.verify_said,
    )


def _given(message: Message) -> tuple[Text | ToolResult, ...]:
    return message.parts if isinstance(message, UserMessage) else ()
