"""What a worker does with one queued run."""

from __future__ import annotations

from collections.abc import Callable

from honk.core.cancel import Cancel
from honk.core.errors import StaleWriter, in_words
from honk.core.events import FollowedUp, Recorded, RunEnded, RunResumed
from honk.core.messages import TextDelta
from honk.core.types import Outcome
from honk.settings import Settings
from honk.wiring.execution import carry_on, close_run
from honk.wiring.hub import show, tell
from honk.wiring.stores import Stores

MOST_TRIES = 5
"""Workers that one run may take down with it before it is given up."""


class Quiet:
    """A watcher that only passes on what an operator should see. ``begun`` is called when a
    follow-up has found what it builds upon."""

    def __init__(self, run_id: str, note: Callable[[str], None], begun: Callable[[], None]) -> None:
        self._run_id = run_id
        self._note = note
        self._begun = begun

    def event(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, FollowedUp):
            self._begun()
        if isinstance(recorded.event, RunEnded):
            self._note(f"{self._run_id}: {recorded.event.outcome}: {recorded.event.reason}")

    def delta(self, delta: TextDelta) -> None:
        pass

    def notice(self, text: str) -> None:
        self._note(f"{self._run_id}: {text}")


def work_on(
    settings: Settings,
    stores: Stores,
    run_id: str,
    queued_at: int,
    cancel: Cancel,
    note: Callable[[str], None],
) -> None:
    """Carry the run that was queued at event ``queued_at`` to its end, whatever that is, and say so
    where it came from.

    Nobody looks at an exception here, so each becomes the run's end. Raises StaleWriter only.
    """
    _work_on(settings, stores, run_id, queued_at, cancel, note)
    tell(settings, stores, run_id, note)
    show(settings, stores, run_id, note)


def _work_on(
    settings: Settings,
    stores: Stores,
    run_id: str,
    queued_at: int,
    cancel: Cancel,
    note: Callable[[str], None],
) -> None:
    recorded = stores.events.read(run_id)
    if _done(recorded, queued_at):
        return  # its worker died between the run's end and the queue's knowledge of it
    if _tries(recorded) >= MOST_TRIES:
        reason = f"{MOST_TRIES} workers died while they worked on this run."
        return close_run(settings, stores, run_id, Outcome.FAILED, reason, note)
    try:
        watcher = Quiet(run_id, note, begun=lambda: show(settings, stores, run_id, note))
        carry_on(settings, stores, run_id, watcher, cancel=cancel)
    except StaleWriter:
        raise
    except Exception as error:
        reason = in_words(error)
        note(f"{run_id}: {reason}")
        if not _done(stores.events.read(run_id), queued_at):
            close_run(settings, stores, run_id, Outcome.FAILED, reason, note)


def _done(recorded: list[Recorded], queued_at: int) -> bool:
    return any(isinstance(r.event, RunEnded) and r.seq > queued_at for r in recorded)


def _tries(recorded: list[Recorded]) -> int:
    """How often the run was taken up since it last ended."""
    tries = 0
    for item in recorded:
        if isinstance(item.event, RunEnded):
            tries = 0
        tries += isinstance(item.event, RunResumed)
    return tries
