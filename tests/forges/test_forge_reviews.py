"""What people and checks say on GitHub, and to whom honk listens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from honk.core.errors import ForgeError, UserError
from honk.core.types import Proposal, RepoRef
from honk.forges.api import App
from honk.forges.conversation import SUMMARY, Shown
from honk.forges.github import GitHubForge
from honk.testing.github import FakeGitHub, Repo

BRANCH = "honk/bump-logging-1a2b"
REF = RepoRef(forge="github", name="acme/app", url="https://unused.example/acme/app.git")
OpenForge = Callable[..., GitHubForge]
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def hub(github: FakeGitHub) -> Repo:
    repo = github.add_repo("acme/app", {"dev": "write", "boss": "admin", "passer-by": "read"})
    repo.commit(BRANCH, "two\n", parent=repo.commit("main", "one\n"))
    return repo


@pytest.fixture
def forge(github: FakeGitHub, hub: Repo, open_forge: OpenForge) -> GitHubForge:
    forge = open_forge(github.add_token("dev", scopes=("repo",)), bots=["renovate[bot]"])
    forge.publish(
        Proposal(
            run_id="r1", repo=REF, base="main", branch=BRANCH, head_sha=hub.head(BRANCH) or "",
            title="Bump", body="It works.", draft=True,
        )
    )  # fmt: skip
    return forge


def test_a_pull_request_is_seen_as_it_stands(hub: Repo, forge: GitHubForge) -> None:
    hub.pulls[0].body = "Edited\r\nin a browser"
    standing = forge.standing(REF, 1)
    assert (standing.state, standing.draft, standing.base, standing.branch) == ("open", True, "main", BRANCH)
    assert (standing.body, standing.head_owner) == ("Edited\nin a browser", "")
    hub.pulls[0].close(merge=True)
    assert forge.standing(REF, 1).state == "merged"
    with pytest.raises(UserError, match="has no pull request 2"):
        forge.standing(REF, 2)


def test_only_people_who_may_write_now_are_heard(hub: Repo, forge: GitHubForge) -> None:
    for author in ("boss", "passer-by", "stranger", "evil[bot]", "renovate[bot]", "dev"):
        hub.talk.say(1, author, f"by {author}", at=AT)
    hub.talk.say(1, "boss", "<!-- honk -->\nhonk is at work", at=AT)
    heard = [remark.text for remark in forge.remarks(REF, 1, None)]
    assert heard == ["by boss", "by renovate[bot]", "by dev"]


def test_comments_reviews_and_lines_come_in_their_order(hub: Repo, forge: GitHubForge) -> None:
    hub.talk.say(1, "boss", "Rename it", kind="line", path="src/a.py", line=7, at=AT + timedelta(seconds=2))
    hub.talk.say(1, "boss", "Not yet", kind="review", state="CHANGES_REQUESTED", at=AT + timedelta(seconds=1))
    hub.talk.say(1, "boss", "", kind="review", state="APPROVED", at=AT)
    hub.talk.say(1, "boss", "half written", kind="review", state="PENDING", at=AT)
    hub.talk.say(1, "boss", "First", at=AT)
    hub.talk.say(2, "boss", "Elsewhere", at=AT)
    remarks = forge.remarks(REF, 1, None)
    assert [(r.text, r.place) for r in remarks] == [
        ("First", ""),
        ("Not yet", ""),
        ("Rename it", "src/a.py:7"),
    ]
    assert [r.text for r in forge.remarks(REF, 1, AT)] == ["Not yet", "Rename it"]


def test_long_conversations_are_read_page_by_page(hub: Repo, forge: GitHubForge) -> None:
    for number in range(230):
        hub.talk.say(1, "boss", f"word {number}", at=AT)
    assert [remark.text for remark in forge.remarks(REF, 1, None)][-1] == "word 229"


def test_the_log_of_the_failed_step_is_read_without_the_credential(hub: Repo, forge: GitHubForge) -> None:
    head = hub.head(BRANCH) or ""
    log = (
        "\ufeff2026-01-02T03:04:01.1234567Z Set up\n"
        "2026-01-02T03:04:05.1234567Z Run pytest\n  continued\n"
        "2026-01-02T03:04:08.9234567Z FAILED test_a.py::test_it\n"
        "2026-01-02T03:05:30.1234567Z Clean up\n"
    )
    hub.talk.check(head, "build", "failure", log=log)
    hub.talk.check(head, "lint", "success", log="fine")
    hub.talk.check(head, "scan", "timed_out", app="scanner", summary="It took too long.")
    hub.talk.check(head, "advice", "neutral")
    hub.talk.check("0" * 40, "other commit", "failure")
    failed = forge.failures(REF, head)
    assert [(check.name, check.log) for check in failed] == [
        ("build", "Run pytest\n  continued\nFAILED test_a.py::test_it"),
        ("scan", "It took too long."),
    ]


def test_an_app_without_the_permission_notes_what_it_cannot_read(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    key = github.add_app(hub, {"contents": "write", "pull_requests": "write", "statuses": "read"})
    noted: list[str] = []
    forge = open_forge(app=App(id=key.id, private_key=key.private_key), note=noted.append)
    head = hub.head(BRANCH) or ""
    hub.talk.check(head, "build", "failure", log="x")
    assert forge.failures(REF, head) == ()
    assert len(noted) == 1 and "could not be read" in noted[0]
    [minted] = [e.body for e in github.journal if e.path.endswith("/access_tokens")]
    assert minted["permissions"] == {"contents": "write", "pull_requests": "write", "statuses": "read"}


def test_an_app_shows_a_run_as_one_check_run_that_it_updates(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    key = github.add_app(hub, {"contents": "write", "pull_requests": "write", "checks": "write"})
    conversation = open_forge(app=App(id=key.id, private_key=key.private_key)).conversation(REF)
    head = hub.head(BRANCH) or ""
    conversation.check(head, "r1", Shown("At work", "Run r1.", None))
    conversation.check(head, "r1", Shown("t" * 300, "s" * 70_000, "success", "https://honk.example/runs/r1"))
    conversation.check(head, "r2", Shown("Other", "Run r2.", "neutral"))
    first, second = hub.talk.checks
    assert (first.name, first.key, first.conclusion, second.key) == ("honk", "r1", "success", "r2")
    assert (len(first.title), len(first.summary)) == (255, SUMMARY)


def test_nobody_but_an_app_writes_check_runs(hub: Repo, forge: GitHubForge) -> None:
    with pytest.raises(ForgeError, match="must authenticate via a GitHub App"):
        forge.conversation(REF).check(hub.head(BRANCH) or "", "r1", Shown("At work", "", None))
    assert hub.talk.checks == []
