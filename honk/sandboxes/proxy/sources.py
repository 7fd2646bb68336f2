"""What the proxy reads from: the port of a registry, and the parts that its kinds share."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from honk.core.errors import InfrastructureError

CHUNK = 64 * 1024


class RegistryError(InfrastructureError):
    """A registry cannot be used now; ``message`` is the one line that pip or npm gets to see."""


@dataclass(frozen=True)
class Page:
    """An index page or package document. ``url`` is where it came from after redirects."""

    data: bytes
    content_type: str
    url: str


@dataclass(frozen=True)
class Stream:
    """A file under way. ``length`` in bytes, None where the registry did not say."""

    length: int | None
    chunks: Iterator[bytes]
    encoding: str | None = None  # Content-Encoding, passed on as it came


class Source(Protocol):
    """One registry."""

    def page(self, path: str, accept: str) -> Page | None:
        """The document at ``path`` below the registry's base, or None if there is none.

        Raises RegistryError.
        """
        ...

    def open(self, url: str) -> AbstractContextManager[Stream | None]:
        """The file at ``url``, which a page of this registry named. None if it is gone.

        Raises RegistryError, also while the chunks are read.
        """
        ...


@dataclass(frozen=True)
class Named:
    """The files that a registry's page named: file name to address."""

    source: Source
    urls: Mapping[str, str]


class Recent:
    """What pages named a short while ago, so that a file after its page costs no second page.

    Addresses may be signed for a limited time by their registry, hence ``seconds``.
    """

    def __init__(self, seconds: float = 300, most: int = 64) -> None:
        self._seconds, self._most = seconds, most
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[float, Named]] = OrderedDict()

    def get(self, project: str) -> Named | None:
        with self._lock:
            found = self._entries.get(project)
        return found[1] if found and time.monotonic() - found[0] < self._seconds else None

    def put(self, project: str, named: Named) -> None:
        with self._lock:
            self._entries[project] = (time.monotonic(), named)
            self._entries.move_to_end(project)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)


def is_plain(name: str) -> bool:
    """Whether a file name from a registry is one: no folder, nothing that could split a header."""
    return 0 < len(name) <= 255 and name.isprintable() and not set(name) & set('/\\"<>') and name[0] != "."
