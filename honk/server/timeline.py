"""The conversation of a run as a page shows it: its events, with each answer at its call."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

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
from honk.core.messages import Opaque, ToolCall
from honk.server.terminal import Clipped, clip

WINDOW = 300
"""Events that a page shows at once; earlier ones come when they are asked for."""

OUTPUT_LINES = 30
WHOLE_LINES = 20_000


@dataclass(frozen=True)
class Answer:
    """What a tool returned. ``word`` is its end in a word: ``exit 1``, ``failed``, ``done``."""

    seq: int
    word: str
    good: bool
    seconds: float
    output: Clipped


@dataclass(frozen=True)
class Call:
    """One tool call. ``key`` is its element's id on the page, ``line`` what it does in one line."""

    key: str
    name: str
    line: str
    arguments: str
    answer: Answer | None = None


@dataclass(frozen=True)
class Entry:
    """One event of the conversation. ``calls`` of a model's turn, ``answered`` an answer apart from it."""

    recorded: Recorded
    kind: str
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    answered: Call | None = None

    @property
    def seq(self) -> int:
        return self.recorded.seq


class Timeline:
    """Events, one after the other, as entries. It knows the calls of the last turn."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    def entry(self, recorded: Recorded) -> Entry | None:
        """How the page shows one event; None for one that it does not."""
        event = recorded.event
        if isinstance(event, ModelReplied) and event.purpose == "work":
            parts = event.completion.message.parts
            calls = [p for p in parts if isinstance(p, ToolCall)]
            shown = tuple(_call(f"{recorded.seq}-{n}", call) for n, call in enumerate(calls))
            self._calls = {call.id: one for call, one in zip(calls, shown, strict=True)}
            thinking = "\n".join(p.text for p in parts if isinstance(p, Opaque) and p.text)
            return Entry(recorded, "reply", thinking, shown)
        if isinstance(event, ToolReturned):
            call = self._calls.get(event.result.call_id)
            name = event.result.name
            kind = "stray" if call is None else "answer"  # stray: its turn is not among these events
            call = call or Call(f"{recorded.seq}-0", name, name, "")
            return Entry(recorded, kind, answered=replace(call, answer=answer(recorded, event)))
        drawing = _kind(event)
        return None if drawing is None else Entry(recorded, drawing)


def _kind(event: Event) -> str | None:  # noqa: C901 -- one case for each event
    """Which drawing of ``entry.html`` shows an event; None where the panel or the end says it."""
    match event:
        case Instructed():
            return "given" if event.origin in ("system", "task") else "instructed"
        case RunRequested():
            return "requested"
        case RunResumed():
            return "resumed"
        case BaseResolved():
            return "base"
        case FollowedUp():
            return "followed"
        case Moved():
            return "moved"
        case SandboxStarted():
            return "sandbox"
        case Compacted():
            return "compacted"
        case SessionEnded():
            return "session"
        case ChangeFrozen():
            return "frozen"
        case Gated():
            return "gated"
        case PathsAllowed():
            return "allowed"
        case Verified():
            return "verified"
        case Judged():
            return "judged"
        case Overruled():
            return "overruled"
        case Planned():
            return "planned"
        case PlanApproved():
            return "planapproved"
        case RegistryAsked():
            return "registry"
        case RunEnded():
            return "ended"
        case ModelReplied() | ToolReturned() | Checkpointed() | Attested() | Pushed() | Published():
            return None
        case _:
            assert_never(event)


def entries(events: Iterable[Recorded], timeline: Timeline | None = None) -> tuple[Entry, ...]:
    """Entries with each answer at its call. An answer to a call of earlier events, which
    ``timeline`` knows, is an entry of its own."""
    timeline = timeline or Timeline()
    found: list[Entry] = []
    place: dict[str, int] = {}
    for recorded in events:
        entry = timeline.entry(recorded)
        if entry is None:
            continue
        call = entry.answered
        if call is not None and call.key in place:
            at = place[call.key]
            calls = tuple(call if c.key == call.key else c for c in found[at].calls)
            found[at] = replace(found[at], calls=calls)
            continue
        place |= dict.fromkeys((c.key for c in entry.calls), len(found))
        found.append(entry)
    return tuple(found)


def answer(recorded: Recorded, event: ToolReturned, lines: int = OUTPUT_LINES) -> Answer:
    result = event.result
    last = result.text.rpartition("\n")[2]
    word, good = ("failed", False) if result.error else ("done", True)
    if result.outputs:
        code = result.outputs[-1].exit_code
        word, good = ("timed out", False) if code is None else (f"exit {code}", code == 0)
    elif not result.error and last.startswith("[exit code ") and last.endswith("]"):
        word, good = "exit " + last.removeprefix("[exit code ").removesuffix("]"), False
    return Answer(recorded.seq, word, good, event.seconds, clip(result.text, lines))


def _call(key: str, call: ToolCall) -> Call:
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        return Call(key, call.name, call.arguments[:200], call.arguments)
    if not isinstance(arguments, dict):
        return Call(key, call.name, call.arguments[:200], call.arguments)
    texts = {
        name: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for name, v in arguments.items()
    }
    line = " ".join(" ".join(texts.values()).split())
    if set(texts) <= {"command", "timeout"}:  # a shell's: its words are the command
        pretty = texts.get("command", "")
    else:
        pretty = "\n".join(f"{name}: {_indented(text)}" for name, text in texts.items())
    return Call(key, call.name, line[:200], _whole(clip(pretty, 400)))


def _indented(text: str) -> str:
    return "\n" + text if "\n" in text else text


def _whole(clipped: Clipped) -> str:
    middle = f"\n… {clipped.left_out} …\n" if clipped.left_out else ""
    return clipped.head + middle + clipped.tail
