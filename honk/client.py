"""A client of a `honk serve`: its HTTP API as typed calls.

Refusals arrive as they would here: UserError for what the caller can mend, InfrastructureError
for the rest, each with the server's own words.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import TypeVar

import httpx2
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from honk.core.api import Approval, Cancelling, Problem, RunSummary, Started, Words
from honk.core.base import Frozen
from honk.core.errors import InfrastructureError, UserError
from honk.core.events import Recorded, RunEnded
from honk.core.order import Order
from honk.core.types import RunResult

F = TypeVar("F", bound=Frozen)
R = TypeVar("R")

SECONDS = 30.0
"""For an answer. A stream says something (a comment at least) every 15 seconds."""

TRIES = 5
"""Times that a stream may break off in a row, without an event in between, before we give up."""

PAUSE_SECONDS = 1.0

_SUMMARIES = TypeAdapter(list[RunSummary])
_LOG = TypeAdapter(list[Recorded])


class Client:
    """One service at ``url``, spoken to with ``token``. A context manager.

    ``pause``: seconds before a stream that broke off is taken up again.
    """

    def __init__(self, url: str, token: str, *, pause: float = PAUSE_SECONDS) -> None:
        try:
            self._http = httpx2.Client(
                base_url=f"{url.rstrip('/')}/api/v1",
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                timeout=SECONDS,
            )
        except (httpx2.InvalidURL, UnicodeEncodeError) as error:
            raise UserError(
                f"{url} is no address of a service: {error}.", "Give http://HOST:PORT."
            ) from error
        self.url = url
        self._pause = pause

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def start(self, order: Order, *, key: str | None = None) -> Started:
        """Queue a run; with the same ``key`` (printable ASCII) once, however often it is asked."""
        headers = {"Idempotency-Key": key} if key else {}
        try:
            body = order.model_dump(mode="json", exclude_unset=True)
        except PydanticSerializationError as error:  # bytes that are not UTF-8
            raise UserError("The order is not all text.", "Give other words.") from error
        return self._parse(Started, self._call("POST", "/runs", json=body, headers=headers))

    def runs(self, *, prefix: str = "", limit: int = 50) -> list[RunSummary]:
        """Newest first; ``prefix`` is the beginning of their ids."""
        found = self._call("GET", "/runs", params={"prefix": prefix, "limit": limit})
        return self._read(_SUMMARIES, found)

    def run(self, run_id: str) -> RunSummary:
        return self._parse(RunSummary, self._call("GET", f"/runs/{run_id}"))

    def result(self, run_id: str) -> RunResult:
        """Raises UserError until the run has ended."""
        return self._parse(RunResult, self._call("GET", f"/runs/{run_id}/result"))

    def patch(self, run_id: str) -> bytes:
        """The work of a run so far; empty if there is none."""
        found = self._send("GET", f"/runs/{run_id}/patch")
        return b"" if found.status_code == 404 else self._checked(found).content

    def evidence(self, run_id: str) -> bytes:
        """The signed statement on a run's commit (a DSSE envelope); empty if there is none."""
        found = self._send("GET", f"/runs/{run_id}/evidence")
        return b"" if found.status_code == 404 else self._checked(found).content

    def events(self, run_id: str, after: int = 0) -> list[Recorded]:
        return self._read(_LOG, self._call("GET", f"/runs/{run_id}/events", params={"after": after}))

    def follow(self, run_id: str, after: int = 0) -> Iterator[Recorded]:
        """The log from number ``after`` on, as it grows, until the run ends.

        After the last event of an ended run it waits for somebody to resume that. A stream that
        breaks off is taken up where it was, as browsers do.
        """
        broken, last = 0, after
        while True:
            headers = {"Last-Event-ID": str(last)} if last > after else {}
            try:
                for recorded in self._stream(run_id, after, headers):
                    yield recorded
                    last, broken = recorded.seq, 0
                return
            except httpx2.TransportError as error:
                broken += 1
                if broken == TRIES:
                    raise self._unreachable(error) from error
            time.sleep(self._pause)

    def _stream(self, run_id: str, after: int, headers: dict[str, str]) -> Iterator[Recorded]:
        """Raises httpx2.TransportError where it breaks off before the run's end."""
        headers = {"Accept": "text/event-stream", **headers}
        path = f"/runs/{run_id}/events"
        with self._http.stream("GET", path, params={"after": after}, headers=headers) as response:
            if response.status_code == 204:
                return
            if response.status_code != 200:
                response.read()
                self._checked(response)
            ended = False
            for line in response.iter_lines():
                if line.startswith("data: "):  # honk's events are JSON, which has no line breaks
                    recorded = Recorded.model_validate_json(line.removeprefix("data: "))
                    ended = isinstance(recorded.event, RunEnded)
                    yield recorded
        if not ended:
            raise httpx2.RemoteProtocolError("the stream ended before the run")

    def cancel(self, run_id: str) -> bool:
        """Whether the run has ended already; otherwise it was asked to stop."""
        return self._parse(Cancelling, self._call("POST", f"/runs/{run_id}/cancel")).ended

    def resume(self, run_id: str) -> None:
        self._call("POST", f"/runs/{run_id}/resume")

    def approve(self, run_id: str, globs: tuple[str, ...] = ()) -> None:
        """Permit what gates (``globs``; none: all of it) or judge refused; the run is queued again.
        The same again, until the run has ended, changes nothing."""
        body = self._body(Approval, "These paths cannot be permitted", globs=globs)
        self._call("POST", f"/runs/{run_id}/approve", json=body)

    def say(self, run_id: str, text: str) -> None:
        body = self._body(Words, "These words cannot be said", text=text)
        self._call("POST", f"/runs/{run_id}/say", json=body)

    def _body(self, kind: type[Frozen], wrong: str, **fields: object) -> object:
        """A body that the service can take. Raises UserError."""
        try:
            return kind.model_validate(fields).model_dump(mode="json")
        except ValidationError as error:
            raise UserError(f"{wrong}: {error.errors()[0]['msg']}.", "Give others.") from error
        except PydanticSerializationError as error:  # bytes that are not UTF-8
            raise UserError(f"{wrong}: they are not all text.", "Give others.") from error

    def _send(self, method: str, path: str, **more: object) -> httpx2.Response:
        try:
            return self._http.request(method, path, **more)  # type: ignore[arg-type]
        except (httpx2.TransportError, httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise self._unreachable(error) from error

    def _call(self, method: str, path: str, **more: object) -> httpx2.Response:
        return self._checked(self._send(method, path, **more))

    def _checked(self, response: httpx2.Response) -> httpx2.Response:
        if response.is_success:
            return response
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            raise InfrastructureError(
                f"{self.url} answered {response.status_code}, and not as a honk does.",
                "Give the address of a `honk serve`.",
            ) from None
        if response.status_code == 401:
            raise UserError(
                f"{self.url} does not know the token.", "Set HONK_TOKEN; `honk token NAME` makes one."
            )
        kind = UserError if response.status_code < 500 else InfrastructureError
        raise kind(problem.message, problem.hint)

    def _parse(self, kind: type[F], response: httpx2.Response) -> F:
        return self._read(TypeAdapter(kind), response)

    def _read(self, adapter: TypeAdapter[R], response: httpx2.Response) -> R:
        try:
            return adapter.validate_json(response.content)
        except ValidationError as error:
            raise InfrastructureError(
                f"{self.url} is not a honk of this version: {error.errors()[0]['msg']}.",
                "Use the same version here and there.",
            ) from error

    def _unreachable(self, error: Exception) -> InfrastructureError:
        return InfrastructureError(
            f"{self.url} cannot be reached: {error}.", "Is `honk serve` running there?"
        )
