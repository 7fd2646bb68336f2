"""Opening, migrating and losing a database."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.errors import StaleWriter, StoreError, UserError
from honk.core.events import Instructed
from honk.stores.artifacts import FolderArtifacts
from honk.stores.database import Database
from honk.stores.leases import SqlLeases
from honk.stores.log import SqlEventStore
from honk.stores.owners import is_dead, this_process
from honk.stores.schema import HEAD, metadata

Open = Callable[[str], Database]
FIXTURES = Path(__file__).parents[1] / "fixtures"


def python(code: str, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def fill(db: Database, run_id: str = "r1", count: int = 1) -> int:
    fence = SqlLeases(db).claim(run_id, "me")
    for seq in range(1, count + 1):
        SqlEventStore(db).append(run_id, Instructed(origin="human", text="x" * 2000), seq=seq, fence=fence)
    return fence


def test_the_migrations_end_at_the_schema_that_the_code_uses(url: str, open_database: Open) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with open_database(url).single() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, metadata) == []


def test_a_database_of_schema_1_is_upgraded_and_keeps_its_runs(sqlite_url: str, open_database: Open) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as old:
        old.executescript((FIXTURES / "schema" / "0001.sql").read_text())
    old.close()
    db = open_database(sqlite_url)
    store = SqlEventStore(db)
    assert store.runs() == ["r1"]
    assert [r.event for r in store.read("r1")] == [
        Instructed(origin="human", text="kept — über alle Versionen")
    ]
    with db.single() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM artifacts").scalar() == 0


def test_a_database_of_a_newer_honk_is_refused(url: str, open_database: Open) -> None:
    db = open_database(url)
    with db.single() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UserError, match="newer honk"):
        Database(url)


def test_processes_that_start_together_create_one_database(url: str, open_database: Open) -> None:
    code = "import sys; from honk.stores.database import Database; sys.stdin.read(); Database(sys.argv[1])"
    started = []
    for _ in range(5):
        command = [sys.executable, "-c", code, url]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for process in started:
        assert process.stdin is not None
        process.stdin.close()  # go
    for process in started:
        assert process.stderr is not None
        with process.stderr as stderr:
            complaint = stderr.read()
        assert process.wait() == 0, complaint
    assert fill(open_database(url)) == 1


def test_opening_a_current_database_does_not_import_alembic(sqlite_url: str, open_database: Open) -> None:
    open_database(sqlite_url)
    code = "import sys; from honk.stores.database import Database; Database(sys.argv[1])\n"
    out, err = python(code + "print('alembic' in sys.modules)", sqlite_url).communicate()
    assert out.strip() == "False", err


def test_sqlite_uses_wal_and_waits_for_other_writers(sqlite_url: str, open_database: Open) -> None:
    with open_database(sqlite_url).single() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert found == ["wal", 1, 1, 30000]


@pytest.mark.parametrize("bad", ["nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_a_url_that_cannot_be_used_is_the_users_error(bad: str) -> None:
    with pytest.raises(UserError) as caught:
        Database(bad)
    assert "sqlite:///PATH" in caught.value.hint


def test_an_unreachable_server_is_a_store_error_without_the_password() -> None:
    with pytest.raises(StoreError) as caught:
        Database("postgres://honk:hunter2@127.0.0.1:1/honk")
    assert "hunter2" not in str(caught.value)
    assert "HONK_DATABASE_URL" in caught.value.hint


@pytest.mark.parametrize(
    ("pragma", "hint"), [("max_page_count = 1", "free some space"), ("query_only = 1", "writable")]
)
def test_a_full_or_read_only_database_says_what_to_do(
    sqlite_url: str, open_database: Open, pragma: str, hint: str
) -> None:
    db = open_database(sqlite_url)
    fence = fill(db)
    with db.single() as connection:  # the pool hands the same connection out again
        connection.exec_driver_sql(f"PRAGMA {pragma}")
    with pytest.raises(StoreError) as caught:
        for seq in range(2, 200):
            event = Instructed(origin="human", text="x" * 5000)
            SqlEventStore(db).append("r1", event, seq=seq, fence=fence)
    assert not isinstance(caught.value, StaleWriter)
    assert hint in caught.value.hint
    with db.single() as connection:
        seen = [recorded.seq for recorded in SqlEventStore(db).read("r1")]
    assert seen == list(range(1, len(seen) + 1))


def test_a_locked_database_says_what_to_do(sqlite_url: str, open_database: Open) -> None:
    db = open_database(sqlite_url + "?timeout=0.01")
    fence = fill(db)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as caught:
        SqlEventStore(db).append("r1", Instructed(origin="human", text="x"), seq=2, fence=fence)
    holder.close()
    assert "Another process" in caught.value.hint
    SqlEventStore(db).append("r1", Instructed(origin="human", text="x"), seq=2, fence=fence)


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("something else entirely, " * 200)
    with pytest.raises(StoreError) as caught:
        Database(f"sqlite:///{tmp_path}/x")
    assert "HONK_DATABASE_URL" in caught.value.hint


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be created"):
        Database(f"sqlite:///{tmp_path}/file/honk.sqlite")


def test_an_event_of_a_newer_honk_is_named(url: str, open_database: Open) -> None:
    db = open_database(url)
    fill(db)
    with db.single() as connection:
        connection.exec_driver_sql("""UPDATE events SET body = '{"kind": "from_tomorrow"}'""")
    with pytest.raises(StoreError, match="Event 1 of run r1"):
        SqlEventStore(db).read("r1")


WRITER = """
import itertools, sys
from honk.core.events import Instructed
from honk.stores.database import Database
from honk.stores.leases import SqlLeases
from honk.stores.log import SqlEventStore
from honk.stores.owners import this_process
db = Database(sys.argv[1])
fence = SqlLeases(db).claim("r1", this_process())
for seq in itertools.count(1):
    SqlEventStore(db).append("r1", Instructed(origin="human", text="x" * 3000), seq=seq, fence=fence)
    print(seq, flush=True)
"""


def test_a_writer_killed_in_the_middle_leaves_a_log_without_gaps(url: str, open_database: Open) -> None:
    writer = python(WRITER, url)
    assert writer.stdout is not None and writer.stderr is not None
    with writer.stdout, writer.stderr:
        told = [int(writer.stdout.readline()) for _ in range(40)][-1]
        db = open_database(url)
        with pytest.raises(StaleWriter, match=f":{writer.pid}:"):
            SqlLeases(db).claim("r1", this_process())
        writer.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)  # dead, but not yet reaped
        fence = SqlLeases(db).claim("r1", this_process())  # at once, without waiting for the lease
        seen = [recorded.seq for recorded in SqlEventStore(db).read("r1")]
        writer.wait()
    assert seen == list(range(1, len(seen) + 1)) and len(seen) >= told
    event = Instructed(origin="human", text="go on")
    assert SqlEventStore(db).append("r1", event, seq=len(seen) + 1, fence=fence).seq == len(seen) + 1


def test_only_a_process_of_this_machine_is_known_to_be_dead() -> None:
    me = this_process()
    machine, pid, start = me.split(":")
    assert pid == str(os.getpid()) and not is_dead(me)
    assert is_dead(f"{machine}:{pid}:{start}0")  # another process had this number before
    for foreign in (f"elsewhere.00:{pid}:1", "somebody", "", f"{machine}:x:1", f"{machine}:{pid}:"):
        assert not is_dead(foreign)


def test_a_damaged_artifact_is_never_returned(tmp_path: Path) -> None:
    store = FolderArtifacts(tmp_path)
    digest = store.put(b"good")
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    file.write_bytes(b"evil")
    with pytest.raises(StoreError, match="damaged"):
        store.get(digest)


FULL = """
import sys
from pathlib import Path
from honk.core.errors import StoreError
from honk.stores.artifacts import FolderArtifacts
store = FolderArtifacts(Path(sys.argv[1]))
kept = store.put(b"small")
try:
    store.put(bytes(1 << 20))
except StoreError as error:
    print(error)
print(store.get(kept), [p.name for p in Path(sys.argv[1]).rglob(".new-*")])
"""


def test_a_full_disk_leaves_no_half_artifact(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=64k none {tmp_path}"
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*alone, mount], capture_output=True).returncode:
        pytest.skip("this machine does not let a test mount a small disk")
    run = subprocess.run(
        [*alone, f'{mount} && exec "$@"', "sh", sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert "No space left" in run.stdout and "Free some space" in run.stdout, run.stderr
    assert run.stdout.endswith("b'small' []\n")
