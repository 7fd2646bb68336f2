"""One trace for each run: a fold over its events, model calls, tools and checks as spans.

No words of people, models or tools leave in a span: the log has them. Ids come from the run's
id and the events' numbers, so that a span that is sent twice is the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from honk.core.events import (
    ModelReplied,
    Recorded,
    RunEnded,
    RunRequested,
    ToolReturned,
    Verified,
)
from honk.core.types import Outcome, Request
from honk.telemetry import names

Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True)
class Span:
    """Times in nanoseconds since 1970. ``parent`` None: the root of one attempt at the run.

    ``remote``: a call of something else (a model service). ``error``: why it failed, or empty.
    """

    name: str
    trace: int
    id: int
    parent: int | None
    start: int
    end: int
    remote: bool = False
    error: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)


def trace_id(run_id: str) -> int:
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:16])


def span_id(run_id: str, seq: int, part: int = 0) -> int:
    return int.from_bytes(hashlib.sha256(f"{run_id}/{seq}/{part}".encode()).digest()[:8])


def spans(log: Iterable[Recorded]) -> list[Span]:
    """The spans of a run since its start or its last end but one, the root of them first."""
    attempt: list[Recorded] = []
    request: Request | None = None
    for recorded in log:
        if isinstance(recorded.event, RunRequested):
            request = recorded.event.request
        if attempt and isinstance(attempt[-1].event, RunEnded):
            attempt = []  # sent when it ended
        attempt.append(recorded)
    if request is None:
        return []
    root = _root(attempt, request)
    return [root, *(span for recorded in attempt for span in _children(recorded, root, request))]


def _root(attempt: list[Recorded], request: Request) -> Span:
    first, last = attempt[0], attempt[-1]
    cost = sum(r.event.cost_usd for r in attempt if isinstance(r.event, ModelReplied))
    ended = last.event if isinstance(last.event, RunEnded) else None
    provider, _, model = request.model.partition(":")
    attributes: dict[str, Value] = {
        names.OPERATION: "invoke_agent",
        names.AGENT_NAME: "honk",
        names.CONVERSATION_ID: first.run_id,
        names.PROVIDER: provider,
        names.REQUEST_MODEL: model,
        names.REPOSITORY: request.repo.name,
        names.ORIGIN: request.origin.kind,
        names.COST: cost,
    }
    error = ""
    if ended is not None:
        attributes[names.OUTCOME] = str(ended.outcome)
        if ended.outcome is Outcome.FAILED:
            error = attributes[names.ERROR_TYPE] = "failed"
    return Span(
        name="invoke_agent honk",
        trace=trace_id(first.run_id),
        id=span_id(first.run_id, first.seq),
        parent=None,
        start=_nanoseconds(first.at),
        end=_nanoseconds(last.at),
        error=error,
        attributes=attributes,
    )


def _children(recorded: Recorded, root: Span, request: Request) -> Iterator[Span]:
    match recorded.event:
        case ModelReplied() as event:
            yield _child(recorded, root, event.seconds, *_model_call(event, request), remote=True)
        case ToolReturned() as event:
            attributes: dict[str, Value] = {
                names.OPERATION: "execute_tool",
                names.TOOL_NAME: event.result.name,
                names.TOOL_CALL_ID: event.result.call_id,
            }
            error = "tool_error" if event.result.error else ""
            name = f"execute_tool {event.result.name}"
            yield _child(recorded, root, event.seconds, name, attributes, error=error)
        case Verified() as event:
            left = sum(check.seconds for check in event.report.checks)
            for number, check in enumerate(event.report.checks):  # one after the other, up to now
                attributes = {names.CHECK_NAME: check.name, names.STAGE: event.stage}
                error = "" if check.passed else "check_failed"
                yield _child(
                    recorded, root, left, f"verify {check.name}", attributes, error=error, part=number + 1,
                    rest=left - check.seconds,
                )  # fmt: skip
                left -= check.seconds


def _model_call(event: ModelReplied, request: Request) -> tuple[str, dict[str, Value]]:
    asked = request.judge if event.purpose == "judge" and request.judge else request.model
    provider, _, model = asked.partition(":")
    usage = event.completion.usage
    return f"chat {model}", {
        names.OPERATION: "chat",
        names.PROVIDER: provider,
        names.REQUEST_MODEL: model,
        names.RESPONSE_MODEL: event.completion.model,
        names.FINISH_REASONS: (str(event.completion.stop),),
        names.INPUT_TOKENS: usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.CACHE_READ_TOKENS: usage.cache_read_tokens,
        names.CACHE_WRITE_TOKENS: usage.cache_write_tokens,
        names.COST: event.cost_usd,
        names.PURPOSE: event.purpose,
    }


def _child(
    recorded: Recorded,
    root: Span,
    ago: float,
    name: str,
    attributes: dict[str, Value],
    *,
    remote: bool = False,
    error: str = "",
    part: int = 0,
    rest: float = 0.0,
) -> Span:
    """A span that began ``ago`` seconds before its event was recorded and ended ``rest`` before it."""
    at = _nanoseconds(recorded.at)
    return Span(
        name=name,
        trace=root.trace,
        id=span_id(recorded.run_id, recorded.seq, part),
        parent=root.id,
        start=max(root.start, at - int(ago * 1e9)),
        end=at - int(rest * 1e9),
        remote=remote,
        error=error,
        attributes=attributes | ({names.ERROR_TYPE: error} if error else {}),
    )


def _nanoseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6) * 1000
