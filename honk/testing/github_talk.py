"""What is said on the fake GitHub: comments, reviews, reactions, checks and the logs of their jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from honk.testing.github_bodies import Bodies, Json
    from honk.testing.github_state import Repo

Kind = Literal["comment", "review", "line"]

_SECOND = "%Y-%m-%dT%H:%M:%SZ"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Said:
    """A comment on an issue or pull request, a review, or a remark on a line. ``number`` is its issue's."""

    id: int
    kind: Kind
    number: int
    author: str
    body: str
    state: str = "COMMENTED"
    path: str = ""
    line: int = 0
    at: datetime = field(default_factory=_now)
    reactions: list[tuple[str, str]] = field(default_factory=list)  # (login, content)


@dataclass
class CheckRun:
    """``log`` is that of its job, where an Actions workflow made it; ``span`` when its one step ran."""

    id: int
    name: str
    sha: str
    conclusion: str | None  # None: it still runs
    app: str = "github-actions"
    log: str = ""
    summary: str = ""
    title: str = ""
    key: str = ""  # the external id
    span: tuple[str, str] = ("2026-01-02T03:04:05Z", "2026-01-02T03:04:09Z")


@dataclass
class Status:
    sha: str
    context: str
    state: str
    description: str


@dataclass
class Conversation:
    """All that is said in one repository."""

    said: list[Said] = field(default_factory=list)
    checks: list[CheckRun] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    reactions: list[tuple[int, str, str]] = field(default_factory=list)  # (issue, login, content)
    next_id: int = 5000

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def say(self, number: int, author: str, body: str, kind: Kind = "comment", **fields: Any) -> Said:
        """What a person does in the browser."""
        said = Said(id=self.new_id(), kind=kind, number=number, author=author, body=body, **fields)
        self.said.append(said)
        return said

    def check(self, sha: str, name: str, conclusion: str | None, **fields: Any) -> CheckRun:
        """What a workflow or another App reports."""
        check = CheckRun(id=self.new_id(), name=name, sha=sha, conclusion=conclusion, **fields)
        self.checks.append(check)
        return check

    def of(self, kind: Kind, number: int) -> list[Said]:
        return [said for said in self.said if (said.kind, said.number) == (kind, number)]


class TalkBodies:
    """The JSON of what is said."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies

    def said(self, repo: Repo, said: Said) -> Json:
        base = f"{self._bodies.api}/repos/{repo.full_name}"
        page = f"{self._bodies.web}/{repo.full_name}/pull/{said.number}"
        at = said.at.strftime(_SECOND)
        common = {
            "id": said.id,
            "node_id": f"C_{said.id}",
            "user": self._bodies.user(said.author),
            "body": said.body,
            "html_url": f"{page}#{said.kind}-{said.id}",
            "author_association": "NONE",
        }
        pull = f"{base}/pulls/{said.number}"
        if said.kind == "comment":
            url = f"{base}/issues/comments/{said.id}"
            issue = f"{base}/issues/{said.number}"
            return {**common, "url": url, "issue_url": issue, "created_at": at, "updated_at": at}
        sha = "0" * 40
        if said.kind == "review":
            links = {"html": {"href": page}, "pull_request": {"href": pull}}
            more = {"state": said.state, "commit_id": sha, "pull_request_url": pull, "_links": links}
            return {**common, **more, "submitted_at": at}
        links = {"self": {"href": pull}, "html": {"href": page}, "pull_request": {"href": pull}}
        return {
            **common,
            "url": f"{base}/pulls/comments/{said.id}",
            "pull_request_review_id": None,
            "diff_hunk": "@@ -1 +1 @@",
            "path": said.path,
            "line": said.line or None,
            "original_line": said.line or 1,
            "commit_id": sha,
            "original_commit_id": sha,
            "created_at": at,
            "updated_at": at,
            "pull_request_url": pull,
            "_links": links,
        }

    def reaction(self, login: str, content: str) -> Json:
        at = "2026-01-02T03:04:05Z"
        user = self._bodies.user(login)
        return {"id": 1, "node_id": "REA_1", "user": user, "content": content, "created_at": at}

    def check(self, repo: Repo, check: CheckRun) -> Json:
        url = f"{self._bodies.api}/repos/{repo.full_name}/check-runs/{check.id}"
        page = f"{self._bodies.web}/{repo.full_name}/runs/{check.id}"
        output = {
            "title": check.title or None,
            "summary": check.summary or None,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{url}/annotations",
        }
        return {
            "id": check.id,
            "node_id": f"CR_{check.id}",
            "head_sha": check.sha,
            "name": check.name,
            "url": url,
            "html_url": page,
            "details_url": page,
            "status": "in_progress" if check.conclusion is None else "completed",
            "conclusion": check.conclusion,
            "started_at": check.span[0],
            "completed_at": None if check.conclusion is None else check.span[1],
            "external_id": check.key,
            "check_suite": {"id": 1},
            "output": output,
            "app": self._app(check.app),
            "pull_requests": [],
        }

    def _app(self, slug: str) -> Json:
        at = "2026-01-02T03:04:05Z"
        return {
            "id": 15368,
            "slug": slug,
            "node_id": "A_1",
            "owner": self._bodies.user("github"),
            "name": slug,
            "description": "",
            "external_url": "https://example.com",
            "html_url": f"{self._bodies.web}/apps/{slug}",
            "created_at": at,
            "updated_at": at,
            "permissions": {},
            "events": [],
        }

    def job(self, repo: Repo, check: CheckRun) -> Json:
        base = f"{self._bodies.api}/repos/{repo.full_name}"
        begin, end = check.span
        step = {"status": "completed", "conclusion": check.conclusion, "name": "Test", "number": 2}
        first = {"status": "completed", "conclusion": "success", "name": "Set up job", "number": 1}
        early = "2026-01-02T03:04:01Z"
        return {
            "id": check.id,
            "node_id": f"J_{check.id}",
            "run_id": 1,
            "run_url": f"{base}/actions/runs/1",
            "head_sha": check.sha,
            "workflow_name": "CI",
            "head_branch": "main",
            "name": check.name,
            "url": f"{base}/actions/jobs/{check.id}",
            "html_url": f"{self._bodies.web}/{repo.full_name}/runs/{check.id}",
            "status": "completed",
            "conclusion": check.conclusion,
            "created_at": begin,
            "started_at": begin,
            "completed_at": end,
            "check_run_url": f"{base}/check-runs/{check.id}",
            "labels": [],
            "runner_id": None,
            "runner_name": None,
            "runner_group_id": None,
            "runner_group_name": None,
            "steps": [
                {**first, "started_at": early, "completed_at": early},
                {**step, "started_at": begin, "completed_at": end},
            ],
        }

    def status(self, repo: Repo, sha: str, statuses: list[Status]) -> Json:
        url = f"{self._bodies.api}/repos/{repo.full_name}/commits/{sha}"
        at = "2026-01-02T03:04:05Z"
        states = {status.state for status in statuses}
        return {
            "state": "failure" if states & {"failure", "error"} else "success" if states else "pending",
            "sha": sha,
            "total_count": len(statuses),
            "statuses": [
                {
                    "url": f"{url}/statuses/{number}",
                    "id": number,
                    "node_id": f"SC_{number}",
                    "state": status.state,
                    "description": status.description,
                    "target_url": None,
                    "context": status.context,
                    "created_at": at,
                    "updated_at": at,
                    "avatar_url": None,
                }
                for number, status in enumerate(statuses, start=1)
            ],
            "repository": self._bodies.repo(repo),
            "commit_url": url,
            "url": f"{url}/status",
        }

    def permission(self, login: str, role: str) -> Json:
        user: Mapping[str, Any] = {**self._bodies.user(login), "role_name": role}
        return {"permission": role, "role_name": role, "user": user}
