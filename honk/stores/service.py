"""Tables of the service that belong to no run: what was seen already, whose thread it is, who may come in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import delete, func, insert, select, update

from honk.stores.database import Database
from honk.stores.schema import events, links, seen, tokens

Role = Literal["viewer", "runner", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "runner", "admin")
"""Each may do what those before it may: look; start, cancel and talk to runs; manage the service."""


class SqlOnce:
    """Things that must happen once however often they are delivered: webhooks, idempotency keys.

    ``scope`` keeps the keys of different senders apart.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def first(self, scope: str, key: str, value: str) -> str:
        """The value that this key was first seen with: ``value`` itself the first time."""
        row = {"scope": scope, "key": key, "value": value, "at": _now()}
        where = (seen.c.scope == scope) & (seen.c.key == key)
        with self._db.transaction() as connection:
            connection.execute(self._db.insert_new(seen).values(row))
            return str(connection.scalar(select(seen.c.value).where(where)))

    def known(self, scope: str, key: str) -> bool:
        """Whether this key was seen before."""
        return self.value(scope, key) is not None

    def value(self, scope: str, key: str) -> str | None:
        """The value that this key has; None if it was not seen."""
        where = (seen.c.scope == scope) & (seen.c.key == key)
        with self._db.single() as connection:
            found = connection.scalar(select(seen.c.value).where(where))
        return None if found is None else str(found)

    def replace(self, scope: str, key: str, old: str, new: str) -> None:
        """Give a key a new value, as if seen now, unless its value is no longer ``old``."""
        where = (seen.c.scope == scope) & (seen.c.key == key) & (seen.c.value == old)
        with self._db.single() as connection:
            connection.execute(update(seen).where(where).values(value=new, at=_now()))

    def undo(self, scope: str, key: str) -> None:
        """Remove a key, and with it those of ``scope`` that were first seen with the same value."""
        known = seen.alias()
        value = select(known.c.value).where(known.c.scope == scope, known.c.key == key).scalar_subquery()
        with self._db.single() as connection:
            connection.execute(delete(seen).where(seen.c.scope == scope, seen.c.value == value))

    def forget(self, before: datetime, *, dry_run: bool = False) -> int:
        """Remove the keys that were first seen ``before`` a time (UTC); how many there are."""
        old = seen.c.at < before.isoformat()
        with self._db.transaction() as connection:
            count = connection.scalar(select(func.count()).select_from(seen).where(old))
            if not dry_run:
                connection.execute(delete(seen).where(old))
        return int(count or 0)


class SqlLinks:
    """Which runs belong to a place outside: a Slack thread, an issue, a pull request."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, kind: str, place: str, run_id: str) -> None:
        row = {"kind": kind, "place": place, "run_id": run_id, "at": _now()}
        with self._db.single() as connection:
            connection.execute(self._db.insert_new(links).values(row))

    def runs(self, kind: str, place: str) -> list[str]:
        """Newest first."""
        mine = (links.c.kind == kind) & (links.c.place == place)
        query = select(links.c.run_id).where(mine).order_by(links.c.at.desc(), links.c.run_id)
        with self._db.single() as connection:
            return list(connection.scalars(query))

    def heads(self, kind: str, since: datetime) -> dict[str, int]:
        """The number of the newest event of each run that was linked after ``since`` (UTC)."""
        newest = select(func.max(events.c.seq)).where(events.c.run_id == links.c.run_id).scalar_subquery()
        query = select(links.c.run_id, newest).where(links.c.kind == kind, links.c.at >= since.isoformat())
        with self._db.single() as connection:
            return {row[0]: row[1] for row in connection.execute(query) if row[1] is not None}


@dataclass(frozen=True)
class TokenInfo:
    name: str
    role: Role
    created_at: str


class SqlTokens:
    """Bearer tokens of the API. Only their digests are kept."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def create(self, name: str, role: Role) -> str:
        """A new token for ``name``, replacing its former one; shown this once."""
        token = f"honk_{secrets.token_urlsafe(32)}"
        row = {
            "name": name,
            "role": role,
            "digest": _digest(token),
            "created_at": datetime.now(UTC).isoformat(),
        }
        with self._db.transaction() as connection:
            connection.execute(delete(tokens).where(tokens.c.name == name))
            connection.execute(insert(tokens).values(row))
        return token

    def who(self, token: str) -> TokenInfo | None:
        """Whose token it is, or None."""
        digest = _digest(token)
        query = select(tokens.c.name, tokens.c.role, tokens.c.created_at, tokens.c.digest)
        with self._db.single() as connection:
            row = connection.execute(query.where(tokens.c.digest == digest)).first()
        if row is None or not hmac.compare_digest(row.digest, digest):
            return None
        return TokenInfo(row.name, row.role, row.created_at)

    def all(self) -> list[TokenInfo]:
        query = select(tokens.c.name, tokens.c.role, tokens.c.created_at).order_by(tokens.c.name)
        with self._db.single() as connection:
            return [TokenInfo(*row) for row in connection.execute(query)]

    def revoke(self, name: str) -> bool:
        """Whether there was one."""
        with self._db.single() as connection:
            return bool(connection.execute(delete(tokens).where(tokens.c.name == name)).rowcount)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _digest(token: str) -> str:
    """Tokens are 256 random bits: a plain SHA-256 of one tells nothing about it."""
    return hashlib.sha256(token.encode()).hexdigest()
