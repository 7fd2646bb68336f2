"""A recorded session played through the same adapter, over HTTP on the loopback interface."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from honk.core.cancel import Cancel
from honk.core.errors import ModelError
from honk.core.messages import Completion, Dialect, ModelRequest, TextDelta
from honk.models.anthropic import AnthropicModel
from honk.models.chat import ChatModel
from honk.models.openai import OpenAIModel
from honk.models.recording import Answer, Header, MakeRecorder, Recorder, read_session


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: this is no service of its own."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = self.server.answer
        body = answer.body.encode()
        streamed = answer.status == 200 and not answer.body.lstrip().startswith("{")
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    answer: Answer


def _adapter(
    header: Header, base: str, recorder: Recorder | None
) -> AnthropicModel | OpenAIModel | ChatModel:
    name = header.model.partition(":")[2]
    if header.wire == "anthropic":
        return AnthropicModel(name, "replayed", base, recorder=recorder)
    make = OpenAIModel if header.wire == "responses" else ChatModel
    return make(name, "replayed", f"{base}/v1", recorder=recorder)


class ReplayModel:
    """The models of a recorded session. ``name`` is the recorded one's, so that it costs as much;
    ``judge`` is that of the model that judged.

    An answer is found by the request's purpose and turn, and played through the adapter of the
    model that gave it: a resumed run goes on where it was. ``recorder`` makes one for each model,
    if what is played is to be recorded. A context manager. Raises UserError if the file is not
    a session.
    """

    replayed = True

    def __init__(self, path: Path, recorder: MakeRecorder | None = None) -> None:
        self._path = path
        self._session = read_session(path)
        main = self._session.header
        recorders = {main: recorder(main.wire, main.model) if recorder else None}
        for other in {a.by for a in self._session.answers.values()} - {main}:
            recorders[other] = recorder(other.wire, other.model, judge=True) if recorder else None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._models = {header: _adapter(header, base, to) for header, to in recorders.items()}

    @property
    def name(self) -> str:
        return self._session.header.model

    @property
    def judge(self) -> str:
        judges = [a.by.model for (purpose, _), a in self._session.answers.items() if purpose == "judge"]
        return judges[-1] if judges else self.name

    @property
    def dialect(self) -> Dialect:
        return self._models[self._session.header].dialect

    def warm(self) -> None:
        """Import the SDK and make its client now, in whatever thread."""
        self._models[self._session.header].wire.warm()

    def complete(
        self, request: ModelRequest, *, on_delta: Callable[[TextDelta], None], cancel: Cancel
    ) -> Completion:
        answer = self._session.answers.get((request.purpose, request.turn))
        if answer is None:
            hint = "It was recorded from a run that went another way; record it again with --record."
            if request.purpose == "judge" and request.turn == 0:
                hint = "It was recorded without a judge: give --judge off, or a model that judges."
            raise ModelError(f"The session {self._path} has no {request.purpose} turn {request.turn}.", hint)
        self._server.answer = answer
        return self._models[answer.by].complete(request, on_delta=on_delta, cancel=cancel)

    def close(self) -> None:
        for model in self._models.values():
            model.wire.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
