"""The commands around evidence and their options; what they do is in `honk.cli.evidence`."""

from pathlib import Path
from typing import Annotated

import typer

from honk.cli.options import Config, PathOption, Remote, Repo, TextArgument

app = typer.Typer()

COMMANDS = frozenset({"evidence", "verify-evidence", "reproduce"})

File = Annotated[
    str, TextArgument(metavar="FILE", help="A signed statement, or a text that has one in it; - is stdin.")
]


@app.command()
def evidence(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="Id of a run, or its beginning.")] = "",
    public_key: Annotated[
        bool, typer.Option("--public-key", help="Print the key that others check it with, in PEM.")
    ] = False,
    config: Config = None,
    remote: Remote = None,
) -> None:
    """Print the signed statement of what was checked in a run (in-toto, DSSE)."""
    from honk.cli.evidence import evidence_command

    raise typer.Exit(evidence_command(run_id, public_key=public_key, config=config, remote=remote))


@app.command("verify-evidence")
def verify_evidence(
    file: File,
    key: Annotated[
        Path | None, PathOption("--key", help="Public key in PEM. [default: this installation's own]")
    ] = None,
    repo: Annotated[
        Path | None, PathOption("--repo", "-r", help="A clone in which to look for the commits.")
    ] = None,
    config: Config = None,
) -> None:
    """Check a signed statement, offline: its signature, its form, and its commits."""
    from honk.cli.evidence import verify_command

    raise typer.Exit(verify_command(file, key=key, repo=repo, config=config))


@app.command()
def reproduce(
    source: Annotated[
        str,
        TextArgument(
            metavar="RUN|PR|FILE",
            help="A run; a pull request (URL, owner/name#12, or with --repo its number or branch);"
            " a file with the evidence, or - for stdin.",
        ),
    ],
    repo: Repo = None,
    config: Config = None,
    remote: Remote = None,
) -> None:
    """Repeat the checks of a change, before and after it, and compare with its evidence; no model."""
    from honk.cli.reproduce import reproduce_command

    raise typer.Exit(reproduce_command(source, repo=repo, config=config, remote=remote))
