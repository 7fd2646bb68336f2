"""What became of pull requests, as GitHub tells it to whoever looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from honk.core.fates import Fate, Tidings, tidings
from honk.core.types import RepoRef
from honk.forges.reviews import GitHubReviews


def ended(reviews: GitHubReviews, repo: RepoRef, since: datetime) -> Iterator[Tidings]:
    """Those of honk's that were closed or merged and touched ``since``, and what took some of them back.

    One request for each hundred, newest first; a thousand are the most that are looked at.
    """
    order = {"state": "closed", "sort": "updated", "direction": "desc"}
    for item in reviews.items(repo, "/pulls", **order):
        if datetime.fromisoformat(item["updated_at"]) < since:
            return
        yield _tidings(repo, item)


def one(reviews: GitHubReviews, repo: RepoRef, number: int) -> Tidings:
    """A pull request as it stands now."""
    return _tidings(repo, reviews.pull(repo, number))


def _tidings(repo: RepoRef, item: dict[str, Any]) -> Tidings:
    merged = item["merged_at"]
    fate = Fate(
        repo=repo.name.lower(),
        number=item["number"],
        state="merged" if merged else item["state"],
        base=item["base"]["ref"],
        opened_at=item["created_at"],
        closed_at=merged or item["closed_at"],
        merge_sha=item["merge_commit_sha"] if merged else None,  # else that of a trial
        told_by="look",
    )
    return tidings(fate, item["head"]["ref"], item["title"], item["body"] or "")
