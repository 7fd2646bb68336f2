"""What the outside is told of runs: traces when one has ended here, webhooks when any has."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from urllib.parse import unquote

from honk.core.errors import in_words
from honk.core.events import Head, RunEnded
from honk.core.operator import Webhook
from honk.core.state import fold
from honk.runs.result import result
from honk.settings import Settings
from honk.wiring.repeating import every
from honk.wiring.stores import Stores

Note = Callable[[str], None]

LOOK_SECONDS = 2.0

LONGEST = timedelta(days=1)
"""After a run's end nobody is told of it any more."""


def trace(settings: Settings, stores: Stores, run_id: str, note: Note) -> None:
    """Send the trace of a run that has ended. Never raises: the run is done whatever becomes of it."""
    url = settings.otel.url
    if url is None:
        return
    try:
        from honk.telemetry.otlp import export
    except ImportError:
        return note("Traces need more packages: run `pip install 'honk[otel]'`.")
    from honk.telemetry.traces import spans

    try:
        headers = _headers(settings.otel.headers.get_secret_value())
        found = spans(stores.events.read(run_id))
        sent = export(found, url=url, headers=headers, service=settings.otel.service_name)
    except Exception as error:  # a collector's trouble, whatever it is, is not the run's
        return note(f"The trace of run {run_id} could not be sent: {error}.")
    if not sent:
        note(f"The collector at {url} did not take the trace of run {run_id}.")


def _headers(text: str) -> Mapping[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}


class Herald:
    """Tells the receivers of webhooks of each run's end, at least once.

    What was told is in the database; when to try again is not, so a new process tries at once.
    """

    def __init__(self, settings: Settings, stores: Stores, note: Note) -> None:
        self._settings = settings
        self._stores = stores
        self._note = note
        self._told: set[tuple[str, str]] = set()
        self._again: dict[tuple[str, str], tuple[int, datetime]] = {}  # tries, and when the next is due

    def look(self, now: datetime) -> None:
        """Send whatever is due."""
        for head in self._stores.events.heads():
            if head.kind == "run_ended" and now - head.at < LONGEST:
                for hook in self._settings.webhooks:
                    self._tell(hook, head, now)

    def _tell(self, hook: Webhook, head: Head, now: datetime) -> None:
        from honk.telemetry.webhooks import PAUSES

        scope = f"webhook:{hashlib.sha256(hook.url.encode()).hexdigest()[:32]}"
        mark = (scope, f"{head.run_id}.{head.seq}")
        tries, due = self._again.get(mark, (0, now))
        if mark in self._told or due > now:
            return
        if self._stores.once.known(*mark):
            self._told.add(mark)
            return
        try:
            wrong = self._send(hook, head, now)
        except Exception as error:  # of this run, or this receiver: the others are told all the same
            wrong = in_words(error)
        if wrong is None:
            return
        if wrong:
            pause = PAUSES[min(tries, len(PAUSES) - 1)]
            self._again[mark] = (tries + 1, now + timedelta(seconds=pause))
            self._note(f"The webhook {hook.url} was not told of run {head.run_id}: {wrong.rstrip('.')}.")
            return
        self._stores.once.first(*mark, "told")
        self._told.add(mark)
        self._again.pop(mark, None)

    def _send(self, hook: Webhook, head: Head, now: datetime) -> str | None:
        """What went wrong, or empty; None if the run has not ended after all: it was resumed since."""
        from honk.telemetry.webhooks import delivery, send

        state = fold(self._stores.events.read(head.run_id))
        if not isinstance(state.ended, RunEnded):
            return None
        found = result(head.run_id, state, self._stores.artifacts)
        server = self._settings.server
        base = (server.url or f"http://{server.host}:{server.port}").rstrip("/")
        return send(hook, delivery(found, head.seq, f"{base}/runs/{head.run_id}"), now)


@contextmanager
def open_herald(settings: Settings, stores: Stores, note: Note) -> Iterator[None]:
    """Webhooks are sent while the context is open."""
    if not settings.webhooks:
        yield
        return
    from honk.telemetry.webhooks import secret_bytes

    for hook in settings.webhooks:
        secret_bytes(hook.secret.get_secret_value())  # a wrong one is told at the start
    with every(LOOK_SECONDS, Herald(settings, stores, note).look, "Webhooks", note):
        yield
