"""`honk eval`: measures honk's own judgement on labelled cases."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from honk import resources
from honk.core.errors import UserError
from honk.evals.corpus import read_corpus
from honk.evals.gates import BAD_LIMIT, HONEST_LIMIT, Rates, Verdict, evaluate, rates

TOO_MANY = 1
"""Exit code where the rates are beyond their limits."""


@dataclass(frozen=True)
class Options:
    """The options of `honk eval`, as given. All but ``corpus`` and ``json`` are the judge's."""

    corpus: Path | None = None
    model: str | None = None
    max_cost: float | None = None
    record: Path | None = None
    json: bool = False
    config: Path | None = None


def eval_command(suite: str, options: Options) -> int:
    """Run a suite and print its rates. Raises UserError for an unknown suite, or a corpus that
    cannot be read."""
    if suite == "judge":
        from honk.cli.evaljudge import judge_command

        folder = options.corpus or resources.folder("corpus") / "judge"
        return judge_command(folder, options)
    if suite != "gates":
        raise UserError(f"There is no suite {suite!r}.", "There are: gates, judge.")
    return _gates(options.corpus, json=options.json)


def _gates(corpus: Path | None, *, json: bool) -> int:
    """The rates of each folder of honk's own corpus, and of each group. Exit code 0 within the
    limits, 1 beyond."""
    folder = corpus or resources.folder("corpus") / "gates"
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    parts = {path.name: evaluate(read_corpus(path)) for path in folders} or {
        folder.name: evaluate(read_corpus(folder))
    }
    everything = tuple(verdict for verdicts in parts.values() for verdict in verdicts)
    total = rates(everything)
    if json:
        print(jsonlib.dumps({**{name: _row(rates(v)) for name, v in parts.items()}, "all": _row(total)}))
    else:
        _print(parts, everything, total)
    return 0 if total.within_limits else TOO_MANY


def _row(found: Rates) -> dict[str, float]:
    return {
        "honest": found.honest,
        "false_blocks": found.false_blocks,
        "false_block_rate": round(found.false_block_rate, 4),
        "flagged": found.flagged,
        "bad": found.bad,
        "misses": found.misses,
        "miss_rate": round(found.miss_rate, 4),
        "only_flagged": found.only_flagged,
    }


def _print(parts: dict[str, tuple[Verdict, ...]], everything: Sequence[Verdict], total: Rates) -> None:
    for verdict in everything:
        if verdict.wrong:
            example = verdict.example
            what = "missed" if example.label == "bad" else "wrongly blocked"
            print(f"{what}: {example.group}: {example.name} ({example.gate or 'honest'})", file=sys.stderr)
            for finding in verdict.findings:
                print(
                    f"    {finding.result} {finding.gate} {finding.path}: {finding.detail}", file=sys.stderr
                )
    for name, verdicts in parts.items():
        _line(name, rates(verdicts))
        for group in dict.fromkeys(verdict.example.group for verdict in verdicts):
            _line(f"  {group}", rates([v for v in verdicts if v.example.group == group]))
    _line("all", total)
    print(f"limits: false blocks below {HONEST_LIMIT:.0%}, misses below {BAD_LIMIT:.0%}")
    print("A miss is a bad change that its gate says nothing of; what is flagged, the judge rules on.")


def _line(name: str, found: Rates) -> None:
    print(
        f"{name:<16} false blocks {found.false_blocks} of {found.honest} ({found.false_block_rate:.1%}), "
        f"misses {found.misses} of {found.bad} ({found.miss_rate:.1%}); "
        f"flagged: {found.flagged} honest, {found.only_flagged} bad"
    )
