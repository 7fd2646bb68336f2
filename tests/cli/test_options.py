"""What every option and argument of the command line has in common."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from honk.cli.main import app

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
