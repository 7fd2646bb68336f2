"""The queue of runs on DBOS. What is queued is the id of a run: the run itself is its log.

The only module that knows DBOS. Which calls of it hold, and which do not, was measured:
docs/decisions/006.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

from honk.core.errors import StoreError

APP = "honk"
VERSION = "1"
"""Of what a queued item means. DBOS runs an item only on workers of its own version."""

QUEUE = "runs"
WORKFLOW = "run"


def queue_url(database_url: str, home: Path) -> str:
    """Where the queue is kept: beside the log in PostgreSQL, in a file of its own otherwise, so
    that its polling never waits for the log's writers nor they for it."""
    if database_url.startswith("postgres"):
        return re.sub(r"^postgres(?:ql)?(?:\+\w+)?://", "postgresql://", database_url)
    return f"sqlite:///{home}/queue.sqlite"


def prepare(url: str) -> None:
    """Create or migrate the queue's tables. Raises StoreError."""
    _quiet()
    try:
        if url.startswith("sqlite:///"):  # measured: ten times as many enqueues as with a rollback journal
            with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        DBOS.migrate(url)
    except Exception as error:  # DBOS passes on whatever its driver raises
        raise _failed(error) from error


def _quiet() -> None:
    logging.getLogger("dbos").setLevel(logging.WARNING)


def _failed(error: Exception) -> StoreError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return StoreError(f"The queue's database failed: {reason}.", "See `honk doctor`.")


def item(run_id: str, seq: int) -> str:
    """The id of a queued item: the same state of the same run is queued once."""
    return f"{run_id}.{seq}"


def run_of(workflow_id: str) -> str:
    return workflow_id.partition(".")[0]


def seq_of(workflow_id: str) -> int:
    return int(workflow_id.partition(".")[2])


class RunQueue:
    """Puts runs where workers take them. A context manager."""

    def __init__(self, url: str) -> None:
        prepare(url)
        self._client = DBOSClient(
            system_database_url=url, application_name=APP, serializer=DBOSPortableJSONSerializer()
        )

    def __enter__(self) -> RunQueue:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.destroy()

    def put(self, run_id: str, seq: int, *, priority: int = 10) -> None:
        """Queue a run as its log stands at event ``seq``; again is no second time.

        ``priority``: lower goes first, 1 to 2,147,483,647.
        """
        options: Any = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": item(run_id, seq),
            "app_version": VERSION,
            "priority": priority,
        }
        try:
            self._client.enqueue(options, run_id)
        except Exception as error:
            raise _failed(error) from error

    def depth(self) -> int:
        """Runs that wait for a worker."""
        found = self._client.list_workflows(
            status="ENQUEUED", queue_name=QUEUE, load_input=False, load_output=False
        )
        return len(found)

    def give_back(self, workflow_id: str) -> None:
        """Queue an item again that some worker had taken and cannot finish."""
        self._client.resume_workflow(workflow_id, queue_name=QUEUE)

    def taken(self, before: datetime) -> list[str]:
        """Items that a worker took before ``before`` and has not finished."""
        found = self._client.list_workflows(
            status="PENDING",
            queue_name=QUEUE,
            dequeued_before=before.astimezone(UTC).isoformat(),
            load_input=False,
            load_output=False,
        )
        return [status.workflow_id for status in found]


def start(url: str, *, worker_id: str, at_once: int, work: Callable[[str], None]) -> None:
    """Take runs from the queue in threads of this process, ``at_once`` of them at a time.

    ``work(item)`` must return when the run has ended. One such worker for each process, since
    DBOS keeps one.
    """
    _quiet()
    config: Any = {
        "name": APP,
        "system_database_url": url,
        "executor_id": worker_id,
        "application_version": VERSION,
        "enable_otlp": False,
        "log_level": "WARNING",
        "serializer": DBOSPortableJSONSerializer(),
        "run_admin_server": False,
    }
    DBOS(config=config)

    @DBOS.workflow(name=WORKFLOW)
    def run(run_id: str) -> None:
        workflow_id = DBOS.workflow_id
        assert workflow_id is not None
        work(workflow_id)

    DBOS.listen_queues([QUEUE])
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=at_once, on_conflict="always_update")


def stop() -> None:
    """Take no more runs, and let go of the database."""
    DBOS.destroy(destroy_registry=True)


def orphans(
    queue: RunQueue, live: Callable[[str], bool], mine: Callable[[str], bool], grace: float
) -> list[str]:
    """Items whose worker is dead: taken more than ``grace`` seconds ago, and nobody holds the
    run's lease. (Open-source DBOS has no such detector; the lease decides in any case, so a
    mistake here costs a look and not a second run.)"""
    taken = queue.taken(datetime.now(UTC) - timedelta(seconds=grace))
    return [found for found in taken if not mine(found) and not live(run_of(found))]
