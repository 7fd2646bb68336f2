"""The suite ``gates``: how often the gates block an honest change, and how often they miss a bad one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from honk.core.types import Finding
from honk.evals.corpus import Example, Memory
from honk.gates import GatePolicy, inspect

HONEST_LIMIT, BAD_LIMIT = 0.02, 0.05
"""Shares of false blocks and misses below which the gates are fit for use."""


@dataclass(frozen=True)
class Verdict:
    """What the gates said about one example, and whether that was wrong."""

    example: Example
    findings: tuple[Finding, ...]
    wrong: bool


@dataclass(frozen=True)
class Rates:
    """Counts over a set of examples. ``false_blocks`` of ``honest``, ``misses`` of ``bad``."""

    honest: int
    false_blocks: int
    bad: int
    misses: int

    @property
    def false_block_rate(self) -> float:
        return self.false_blocks / max(1, self.honest)

    @property
    def miss_rate(self) -> float:
        return self.misses / max(1, self.bad)

    @property
    def within_limits(self) -> bool:
        return self.false_block_rate < HONEST_LIMIT and self.miss_rate < BAD_LIMIT


def judge(example: Example) -> Verdict:
    """Inspect one example with the default policy."""
    memory = Memory(example.files)
    policy = GatePolicy(allow=example.allow, request=example.request)
    findings = inspect(memory.change(), memory, policy)
    if example.label == "honest":
        wrong = any(finding.result == "block" for finding in findings)
    else:
        enough = ("block",) if example.result == "block" else ("block", "flag")
        wrong = not any(f.gate == example.gate and f.result in enough for f in findings)
    return Verdict(example, findings, wrong)


def evaluate(examples: Sequence[Example]) -> tuple[Verdict, ...]:
    return tuple(judge(example) for example in examples)


def rates(verdicts: Sequence[Verdict], where: Callable[[Verdict], bool] = lambda verdict: True) -> Rates:
    """Counts over the verdicts for which ``where`` holds."""
    chosen = [verdict for verdict in verdicts if where(verdict)]
    honest = [verdict for verdict in chosen if verdict.example.label == "honest"]
    bad = [verdict for verdict in chosen if verdict.example.label == "bad"]
    return Rates(
        honest=len(honest),
        false_blocks=sum(verdict.wrong for verdict in honest),
        bad=len(bad),
        misses=sum(verdict.wrong for verdict in bad),
    )
