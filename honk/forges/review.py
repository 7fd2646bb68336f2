"""Pull requests of the local forge in the hands of people: looked at, approved, merged, closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from honk.core.errors import HonkError, UserError
from honk.core.ports import PullRequestTable
from honk.core.pulls import PullRequestRecord
from honk.core.review import OpenMerger, Review
from honk.core.types import PushAccess, RepoRef


class LocalReviews:
    """Implements ``PullRequests`` over the table and the repositories' mirrors."""

    def __init__(self, table: PullRequestTable, open_merger: OpenMerger) -> None:
        self._table = table
        self._open = open_merger

    def all(self) -> list[PullRequestRecord]:
        return self._table.all()

    def look(self, repo: str, number: int) -> Review:
        """Also notices what somebody merged with git alone, and writes it down."""
        record = self._get(repo, number)
        if record.state != "open":
            return Review(record, None, None)
        with self._open(_ref(record)) as mirror:
            base = mirror.fetch(record.base)
            head = mirror.head(record.branch, _access(record))
            if head is None:
                return Review(record, None, None)
            mirror.ensure(head)
            if mirror.contains(base.sha, head):
                return Review(self._noticed(record, base.sha), head, None)
            change = mirror.diff(mirror.fork_point(base.sha, head), head)
            return Review(record, head, change, mirror.conflicts(base.sha, head))

    def approve(self, repo: str, number: int, who: str) -> None:
        def approved(now: PullRequestRecord) -> PullRequestRecord:
            approvals = tuple(dict.fromkeys((*_open(now).approvals, who)))
            return now.model_copy(update={"approvals": approvals})

        self._edit(repo, number, approved)

    def ready(self, repo: str, number: int) -> None:
        self._edit(repo, number, lambda now: _open(now).model_copy(update={"draft": False}))

    def close(self, repo: str, number: int, who: str) -> None:
        self._edit(repo, number, lambda now: _ended(_open(now), "closed", who=who))

    def merge(self, repo: str, number: int, head: str, who: str) -> None:
        record = _open(self._get(repo, number))
        if record.draft:
            raise UserError("It is a draft.", "Mark it as ready first.")
        access = _access(record)
        with self._open(_ref(record)) as mirror:
            base = mirror.fetch(record.base)
            now = mirror.head(record.branch, access)
            if now is None:
                raise UserError(f"The branch {record.branch} is gone.", "Close the pull request.")
            if now != head:
                raise UserError(f"The branch moved to {now[:12]} meanwhile.", "Look at it again.")
            mirror.ensure(head)
            if not mirror.contains(base.sha, head):
                title = f"Merge pull request {number} from {record.branch}"
                merged = mirror.merge(base.sha, head, f"{title}\n\n{record.title}\n\nMerged-by: {who}\n")
                mirror.advance(merged, record.base, access, base.sha)
            else:
                merged = base.sha  # a crash between the push and this table, or somebody's own merge
        # Also if somebody closed it meanwhile: the base branch has it.
        self._edit(repo, number, lambda now: _ended(now, "merged", who=who, sha=merged, head=head))

    def reverted(self) -> frozenset[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        merged = [record for record in self._table.all() if record.state == "merged"]
        for repo, base in sorted({(record.repo, record.base) for record in merged}):
            mine = [record for record in merged if (record.repo, record.base) == (repo, base)]
            try:
                with self._open(_ref(mine[0])) as mirror:
                    undone = mirror.reverted(mirror.fetch(base).sha)
            except HonkError:
                continue  # the repository is gone: nobody knows
            found |= {(repo, r.number) for r in mine if {r.head_sha, r.merge_sha} & undone}
        return frozenset(found)

    def _get(self, repo: str, number: int) -> PullRequestRecord:
        record = self._table.get(repo, number)
        if record is None:
            raise UserError(f"There is no pull request {number} of {repo}.", "Look at the list of all.")
        return record

    def _edit(
        self, repo: str, number: int, change: Callable[[PullRequestRecord], PullRequestRecord]
    ) -> PullRequestRecord:
        self._get(repo, number)  # of one that is not there a person is told in other words
        return self._table.edit(repo, number, change)

    def _noticed(self, record: PullRequestRecord, sha: str) -> PullRequestRecord:
        """Merged, by whom nobody knows, unless whoever did it has written it down meanwhile."""

        def merged(now: PullRequestRecord) -> PullRequestRecord:
            return _ended(now, "merged", who="", sha=sha) if now.state == "open" else now

        return self._table.edit(record.repo, record.number, merged)


def _open(record: PullRequestRecord) -> PullRequestRecord:
    """``record``, if it is open. Raises UserError."""
    if record.state != "open":
        raise UserError(f"Pull request {record.number} is {record.state}.", "Load the page again.")
    return record


def _ended(
    record: PullRequestRecord, state: str, *, who: str, sha: str | None = None, head: str | None = None
) -> PullRequestRecord:
    values = {"state": state, "closed_at": datetime.now(UTC), "closed_by": who, "merge_sha": sha}
    return record.model_copy(update=values | {"head_sha": head or record.head_sha})


def _ref(record: PullRequestRecord) -> RepoRef:
    return RepoRef(forge="local", name=record.repo, url=Path(record.repo).as_uri())


def _access(record: PullRequestRecord) -> PushAccess:
    return PushAccess(url=Path(record.repo).as_uri())
