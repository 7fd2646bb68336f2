"""Real parts around the package proxy: a client on its socket, a TCP way in, an upstream registry."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import io
import json
import select
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from honk.core.operator import Registry
from honk.sandboxes.proxy import Endpoint, PackageProxy


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("127.0.0.1:7411", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Answer:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Way:
    """A proxy's endpoint with a client. ``tcp`` is the address that pip and npm are given."""

    def __init__(self, endpoint: Endpoint, tcp: str) -> None:
        self.endpoint, self.tcp = endpoint, tcp
        self.socket = endpoint.directory / "proxy.sock"

    def connection(self) -> http.client.HTTPConnection:
        return UnixConnection(self.socket)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = self.connection()
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, answer.reason, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def asked(self) -> tuple[str, ...]:
        return self.endpoint.asked()


class _Forward(BaseRequestHandler):
    """What the companion container does: bytes to and from the socket."""

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as inner:
            inner.connect(self.server.path)  # type: ignore[attr-defined]
            other = {self.request: inner, inner: self.request}
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    try:
                        data = ready.recv(65536)
                        other[ready].sendall(data)
                    except OSError:
                        return
                    if not data:
                        return


@contextmanager
def forwarded(path: Path) -> Iterator[str]:
    ThreadingTCPServer.allow_reuse_address = True
    with ThreadingTCPServer(("127.0.0.1", 0), _Forward) as server:
        server.daemon_threads, server.request_queue_size = True, 64
        server.path = str(path)  # type: ignore[attr-defined]
        with _running(server):
            yield f"http://127.0.0.1:{server.server_address[1]}"


@contextmanager
def _running(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Way]]:
    with ExitStack() as stack:

        def start(registries: Sequence[Registry] | Callable[[], Sequence[Registry]]) -> Way:
            proxy = PackageProxy(registries)
            stack.callback(proxy.close)
            endpoint = stack.enter_context(proxy.open("run-1"))
            return Way(endpoint, stack.enter_context(forwarded(endpoint.directory / "proxy.sock")))

        yield start


@dataclass
class Upstream:
    """A registry over HTTP. ``answers``: path to status, headers and body (or chunks of it)."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], Any]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    key: str | None = None  # the Authorization that it wants

    def page(self, path: str, html: str) -> None:
        self.answers[path] = (200, {"Content-Type": "text/html"}, html.encode())

    def file(self, path: str, data: bytes) -> None:
        self.answers[path] = (200, {"Content-Type": "application/octet-stream"}, data)

    def document(self, path: str, data: object) -> None:
        self.answers[path] = (200, {"Content-Type": "application/json"}, json.dumps(data).encode())

    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


@pytest.fixture
def upstream() -> Iterator[Callable[[], Upstream]]:
    with ExitStack() as stack:

        def start() -> Upstream:
            made = Upstream()
            handler = type("_Answering", (_Answers,), {"upstream": made})
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            made.url = f"http://127.0.0.1:{server.server_address[1]}"
            stack.enter_context(_running(server))
            return made

        yield start


class _Answers(BaseHTTPRequestHandler):
    upstream: Upstream

    def do_GET(self) -> None:
        upstream = self.upstream
        upstream.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        status, headers, body = upstream.answers.get(self.path, (404, {}, b""))
        if upstream.key is not None and self.headers.get("Authorization") != upstream.key:
            status, headers, body = 401, {}, b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if isinstance(body, bytes) and "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            for chunk in [body] if isinstance(body, bytes) else body:
                self.wfile.write(chunk)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def wheel() -> Callable[..., Path]:
    """Writes a small pure Python wheel: folder, name, version, names that it requires."""

    def write(folder: Path, name: str, version: str, requires: Sequence[str] = ()) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        needs = "".join(f"Requires-Dist: {r}\n" for r in requires)
        files = {
            f"{module}.py": f'VERSION = "{version}"\n',
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        lines = [f"{path},sha256={_hash(text.encode())},{len(text)}" for path, text in files.items()]
        files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
        path = folder / f"{module}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for inner, text in files.items():
                archive.writestr(inner, text)
        return path

    return write


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@pytest.fixture
def tarball() -> Callable[..., bytes]:
    """The bytes of an npm tarball: name, version, dependencies."""

    def write(name: str, version: str, dependencies: dict[str, str] | None = None) -> bytes:
        manifest = {"name": name, "version": version, "main": "index.js", "dependencies": dependencies or {}}
        files = {"package.json": json.dumps(manifest), "index.js": f'module.exports = "{version}"\n'}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for inner, text in files.items():
                entry = tarfile.TarInfo(f"package/{inner}")
                entry.size, entry.mode = len(text), 0o644
                archive.addfile(entry, io.BytesIO(text.encode()))
        return gzip.compress(buffer.getvalue(), mtime=0)

    return write
