"""Slack's text in and out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from honk.core.events import Recorded, RunEnded, RunRequested
from honk.core.state import RunState, fold, step
from honk.core.types import Outcome
from honk.testing.slack import TEXT_LIMITS, wrong_blocks
from honk.triggers.slack_api import Message
from honk.triggers.slack_blocks import Modal, modal, opening, outcome, question, said, status
from honk.triggers.slack_words import Wanted, escaped, wanted, words
from tests.server.page.samples import planned

LOG = Path(__file__).resolve().parents[1] / "fixtures" / "logs" / "v1.jsonl"
EVIL = [
    "<!channel> <!here> <@U0VICTIM01> <https://evil.example|Approve>",
    "& &amp; &lt;!channel&gt;",
    "*bold* `code` ```",
    "\x1b[31mred\u202egnp.exe",
    "x" * 50_000,
    "<" * 5_000,
    "\U0001f600" * 5_000,
    "\n",
]


def recorded() -> list[Recorded]:
    return [Recorded.model_validate_json(line) for line in LOG.read_text().splitlines()]


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(st.text(max_size=400), st.integers(min_value=1, max_value=300))
def test_escaped_text_holds_no_markup_and_keeps_its_limit(text: str, limit: int) -> None:
    found = escaped(text, limit)
    assert units(found) <= limit
    assert not re.search(r"[<>]|&(?!(?:amp|lt|gt);)", found)


@given(st.text(max_size=200))
def test_what_was_escaped_reads_as_it_was_written(text: str) -> None:
    shown = escaped(text, 10_000)
    assert words(shown) == shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<@U0HONKBOT1> say hello", "say hello"),
        ("<@U0HONKBOT1> thank <@U0BOB> and <@U0EVE|eve>", "thank @U0BOB and @eve"),
        ("see <https://x.example/a?b=1|this> or <https://y.example>", "see https://x.example/a?b=1 or https://y.example"),
        ("<#C01|general> <!here> <!subteam^S1|@team>", "#general here @team"),
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
    ],
)  # fmt: skip
def test_words_of_a_message_are_what_people_read(text: str, found: str) -> None:
    assert words(text, "U0HONKBOT1") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("acme/shop bump logging", ("acme/shop", "bump logging")),
        ("`acme/shop` bump", ("acme/shop", "bump")),
        ("acme/shop", ("acme/shop", "")),
        ("bump acme/shop", (None, "bump acme/shop")),
        ("/etc/passwd leaks", (None, "/etc/passwd leaks")),
        ("../x y", (None, "../x y")),
        ("a/b/c d", (None, "a/b/c d")),
        ("", (None, "")),
    ],
)
def test_a_repository_is_the_first_word_or_none(text: str, found: tuple[str | None, str]) -> None:
    want = wanted(text)
    assert ((want.repo, want.request), want.whole, want.plan) == (found, text, False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("--plan bump logging", Wanted(None, "bump logging", True, "bump logging")),
        ("—plan acme/shop bump", Wanted("acme/shop", "bump", True, "acme/shop bump")),
        ("acme/shop --plan bump", Wanted("acme/shop", "bump", True, "acme/shop --plan bump")),
        ("--plan", Wanted(None, "", True)),
        ("--planes fly", Wanted(None, "--planes fly", whole="--planes fly")),
        ("add an option --plan", Wanted(None, "add an option --plan", whole="add an option --plan")),
    ],
)
def test_an_option_before_the_request_asks_for_a_plan(text: str, found: Wanted) -> None:
    assert wanted(text) == found


def check(message: Message) -> None:
    """By the SDK's validators, and by the fake's limits."""
    blocks = [block.to_dict() for block in message.blocks]
    for block in Block.parse_all(blocks):
        block.validate_json()
    assert 0 < len(blocks) <= 50 and not wrong_blocks(blocks)
    assert message.text


def test_every_state_of_a_run_is_a_valid_message() -> None:
    state, titles = RunState(), []
    for item in recorded():
        state = step(state, item)
        for live in (True, False):
            check(message := status("r1", state, live=live, url="https://honk.example/runs/r1"))
            titles.append(message.text.partition(":")[0])
        if state.ended:
            check(outcome("r1", state))
    assert list(dict.fromkeys(titles)) == [
        "Preparing", "Waiting for a worker", "Starting the sandbox", "Working", "Handing over",
        "Checking the diff", "Verifying", "Judging", "Publishing", "Stuck", "Pull request ready",
    ]  # fmt: skip


def test_the_end_names_the_pull_request_and_its_evidence() -> None:
    state = fold(recorded())
    shown = outcome("r1", state).body
    assert "<https://github.com/acme/shop/pull/17|Pull request #17> (draft)" in shown
    assert "passed" in shown and "the judge approves" in shown


@pytest.mark.parametrize("ended", list(Outcome))
def test_each_outcome_says_what_to_do_next(ended: Outcome) -> None:
    log = recorded()
    end = RunEnded(outcome=ended, reason="Because.", seconds=1)
    state = fold([*log[:-1], log[-1].model_copy(update={"event": end})])
    for message in (status("r1", state, live=False, url=None), outcome("r1", state)):
        check(message)
        assert re.search(r"Mention honk|Retry|honk resume r1", message.body)


@pytest.mark.parametrize("evil", EVIL)
def test_words_of_others_are_no_markup_wherever_they_stand(evil: str) -> None:
    log = recorded()
    text = log[0].model_dump_json().replace('"bump logging lib"', json.dumps(evil if evil.strip() else "x"))
    first = Recorded.model_validate_json(text)
    end = RunEnded(outcome=Outcome.FAILED, reason=evil or "x", seconds=1)
    failed = fold([first, *log[1:-1], log[-1].model_copy(update={"event": end})])
    for message in (
        status("r1", failed, live=False, url=None), outcome("r1", failed), said(evil), opening(evil, evil),
    ):  # fmt: skip
        check(message)
        for block in message.blocks:
            for mark in re.findall(r"<[^>]*>", str(block.to_dict())):
                assert mark.startswith(("<https://github.com/acme", "<@U")), mark
    check(question(evil))
    view = modal(Modal("C0GENERAL1", None, evil, evil))
    view.validate_json()
    assert not wrong_blocks([block.to_dict() for block in view.blocks or ()])


@pytest.mark.parametrize("letter", ["x", "\U0001f600"])
def test_a_form_that_cannot_hold_a_request_says_so(letter: str) -> None:
    size = len(letter.encode("utf-16-le")) // 2
    for count, cut in ((2_900 // size, False), (3_501, True)):
        request = letter * count
        [_, field, _] = (
            block.to_dict() for block in modal(Modal("C0GENERAL1", request=request)).blocks or ()
        )
        kept = field["element"]["initial_value"]
        assert ("Cut: a form holds 3,000 characters." in field["hint"]["text"]) is cut
        assert request.startswith(kept) and (kept != request) is cut and units(kept) <= 3_000
    for count, cut in ((1_900 // size, False), (2_500, True)):
        asked = question(letter * count)
        assert ("the first 2,000 characters" in asked.text) is cut
        [text, buttons] = (block.to_dict() for block in asked.blocks)
        value = buttons["elements"][0]["value"]
        assert (len(value) < count) is cut and units(value) <= 2_000
        assert text["text"]["text"] == asked.text


def test_a_plan_that_is_cut_says_where_all_of_it_is() -> None:
    asked = recorded()[0].event
    assert isinstance(asked, RunRequested)
    for text, cut in (("1. Greet.", False), ("x" * 3_001, True), ("<" * 1_000, True)):
        log = [recorded()[0].model_copy(update={"event": e}) for e in (asked, *planned(asked.request, text))]
        for page, where in (("https://honk.example/runs/r1", "on the run's page"), (None, "honk show r1")):
            check(message := status("r1", fold(log), live=False, url=page))
            assert ("The plan is longer than Slack shows: read all of it" in message.body) is cut
            assert (where in message.body) is cut


def test_the_limits_of_the_fake_are_those_of_the_sdk() -> None:
    from slack_sdk.models.blocks import ButtonElement, HeaderBlock, InputBlock, SectionBlock

    assert TEXT_LIMITS["section"] == SectionBlock.text_max_length
    assert TEXT_LIMITS["button"] == ButtonElement.text_max_length
    assert TEXT_LIMITS["header"] == HeaderBlock.text_max_length
    assert TEXT_LIMITS["label"] == InputBlock.label_max_length
