"""Every store port on every implementation: SQLite file, memory, PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from honk.core.ports import Artifacts, EventStore, Inbox, Leases, PullRequestTable
from honk.stores.artifacts import FolderArtifacts, SqlArtifacts
from honk.stores.database import Database
from honk.stores.leases import SqlInbox, SqlLeases
from honk.stores.log import SqlEventStore
from honk.stores.pulls import SqlPullRequests
from honk.testing.memory_stores import MemoryArtifacts, MemoryPullRequests, MemoryStore

POSTGRES = Path("/usr/lib/postgresql/15/bin")


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Stores:
    log: EventStore
    leases: Leases
    inbox: Inbox
    pulls: PullRequestTable
    clock: Clock


def _as_postgres(*command: str) -> list[str]:
    """``initdb`` and the server refuse to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL 15 server of this session's own."""
    if not (POSTGRES / "initdb").exists():
        pytest.skip(f"PostgreSQL is not installed in {POSTGRES}")
    folder = Path(tempfile.mkdtemp(prefix="honk-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    control = (str(POSTGRES / "pg_ctl"), "-D", str(data), "-w")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        init = (str(POSTGRES / "initdb"), "-D", str(data), "-U", "honk", "-A", "trust", "-E", "UTF8", "-N")
        subprocess.run(_as_postgres(*init), check=True, capture_output=True, cwd=folder)
        options = f"-k {folder} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off"
        start = _as_postgres(*control, "-l", str(folder / "log"), "-o", options, "start")
        subprocess.run(start, check=True, capture_output=True, cwd=folder)
        yield f"postgresql://honk@127.0.0.1:{port}/postgres"
    finally:  # pg_ctl knows the server by the process id in its data folder
        subprocess.run(_as_postgres(*control, "-m", "immediate", "stop"), capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """A new, empty database on the server."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/er/honk.sqlite"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def open_database() -> Iterator[Callable[[str], Database]]:
    with contextlib.ExitStack() as stack:

        def open_one(url: str) -> Database:
            database = Database(url)
            stack.callback(database.close)
            return database

        yield open_one


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def stores(request: pytest.FixtureRequest, open_database: Callable[[str], Database]) -> Stores:
    clock = Clock()
    if request.param == "memory":
        memory = MemoryStore(clock)
        return Stores(memory, memory, memory, MemoryPullRequests(), clock)
    db = open_database(str(request.getfixturevalue(f"{request.param}_url")))
    return Stores(SqlEventStore(db), SqlLeases(db, clock), SqlInbox(db), SqlPullRequests(db), clock)


@pytest.fixture(params=["folder", "sqlite", "postgres", "memory"])
def artifacts(
    request: pytest.FixtureRequest, tmp_path: Path, open_database: Callable[[str], Database]
) -> Artifacts:
    if request.param == "folder":
        return FolderArtifacts(tmp_path / "artifacts")
    if request.param == "memory":
        return MemoryArtifacts()
    return SqlArtifacts(open_database(str(request.getfixturevalue(f"{request.param}_url"))))
