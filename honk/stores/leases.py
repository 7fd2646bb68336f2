"""Who owns a run now, and what other processes have to tell the owner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Connection, delete, insert, select, update

from honk.core.errors import StaleWriter
from honk.core.ports import Word
from honk.stores.database import Database
from honk.stores.owners import is_dead
from honk.stores.schema import inbox, runs


class SqlLeases:
    """The Leases port. ``clock`` gives seconds since 1970; None takes the database's own.

    A lease lasts ``seconds`` after its last renewal. A lease whose owner (as written by
    ``honk.stores.owners.this_process``) died on this machine counts as expired at once.
    """

    def __init__(
        self, db: Database, clock: Callable[[], float] | None = None, *, seconds: float = 30.0
    ) -> None:
        self._db = db
        self._clock = clock
        self._seconds = seconds

    def claim(self, run_id: str, owner: str) -> int:
        """Take the run and return the new fence, 1 for a new run.

        Raises StaleWriter, naming the owner, while another lease lives.
        """
        new = {"run_id": run_id, "fence": 0, "created_at": datetime.now(UTC).isoformat()}
        with self._db.transaction() as connection:
            connection.execute(self._db.insert_new(runs).values(new))
            query = select(runs.c.fence, runs.c.owner, runs.c.lease_until)
            row = connection.execute(query.where(runs.c.run_id == run_id).with_for_update()).one()
            now = self._now(connection)
            if _lives(row.owner, row.lease_until, now):
                raise StaleWriter(
                    f"Run {run_id} is owned by {row.owner}.",
                    f"Follow it with `honk logs -f {run_id}`, or stop it with `honk cancel {run_id}`.",
                )
            fence = int(row.fence) + 1
            values = {"fence": fence, "owner": owner, "lease_until": now + self._seconds}
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(values))
        return fence

    def renew(self, run_id: str, fence: int) -> None:
        """Prolong the lease. Raises StaleWriter if it was released or taken by another."""
        mine = (runs.c.run_id == run_id) & (runs.c.fence == fence) & runs.c.owner.is_not(None)
        with self._db.single() as connection:
            until = self._now(connection) + self._seconds
            if not connection.execute(update(runs).where(mine).values(lease_until=until)).rowcount:
                raise StaleWriter(
                    f"Run {run_id} is no longer owned by this process.",
                    f"Follow it with `honk logs -f {run_id}`.",
                )

    def release(self, run_id: str, fence: int) -> None:
        """Give the run up; without effect if the lease is no longer ours."""
        mine = (runs.c.run_id == run_id) & (runs.c.fence == fence)
        with self._db.single() as connection:
            connection.execute(update(runs).where(mine).values(owner=None, lease_until=None))

    def revoke(self, run_id: str) -> None:
        """Take the run from whoever has it: every fence so far is a stale one."""
        mine = runs.c.run_id == run_id
        with self._db.single() as connection:
            free = {"fence": runs.c.fence + 1, "owner": None, "lease_until": None}
            connection.execute(update(runs).where(mine).values(free))

    def live(self, run_id: str) -> bool:
        """Whether somebody works on the run now."""
        with self._db.single() as connection:
            query = select(runs.c.owner, runs.c.lease_until).where(runs.c.run_id == run_id)
            row = connection.execute(query).first()
            return row is not None and _lives(row.owner, row.lease_until, self._now(connection))

    def _now(self, connection: Connection) -> float:
        return self._clock() if self._clock else self._db.now(connection)


def _lives(owner: str | None, until: float | None, now: float) -> bool:
    return owner is not None and until is not None and until > now and not is_dead(owner)


class SqlInbox:
    """The Inbox port: words to the owner of a run, in order."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def send(self, run_id: str, kind: Literal["cancel", "say", "allow"], text: str) -> None:
        with self._db.single() as connection:
            connection.execute(insert(inbox).values(run_id=run_id, kind=kind, text=text))

    def look(self, run_id: str) -> list[Word]:
        """All that is there, oldest first."""
        query = select(inbox.c.id, inbox.c.kind, inbox.c.text).where(inbox.c.run_id == run_id)
        with self._db.single() as connection:
            return [Word(*row) for row in connection.execute(query.order_by(inbox.c.id))]

    def drop(self, word: Word) -> None:
        with self._db.single() as connection:
            connection.execute(delete(inbox).where(inbox.c.id == word.id))
