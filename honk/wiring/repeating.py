"""Work that a service does again and again beside its requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from honk.core.errors import in_words


@contextmanager
def every(
    seconds: float, look: Callable[[datetime], None], what: str, note: Callable[[str], None]
) -> Iterator[None]:
    """While the context is open, ``look`` is called with the time in UTC after each pause, in a thread
    of its own. What it raises is noted once, however long it lasts (the database fails for a moment, say),
    and the next call comes all the same: nobody would miss a thread that died. Leaving waits for the call
    that runs."""
    stop = threading.Event()

    def work() -> None:
        noted = ""
        while not stop.wait(seconds):
            wrong = ""
            try:
                look(datetime.now(UTC))
            except Exception as error:
                wrong = in_words(error)
            if wrong and wrong != noted:
                note(f"{what}: {wrong}")
            noted = wrong

    thread = threading.Thread(target=work, name=what, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
