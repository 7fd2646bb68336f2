"""Where runs are: in this installation, or in that of a `honk serve` elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from honk import settings as settings_module
from honk import wiring
from honk.core.errors import UserError
from honk.core.events import Recorded, RunEnded
from honk.core.plain import clean
from honk.core.state import RunState, fold
from honk.core.types import RunResult
from honk.runs.patch import change_so_far, patch_bytes
from honk.runs.result import result
from honk.settings import Settings

if TYPE_CHECKING:
    from honk.client import Client

POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Row:
    """One line of `honk runs`. ``cost_usd`` in dollars."""

    run_id: str
    status: str
    repo: str
    request: str
    cost_usd: float
    pull_request: str | None


class Place(Protocol):
    """What commands ask about runs, wherever those are."""

    def find(self, prefix: str) -> str:
        """The run whose id is or begins with ``prefix``. Raises UserError if none or several do."""
        ...

    def rows(self, limit: int) -> list[Row]:
        """Newest first."""
        ...

    def ids(self) -> list[str]:
        """Of all runs (of a service, the newest 500), newest first."""
        ...

    def read(self, run_id: str) -> list[Recorded]: ...

    def follow(self, run_id: str) -> Iterable[Recorded]:
        """The log from its beginning until the run ends or is interrupted."""
        ...

    def status(self, run_id: str, state: RunState) -> str:
        """One word: the outcome of an ended run, else whether somebody works on it."""
        ...

    def result(self, run_id: str, state: RunState) -> RunResult: ...

    def patch(self, run_id: str) -> bytes:
        """The frozen change, else the last checkpoint; empty if there is neither."""
        ...

    def evidence(self, run_id: str) -> bytes:
        """The signed statement on its commit; empty if there is none."""
        ...

    def cancel(self, run_id: str) -> bool:
        """Whether it has ended; otherwise it was asked to stop."""
        ...


@contextmanager
def open_place(config: Path | None, remote: str | None) -> Iterator[Place]:
    """``remote``: None as the settings say, empty: here."""
    settings = settings_module.load(config)
    url = settings.remote if remote is None else remote
    if url:
        with connect(settings, url) as client:
            yield There(client)
        return
    with wiring.open_stores(settings) as stores:
        yield Here(settings, stores)


def connect(settings: Settings, url: str) -> Client:
    """A client of the service at ``url``. Raises UserError if there is no token for it."""
    from honk.client import Client

    if settings.token is None:
        raise UserError(
            f"There is no token for {url}.", "Set HONK_TOKEN; there, `honk token NAME` makes one."
        )
    return Client(url, settings.token.get_secret_value())


def only(prefix: str, ids: Sequence[str]) -> str:
    """The one id that ``prefix`` means. Raises UserError."""
    found = [run_id for run_id in ids if run_id.startswith(prefix)] if prefix else []
    if prefix in found:
        return prefix
    if not found:
        raise UserError(f"There is no run {prefix}.", "`honk runs` lists them.")
    if len(found) > 1:
        raise UserError(f"{prefix} fits several runs: {', '.join(found[:5])}.", "Give more of the id.")
    return found[0]


class Here:
    """This installation."""

    def __init__(self, settings: Settings, stores: wiring.Stores) -> None:
        self._settings = settings
        self._stores = stores

    def find(self, prefix: str) -> str:
        return only(prefix, self._stores.events.runs())

    def rows(self, limit: int) -> list[Row]:
        rows = []
        for run_id in self._stores.events.runs()[:limit]:
            state = fold(self.read(run_id))
            if state.requested is None:
                continue
            pull_request = state.published.pull_request.url if state.published else None
            name, text, cost = state.request.repo.name, state.request.title, round(state.cost_usd, 6)
            rows.append(Row(run_id, self.status(run_id, state), name, text, cost, pull_request))
        return rows

    def ids(self) -> list[str]:
        return self._stores.events.runs()

    def read(self, run_id: str) -> list[Recorded]:
        return self._stores.events.read(run_id)

    def follow(self, run_id: str) -> Iterator[Recorded]:
        after = 0
        while True:
            recorded = self._stores.events.read(run_id, after)
            yield from recorded
            after = recorded[-1].seq if recorded else after
            if recorded and isinstance(recorded[-1].event, RunEnded):
                return
            if not recorded and not self._stores.leases.live(run_id):
                if not isinstance(self._stores.events.read(run_id)[-1].event, RunEnded):
                    print(f"The run was interrupted; `honk resume {run_id}` goes on.", file=sys.stderr)
                return
            time.sleep(POLL_SECONDS)

    def status(self, run_id: str, state: RunState) -> str:
        if state.ended is not None:
            return str(state.ended.outcome)
        return "running" if self._stores.leases.live(run_id) else "interrupted"

    def result(self, run_id: str, state: RunState) -> RunResult:
        return result(run_id, state, self._stores.artifacts)

    def patch(self, run_id: str) -> bytes:
        state = fold(self.read(run_id))
        if state.ended is not None and state.ended.patch is not None:
            return self._stores.artifacts.get(state.ended.patch)
        if state.base is None:
            return b""
        with wiring.open_mirror(self._settings, state.base.base.repo) as mirror:
            change = change_so_far(state, mirror, self._stores.artifacts)
        return b"" if change is None else patch_bytes(change)

    def evidence(self, run_id: str) -> bytes:
        attested = fold(self.read(run_id)).attested
        return b"" if attested is None else self._stores.artifacts.get(attested.artifact)

    def cancel(self, run_id: str) -> bool:
        return wiring.cancel_run(self._settings, self._stores, run_id, note=aside)


def aside(text: str) -> None:
    """Tell whoever sits here what is no result."""
    print(clean(text), file=sys.stderr)


class There:
    """The installation of a `honk serve`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def find(self, prefix: str) -> str:
        if len(prefix) > 10 or not all(c in "0123456789abcdef" for c in prefix):
            return only(prefix, ())
        found = self.client.runs(prefix=prefix, limit=6) if prefix else []
        return only(prefix, [run.run_id for run in found])

    def rows(self, limit: int) -> list[Row]:
        return [
            Row(run.run_id, run.status, run.repo, run.request, run.cost_usd, run.pull_request)
            for run in self.client.runs(limit=min(limit, 500))
        ]

    def ids(self) -> list[str]:
        return [run.run_id for run in self.client.runs(limit=500)]

    def read(self, run_id: str) -> list[Recorded]:
        return self.client.events(run_id)

    def follow(self, run_id: str) -> Iterable[Recorded]:
        return self.client.follow(run_id)

    def status(self, run_id: str, state: RunState) -> str:
        return self.client.run(run_id).status

    def result(self, run_id: str, state: RunState) -> RunResult:
        return self.client.result(run_id)

    def patch(self, run_id: str) -> bytes:
        return self.client.patch(run_id)

    def evidence(self, run_id: str) -> bytes:
        return self.client.evidence(run_id)

    def cancel(self, run_id: str) -> bool:
        return self.client.cancel(run_id)
