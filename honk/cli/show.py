"""`honk runs | show | logs | diff`: views of logs."""

from __future__ import annotations

import json as jsonlib
import sys
from dataclasses import asdict
from pathlib import Path

from honk.cli.places import open_place
from honk.core.errors import UserError
from honk.core.events import Recorded, ToolReturned
from honk.core.judgement import sentences
from honk.core.judging import judging
from honk.core.limits import OVERTIME
from honk.core.lines import finding_line, lines
from honk.core.plain import clean
from honk.core.state import RunState, fold
from honk.core.types import Check
from honk.runs.publish import differences

ANSWER_LINES = 10
"""Lines of a tool's result that `honk logs` prints from its beginning, and from its end."""


def runs_command(limit: int, *, json: bool, config: Path | None, remote: str | None) -> int:
    with open_place(config, remote) as place:
        rows = place.rows(limit)
    if json:
        print(jsonlib.dumps([asdict(row) for row in rows]))
        return 0
    for row in rows:
        request = clean(" ".join(row.request.split()))[:60]
        print(f"{row.run_id}  {row.status:<12} ${row.cost_usd:<8.4f} {row.repo}: {request}")
    if not rows:
        print("No runs yet.", file=sys.stderr)
    return 0


def stats_command(*, json: bool, config: Path | None, remote: str | None) -> int:
    """What each judge said in all runs, and what came of it."""
    with open_place(config, remote) as place:
        figures = judging(place.read(run_id) for run_id in place.ids())
    if json:
        print(jsonlib.dumps([asdict(one) for one in figures]))
        return 0
    for one in figures:
        print(clean(one.judge))
        print(f"  judged     {one.runs} runs, ${one.cost_usd:.4f}")
        print(f"  verdicts   {one.approved} approved, {one.refused} refused, {one.silent} without a word")
        print(f"  vetoes     {one.vetoes} in {one.runs_with_veto} runs: {one.recovered} recovered, ", end="")
        print(f"{one.vetoed} ended vetoed, {one.overruled} overruled by a person")
        print(f"  advisory   {one.unheeded} runs published though it refused")
    if not figures:
        print("No run was judged yet; replayed ones do not count.", file=sys.stderr)
    return 0


def show_command(prefix: str, *, json: bool, config: Path | None, remote: str | None) -> int:
    with open_place(config, remote) as place:
        run_id = place.find(prefix)
        state = fold(place.read(run_id))
        if json:
            if state.ended is None:
                raise UserError(f"Run {run_id} has not ended.", f"Follow it with `honk logs -f {run_id}`.")
            print(place.result(run_id, state).model_dump_json())
            return 0
        print(clean("\n".join(_describe(run_id, state, place.status(run_id, state)))))
    return 0


def _describe(run_id: str, state: RunState, word: str) -> list[str]:
    text = [f"run       {run_id} ({word})", f"request   {state.request.title}"]
    if state.ended is not None:
        text.append(f"reason    {state.ended.reason}")
    text += _plan(state)
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
        text.append(f"gate      {finding.result} {finding_line(finding)}")
    if state.last_verdict is not None:
        said, *more = sentences(state.last_verdict.verdict, state.last_verdict.mode)
        text += [f"judge     {said}", *(f"          {line}" for line in more)]
        if (overruled := state.overruled_now) is not None:
            text.append(f"          overruled by {overruled.by or 'a person'}")
    if state.attested is not None:
        text.append(f"evidence  {state.attested.artifact}")
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


def _plan(state: RunState) -> list[str]:
    if state.plan is None:
        return []
    word = "waits" if state.approved is None else f"approved by {state.approved.by or 'a person'}"
    return [f"plan      {word}", *(f"          {line}" for line in state.plan.text.splitlines())]


def _ended(check: Check) -> str:
    """How a check ended on the change, and on the base if that is known."""
    said = [f"{'passed' if check.passed else 'failed'} in {check.seconds:.1f}s"]
    if check.timed_out:
        said.append(OVERTIME)
    if check.compared and check.compared.before:
        said.append(f"{check.compared.before} on the base")
    if check.tests:
        counts = check.tests.counts
        said.append(f"tests: {counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return ", ".join(said)


def logs_command(prefix: str, *, follow: bool, json: bool, config: Path | None, remote: str | None) -> int:
    with open_place(config, remote) as place:
        run_id = place.find(prefix)
        for item in place.follow(run_id) if follow else place.read(run_id):
            _print_event(item, json=json)
    return 0


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


def diff_command(prefix: str, config: Path | None, remote: str | None) -> int:
    """The frozen change, else the last checkpoint; nothing at all is said on stderr."""
    with open_place(config, remote) as place:
        run_id = place.find(prefix)
        patch = place.patch(run_id)
    if not patch:
        print(f"Run {run_id} has no change.", file=sys.stderr)
        return 0
    if sys.stdout.isatty():  # nobody applies what a terminal shows, and it must not obey it
        print(clean(patch.decode("utf-8", "replace")), end="")
        return 0
    sys.stdout.buffer.write(patch)
    sys.stdout.buffer.flush()
    return 0
