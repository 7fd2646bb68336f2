"""The proxy's server: HTTP/1.1 on a Unix socket, GET and HEAD, each request noted for the log."""

from __future__ import annotations

import re
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import TYPE_CHECKING, Any

from honk.core.errors import SandboxError
from honk.core.operator import Registry

if TYPE_CHECKING:
    from honk.sandboxes.proxy.front import Front

MAX_CONNECTIONS = 256  # of one run; more wait. npm opens 15 at a time, pip one
MAX_NOTED = 2000  # requests between two calls of asked(); more are only counted
_SOCKET_PATH_LIMIT = 107  # bytes: sun_path of unix(7), less its final NUL


class Endpoint:
    """One run's way to the registries: ``directory`` holds the socket ``proxy.sock``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._noted: list[str] = []
        self._dropped = 0

    def note(self, line: str) -> None:
        with self._lock:
            if len(self._noted) < MAX_NOTED:
                self._noted.append(line)
            else:
                self._dropped += 1

    def asked(self) -> tuple[str, ...]:
        """Every request since the last call: ``GET pypi /simple/acme-log/ 200``."""
        with self._lock:
            lines, dropped = self._noted, self._dropped
            self._noted, self._dropped = [], 0
        return (*lines, f"and {dropped} more requests") if dropped else tuple(lines)


class PackageProxy:
    """A read-only view of registries (earlier ones win). One for a process; safe for threads.

    ``registries`` is the list itself, or where finding it out costs time (``discover``) a
    function that is called once, when a sandbox first asks for a package.
    Raises SandboxError if the address of a registry is neither http(s) nor a folder.
    """

    def __init__(self, registries: Sequence[Registry] | Callable[[], Sequence[Registry]]) -> None:
        self._lock = threading.Lock()
        self._find = registries if callable(registries) else None
        self._front = None if callable(registries) else _front(registries)

    def front(self) -> Front:
        with self._lock:
            if self._front is None:
                assert self._find is not None
                self._front = _front(self._find())
            return self._front

    @contextmanager
    def open(self, run_id: str) -> Iterator[Endpoint]:
        """Serve one run until the context ends; the folder is then gone, connections are closed."""
        # The outer folder keeps other users of the host away; the inner one is what a container
        # mounts, where an unprivileged user must be able to connect.
        outer = Path(tempfile.mkdtemp(prefix=f"honk-{re.sub('[^A-Za-z0-9]', '', run_id)[:12]}-"))
        try:
            endpoint = Endpoint(outer / "proxy")
            endpoint.directory.mkdir()
            endpoint.directory.chmod(0o755)
            with _serving(self, endpoint):
                yield endpoint
        finally:
            shutil.rmtree(outer, ignore_errors=True)

    def close(self) -> None:
        """Close the connections to the registries."""
        if self._front is not None:
            self._front.close()


def _front(registries: Sequence[Registry]) -> Front:
    from honk.sandboxes.proxy.front import Front  # few runs install packages, and none at its start

    return Front(registries)


@contextmanager
def _serving(proxy: PackageProxy, endpoint: Endpoint) -> Iterator[None]:
    path = endpoint.directory / "proxy.sock"
    if len(str(path).encode()) > _SOCKET_PATH_LIMIT:
        raise SandboxError(
            f"The path of the proxy's socket is too long for the system: {path}.",
            "Set TMPDIR to a shorter path.",
        )
    with _Server(str(path), proxy, endpoint) as server:
        path.chmod(0o666)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="honk-package-proxy")
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.drop_connections()


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True  # a slow registry must not hold up the end of a run
    request_queue_size = 128

    def __init__(self, path: str, proxy: PackageProxy, endpoint: Endpoint) -> None:
        self._slots = threading.Semaphore(MAX_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

        def handle(*arguments: Any) -> Any:
            from honk.sandboxes.proxy.handler import Handler

            return Handler(proxy.front, endpoint.note, *arguments)

        super().__init__(path, handle)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._slots.acquire(timeout=5):
            with self._lock:
                self._open.add(request)
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)
            self._slots.release()

    def drop_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that went away is no error
            super().handle_error(request, client_address)
