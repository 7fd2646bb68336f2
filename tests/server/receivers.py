"""Small real receivers: whatever is posted to them is kept, and answered with the next status."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    url: str
    posted: queue.Queue[Posted] = field(default_factory=queue.Queue)


@contextmanager
def receiver(statuses: Sequence[int] = (), encoding: str = "") -> Iterator[Receiver]:
    """``statuses`` are its first answers; then 200. ``encoding``: what it says of a body that is not so."""
    left = list(statuses)
    found = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.posted.put(Posted(self.path, headers, body))
            self.send_response(left.pop(0) if left else 200)
            if encoding:
                self.send_header("Content-Encoding", encoding)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
