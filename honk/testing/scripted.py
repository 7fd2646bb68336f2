"""A model service for tests: a real HTTP server that speaks all three wire formats from a script.

    with ScriptedModel([Turn(calls=(Call("bash", {"command": "ls"}),)), Turn("done")]) as service:
        ... base URL of Anthropic: service.url, of the OpenAI formats: service.url + "/v1"

The turn to give is found from the model's turns in the request's history, so that a resumed run
goes on where it was. Requests without tools are the judge's; those that end with a question for a
``<summary>`` are a compaction's. Both are answered in order.
As a process: ``python -m honk.testing.scripted SCRIPT.json --port 0`` prints its port.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import select
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from honk.core.errors import UserError
from honk.core.messages import Purpose
from honk.testing.dialects import Json, Wire, encode, failure_body, purpose, render, turns_before
from honk.testing.turns import Call, Cut, Failure, Hang, Script, Step, Turn, read_script, steps

__all__ = ["Call", "Cut", "Failure", "Hang", "ScriptedModel", "Seen", "Turn", "extends"]

_WIRES: dict[str, Wire] = {"/messages": "anthropic", "/responses": "responses", "/chat/completions": "chat"}


@dataclass(frozen=True)
class Seen:
    """A request as it came. ``at`` is time.monotonic() when its first byte was there, ``client``
    the port that it came from, the same for all of one connection."""

    wire: Wire
    purpose: Purpose
    body: Any
    raw: bytes
    at: float
    client: int

    @property
    def judge(self) -> bool:
        return self.purpose == "judge"


def extends(before: Seen, after: Seen) -> bool:
    """Whether the request ``after`` begins with the whole of ``before``, byte for byte."""
    return before.raw.endswith(b"]}") and after.raw.startswith(before.raw[:-2])


class ScriptedModel:
    """The server. ``key``, if given, is the only API key that it lets in; ``wires`` are the
    formats that it speaks, the others are 404. ``journal`` holds the requests, ``answered`` the
    times when the last byte of each answer was written."""

    def __init__(
        self,
        turns: Sequence[Step] = (),
        judge: Sequence[Step] = (),
        compact: Sequence[Step] = (),
        *,
        key: str | None = None,
        wires: Sequence[Wire] = ("anthropic", "responses", "chat"),
        port: int = 0,
    ) -> None:
        scripts = {"work": turns, "judge": judge, "compact": compact}
        self._scripts = {who: steps(tuple(script)) for who, script in scripts.items()}
        self._faults: dict[tuple[Purpose, int], int] = {}
        self._given: Counter[Purpose] = Counter()
        self._lock = threading.Lock()
        self.key = key
        self.wires = tuple(wires)
        self.closed = threading.Event()
        self.hanging = threading.Event()
        self.journal: list[Seen] = []
        self.answered: list[float] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.service = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def step(self, seen: Seen) -> tuple[Step, Turn | None, str]:
        """What happens on this request, the turn behind it (of which a cut gives half), a serial."""
        with self._lock:
            self.journal.append(seen)
            who = seen.purpose
            index = turns_before(seen.wire, seen.body) if who == "work" else self._given[who]
            script = self._scripts[who]
            if index >= len(script):
                return Failure(400, f"The script has no {who} turn {index}."), None, ""
            faults, turn = script[index]
            had = self._faults.get((who, index), 0)
            serial = f"{who}{index}"
            if had < len(faults) or turn is None:
                self._faults[who, index] = had + 1
                fault = faults[min(had, len(faults) - 1)]
                return fault, fault if isinstance(fault, Turn) else turn, serial
            self._given[who] += 1
            return turn, turn, serial


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    service: ScriptedModel

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error; what else goes wrong is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: tests read the journal."""

    def _authorized(self) -> bool:
        key = self.server.service.key
        given = self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")
        return key is None or given == key

    def do_GET(self) -> None:
        if not self._authorized():
            return self._json(401, failure_body("anthropic", 401, "invalid x-api-key"))
        self._json(200, {"data": [{"id": "scripted", "type": "model", "object": "model"}], "has_more": False})

    def do_POST(self) -> None:
        at = time.monotonic()
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        wire = next((w for end, w in _WIRES.items() if self.path.endswith(end)), None)
        service = self.server.service
        if wire is None or wire not in service.wires:
            return self._json(404, failure_body("chat", 404, "no such path"))
        if not self._authorized():
            return self._json(401, failure_body(wire, 401, "invalid x-api-key"))
        body = json.loads(raw)
        if "model" not in body:
            return self._json(400, failure_body(wire, 400, "model: field required"))
        with contextlib.suppress(ConnectionError):
            self._answer(Seen(wire, purpose(wire, body), body, raw, at, self.client_address[1]))
            service.answered.append(time.monotonic())

    def _answer(self, seen: Seen) -> None:
        step, turn, serial = self.server.service.step(seen)
        if isinstance(step, Failure):
            return self._fail(seen.wire, step)
        whole, events = render(seen.wire, turn or Turn(), seen.body, serial)
        if isinstance(step, Turn) and not seen.body.get("stream"):
            return self._json(200, whole)
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        chunks = encode(seen.wire, events)
        if isinstance(step, Cut):
            self._chunk(b"".join(chunks[: len(chunks) // 2]))
            self.close_connection = True
        elif isinstance(step, Hang):
            self._chunk(chunks[0])
            self._hang()
        else:
            self._chunk(chunks[0])  # something to stream, without a write for each event
            self._chunk(b"".join(chunks[1:]))
            self._chunk(b"")

    def _hang(self) -> None:
        """Wait until the client goes away or the server is closed."""
        service = self.server.service
        self.close_connection = True
        service.hanging.set()
        while not service.closed.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                return

    def _fail(self, wire: Wire, failure: Failure) -> None:
        text = failure.body or f"scripted failure {failure.status}"
        body = text if text.startswith("{") else json.dumps(failure_body(wire, failure.status, text))
        headers = {} if failure.retry_after is None else {"Retry-After": f"{failure.retry_after:g}"}
        self._send(failure.status, body.encode(), headers)

    def _json(self, status: int, body: Json) -> None:
        self._send(status, json.dumps(body).encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._head(status, {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers})
        self.wfile.write(body)
        self.wfile.flush()

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a script until the process is ended; the first line of output is the port."""
    parser = argparse.ArgumentParser(prog="python -m honk.testing.scripted")
    parser.add_argument("script", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=None, help="the only API key to let in")
    given = parser.parse_args(arguments)
    try:
        script: Script = read_script(given.script)
    except UserError as error:
        parser.error(str(error))
    scripts = (script.turns, script.judge, script.compact)
    with ScriptedModel(*scripts, key=given.key, port=given.port) as service:
        print(service.port, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            service.closed.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
