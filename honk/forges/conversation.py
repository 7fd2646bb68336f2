"""What honk says on GitHub: reactions, and one comment for each run, updated in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from honk.core.types import RepoRef
from honk.forges.api import Api
from honk.forges.reviews import OWN_MARK, GitHubReviews

_REACTIONS = {
    "issue": "/issues/{}/reactions",
    "comment": "/issues/comments/{}/reactions",
    "line": "/pulls/comments/{}/reactions",
}


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

    def _write(self, what: str, verb: str, path: str, body: dict[str, Any]) -> None:
        requester = self.api.client(self.repo.name, talking=True).requester
        url = f"/repos/{self.repo.name}{path}"
        self.api.call(what, lambda: requester.requestJsonAndCheck(verb, url, input=body))
