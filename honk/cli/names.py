"""The names of the commands, and what the first word of a command line means."""

from __future__ import annotations

from honk.cli import proofs

COMMANDS = proofs.COMMANDS | frozenset(
    {"run", "resume", "followup", "approve", "cancel", "say", "runs", "show", "logs", "diff", "init"}
    | {"doctor", "eval", "prune", "schema", "serve", "worker", "mcp", "token"}
)


def with_command(arguments: list[str]) -> list[str]:
    """`honk "…"` is `honk run "…"`: anything that is no command is a change request.

    But a mistyped command must not start a run that costs money.
    """
    if not arguments or arguments[0] in COMMANDS or arguments[0] in ("-h", "--help", "--version"):
        return arguments
    word = arguments[0]
    if word.isascii() and word.replace("-", "").isalnum() and not word.startswith("-"):
        from difflib import get_close_matches

        from honk.core.errors import UserError

        close = get_close_matches(word, sorted(COMMANDS), n=1)
        meant = f"Did you mean `honk {close[0]}`? " if close else "`honk --help` lists them. "
        raise UserError(
            f"There is no command {word}.", f"{meant}A change request of one word is `honk run {word}`."
        )
    return ["run", *arguments]
