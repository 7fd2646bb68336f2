"""Raw streams of the engine: attached containers and execs, without its SDK on the hot path.

Without a terminal the engine frames output as 8 bytes of header (stream number, three
zero bytes, length as big-endian 32 bit) and the payload; see "Attach to a container" in
the Docker Engine API.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from honk.core.errors import SandboxError

if TYPE_CHECKING:
    from docker import APIClient

STDOUT, STDERR = 1, 2
_HEADER = 8
_READ = 1 << 18


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into SandboxError: ``doing`` completes "The engine failed to …"."""
    import requests
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise SandboxError(
            f"The container engine failed to {doing}: {error.explanation or error}.",
            "`honk doctor` checks the engine.",
        ) from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise SandboxError(
            f"The container engine did not answer while asked to {doing}: {error}.",
            "Start it, or run `honk doctor`.",
        ) from error


class Stream:
    """Both directions of one hijacked connection. Not thread-safe, but for :meth:`close`."""

    def __init__(self, raw: Any) -> None:
        # A SocketIO over a plain socket for unix:// and tcp://; a TLS socket or SSH channel else.
        self._raw = raw
        self._socket: Any = getattr(raw, "_sock", raw)
        self._buffer = bytearray()
        self.closed = False

    def send(self, data: bytes, timeout: float | None = 60.0) -> None:
        """Write all of ``data``. Raises OSError (TimeoutError too) if the other side is gone."""
        self._socket.settimeout(timeout)
        self._socket.sendall(data)

    def receive(self, timeout: float | None) -> tuple[int, bytes]:
        """The next (stream number, payload); (0, b"") at the end.

        Raises TimeoutError. A connection broken by :meth:`close` or a dead engine is an end.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (frame := self._frame()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            try:
                self._socket.settimeout(left)
                data = self._socket.recv(_READ)
            except TimeoutError:
                raise
            except OSError:
                return 0, b""
            if not data:
                return 0, b""
            self._buffer += data
        return frame

    def _frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < _HEADER:
            return None
        end = _HEADER + int.from_bytes(buffer[4:_HEADER], "big")
        if len(buffer) < end:
            return None
        payload = bytes(memoryview(buffer)[_HEADER:end])
        kind = buffer[0]
        del buffer[:end]
        return kind, payload

    def interrupt(self) -> None:
        """Wake whoever is reading, from any thread; the reader sees the end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.closed = True
        self.interrupt()
        response = getattr(self._raw, "_response", None)
        for part in (response, self._raw, self._socket):
            if part is not None:
                with suppress(OSError):
                    part.close()


def attach(api: APIClient, container: str, *, stdin: bool, stdout: bool, stderr: bool) -> Stream:
    """The streams of a container's main process; attach before starting it to miss nothing."""
    params = {"stdin": int(stdin), "stdout": int(stdout), "stderr": int(stderr), "stream": 1}
    return Stream(api.attach_socket(container, params))


def execute(api: APIClient, container: str, argv: Sequence[str], user: int) -> Stream:
    """Start a process in a running container and return its streams."""
    created = api.exec_create(container, list(argv), stdin=True, user=f"{user}:{user}")
    return Stream(api.exec_start(created["Id"], socket=True))
