"""Keeps a run's lease alive and carries other processes' words to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from honk.core.cancel import Cancel
from honk.core.errors import StaleWriter, StoreError
from honk.core.ports import Inbox, Leases, Word

BEAT_SECONDS = 2.0
"""Between two looks at lease and inbox: a `honk cancel` is heard within this time."""


class Keeper:
    """A context manager: while it is open, a thread renews the lease and hears ``honk cancel`` and
    ``honk say``.

    Losing the lease cancels the run here, since another process has taken it over.
    """

    def __init__(
        self,
        run_id: str,
        fence: int,
        leases: Leases,
        inbox: Inbox,
        cancel: Cancel,
        hear: Callable[[Word], None] = lambda word: None,
        *,
        beat: float = BEAT_SECONDS,
    ) -> None:
        self._run_id = run_id
        self._fence = fence
        self._leases = leases
        self._inbox = inbox
        self._cancel = cancel
        self._hear = hear
        self._seconds = beat
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"keeper-{run_id}", daemon=True)

    def __enter__(self) -> Keeper:
        with suppress(StoreError):
            self._listen()  # what was said while nobody worked on the run comes before its next turn
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        try:
            self._leases.release(self._run_id, self._fence)
        except StoreError:
            if error is None:
                raise

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._leases.renew(self._run_id, self._fence)
                self._listen()
            except StaleWriter as error:
                self._cancel.set(str(error))
                return
            except StoreError:
                continue  # busy for a moment, perhaps; the run's own appends say if it is more

    def _listen(self) -> None:
        for word in self._inbox.look(self._run_id):
            if word.kind == "cancel":
                self._inbox.drop(word)
                self._cancel.set(word.text or "Cancelled by `honk cancel`.")
            elif word.kind == "say":  # dropped once it is in the log
                self._hear(word)
