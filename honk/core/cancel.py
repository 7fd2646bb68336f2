"""The cancel token of one run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from honk.core.errors import Cancelled


class Cancel:
    """Set once, from any thread; closes whatever is blocking the run's own thread.

    Code that blocks registers a closer with :meth:`closing`: the model stream and the
    sandbox are closed from the cancelling thread, so that the run's thread wakes up.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] = []
        self.reason = ""

    def set(self, reason: str) -> None:
        """Cancel the run, giving the reason that people will read."""
        with self._lock:
            if self._event.is_set():
                return
            self.reason = reason
            self._event.set()
            closers = list(self._closers)
        for close in closers:
            close()

    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise :class:`~honk.core.errors.Cancelled` if the token is set."""
        if self._event.is_set():
            raise Cancelled(self.reason)

    def wait(self, seconds: float) -> None:
        """Sleep for at most ``seconds``, raising ``Cancelled`` as soon as the token is set."""
        if self._event.wait(seconds):
            raise Cancelled(self.reason)

    @contextmanager
    def closing(self, close: Callable[[], None]) -> Iterator[None]:
        """While the body runs, cancelling calls ``close`` (which must not raise)."""
        with self._lock:
            already = self._event.is_set()
            if not already:
                self._closers.append(close)
        if already:
            raise Cancelled(self.reason)
        try:
            yield
        finally:
            with self._lock:
                if close in self._closers:
                    self._closers.remove(close)
