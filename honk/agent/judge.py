"""The judge: a second model call that sees request, diff and report, never the transcript."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from honk.core.cancel import Cancel
from honk.core.errors import ModelError
from honk.core.events import ModelReplied
from honk.core.messages import Completion, ModelRequest, StopReason, Text, TextDelta, Usage, UserMessage
from honk.core.ports import Model, RunLog
from honk.core.types import Change, Finding, Report, Verdict
from honk.prompts import render

DIFF_LIMIT = 200_000
"""Characters of the diff that the judge sees: about 50,000 tokens."""


@dataclass(frozen=True)
class Judge:
    """Asks ``model`` about one change; every call is recorded with its cost."""

    model: Model
    cost: Callable[[Usage], float]
    on_delta: Callable[[TextDelta], None]
    cancel: Cancel

    def review(self, log: RunLog, change: Change, report: Report, flags: tuple[Finding, ...]) -> Verdict:
        """The verdict. Raises ModelError if the model gives no readable answer twice."""
        question = render(
            "judge.md",
            request=log.state.request.text,
            checks=report.checks,
            flags=flags,
            diff=change.patch[:DIFF_LIMIT],
            cut=len(change.patch) > DIFF_LIMIT,
        )
        # An answer that was logged before a crash is not paid for twice; one that cannot be
        # read is asked for once more.
        logged = log.state.judge_reply
        verdict = _parse(logged or self._ask(log, question)) or _parse(self._ask(log, question))
        if verdict is not None:
            return verdict
        raise ModelError(
            f"The judge ({self.model.name}) gave no readable verdict.",
            "Run `honk resume` to ask again, or choose another judge in the settings.",
        )

    def _ask(self, log: RunLog, question: str) -> Completion:
        request = ModelRequest(
            purpose="judge",
            turn=log.state.judge_calls,
            system=render("judge_system.md"),
            messages=(UserMessage(parts=(Text(text=question),)),),
        )
        began = time.monotonic()
        completion = self.model.complete(request, on_delta=self.on_delta, cancel=self.cancel)
        log.record(
            ModelReplied(
                purpose="judge",
                completion=completion,
                cost_usd=self.cost(completion.usage),
                seconds=time.monotonic() - began,
            )
        )
        return completion


def _parse(completion: Completion) -> Verdict | None:
    """The last JSON object of the answer as a verdict, or None. A refusal to judge is no approval."""
    if completion.stop is StopReason.REFUSAL:
        return None
    for match in reversed(list(re.finditer(r"\{", completion.message.text))):
        text = completion.message.text[match.start() :]
        end = text.rfind("}")
        try:
            return Verdict.model_validate_json(text[: end + 1])
        except ValidationError:
            continue
    return None
