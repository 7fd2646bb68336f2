"""One connection of a sandbox: GET and HEAD for what the registries' pages name, nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from honk.core.errors import SandboxError
from honk.sandboxes.proxy import simple
from honk.sandboxes.proxy.front import Front
from honk.sandboxes.proxy.npm import ABBREVIATED, is_package, tarball
from honk.sandboxes.proxy.sources import RegistryError, Stream

ADDRESS = "127.0.0.1:7411"  # where the companion container listens for the sandbox
IDLE_SECONDS = 30  # of a kept-alive connection


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def __init__(self, front: Callable[[], Front], note: Callable[[str], None], *args: Any) -> None:
        self._front, self._note = front, note
        super().__init__(*args)

    def do_GET(self) -> None:
        self._started = False
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # the body is not read, so no request may follow it
        try:
            self._route(self._front(), unquote(self.path.partition("?")[0]))
        except (RegistryError, SandboxError) as error:
            self.close_connection = True
            if not self._started:
                self._refuse(502, error.message)

    do_HEAD = do_GET

    def _route(self, front: Front, path: str) -> None:
        if match := re.fullmatch(r"/pypi/simple/([A-Za-z0-9][A-Za-z0-9._-]{0,127})/?", path):
            self._project(front, simple.normalise(match[1]))
        elif match := re.fullmatch(r"/pypi/files/([a-z0-9][a-z0-9-]{0,127})/([^/]+)", path):
            self._file(front.pypi.open(match[1], match[2]))
        elif named := tarball(path):
            self._file(front.npm.open(*named))
        elif path.startswith("/npm/") and is_package(path[5:]):
            self._package(front, path[5:])
        else:
            self._refuse(404, "The package proxy of honk has nothing here")

    def _project(self, front: Front, project: str) -> None:
        as_json = simple.wants_json(self.headers.get("Accept", ""))
        with front.reading:
            files = front.pypi.files(project)
            if files is None:
                data = None
            else:
                data = (simple.render_json if as_json else simple.render_html)(project, files)
        if data is None:
            self._refuse(404, f"No configured registry knows {project}")
        else:
            self._send(simple.JSON_TYPE if as_json else "text/html; charset=utf-8", data)

    def _package(self, front: Front, package: str) -> None:
        host = self.headers.get("Host", "")
        own = host if re.fullmatch(r"[A-Za-z0-9.:\[\]-]{1,100}", host) else ADDRESS
        with front.reading:
            page = front.npm.document(
                package,
                abbreviated=ABBREVIATED in self.headers.get("Accept", ""),
                proxy=f"http://{own}",
                keep=self.headers.get("User-Agent", "").startswith("npm/"),
            )
        if page is None:
            self._refuse(404, f"No configured registry knows {package}")
        else:
            self._send(page.content_type, page.data)

    def _file(self, opened: AbstractContextManager[Stream | None]) -> None:
        with opened as stream:
            if stream is None:
                self._refuse(404, "No page of the registries names this file")
                return
            self._head(200, "OK", "application/octet-stream", stream.length, stream.encoding)
            if self.command == "HEAD":
                return
            for chunk in stream.chunks:
                self.wfile.write(
                    chunk if stream.length is not None else b"%x\r\n%b\r\n" % (len(chunk), chunk)
                )
            if stream.length is None:
                self.wfile.write(b"0\r\n\r\n")

    def _send(self, kind: str, data: bytes) -> None:
        self._head(200, "OK", kind, len(data))
        if self.command != "HEAD":
            self.wfile.write(data)

    def _refuse(self, status: int, reason: str) -> None:
        """One line that people get to see: pip prints the status line, npm the JSON's ``error``."""
        line = "".join(c if c.isprintable() else "?" for c in reason)
        data = json.dumps({"error": line}).encode()
        self._head(status, line.encode("latin-1", "replace").decode("latin-1"), "application/json", len(data))
        if self.command != "HEAD":
            self.wfile.write(data)

    def _head(
        self, status: int, reason: str, kind: str, length: int | None, encoding: str | None = None
    ) -> None:
        self._started = True
        self._note(_line(self.command, self.path, status))
        self.send_response(status, reason)
        self.send_header("Content-Type", kind)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Where the standard library refuses: 501 is its word for a method without a handler."""
        self.close_connection = True
        self.request_version = self.protocol_version  # or it would answer as HTTP/0.9, without a head
        self.command = self.command or "-"
        self.path = getattr(self, "path", "-")
        if code == 501:
            self._refuse(405, "The package proxy of honk is read-only")
        else:
            self._refuse(code, message or "The request is not valid")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to standard error: the requests are in the run's log."""


def _line(method: str, path: str, status: int) -> str:
    found = re.match(r"/(pypi|npm)(?=/)", path)
    kind, rest = (found[1], path[found.end() :]) if found else ("-", path)
    shown = "".join(c if c.isprintable() and c != " " else "?" for c in rest[:300])
    return f"{method[:20]} {kind} {shown} {status}"
