"""Stores that live in memory: real implementations of their ports, gone with the process."""

from __future__ import annotations

import threading

from honk.core.errors import StoreError
from honk.core.types import PullRequestRecord


class MemoryPullRequests:
    """Pull requests of the local forge (port ``PullRequestTable``)."""

    def __init__(self) -> None:
        self._records: list[PullRequestRecord] = []
        self._lock = threading.Lock()

    def add(self, record: PullRequestRecord) -> PullRequestRecord:
        with self._lock:
            number = 1 + max((r.number for r in self._records if r.repo == record.repo), default=0)
            stored = record.model_copy(update={"number": number})
            self._records.append(stored)
            return stored

    def update(self, record: PullRequestRecord) -> None:
        """Raises StoreError if there is none with that number."""
        with self._lock:
            for index, old in enumerate(self._records):
                if (old.repo, old.number) == (record.repo, record.number):
                    self._records[index] = record
                    return
        raise StoreError(f"There is no pull request {record.number} of {record.repo}.")

    def of_branch(self, repo: str, base: str, branch: str) -> list[PullRequestRecord]:
        with self._lock:
            found = [r for r in self._records if (r.repo, r.base, r.branch) == (repo, base, branch)]
        return sorted(found, key=lambda record: -record.number)
