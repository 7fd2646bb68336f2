"""Slack's side of the service: the real bolt, the real SDK, a Slack of our own over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import yaml

from honk.core.errors import UserError
from honk.core.events import PlanApproved, RunEnded, RunResumed
from honk.core.types import Outcome
from honk.server.slack import PATH
from honk.settings import Settings
from honk.testing.slack import BOT, FakeSlack
from honk.triggers.slack_api import SCOPES, SlackApi
from honk.triggers.slack_follow import Follower, Pace
from honk.wiring import open_stores
from honk.wiring.projects import InstalledProjects
from honk.wiring.slack import check, describe
from tests.e2e.installed import make_repo, until
from tests.server.office import ADA, CHANNEL, FORM, JSON, Office, events, make_settings, opened, workspace
from tests.server.page.samples import planned


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with workspace() as made:
        yield made


@pytest.fixture
def office(tmp_path: Path, slack: FakeSlack) -> Iterator[Office]:
    origin = make_repo(tmp_path / "o")
    with ExitStack() as stack:
        yield opened(stack, make_settings(tmp_path, slack, origin), slack)


# ---- who may knock ------------------------------------------------------------------------


def test_only_what_slack_signed_lately_is_heard(office: Office) -> None:
    body = office.slack.command("say hello")
    good = office.slack.signed(body, FORM)

    def status(body: bytes, headers: dict[str, str], **changes: str) -> int:
        given = {name: value.encode() for name, value in {**headers, **changes}.items()}
        return office.http.post("/slack/events", content=body, headers=given).status_code

    now = int(good["X-Slack-Request-Timestamp"])
    for late in (now - 301, now + 330):
        assert status(body, office.slack.signed(body, FORM, at=late)) == 401
    assert status(body, FakeSlack(secret="another").signed(body, FORM)) == 401
    assert status(body + b"&x=1", good) == 401
    for stamp in ("", "soon", "1e9", "-1", "٣", "9" * 400):
        assert status(body, good, **{"X-Slack-Request-Timestamp": stamp}) == 401
    for signature in ("", "v0=", "v1=" + "0" * 64, "v0=é"):
        assert status(body, good, **{"X-Slack-Signature": signature}) == 401
    for raw in (b"", b"{", b"[1]", b"payload=1", b"\xff\xfe", b"ssl_check=1"):  # unsigned: not even looked at
        assert status(raw, good) == 401
    assert office.http.get("/slack/events").status_code == 405
    assert office.runs() == []
    assert status(body, good) == 200


def test_slacks_own_example_has_its_documented_signature(tmp_path: Path, slack: FakeSlack) -> None:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    fields = {
        "token": "xyzz0WbapA4vBCDEFasx0q6G", "team_id": "T1DC2JH3J", "team_domain": "testteamnow",
        "channel_id": "G8PSS9T3V", "channel_name": "foobar", "user_id": "U2CERLKJA",
        "user_name": "roadrunner", "command": "/webhook-collect", "text": "",
        "response_url": "https://hooks.slack.com/commands/T1DC2JH3J/397700885554/96rGlfmibIGlgcZRskXaIFfN",
        "trigger_id": "398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    }  # fmt: skip
    made = slack.signed(urlencode(fields).encode(), FORM, at=1531420618)
    assert made["X-Slack-Signature"] == (
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


def test_slack_may_check_the_address(office: Office) -> None:
    body = json.dumps({"type": "url_verification", "token": "x", "challenge": "3eZbrw1a"}).encode()
    answer = office.http.post("/slack/events", content=body, headers=office.slack.signed(body, JSON))
    assert answer.json() == {"challenge": "3eZbrw1a"}
    odd = b'{"type": "event_callback", "event": {"type": "reaction_added"}}'
    assert office.send(odd) == 404


# ---- commands -----------------------------------------------------------------------------


def test_a_command_becomes_a_run_with_one_message(office: Office) -> None:
    run_id = office.run("say hello to &lt;all&gt;")
    request = office.state(run_id).request
    message = office.shows(run_id, "Waiting for a worker")
    assert request.text == "say hello to <all>"
    assert request.requester == "Ada Lovelace <ada@example.com>"
    assert request.origin.place == f"{CHANNEL}/{message.ts}"
    assert request.origin.url == f"https://honk.slack.com/archives/{CHANNEL}/p{message.ts.replace('.', '')}"
    assert request.origin.by == ADA
    assert "say hello to &lt;all&gt;" in message.shown
    button = message.button("honk_open")
    assert button is not None and button["url"] == f"https://honk.example/runs/{run_id}"

    office.record(run_id, *events(2, 12))
    office.record(run_id, *events(13, 36), events(49, 49)[0])
    office.shows(run_id, "Pull request ready")
    assert len(office.slack.calls_of("chat.postMessage")) <= 2
    assert office.notes == ["Slack: https://honk.slack.com/"]


def test_what_is_delivered_again_starts_nothing_twice(office: Office) -> None:
    body = office.slack.command("say hello")
    retry = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
    gate = threading.Barrier(8)

    def deliver(number: int) -> None:
        gate.wait()
        assert office.send(body, headers=retry if number else {}) == 200

    threads = [threading.Thread(target=deliver, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: office.runs() or None)
    mention = office.slack.mention("say hello again")
    for number in range(3):
        assert office.send(mention, headers=retry if number else {}) == 200
    until(lambda: len(office.runs()) == 2 or None)
    office.run("a third one")  # by then the others have had their turn
    assert len(office.runs()) == 3
    assert len(office.slack.calls_of("chat.postMessage")) == 3


def test_a_modal_asks_for_what_is_missing(tmp_path: Path, slack: FakeSlack) -> None:
    with ExitStack() as stack:
        office = opened(stack, make_settings(tmp_path, slack), slack)
        for number, (text, repo, request) in enumerate(
            [("", None, None), ("acme/shop", "acme/shop", None), ("bump logging", None, "bump logging")]
        ):
            assert office.send(slack.command(text)) == 200
            view = until(lambda n=number: slack.views[n] if len(slack.views) > n else None)  # type: ignore[misc]
            values = [block["element"].get("initial_value") for block in view["blocks"]]
            assert values == [repo, request, None]
            assert "initial_options" not in view["blocks"][2]["element"]
        assert office.runs() == []
        origin = make_repo(tmp_path / "o")
        filled = {"repository": str(origin), "request": "say hello"}
        body = slack.submit(slack.views[-1], filled)
        assert office.send(body) == 200
        run_id = until(lambda: office.runs() or None)[0]
        assert office.send(body) == 200
        assert office.state(run_id).request.repo.name == str(origin)
        office.shows(run_id, "Waiting for a worker")
        assert len(office.runs()) == 1
        assert not office.state(run_id).request.plan
        assert office.send(slack.command("—plan bump logging")) == 200
        view = until(lambda: slack.views[3] if len(slack.views) > 3 else None)
        assert [block["element"].get("initial_value") for block in view["blocks"]][1] == "bump logging"
        [box] = view["blocks"][2]["element"]["initial_options"]
        assert box in view["blocks"][2]["element"]["options"]
        assert office.send(slack.submit(view, filled, ticked=True)) == 200
        planned = until(lambda: set(office.runs()) - {run_id} or None).pop()
        assert office.state(planned).request.plan


def test_a_modal_that_an_earlier_honk_opened_is_heard(office: Office) -> None:
    """What is in it depends on who made it, and somebody waits for word of it in any case."""
    assert office.send(office.slack.command("")) == 200
    view = until(lambda: office.slack.views or None)[0]
    fields = [block for block in view["blocks"] if block["block_id"] != "plan"]
    filled = {"repository": office.settings.slack.channels[CHANNEL], "request": "say hello"}
    assert office.send(office.slack.submit({**view, "blocks": fields}, filled)) == 200
    run_id = until(lambda: office.runs() or None)[0]
    assert (office.state(run_id).request.text, office.state(run_id).request.plan) == ("say hello", False)
    strange = {**view, "id": "V0STRANGE1", "private_metadata": "{}"}
    assert office.send(office.slack.submit(strange, filled)) == 200
    told = until(lambda: [m.shown for m in office.slack.messages if m.channel == ADA] or None)
    assert "honk has a defect" in told[0]
    assert [note for note in office.notes if "view V0STRANGE1: honk has a defect: KeyError" in note]
    assert office.runs() == [run_id]


def test_words_with_a_slash_between_them_are_no_repository_where_there_is_one(office: Office) -> None:
    """They may be meant as one, so nothing starts before whoever asked has said which it is."""
    default = office.settings.slack.channels[CHANNEL]
    assert office.send(office.slack.command("—plan and/or  is misspelt")) == 200
    view = until(lambda: office.slack.views or None)[0]
    repository, request, plan = view["blocks"]
    assert repository["element"]["initial_value"] == default
    assert "If and/or is meant, write it here" in repository["hint"]["text"]
    assert request["element"]["initial_value"] == "and/or  is misspelt"
    assert plan["element"]["initial_options"]
    office.send(office.slack.mention("and/or is misspelt"))
    asked = until(lambda: office.slack.messages or None)[0]
    assert "Which repository" in asked.shown
    assert office.send(office.slack.press(asked, "honk_ask")) == 200
    view = until(lambda: office.slack.views[1:] or None)[0]
    values = [block["element"].get("initial_value") for block in view["blocks"]]
    assert values == [default, "and/or is misspelt", None]
    assert office.send(office.slack.command("acme/shop bump logging")) == 200  # one that is open here
    until(lambda: any("write to acme/shop" in text for text in office.told()) or None)
    assert office.runs() == [] and len(office.slack.views) == 2


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        ((), {"acme/shop": True, "acme/other": True, "and/or": False}),
        (
            ("acme/shop", "tools/*"),
            {"acme/shop": True, "tools/x": True, "acme/other": False, "and/or": False},
        ),
    ],
)
def test_a_repository_is_known_by_what_the_operator_names(
    tmp_path: Path, slack: FakeSlack, listed: tuple[str, ...], named: dict[str, bool]
) -> None:
    settings = make_settings(tmp_path, slack, "acme/shop")
    server = settings.server.model_copy(update={"repositories": listed})
    with open_stores(settings) as stores:
        here = InstalledProjects(settings.model_copy(update={"server": server}), stores, print)
        assert {name: here.known(name) for name in named} == named


def test_what_may_not_be_asked_is_refused_with_what_to_do(tmp_path: Path, slack: FakeSlack) -> None:
    with ExitStack() as stack:
        settings = make_settings(tmp_path, slack, make_repo(tmp_path / "o"), "mapped_only = false")
        refuses(opened(stack, settings, slack))


def refuses(office: Office) -> None:
    office.send(office.slack.command("evil/corp say hello", channel="C0SECRET01"))
    until(lambda: any("not open to requests" in text for text in office.told()) or None)
    office.send(office.slack.command("say hello", channel="C0SECRET01"))
    until(lambda: office.slack.views or None)  # no default repository there
    office.send(office.slack.command("acme/x say hello", channel="C0SECRET01"))
    until(lambda: any("/invite @honk" in text for text in office.told()) or None)
    office.slack.fail_next("users.info", "missing_scope")
    office.send(office.slack.command("say hello"))
    until(lambda: any("missing_scope" in text and "Reinstall" in text for text in office.told()) or None)
    assert office.runs() == []


def test_who_may_ask_is_what_the_operator_says(tmp_path: Path, slack: FakeSlack) -> None:
    slack.channels.add("C0OTHER001")
    slack.add_member("U0BOB00001", "Bob <b@x.example>\n", email="bob@example.com")
    slack.add_member("U0GUEST001", "Guest", is_restricted=True)
    slack.add_member("U0BOT00001", "Bot", is_bot=True)
    slack.add_member("U0STRANGE1", "Stranger", team_id="T0ELSE0001")
    slack.add_member("U0GONE0001", "Gone", deleted=True)
    more = f'allow_channels = ["{CHANNEL}"]\nusers.U0BOB00001 = "583231+bob"'
    origin = make_repo(tmp_path / "o")
    with ExitStack() as stack:
        office = opened(stack, make_settings(tmp_path, slack, origin, more), slack)
        for user, said in [
            ("U0GUEST001", "Guests and apps"), ("U0BOT00001", "Guests and apps"),
            ("U0STRANGE1", "another workspace"), ("U0GONE0001", "Guests and apps"),
        ]:  # fmt: skip
            office.send(slack.command("say hello", user=user))
            until(lambda said=said: any(said in text for text in office.told()) or None)  # type: ignore[misc]
            slack.calls.clear()
        office.send(slack.command("say hello", channel="C0OTHER001"))
        until(lambda: any("no requests in this channel" in text for text in office.told()) or None)
        assert office.runs() == []
        office.send(slack.command("say hello", user="U0BOB00001"))
        run_id = until(lambda: office.runs() or None)[0]
        wanted = "Bob b@x.example <583231+bob@users.noreply.github.com>"
        assert office.state(run_id).request.requester == wanted


def test_only_mapped_or_listed_people_if_the_operator_says_so(tmp_path: Path, slack: FakeSlack) -> None:
    for number, more in enumerate(("mapped_only = true", 'allow_users = ["U0BOB00001"]')):
        (root := tmp_path / str(number)).mkdir()
        with ExitStack() as stack:
            office = opened(stack, make_settings(root, slack, make_repo(root / "o"), more), slack)
            office.send(slack.command("say hello"))
            until(lambda: office.told() or None)  # noqa: B023 -- at once
            assert "operator can add" in office.told()[0]
            assert office.runs() == []
            slack.calls.clear()


# ---- threads and buttons ------------------------------------------------------------------


def test_words_in_the_thread_of_a_running_run_reach_it(office: Office) -> None:
    run_id = office.run()
    office.record(run_id, *events(2, 6))
    office.send(office.slack.mention("also greet <@U0BOB|bob>", thread=office.message(run_id).ts))
    until(lambda: office.stores.inbox.look(run_id) or None)
    assert [(w.kind, w.text) for w in office.stores.inbox.look(run_id)] == [("say", "also greet @bob")]
    until(lambda: any("Passed on" in text for text in office.replies(run_id)) or None)
    assert len(office.runs()) == 1


def test_words_in_the_thread_of_a_failed_run_resume_it(office: Office) -> None:
    run_id = office.run()
    failed = RunEnded(outcome=Outcome.FAILED, reason="The model service is away.", seconds=1)
    office.record(run_id, *events(2, 6), failed)
    office.shows(run_id, "Failed")
    office.send(office.slack.mention("try the other service", thread=office.message(run_id).ts))
    until(lambda: office.stores.inbox.look(run_id) or None)
    assert office.stores.inbox.look(run_id)[0].text == "try the other service"
    until(lambda: any("It goes on" in text for text in office.replies(run_id)) or None)
    assert len(office.runs()) == 1


def test_a_run_that_reached_its_limit_is_not_resumed_in_vain(office: Office) -> None:
    run_id = office.run()
    office.record(run_id, RunEnded(outcome=Outcome.EXHAUSTED, reason="$5.00 are spent.", seconds=1))
    office.send(office.slack.mention("go on", thread=office.shows(run_id, "limit").ts))
    until(lambda: any(f"honk resume {run_id}" in text for text in office.told()) or None)
    assert office.stores.inbox.look(run_id) == []


def test_a_mention_outside_of_a_thread_starts_one(office: Office) -> None:
    office.send(office.slack.mention("say hello"))
    run_id = until(lambda: office.runs() or None)[0]
    message = office.shows(run_id, "Waiting for a worker")
    assert message.thread is not None
    assert office.state(run_id).request.origin.place == f"{CHANNEL}/{message.thread}"


def test_programs_that_mention_honk_are_not_even_answered(office: Office) -> None:
    office.slack.add_member("U0BOT00001", "Bot", is_bot=True)
    assert office.send(office.slack.mention("talk to myself", user=BOT, bot_id="B1")) == 200
    assert office.send(office.slack.mention("say hello", user="U0BOT00001", bot_id="B2")) == 200
    run_id = office.run("another")
    office.shows(run_id, "Waiting")
    assert office.runs() == [run_id]
    assert [m.ts for m in office.slack.messages] == [office.message(run_id).ts]


def test_a_mention_that_leaves_out_the_repository_is_asked_for_it(tmp_path: Path, slack: FakeSlack) -> None:
    with ExitStack() as stack:
        office = opened(stack, make_settings(tmp_path, slack), slack)
        office.send(slack.mention("bump &amp; test"))
        asked = until(lambda: slack.messages or None)[0]
        assert "Which repository" in asked.shown and asked.thread is not None
        assert office.send(slack.press(asked, "honk_ask")) == 200
        view = until(lambda: slack.views or None)[0]
        values = [block["element"].get("initial_value") for block in view["blocks"]]
        assert values == [None, "bump & test", None]
        filled = {"repository": str(make_repo(tmp_path / "o")), "request": "bump & test"}
        assert office.send(slack.submit(view, filled)) == 200
        run_id = until(lambda: office.runs() or None)[0]
        assert office.state(run_id).request.origin.place == f"{CHANNEL}/{asked.thread}"
        assert office.shows(run_id, "Waiting").thread == asked.thread


def test_buttons_cancel_and_retry(office: Office) -> None:
    run_id = office.run()
    press = office.slack.press(office.shows(run_id, "Waiting"), "honk_cancel")
    assert office.send(press) == 200
    message = office.shows(run_id, "Cancelled by Ada Lovelace in Slack.")
    assert message.button("honk_cancel") is None
    until(lambda: any(f"<@{ADA}> *Cancelled*" in text for text in office.replies(run_id)) or None)
    assert office.send(office.slack.press(message, "honk_open")) == 200
    assert office.send(office.slack.press(message, "honk_resume")) == 200
    assert office.send(press) == 200  # delivered again: nothing
    again = office.run("another")
    waiting = office.shows(again, "Waiting")
    elsewhere = office.slack.press(waiting, "honk_cancel").replace(CHANNEL.encode(), b"C0OTHER001")
    late = office.slack.press(waiting, "honk_cancel")
    assert office.send(elsewhere) == 200
    until(lambda: any("does not belong to this channel" in text for text in office.told()) or None)
    assert office.state(again).ended is None
    office.record(again, RunEnded(outcome=Outcome.NO_CHANGE, reason="It greets.", seconds=1))
    assert office.send(late) == 200
    until(lambda: any("has ended: no_change" in text for text in office.told()) or None)
    office.shows(again, "Nothing to change")


@pytest.mark.full
def test_the_button_approves_the_plan_that_the_message_shows(tmp_path: Path, slack: FakeSlack) -> None:
    settings = make_settings(tmp_path, slack, make_repo(tmp_path / "o"))
    with ExitStack() as stack:
        office = opened(stack, settings.model_copy(update={"plan": ("slack",)}), slack)
        run_id = office.run()
        asked = office.state(run_id).request
        assert asked.plan
        office.record(run_id, *planned(asked, "1. Greet <!channel> *loudly*."))
        first = office.shows(run_id, "1. Greet")
        assert "The plan waits for approval" in first.shown and "&lt;!channel&gt; *loudly*" in first.shown
        stale = office.slack.press(first, "honk_approve")
        elsewhere = office.slack.press(first, "honk_approve").replace(CHANNEL.encode(), b"C0OTHER001")
        until(lambda: any(f"<@{ADA}> *The plan waits" in text for text in office.replies(run_id)) or None)
        assert office.send(elsewhere) == 200
        until(lambda: any("does not belong to this channel" in text for text in office.told()) or None)

        office.send(office.slack.mention("not so loud", thread=first.ts))
        until(lambda: office.stores.inbox.look(run_id) or None)
        assert [word.text for word in office.stores.inbox.look(run_id)] == ["not so loud"]
        office.record(run_id, RunResumed(limits=asked.limits), *planned(asked, "2. Greet.")[2:])
        message = office.shows(run_id, "2. Greet.")
        assert office.send(stale) == 200
        until(lambda: any("This is not the plan any more" in text for text in office.told()) or None)
        assert office.state(run_id).approved is None
        assert office.send(office.slack.press(message, "honk_approve")) == 200
        assert office.shows(run_id, "Waiting for a worker").button("honk_approve") is None
        assert office.state(run_id).approved == PlanApproved(by="Ada Lovelace in Slack")
        again = office.run("another")
        office.record(again, *planned(asked, "3. Nothing."))
        assert office.send(office.slack.press(office.shows(again, "3. Nothing."), "honk_cancel")) == 200
        office.shows(again, "Cancelled by Ada Lovelace in Slack.")


# ---- the follower -------------------------------------------------------------------------


def follower(office: Office, pace: Pace = Pace(0, 0)) -> Follower:  # noqa: B008
    """A follower of its own, as of a server that has just started."""
    import logging
    from datetime import UTC, datetime, timedelta

    api = SlackApi(office.slack.token, office.slack.api_url, logging.getLogger("honk.test"))
    return Follower(
        api, office.stores.events,
        heads=lambda: office.stores.links.heads("slack", datetime.now(UTC) - timedelta(days=1)),
        live=office.stores.leases.live, known=office.stores.once.known, first=office.stores.once.first,
        page=lambda run_id: None, note=office.notes.append, pace=pace,
    )  # fmt: skip


@pytest.fixture
def quiet(tmp_path: Path, slack: FakeSlack) -> Iterator[tuple[Office, str]]:
    """A run that a server started which is gone now; its follower is the test's."""
    settings = make_settings(tmp_path, slack, make_repo(tmp_path / "o"))
    with ExitStack() as stack:
        with ExitStack() as first:
            office = opened(first, settings, slack)
            run_id = office.run()
            office.shows(run_id, "Waiting")
        stores = stack.enter_context(open_stores(settings))
        yield Office(slack, settings, stores, office.http), run_id


def test_a_server_that_starts_again_updates_the_same_message(quiet: tuple[Office, str]) -> None:
    office, run_id = quiet
    message = office.message(run_id)
    office.record(run_id, *events(2, 6))
    follower(office).look(0)
    assert "turn 1 of" in message.shown and "Waiting" in message.shown
    office.record(run_id, *events(7, 12))
    follower(office).look(0)
    assert "turn 3 of" in message.shown
    office.record(run_id, *events(47, 49))
    for _ in range(3):
        follower(office).look(0)
    assert "Pull request ready" in message.shown
    assert len(office.replies(run_id)) == 1
    edits = message.edits
    follower(office).look(0)  # it knows without asking that all was told
    assert message.edits == edits
    assert len(office.slack.messages) == 2


def test_a_run_that_goes_on_is_followed_on_and_its_second_end_is_told(quiet: tuple[Office, str]) -> None:
    office, run_id = quiet
    one = follower(office)
    office.record(run_id, *events(2, 37))
    one.look(0)
    assert "Stuck" in office.message(run_id).shown
    office.record(run_id, *events(38, 40))
    one.look(1)
    assert "Stuck" not in office.message(run_id).shown
    office.record(run_id, *events(41, 49))
    one.look(2)
    follower(office).look(0)
    assert [text.splitlines()[0] for text in office.replies(run_id)] == [
        f"<@{ADA}> *Stuck* in `{office.state(run_id).request.repo.name}`",
        f"<@{ADA}> *Pull request ready* in `{office.state(run_id).request.repo.name}`",
    ]


def test_updates_keep_the_pace(quiet: tuple[Office, str]) -> None:
    office, run_id = quiet
    message = office.message(run_id)
    one = follower(office, Pace(message=3, call=1))
    edits = message.edits
    for number, event in enumerate(events(2, 12)):
        office.record(run_id, event)
        one.look(number * 0.3)  # eleven events within 3 seconds
    assert message.edits - edits == 2
    office.record(run_id, *events(47, 49))
    one.look(3.5)  # its end does not wait for the message's pace, only for that of calls
    one.look(4.1)
    assert "Pull request ready" in message.shown
    assert len(office.replies(run_id)) == 0
    one.look(5.2)
    assert len(office.replies(run_id)) == 1


def test_a_rate_limit_is_waited_for_and_nothing_is_lost(quiet: tuple[Office, str]) -> None:
    office, run_id = quiet
    message = office.message(run_id)
    one = follower(office)
    office.record(run_id, *events(2, 6))
    office.slack.fail_next("chat.update", "ratelimited", status=429, retry_after=30)
    one.look(0)
    asked = len(office.slack.calls)
    one.look(29)
    assert len(office.slack.calls) == asked
    one.look(30)
    assert "turn 1 of" in message.shown
    office.record(run_id, *events(47, 49))
    office.slack.fail_next("chat.postMessage", "ratelimited", status=429, retry_after=10)
    one.look(31)
    assert office.replies(run_id) == []
    one.look(40.9)
    assert office.replies(run_id) == []
    one.look(41)
    assert len(office.replies(run_id)) == 1
    assert office.notes == []


def test_a_message_that_was_deleted_is_let_go(quiet: tuple[Office, str]) -> None:
    office, run_id = quiet
    message = office.message(run_id)
    one = follower(office)
    office.record(run_id, *events(2, 6))
    office.slack.messages.remove(message)
    one.look(0)
    one.look(100)
    assert office.notes == [f"{run_id}: its message in Slack is gone (message_not_found)."]
    office.notes.clear()
    office.slack.messages.append(message)
    office.slack.fail_next("chat.update", "internal_error")
    two = follower(office)
    two.look(0)
    two.look(14)
    assert "turn 1 of" not in message.shown
    office.slack.fail_next("chat.update", "internal_error")
    two.look(15)
    two.look(30)
    assert "turn 1 of" in message.shown
    assert office.notes == ["Slack: Slack refused chat.update: internal_error. See `honk doctor`."]


# ---- settings -----------------------------------------------------------------------------


def test_half_a_configuration_is_refused(tmp_path: Path, slack: FakeSlack) -> None:
    whole = make_settings(tmp_path, slack)

    def without(**changes: object) -> Settings:
        return whole.model_copy(update={"slack": whole.slack.model_copy(update=changes)})

    assert check(whole)
    assert not check(without(bot_token=None, signing_secret=None))
    with pytest.raises(UserError, match="SLACK_BOT_TOKEN is set without SLACK_SIGNING_SECRET"):
        check(without(signing_secret=None))
    with pytest.raises(UserError, match="SLACK_BOT_TOKEN is missing"):
        check(without(bot_token=None))
    assert check(without(signing_secret=None, app_token=whole.slack.bot_token))
    oauth = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "x"}
    with pytest.raises(UserError, match="is for one workspace"):
        check(whole.model_copy(update={"environment": oauth}))
    assert slack.token in whole.secrets() and slack.secret in whole.secrets()


def test_the_doctor_knows_the_workspace_and_missing_scopes(tmp_path: Path, slack: FakeSlack) -> None:
    settings = make_settings(tmp_path, slack)
    assert describe(settings) == f"https://honk.slack.com/ as {BOT}, HTTP"
    slack.scopes = "chat:write,commands"
    with pytest.raises(UserError, match="lacks app_mentions:read, users:read"):
        describe(settings)
    slack.token = "xoxb-new"
    with pytest.raises(Exception, match=r"invalid_auth.*SLACK_BOT_TOKEN"):
        describe(settings)


def test_the_manifest_asks_for_what_honk_uses() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "slack-app-manifest.yml").read_text()
    manifest = yaml.safe_load(text)
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    assert set(SCOPES) <= scopes == set(FakeSlack.scopes.split(","))
    command = manifest["features"]["slash_commands"][0]
    settings = manifest["settings"]
    assert (command["command"], command["should_escape"]) == ("/honk", False)
    assert settings["event_subscriptions"]["bot_events"] == ["app_mention"]
    urls = [command["url"], *(settings[n]["request_url"] for n in ("event_subscriptions", "interactivity"))]
    assert {urlsplit(url).path for url in urls} == {PATH}
