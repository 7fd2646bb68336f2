"""Tables of the service: what was seen, and which runs belong to a place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from honk.core.events import RunRequested
from honk.core.types import RepoRef, Request
from honk.stores.database import Database
from honk.stores.leases import SqlLeases
from honk.stores.log import SqlEventStore
from honk.stores.service import SqlLinks, SqlOnce


def test_a_key_is_known_once_it_was_claimed(url: str, open_database: Callable[[str], Database]) -> None:
    once = SqlOnce(open_database(url))
    assert not once.known("slack", "k")
    assert once.first("slack", "k", "mine") == "mine"
    assert once.first("slack", "k", "theirs") == "mine"
    assert once.known("slack", "k") and not once.known("github", "k")


def test_a_value_is_replaced_by_whoever_knows_it(url: str, open_database: Callable[[str], Database]) -> None:
    once = SqlOnce(open_database(url))
    assert once.value("slack", "k") is None
    once.first("slack", "k", "mine")
    once.replace("slack", "k", "theirs", "ours")
    assert once.value("slack", "k") == "mine"
    once.replace("slack", "k", "mine", "ours")
    assert (once.value("slack", "k"), once.value("github", "k")) == ("ours", None)


def test_what_was_seen_with_one_value_is_unseen_together(
    url: str, open_database: Callable[[str], Database]
) -> None:
    once = SqlOnce(open_database(url))
    for scope, key, value in (("a", "k1", "x"), ("a", "k2", "x"), ("a", "k3", "y"), ("b", "k1", "x")):
        once.first(scope, key, value)
    once.undo("a", "k1")
    once.undo("a", "unknown")
    assert [once.known("a", key) for key in ("k1", "k2", "k3")] == [False, False, True]
    assert once.known("b", "k1")


def test_old_keys_are_forgotten(url: str, open_database: Callable[[str], Database]) -> None:
    once = SqlOnce(open_database(url))
    once.first("slack", "k", "mine")
    assert once.forget(datetime.now(UTC) - timedelta(days=1)) == 0
    assert once.forget(datetime.now(UTC) + timedelta(days=1), dry_run=True) == 1
    assert once.known("slack", "k")
    assert once.forget(datetime.now(UTC) + timedelta(days=1)) == 1
    assert not once.known("slack", "k")


def test_links_know_the_newest_event_of_each_run(url: str, open_database: Callable[[str], Database]) -> None:
    db = open_database(url)
    links, log, leases = SqlLinks(db), SqlEventStore(db), SqlLeases(db)
    request = Request(text="x", repo=RepoRef(forge="local", name="/r", url="file:///r"), model="anthropic:x")
    for number, run_id in enumerate(("r1", "r2", "r3"), start=1):
        fence = leases.claim(run_id, "test")
        for seq in range(1, number + 1):
            log.append(run_id, RunRequested(honk="0", request=request), seq=seq, fence=fence)
    links.add("slack", "C1/1.0", "r1")
    links.add("slack", "C1/1.0", "r2")
    links.add("slack", "C1/2.0", "unborn")
    links.add("github", "a/b#1", "r3")
    long_ago = datetime.now(UTC) - timedelta(days=1)
    assert links.heads("slack", long_ago) == {"r1": 1, "r2": 2}
    assert links.heads("slack", datetime.now(UTC) + timedelta(days=1)) == {}
    assert links.runs("slack", "C1/1.0") == ["r2", "r1"]
