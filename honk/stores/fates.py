"""What became of pull requests on GitHub, as webhooks and looks told it."""

from __future__ import annotations

from sqlalchemy import or_, select, update

from honk.core.fates import Fate, Tidings, Undoing
from honk.stores.database import Database
from honk.stores.schema import fates as table


class SqlFates:
    """One row for each pull request that anything was told of. What is told twice changes nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def learn(self, told: Tidings) -> None:
        if told.fate is not None:
            self._put(told.fate)
        if told.undoing is not None:
            self._undo(told.undoing)

    def all(self) -> dict[tuple[str, int], Fate]:
        """By repository, in lower case, and number."""
        with self._db.single() as connection:
            found = [Fate.model_validate(dict(row)) for row in connection.execute(select(table)).mappings()]
        return {(fate.repo, fate.number): fate for fate in found}

    def _put(self, fate: Fate) -> None:
        """Whoever told of an end first keeps the credit; that it was taken back stays."""
        mine = (table.c.repo == fate.repo) & (table.c.number == fate.number)
        row = fate.model_dump(mode="json")
        with self._db.transaction() as connection:
            known = connection.execute(select(table.c.state, table.c.closed_at).where(mine)).first()
            if known is None:
                connection.execute(self._db.insert_new(table).values(row))
            elif (known.state, known.closed_at) != (row["state"], row["closed_at"]):
                del row["reverted_by"]
                connection.execute(update(table).where(mine).values(row))

    def _undo(self, undoing: Undoing) -> None:
        named = or_(table.c.number == undoing.number, table.c.merge_sha.in_(undoing.commits))
        here = (table.c.repo == undoing.repo) & (table.c.base == undoing.branch)
        first = (table.c.state == "merged") & (table.c.reverted_by == "")
        with self._db.single() as connection:
            connection.execute(update(table).where(here & first & named).values(reverted_by=undoing.by))
