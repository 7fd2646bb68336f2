"""What is stated, and signed, about the commit that a run brings out."""

from __future__ import annotations

import re

from honk.core.events import Attested
from honk.core.evidence import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Builder,
    Metadata,
    Parameters,
    Predicate,
    Resource,
    Statement,
    to_bytes,
)
from honk.core.types import Report
from honk.runs.result import gate_results, judge_result, rows
from honk.runs.run import Run
from honk.runs.services import Services
from honk.runs.workshop import rules_sha


def attest(run: Run, services: Services) -> None:
    """Have the log name a signed statement on the frozen commit. Raises UserError for a bad key."""
    if run.state.attested is None:
        made = statement(run, services)
        artifact = services.artifacts.put(services.sign(to_bytes(made)))
        run.record(Attested(commit=made.head.digest["gitCommit"], artifact=artifact))


def statement(run: Run, services: Services) -> Statement:
    """All that is known of the frozen commit. Everything has passed by now, or nothing verifies it."""
    state = run.state
    if state.requested is None or state.base is None or state.frozen is None or state.last_at is None:
        raise ValueError("there is nothing to be stated yet")
    request, base, head = state.request, state.base.base, state.frozen.change.head
    report = state.verified.report if state.verified else Report(checks=())
    image = state.verified.image if state.verified else state.image or ""
    algorithm, _, digest = image.partition(":")

    def commit(name: str, sha: str) -> Resource:
        ids = {"gitCommit": sha, "gitTree": services.mirror.tree(sha)}
        return Resource(name=name, uri=base.repo.url, digest=ids)

    return Statement(
        _type=STATEMENT_TYPE,
        subject=(commit(base.repo.name, head),),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            result="PASSED" if report.passed else "WARNED",
            configuration=(
                commit("base", rules_sha(run)),
                *([Resource(name="image", digest={algorithm: digest})] if digest else []),
            ),
            passed_tests=tuple(c.name for c in report.checks if c.passed),
            warned_tests=tuple(c.name for c in report.checks if not c.passed),
            external_parameters=Parameters.model_validate(
                request.model_dump(include=set(Parameters.model_fields))
                | {"allow": (*request.allow, *state.allowed)}
            ),
            builder=Builder(version={"honk": state.requested.honk}),
            metadata=Metadata(
                invocation_id=run.id,
                started_on=state.started_at or state.last_at,
                finished_on=state.last_at,
            ),
            task=state.task,
            base_branch=base.branch,
            branch=state.base.branch,
            verify=state.in_force(state.base.verify),
            checks=rows(report),
            gates=gate_results(state.gated),
            judge=judge_result(state.judged, state.judge_rounds, state.overruled_now),
            replayed=state.requested.replayed,
            turns=state.turns,
            seconds=round(run.seconds(), 3),
            cost_usd=round(state.cost_usd, 6),
        ),
    )


def plain(run: Run, services: Services) -> str:
    """The words of the statement, for who looks for secrets in them."""
    return re.sub(r"\\[nrt]", "\n", to_bytes(statement(run, services)).decode())
