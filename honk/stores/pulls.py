"""Pull requests of the local forge."""

from __future__ import annotations

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from honk.core.errors import StoreError
from honk.core.types import PullRequestRecord
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
                    connection.execute(insert(table).values(stored.model_dump()))
                return stored
            except IntegrityError:
                continue  # PostgreSQL: another process took the number in the same instant

    def update(self, record: PullRequestRecord) -> None:
        """Replace the record with this repository and number. Raises StoreError if there is none."""
        mine = (table.c.repo == record.repo) & (table.c.number == record.number)
        with self._db.single() as connection:
            if not connection.execute(update(table).where(mine).values(record.model_dump())).rowcount:
                raise StoreError(
                    f"There is no pull request {record.number} of {record.repo}.",
                    "Look at `honk runs` for the ones that honk knows.",
                )

    def of_branch(self, repo: str, base: str, branch: str) -> list[PullRequestRecord]:
        """Newest first."""
        here = (table.c.repo == repo) & (table.c.base == base) & (table.c.branch == branch)
        with self._db.single() as connection:
            rows = connection.execute(select(table).where(here).order_by(table.c.number.desc())).mappings()
            return [PullRequestRecord.model_validate(dict(row)) for row in rows]

    def numbered(self, repo: str, number: int) -> PullRequestRecord | None:
        """The pull request ``number`` of ``repo``, or None."""
        query = select(table).where((table.c.repo == repo) & (table.c.number == number))
        with self._db.single() as connection:
            row = connection.execute(query).mappings().first()
        return PullRequestRecord.model_validate(dict(row)) if row is not None else None
