"""What ``--json`` prints and ``honk show`` begins with: a view of the folded log."""

from __future__ import annotations

from honk.core.events import Gated, Judged, Overruled
from honk.core.judgement import JudgeResult
from honk.core.lines import finding_line
from honk.core.ports import Artifacts
from honk.core.state import RunState
from honk.core.types import (
    Check,
    Comparison,
    GateResult,
    Outcome,
    Report,
    RunResult,
    VerificationResult,
)


def result(run_id: str, state: RunState, artifacts: Artifacts) -> RunResult:
    """The result of an ended run. Raises ValueError if it has not ended."""
    if state.ended is None:
        raise ValueError(f"run {run_id} has not ended")
    published = state.ended.outcome is Outcome.PUBLISHED
    patch = None if published or state.ended.patch is None else artifacts.get(state.ended.patch)
    return RunResult(
        run_id=run_id,
        outcome=state.ended.outcome,
        reason=state.ended.reason,
        repo=state.request.repo.name,
        base=state.base.base.branch if state.base else None,
        base_sha=state.base.base.sha if state.base else None,
        branch=state.base.branch if state.base else None,
        head_sha=state.last_change.change.head if state.last_change else None,
        pull_request=state.published.pull_request if state.published else None,
        verification=rows(state.last_report),
        gates=gate_results(state.last_findings),
        judge=judge_result(state.last_verdict, state.judge_rounds, state.overruled_now),
        turns=state.turns,
        seconds=state.ended.seconds,
        cost_usd=round(state.cost_usd, 6),
        usage=state.usage,
        replayed=state.requested is not None and state.requested.replayed,
        patch=None if patch is None else patch.decode("utf-8", "replace"),
        plan=state.plan.text if state.plan else None,
    )


def rows(report: Report | None) -> tuple[VerificationResult, ...]:
    """One row for each check."""
    return tuple(_row(check) for check in report.checks) if report is not None else ()


def _row(check: Check) -> VerificationResult:
    found = check.compared or Comparison(blocks=False)
    return VerificationResult(
        name=check.name,
        command=check.command,
        before=found.before,
        after="passed" if check.passed else "failed",
        new_failures=found.new_failures,
        standing=found.standing,
        mended=found.mended,
        flaky=found.flaky,
        missing=found.missing,
        skipped=found.skipped,
        unknown=found.unknown,
        tests=check.tests.counts if check.tests else None,
        seconds=round(check.seconds, 3),
    )


def gate_results(gated: Gated | None) -> tuple[GateResult, ...]:
    """One for each finding."""
    return tuple(
        GateResult(name=f.gate, result=f.result, detail=finding_line(f))
        for f in (gated.findings if gated is not None else ())
    )


def judge_result(judged: Judged | None, rounds: int, overruled: Overruled | None) -> JudgeResult | None:
    """``rounds`` is how often the judge was asked."""
    if judged is None:
        return None
    return JudgeResult(
        **dict(judged.verdict),
        rounds=rounds,
        mode=judged.mode,
        overruled=overruled is not None,
        overruled_by=overruled.by if overruled else "",
    )
