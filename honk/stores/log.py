"""The event log: one writer for each run, fenced."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from pydantic import ValidationError
from sqlalchemy import Connection, Select, Subquery, bindparam, exists, func, insert, select
from sqlalchemy.exc import IntegrityError

from honk.core.errors import StaleWriter, StoreError
from honk.core.events import EVENT, Event, Head, Recorded, to_json
from honk.stores.database import Database
from honk.stores.schema import events, runs

_LAST = select(func.coalesce(func.max(events.c.seq), 0)).where(events.c.run_id == bindparam("run"))

# One statement checks fence and number and writes. FOR SHARE (PostgreSQL; SQLite has one writer
# anyway) makes a claim that goes on meanwhile wait for this append, or this append for the claim.
_APPEND = (
    insert(events)
    .from_select(
        ["run_id", "seq", "at", "kind", "body"],
        select(
            runs.c.run_id, bindparam("seq", type_=events.c.seq.type), *map(bindparam, ("at", "kind", "body"))
        )
        .where(runs.c.run_id == bindparam("run"), runs.c.fence == bindparam("fence"))
        .where(_LAST.scalar_subquery() == bindparam("before"))
        .with_for_update(read=True, of=runs),
    )
    .returning(events.c.seq)
)
_READ = (
    select(events.c.seq, events.c.at, events.c.body)
    .where(events.c.run_id == bindparam("run"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
)
_RUNS = (
    select(runs.c.run_id)
    .where(exists().where(events.c.run_id == runs.c.run_id))
    .order_by(runs.c.created_at.desc(), runs.c.run_id.desc())
)
_NEWEST = select(events.c.run_id, func.max(events.c.seq).label("seq")).group_by(events.c.run_id)


def _heads(newest: Subquery) -> Select[str, int, str, str]:
    return select(events.c.run_id, events.c.seq, events.c.kind, events.c.at).join(
        newest, (events.c.run_id == newest.c.run_id) & (events.c.seq == newest.c.seq)
    )


_HEADS = _heads(_NEWEST.subquery())
_HEADS_OF = _heads(_NEWEST.where(events.c.run_id.in_(bindparam("of", expanding=True))).subquery())


class SqlEventStore:
    """The EventStore port on a :class:`Database`. A run must be claimed before its first append."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        """Append as number ``seq``, atomically.

        Lone surrogates in strings become U+FFFD; the event in the result is what was stored.
        Raises StaleWriter if ``seq`` is not the next number or ``fence`` not the newest.
        """
        event, body = to_json(event)
        at = datetime.now(UTC)
        values = {"run": run_id, "seq": seq, "before": seq - 1, "fence": fence}
        values |= {"at": at.isoformat(), "kind": event.kind, "body": body}
        with self._db.single() as connection:
            try:
                written = connection.execute(_APPEND, values).first()
            except IntegrityError:  # two appends of one fence in the same instant
                written = None
            if written is None:
                raise _stale(connection, run_id, seq, fence)
        return Recorded(run_id=run_id, seq=seq, at=at, event=event)

    def read(self, run_id: str, after: int = 0) -> list[Recorded]:
        """Events with a number above ``after``, oldest first; none for an unknown run."""
        with self._db.single() as connection:
            rows = connection.execute(_READ, {"run": run_id, "after": after}).all()
        return [_recorded(run_id, *row) for row in rows]

    def runs(self) -> list[str]:
        """Ids of all runs that have events, newest first."""
        with self._db.single() as connection:
            return list(connection.scalars(_RUNS))

    def heads(self, of: Collection[str] | None = None) -> list[Head]:
        """The newest event of each run, or of each one in ``of``, in no order."""
        query = _HEADS if of is None else _HEADS_OF.params(of=list(of))
        with self._db.single() as connection:
            rows = connection.execute(query).all()
        return [Head(run_id, seq, kind, datetime.fromisoformat(at)) for run_id, seq, kind, at in rows]


def _recorded(run_id: str, seq: int, at: str, body: str) -> Recorded:
    try:
        event = EVENT.validate_json(body)
    except ValidationError as error:
        raise StoreError(
            f"Event {seq} of run {run_id} is not one that this honk knows.",
            "It was written by a newer honk: upgrade this one.",
        ) from error
    return Recorded(run_id=run_id, seq=seq, at=datetime.fromisoformat(at), event=event)


def _stale(connection: Connection, run_id: str, seq: int, fence: int) -> StaleWriter:
    row = connection.execute(select(runs.c.fence, runs.c.owner).where(runs.c.run_id == run_id)).first()
    if row is None:
        return StaleWriter(f"Run {run_id} was never claimed.", "Claim it before the first append.")
    if row.fence != fence:
        return StaleWriter(
            f"Run {run_id} is owned by {row.owner or 'nobody'} now (fence {row.fence}, ours is {fence}).",
            f"Follow it with `honk logs -f {run_id}`.",
        )
    last = connection.scalar(_LAST, {"run": run_id})
    return StaleWriter(
        f"Run {run_id} has {last} events, so number {seq} cannot be the next one.",
        "Another writer was faster: read the log again.",
    )
