"""What every forge does alike: the same cases against GitHub (over the fake) and the local forge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from honk.core.errors import ForgeError, UserError
from honk.core.ports import Publisher, PullRequestTable
from honk.core.types import Proposal, RepoRef
from honk.forges.local import LocalForge
from honk.stores.database import Database
from honk.stores.pulls import SqlPullRequests
from honk.testing.github import FakeGitHub
from honk.testing.memory_stores import MemoryPullRequests

BRANCH = "honk/bump-logging-1a2b"


@dataclass(frozen=True)
class Case:
    """A forge with a repository whose branch is pushed. ``close`` is a person's click."""

    forge: Publisher
    repo: RepoRef
    head: str
    close: Callable[[int, bool], None]
    count: Callable[[], int]

    def proposal(self, **changes: object) -> Proposal:
        fields: dict[str, object] = {
            "run_id": "r1",
            "repo": self.repo,
            "base": "main",
            "branch": BRANCH,
            "head_sha": self.head,
            "title": "Bump acme-log to 2",
            "body": "It works.",
            "draft": True,
        }
        return Proposal.model_validate(fields | changes)


@pytest.fixture(params=["github", "local", "local_sql"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return request.getfixturevalue(f"{request.param}_case")


@pytest.fixture
def github_case(github: FakeGitHub, open_forge: Callable[..., Publisher]) -> Case:
    hub = github.add_repo("acme/app", {"dev": "write"})
    base = hub.commit("main", "one\n")
    head = hub.commit(BRANCH, "two\n", parent=base)
    forge = open_forge(github.add_token("dev", scopes=("repo",)))
    repo = RepoRef(forge="github", name="acme/app", url=f"{github.bodies.git}/acme/app.git")

    def close(number: int, merge: bool) -> None:
        hub.pulls[number - 1].close(merge=merge)

    return Case(forge, repo, head, close, lambda: len(hub.pulls))


@pytest.fixture
def local_case(tmp_path: Path) -> Case:
    return over_table(MemoryPullRequests(), tmp_path)


@pytest.fixture
def local_sql_case(tmp_path: Path) -> Iterator[Case]:
    database = Database(f"sqlite:///{tmp_path / 'honk.sqlite'}")
    yield over_table(SqlPullRequests(database), tmp_path)
    database.close()


def over_table(table: PullRequestTable, folder: Path) -> Case:
    origin = folder / "origin.git"
    for name in ("objects", "refs"):
        (origin / name).mkdir(parents=True)
    repo = RepoRef(forge="local", name=str(origin), url=origin.as_uri())

    def close(number: int, merge: bool) -> None:
        changes = {"state": "merged" if merge else "closed"}
        table.edit(repo.name, number, lambda record: record.model_copy(update=changes))

    def count() -> int:
        return len(table.of_branch(repo.name, "main", BRANCH))

    return Case(LocalForge(table), repo, "a" * 40, close, count)


def test_a_repository_that_may_be_written_is_pushed_to_directly(case: Case) -> None:
    access = case.forge.access(case.repo, fork=False)
    assert (access.url, access.fork) == (case.repo.url, False)


def test_a_pull_request_is_opened_once_with_what_was_proposed(case: Case) -> None:
    opened = case.forge.publish(case.proposal())
    assert (opened.number, opened.draft, opened.created, opened.state) == (1, True, True, "open")
    assert case.forge.find(case.repo, "main", BRANCH) == opened.model_copy(update={"created": False})


def test_nothing_is_found_before_anything_was_opened(case: Case) -> None:
    assert case.forge.find(case.repo, "main", BRANCH) is None


def test_publishing_again_updates_the_same_pull_request(case: Case) -> None:
    first = case.forge.publish(case.proposal())
    again = case.forge.publish(case.proposal())
    better = case.forge.publish(case.proposal(title="Better", body="More."))
    assert again == better == first.model_copy(update={"created": False})
    assert case.count() == 1


def test_the_draft_state_of_an_open_pull_request_is_left_alone(case: Case) -> None:
    case.forge.publish(case.proposal(draft=False))
    assert case.forge.publish(case.proposal(draft=True, title="Other")).draft is False


def test_a_pull_request_that_a_person_closed_is_never_opened_again(case: Case) -> None:
    case.forge.publish(case.proposal())
    case.close(1, False)
    with pytest.raises(ForgeError, match="was closed; honk does not open it again"):
        case.forge.publish(case.proposal())
    found = case.forge.find(case.repo, "main", BRANCH)
    assert found is not None and found.state == "closed"
    assert case.count() == 1


def test_a_pull_request_merged_with_this_commit_counts_as_published(case: Case) -> None:
    case.forge.publish(case.proposal())
    case.close(1, True)
    assert case.forge.publish(case.proposal()).state == "merged"
    with pytest.raises(ForgeError, match="was merged"):
        case.forge.publish(case.proposal(head_sha="b" * 40))
    assert case.count() == 1


def test_a_repository_that_is_gone_is_the_persons_to_mend(case: Case) -> None:
    gone = RepoRef(forge=case.repo.forge, name=f"{case.repo.name}-gone", url=f"{case.repo.url}-gone")
    with pytest.raises(UserError) as refusal:
        case.forge.access(gone, fork=False)
    assert refusal.value.hint
