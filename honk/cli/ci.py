"""What a CI job gets of a run: a folder of files to keep, and on GitHub the step's own files.

Words of a model, a request or a tool never reach a place where a runner would obey them: the
summary goes through the same renderer as a pull request, outputs and the annotation are one
escaped line each.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from honk.core.ci import CiJob
from honk.core.errors import StoreError, UserError
from honk.core.events import Recorded
from honk.core.types import Outcome, RunResult
from honk.forges.text import sanitise, sanitise_title, visible

GOOD = frozenset({Outcome.PUBLISHED, Outcome.VERIFIED})
MILD = frozenset({Outcome.NO_CHANGE, Outcome.SKIPPED, Outcome.PLANNED})
SUMMARY_LIMIT = 20_000
"""Characters of a summary; GitHub takes 1 MiB for each step."""

_STARTS_NOTHING = (
    "GitHub starts no checks by itself on a pull request that a workflow's own GITHUB_TOKEN opens, and"
    " opening one needs the repository's setting Settings > Actions > General > Workflow permissions >"
    ' "Allow GitHub Actions to create and approve pull requests". With a GitHub App or a fine-grained'
    " token the checks start as on any other."
)


def token_note(job: CiJob | None) -> str:
    """What to know about the job's credential before the run, or nothing."""
    if job is None or job.service != "github" or job.own_token is False:
        return ""
    return _STARTS_NOTHING if job.own_token else f"If this is the workflow's own token: {_STARTS_NOTHING}"


def open_report(folder: Path) -> None:
    """Make the folder of ``--report``. Raises UserError, before the run costs anything."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "outcome").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"--report cannot use {folder}: {error.strerror}.", "Name another folder.") from error


def write_report(
    folder: Path, result: RunResult, log: Sequence[Recorded], evidence: bytes, job: CiJob | None
) -> None:
    """Write the files of ``--report`` and, in a job of GitHub's, its outputs and summary.

    ``evidence`` is the signed statement, empty if there is none.
    """
    note = token_note(job) if result.pull_request is not None else ""
    text = summary(result, note)
    try:
        (folder / "result.json").write_text(result.model_dump_json(indent=2) + "\n")
        (folder / "log.jsonl").write_text("".join(f"{item.model_dump_json()}\n" for item in log))
        (folder / "summary.md").write_text(text)
        if result.patch is not None:
            (folder / "change.patch").write_text(result.patch)
        if evidence:
            (folder / "evidence.json").write_bytes(evidence)
        (folder / "annotation").write_text(annotation(result, note))
        (folder / "outcome").write_text(result.outcome)
        if job is not None and job.output is not None:
            _append(job.output, outputs(result, folder))
        if job is not None and job.summary is not None:
            _append(job.summary, text)
    except OSError as error:
        raise StoreError(
            f"The report cannot be written: {error}.", f"The run is kept: honk show {result.run_id}"
        ) from error


def _append(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)


def outputs(result: RunResult, folder: Path) -> str:
    """Lines for GITHUB_OUTPUT; the delimiter cannot be guessed, so no value can add another."""
    url = result.pull_request.url if result.pull_request is not None else ""
    values = {
        "outcome": str(result.outcome),
        "run-id": result.run_id,
        "pull-request-url": url,
        "reason": _line(result.reason),
        "report": str(folder.absolute()),
    }
    end = f"honk-{secrets.token_hex(16)}"
    return "".join(f"{name}<<{end}\n{_line(value)}\n{end}\n" for name, value in values.items())


def annotation(result: RunResult, note: str = "") -> str:
    """One workflow command that shows the outcome at the job, escaped as GitHub's toolkit does."""
    level = "notice" if result.outcome in GOOD | MILD else "error"
    if note:
        level = "warning"
    url = result.pull_request.url if result.pull_request is not None else ""
    words = " ".join(filter(None, [f"{result.outcome}: {_line(result.reason)}", url, note]))
    escaped = words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{level} title=honk::{escaped}\n"


def summary(result: RunResult, note: str = "") -> str:
    """The run as Markdown for people: outcome, evidence, and what to do next."""
    parts = [f"## honk: {result.outcome}", sanitise(result.reason)]
    if result.pull_request is not None:
        parts.append(f"Pull request: <{result.pull_request.url}>")
    if note:
        parts.append(f"> {note}".replace("GITHUB_TOKEN", "`GITHUB_TOKEN`"))
    if result.verification:
        rows = "".join(
            f"| {_cell(check.name)} | {check.after} | {check.seconds:.1f} s |\n"
            for check in result.verification
        )
        parts.append(f"| check | result | time |\n| --- | --- | --- |\n{rows}".rstrip())
    refused = [f"- {_cell(g.name)}: {_cell(g.detail)}" for g in result.gates if g.result == "block"]
    judged = [f"- judge: {_cell(r)}" for r in (result.judge.grounds if result.judge else ())]
    if refused or judged:
        parts.append("\n".join(refused + judged))
    if result.patch is not None:
        parts.append("The change so far is `change.patch` in the report, for `git apply`.")
    facts = [f"run `{result.run_id}`", f"{result.turns} turns", f"{result.seconds / 60:.1f} min"]
    parts.append(", ".join([*facts, f"${result.cost_usd:.2f}"]))
    return "\n\n".join(filter(None, parts))[:SUMMARY_LIMIT] + "\n"


def _line(text: str) -> str:
    return " ".join(visible(text).split())


def _cell(text: str) -> str:
    return sanitise_title(text, 300).replace("|", "\\|") or "(no words)"
