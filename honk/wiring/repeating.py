"""Work that a service does again and again beside its requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from honk.core.errors import HonkError


@contextmanager
def every(
    seconds: float, look: Callable[[datetime], None], what: str, note: Callable[[str], None]
) -> Iterator[None]:
    """While the context is open, ``look`` is called with the time in UTC after each pause, in a thread
    of its own. What it raises as HonkError is noted (the database fails for a moment, say) and the
    next call comes all the same; leaving waits for the call that runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(seconds):
            try:
                look(datetime.now(UTC))
            except HonkError as error:
                note(f"{what}: {error}")

    thread = threading.Thread(target=work, name=what, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
