"""GitHub's webhooks at a running service: who is heard, what starts, and what is answered."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from honk.core.events import BaseResolved, RunEnded
from honk.core.fates import Fate, Tidings
from honk.core.types import Base, Outcome, RepoRef, Request
from honk.testing.github_state import Repo
from honk.testing.scripted import Call, ScriptedModel, Turn
from honk.wiring import enlist, open_stores
from honk.wiring.server import open_service
from tests.e2e.hub import Hub, pull_of
from tests.e2e.installed import Installed, Installer, until
from tests.server.conftest import Served, record, serve
from tests.world import APPROVE, FINISH, GREET, bash, git

SECRET = "It's a Secret to Everybody"
AT = "2026-01-02T03:04:05Z"


@pytest.fixture
def seeded() -> Callable[[Installed, Repo], str]:
    """Gives an installation the log of a run that made a branch, and GitHub that branch with its pull
    request; the branch's name."""

    def make(honk: Installed, repo: Repo) -> str:
        with open_stores(honk.settings) as stores:
            ref = RepoRef(forge="github", name=repo.full_name, url=f"https://localhost/{repo.full_name}.git")
            request = Request(text="say hello", repo=ref, model="replay:x")
            run_id = enlist(stores, request)
            sha = repo.head("main") or ""
            base = Base(repo=ref, branch="main", sha=sha, default_branch="main")
            branch = f"honk/say-hello-{run_id}"
            end = RunEnded(outcome=Outcome.PUBLISHED, reason="Pull request opened.", seconds=1)
            record(stores, run_id, BaseResolved(base=base, branch=branch, verify=()), end)
        pull_of(repo, branch)
        return branch

    return make


@dataclass
class Sender:
    """GitHub's side of the webhook."""

    served: Served
    repo: Repo

    def deliver(
        self, event: str, payload: dict[str, Any], *, delivery: str = "", secret: str = SECRET
    ) -> httpx2.Response:
        body = json.dumps({"repository": {"full_name": self.repo.full_name}, **payload}).encode()
        return self.send(event, body, sign(secret, body), delivery)

    def send(self, event: str, body: bytes, signature: str, delivery: str = "") -> httpx2.Response:
        headers = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
            "X-Hub-Signature-256": signature,
            "Content-Type": "application/json",
        }
        return httpx2.post(f"{self.served.url}/github/webhook", content=body, headers=headers, timeout=30)

    def comment(self, author: str, text: str, number: int = 7, **more: Any) -> dict[str, Any]:
        """The payload of a comment on an issue, or with ``pull`` on a pull request."""
        said = self.repo.talk.say(number, author, text)
        issue: dict[str, Any] = {
            "number": number, "title": "No greeting", "body": "It says bye.", "state": "open",
            "html_url": "https://example.com/7",
        }  # fmt: skip
        if more.get("pull"):
            issue["pull_request"] = {}
        user = {"login": author, "type": "Bot" if author.endswith("[bot]") else "User"}
        comment = {"id": said.id, "body": text, "user": user, "html_url": "https://example.com/c"}
        return {"action": "created", "issue": issue, "comment": comment | {"created_at": AT}, "sender": user}

    def log(self, words: str) -> str:
        """The operator's log, once it has ``words``."""

        def look() -> str | None:
            text = self.served.started.err.read_text()
            return text if words in text else None

        return until(look)

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.served.http.get("/api/v1/runs").json()
        return found


def sign(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def open_sender(honk: Installed, hub: Hub, *options: str, more: str = "") -> Sender:
    repo = hub.repo()
    hub.sign_in(honk)
    honk.env["HONK_GITHUB_WEBHOOK_SECRET"] = SECRET
    return Sender(serve(honk, *options, repositories="acme/*", more=more), repo)


def test_only_a_signed_new_delivery_of_somebody_who_may_write_starts_a_run(
    install: Installer, hub: Hub
) -> None:
    sender = open_sender(install(), hub, "--workers", "0")
    payload = sender.comment("ada", "/honk say hello")
    body = json.dumps({"repository": {"full_name": "acme/app"}, **payload}).encode()
    for signature in ("", sign("another secret, not ours", body), sign(SECRET, body + b" ")):
        assert sender.send("issue_comment", body, signature).status_code == 401
    again = json.dumps(json.loads(body), indent=1).encode()
    assert sender.send("issue_comment", again, sign(SECRET, body)).status_code == 401  # encoded anew
    for author in ("passer-by", "stranger", "helper[bot]"):
        assert sender.deliver("issue_comment", sender.comment(author, "/honk say hello")).status_code == 202
    sender.log("passer-by may not write to acme/app")
    sender.log("stranger may not write to acme/app")
    assert sender.runs() == []
    first = sender.send("issue_comment", body, sign(SECRET, body), "d-1")
    assert (first.status_code, first.json()) == (202, {"acting": True, "detail": "request"})
    for delivery in ("d-1", "d-2"):  # GitHub's own redelivery, and a replay by somebody who listened
        replay = sender.send("issue_comment", body, sign(SECRET, body), delivery)
        assert replay.json() == {"acting": False, "detail": "this delivery was seen before"}
    sender.log("acme/app#7 is run")
    [run] = sender.runs()
    assert run["request"] == "say hello\n\nIssue #7: No greeting\n\nIt says bye."
    assert run["requester"] == "ada <ada@users.noreply.github.com>"
    origin = {"kind": "github", "place": "acme/app#7", "url": "https://example.com/c"}
    assert run["origin"].items() >= origin.items()
    until(lambda: len(answers(sender.repo)) or None)
    [answer] = answers(sender.repo)
    assert f"run `{run['run_id']}`" in answer
    reacted = [said.reactions for said in sender.repo.talk.said if said.id == payload["comment"]["id"]]
    assert reacted == [[("ada", "eyes")]]
    own = sender.comment("ada", answer + "\n/honk say hello")
    assert sender.deliver("issue_comment", own).json()["detail"] == "honk itself said it"


def answers(repo: Repo) -> list[str]:
    return [said.body for said in repo.talk.said if said.body.startswith("<!-- honk -->")]


def test_without_a_secret_there_is_no_webhook_and_an_empty_one_is_refused(
    install: Installer, hub: Hub
) -> None:
    honk = install()
    hub.sign_in(honk)
    served = serve(honk, "--workers", "0")
    assert httpx2.post(f"{served.url}/github/webhook", content=b"{}").status_code == 404
    for value, words in (("", "is empty"), ("short", "HONK_GITHUB_WEBHOOK_SECRET")):
        honk.env["HONK_GITHUB_WEBHOOK_SECRET"] = value
        done = honk.honk("serve", "--port", "0")
        assert (done.code, words in done.err) == (2, True), done.err
    honk.env |= {"HONK_GITHUB_WEBHOOK_SECRET": SECRET, "GITHUB_TOKEN": ""}
    done = honk.honk("serve", "--port", "0")
    assert (done.code, "no credential for GitHub" in done.err) == (2, True), done.err


@pytest.mark.docker
def test_from_a_comment_to_a_pull_request_and_through_its_review(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    sender = open_sender(honk, hub)
    sender.deliver("issue_comment", sender.comment("ada", "/honk say hello"))
    told(sender, "published")
    [pull] = sender.repo.pulls
    assert len(answers(sender.repo)) == 1  # updated in place
    assert pull.head_sha in git(sender.repo.path, "rev-parse", pull.head_ref)
    assert "Fixes #7" in pull.body
    louder = Turn(calls=(Call("finish", {"title": "Louder", "description": "Loud."}),))
    second = honk.stack.enter_context(ScriptedModel([bash("echo loud > loud.txt"), louder], [APPROVE]))
    review = sender.repo.talk.say(1, "ada", "Louder, please", kind="review", state="CHANGES_REQUESTED")
    payload = {
        "action": "submitted",
        "review": {
            "id": review.id, "body": "Louder, please", "state": "changes_requested", "submitted_at": AT,
            "html_url": "https://example.com/r", "user": {"login": "ada", "type": "User"},
        },
        "pull_request": {"number": 1, "state": "open", "head": {"ref": pull.head_ref}},
        "sender": {"login": "ada", "type": "User"},
    }  # fmt: skip
    sender.served.started.process.terminate()
    assert sender.served.started.process.wait(60) == 0
    honk.env["ANTHROPIC_BASE_URL"] = second.url
    sender = Sender(serve(honk, repositories="acme/*"), sender.repo)
    assert sender.deliver("pull_request_review", payload).json()["acting"]
    until(lambda: True if "Louder" in git(sender.repo.path, "log", "--format=%s", pull.head_ref) else None)
    until(lambda: True if len(answers(sender.repo)) == 2 and "published" in answers(sender.repo)[1] else None)
    assert [run["status"] for run in sender.runs()] == ["published", "published"]
    assert honk.leftovers() == []


def told(sender: Sender, word: str) -> None:
    until(lambda: True if any(f"**{word}**" in text for text in answers(sender.repo)) else None)


def test_failed_checks_are_repaired_once_for_each_head_of_honks_own_branch(
    install: Installer, hub: Hub, seeded: Callable[[Installed, Repo], str]
) -> None:
    honk = install()
    sender = open_sender(honk, hub, "--workers", "0")
    branch = seeded(honk, sender.repo)
    head = sender.repo.head(branch) or ""

    def failed(event: str, branch: str, head: str) -> None:
        checks = {"head_sha": head, "head_branch": branch, "conclusion": "failure", "pull_requests": []}
        assert sender.deliver(event, {"action": "completed", event: checks}).json()["acting"]

    failed("check_suite", "honk/of-somebody-else", head)
    sender.log("no run here made honk/of-somebody-else")
    failed("workflow_run", branch, "0" * 40)
    sender.log("has newer commits than")
    failed("workflow_run", branch, head)
    sender.log("acme/app#1 is run")
    failed("check_suite", branch, head)
    sender.log("acme/app#1 is being followed up")
    assert len([run for run in sender.runs() if run["origin"]["kind"] == "github"]) == 1
    sender.repo.pulls[0].close()
    sender.deliver("issue_comment", sender.comment("ada", "/honk louder", 1, pull=True))
    sender.log("acme/app#1 is closed")


def test_what_became_of_a_pull_request_is_written_down_once_and_its_revert(
    install: Installer, hub: Hub
) -> None:
    honk = install()
    sender = open_sender(honk, hub, "--workers", "0")

    def closed(number: int, branch: str, **more: Any) -> dict[str, Any]:
        pull = {
            "number": number, "state": "closed", "title": "Hello", "body": "", "created_at": AT,
            "closed_at": AT, "merged_at": "2026-01-02T05:04:05Z", "merge_commit_sha": str(number) * 40,
            "head": {"ref": branch}, "base": {"ref": "main"},
        }  # fmt: skip
        return {"action": "closed", "pull_request": pull | more}

    def deliver(event: str, payload: dict[str, Any]) -> Any:
        return sender.deliver(event, payload).json()

    assert deliver("pull_request", closed(1, "honk/say-hello-1"))["acting"]
    again = deliver("pull_request", closed(1, "honk/say-hello-1"))
    assert again["detail"] == "this delivery was seen before"
    assert deliver("pull_request", closed(2, "honk/louder-2"))["acting"]
    assert not deliver("pull_request", closed(3, "feature"))["acting"]
    sender.log("acme/app#2 is merged")
    text = {"title": 'Revert "Hello"', "body": "Reverts acme/app#1"}
    deliver("pull_request", closed(4, "revert-1-honk/say-hello-1", **text))
    commits = [{"id": "e" * 40, "message": f"Back\n\nThis reverts commit {'2' * 40}."}]
    deliver("push", {"ref": "refs/heads/main", "commits": commits})
    sender.log(f"{'e' * 40} takes a change back")
    sender.log("#4 takes a change back")
    with open_stores(honk.settings) as stores:
        fates = stores.fates.all()
    assert {key: (f.state, f.reverted_by, f.merge_seconds) for key, f in fates.items()} == {
        ("acme/app", 1): ("merged", "#4", 7200),
        ("acme/app", 2): ("merged", "e" * 40, 7200),
    }
    assert sender.runs() == []


# ---- what goes wrong behind the answer ---------------------------------------------------


def test_a_defect_behind_an_acknowledged_delivery_is_in_the_operators_log(install: Installer) -> None:
    honk, notes = install(), list[str]()
    secrets = {"webhook_secret": SecretStr(SECRET), "token": SecretStr("ghp_x")}
    github = honk.settings.github.model_copy(update=secrets)
    settings = honk.settings.model_copy(update={"github": github})
    fate = Fate(
        repo="acme/app", number=1, state="closed", base="\ud800", opened_at=None, told_by="webhook"
    )  # fmt: skip
    with open_stores(settings) as stores:
        with open_service(settings, stores, notes.append) as service:
            assert service.github is not None
            assert service.github.first("a-delivery", b"its body")
            service.github.learn(Tidings(fate=fate), "a-delivery")  # no database takes half a character
        [said] = notes
        assert said.startswith("github a-delivery: honk has a defect: UnicodeEncodeError")
        with open_service(settings, stores, notes.append) as service:
            assert service.github is not None
            assert service.github.first("a-delivery", b"its body")  # so it may be delivered again
            assert not service.github.first("another", b"its body")


@pytest.mark.full
def test_a_bot_that_is_listed_is_heard_though_it_has_no_rights_of_its_own(
    install: Installer, hub: Hub
) -> None:
    """GitHub says `none` of an App's account whatever the App may, and of some that they are no users."""
    honk = install()
    sender = open_sender(honk, hub, "--workers", "0", more='[github]\nbots = ["Helper[bot]", "mallory"]\n')
    sender.repo.roles["helper[bot]"] = "none"
    said = sender.comment("helper[bot]", "/honk say hello")
    assert sender.deliver("issue_comment", said).json()["acting"]
    sender.log("acme/app#7 is run")
    assert not sender.deliver("issue_comment", sender.comment("other[bot]", "/honk say bye")).json()["acting"]
    sender.deliver("issue_comment", sender.comment("mallory", "/honk say bye"))
    sender.log("mallory may not write to acme/app")  # a person, whoever lists the name
    assert len(sender.runs()) == 1


def test_a_delivery_whose_work_failed_can_be_delivered_again(install: Installer, hub: Hub) -> None:
    sender = open_sender(install(), hub, "--workers", "0")
    payload = sender.comment("ada", "/honk say hello")
    hub.fake.fail_next("GET .*/collaborators/ada/permission", 403)
    assert sender.deliver("issue_comment", payload, delivery="d-1").json()["acting"]
    assert "acme/app#7" in sender.log("Redeliver it once that is over.")
    hub.fake.fail_next("POST .*/reactions", 403)  # what is said about a run is no reason to start another
    assert sender.deliver("issue_comment", payload, delivery="d-1").json()["acting"]
    sender.log("acme/app#7 is run")
    assert not sender.deliver("issue_comment", payload, delivery="d-1").json()["acting"]
    assert len(sender.runs()) == 1
