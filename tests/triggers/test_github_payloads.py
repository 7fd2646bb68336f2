"""Which of GitHub's deliveries ask honk for something, and for what."""

from __future__ import annotations

import copy
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from honk.core.fates import Tidings, Undoing
from honk.triggers.github import EVENTS, OWN_MARK, Place, Rules, Wish, read, signed, words
from tests.triggers.conftest import Example

RULES = Rules(mention="honk-app", label="honk")


def wish(event: str, payload: dict[str, Any], rules: Rules = RULES) -> Wish | Tidings | str:
    return read(event, json.dumps(payload).encode(), rules)


def first(examples: list[Example], event: str, action: str, **more: Any) -> dict[str, Any]:
    """A copy of the first example of an event with an action, on an open issue or pull request."""
    for name, payload in examples:
        if name == event and payload.get("action") == action:
            found = copy.deepcopy(payload)
            found.update(more)
            if "issue" in found:
                found["issue"]["state"] = "open"
                found["issue"].pop("pull_request", None)
            if "pull_request" in found:
                found["pull_request"]["state"] = "open"
                found["pull_request"]["head"]["ref"] = "honk/say-hello-1"
            return found
    raise AssertionError(f"no example of {event} {action}")


def test_the_signature_is_githubs_own_vector() -> None:
    """From "Validating webhook deliveries", GitHub Docs."""
    digest = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret, body = "It's a Secret to Everybody", b"Hello, World!"
    assert signed(secret, body, digest)
    for wrong in ("", digest[:-1], digest.upper(), digest.removeprefix("sha256="), "sha256=\u00e9"):
        assert not signed(secret, body, wrong)
    assert not signed(secret, body + b"\n", digest)
    assert not signed(secret + " ", body, digest)


def test_no_example_of_githubs_raises_and_none_starts_anything(examples: list[Example]) -> None:
    """Nobody in them calls honk, and no branch in them is honk's."""
    assert len(examples) > 300
    for event, payload in examples:
        found = wish(event, payload)
        assert isinstance(found, str), (event, payload.get("action"), found)


def test_every_valid_example_of_a_subscribed_event_is_understood(
    examples: list[Example], schema: dict[str, Any]
) -> None:
    counted: Counter[str] = Counter()
    for event, payload in examples:
        if event not in EVENTS:
            continue
        name = "push$event" if event == "push" else f"{event}_event"
        part = {"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]}
        if jsonschema.Draft7Validator(part).is_valid(payload):
            counted[event] += 1
            assert "cannot be read" not in str(wish(event, payload)), (event, payload.get("action"))
    assert set(counted) == set(EVENTS)


def test_only_the_right_examples_start_something_where_honk_is_called(examples: list[Example]) -> None:
    """The same examples, with a command in every text and honk's branch in every place."""
    started: Counter[tuple[str, str, str]] = Counter()
    for event, payload in examples:
        if event not in EVENTS:
            continue
        changed = copy.deepcopy(payload)
        _everywhere(changed)
        found = wish(event, changed)
        if isinstance(found, Wish):
            started[event, changed["action"], found.kind] += 1
    assert set(started) == {
        ("issues", "opened", "request"),
        ("issues", "labeled", "request"),
        ("issue_comment", "created", "request"),
        ("pull_request_review", "submitted", "followup"),
        ("pull_request_review_comment", "created", "followup"),
        ("check_run", "completed", "checks"),
        ("check_suite", "completed", "checks"),
        ("workflow_run", "completed", "checks"),
    }


def _everywhere(value: Any, key: str = "") -> None:
    """Call honk in every text that a person may write; make every check one that failed on honk's branch."""
    if isinstance(value, list):
        for item in value:
            _everywhere(item, key)
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        if name == "body":
            value[name] = "/honk do it"
        elif name == "state" and item in ("open", "closed"):
            value[name] = "open"
        elif name in ("head_branch", "ref"):
            value[name] = "honk/say-hello-1"
        elif name == "conclusion" and item is not None:
            value[name] = "failure"
        elif name == "name" and key == "label":
            value[name] = "honk"
        else:
            _everywhere(item, name)


# ---- requests ---------------------------------------------------------------------------


def test_a_comment_on_an_issue_becomes_a_request_with_the_issue_as_it_stood(examples: list[Example]) -> None:
    payload = first(examples, "issue_comment", "created")
    payload["comment"]["body"] = "Good idea.\r\n/honk fix it, please"
    payload["issue"] |= {"number": 7, "title": "It is broken", "body": "Since Monday."}
    found = wish("issue_comment", payload)
    assert isinstance(found, Wish)
    assert (found.kind, found.repo, found.number) == ("request", payload["repository"]["full_name"], 7)
    assert found.text == "fix it, please\n\nIssue #7: It is broken\n\nSince Monday."
    assert found.actor == payload["comment"]["user"]["login"]
    assert found.place == Place(kind="comment", id=payload["comment"]["id"])


@pytest.mark.parametrize("action", ["edited", "deleted"])
def test_an_edited_or_deleted_comment_starts_nothing(examples: list[Example], action: str) -> None:
    payload = first(examples, "issue_comment", action)
    payload["comment"]["body"] = "/honk fix it"
    assert isinstance(wish("issue_comment", payload), str)


def test_bots_ask_for_nothing_unless_they_are_listed(examples: list[Example]) -> None:
    payload = first(examples, "issue_comment", "created")
    payload["comment"]["body"] = "/honk fix it"
    payload["comment"]["user"] |= {"login": "Helper[bot]", "type": "Bot"}
    payload["sender"] |= {"login": "Helper[bot]", "type": "Bot"}
    assert "not listed" in str(wish("issue_comment", payload))
    listed = Rules(mention="honk-app", bots=frozenset({"helper[bot]"}))
    assert isinstance(wish("issue_comment", payload, listed), Wish)


def test_honks_own_words_start_nothing(examples: list[Example]) -> None:
    payload = first(examples, "issue_comment", "created")
    payload["comment"]["body"] = f"{OWN_MARK}\n/honk fix it"
    assert wish("issue_comment", payload) == "honk itself said it"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("/honk bump it", "bump it"),
        ("Hello\n/honk\nbump it\nand test", "bump it\nand test"),
        ("/honk", ""),
        ("@honk-app bump it", "bump it"),
        ("Could @Honk-App bump it?", "Could  bump it?"),
        ("@honk-app[bot] bump it", "bump it"),
        ("say /honk bump it", None),
        ("/honkers bump it", None),
        ("> /honk bump it", None),
        ("```\n/honk bump it\n```", None),
        ("~~~\n@honk-app bump it", None),
        ("`@honk-app` is a name", None),
        ("> @honk-app said\n\n/honk go on", "go on"),
        ("mail a@honk-app or see @honk-app/team and @honk-apple", None),
        ("", None),
    ],
)
def test_honk_is_called_by_name_outside_of_quotes_and_code(text: str, asked: str | None) -> None:
    assert words(text, RULES) == asked


def test_a_label_starts_a_run_only_if_it_is_the_one(examples: list[Example]) -> None:
    payload = first(examples, "issues", "labeled", label={"name": "Honk"})
    found = wish("issues", payload)
    assert isinstance(found, Wish)
    assert (found.kind, found.actor) == ("request", payload["sender"]["login"])
    assert found.text.startswith(f"Issue #{found.number}: ")
    payload["label"]["name"] = "bug"
    assert isinstance(wish("issues", payload), str)
    payload["label"]["name"] = "honk"
    assert isinstance(wish("issues", payload, Rules()), str)


# ---- follow-ups -------------------------------------------------------------------------


def test_requested_changes_on_honks_branch_are_a_follow_up(examples: list[Example]) -> None:
    payload = first(examples, "pull_request_review", "submitted")
    payload["review"] |= {"state": "changes_requested", "body": "Louder."}
    found = wish("pull_request_review", payload)
    assert isinstance(found, Wish) and found.remark is not None
    assert (found.kind, found.called, found.remark.text) == ("followup", False, "Louder.")
    assert found.remark.id == f"review-{payload['review']['id']}"
    payload["review"]["state"] = "approved"
    assert isinstance(wish("pull_request_review", payload), str)
    payload["review"]["state"] = "changes_requested"
    payload["pull_request"]["head"]["ref"] = "feature"
    assert wish("pull_request_review", payload) == "the pull request is not honk's"


def test_a_comment_on_a_pull_request_is_a_follow_up_by_whatever_name(examples: list[Example]) -> None:
    """The payload does not say whose branch it is: that is looked up."""
    payload = first(examples, "issue_comment", "created")
    payload["issue"] |= {"pull_request": {"url": "https://api.github.com/…"}, "number": 9}
    payload["comment"]["body"] = "Please louder."
    found = wish("issue_comment", payload)
    assert isinstance(found, Wish) and found.remark is not None
    assert (found.kind, found.number, found.called) == ("followup", 9, False)
    payload["comment"]["body"] = "/honk louder"
    called = wish("issue_comment", payload)
    assert isinstance(called, Wish) and called.remark is not None
    assert (called.called, called.text, called.remark.text) == (True, "louder", "louder")


def test_an_issue_that_is_opened_with_the_label_on_it_is_one_request(examples: list[Example]) -> None:
    """GitHub tells of both, each in a delivery of its own."""
    opened = first(examples, "issues", "opened")
    opened["issue"] |= {"body": "/honk it", "labels": [{"name": "bug"}, {"name": "Honk"}]}
    assert wish("issues", opened) == "its label is told by itself"
    assert isinstance(wish("issues", opened, Rules()), Wish)  # where no label starts anything
    opened["issue"]["labels"].pop()
    assert isinstance(wish("issues", opened), Wish)


def test_a_remark_on_a_line_says_where_it_stands(examples: list[Example]) -> None:
    payload = first(examples, "pull_request_review_comment", "created")
    payload["comment"] |= {"path": "src/a.py", "line": 12, "body": "Rename it."}
    found = wish("pull_request_review_comment", payload)
    assert isinstance(found, Wish) and found.remark is not None
    assert (found.remark.place, found.remark.text) == ("src/a.py:12", "Rename it.")
    assert found.place == Place(kind="line", id=payload["comment"]["id"])
    payload["pull_request"]["state"] = "closed"
    assert isinstance(wish("pull_request_review_comment", payload), str)


def test_checks_that_failed_on_honks_branch_are_repaired(examples: list[Example]) -> None:
    payload = first(examples, "check_suite", "completed")
    payload["check_suite"] |= {"conclusion": "failure", "head_branch": "honk/say-hello-1"}
    found = wish("check_suite", payload)
    assert isinstance(found, Wish)
    assert (found.kind, found.head) == ("checks", payload["check_suite"]["head_sha"])
    for changes in ({"conclusion": "success"}, {"conclusion": None}, {"head_branch": "main"}):
        other = copy.deepcopy(payload)
        other["check_suite"] |= changes
        assert isinstance(wish("check_suite", other), str), changes


def test_what_is_no_payload_is_said_and_does_not_raise() -> None:
    for body in (b"", b"null", b"[]", b"{}", b"\xff", b'{"repository": 1}'):
        assert "cannot be read" in str(read("issues", body, RULES))
    assert isinstance(read("push", b"{}", RULES), str)


# ---- what became of pull requests -------------------------------------------------------

SHA = "a" * 40


def ended(examples: list[Example], **changes: Any) -> dict[str, Any]:
    """GitHub's example of a closed pull request, of honk's branch, with other fields."""
    found = first(examples, "pull_request", "closed")
    found["pull_request"] |= {"state": "closed", "merged_at": None, "title": "t", "body": None} | changes
    return found


def told(event: str, payload: dict[str, Any]) -> Tidings:
    found = wish(event, payload)
    assert isinstance(found, Tidings), found
    return found


def test_the_end_of_honks_pull_request_is_told(examples: list[Example]) -> None:
    payload = ended(examples, merge_commit_sha=SHA, merged_at="2030-01-02T03:04:05Z")
    pull, repo = payload["pull_request"], payload["repository"]["full_name"].lower()
    merged = told("pull_request", payload)
    fate = merged.fate
    assert fate is not None and merged.undoing is None
    assert (fate.repo, fate.number, fate.state, fate.merge_sha) == (repo, pull["number"], "merged", SHA)
    assert fate.closed_at == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert fate.opened_at == datetime.fromisoformat(pull["created_at"])
    assert fate.base == pull["base"]["ref"]
    closed = told("pull_request", ended(examples, merge_commit_sha=SHA)).fate
    assert closed is not None and (closed.state, closed.merge_sha) == ("closed", None)  # that of a trial
    again = told("pull_request", ended(examples, state="open") | {"action": "reopened"}).fate
    assert again is not None and again.state == "open"
    of_a_person = ended(examples)
    of_a_person["pull_request"]["head"]["ref"] = "feature"
    assert "not honk's" in str(wish("pull_request", of_a_person))
    assert "no end" in str(wish("pull_request", payload | {"action": "edited"}))


@pytest.mark.parametrize(
    ("title", "body", "number", "commits"),
    [
        ('Revert "Say hello"', "Reverts {repo}#12", 12, ()),
        ('Revert "Say hello"', "It broke.\r\n\r\nReverts {repo}#12\r\n", 12, ()),
        ('Revert "Say hello"', "Reverts #12", 12, ()),
        ("Back to bye", f"This reverts commit {SHA}.", 0, (SHA,)),
        ('Revert "Say hello"', "Reverts other/repo#12", None, ()),
        ("Say hello", "Reverts {repo}#12", None, ()),
        ('Revert "Say hello"', "Who Reverts {repo}#12?", None, ()),
    ],
)
def test_a_merged_pull_request_that_takes_another_back_is_told(
    examples: list[Example], title: str, body: str, number: int | None, commits: tuple[str, ...]
) -> None:
    text = {"title": title, "merged_at": "2030-01-02T03:04:05Z"}
    payload = ended(examples, **text)
    payload["pull_request"]["head"]["ref"] = "revert-12-honk/say-hello-1"
    repo = payload["repository"]["full_name"]
    payload["pull_request"]["body"] = body.replace("{repo}", repo)
    if number is None:
        assert isinstance(wish("pull_request", payload), str)
        return
    found = told("pull_request", payload)
    pull = payload["pull_request"]
    assert found.fate is None
    assert found.undoing == Undoing(
        repo=repo.lower(), branch=pull["base"]["ref"], by=f"#{pull['number']}", number=number, commits=commits
    )
    payload["pull_request"]["merged_at"] = None  # closed, so it takes nothing back
    assert isinstance(wish("pull_request", payload), str)


def test_a_pushed_revert_is_told(examples: list[Example]) -> None:
    payload = next(copy.deepcopy(p) for name, p in examples if name == "push" and p["commits"])
    payload["ref"] = "refs/heads/main"
    payload["commits"][0] |= {"id": "b" * 40, "message": f'Revert "Say hello"\n\nThis reverts commit {SHA}.'}
    found = told("push", payload)
    repo = payload["repository"]["full_name"].lower()
    assert found == Tidings(undoing=Undoing(repo=repo, branch="main", by="b" * 40, commits=(SHA,)))
    payload["ref"] = "refs/tags/v1"
    assert "takes nothing back" in str(wish("push", payload))
