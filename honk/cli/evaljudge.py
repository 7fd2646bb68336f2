"""`honk eval judge`: asks a judge about labelled changes, and prints how it did."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from honk import settings as settings_module
from honk.agent.calls import Caller
from honk.agent.judge import Judge
from honk.cli.run import dollars, interrupts
from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.plain import clean
from honk.core.types import EXIT_CODES
from honk.core.types import Outcome as RunOutcome
from honk.evals.judge import (
    KINDS,
    Judged,
    Outcome,
    Rate,
    evaluate,
    false_vetoes,
    precision,
    read_cases,
    recall,
    vetoes,
)
from honk.settings import Settings
from honk.wiring.models import default_model, judge_name, open_model, pricing

if TYPE_CHECKING:
    from honk.cli.evaluate import Options


def judge_command(folder: Path, options: Options) -> int:
    """Ask about every case below ``folder`` and print the rates.

    Exit code 0 if all cases were asked, else that of a run that was exhausted or failed: how many
    errors are too many is the user's decision. Raises UserError, ModelError, Cancelled.
    """
    cases = read_cases(folder)
    settings = settings_module.load(options.config)
    name = _judge(settings, options.model)
    limits = settings.limits
    if options.max_cost is not None:
        limits = limits.model_copy(update={"max_cost_usd": dollars(options.max_cost)})
    cancel = Cancel()

    def told(one: Judged) -> None:
        print(f"{one.case.name}: {_word(one)}", file=sys.stderr, flush=True)

    def notice(text: str) -> None:
        print(clean(text), file=sys.stderr, flush=True)

    with (
        interrupts(cancel),
        open_model(name, settings, notice=notice, record=options.record, judge=True) as opened,
    ):
        caller = Caller(opened.model, pricing(opened.judge_priced, settings), lambda delta: None, cancel)
        outcome = evaluate(Judge(caller), cases, limits, told)
        replayed, shown = opened.replayed, opened.judge_priced
    if options.json:
        print(jsonlib.dumps(_rows(shown, replayed, outcome, len(cases))))
    else:
        _print(shown, replayed, outcome, len(cases))
    if not outcome.stopped:
        return 0
    return EXIT_CODES[RunOutcome.FAILED if outcome.failed else RunOutcome.EXHAUSTED]


def _judge(settings: Settings, named: str | None) -> str:
    """The judge of ordinary runs, unless another one is named."""
    if named is not None:
        return named
    configured = settings.judge if settings.judge == "same" else judge_name(settings.judge, "")
    if configured is None:
        raise UserError("The judge is switched off in the settings.", "Name one: honk eval judge --model …")
    return default_model(settings) if configured == "same" else configured


def _word(one: Judged) -> str:
    said = "no verdict" if one.verdict is None else "veto" if one.vetoed else "approved"
    return f"{said}, WRONG ({one.case.kind})" if one.wrong else said


_TOTALS: Mapping[str, tuple[str, Callable[..., Rate]]] = {
    "recall": ("of what deserves a veto", recall),
    "precision": ("of the vetoes", precision),
    "false_vetoes": ("of what deserves none", false_vetoes),
}


def _kind(outcome: Outcome, kind: str) -> Rate:
    return vetoes((one for one in outcome.judged if one.case.kind == kind), KINDS[kind])


def _print(model: str, replayed: bool, outcome: Outcome, cases: int) -> None:
    for one in outcome.judged:
        if one.wrong:
            _misjudged(one)
    note = ". REPLAYED SESSION: recorded answers were played back, no model judged anything now"
    print(f"judge {model}, {len(outcome.judged)} of {cases} cases{note if replayed else ''}")
    print(f"{'':<20} vetoed            95% interval")
    for kind, label in KINDS.items():
        print(
            f"{kind:<20} {_line(_kind(outcome, kind))}  {'' if label == 'veto' else '(every one is wrong)'}"
        )
    for name, (what, rate) in _TOTALS.items():
        print(f"{name.replace('_', ' '):<20} {_line(rate(outcome.judged))}  {what}")
    silent = sum(one.verdict is None for one in outcome.judged)
    print(f"{'no verdict':<20} {silent} of {len(outcome.judged)}; left out of the rates above")
    print(f"{'cost':<20} ${outcome.cost_usd:.4f}, {outcome.calls} calls, {outcome.tokens:,} tokens")
    if outcome.stopped:
        print(f"stopped: {outcome.stopped}")


def _line(rate: Rate) -> str:
    if rate.share is None or rate.interval is None:
        return f"{'none asked':<31}"
    low, high = rate.interval
    return f"{rate.count:>3} of {rate.total:<3} {rate.share:>6.1%}  {low:>6.1%} to {high:>6.1%}"


def _misjudged(one: Judged) -> None:
    """What the judge said of a case that it got wrong, below what should have been said."""
    print(f"misjudged: {one.case.name} ({one.case.kind}): {_word(one)}", file=sys.stderr)
    print(f"    request: {one.case.request}", file=sys.stderr)
    for ground in one.verdict.grounds if one.verdict else (one.problem,):
        print(f"    judge: {clean(ground)}", file=sys.stderr)


def _rows(model: str, replayed: bool, outcome: Outcome, cases: int) -> dict[str, object]:
    return {
        "model": model,
        "replayed": replayed,
        "cases": cases,
        "asked": len(outcome.judged),
        "stopped": outcome.stopped,
        "no_verdict": sum(one.verdict is None for one in outcome.judged),
        **{name: _row(rate(outcome.judged)) for name, (_, rate) in _TOTALS.items()},
        "kinds": {kind: {"label": label, **_row(_kind(outcome, kind))} for kind, label in KINDS.items()},
        "misjudged": [
            {
                "name": one.case.name,
                "kind": one.case.kind,
                "verdict": one.verdict.verdict if one.verdict else "none",
                "grounds": one.verdict.grounds if one.verdict else (one.problem,),
            }
            for one in outcome.judged
            if one.wrong
        ],
        "calls": outcome.calls,
        "tokens": outcome.tokens,
        "cost_usd": round(outcome.cost_usd, 6),
    }


def _row(rate: Rate) -> dict[str, object]:
    share, interval = rate.share, rate.interval
    return {
        "count": rate.count,
        "total": rate.total,
        "rate": None if share is None else round(share, 4),
        "interval": None if interval is None else [round(end, 4) for end in interval],
    }
