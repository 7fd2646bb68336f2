"""What people and checks say on GitHub about a pull request: remarks, failed checks, their logs.

Only people who may write to the repository are listened to, asked of the API at that moment;
of bots only those that the operator lists. honk's own comments carry a mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from honk.core.errors import ForgeError, UserError
from honk.core.followup import FailedCheck, Remark, Standing
from honk.core.types import RepoRef
from honk.forges.api import REQUEST_SECONDS, Api

OWN_MARK = "<!-- honk -->"
"""Begins every comment that honk writes, which it never answers."""

_PAGE = 100
_PAGES = 10  # of one list; whoever has said more than that is not read to the end
_LOG_BYTES = 8 << 20  # of a job's log that are kept, from its end
_FAILED = frozenset({"failure", "timed_out"})
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z ?")


@dataclass
class GitHubReviews:
    """Implements ``Reviews``. ``bots`` are logins that count like people who may write."""

    api: Api
    note: Callable[[str], None]
    bots: frozenset[str] = frozenset()
    _rights: dict[tuple[str, str], bool] = field(default_factory=dict)

    def pull(self, repo: RepoRef, number: int) -> dict[str, Any]:
        """A pull request as GitHub describes it. Raises UserError if there is none."""
        try:
            found: dict[str, Any] = self._get(repo, f"/pulls/{number}", "reading the pull request")
        except ForgeError as error:
            if error.status != 404:
                raise
            raise UserError(f"{repo.name} has no pull request {number}.", "Check the number.") from error
        return found

    def standing(self, repo: RepoRef, number: int) -> Standing:
        data = self.pull(repo, number)
        head, base = data["head"], data["base"]
        own = head["repo"] is not None and head["repo"]["id"] == base["repo"]["id"]
        return Standing(
            number=number,
            url=data["html_url"],
            state="merged" if data["merged_at"] else data["state"],
            draft=bool(data["draft"]),
            title=data["title"],
            body=(data["body"] or "").replace("\r\n", "\n"),
            base=base["ref"],
            branch=head["ref"],
            head=head["sha"],
            head_owner="" if own else (head["user"] or {}).get("login", "?"),
        )

    def remarks(self, repo: RepoRef, number: int, since: datetime | None) -> tuple[Remark, ...]:
        sources = (
            ("comment", f"/issues/{number}/comments"),
            ("review", f"/pulls/{number}/reviews"),
            ("line", f"/pulls/{number}/comments"),
        )
        found = []
        for kind, path in sources:
            for item in self.items(repo, path):
                remark = _remark(kind, item)
                new = remark is not None and (since is None or remark.at > since)
                if remark is not None and new and self._listened_to(repo, item):
                    found.append(remark)
        return tuple(sorted(found, key=lambda remark: remark.at))

    def failures(self, repo: RepoRef, commit: str) -> tuple[FailedCheck, ...]:
        """Failed check runs with the log of their failed step, then failed commit statuses.

        What the credential may not read is left out with a note.
        """
        found: list[FailedCheck] = []
        for read in (self._check_runs, self._statuses):
            try:
                found += read(repo, commit)
            except ForgeError as error:
                if error.status not in (403, 404):
                    raise
                self.note(f"Checks of {commit[:12]} could not be read: {error.message}")
        return tuple(found)

    def comments(self, repo: RepoRef, number: int) -> Iterator[dict[str, Any]]:
        """The comments on an issue or pull request, oldest first, as GitHub describes them."""
        yield from self.items(repo, f"/issues/{number}/comments")

    def items(
        self, repo: RepoRef, path: str, inside: str | None = None, **parameters: str
    ) -> Iterator[dict[str, Any]]:
        """A list of the repository's, as GitHub describes its items; ``inside`` is the member of the
        answer that has them, if it is not the answer itself. A thousand are the most."""
        for page in range(1, _PAGES + 1):
            data = self._get(repo, path, f"reading {path[1:]}", per_page=_PAGE, page=page, **parameters)
            items = data if inside is None else data[inside]
            yield from items
            if len(items) < _PAGE:
                return

    def may_write(self, repo: RepoRef, login: str) -> bool:
        """Whether a person may write to the repository, as GitHub says now."""
        key = (repo.name, login.lower())
        if key not in self._rights:
            try:
                data = self._get(repo, f"/collaborators/{login}/permission", f"reading the rights of {login}")
            except ForgeError as error:
                if error.status != 404:  # GitHub's answer for a user that it does not have
                    raise
                data = {"permission": "none"}
            self._rights[key] = data["permission"] in ("admin", "write")
        return self._rights[key]

    # ---- inside -------------------------------------------------------------------------

    def _get(self, repo: RepoRef, path: str, what: str, **parameters: object) -> Any:
        requester = self.api.client(repo.name, talking=True).requester
        url = f"/repos/{repo.name}{path}"
        _, data = self.api.call(
            what, lambda: requester.requestJsonAndCheck("GET", url, parameters=dict(parameters))
        )
        return data

    def _listened_to(self, repo: RepoRef, item: dict[str, Any]) -> bool:
        user = item["user"] or {"login": "ghost", "type": "User"}
        login = str(user["login"])
        if OWN_MARK in (item["body"] or ""):
            return False
        if user.get("type") == "Bot" or login.endswith("[bot]"):
            return login.lower() in self.bots
        return self.may_write(repo, login)

    def check_runs(self, repo: RepoRef, commit: str) -> Iterator[dict[str, Any]]:
        """The check runs of a commit, as the API has them."""
        return self.items(repo, f"/commits/{commit}/check-runs", "check_runs")

    def _check_runs(self, repo: RepoRef, commit: str) -> Iterator[FailedCheck]:
        for item in self.check_runs(repo, commit):
            if item["conclusion"] in _FAILED:
                log = self._job_log(repo, item) or _output(item["output"])
                yield FailedCheck(name=item["name"], url=item["html_url"] or "", log=log)

    def _statuses(self, repo: RepoRef, commit: str) -> Iterator[FailedCheck]:
        for item in self.items(repo, f"/commits/{commit}/status", "statuses"):
            if item["state"] in ("failure", "error"):
                url, text = item["target_url"] or "", item["description"] or item["state"]
                yield FailedCheck(name=item["context"], url=url, log=text)

    def _job_log(self, repo: RepoRef, check: dict[str, Any]) -> str:
        """The log of the failed steps of an Actions job, whose id is that of its check run."""
        if (check["app"] or {}).get("slug") != "github-actions":
            return ""
        job = f"/actions/jobs/{check['id']}"
        try:
            steps = self._get(repo, job, "reading the failed job").get("steps") or []
            text = self._download(repo, f"{job}/logs")
        except ForgeError as error:
            if error.status not in (403, 404, 410):  # 410: the log has been deleted
                raise
            self.note(f"The log of {check['name']} could not be read: {error.message}")
            return ""
        return _of_steps(text, [step for step in steps if step["conclusion"] in _FAILED])

    def _download(self, repo: RepoRef, path: str) -> str:
        """The end of a log, from where GitHub keeps it; the credential does not go there."""
        import requests

        requester = self.api.client(repo.name, talking=True).requester
        url = f"/repos/{repo.name}{path}"
        headers, _ = self.api.call(
            "asking for a job's log", lambda: requester.requestBlobAndCheck("GET", url)
        )

        def fetch() -> bytes:
            kept = bytearray()
            with requests.get(
                str(headers["location"]), stream=True, timeout=REQUEST_SECONDS, verify=self.api.verify
            ) as answer:
                answer.raise_for_status()
                for piece in answer.iter_content(1 << 16):
                    kept += piece
                    if len(kept) > 2 * _LOG_BYTES:
                        del kept[:-_LOG_BYTES]
            return bytes(kept[-_LOG_BYTES:])

        return self.api.call("reading a job's log", fetch).decode("utf-8", "replace")


def _remark(kind: str, item: dict[str, Any]) -> Remark | None:
    """What an item of GitHub's says; None for an empty or unfinished or withdrawn review."""
    at = item.get("submitted_at") if kind == "review" else item["created_at"]
    text = (item["body"] or "").replace("\r\n", "\n").strip()
    if not at or not text or item.get("state") in ("PENDING", "DISMISSED"):
        return None
    line = item.get("line") or item.get("original_line")
    place = f"{item['path']}:{line}" if line else str(item.get("path") or "")
    author = (item["user"] or {}).get("login", "ghost")
    return Remark(id=f"{kind}-{item['id']}", author=author, text=text, place=place, at=_time(at))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _output(output: dict[str, Any]) -> str:
    return "\n\n".join(output[name] for name in ("title", "summary", "text") if output.get(name))


def _of_steps(log: str, steps: list[dict[str, Any]]) -> str:
    """The lines of ``log`` that were written while one of ``steps`` ran, without their times.

    Each line of a job's log begins with its time; a job says when each step began and ended,
    in whole seconds. All lines, if that finds none.
    """
    spans = [
        (_time(s["started_at"]), _time(s["completed_at"]) + timedelta(seconds=1))
        for s in steps
        if s.get("started_at") and s.get("completed_at")
    ]
    every, chosen, within = [], [], False
    for line in log.lstrip("\ufeff").splitlines():
        if stamp := _STAMP.match(line):
            at = datetime.fromisoformat(stamp[1]).replace(tzinfo=UTC)
            within = any(begin <= at <= end for begin, end in spans)
            line = line[stamp.end() :]
        every.append(line)
        if within:
            chosen.append(line)
    return "\n".join(chosen or every)
