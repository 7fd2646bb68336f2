"""Pull requests of the local forge in the hands of people, on real repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from honk import settings as settings_module
from honk.core.errors import ForgeError, UserError
from honk.core.ports import PullRequestTable
from honk.core.pulls import PullRequestRecord
from honk.core.review import OpenMerger
from honk.core.types import Proposal, RepoRef
from honk.forges.local import LocalForge
from honk.forges.review import LocalReviews
from honk.wiring import open_mirror, open_stores
from honk.wiring.server import WHOLE_HISTORY
from tests.world import git, make_origin

BRANCH = "honk/x-1"


@dataclass
class Forge:
    """One bare origin with a pull request; ``work`` is a person's clone of it."""

    origin: Path
    work: Path
    reviews: LocalReviews
    forge: LocalForge
    table: PullRequestTable
    opened: OpenMerger

    def commit(self, branch: str, files: dict[str, str | None], *, start: str = "origin/main") -> str:
        """Commit ``files`` (None: removed) on ``branch`` and push it."""
        git(self.work, "fetch", "-q", "origin")
        known = git(self.work, "branch", "-r", "--list", f"origin/{branch}").strip()
        git(self.work, "checkout", "-q", "-B", branch, f"origin/{branch}" if known else start)
        for name, text in files.items():
            if text is None:
                (self.work / name).unlink()
            else:
                (self.work / name).write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", f"Change {', '.join(files)}")
        git(self.work, "push", "-q", "origin", branch)
        return self.sha(branch)

    def sha(self, branch: str) -> str:
        return git(self.origin, "rev-parse", f"refs/heads/{branch}").strip()

    def while_somebody(self, act: Callable[[], object]) -> LocalReviews:
        """The reviews of a person who is overtaken by ``act``."""
        return LocalReviews(Interrupted(self.table, act), self.opened)

    def propose(
        self, head: str, *, draft: bool = False, repo: Path | None = None, by: LocalForge | None = None
    ) -> None:
        path = repo or self.origin
        (by or self.forge).publish(
            Proposal(
                run_id="0a1b2c3d4e",
                repo=RepoRef(forge="local", name=str(path), url=path.as_uri()),
                base="main",
                branch=BRANCH,
                head_sha=head,
                title="Say hello",
                body="It greets.",
                draft=draft,
            )
        )

    @property
    def name(self) -> str:
        return str(self.origin)


class Interrupted:
    """A table where ``act`` happens once, after a record was read and before anything is written."""

    def __init__(self, table: PullRequestTable, act: Callable[[], object]) -> None:
        self._table = table
        self._acts = [act]

    def _act(self) -> None:
        while self._acts:
            self._acts.pop()()

    def get(self, repo: str, number: int) -> PullRequestRecord | None:
        found = self._table.get(repo, number)
        self._act()
        return found

    def of_branch(self, repo: str, base: str, branch: str) -> list[PullRequestRecord]:
        found = self._table.of_branch(repo, base, branch)
        self._act()
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._table, name)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    origin = make_origin(tmp_path / "o", {"a.txt": "1\n2\n3\n", "b.txt": "b\n"})
    work = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin), str(work))
    settings = settings_module.load(environ={"HONK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)})
    with open_stores(settings) as stores:

        def opened(repo: RepoRef):  # type: ignore[no-untyped-def]
            return open_mirror(settings, repo, depth=WHOLE_HISTORY)

        yield Forge(
            origin, work, LocalReviews(stores.pulls, opened), LocalForge(stores.pulls), stores.pulls, opened
        )


def refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        call()


def test_a_branch_on_top_of_its_base_is_merged_as_it_is(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\ntwo\n3\n"})
    forge.propose(head)
    review = forge.reviews.look(forge.name, 1)
    assert (review.head, review.conflicts, review.record.state) == (head, (), "open")
    assert review.change is not None and "+two" in review.change.patch
    forge.reviews.approve(forge.name, 1, "ada")
    forge.reviews.approve(forge.name, 1, "ada")
    forge.reviews.merge(forge.name, 1, head, "ada")
    assert forge.sha("main") == head
    record = forge.reviews.look(forge.name, 1).record
    assert (record.state, record.approvals, record.closed_by, record.merge_sha) == (
        "merged",
        ("ada",),
        "ada",
        head,
    )
    assert (
        record.opened_at is not None and record.closed_at is not None and record.closed_at >= record.opened_at
    )
    refused(lambda: forge.reviews.merge(forge.name, 1, head, "ada"), "is merged")


def test_a_base_that_went_on_gets_a_merge_commit(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n2\n3\nfour\n"})
    for number in range(60):  # further than a run's mirror would look back
        forge.commit("main", {"b.txt": f"{number}\n"})
    base = forge.sha("main")
    forge.propose(head)
    review = forge.reviews.look(forge.name, 1)
    assert review.change is not None and [f.path for f in review.change.files] == ["a.txt"]
    forge.reviews.merge(forge.name, 1, head, "ada")
    assert git(forge.origin, "log", "-1", "--format=%P", "main").split() == [base, head]
    assert git(forge.origin, "show", "main:a.txt") == "1\n2\n3\nfour\n"
    assert git(forge.origin, "show", "main:b.txt") == "59\n"
    assert "Merged-by: ada" in git(forge.origin, "log", "-1", "--format=%B", "main")
    git(forge.origin, "fsck", "--strict")


def test_conflicts_are_told_and_nothing_is_merged(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\nours\n3\n", "b.txt": None})
    base = forge.commit("main", {"a.txt": "1\ntheirs\n3\n", "b.txt": "changed\n"})
    forge.propose(head)
    assert forge.reviews.look(forge.name, 1).conflicts == ("a.txt", "b.txt")
    refused(lambda: forge.reviews.merge(forge.name, 1, head, "ada"), "Both sides changed a.txt, b.txt")
    assert forge.sha("main") == base and forge.reviews.look(forge.name, 1).record.state == "open"


def test_what_was_not_looked_at_is_not_merged(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head)
    moved = forge.commit(BRANCH, {"a.txt": "2\n"})
    refused(lambda: forge.reviews.merge(forge.name, 1, head, "ada"), "moved to")
    review = forge.reviews.look(forge.name, 1)
    assert (review.head, review.record.head_sha) == (moved, head)
    forge.reviews.merge(forge.name, 1, moved, "ada")
    assert forge.sha("main") == moved


def test_a_draft_is_made_ready_first(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head, draft=True)
    refused(lambda: forge.reviews.merge(forge.name, 1, head, "ada"), "draft")
    forge.reviews.ready(forge.name, 1)
    forge.reviews.merge(forge.name, 1, head, "ada")
    assert forge.sha("main") == head


def test_a_closed_one_stays_closed(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head)
    forge.reviews.close(forge.name, 1, "ada")
    for act in (
        lambda: forge.reviews.merge(forge.name, 1, head, "ada"),
        lambda: forge.reviews.approve(forge.name, 1, "ada"),
        lambda: forge.reviews.ready(forge.name, 1),
        lambda: forge.reviews.close(forge.name, 1, "ada"),
    ):
        refused(act, "is closed")
    refused(lambda: forge.reviews.look(forge.name, 2), "no pull request 2")


def test_what_git_alone_merged_is_noticed(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head)
    git(forge.work, "push", "-q", "origin", f"{BRANCH}:main")
    assert forge.reviews.look(forge.name, 1).record.state == "merged"


def test_a_branch_that_is_gone_is_told(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head)
    git(forge.work, "push", "-q", "origin", "--delete", BRANCH)
    assert forge.reviews.look(forge.name, 1).head is None
    refused(lambda: forge.reviews.merge(forge.name, 1, head, "ada"), "is gone")


def test_nobodys_work_tree_is_changed(forge: Forge) -> None:
    """A person's own checkout as the origin: git refuses to move the branch under it."""
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    git(forge.work, "checkout", "-q", "main")
    git(forge.work, "branch", "-q", "-f", BRANCH, head)
    forge.propose(head, repo=forge.work)
    before = git(forge.work, "rev-parse", "main")
    refused(lambda: forge.reviews.merge(str(forge.work), 1, head, "ada"), "is checked out")
    assert git(forge.work, "rev-parse", "main") == before and git(forge.work, "status", "--short") == ""
    git(forge.work, "merge", "-q", BRANCH)  # as the message says
    assert forge.reviews.look(str(forge.work), 1).record.state == "merged"


@pytest.mark.parametrize("merge_commit", [False, True])
def test_what_was_taken_back_is_known(forge: Forge, merge_commit: bool) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    if merge_commit:
        forge.commit("main", {"b.txt": "new\n"})
    forge.propose(head)
    forge.reviews.merge(forge.name, 1, head, "ada")
    assert forge.reviews.reverted() == frozenset()
    git(forge.work, "fetch", "-q")
    git(forge.work, "checkout", "-q", "-B", "main", "origin/main")
    git(forge.work, "revert", "--no-edit", *(["-m", "1"] if merge_commit else []), "HEAD")
    git(forge.work, "push", "-q", "origin", "main")
    assert forge.reviews.reverted() == {(forge.name, 1)}


def test_two_approvals_at_once_are_two(forge: Forge) -> None:
    forge.propose(forge.commit(BRANCH, {"a.txt": "1\n"}), draft=True)
    slow = forge.while_somebody(lambda: forge.reviews.approve(forge.name, 1, "bob"))
    slow.approve(forge.name, 1, "ada")
    forge.while_somebody(lambda: forge.reviews.approve(forge.name, 1, "eve")).ready(forge.name, 1)
    record = forge.table.get(forge.name, 1)
    assert record is not None and (record.approvals, record.draft) == (("bob", "ada", "eve"), False)


def test_what_was_merged_meanwhile_cannot_be_closed(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head)
    slow = forge.while_somebody(lambda: forge.reviews.merge(forge.name, 1, head, "bob"))
    refused(lambda: slow.close(forge.name, 1, "ada"), "is merged")
    record = forge.table.get(forge.name, 1)
    assert record is not None and (record.state, record.closed_by) == ("merged", "bob")


def test_what_was_merged_although_somebody_closed_it_meanwhile_is_merged(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head)
    slow = forge.while_somebody(lambda: forge.reviews.close(forge.name, 1, "bob"))
    slow.merge(forge.name, 1, head, "ada")
    record = forge.table.get(forge.name, 1)
    assert record is not None and (record.state, record.closed_by) == ("merged", "ada")


def test_who_merged_is_not_forgotten_by_who_looks(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head)
    slow = forge.while_somebody(lambda: forge.reviews.merge(forge.name, 1, head, "ada"))
    assert slow.look(forge.name, 1).record.closed_by == "ada"


def test_a_run_that_publishes_again_takes_no_approval_back(forge: Forge) -> None:
    head = forge.commit(BRANCH, {"a.txt": "1\n"})
    forge.propose(head)
    publishing = Interrupted(forge.table, lambda: forge.reviews.approve(forge.name, 1, "ada"))
    forge.propose(head, by=LocalForge(publishing))
    closing = Interrupted(forge.table, lambda: forge.reviews.close(forge.name, 1, "ada"))
    with pytest.raises(ForgeError, match="was closed"):
        forge.propose(head, by=LocalForge(closing))
    record = forge.table.get(forge.name, 1)
    assert record is not None and (record.state, record.approvals) == ("closed", ("ada",))
