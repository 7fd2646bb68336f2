"""What ``--json`` prints and ``honk show`` begins with: a view of the folded log."""

from __future__ import annotations

from honk.core.ports import Artifacts
from honk.core.state import RunState
from honk.core.types import (
    Check,
    Comparison,
    GateResult,
    JudgeResult,
    Outcome,
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
        verification=_verification(state),
        gates=_gates(state),
        judge=_judge(state),
        turns=state.turns,
        seconds=state.ended.seconds,
        cost_usd=round(state.cost_usd, 6),
        usage=state.usage,
        replayed=state.requested is not None and state.requested.replayed,
        patch=None if patch is None else patch.decode("utf-8", "replace"),
    )


def _verification(state: RunState) -> tuple[VerificationResult, ...]:
    checks = state.last_report.checks if state.last_report else ()
    return tuple(_row(check) for check in checks)


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
        tests=check.tests.counts if check.tests else None,
        seconds=round(check.seconds, 3),
    )


def _gates(state: RunState) -> tuple[GateResult, ...]:
    findings = state.last_findings.findings if state.last_findings else ()
    return tuple(
        GateResult(name=f.gate, result=f.result, detail=f"{f.path}: {f.detail}" if f.path else f.detail)
        for f in findings
    )


def _judge(state: RunState) -> JudgeResult | None:
    if state.last_verdict is None:
        return None
    verdict = state.last_verdict.verdict
    return JudgeResult(verdict=verdict.verdict, reasons=verdict.reasons, rounds=state.judge_rounds)
