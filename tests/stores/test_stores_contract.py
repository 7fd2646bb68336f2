"""What every implementation of the store ports does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from honk.core.errors import StaleWriter, StoreError, UserError
from honk.core.events import Event, Instructed, Pushed
from honk.core.ports import Artifacts
from honk.core.pulls import PullRequestRecord


def said(text: str) -> Event:
    return Instructed(origin="human", text=text)


def test_events_come_back_in_order_and_equal(stores: Any) -> None:
    fence = stores.leases.claim("r1", "me")
    written = [stores.log.append("r1", said(f"é {n} 🜚\0"), seq=n, fence=fence) for n in (1, 2, 3)]
    assert stores.log.read("r1") == written
    assert [r.seq for r in written] == [1, 2, 3]
    assert all(r.at.utcoffset() is not None for r in written)


def test_reading_after_a_number_gives_only_what_is_new(stores: Any) -> None:
    fence = stores.leases.claim("r1", "me")
    for n in (1, 2, 3):
        stores.log.append("r1", said(str(n)), seq=n, fence=fence)
    assert [r.seq for r in stores.log.read("r1", after=2)] == [3]
    assert stores.log.read("r1", after=3) == []
    assert stores.log.read("unknown") == []


@pytest.mark.parametrize("seq", [1, 3, 0, -1])
def test_a_wrong_number_is_refused_and_writes_nothing(stores: Any, seq: int) -> None:
    fence = stores.leases.claim("r1", "me")
    stores.log.append("r1", said("one"), seq=1, fence=fence)
    with pytest.raises(StaleWriter):
        stores.log.append("r1", said("again"), seq=seq, fence=fence)
    assert len(stores.log.read("r1")) == 1


def test_an_older_owner_cannot_write_after_a_new_claim(stores: Any) -> None:
    old = stores.leases.claim("r1", "first")
    stores.log.append("r1", said("one"), seq=1, fence=old)
    stores.clock.now += 31
    new = stores.leases.claim("r1", "second")
    assert new > old
    with pytest.raises(StaleWriter):
        stores.log.append("r1", said("late"), seq=2, fence=old)
    stores.log.append("r1", said("two"), seq=2, fence=new)
    assert [r.event for r in stores.log.read("r1")] == [said("one"), said("two")]


def test_a_run_that_nobody_claimed_cannot_be_written(stores: Any) -> None:
    with pytest.raises(StaleWriter):
        stores.log.append("r1", said("x"), seq=1, fence=1)
    assert stores.log.runs() == []


def test_of_two_writers_with_one_number_exactly_one_wins(stores: Any) -> None:
    fence = stores.leases.claim("r1", "me")
    start = threading.Barrier(4)

    def write(name: str) -> list[str]:
        won = []
        for seq in range(1, 26):
            start.wait()
            try:
                stores.log.append("r1", said(name), seq=seq, fence=fence)
                won.append(f"{seq}")
            except StaleWriter:
                pass
        return won

    with ThreadPoolExecutor(4) as pool:
        wins = [seq for found in pool.map(write, "abcd") for seq in found]
    assert sorted(map(int, wins)) == list(range(1, 26))
    assert [r.seq for r in stores.log.read("r1")] == list(range(1, 26))


def test_half_an_emoji_is_replaced_and_the_result_says_what_was_stored(stores: Any) -> None:
    fence = stores.leases.claim("r1", "me")
    recorded = stores.log.append("r1", said("a\ud83d|\ud83d\ude00"), seq=1, fence=fence)
    assert recorded.event == said("a\ufffd|😀")
    assert stores.log.read("r1") == [recorded]


def test_runs_are_listed_newest_first_and_only_once_they_have_events(stores: Any) -> None:
    for run in ("a", "c", "b", "empty"):
        fence = stores.leases.claim(run, "me")
        if run != "empty":
            stores.log.append(run, Pushed(branch="x", sha="y"), seq=1, fence=fence)
    assert stores.log.runs() == ["b", "c", "a"]


def test_heads_are_the_newest_events(stores: Any) -> None:
    assert stores.log.heads() == []
    for run_id, count in (("r1", 3), ("r2", 1)):
        fence = stores.leases.claim(run_id, "me")
        for n in range(1, count + 1):
            last = stores.log.append(run_id, said(str(n)), seq=n, fence=fence)
    stores.leases.claim("r3", "me")
    heads = {head.run_id: head for head in stores.log.heads()}
    assert {run_id: (head.seq, head.kind) for run_id, head in heads.items()} == {
        "r1": (3, "instructed"),
        "r2": (1, "instructed"),
    }
    assert heads["r2"].at == last.at
    assert [(head.run_id, head.seq) for head in stores.log.heads(["r1", "r3", "unknown"])] == [("r1", 3)]
    assert stores.log.heads([]) == []


def test_a_live_lease_keeps_others_out_and_names_its_owner(stores: Any) -> None:
    stores.leases.claim("r1", "somebody")
    assert stores.leases.live("r1")
    with pytest.raises(StaleWriter, match="somebody"):
        stores.leases.claim("r1", "other")


def test_a_renewed_lease_outlives_its_first_term(stores: Any) -> None:
    fence = stores.leases.claim("r1", "me")
    stores.clock.now += 20
    stores.leases.renew("r1", fence)
    stores.clock.now += 20
    assert stores.leases.live("r1")
    stores.clock.now += 11
    assert not stores.leases.live("r1")


def test_a_lost_lease_cannot_be_renewed(stores: Any) -> None:
    old = stores.leases.claim("r1", "first")
    stores.clock.now += 31
    stores.leases.claim("r1", "second")
    with pytest.raises(StaleWriter):
        stores.leases.renew("r1", old)
    stores.leases.release("r1", old)  # without effect
    assert stores.leases.live("r1")


def test_a_released_run_is_free_at_once(stores: Any) -> None:
    fence = stores.leases.claim("r1", "first")
    stores.leases.release("r1", fence)
    assert not stores.leases.live("r1")
    with pytest.raises(StaleWriter):
        stores.leases.renew("r1", fence)
    assert stores.leases.claim("r1", "second") == fence + 1
    assert not stores.leases.live("unknown")


def test_of_many_claims_at_once_one_wins(stores: Any) -> None:
    start = threading.Barrier(6)

    def claim(name: str) -> int | None:
        start.wait()
        try:
            return int(stores.leases.claim("r1", name))
        except StaleWriter:
            return None

    with ThreadPoolExecutor(6) as pool:
        fences = list(pool.map(claim, "abcdef"))
    assert sorted(f for f in fences if f is not None) == [1]


def test_words_are_taken_once_in_order_and_by_their_own_run(stores: Any) -> None:
    stores.inbox.send("r1", "say", "first")
    stores.inbox.send("r2", "cancel", "other")
    stores.inbox.send("r1", "allow", "docs/**")
    first, second = stores.inbox.look("r1")
    assert [(w.kind, w.text) for w in (first, second)] == [("say", "first"), ("allow", "docs/**")]
    stores.inbox.drop(first)
    assert stores.inbox.look("r1") == [second]
    assert [w.text for w in stores.inbox.look("r2")] == ["other"]


def record(repo: str = "/srv/a.git", branch: str = "honk/x", **more: Any) -> PullRequestRecord:
    fields = {"base": "main", "head_sha": "a" * 40, "title": "T", "body": "B", "draft": True, "run_id": "r1"}
    return PullRequestRecord.model_validate({"repo": repo, "branch": branch} | fields | more)


def test_pull_requests_are_numbered_for_each_repository(stores: Any) -> None:
    numbers = [stores.pulls.add(record(repo=repo)).number for repo in ("a", "a", "b", "a")]
    assert numbers == [1, 2, 1, 3]


def test_pull_requests_of_a_branch_come_newest_first_and_equal(stores: Any) -> None:
    first = stores.pulls.add(record(labels=("x", "y"), reviewers=("o/team",), state="closed"))
    second = stores.pulls.add(record(title="Ünï 🜚"))
    stores.pulls.add(record(branch="other"))
    assert stores.pulls.of_branch("/srv/a.git", "main", "honk/x") == [second, first]
    assert stores.pulls.of_branch("/srv/a.git", "dev", "honk/x") == []


def test_an_edit_replaces_the_record(stores: Any) -> None:
    stored = stores.pulls.add(record())
    changes = {"state": "merged", "head_sha": "b" * 40, "draft": False}
    changed = stored.model_copy(update=changes)
    assert stores.pulls.edit("/srv/a.git", 1, lambda now: now.model_copy(update=changes)) == changed
    assert stores.pulls.of_branch("/srv/a.git", "main", "honk/x") == [changed]

    def refuse(now: PullRequestRecord) -> PullRequestRecord:
        raise UserError(f"It is {now.state}.")

    with pytest.raises(UserError, match="It is merged"):
        stores.pulls.edit("/srv/a.git", 1, refuse)
    with pytest.raises(StoreError):
        stores.pulls.edit("nowhere", 1, lambda now: now)
    assert stores.pulls.all() == [changed]


def test_of_edits_at_once_none_is_lost(stores: Any) -> None:
    stores.pulls.add(record())
    gate = threading.Barrier(4)

    def approve(who: str) -> None:
        gate.wait()
        stores.pulls.edit(
            "/srv/a.git", 1, lambda now: now.model_copy(update={"approvals": (*now.approvals, who)})
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(approve, "abcd"))
    assert sorted(stores.pulls.get("/srv/a.git", 1).approvals) == list("abcd")


def test_numbers_stay_unique_when_many_add_at_once(stores: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = [r.number for r in pool.map(stores.pulls.add, [record() for _ in range(20)])]
    assert sorted(numbers) == list(range(1, 21))


def test_an_artifact_can_be_removed(artifacts: Artifacts) -> None:
    kept, gone = artifacts.put(b"kept"), artifacts.put(b"to be removed")
    assert (artifacts.size(kept), artifacts.size(gone)) == (4, 13)
    artifacts.remove(gone)
    artifacts.remove(gone)
    assert (artifacts.size(kept), artifacts.size(gone)) == (4, 0)
    with pytest.raises(StoreError):
        artifacts.get(gone)
    assert artifacts.get(kept) == b"kept"


def test_artifacts_come_back_by_their_digest(artifacts: Artifacts) -> None:
    data = bytes(range(256)) * 500
    digest = artifacts.put(data)
    assert digest.startswith("sha256:") and len(digest) == 71
    assert artifacts.put(data) == digest
    assert artifacts.get(digest) == data
    assert artifacts.get(artifacts.put(b"")) == b""


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "sha256:../../etc/passwd", "", "md5:0"])
def test_an_artifact_that_is_not_there_is_a_store_error(artifacts: Artifacts, digest: str) -> None:
    with pytest.raises(StoreError):
        artifacts.get(digest)
