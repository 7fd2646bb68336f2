"""`honk runs | show | logs | diff`: views of logs."""

from __future__ import annotations

import json as jsonlib
import sys
import time
from pathlib import Path

from honk import settings as settings_module
from honk.cli.view import lines
from honk.core.errors import UserError
from honk.core.events import Recorded, RunEnded, ToolReturned
from honk.core.plain import clean
from honk.core.state import RunState, fold
from honk.core.types import Check
from honk.runs.patch import change_so_far, patch_bytes
from honk.runs.publish import differences
from honk.runs.result import result
from honk.wiring import Stores, open_mirror, open_stores

POLL_SECONDS = 0.3
ANSWER_LINES = 10
"""Lines of a tool's result that `honk logs` prints from its beginning, and from its end."""


def find_run(stores: Stores, prefix: str) -> str:
    """The run whose id is or begins with ``prefix``. Raises UserError if none or several do."""
    ids = stores.events.runs()
    found = [run_id for run_id in ids if run_id.startswith(prefix)] if prefix else []
    if prefix in found:
        return prefix
    if not found:
        raise UserError(f"There is no run {prefix}.", "`honk runs` lists them.")
    if len(found) > 1:
        raise UserError(f"{prefix} fits several runs: {', '.join(found[:5])}.", "Give more of the id.")
    return found[0]


def _open(config: Path | None) -> Stores:
    return open_stores(settings_module.load(config))


def status(run_id: str, state: RunState, stores: Stores) -> str:
    """One word: the outcome of an ended run, else whether somebody works on it."""
    if state.ended is not None:
        return str(state.ended.outcome)
    return "running" if stores.leases.live(run_id) else "interrupted"


def runs_command(limit: int, *, json: bool, config: Path | None) -> int:
    with _open(config) as stores:
        rows = []
        for run_id in stores.events.runs()[:limit]:
            state = fold(stores.events.read(run_id))
            if state.requested is None:
                continue
            pull_request = state.published.pull_request.url if state.published else None
            rows.append(
                {
                    "run_id": run_id,
                    "status": status(run_id, state, stores),
                    "repo": state.request.repo.name,
                    "request": state.request.text,
                    "cost_usd": round(state.cost_usd, 6),
                    "pull_request": pull_request,
                }
            )
    if json:
        print(jsonlib.dumps(rows))
        return 0
    for row in rows:
        request = clean(" ".join(str(row["request"]).split()))[:60]
        print(f"{row['run_id']}  {row['status']:<12} ${row['cost_usd']:<8.4f} {row['repo']}: {request}")
    if not rows:
        print("No runs yet.", file=sys.stderr)
    return 0


def show_command(prefix: str, *, json: bool, config: Path | None) -> int:
    with _open(config) as stores:
        run_id = find_run(stores, prefix)
        state = fold(stores.events.read(run_id))
        if json:
            if state.ended is None:
                raise UserError(f"Run {run_id} has not ended.", f"Follow it with `honk logs -f {run_id}`.")
            print(result(run_id, state, stores.artifacts).model_dump_json())
            return 0
        print(clean("\n".join(_describe(run_id, state, status(run_id, state, stores)))))
    return 0


def _describe(run_id: str, state: RunState, word: str) -> list[str]:
    text = [f"run       {run_id} ({word})", f"request   {state.request.text}"]
    if state.ended is not None:
        text.append(f"reason    {state.ended.reason}")
    if state.requested is not None and state.requested.replayed:
        text.append("note      replayed session: no model decided anything")
    text.append(f"model     {state.request.model}, {state.turns} turns, ${state.cost_usd:.4f}")
    if state.base is not None:
        base = state.base.base
        text.append(f"base      {base.repo.name} {base.branch} {base.sha}")
        text.append(f"branch    {state.base.branch}")
    for check in state.last_report.checks if state.last_report else ():
        text.append(f"check     {check.name}: {_ended(check)} ({check.command})")
        text += [f"          {what}: {', '.join(names)}" for what, names in differences(check)]
    for finding in state.last_findings.findings if state.last_findings else ():
        text.append(f"gate      {finding.result} {finding.path}: {finding.detail}")
    if state.last_verdict is not None:
        verdict = state.last_verdict.verdict
        text.append(" ".join([f"judge     {verdict.verdict}", *verdict.reasons]))
    if state.published is not None:
        pull_request = state.published.pull_request
        text += [
            f"pull      {pull_request.url}{' (draft)' if pull_request.draft else ''}",
            "",
            f"# {state.published.title}",
            "",
            state.published.body,
        ]
    return text


def _ended(check: Check) -> str:
    """How a check ended on the change, and on the base if that is known."""
    said = [f"{'passed' if check.passed else 'failed'} in {check.seconds:.1f}s"]
    if check.compared and check.compared.before:
        said.append(f"{check.compared.before} on the base")
    if check.tests:
        counts = check.tests.counts
        said.append(f"tests: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return ", ".join(said)


def logs_command(prefix: str, *, follow: bool, json: bool, config: Path | None) -> int:
    with _open(config) as stores:
        run_id = find_run(stores, prefix)
        after = 0
        while True:
            recorded = stores.events.read(run_id, after)
            for item in recorded:
                _print_event(item, json=json)
            after = recorded[-1].seq if recorded else after
            if not follow or (recorded and isinstance(recorded[-1].event, RunEnded)):
                return 0
            if not recorded and not stores.leases.live(run_id):
                if not isinstance(stores.events.read(run_id)[-1].event, RunEnded):
                    print(f"The run was interrupted; `honk resume {run_id}` goes on.", file=sys.stderr)
                return 0
            time.sleep(POLL_SECONDS)


def _print_event(item: Recorded, *, json: bool) -> None:
    if json:
        print(item.model_dump_json(), flush=True)
        return
    said = _answer(item.event) if isinstance(item.event, ToolReturned) else lines(item)
    for line in said:
        print(f"{item.at:%H:%M:%S} {line}", flush=True)


def _answer(event: ToolReturned) -> list[str]:
    """The result of a tool call; of a long one its beginning and its end."""
    text = clean(event.result.text).splitlines()
    if (more := len(text) - 2 * ANSWER_LINES) > 0:
        text = [*text[:ANSWER_LINES], f"… {more} more lines …", *text[-ANSWER_LINES:]]
    return [f"  {'!' if event.result.error else '|'} {line}" for line in text]


def diff_command(prefix: str, config: Path | None) -> int:
    """The frozen change, else the last checkpoint; nothing at all is said on stderr."""
    settings = settings_module.load(config)
    with open_stores(settings) as stores:
        run_id = find_run(stores, prefix)
        state = fold(stores.events.read(run_id))
        patch = b""
        if state.ended is not None and state.ended.patch is not None:
            patch = stores.artifacts.get(state.ended.patch)
        elif state.base is not None:
            with open_mirror(settings, state.base.base.repo) as mirror:
                change = change_so_far(state, mirror, stores.artifacts)
            patch = b"" if change is None else patch_bytes(change)
    if not patch:
        print(f"Run {run_id} has no change.", file=sys.stderr)
        return 0
    if sys.stdout.isatty():  # nobody applies what a terminal shows, and it must not obey it
        print(clean(patch.decode("utf-8", "replace")), end="")
        return 0
    sys.stdout.buffer.write(patch)
    sys.stdout.buffer.flush()
    return 0
