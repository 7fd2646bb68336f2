"""What checks found on base commits: a cache that belongs to no run."""

from __future__ import annotations

import hashlib
import json

from pydantic import ValidationError
from sqlalchemy import delete, select

from honk.core.types import BaselineKey, Check
from honk.stores.database import Database
from honk.stores.schema import baselines as table

KEPT_SECONDS = 30 * 86_400.0
"""A base branch has moved on long before; an older result is measured again."""

_FORMAT = 3  # of what is stored, names of tests with it; another number makes older results unknown


class SqlBaselines:
    """The Baselines port."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, key: BaselineKey) -> Check | None:
        """The stored result, None if there is none or this version of honk cannot read it."""
        with self._db.single() as connection:
            oldest = self._db.now(connection) - KEPT_SECONDS
            mine = (table.c.key == _digest(key)) & (table.c.created_at >= oldest)
            body = connection.scalar(select(table.c.body).where(mine))
        try:
            return None if body is None else Check.model_validate_json(body)
        except ValidationError:
            return None

    def put(self, key: BaselineKey, check: Check) -> None:
        """Store, replacing what was there; what is too old goes."""
        digest = _digest(key)
        with self._db.transaction() as connection:
            now = self._db.now(connection)
            old = (table.c.key == digest) | (table.c.created_at < now - KEPT_SECONDS)
            connection.execute(delete(table).where(old))
            row = {"key": digest, "body": check.model_dump_json(), "created_at": now}
            connection.execute(self._db.insert_new(table).values(row))


def _digest(key: BaselineKey) -> str:
    parts = [_FORMAT, key.repo, key.sha, key.image, key.command]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
