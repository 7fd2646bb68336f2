"""The judge: a second model call that sees request, diff and report, never the transcript."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import ValidationError

from honk.agent.calls import Caller
from honk.core.errors import Exhausted, ModelError
from honk.core.messages import Completion, ModelRequest, StopReason, Text, UserMessage
from honk.core.ports import RunLog
from honk.core.types import Change, Finding, Report, Verdict
from honk.prompts import render

DIFF_LIMIT = 200_000
"""Characters of the diff that the judge sees: about 50,000 tokens."""


@dataclass(frozen=True)
class Judge:
    """Asks ``model`` about one change; every call is logged with its cost."""

    model: Caller

    def review(self, log: RunLog, change: Change, report: Report, flags: tuple[Finding, ...]) -> Verdict:
        """The verdict. Raises ModelError if the model gives no readable answer twice, and Exhausted
        if no money or time is left to ask."""
        question = render(
            "judge.md",
            request=log.state.task,
            followup=log.state.followed,
            asked=log.state.request.text,
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
            f"The judge ({self.model.model.name}) gave no readable verdict.",
            "Run `honk resume` to ask again, or choose another judge in the settings.",
        )

    def _ask(self, log: RunLog, question: str) -> Completion:
        if over := log.state.limits.spent(log.state, log.seconds()):
            raise Exhausted(f"{over} The judge was not asked.")
        request = ModelRequest(
            purpose="judge",
            turn=log.state.judge_calls,
            system=render("judge_system.md"),
            messages=(UserMessage(parts=(Text(text=question),)),),
        )
        return self.model.call(log, request)


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
