"""One process at a time: locks as files, released by the kernel when their owner dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from honk.core.cancel import Cancel

_POLL_SECONDS = 0.2  # flock can wait only without hearing of a cancellation


@contextmanager
def locked(path: Path, cancel: Cancel) -> Iterator[None]:
    """Hold ``path`` as a lock while the body runs. Raises Cancelled while it waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                cancel.wait(_POLL_SECONDS)
        yield
