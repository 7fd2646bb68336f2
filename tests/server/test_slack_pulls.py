"""Pull requests and rights in Slack: a thread continues its pull request, for those who may write there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from honk.core.events import RunEnded
from honk.core.followup import FollowUp
from honk.core.pulls import PullRequestRecord
from honk.core.types import Outcome, Request
from honk.testing.scripted import Call, ScriptedModel, Turn
from honk.testing.slack import FakeSlack, Posted
from honk.wiring import enlist
from tests.e2e.hub import Hub, pull_of
from tests.e2e.installed import Installer, make_repo, until
from tests.server.conftest import Served, serve
from tests.server.office import CHANNEL, FORM, JSON, Office, make_settings, opened, workspace
from tests.world import APPROVE, FINISH, GREET, bash, git

BOB = "U0BOB00001"
BRANCH = "honk/say-hello-1"


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with workspace() as made:
        made.add_member(BOB, "Bob", email="bob@example.com")
        yield made


@pytest.fixture
def office(tmp_path: Path, slack: FakeSlack) -> Iterator[Office]:
    """For a repository on this machine."""
    with ExitStack() as stack:
        yield opened(stack, make_settings(tmp_path, slack, make_repo(tmp_path / "o")), slack)


def at_github(stack: ExitStack, root: Path, slack: FakeSlack, hub: Hub, more: str = "") -> Office:
    """An office whose channel is about acme/app on GitHub."""
    token = hub.fake.add_token("ada", scopes=("repo",))
    settings = make_settings(root, slack, "acme/app", more, GITHUB_TOKEN=token, **hub.address)
    return opened(stack, settings, slack)


def local_pull(office: Office, run_id: str, state: str) -> None:
    """The pull request number 1 of the repository on this machine."""
    fields = {
        "repo": office.state(run_id).request.repo.name, "base": "main", "branch": BRANCH, "title": "Hello",
        "head_sha": "1" * 40, "body": "", "draft": True, "state": state, "run_id": run_id,
    }  # fmt: skip
    assert office.stores.pulls.add(PullRequestRecord.model_validate(fields)).number == 1


def the_other(office: Office, *known: str) -> str:
    """The id of the one run beside those that are known, once it is there."""
    until(lambda: len(office.runs()) == len(known) + 1 or None)
    [found] = set(office.runs()) - set(known)
    return found


# ---- a thread continues its pull request ------------------------------------------------


def test_words_in_the_thread_of_an_open_pull_request_continue_it(office: Office) -> None:
    run_id = office.run()
    local_pull(office, run_id, "open")
    office.publish(run_id, 1)
    thread = office.shows(run_id, "Pull request ready").ts
    body = office.slack.mention("and greet Bob", thread=thread)
    assert office.send(body) == 200
    assert office.send(body, headers={"X-Slack-Retry-Num": "1"}) == 200
    second = the_other(office, run_id)
    request = office.state(second).request
    assert request.followup == FollowUp(number=1, rounds=office.settings.github.rounds)
    assert (request.text, request.repo) == ("and greet Bob", office.state(run_id).request.repo)
    assert request.requester == "Ada Lovelace <ada@example.com>"
    assert request.origin.place == f"{CHANNEL}/{thread}"
    posted = [str(call.body["blocks"]) for call in office.slack.calls_of("chat.postMessage")]
    assert any("*Taking it up* in pull request #1 of" in blocks for blocks in posted)
    office.shows(second, "Waiting for a worker")
    assert office.message(second).thread == thread
    office.send(office.slack.mention("faster", thread=thread))  # it works now, so it hears that
    until(lambda: office.stores.inbox.look(second) or None)
    office.record(second, RunEnded(outcome=Outcome.VETOED, reason="Out of scope.", seconds=1))
    office.send(office.slack.mention("without the rest", thread=thread))
    third = office.state(the_other(office, run_id, second)).request
    assert third.followup is not None and third.followup.number == 1
    assert "and greet Bob" in third.text and "without the rest" in third.text  # still wanted
    assert "ended as vetoed" in third.text


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_a_pull_request_that_is_not_open_is_left_alone_and_a_new_run_follows(
    office: Office, state: str
) -> None:
    run_id = office.run()
    local_pull(office, run_id, state)
    office.publish(run_id, 1)
    thread = office.shows(run_id, "Pull request ready").ts
    office.send(office.slack.mention("and greet Bob", thread=thread))
    request = office.state(the_other(office, run_id)).request
    assert request.followup is None
    for words in ("say hello", "https://example.com/pull/1", "and greet Bob"):
        assert words in request.text


def test_a_run_that_follows_it_up_for_somebody_else_hears_the_words(office: Office) -> None:
    run_id = office.run()
    local_pull(office, run_id, "open")
    office.publish(run_id, 1)
    thread = office.shows(run_id, "Pull request ready").ts
    repo = office.state(run_id).request.repo
    asked = Request(text="louder", repo=repo, model="replay:x", followup=FollowUp(number=1))
    working = enlist(office.stores, asked)  # by hand, or from GitHub
    office.send(office.slack.mention("and greet Bob", thread=thread))
    until(lambda: office.stores.inbox.look(working) or None)
    until(lambda: any("Passed on" in text for text in office.replies(run_id)) or None)
    assert set(office.runs()) == {run_id, working}


def test_on_github_it_is_asked_how_the_pull_request_stands(
    tmp_path: Path, slack: FakeSlack, hub: Hub
) -> None:
    repo = hub.repo()
    with ExitStack() as stack:
        office = at_github(stack, tmp_path, slack, hub, f'users.{BOB} = "583231+bob"')
        repo.roles["bob"] = "write"
        office.send(slack.command("say hello", user=BOB))
        run_id = the_other(office)
        pull = pull_of(repo, BRANCH)
        office.publish(run_id, 1)
        thread = office.shows(run_id, "Pull request ready").ts
        office.send(slack.mention("and greet Bob", thread=thread, user=BOB))
        second = the_other(office, run_id)
        request = office.state(second).request
        assert (request.repo.name, request.followup) == ("acme/app", FollowUp(number=1, rounds=3))
        assert request.requester == "Bob <583231+bob@users.noreply.github.com>"
        office.record(second, RunEnded(outcome=Outcome.PUBLISHED, reason="Updated.", seconds=1))
        pull.close(merge=True)
        office.shows(second, "Pull request ready")
        office.send(slack.mention("and Carol", thread=thread, user=BOB))
        third = office.state(the_other(office, run_id, second)).request
        assert third.followup is None and "and Carol" in third.text


# ---- whose rights count -----------------------------------------------------------------


def refused(office: Office, body: bytes, words: str) -> str:
    """Deliver ``body``; what one person only is told then, with ``words`` in it."""
    before = len(office.told())
    posted = len(office.slack.messages)
    assert office.send(body) == 200
    until(lambda: office.told()[before:] or None)
    [text] = office.told()[before:]
    assert words in text
    assert len(office.slack.messages) == posted  # nobody else hears of it
    return text


def test_who_may_not_write_on_github_starts_and_touches_nothing(
    tmp_path: Path, slack: FakeSlack, hub: Hub
) -> None:
    repo = hub.repo()
    repo.roles["bob"] = "read"
    with ExitStack() as stack:
        more = f'users.{BOB} = "bob"\nusers.U0ADA00001 = "ada"'
        office = at_github(stack, tmp_path, slack, hub, more)
        said = refused(
            office, slack.command("say hello", user=BOB), "On GitHub bob may not write to acme/app"
        )
        assert "have write access given" in said
        refused(office, slack.mention("say hello", user=BOB), "bob may not write")
        assert office.runs() == []
        run_id = office.run()
        message = office.shows(run_id, "Waiting for a worker")
        refused(office, slack.mention("louder", thread=message.ts, user=BOB), "bob may not write")
        refused(office, slack.press(message, "honk_cancel", user=BOB), "bob may not write")
        office.record(run_id, RunEnded(outcome=Outcome.PLANNED, reason="A plan.", seconds=1))
        planned = office.shows(run_id, "The plan waits")
        refused(office, slack.press(planned, "honk_approve", user=BOB), "bob may not write")
        assert (office.runs(), office.stores.inbox.look(run_id)) == ([run_id], [])
        repo.roles["bob"] = "write"  # asked anew each time
        office.send(slack.command("say hello", user=BOB))
        the_other(office, run_id)
        repo.roles["ada"] = "read"
        refused(office, slack.command("say hello"), "ada may not write")


def test_people_without_a_github_login_are_the_operators_to_decide(
    tmp_path: Path, slack: FakeSlack, hub: Hub
) -> None:
    hub.repo()
    slack.channels.add("C0LOCAL001")
    local = f'channels.C0LOCAL001 = "{make_repo(tmp_path / "o")}"\n'
    for number, (more, may) in enumerate([("", False), ("mapped_only = false", True)]):
        (root := tmp_path / str(number)).mkdir()
        with ExitStack() as stack:
            office = at_github(stack, root, slack, hub, local + more)
            if may:
                office.run("say hello")
            else:
                said = refused(office, slack.command("say hello"), "does not know your GitHub login")
                assert "[slack.users]" in said and "mapped_only = false" in said
            before = office.runs()
            office.send(slack.command("say hello", channel="C0LOCAL001"))
            the_other(office, *before)  # GitHub knows nobody's rights there


def test_where_github_does_not_answer_nothing_starts(tmp_path: Path, slack: FakeSlack, hub: Hub) -> None:
    hub.repo()
    with ExitStack() as stack:
        office = at_github(stack, tmp_path, slack, hub, f'users.{BOB} = "bob"')
        hub.fake.fail_next("GET .*/permission", 403, {"message": "Resource not accessible"})
        refused(office, slack.command("say hello", user=BOB), "Resource not accessible")
        assert office.runs() == []


# ---- all of it, in real Docker ----------------------------------------------------------


@pytest.mark.docker
@pytest.mark.full
def test_a_thread_goes_on_with_its_pull_request_and_keeps_a_persons_commit(
    install: Installer, hub: Hub, slack: FakeSlack
) -> None:
    louder = Turn(calls=(Call("finish", {"title": "Greet louder", "description": "Loud."}),))
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    repo.roles["bob"] = "write"
    honk.env |= {"SLACK_BOT_TOKEN": slack.token, "SLACK_SIGNING_SECRET": slack.secret}
    more = f'[slack]\napi_url = "{slack.api_url}"\nchannels.{CHANNEL} = "acme/app"\nusers.{BOB} = "7+bob"\n'
    served = serve(honk, repositories="acme/*", more=more)

    def send(body: bytes, served: Served) -> None:
        headers = slack.signed(body, JSON if body.startswith(b"{") else FORM)
        assert httpx2.post(f"{served.url}/slack/events", content=body, headers=headers).status_code == 200

    def ends(count: int) -> list[Posted]:
        def look() -> list[Posted] | None:
            found = [m for m in slack.messages if f"<@{BOB}> *Pull request ready*" in m.shown]
            return found if len(found) == count else None

        return until(look)

    send(slack.command("say hello", user=BOB), served)
    [end] = ends(1)
    pull = hub.the_pull(repo)
    work = hub.root / "ada"
    git(hub.root, "clone", "-q", "-b", pull.head_ref, str(repo.path), str(work))
    (work / "notes.txt").write_text("by hand\n")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "By hand")
    git(work, "push", "-q", "origin", pull.head_ref)
    served.started.process.terminate()
    assert served.started.process.wait(60) == 0
    second = honk.stack.enter_context(ScriptedModel([bash("cp notes.txt more.txt"), louder], [APPROVE]))
    honk.env["ANTHROPIC_BASE_URL"] = second.url
    served = serve(honk, repositories="acme/*", more=more)
    send(slack.mention("greet louder", thread=end.thread, user=BOB), served)
    ends(2)
    pull = hub.the_pull(repo)  # still one, on one branch
    log = git(repo.path, "log", "--format=%s", pull.head_ref).splitlines()
    assert log == ["Greet louder", "By hand", "Say hello", "First"]
    newest = git(repo.path, "log", "-1", "--format=%b", pull.head_ref)
    assert "Co-authored-by: Bob <7+bob@users.noreply.github.com>" in newest
    assert "greet louder" in second.journal[0].raw.decode()
    assert honk.leftovers() == []
