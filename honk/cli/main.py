"""The commands and their options, and nothing else: `honk --help` must not pay for a run."""

# No `from __future__ import annotations` here and in the modules of options: Typer reads every
# annotation, and to evaluate each from text takes a tenth of the time of `honk --help`.

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from honk.cli import proofs
from honk.cli.names import with_command
from honk.cli.options import (
    Allow,
    Config,
    Depth,
    Json,
    Judge,
    JudgeMode,
    MaxCost,
    MaxTurns,
    Model,
    PathArgument,
    PathOption,
    Plan,
    Record,
    Remote,
    Repo,
    Report,
    RunId,
    TextArgument,
    TextOption,
    Timeout,
    Verify,
)

app = typer.Typer(
    name="honk",
    help="A change request in plain language becomes a verified pull request.\n\n"
    'honk "CHANGE REQUEST" is short for honk run "CHANGE REQUEST".',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(proofs.app)


def _version(value: bool) -> None:
    if value:
        from honk import __version__

        typer.echo(f"honk {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    request: Annotated[str, typer.Argument(metavar="CHANGE_REQUEST", help="What to change; - reads stdin.")],
    repo: Repo = None,
    base: Annotated[str | None, TextOption("--base", "-b", help="Branch to change.")] = None,
    model: Model = None,
    verify: Verify = None,
    image: Annotated[str | None, TextOption("--image", help="Sandbox image.")] = None,
    draft: Annotated[bool, typer.Option("--draft/--ready", help="State of the pull request.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but push and pull request.")] = False,
    max_cost: MaxCost = None,
    max_turns: MaxTurns = None,
    timeout: Timeout = None,
    untested: Annotated[
        str, TextOption("--untested", help="refuse or draft: what to do where nothing verifies.")
    ] = "refuse",
    allow: Allow = None,
    broken_base: Annotated[
        str, TextOption("--broken-base", help="continue or skip where the base fails its own verifiers.")
    ] = "continue",
    depth: Depth = 50,
    fork: Annotated[
        bool, typer.Option("--fork", help="Push to a fork where there is no push right.")
    ] = False,
    judge: Judge = None,
    judge_mode: JudgeMode = None,
    plan: Plan = False,
    record: Record = None,
    report: Report = None,
    json: Json = False,
    config: Config = None,
    remote: Remote = None,
) -> None:
    """Turn a change request into a verified pull request."""
    from honk.cli.run import Options, run_command

    options = Options(
        request=request, repo=repo, base=base, model=model, verify=tuple(verify or ()), image=image,
        draft=draft, dry_run=dry_run, max_cost=max_cost, max_turns=max_turns, timeout=timeout,
        untested=untested, allow=tuple(allow or ()), broken_base=broken_base, depth=depth, fork=fork,
        judge=judge, judge_mode=judge_mode, plan=plan, record=record, report=report, json=json, config=config,
        remote=remote,
    )  # fmt: skip
    raise typer.Exit(run_command(options))


@app.command()
def resume(
    run_id: RunId,
    max_cost: MaxCost = None,
    max_turns: MaxTurns = None,
    timeout: Timeout = None,
    record: Record = None,
    json: Json = False,
    config: Config = None,
    remote: Remote = None,
) -> None:
    """Go on with a run after a crash, a failure, a cancellation or a limit."""
    from honk.cli.run import resume_command

    limits = (max_cost, max_turns, timeout)
    code = resume_command(run_id, *limits, record=record, json=json, config=config, remote=remote)
    raise typer.Exit(code)


@app.command()
def approve(
    run_id: RunId,
    globs: Annotated[
        list[str] | None,
        TextArgument(metavar="[GLOB]...", help="Paths to permit; none: all that the gates refused."),
    ] = None,
    json: Json = False,
    config: Config = None,
    remote: Remote = None,
) -> None:
    """Approve a run's plan, or permit what gates or judge refused in it; the run goes on."""
    from honk.cli.approve import approve_command

    raise typer.Exit(approve_command(run_id, tuple(globs or ()), json=json, config=config, remote=remote))


@app.command()
def followup(
    pull_request: Annotated[
        str, TextArgument(metavar="PR", help="Number, URL, or owner/name#12 of a pull request of honk's.")
    ],
    words: Annotated[
        str, typer.Argument(metavar="[WORDS]", help="What else to do in it; - reads stdin.")
    ] = "",
    repo: Repo = None,
    update: Annotated[
        bool, typer.Option("--update", help="Merge the base into the branch even without conflicts.")
    ] = False,
    model: Model = None,
    verify: Verify = None,
    allow: Allow = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Everything but the push.")] = False,
    max_cost: MaxCost = None,
    max_turns: MaxTurns = None,
    timeout: Timeout = None,
    judge: Judge = None,
    judge_mode: JudgeMode = None,
    record: Record = None,
    json: Json = False,
    config: Config = None,
    remote: Remote = None,
) -> None:
    """Continue a pull request: review remarks, failing checks, conflicts, and what you add."""
    from honk.cli.followup import Options, followup_command

    options = Options(
        pull_request=pull_request, request=words, repo=repo, update=update, model=model,
        verify=tuple(verify or ()), allow=tuple(allow or ()), dry_run=dry_run, max_cost=max_cost,
        max_turns=max_turns, timeout=timeout, judge=judge, judge_mode=judge_mode, record=record, json=json,
        config=config, remote=remote,
    )  # fmt: skip
    raise typer.Exit(followup_command(options))


@app.command()
def cancel(run_id: RunId, config: Config = None, remote: Remote = None) -> None:
    """Stop a run in order: container gone, patch kept."""
    from honk.cli.run import cancel_command

    raise typer.Exit(cancel_command(run_id, config, remote))


@app.command()
def runs(
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many, newest first.", min=1)] = 20,
    stats: Annotated[
        bool, typer.Option("--stats", help="What the judge said in all runs, and what came of it.")
    ] = False,
    json: Json = False,
    config: Config = None,
    remote: Remote = None,
) -> None:
    """List runs, newest first."""
    from honk.cli.show import runs_command, stats_command

    if stats:
        raise typer.Exit(stats_command(json=json, config=config, remote=remote))
    raise typer.Exit(runs_command(limit, json=json, config=config, remote=remote))


@app.command()
def show(run_id: RunId, json: Json = False, config: Config = None, remote: Remote = None) -> None:
    """Show one run: request, outcome, evidence, pull request."""
    from honk.cli.show import show_command

    raise typer.Exit(show_command(run_id, json=json, config=config, remote=remote))


@app.command()
def logs(
    run_id: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more until the run ends.")] = False,
    json: Json = False,
    config: Config = None,
    remote: Remote = None,
) -> None:
    """Print the log of a run: the model's words, its tool calls and their results."""
    from honk.cli.show import logs_command

    raise typer.Exit(logs_command(run_id, follow=follow, json=json, config=config, remote=remote))


@app.command()
def diff(run_id: RunId, config: Config = None, remote: Remote = None) -> None:
    """Print the change of a run, or the work so far, as a patch for `git apply`."""
    from honk.cli.show import diff_command

    raise typer.Exit(diff_command(run_id, config, remote))


@app.command()
def init(
    path: Annotated[Path, PathArgument(help="A repository.")] = Path("."),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write .honk.yml from what the repository contains."""
    from honk.cli.doctor import init_command

    raise typer.Exit(init_command(path, force=force))


@app.command()
def doctor(repo: Repo = None, json: Json = False, config: Config = None) -> None:
    """Check engine, image, credentials and model access; say how to mend each."""
    from honk.cli.doctor import doctor_command

    raise typer.Exit(doctor_command(repo, json=json, config=config))


@app.command("eval")
def evaluate(
    suite: Annotated[str, TextArgument(metavar="gates|judge", help="Which suite.")],
    corpus: Annotated[
        Path | None, PathOption("--corpus", help="Folder of labelled cases; honk's own by default.")
    ] = None,
    model: Model = None,
    max_cost: MaxCost = None,
    record: Record = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Measure honk's own judgement on labelled cases, and print the rates of its errors."""
    from honk.cli.evaluate import Options, eval_command

    options = Options(corpus=corpus, model=model, max_cost=max_cost, record=record, json=json, config=config)
    raise typer.Exit(eval_command(suite, options))


@app.command()
def say(
    run_id: RunId,
    words: Annotated[str, typer.Argument(help="What the model shall hear before its next turn.")],
    config: Config = None,
    remote: Remote = None,
) -> None:
    """Tell the model of a run something while it works, or what to change in its plan."""
    from honk.cli.run import say_command

    raise typer.Exit(say_command(run_id, words, config, remote))


@app.command()
def serve(
    host: Annotated[str | None, TextOption("--host", help="Address to listen on. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port. [8417]", min=0, max=65535)] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Runs at once in this process; 0: none. [2]", min=0)
    ] = None,
    config: Config = None,
) -> None:
    """Serve the API and the pages, and work on queued runs."""
    from honk.cli.serve import serve_command

    raise typer.Exit(serve_command(host, port, workers, config))


@app.command()
def worker(
    workers: Annotated[int | None, typer.Option("--workers", help="Runs at once. [2]", min=1)] = None,
    config: Config = None,
) -> None:
    """Work on queued runs; start it on as many machines as you like."""
    from honk.cli.serve import worker_command

    raise typer.Exit(worker_command(workers, config))


@app.command()
def mcp(
    workers: Annotated[
        int | None, typer.Option("--workers", help="Runs at once in this process; 0: none. [2]", min=0)
    ] = None,
    config: Config = None,
) -> None:
    """Offer honk's tools to another agent (Model Context Protocol) on stdin and stdout."""
    from honk.cli.serve import mcp_command

    raise typer.Exit(mcp_command(workers, config))


@app.command()
def token(
    name: Annotated[str, TextArgument(help="Whose token it is.")],
    role: Annotated[str, TextOption("--role", help="viewer, runner or admin.")] = "runner",
    revoke: Annotated[bool, typer.Option("--revoke", help="Make the token worthless.")] = False,
    config: Config = None,
) -> None:
    """Make a token for the API, or revoke it; it is shown this once."""
    from honk.cli.serve import token_command

    raise typer.Exit(token_command(name, role, revoke=revoke, config=config))


@app.command()
def prune(
    older_than: Annotated[
        str, TextOption("--older-than", help="Remove what was not used for so long: 12h, 30d.")
    ] = "30d",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Make room in HONK_HOME: old mirrors, checkpoints and prepared images. Logs and patches stay."""
    from honk.cli.prune import prune_command

    raise typer.Exit(prune_command(older_than, dry_run=dry_run, json=json, config=config))


@app.command()
def schema(
    name: Annotated[str, TextArgument(metavar="run|config|events|settings", help="Which format.")],
) -> None:
    """Print the JSON Schema of a format."""
    from honk.cli.doctor import schema_command

    raise typer.Exit(schema_command(name))


def main() -> None:
    """Entry point. Every expected error ends as one message and its exit code."""
    from honk.cli.streams import standard_streams
    from honk.core.errors import HonkError, UserError

    # Imports make hundreds of thousands of objects that all stay: looking through them
    # again and again for garbage takes an eighth of the time to the first request.
    gc.set_threshold(20_000, 20, 20)
    try:
        with standard_streams():
            app(args=with_command(sys.argv[1:]), prog_name="honk")
    except HonkError as error:
        from honk.core.plain import clean

        print(f"honk: {clean(error.message)}", file=sys.stderr)
        if error.hint:
            print(f"      {clean(error.hint)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UserError) else 40)
    except KeyboardInterrupt:
        sys.exit(130)
