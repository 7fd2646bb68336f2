"""Options that several commands have, each declared once."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def text(value: str) -> str:
    """A value of the command line. An empty one is what `"$UNSET"` gives, and does not mean "none"."""
    if not value:
        raise typer.BadParameter("It is empty. Give a value, or leave it out.")
    return value


def path(value: str) -> Path:
    return Path(text(value))


TextOption = partial(typer.Option, parser=text)
PathOption = partial(typer.Option, parser=path, metavar="<path>")
TextArgument = partial(typer.Argument, parser=text)
PathArgument = partial(typer.Argument, parser=path)

Config = Annotated[
    Path | None, PathOption("--config", help="Settings file instead of the default honk.toml.")
]
Depth = Annotated[  # at most what git can count, as in honk.core.order
    int, typer.Option("--depth", help="Commits of history in the sandbox.", min=1, max=(1 << 31) - 1)
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout; people's output goes to stderr.")
]
RunId = Annotated[str, TextArgument(metavar="RUN", help="Id of a run, or the beginning of it.")]
Remote = Annotated[
    str | None,
    typer.Option("--remote", help="URL of a honk serve with the runs; '': none. [HONK_REMOTE]"),
]
Repo = Annotated[
    str | None,
    TextOption(
        "--repo", "-r", help="A path, a git URL, or owner/name. [default: the repository around here]"
    ),
]
MaxCost = Annotated[float | None, typer.Option("--max-cost", help="Dollars.", min=0.0)]
MaxTurns = Annotated[int | None, typer.Option("--max-turns", help="Model calls of the session.", min=1)]
Timeout = Annotated[str | None, TextOption("--timeout", help="Wall clock, such as 90s, 45m or 2h.")]
Plan = Annotated[
    bool, typer.Option("--plan", help="Propose a plan first, and begin once a person has approved it.")
]
Record = Annotated[Path | None, PathOption("--record", help="Write a session that replay: plays.")]
Report = Annotated[
    Path | None,
    PathOption("--report", help="Folder for result, log, patch and summary; in CI also the job's own."),
]
Judge = Annotated[str | None, TextOption("--judge", help="Model of the judge, 'same' or 'off'.")]
JudgeMode = Annotated[
    str | None, TextOption("--judge-mode", help="advisory or blocking: what a refusal of the judge does.")
]
Model = Annotated[str | None, TextOption("--model", "-m", help="anthropic:NAME, openai:NAME or replay:FILE.")]
Verify = Annotated[
    list[str] | None,
    TextOption("--verify", help="Command that must pass; repeatable; replaces detection."),
]
Allow = Annotated[
    list[str] | None, TextOption("--allow", help="Protected paths (glob) that may change; repeatable.")
]
