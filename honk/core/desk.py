"""The front desk: what every door (HTTP, Slack, GitHub, MCP) may ask of honk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from honk.core.order import Order
from honk.core.state import RunState


@dataclass(frozen=True)
class Offer:
    """What a person can approve in a run as it stands. ``act`` is that in a few words of honk's, ``what``
    in the words of gates, judge or model."""

    act: str
    what: tuple[str, ...]


class Desk(Protocol):
    """Takes orders in and passes words on; runs themselves are read from their logs."""

    def submit(self, order: Order, *, key: tuple[str, str] | None = None) -> str:
        """Queue a run and return its id.

        ``key``, a scope and a key within it: the same one again returns the run that it
        started the first time. Raises UserError for an order that cannot become a run, or is
        another than the key was first sent with.
        """
        ...

    def resume(self, run_id: str, words: str = "") -> None:
        """Queue a run again that was interrupted, cancelled, failed, or ran out of something.

        Its model hears ``words`` before its next turn. Raises UserError if it cannot be resumed.
        """
        ...

    def approve(self, run_id: str, globs: tuple[str, ...], by: str) -> None:
        """Write into a planned, refused or vetoed run that ``by`` approves it, and queue it again.

        ``globs`` are the paths to permit, none: all that the gates refused. The same approval
        again is none. Raises UserError where there is nothing to approve.
        """
        ...

    def offer(self, run_id: str, state: RunState) -> Offer | None:
        """What ``approve`` without globs would do now; None where it would refuse."""
        ...

    def cancel(self, run_id: str, reason: str) -> bool:
        """Stop a run in order; True if it has ended already. Raises UserError if it had before."""
        ...

    def say(self, run_id: str, text: str) -> None:
        """Pass words of a person on to the model of a run; where its plan waits, they amend that.

        Raises UserError if it has ended.
        """
        ...
