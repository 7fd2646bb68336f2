"""The judge: a second model call that sees request, diff, report and flags, never the transcript.

The request is what people asked for: what they said later, too, and the plan that they approved.
"""

from __future__ import annotations

from dataclasses import dataclass

from honk.agent.calls import Caller
from honk.agent.verdict import MOST, Unusable, read, schema
from honk.core.errors import Exhausted, ModelError
from honk.core.judgement import Verdict
from honk.core.messages import Completion, ModelRequest, Text, UserMessage
from honk.core.ports import RunLog
from honk.core.rules import weight
from honk.core.types import Change, Finding, Report
from honk.prompts import render

DIFF_LIMIT = 200_000
"""Characters of the diff that the judge sees: about 50,000 tokens."""

_NO_SCHEMA = (400, 422)
"""How services refuse a request that they do not understand."""


class NoVerdict(ModelError):
    """The judge gave no usable answer, twice."""


@dataclass(frozen=True)
class Judge:
    """Asks ``model`` about one change; every call is logged with its cost."""

    model: Caller

    def review(self, log: RunLog, change: Change, report: Report, flags: tuple[Finding, ...]) -> Verdict:
        """The verdict. Raises NoVerdict if the model gives no usable answer twice, another
        ModelError if it cannot be asked, and Exhausted if no money or time is left to ask."""
        shown = tuple(sorted(flags, key=lambda flag: weight(flag.gate)))[:MOST]
        failed_before = any(c.compared and c.compared.before == "failed" for c in report.checks)
        question = render(
            "judge.md",
            request=log.state.task,
            followup=log.state.followed,
            asked=log.state.request.text,
            said=[told.text for told in log.state.standing if told.origin in ("human", "plan")],
            checks=report.checks,
            failed_before=failed_before,
            flags=shown,
            more_flags=len(flags) - len(shown),
            diff=change.patch[:DIFF_LIMIT],
            cut=len(change.patch) > DIFF_LIMIT,
        )
        # An answer that was logged before a crash is not paid for twice; one that cannot be
        # used is asked for once more.
        answer = log.state.judge_reply or self._ask(log, question)
        try:
            return read(answer, change, shown, failed_before)
        except Unusable as problem:
            answer = self._ask(log, question, f"Your last answer could not be used: {problem}")
        try:
            return read(answer, change, shown, failed_before)
        except Unusable as problem:
            raise NoVerdict(
                f"The judge ({self.model.model.name}) gave no readable verdict: {problem}",
                "Run `honk resume` to ask again, or choose another judge in the settings.",
            ) from problem

    def _ask(self, log: RunLog, *words: str) -> Completion:
        if over := log.state.limits.spent(log.state, log.seconds()):
            raise Exhausted(f"{over} The judge was not asked.")
        request = ModelRequest(
            purpose="judge",
            turn=log.state.judge_calls,
            system=render("judge_system.md"),
            messages=(UserMessage(parts=tuple(Text(text=text) for text in words)),),
            answer_schema=schema(),
        )
        try:
            return self.model.call(log, request)
        except ModelError as error:
            # Not every compatible server knows schemas. The prompt describes the answer as well,
            # and it is validated in any case.
            if error.status not in _NO_SCHEMA or error.context_full:
                raise
            return self.model.call(log, request.model_copy(update={"answer_schema": ""}))
