"""The tables as this version of honk uses them. ``migrations/`` is how a database gets there."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

HEAD = "0006"  # the newest revision in migrations/versions; a test keeps the two together


class Words(TypeDecorator[str]):
    """Text from outside. What a database cannot hold (NUL in PostgreSQL, half a surrogate
    pair anywhere) is stored as U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("owner", String),  # null: nobody
    Column("lease_until", Float),  # seconds since 1970
    Column("created_at", String, nullable=False, index=True),  # ISO 8601, UTC
)

events = Table(
    "events",
    metadata,
    Column("run_id", String, ForeignKey("runs.run_id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", String, nullable=False),  # ISO 8601, UTC
    Column("kind", String, nullable=False),
    Column("body", Text, nullable=False),  # the event's JSON, exactly as dumped
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run_id", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("text", Words, nullable=False),
)

pull_requests = Table(
    "pull_requests",
    metadata,
    Column("repo", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("base", String, nullable=False),
    Column("branch", String, nullable=False),
    Column("head_sha", String, nullable=False),
    Column("title", Words, nullable=False),
    Column("body", Words, nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("reviewers", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("run_id", String, nullable=False),
    Column("approvals", JSON, nullable=False, server_default="[]"),
    Column("opened_at", String),  # ISO 8601, UTC
    Column("closed_at", String),
    Column("closed_by", Words, nullable=False, server_default=""),
    Column("merge_sha", String),
)

fates = Table(
    "fates",
    metadata,
    Column("repo", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String, nullable=False),
    Column("base", String, nullable=False),
    Column("opened_at", String),  # ISO 8601, UTC
    Column("closed_at", String),
    Column("merge_sha", String),
    Column("reverted_by", String, nullable=False),
    Column("told_by", String, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("digest", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("scope", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", Words, nullable=False),
    Column("at", String, nullable=False, index=True),  # ISO 8601, UTC
)

links = Table(
    "links",
    metadata,
    Column("kind", String, primary_key=True),
    Column("place", String, primary_key=True),
    Column("run_id", String, primary_key=True),
    Column("at", String, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("digest", String, nullable=False, unique=True),  # SHA-256 of the token, hex
    Column("created_at", String, nullable=False),
)

baselines = Table(
    "baselines",
    metadata,
    Column("key", String, primary_key=True),
    Column("body", Text, nullable=False),  # a Check as JSON
    Column("created_at", Float, nullable=False, index=True),  # seconds since 1970
)
