"""The keeper of a run's lease."""

from __future__ import annotations

import threading
from typing import Literal

from honk.core.cancel import Cancel
from honk.core.errors import StaleWriter, StoreError
from honk.core.ports import Word
from honk.runs.keeper import Keeper


class Leases:
    """Renewing fails with ``errors``, in their order, and then works."""

    def __init__(self, *errors: StoreError) -> None:
        self._errors = list(errors)
        self.renewed = threading.Event()

    def claim(self, run_id: str, owner: str) -> int:
        return 1

    def renew(self, run_id: str, fence: int) -> None:
        if self._errors:
            raise self._errors.pop(0)
        self.renewed.set()

    def release(self, run_id: str, fence: int) -> None:
        pass

    def live(self, run_id: str) -> bool:
        return True


class Silence:
    """An inbox in which nobody says anything."""

    def send(self, run_id: str, kind: Literal["cancel", "say", "allow"], text: str) -> None:
        pass

    def look(self, run_id: str) -> list[Word]:
        return []

    def drop(self, word: Word) -> None:
        pass


def test_a_database_that_is_busy_for_a_moment_cancels_nothing() -> None:
    leases, cancel = Leases(StoreError("The database is locked.")), Cancel()
    with Keeper("r1", 1, leases, Silence(), cancel, beat=0.01):
        assert leases.renewed.wait(30)
    assert not cancel.is_set()


def test_a_lost_lease_cancels_the_run_here() -> None:
    cancel, woken = Cancel(), threading.Event()
    with (
        cancel.closing(woken.set),
        Keeper("r1", 1, Leases(StaleWriter("Taken.")), Silence(), cancel, beat=0.01),
    ):
        assert woken.wait(30)
    assert cancel.reason == "Taken."
