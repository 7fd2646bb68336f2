"""The front desk of a service: orders become queued runs."""

from __future__ import annotations

import hashlib

from honk.core.desk import Offer
from honk.core.errors import StaleWriter, UserError
from honk.core.order import Order
from honk.core.state import RunState
from honk.queue.engine import RunQueue
from honk.settings import Settings
from honk.wiring.approval import approve, offer
from honk.wiring.execution import cancel_run, enlist, say, send_words
from honk.wiring.requests import make_request
from honk.wiring.stores import Stores, check_free, check_resumable, new_run_id
from honk.wiring.watching import Note


class QueueDesk:
    """The Desk port on this installation's stores and queue."""

    def __init__(self, settings: Settings, stores: Stores, queue: RunQueue, note: Note) -> None:
        self._settings = settings
        self._stores = stores
        self._queue = queue
        self._note = note

    def submit(self, order: Order, *, key: tuple[str, str] | None = None) -> str:
        asked = make_request(order, self._settings, remote=True)
        run_id = new_run_id()
        if key is not None:
            run_id = self._first(order, key, run_id)
        try:
            enlist(self._stores, asked.request, run_id)
        except StaleWriter:  # ordered before: somebody works on it, or writes it down at this moment
            return run_id
        if order.origin.place:
            self._stores.links.add(order.origin.kind, order.origin.place, run_id)
        self._queue.put(run_id, 1)
        return run_id

    def _first(self, order: Order, key: tuple[str, str], run_id: str) -> str:
        """The run that ``key`` stands for. Raises UserError if that is one of another order."""
        scope, name = key
        # Where answers belong is not what is ordered, and fields that come with an upgrade are not yet.
        wanted = order.model_dump_json(exclude={"origin"}, exclude_defaults=True)
        digest = hashlib.sha256(wanted.encode()).hexdigest()
        of_github = order.origin.kind == "github"  # one delivery may order there by the key of another
        if not of_github and self._stores.once.first(f"order of {scope}", name, digest) != digest:
            raise UserError(
                "Under this key something else was ordered before.",
                "Send the same again to get its run, or take a new key for a new run.",
            )
        return self._stores.once.first(scope, name, run_id)

    def resume(self, run_id: str, words: str = "") -> None:
        check_free(self._stores, run_id)
        recorded = self._stores.events.read(run_id)
        check_resumable(run_id, recorded, self._stores.artifacts)
        if words:
            send_words(self._stores, run_id, words)
        self._queue.put(run_id, recorded[-1].seq)

    def approve(self, run_id: str, globs: tuple[str, ...], by: str) -> None:
        self._queue.put(run_id, approve(self._stores, run_id, globs, by))

    def offer(self, run_id: str, state: RunState) -> Offer | None:
        return offer(run_id, state)

    def cancel(self, run_id: str, reason: str) -> bool:
        return cancel_run(self._settings, self._stores, run_id, reason, note=self._note)

    def say(self, run_id: str, text: str) -> None:
        if say(self._stores, run_id, text):
            self._queue.put(run_id, self._stores.events.read(run_id)[-1].seq)
