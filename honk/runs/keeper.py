"""Keeps a run's lease alive and carries other processes' words to it."""

from __future__ import annotations

import threading
from types import TracebackType

from honk.core.cancel import Cancel
from honk.core.errors import StaleWriter, StoreError
from honk.core.ports import Inbox, Leases

BEAT_SECONDS = 2.0
"""Between two looks at lease and inbox: a `honk cancel` is heard within this time."""


class Keeper:
    """A context manager: while it is open, a thread renews the lease and hears ``honk cancel``.

    Losing the lease cancels the run here, since another process has taken it over.
    """

    def __init__(
        self,
        run_id: str,
        fence: int,
        leases: Leases,
        inbox: Inbox,
        cancel: Cancel,
        *,
        beat: float = BEAT_SECONDS,
    ) -> None:
        self._run_id = run_id
        self._fence = fence
        self._leases = leases
        self._inbox = inbox
        self._cancel = cancel
        self._seconds = beat
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"keeper-{run_id}", daemon=True)

    def __enter__(self) -> Keeper:
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
                for kind, text in self._inbox.take(self._run_id):
                    if kind == "cancel":
                        self._cancel.set(text or "Cancelled by `honk cancel`.")
            except StaleWriter as error:
                self._cancel.set(str(error))
                return
            except StoreError:
                continue  # busy for a moment, perhaps; the run's own appends say if it is more
