"""What people see while a run works: a fold over its events, as rich or as plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from honk.core.events import (
    Attested,
    BaseResolved,
    ChangeFrozen,
    Checkpointed,
    Compacted,
    Gated,
    Instructed,
    Judged,
    ModelReplied,
    Pushed,
    Recorded,
    RunRequested,
    RunResumed,
    SandboxStarted,
    SessionEnded,
    ToolReturned,
    Verified,
)
from honk.core.limits import Limits
from honk.core.lines import lines
from honk.core.messages import TextDelta
from honk.core.plain import clean
from honk.core.state import RunState

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text


_PHASES: dict[type, str] = {
    RunRequested: "preparing",
    RunResumed: "preparing",
    BaseResolved: "starting the sandbox",
    SandboxStarted: "working",
    Instructed: "working",
    ModelReplied: "working",
    ToolReturned: "working",
    Compacted: "working",
    Checkpointed: "working",
    SessionEnded: "handing over",
    ChangeFrozen: "checking the diff",
    Gated: "verifying",
    Judged: "publishing",
    Attested: "publishing",
    Pushed: "publishing",
}


class View:
    """A context manager that prints a run as it happens: rich on a terminal, else plain lines."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._began = time.monotonic()
        self._phase = "preparing"
        self._turns = 0
        self._cost = 0.0
        self._limits = Limits()
        self._words = ""
        self._live: Live | None = None
        self._print: Callable[[str], None] = self._plain

    def __enter__(self) -> View:
        if self._stream.isatty():
            self._open_live()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the terminal free for a question."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()

    def catch_up(self, state: RunState) -> None:
        """Take over the figures of a run that is resumed."""
        self._turns, self._cost, self._limits = state.turns, state.cost_usd, state.limits
        if state.last_at is not None:
            self._began = time.monotonic() - state.seconds(state.last_at)

    def event(self, recorded: Recorded) -> None:
        """Show one event."""
        event = recorded.event
        self._phase = _PHASES.get(type(event), self._phase)
        if isinstance(event, RunRequested):
            self._limits = event.request.limits
        elif isinstance(event, BaseResolved):
            self._limits = event.limits or self._limits
        elif isinstance(event, RunResumed):
            self._limits = event.limits
        elif isinstance(event, ModelReplied):
            self._cost += event.cost_usd
            self._turns += event.purpose == "work"
            self._words = ""
        elif isinstance(event, Verified) and event.stage == "final":
            self._phase = "judging"
        for line in lines(recorded):
            self._print(line)

    def delta(self, delta: TextDelta) -> None:
        """Show a piece of the model's words while it streams (terminal only)."""
        self._words = (self._words + delta.text)[-400:]

    def notice(self, text: str) -> None:
        self._print(clean(text))

    def _plain(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    def _open_live(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._stream, highlight=False)
        self._live = Live(get_renderable=self._status, console=console, refresh_per_second=8, transient=True)
        self._print = lambda line: console.print(line, markup=False, soft_wrap=True)
        self._live.start()

    def _status(self) -> Text:
        from rich.text import Text

        seconds = int(time.monotonic() - self._began)
        tail = clean(self._words).strip().splitlines()
        status = Text()
        if tail:
            status.append(tail[-1][-100:] + "\n", style="italic")
        status.append(f"{self._phase}  ", style="bold cyan")
        limit = int(self._limits.timeout_seconds)
        status.append(f"{_clock(seconds)} of {_clock(limit)}  ")
        status.append(f"turn {self._turns} of {self._limits.max_turns}  ")
        status.append(f"${self._cost:.2f} of ${self._limits.max_cost_usd:g}")
        return status


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
