"""A script for :mod:`honk.testing.scripted`: what the model says, in no provider's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from honk.core.errors import UserError
from honk.core.messages import StopReason, Usage

_CLOSED = ConfigDict(extra="forbid")


@with_config(_CLOSED)
@dataclass(frozen=True)
class Call:
    """A tool call. Neutral names are put into each provider's dialect:

    ``bash`` (``command``), ``create`` (``path``, ``text``), ``edit`` (``path``, ``old``, ``new``:
    whole lines, ``old`` found once). Any other name goes out as it is. ``arguments`` as text goes
    out verbatim, valid JSON or not.
    """

    name: str
    arguments: Mapping[str, Any] | str = "{}"


@with_config(_CLOSED)
@dataclass(frozen=True)
class Turn:
    """One answer of the model. ``stop`` left out follows from the calls."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    stop: StopReason | None = None
    usage: Usage = Usage(input_tokens=100, output_tokens=20)  # noqa: RUF009 -- frozen
    detail: str = ""  # of a refusal
    kind: Literal["turn"] = "turn"


@with_config(_CLOSED)
@dataclass(frozen=True)
class Failure:
    """An HTTP error. ``body`` left out is an error of the wire's own form; ``retry_after`` in seconds."""

    status: int
    body: str = ""
    retry_after: float | None = None
    kind: Literal["failure"] = "failure"


@with_config(_CLOSED)
@dataclass(frozen=True)
class Cut:
    """Half of the next turn's stream, then the connection closes."""

    kind: Literal["cut"] = "cut"


@with_config(_CLOSED)
@dataclass(frozen=True)
class Hang:
    """The stream begins and then nothing comes until either side closes."""

    kind: Literal["hang"] = "hang"


Step = Turn | Failure | Cut | Hang


@with_config(_CLOSED)
@dataclass(frozen=True)
class Script:
    """``turns`` answer requests with tools, ``judge`` those without, ``compact`` questions for a
    summary. Faults (failure, cut, hang, a turn that the full context cut off) stand before the
    turn that they delay and happen once each; as the last of a list, always."""

    turns: tuple[Step, ...] = ()
    judge: tuple[Step, ...] = ()
    compact: tuple[Step, ...] = ()


_SCRIPT: TypeAdapter[Script] = TypeAdapter(Script)


def read_script(path: Path) -> Script:
    """Read a script from JSON. Raises UserError naming the place."""
    try:
        return _SCRIPT.validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"The script {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        raise UserError(f"{path}: {where}: {first['msg']}.", "See honk.testing.turns.Script.") from error


def steps(script: tuple[Step, ...]) -> list[tuple[tuple[Step, ...], Turn | None]]:
    """The script as turns, each with the faults before it; None where faults are the end."""
    found: list[tuple[tuple[Step, ...], Turn | None]] = []
    faults: tuple[Step, ...] = ()
    for step in script:
        if isinstance(step, Turn) and step.stop is not StopReason.CONTEXT_FULL:
            found.append((faults, step))
            faults = ()
        else:
            faults = (*faults, step)
    return [*found, (faults, None)] if faults else found
