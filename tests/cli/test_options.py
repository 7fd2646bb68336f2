"""What every option and argument of the command line has in common."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from honk.cli.main import app
from honk.cli.run import further
from honk.core.events import RunEnded
from honk.core.types import Outcome

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
MEANT = {("run", "request"), ("followup", "words"), ("say", "words"), ("evidence", "run_id"), ("*", "remote")}
"""Empty ones with a meaning, or a message, of their own."""

TAKERS = [
    pytest.param(name, parameter.name, id=f"{name} {parameter.name}")
    for name, command in COMMANDS.items()
    for parameter in command.params
    if not getattr(parameter, "is_flag", False)
    and not {(name, parameter.name), ("*", parameter.name)} & MEANT
]


@pytest.mark.parametrize(("name", "taker"), TAKERS)
def test_an_empty_value_is_wrong_usage_and_is_not_taken_for_none(name: str, taker: str) -> None:
    """As `--repo "$UNSET"` gives it, which must not mean the repository around here."""
    command = COMMANDS[name]
    [asked] = [p for p in command.params if p.name == taker]
    option = asked.param_type_name == "option"
    words = [f"{asked.opts[0]}="] if option else []
    for parameter in command.params:
        if parameter.param_type_name == "argument" and (parameter.required or parameter is asked):
            words.append("" if parameter is asked else "x")
    with pytest.raises(typer.BadParameter) as caught:
        command.make_context(name, words)
    named = asked.opts[0] if option else asked.metavar or taker
    assert f"'{named}'" in caught.value.format_message()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("outcome", "what"),
    [(Outcome.REFUSED, "permits what the gates refused"), (Outcome.VETOED, "overrules the judge")],
)
def test_a_refusal_names_the_command_by_which_a_person_decides_otherwise(outcome: Outcome, what: str) -> None:
    ended = RunEnded(outcome=outcome, reason="Refused.", seconds=1.0, patch="0" * 64)
    assert further("r1", ended) == ["honk show r1", "honk diff r1", f"honk approve r1  # {what}"]
