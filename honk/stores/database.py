"""One database: opened, brought to this version's schema, and spoken to without raw errors."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from honk.core.errors import StoreError, UserError
from honk.stores.schema import HEAD

_BUSY_SECONDS = 30.0  # how long to wait for another writer; ?timeout= in the URL overrides it
_MIGRATION_LOCK = 0x686F6E6B  # any number that honk's processes agree on ("honk")

_HINTS = {  # SQLite's result name, or PostgreSQL's SQLSTATE class, to what the operator can do
    "SQLITE_FULL": "The disk is full: free some space and run `honk resume`.",
    "SQLITE_IOERR": "The disk failed or is full: check it, then run `honk resume`.",
    "SQLITE_READONLY": "Make the file and its folder writable for this user.",
    "SQLITE_CANTOPEN": "Check that the folder exists and that this user may write to it.",
    "SQLITE_BUSY": "Another process holds the database: end it, or use PostgreSQL for many workers.",
    "SQLITE_LOCKED": "Another process holds the database: end it, or use PostgreSQL for many workers.",
    "SQLITE_CORRUPT": "Restore it from a backup, or move it away: honk then starts a new one.",
    "SQLITE_NOTADB": "Restore it, move it away (honk starts a new one), or set HONK_DATABASE_URL.",
    "53": "The server is out of disk, memory or connections: free some and run `honk resume`.",
    "08": "Check that the server runs and that HONK_DATABASE_URL names it.",
    "28": "Check user and password in HONK_DATABASE_URL.",
    "3D": "Create the database that HONK_DATABASE_URL names.",
    "42501": "Grant this user the right to create and write tables in the database.",
    "25006": "The server is read-only: name the primary in HONK_DATABASE_URL.",
}


def _hint(cause: BaseException | None) -> str:
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "08"
    return next((hint for prefix, hint in _HINTS.items() if code.startswith(prefix)), "See `honk doctor`.")


def _parse(url: str) -> URL:
    if url.startswith("postgres://"):
        url = url.replace("postgres://", "postgresql://", 1)
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UserError(
            "The database URL cannot be read.", "Use sqlite:///PATH or postgresql://USER@HOST/NAME."
        ) from error
    family = parsed.get_backend_name()
    if family == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if family != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise UserError(
            f"honk cannot keep its log in {parsed.render_as_string()}.",
            "Use sqlite:///PATH or postgresql://USER@HOST/NAME.",
        )
    if "timeout" in parsed.query:
        return parsed
    return parsed.update_query_dict({"timeout": str(_BUSY_SECONDS)})


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: no fsync for each append, never a torn log


def _begin_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get("single"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # writers queue at once instead of failing half-way


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"isolation_level": None})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


class Database:
    """A SQLite file or a PostgreSQL database with honk's tables, safe to use from many threads.

    Opening creates what is missing and migrates an older schema, once, however many
    processes start together. Raises UserError for a URL that cannot be used or a database
    of a newer honk, StoreError if the database fails.
    """

    def __init__(self, url: str) -> None:
        self.url = _parse(url)
        self._where = self.url.set(query={}).render_as_string(hide_password=True)
        self.postgres = self.url.get_backend_name() == "postgresql"
        if self.url.database and not self.postgres:
            self._make_folder(Path(self.url.database).parent)
        try:
            self._engine = _engine(self.url)
        except (ImportError, NoSuchModuleError) as error:
            raise UserError(
                "The PostgreSQL driver is not installed.", "Run `pip install 'honk[postgres]'`."
            ) from error
        # A single statement is atomic by itself; without BEGIN and COMMIT it costs half.
        single = {"isolation_level": "AUTOCOMMIT"} if self.postgres else {"single": True}
        self._single = self._engine.execution_options(**single)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # private code, words of people
        except OSError as error:
            raise StoreError(
                f"The folder {folder} cannot be created: {error.strerror}.",
                "Name another one with HONK_HOME or HONK_DATABASE_URL.",
            ) from error

    @contextmanager
    def single(self) -> Iterator[Connection]:
        """A connection where every statement stands for itself. Raises StoreError."""
        with self._guard(), self._single.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose statements hold together or not at all. Raises StoreError."""
        with self._guard(), self._engine.begin() as connection:
            yield connection

    def insert_new(self, table: Table) -> Insert:
        """An INSERT that does nothing where the row is there already."""
        if self.postgres:  # each dialect takes its time to import
            from sqlalchemy.dialects import postgresql

            return postgresql.insert(table).on_conflict_do_nothing()
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()

    def now(self, connection: Connection) -> float:
        """Seconds since 1970 by the clock that all users of this database share."""
        if not self.postgres:  # one machine, one clock
            return time.time()
        return float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # the caller knows what its constraint means
        except DBAPIError as error:
            reason = str(error.orig).strip().split("\n")[0]
            raise StoreError(f"The database {self._where} failed: {reason}.", _hint(error.orig)) from error
        except SQLAlchemyError as error:
            raise StoreError(f"The database {self._where} failed: {error}.", "See `honk doctor`.") from error

    def _open(self) -> None:
        with self.single() as connection:
            if self._revision(connection) == HEAD:
                return
            if not self.postgres:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")  # kept in the file
        with self.transaction() as connection:
            if self.postgres:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            revision = self._revision(connection)  # again: another process may have been faster
            if revision != HEAD:
                self._migrate(connection, revision)

    def _revision(self, connection: Connection) -> str | None:
        table = "pg_tables WHERE tablename" if self.postgres else "sqlite_master WHERE name"
        found = connection.execute(text(f"SELECT 1 FROM {table} = 'alembic_version'")).first()
        if found is None:
            return None
        revision: Any = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision if isinstance(revision, str) else None

    def _migrate(self, connection: Connection, revision: str | None) -> None:
        from alembic import command  # slow to import, and most starts need none of it
        from alembic.config import Config
        from alembic.script import ScriptDirectory

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if revision is not None and revision not in known:
            raise UserError(
                f"The database {self._where} belongs to a newer honk (schema {revision}).",
                "Upgrade honk, or name another database in HONK_DATABASE_URL.",
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
