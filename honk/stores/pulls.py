"""Pull requests of the local forge."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from honk.core.errors import StoreError
from honk.core.pulls import PullRequestRecord
from honk.stores.database import Database
from honk.stores.schema import pull_requests as table


class SqlPullRequests:
    """The PullRequestTable port."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, record: PullRequestRecord) -> PullRequestRecord:
        """Store a new one under the next free number of its repository, from 1."""
        last = select(func.coalesce(func.max(table.c.number), 0)).where(table.c.repo == record.repo)
        while True:
            try:
                with self._db.transaction() as connection:
                    number = int(connection.scalar(last) or 0) + 1
                    stored = record.model_copy(update={"number": number})
                    connection.execute(insert(table).values(stored.model_dump(mode="json")))
                return stored
            except IntegrityError:
                continue  # PostgreSQL: another process took the number in the same instant

    def edit(
        self, repo: str, number: int, change: Callable[[PullRequestRecord], PullRequestRecord]
    ) -> PullRequestRecord:
        """Replace a record by what ``change`` makes of it, which must not take long: others wait.

        Raises StoreError if there is none.
        """
        mine = (table.c.repo == repo) & (table.c.number == number)
        with self._db.transaction() as connection:  # of SQLite: one writer at a time
            row = connection.execute(select(table).where(mine).with_for_update()).mappings().first()
            if row is None:
                raise StoreError(
                    f"There is no pull request {number} of {repo}.",
                    "Look at `honk runs` for the ones that honk knows.",
                )
            changed = change(PullRequestRecord.model_validate(dict(row)))
            connection.execute(update(table).where(mine).values(changed.model_dump(mode="json")))
        return changed

    def get(self, repo: str, number: int) -> PullRequestRecord | None:
        mine = (table.c.repo == repo) & (table.c.number == number)
        with self._db.single() as connection:
            row = connection.execute(select(table).where(mine)).mappings().first()
            return None if row is None else PullRequestRecord.model_validate(dict(row))

    def all(self) -> list[PullRequestRecord]:
        """Newest first, as far as it is known when they were opened."""
        query = select(table).order_by(func.coalesce(table.c.opened_at, "").desc(), table.c.number.desc())
        with self._db.single() as connection:
            rows = connection.execute(query).mappings()
            return [PullRequestRecord.model_validate(dict(row)) for row in rows]

    def of_branch(self, repo: str, base: str, branch: str) -> list[PullRequestRecord]:
        """Newest first."""
        here = (table.c.repo == repo) & (table.c.base == base) & (table.c.branch == branch)
        with self._db.single() as connection:
            rows = connection.execute(select(table).where(here).order_by(table.c.number.desc())).mappings()
            return [PullRequestRecord.model_validate(dict(row)) for row in rows]
