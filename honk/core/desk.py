"""The front desk: what every door (HTTP, Slack, GitHub, MCP) may ask of honk."""

from __future__ import annotations

from typing import Protocol

from honk.core.order import Order


class Desk(Protocol):
    """Takes orders in and passes words on; runs themselves are read from their logs."""

    def submit(self, order: Order, *, key: tuple[str, str] | None = None) -> str:
        """Queue a run and return its id.

        ``key``, a scope and a key within it: the same one again returns the run that it
        started the first time. Raises UserError for an order that cannot become a run.
        """
        ...

    def resume(self, run_id: str, words: str = "") -> None:
        """Queue a run again that was interrupted, cancelled, failed, or ran out of something.

        Its model hears ``words`` before its next turn. Raises UserError if it cannot be resumed.
        """
        ...

    def approve(self, run_id: str, globs: tuple[str, ...], by: str) -> None:
        """Write into a refused or vetoed run that ``by`` approves it, and queue it again.

        ``globs`` are the paths to permit, none: all that the gates refused. The same approval
        again is none. Raises UserError where there is nothing to approve.
        """
        ...

    def cancel(self, run_id: str, reason: str) -> bool:
        """Stop a run in order; True if it has ended already. Raises UserError if it had before."""
        ...

    def say(self, run_id: str, text: str) -> None:
        """Pass words of a person on to the model of a run. Raises UserError if it has ended."""
        ...
