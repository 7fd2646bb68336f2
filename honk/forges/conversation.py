"""What honk says on GitHub: reactions, and for each run one comment and one check run, updated in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from honk.core.types import RepoRef
from honk.forges.api import Api
from honk.forges.reviews import OWN_MARK, GitHubReviews

SUMMARY = 65_535
"""Characters of a check run's summary (REST API, "Create a check run")."""

_REACTIONS = {
    "issue": "/issues/{}/reactions",
    "comment": "/issues/comments/{}/reactions",
    "line": "/pulls/comments/{}/reactions",
}


@dataclass(frozen=True)
class Shown:
    """What a check run says. ``conclusion`` None: the run is at work. ``summary`` is Markdown."""

    title: str
    summary: str
    conclusion: Literal["success", "neutral"] | None
    url: str | None = None


@dataclass(frozen=True)
class Conversation:
    """honk's own words in one repository."""

    api: Api
    reviews: GitHubReviews
    repo: RepoRef

    def react(self, kind: str, number: int, content: str) -> None:
        """React to an issue (or pull request), a comment, or a remark on a line."""
        self._write("reacting", "POST", _REACTIONS[kind].format(number), {"content": content})

    def answer(self, number: int, key: str, text: str) -> None:
        """Say ``text`` in the one comment that ``key`` has on an issue or pull request.

        The comment is found by a mark in it, so that whoever works on a run updates the same.
        """
        mark = f"<!-- honk {key} -->"
        body = {"body": f"{OWN_MARK}{mark}\n{text}"}
        for said in self.reviews.comments(self.repo, number):
            if (said["body"] or "").startswith(f"{OWN_MARK}{mark}"):
                self._write("updating a comment", "PATCH", f"/issues/comments/{said['id']}", body)
                return
        self._write("commenting", "POST", f"/issues/{number}/comments", body)

    def check(self, commit: str, key: str, shown: Shown) -> None:
        """Show ``key`` as the check run "honk" of a commit: one for each key, updated in place.

        Only a GitHub App with the permission *checks: write* may. Raises ForgeError.
        """
        body: dict[str, Any] = {
            "name": "honk",
            "external_id": key,
            "status": "in_progress" if shown.conclusion is None else "completed",
            "output": {"title": shown.title[:255], "summary": shown.summary[:SUMMARY]},
        }
        if shown.conclusion is not None:
            body["conclusion"] = shown.conclusion
        if shown.url:
            body["details_url"] = shown.url
        for known in self.reviews.check_runs(self.repo, commit):
            if known["name"] == "honk" and known["external_id"] == key:
                self._write("updating a check run", "PATCH", f"/check-runs/{known['id']}", body)
                return
        self._write("reporting a check run", "POST", "/check-runs", {**body, "head_sha": commit})

    def _write(self, what: str, verb: str, path: str, body: dict[str, Any]) -> None:
        requester = self.api.client(self.repo.name, talking=True).requester
        url = f"/repos/{self.repo.name}{path}"
        self.api.call(what, lambda: requester.requestJsonAndCheck(verb, url, input=body))
