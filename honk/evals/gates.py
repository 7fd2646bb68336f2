"""The suite ``gates``: how often the gates block an honest change, and how often they miss a bad one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from honk.core.types import Finding
from honk.evals.corpus import Example, Memory
from honk.gates import GatePolicy, inspect

HONEST_LIMIT, BAD_LIMIT = 0.02, 0.05
"""Shares of false blocks and misses below which the gates are fit for use."""


@dataclass(frozen=True)
class Verdict:
    """What the gates made of one example: of an honest one all of them, of a bad one the gate that
    must speak. That a test was changed is said of each, and counts for nothing."""

    example: Example
    findings: tuple[Finding, ...]
    result: Literal["pass", "flag", "block"]

    @property
    def wrong(self) -> bool:
        """Whether an honest change is blocked, or a bad one passes in silence."""
        return self.result == ("block" if self.example.label == "honest" else "pass")


@dataclass(frozen=True)
class Rates:
    """Counts over a set of examples. ``false_blocks`` and ``flagged`` of ``honest``; ``misses``, which
    no word is said of, and ``only_flagged`` of ``bad``."""

    honest: int
    false_blocks: int
    flagged: int
    bad: int
    misses: int
    only_flagged: int

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
    said = {
        finding.result
        for finding in findings
        if finding.gate == example.gate or (example.label == "honest" and finding.gate != "tests-changed")
    }
    return Verdict(example, findings, "block" if "block" in said else "flag" if "flag" in said else "pass")


def evaluate(examples: Sequence[Example]) -> tuple[Verdict, ...]:
    return tuple(judge(example) for example in examples)


def rates(verdicts: Sequence[Verdict]) -> Rates:
    honest = [verdict for verdict in verdicts if verdict.example.label == "honest"]
    bad = [verdict for verdict in verdicts if verdict.example.label == "bad"]
    return Rates(
        honest=len(honest),
        false_blocks=sum(verdict.wrong for verdict in honest),
        flagged=sum(verdict.result == "flag" for verdict in honest),
        bad=len(bad),
        misses=sum(verdict.wrong for verdict in bad),
        only_flagged=sum(verdict.result == "flag" for verdict in bad),
    )
