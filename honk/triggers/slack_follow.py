"""Keeps the messages of runs in Slack up to date: one follower for all of them.

What was shown needs no record: updating a message again changes nothing. The reply at the end is
posted at most once for each end of a run, which ``once`` remembers.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from honk.core.errors import HonkError
from honk.core.ports import EventStore
from honk.core.state import RunState, step
from honk.triggers.slack_api import Message, SlackApi, SlackError
from honk.triggers.slack_blocks import outcome, status

SCOPE = "slack-outcome"
BACK_OFF = 15.0
"""Seconds without a call after one that failed for another reason than its rate."""


@dataclass(frozen=True)
class Pace:
    """Seconds between two updates of one message, and between two calls at all. Slack lets an
    app update 50 messages a minute in a workspace (rate limit tier 3)."""

    message: float = 3.0
    call: float = 1.2


@dataclass
class _Followed:
    seq: int = 0
    state: RunState = RunState()  # noqa: RUF009 -- frozen
    shown: str = ""
    at: float = float("-inf")
    done: bool = False  # shown as it ended; what comes later makes it follow on


@dataclass
class _Reply:
    channel: str
    thread: str
    message: Message


class Follower:
    """``heads`` gives the newest event's number of every run of late, ``page`` a run's address."""

    def __init__(
        self,
        api: SlackApi,
        events: EventStore,
        *,
        heads: Callable[[], dict[str, int]],
        live: Callable[[str], bool],
        known: Callable[[str, str], bool],
        first: Callable[[str, str, str], str],
        page: Callable[[str], str | None],
        note: Callable[[str], None],
        pace: Pace = Pace(),
    ) -> None:
        self._api = api
        self._events = events
        self._heads = heads
        self._live = live
        self._known = known
        self._first = first
        self._page = page
        self._note = note
        self._pace = pace
        self._runs: dict[str, _Followed] = {}
        self._replies: list[_Reply] = []
        self._free_at = float("-inf")
        self._noted = ""

    def look(self, now: float) -> None:
        """Show what is new, as far as the pace allows. ``now`` in seconds of any steady clock."""
        heads = self._heads()
        self._runs = {run_id: self._runs.get(run_id, _Followed()) for run_id in heads}
        for run_id, run in self._runs.items():
            if heads[run_id] > run.seq and not self._told(run_id, run, heads[run_id]):
                self._read(run_id, run)
        while now >= self._free_at and (call := self._next(now)) is not None:
            self._free_at = now + self._pace.call
            try:
                call()
                self._noted = ""
            except SlackError as error:
                self._failed(error, now)

    def _told(self, run_id: str, run: _Followed, head: int) -> bool:
        """Whether this run ended and was told of before this process began."""
        if run.seq or not self._known(SCOPE, f"{run_id}.{head}"):
            return False
        run.seq, run.done = head, True
        return True

    def _read(self, run_id: str, run: _Followed) -> None:
        whole = run.state.requested is None
        new = self._events.read(run_id, 0 if whole else run.seq)
        run.state = reduce(step, new, run.state)
        run.seq = new[-1].seq if new else run.seq
        run.done = run.state.request.origin.kind != "slack"

    def _next(self, now: float) -> Callable[[], None] | None:
        """The most urgent call: a reply that waits, the message of an ended run, the one that is
        behind for longest."""
        if self._replies:
            return lambda: self._reply(self._replies[0])
        due: list[tuple[bool, float, str, Message]] = []
        for run_id, run in self._runs.items():
            wait = 0.0 if run.state.ended else self._pace.message
            if run.done or now < run.at + wait:
                continue
            live = run.state.ended is None and self._live(run_id)
            message = status(run_id, run.state, live=live, url=self._page(run_id))
            if message.body != run.shown:
                due.append((run.state.ended is None, run.at, run_id, message))
            elif run.state.ended:
                self._end(run_id, run)
        if not due:
            return self._next(now) if self._replies else None
        *_, run_id, message = min(due, key=lambda item: item[:3])
        return lambda: self._update(run_id, message, now)

    def _update(self, run_id: str, message: Message, now: float) -> None:
        run = self._runs[run_id]
        run.at = now
        origin = run.state.request.origin
        try:
            self._api.update(origin.place.partition("/")[0], origin.message, message)
        except SlackError as error:
            if not error.lost:
                raise
            run.done = True
            self._note(f"{run_id}: its message in Slack is gone ({error.code}).")
            return
        run.shown = message.body
        if run.state.ended:
            self._end(run_id, run)

    def _end(self, run_id: str, run: _Followed) -> None:
        """The message shows the end: tell who asked, unless somebody did."""
        run.done = True
        mine = uuid.uuid4().hex
        if self._first(SCOPE, f"{run_id}.{run.seq}", mine) == mine:
            channel, _, thread = run.state.request.origin.place.partition("/")
            self._replies.append(_Reply(channel, thread, outcome(run_id, run.state)))
        run.state = RunState()  # read again should the run go on

    def _reply(self, reply: _Reply) -> None:
        try:
            self._api.post(reply.channel, reply.message, reply.thread)
        except SlackError as error:
            if error.retry_after is not None:
                raise
            self._note(f"A reply in Slack was lost: {error}")
        self._replies.remove(reply)

    def _failed(self, error: HonkError, now: float) -> None:
        after = error.retry_after if isinstance(error, SlackError) else None
        self._free_at = now + (BACK_OFF if after is None else after)
        if after is None and str(error) != self._noted:  # once, however long it lasts
            self._noted = str(error)
            self._note(f"Slack: {error}")
