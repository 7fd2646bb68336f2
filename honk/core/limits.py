"""What one run may spend: data, checked at two fixed places of the session loop, and outside the
session before each check and each question to the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from honk.core.base import Frozen
from honk.core.plain import duration

if TYPE_CHECKING:
    from honk.core.state import RunState

OVERTIME = "stopped after its limit, verify_seconds"
"""How a check ended that took too long; people and the model read it, and which setting it was."""


class Limits(Frozen):
    """``max_cost_usd`` in dollars, ``timeout_seconds`` of wall clock over all attempts."""

    max_cost_usd: float = Field(default=5.0, gt=0)
    max_turns: int = Field(default=100, gt=0)
    timeout_seconds: float = Field(default=3600.0, gt=0)
    command_seconds: float = Field(default=600.0, gt=0)  # ceiling of one shell command
    verify_seconds: float = Field(default=1800.0, gt=0)  # of one verify command
    max_attempts: int = Field(default=4, gt=0)  # times that a change may reach the stop gate
    max_judge_rounds: int = Field(default=2, ge=0)  # times that the judge may send the model back

    def lowered(self, by: Limits) -> Limits:
        """These limits, less where ``by`` names less; what ``by`` leaves out says nothing."""
        named = by.model_dump(include=by.model_fields_set)
        return self.model_copy(
            update={name: min(getattr(self, name), value) for name, value in named.items()}
        )

    def exceeded(self, state: RunState, seconds: float) -> str | None:
        """Why no further model call may be made, or None.

        ``seconds`` is the wall clock that the run has used so far.
        """
        if state.turns >= self.max_turns:
            return f"The limit of {self.max_turns} turns is reached."
        return self.spent(state, seconds)

    def spent(self, state: RunState, seconds: float) -> str | None:
        """Why the run must stop where it is, or None: money and time, which a reply uses up."""
        if state.cost_usd >= self.max_cost_usd:
            return f"The cost limit of ${self.max_cost_usd:g} is reached (${state.cost_usd:.2f} spent)."
        return self.late(seconds)

    def late(self, seconds: float) -> str | None:
        """Why nothing more may begin, or None: time alone, for what costs no money."""
        if seconds < self.timeout_seconds:
            return None
        return f"The time limit of {duration(self.timeout_seconds)} is reached."

    def nearly(self, state: RunState, seconds: float, share: float = 0.85) -> bool:
        """Whether ``share`` of any limit is used up: time to tell the model to wrap up."""
        return (
            state.cost_usd >= share * self.max_cost_usd
            or state.turns >= share * self.max_turns
            or seconds >= share * self.timeout_seconds
        )
