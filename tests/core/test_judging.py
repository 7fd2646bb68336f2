"""What judges said over many runs: a fold over their logs."""

from __future__ import annotations

from datetime import UTC, datetime

from honk.core.events import Event, Judged, ModelReplied, Overruled, Recorded, RunEnded, RunRequested
from honk.core.judgement import Verdict, strictest
from honk.core.judging import judging
from honk.core.messages import AssistantMessage, Completion, StopReason, Usage
from honk.core.types import Outcome, RepoRef, Request

REPO = RepoRef(forge="local", name="/r", url="file:///r")
NO = Judged(commit="c", verdict=Verdict(verdict="refuse", reasons=("No.",)))
ADVICE = NO.model_copy(update={"mode": "advisory"})
YES = Judged(commit="d", verdict=Verdict(verdict="approve"))
SILENT = Judged(commit="c", verdict=Verdict(verdict="none", reasons=("?",)), mode="advisory")


def end(outcome: Outcome) -> RunEnded:
    return RunEnded(outcome=outcome, reason="", seconds=1)


GOOD, BAD = end(Outcome.PUBLISHED), end(Outcome.VETOED)


def reply(cost: float) -> ModelReplied:
    message = AssistantMessage(provider="anthropic", parts=())
    done = Completion(message=message, stop=StopReason.END, usage=Usage(), model="m")
    return ModelReplied(purpose="judge", completion=done, cost_usd=cost, seconds=1)


def log(*events: Event, judge: str = "a:j", replayed: bool = False) -> list[Recorded]:
    request = Request(text="x", repo=REPO, model="a:m", judge=judge)
    first = RunRequested(honk="0", request=request, replayed=replayed)
    at = datetime.now(UTC)
    return [Recorded(run_id="r", seq=n, at=at, event=e) for n, e in enumerate((first, *events), start=1)]


def test_each_veto_is_counted_with_what_came_of_it() -> None:
    logs = [
        log(YES, GOOD),
        log(reply(0.5), NO, reply(0.25), YES, GOOD),  # recovered
        log(NO, NO, BAD),  # ended there
        log(NO, BAD, Overruled(commit="c"), GOOD),
        log(NO, YES, end(Outcome.FAILED)),  # ended otherwise
        log(ADVICE, GOOD),
        log(SILENT, GOOD),
        log(GOOD),  # nobody judged it
        log(NO, BAD, replayed=True),
        log(YES, GOOD, judge="b:k"),
    ]
    first, second = judging(logs)
    assert (first.judge, first.runs, first.cost_usd) == ("a:j", 7, 0.75)
    assert (first.approved, first.refused, first.silent) == (3, 6, 1)
    assert (first.vetoes, first.runs_with_veto) == (5, 4)
    assert (first.recovered, first.vetoed, first.overruled, first.unheeded) == (1, 1, 1, 1)
    assert (second.judge, second.runs, second.vetoes) == ("b:k", 1, 0)


def test_a_word_against_an_earlier_commit_overrules_nothing() -> None:
    [found] = judging([log(NO, BAD, Overruled(commit="other"), end(Outcome.VETOED))])
    assert (found.vetoed, found.overruled) == (1, 0)


def test_of_two_modes_the_stricter_one_holds() -> None:
    assert strictest("off", "advisory") == strictest("advisory", "off") == "advisory"
    assert strictest("blocking", "advisory", "off") == "blocking"
    assert strictest("off", "off") == "off"
