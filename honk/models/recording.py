"""Recorded sessions: what a model service answered, byte for byte, to be played again.

A session is JSON lines with sorted keys. The first is the header ``{"format", "model", "wire"}``;
each other one call: ``{"body", "purpose", "status", "turn"}``, where ``body`` is the response as
it came (server-sent events as text). A call of another model than the header's, which is the
judge's, has ``model`` and ``wire`` of its own. A call that was made again is there again: the last
line counts. Requests and headers are not kept, so no credential is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, get_args

from honk.core.errors import UserError
from honk.core.messages import ModelRequest, Purpose

FORMAT = 1
Wire = Literal["anthropic", "responses", "chat"]
_WIRES = get_args(Wire)
_MODEL = {"model": str, "wire": str}
_CALL = {"body": str, "purpose": str, "status": int, "turn": int}


@dataclass(frozen=True)
class Header:
    """``model`` is ``provider:NAME``."""

    wire: Wire
    model: str


@dataclass(frozen=True)
class Answer:
    """``by`` is the model that gave it."""

    status: int
    body: str
    by: Header


@dataclass(frozen=True)
class Session:
    """A recording. ``header`` names the model that works; ``answers`` by purpose and turn."""

    header: Header
    answers: Mapping[tuple[str, int], Answer]


def _line(**values: object) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False) + "\n"


class MakeRecorder(Protocol):
    """Makes what records the answers of ``model``, or nothing where none are recorded."""

    def __call__(self, wire: Wire, model: str, *, judge: bool = ...) -> Recorder | None: ...


class Recorder:
    """Writes one model's answers into a session; goes on with one that has begun.

    Only a judge may be another model than the one that the session began with. Raises
    UserError if the file cannot be written or is something else.
    """

    def __init__(self, path: Path, header: Header, *, judge: bool = False) -> None:
        self._path = path
        self._own: dict[str, str] = {}  # what each line says of its model, if it is not the header's
        said = {"model": header.model, "wire": header.wire}
        if path.is_dir():
            raise UserError(f"{path} cannot be written: it is a folder.", "Give --record a file in it.")
        try:
            if not path.exists() or not path.stat().st_size:
                path.write_text(_line(format=FORMAT, **said), encoding="utf-8")
            elif read_session(path).header != header:
                if not judge:
                    raise UserError(
                        f"{path} is a recording of another model.", "Give another file to --record."
                    )
                self._own = said
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}.", "Give another file.") from error

    def write(self, request: ModelRequest, status: int, body: bytes) -> None:
        """Append one answer."""
        text = body.decode("utf-8", "replace")
        line = _line(body=text, purpose=request.purpose, status=status, turn=request.turn, **self._own)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)


def _bad(path: Path, number: int, why: str) -> UserError:
    return UserError(
        f"{path} is not a recorded session: line {number} {why}.", "Record one with `honk run --record FILE`."
    )


def _object(
    path: Path, number: int, line: str, keys: Mapping[str, type], more: Mapping[str, type]
) -> dict[str, object]:
    """The object of a line: all of ``keys``, and all of ``more`` or none of it."""
    try:
        value = json.loads(line)
    except ValueError as error:
        raise _bad(path, number, "is not JSON") from error
    if not isinstance(value, dict) or set(value) not in (set(keys), {*keys, *more}):
        raise _bad(path, number, f"must be an object with {', '.join(sorted(keys))}")
    for key, kind in {**keys, **more}.items():
        given = value.get(key, kind())
        if not isinstance(given, kind) or isinstance(given, bool):
            raise _bad(path, number, f"has a {key} that is not {'text' if kind is str else 'a number'}")
    return value


def _header(path: Path, number: int, value: Mapping[str, object]) -> Header:
    if value["wire"] not in _WIRES:
        raise _bad(path, number, f"has an unknown wire {value['wire']!r}")
    return Header(cast(Wire, value["wire"]), cast(str, value["model"]))


def read_session(path: Path) -> Session:
    """Read and check a recording. Raises UserError naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # not splitlines: U+2028 may be in a line
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise _bad(path, 1, "is not UTF-8 text") from error
    head = _object(path, 1, lines[0], {"format": int, **_MODEL}, {})
    if head["format"] != FORMAT:
        raise _bad(path, 1, f"has format {head['format']}, this honk plays format {FORMAT}")
    header = _header(path, 1, head)
    answers: dict[tuple[str, int], Answer] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        call = _object(path, number, line, _CALL, _MODEL)
        if call["purpose"] not in get_args(Purpose):
            raise _bad(path, number, f"has an unknown purpose {call['purpose']!r}")
        key = (str(call["purpose"]), cast(int, call["turn"]))
        by = _header(path, number, call) if "wire" in call else header
        answers[key] = Answer(cast(int, call["status"]), cast(str, call["body"]), by)
    return Session(header, answers)
