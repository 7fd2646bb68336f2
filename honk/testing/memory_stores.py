"""The store ports in memory: real implementations for tests, held to the same contract suites."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Literal

from honk.core.errors import StaleWriter, StoreError
from honk.core.events import Event, Head, Recorded, to_json
from honk.core.ports import Word
from honk.core.pulls import PullRequestRecord


class MemoryStore:
    """EventStore, Leases and Inbox together, since leases fence the log. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time, *, seconds: float = 30.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._logs: dict[str, list[Recorded]] = {}
        self._fences: dict[str, int] = {}
        self._owners: dict[str, tuple[str, float]] = {}
        self._inbox: dict[str, list[Word]] = {}
        self._words = 0

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        event, _ = to_json(event)
        with self._lock:
            log = self._logs.setdefault(run_id, [])
            if self._fences.get(run_id) != fence or seq != len(log) + 1:
                raise StaleWriter(f"Run {run_id} has another owner or another last event than expected.")
            recorded = Recorded(run_id=run_id, seq=seq, at=datetime.now(UTC), event=event)
            log.append(recorded)
            return recorded

    def read(self, run_id: str, after: int = 0) -> list[Recorded]:
        with self._lock:
            return self._logs.get(run_id, [])[after:]

    def runs(self) -> list[str]:
        with self._lock:
            return [run_id for run_id in reversed(self._fences) if self._logs.get(run_id)]

    def heads(self, of: Collection[str] | None = None) -> list[Head]:
        with self._lock:
            logs = (log for run_id, log in self._logs.items() if of is None or run_id in of)
            newest = [log[-1] for log in logs if log]
        return [Head(last.run_id, last.seq, last.event.kind, last.at) for last in newest]

    def claim(self, run_id: str, owner: str) -> int:
        with self._lock:
            if self._lives(run_id):
                raise StaleWriter(f"Run {run_id} is owned by {self._owners[run_id][0]}.")
            self._fences[run_id] = self._fences.get(run_id, 0) + 1
            self._owners[run_id] = (owner, self._clock() + self._seconds)
            return self._fences[run_id]

    def renew(self, run_id: str, fence: int) -> None:
        with self._lock:
            if run_id not in self._owners or self._fences[run_id] != fence:
                raise StaleWriter(f"Run {run_id} is no longer owned by this process.")
            self._owners[run_id] = (self._owners[run_id][0], self._clock() + self._seconds)

    def release(self, run_id: str, fence: int) -> None:
        with self._lock:
            if self._fences.get(run_id) == fence:
                self._owners.pop(run_id, None)

    def revoke(self, run_id: str) -> None:
        with self._lock:
            self._fences[run_id] = self._fences.get(run_id, 0) + 1
            self._owners.pop(run_id, None)

    def live(self, run_id: str) -> bool:
        with self._lock:
            return self._lives(run_id)

    def send(self, run_id: str, kind: Literal["cancel", "say", "allow"], text: str) -> None:
        with self._lock:
            self._words += 1
            self._inbox.setdefault(run_id, []).append(Word(self._words, kind, text))

    def look(self, run_id: str) -> list[Word]:
        with self._lock:
            return list(self._inbox.get(run_id, []))

    def drop(self, word: Word) -> None:
        with self._lock:
            for run_id, words in self._inbox.items():
                self._inbox[run_id] = [other for other in words if other.id != word.id]

    def _lives(self, run_id: str) -> bool:
        return run_id in self._owners and self._owners[run_id][1] > self._clock()


class MemoryPullRequests:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[tuple[str, int], PullRequestRecord] = {}

    def add(self, record: PullRequestRecord) -> PullRequestRecord:
        with self._lock:
            number = 1 + sum(repo == record.repo for repo, _ in self._records)
            stored = record.model_copy(update={"number": number})
            self._records[record.repo, number] = stored
            return stored

    def edit(
        self, repo: str, number: int, change: Callable[[PullRequestRecord], PullRequestRecord]
    ) -> PullRequestRecord:
        with self._lock:
            if (repo, number) not in self._records:
                raise StoreError(f"There is no pull request {number} of {repo}.")
            self._records[repo, number] = change(self._records[repo, number])
            return self._records[repo, number]

    def get(self, repo: str, number: int) -> PullRequestRecord | None:
        with self._lock:
            return self._records.get((repo, number))

    def all(self) -> list[PullRequestRecord]:
        with self._lock:
            found = list(self._records.values())
        return sorted(
            found, key=lambda r: (r.opened_at.isoformat() if r.opened_at else "", r.number), reverse=True
        )

    def of_branch(self, repo: str, base: str, branch: str) -> list[PullRequestRecord]:
        with self._lock:
            found = [r for r in self._records.values() if (r.repo, r.base, r.branch) == (repo, base, branch)]
        return sorted(found, key=lambda record: record.number, reverse=True)


class MemoryArtifacts:
    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self._data[digest] = data
        return digest

    def get(self, digest: str) -> bytes:
        if digest not in self._data:
            raise StoreError(f"There is no artifact {digest}.")
        return self._data[digest]

    def size(self, digest: str) -> int:
        return len(self._data.get(digest, b""))

    def remove(self, digest: str) -> None:
        self._data.pop(digest, None)
