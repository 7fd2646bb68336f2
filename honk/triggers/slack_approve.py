"""The button in Slack that approves a plan."""

from __future__ import annotations

from honk.core.errors import UserError
from honk.core.state import fold
from honk.triggers.slack_talk import Asked, Talk


def approve(talk: Talk, asked: Asked, value: str) -> None:
    """Approve the plan that the message showed. Raises UserError, SlackError.

    ``value`` is the button's: the run's id, and the turns that there were at that plan.
    """
    run_id, _, turns = value.partition(" ")
    member = talk.about(asked, run_id)
    state = fold(talk.events.read(run_id))
    if state.ended is not None and str(state.turns) != turns:
        raise UserError("This is not the plan any more.", "Look at the newest one, and approve that.")
    talk.desk.approve(run_id, (), f"{member.name or member.id} in Slack")
