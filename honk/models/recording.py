"""Recorded sessions: what a model service answered, byte for byte, to be played again.

A session is JSON lines with sorted keys. The first is the header ``{"format", "model", "wire"}``;
each other one call: ``{"body", "purpose", "status", "turn"}``, where ``body`` is the response as
it came (server-sent events as text). A call that was made again is there again: the last line
counts. Requests and headers are not kept, so no credential is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from honk.core.errors import UserError
from honk.core.messages import ModelRequest

FORMAT = 1
Wire = Literal["anthropic", "responses", "chat"]
_WIRES = ("anthropic", "responses", "chat")


@dataclass(frozen=True)
class Header:
    """``model`` is ``provider:NAME``."""

    wire: Wire
    model: str


@dataclass(frozen=True)
class Answer:
    status: int
    body: str


@dataclass(frozen=True)
class Session:
    """A recording. ``answers`` by purpose and turn."""

    header: Header
    answers: Mapping[tuple[str, int], Answer]


def _line(**values: object) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False) + "\n"


class Recorder:
    """Writes a session; goes on with one of the same model, as after a resume.

    Raises UserError if the file cannot be written or is something else.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._path = path
        self._header = header
        try:
            if path.exists() and path.stat().st_size:
                if read_session(path).header != header:
                    raise UserError(
                        f"{path} is a recording of another model.", "Give another file to --record."
                    )
                return
            path.write_text(_line(format=FORMAT, model=header.model, wire=header.wire), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}.", "Give another file.") from error

    def write(self, request: ModelRequest, status: int, body: bytes) -> None:
        """Append one answer."""
        line = _line(
            body=body.decode("utf-8", "replace"), purpose=request.purpose, status=status, turn=request.turn
        )
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)


def _bad(path: Path, number: int, why: str) -> UserError:
    return UserError(
        f"{path} is not a recorded session: line {number} {why}.", "Record one with `honk run --record FILE`."
    )


def _object(path: Path, number: int, line: str, keys: Mapping[str, type]) -> dict[str, object]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise _bad(path, number, "is not JSON") from error
    if not isinstance(value, dict) or set(value) != set(keys):
        raise _bad(path, number, f"must be an object with {', '.join(sorted(keys))}")
    for key, kind in keys.items():
        if not isinstance(value[key], kind) or isinstance(value[key], bool):
            raise _bad(path, number, f"has a {key} that is not {'text' if kind is str else 'a number'}")
    return value


def read_session(path: Path) -> Session:
    """Read and check a recording. Raises UserError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines: U+2028 may be in a line
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise _bad(path, 1, "is not UTF-8 text") from error
    head = _object(path, 1, lines[0], {"format": int, "model": str, "wire": str})
    if head["format"] != FORMAT:
        raise _bad(path, 1, f"has format {head['format']}, this honk plays format {FORMAT}")
    if head["wire"] not in _WIRES:
        raise _bad(path, 1, f"has an unknown wire {head['wire']!r}")
    answers: dict[tuple[str, int], Answer] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        call = _object(path, number, line, {"body": str, "purpose": str, "status": int, "turn": int})
        if call["purpose"] not in ("work", "judge"):
            raise _bad(path, number, f"has an unknown purpose {call['purpose']!r}")
        key = (str(call["purpose"]), cast(int, call["turn"]))
        answers[key] = Answer(cast(int, call["status"]), cast(str, call["body"]))
    return Session(Header(cast(Wire, head["wire"]), cast(str, head["model"])), answers)
