"""The HTTP connection under a provider's SDK: closed from another thread, and listened to.

Imported lazily: httpx2 is the HTTP library of both SDKs, and as slow to import as they are.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

# Seconds. A service that accepts no connection is down; a stream may be silent for minutes
# while the model thinks (Anthropic sends pings, the Responses API does not).
TIMEOUT = httpx2.Timeout(connect=10.0, read=600.0, write=60.0, pool=10.0)
# A connection outlives the tool calls between two requests, within what services allow.
LIMITS = httpx2.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=60.0)


def _local(url: str) -> bool:
    """On this machine, so never through a proxy."""
    return httpx2.URL(url).host in ("127.0.0.1", "localhost", "::1")


def _verify(url: str) -> ssl.SSLContext | bool:
    """Without TLS there is no need to load certificates, which takes 50 ms and 2 MB."""
    return httpx2.URL(url).scheme == "https" or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def ask_status(url: str, api_key: str) -> int:
    """The status of an empty POST, redirects not followed. Raises httpx2's errors."""
    headers = {"Content-Type": "application/json"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    options: dict[str, Any] = {"timeout": 10.0, "trust_env": not _local(url), "verify": _verify(url)}
    return httpx2.post(url, content=b"{}", headers=headers, **options).status_code


class _Body(httpx2.SyncByteStream):
    """A response body: seen by the connection as it passes, and read to its end.

    OpenAI's SDK stops reading at ``[DONE]``, a few bytes early, and a connection with unread
    bytes cannot be used again. What comes after is read here, for a fifth of a second at most.
    """

    def __init__(self, inner: httpx2.SyncByteStream, connection: Connection) -> None:
        self._inner = inner
        self._connection = connection
        self._chunks: Iterator[bytes] = iter(())

    def __iter__(self) -> Iterator[bytes]:
        self._chunks = iter(self._inner)
        for chunk in self._chunks:
            self._connection.passed(chunk)
            yield chunk

    def close(self) -> None:
        if self._connection.said_done:
            timer = threading.Timer(0.2, self._connection.shut)
            timer.start()
            with contextlib.suppress(httpx2.TransportError):
                for _ in self._chunks:
                    pass
            timer.cancel()
        self._inner.close()


class Connection:
    """Hooks for one SDK client: its open sockets and, if ``listen``, the last response's body."""

    def __init__(self, *, listen: bool) -> None:
        self._listen = listen
        self._streams: list[Any] = []  # httpcore's network streams, which have no common public type
        self._shut = False
        self._tail = b""
        self.status: int | None = None
        self.body = bytearray()

    @property
    def said_done(self) -> bool:
        """The answer ended with OpenAI's mark of a complete stream, which the SDK keeps to itself."""
        return b"data: [DONE]" in self._tail

    def client(self, make: Callable[..., httpx2.Client], base_url: str) -> httpx2.Client:
        """The SDK's HTTP client (``make`` is its own class, for its socket options and proxies).

        Redirects are not followed: an API key must not travel to another host.
        """
        hooks = {"request": [self._sending], "response": [self._received]}
        transport: dict[str, httpx2.BaseTransport] = {}
        if _local(base_url):
            transport["transport"] = httpx2.HTTPTransport(verify=_verify(base_url), limits=LIMITS)
        return make(timeout=TIMEOUT, limits=LIMITS, event_hooks=hooks, follow_redirects=False, **transport)

    def begin(self) -> None:
        """Before each call."""
        self._shut = False
        self._tail = b""
        self.status = None
        self.body = bytearray()

    def passed(self, chunk: bytes) -> None:
        """A piece of the response's body."""
        self._tail = (self._tail + chunk)[-32:]
        if self._listen:
            self.body += chunk

    def shut(self) -> None:
        """From any thread: wake up whoever reads or writes, for whom the connection has ended."""
        self._shut = True
        for stream in list(self._streams):
            self._end(stream)

    def _end(self, stream: Any) -> None:
        sock = stream.get_extra_info("socket")
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):  # it may be closed already
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _sending(self, request: httpx2.Request) -> None:
        request.extensions = {**request.extensions, "trace": self._trace}
        if self._listen:
            request.headers["Accept-Encoding"] = "identity"

    def _received(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _Body(response.stream, self)

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        if not event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            return
        self._streams = [*self._streams[-3:], info["return_value"]]  # older ones are closed by now
        if self._shut:
            self._end(info["return_value"])
