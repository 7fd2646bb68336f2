"""GitHub's webhooks: what a payload asks of honk, if anything. Pure: nothing is looked up here.

Texts are taken from the payload, so what counts is what stood there when it was written.
Who may ask is decided afterwards, by :mod:`honk.triggers.github_act`, with the API.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from honk.core.base import Frozen
from honk.core.fates import BRANCHES, Tidings
from honk.core.followup import Remark
from honk.triggers import github_fates

OWN_MARK = "<!-- honk -->"
EVENTS = (
    "issues",
    "issue_comment",
    "pull_request_review",
    "pull_request_review_comment",
    "check_run",
    "check_suite",
    "workflow_run",
    *github_fates.EVENTS,
)
"""Those that an App should subscribe to; others are ignored."""

_FAILED = frozenset({"failure", "timed_out"})
_COMMAND = re.compile(r"^/honk\b[ \t]*", re.MULTILINE)
_NOT_SAID = re.compile(
    r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)|^ {0,3}>.*?$|`[^`\n]*`", re.MULTILINE | re.DOTALL
)


def signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether ``signature`` (the header X-Hub-Signature-256) is that of the body, byte for byte."""
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


@dataclass(frozen=True)
class Rules:
    """``mention``: the name after an ``@`` that calls honk. ``label``: the one that starts a run.
    ``bots``: those that may ask, lower case."""

    mention: str | None = None
    label: str | None = None
    bots: frozenset[str] = frozenset()


class Place(Frozen):
    """What to react to: an issue or pull request itself, a comment on it, a remark on a line."""

    kind: Literal["issue", "comment", "line"]
    id: int


class Wish(Frozen):
    """What a payload asks for.

    ``kind``: a new run for an issue; a follow-up of a pull request that a person talks about
    (``called``: by honk's name, so that it deserves an answer even if it is refused); the repair
    of checks that failed on ``head`` of ``branch``, where nobody asked and ``number`` may be 0.
    ``bot``: the actor is one, and listed.
    """

    kind: Literal["request", "followup", "checks"]
    repo: str
    number: int
    actor: str = ""
    actor_id: int = 0
    bot: bool = False
    called: bool = False
    text: str = ""
    remark: Remark | None = None
    place: Place | None = None
    url: str = ""
    branch: str = ""
    head: str = ""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _User(_Part):
    login: str
    id: int = 0
    type: str = "User"

    @property
    def bot(self) -> bool:
        return self.type == "Bot" or self.login.endswith("[bot]")


class _Repo(_Part):
    full_name: str


class _Head(_Part):
    ref: str


class _Number(_Part):
    number: int


class _Pull(_Part):
    number: int
    state: str
    head: _Head


class _Label(_Part):
    name: str


class _Issue(_Part):
    number: int
    title: str
    body: str | None = None
    html_url: str
    state: str = "open"
    user: _User | None = None
    labels: tuple[_Label, ...] = ()
    pull_request: object | None = None


class _Said(_Part):
    """A comment, a review or a remark on a line."""

    id: int
    body: str | None = None
    html_url: str
    user: _User | None
    state: str | None = None
    path: str | None = None
    line: int | None = None
    original_line: int | None = None
    created_at: datetime | None = None
    submitted_at: datetime | None = None


class _Checks(_Part):
    """A check suite or a workflow run."""

    head_sha: str
    head_branch: str | None = None
    conclusion: str | None = None
    pull_requests: tuple[_Number, ...] | None = ()


class _CheckRun(_Part):
    head_sha: str
    conclusion: str | None = None
    check_suite: _Checks | None = None
    pull_requests: tuple[_Number, ...] | None = ()


class _Payload(_Part):
    action: str = ""
    repository: _Repo
    sender: _User | None = None
    issue: _Issue | None = None
    comment: _Said | None = None
    review: _Said | None = None
    pull_request: _Pull | None = None
    label: _Label | None = None
    check_suite: _Checks | None = None
    workflow_run: _Checks | None = None
    check_run: _CheckRun | None = None


_PAYLOAD = TypeAdapter(_Payload)


def read(event: str, body: bytes, rules: Rules) -> Wish | Tidings | str:
    """What the delivery asks for, what it tells, or why nothing follows from it."""
    if event not in EVENTS:
        return f"{event} is not an event that honk acts on"
    if event in github_fates.EVENTS:
        return github_fates.read(event, body)
    try:
        payload = _PAYLOAD.validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        return f"the payload cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    if event in ("check_run", "check_suite", "workflow_run"):
        return _failed(payload)
    if payload.sender is not None and _ignored(payload.sender, rules):
        return f"{payload.sender.login} is a bot that is not listed"
    if event == "issues":
        return _issue(payload, rules)
    return _talk(event, payload, rules)


def _ignored(user: _User, rules: Rules) -> bool:
    return user.bot and user.login.lower() not in rules.bots


def words(text: str, rules: Rules) -> str | None:
    """What is asked for in ``text``: what follows ``/honk`` at a line's start, or all of it if honk is
    mentioned; None if honk is not called. Quotes and code call nobody."""
    said = _NOT_SAID.sub(lambda found: re.sub(r"[^\n]", "\0", found[0]), text)
    if command := _COMMAND.search(said):
        return text[command.end() :].strip()
    if rules.mention:
        name = rf"(?<![\w/.@-])@{re.escape(rules.mention)}(?:\[bot\])?(?![\w-]|/\w)"
        if called := re.search(name, said, re.IGNORECASE):
            return (text[: called.start()] + text[called.end() :]).strip()
    return None


def _issue(payload: _Payload, rules: Rules) -> Wish | str:
    issue, sender = payload.issue, payload.sender
    if issue is None or sender is None or issue.pull_request is not None:
        return "no issue is in the payload"
    if payload.action == "labeled" and payload.label is not None and rules.label:
        if not _starts(payload.label, rules):
            return f"the label {payload.label.name} starts nothing"
        asked: str | None = ""
    elif payload.action == "opened":
        if any(_starts(label, rules) for label in issue.labels):
            return "its label is told by itself"
        asked = None if OWN_MARK in (issue.body or "") else words(issue.body or "", rules)
    else:
        return f"issues {payload.action} starts nothing"
    if asked is None:
        return "honk is not called"
    if issue.state != "open":
        return "the issue is closed"
    return Wish(
        kind="request",
        repo=payload.repository.full_name,
        number=issue.number,
        actor=sender.login,
        actor_id=sender.id,
        bot=sender.bot,
        called=True,
        text=_request(issue, "" if payload.action == "opened" else asked),
        place=Place(kind="issue", id=issue.number),
        url=issue.html_url,
    )


def _starts(label: _Label, rules: Rules) -> bool:
    return rules.label is not None and label.name.lower() == rules.label.lower()


def _request(issue: _Issue, asked: str) -> str:
    """A change request: what was asked, and the issue as it stood then."""
    about = f"Issue #{issue.number}: {issue.title}\n\n{issue.body or ''}".strip()
    return f"{asked}\n\n{about}" if asked else about


def _talk(event: str, payload: _Payload, rules: Rules) -> Wish | str:
    said = payload.review if event == "pull_request_review" else payload.comment
    if said is None or said.user is None or payload.action not in ("created", "submitted"):
        return f"{event} {payload.action} starts nothing"
    text = (said.body or "").replace("\r\n", "\n")
    if OWN_MARK in text:
        return "honk itself said it"
    if _ignored(said.user, rules):
        return f"{said.user.login} is a bot that is not listed"
    asked = words(text, rules)
    if payload.issue is not None and payload.issue.pull_request is None:
        return _on_issue(payload, payload.issue, said, asked)
    return _on_pull_request(event, payload, said, asked)


def _on_issue(payload: _Payload, issue: _Issue, said: _Said, asked: str | None) -> Wish | str:
    if asked is None or said.user is None:
        return "honk is not called"
    return Wish(
        kind="request",
        repo=payload.repository.full_name,
        number=issue.number,
        actor=said.user.login,
        actor_id=said.user.id,
        bot=said.user.bot,
        called=True,
        text=_request(issue, asked),
        place=Place(kind="comment", id=said.id),
        url=said.html_url,
    )


def _on_pull_request(event: str, payload: _Payload, said: _Said, asked: str | None) -> Wish | str:
    pull, issue = payload.pull_request, payload.issue
    state = pull.state if pull else issue.state if issue else "closed"
    if state != "open" or said.user is None:
        return "the pull request is not open"
    if asked is None and pull is not None and not pull.head.ref.startswith(BRANCHES):
        return "the pull request is not honk's"
    if asked is None and event == "pull_request_review" and not _wants(said):
        return f"a review that says {said.state} asks for nothing"
    kinds: dict[str, tuple[str, Literal["issue", "comment", "line"]]] = {
        "issue_comment": ("comment", "comment"),
        "pull_request_review": ("review", "issue"),
        "pull_request_review_comment": ("line", "line"),
    }
    prefix, where = kinds[event]
    number = pull.number if pull else issue.number if issue else 0
    at = said.submitted_at or said.created_at
    text = (said.body or "").replace("\r\n", "\n") if asked is None else asked
    remark = None
    if at is not None and text:
        line = said.line or said.original_line
        place = f"{said.path}:{line}" if line else said.path or ""
        remark = Remark(id=f"{prefix}-{said.id}", author=said.user.login, text=text, place=place, at=at)
    return Wish(
        kind="followup",
        repo=payload.repository.full_name,
        number=number,
        actor=said.user.login,
        actor_id=said.user.id,
        bot=said.user.bot,
        called=asked is not None,
        text=text,
        remark=remark,
        place=Place(kind=where, id=number if where == "issue" else said.id),
        url=said.html_url,
        branch=pull.head.ref if pull else "",
    )


def _wants(review: _Said) -> bool:
    """A review of nothing but remarks on lines has no words; each remark is a delivery of its own."""
    return review.state == "changes_requested" or (review.state == "commented" and bool(review.body))


def _failed(payload: _Payload) -> Wish | str:
    checks = payload.check_suite or payload.workflow_run
    numbers = checks.pull_requests if checks else ()
    if payload.check_run is not None:
        run = payload.check_run
        branch = run.check_suite.head_branch if run.check_suite else None
        checks = _Checks(head_sha=run.head_sha, head_branch=branch, conclusion=run.conclusion)
        numbers = run.pull_requests or (run.check_suite.pull_requests if run.check_suite else ())
    if checks is None or payload.action != "completed" or checks.conclusion not in _FAILED:
        return "no check has failed"
    if not (checks.head_branch or "").startswith(BRANCHES):
        return "the branch is not honk's"
    return Wish(
        kind="checks",
        repo=payload.repository.full_name,
        number=numbers[0].number if numbers else 0,
        branch=checks.head_branch or "",
        head=checks.head_sha,
    )
