"""The local forge's own ground: folders, rights, and an address that people can use."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from honk.core.errors import UserError
from honk.core.types import Proposal, RepoRef
from honk.forges.local import LocalForge
from honk.testing.memory_stores import MemoryPullRequests


def repository(path: Path, *options: str) -> RepoRef:
    subprocess.run(["git", "init", "--quiet", *options, str(path)], check=True, capture_output=True)
    return RepoRef(forge="local", name=str(path), url=path.as_uri())


@pytest.mark.parametrize("options", [("--bare",), ()])
def test_a_repository_with_or_without_a_work_tree_is_pushed_to(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    repo = repository(tmp_path / "my app", *options)
    assert LocalForge(MemoryPullRequests()).access(repo, fork=False).url == repo.url


def test_a_linked_work_tree_is_pushed_to(tmp_path: Path) -> None:
    repository(tmp_path / "app")
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (
        [*author, "commit", "--quiet", "--allow-empty", "-m", "one"],
        ["worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked"],
    ):
        subprocess.run(["git", "-C", str(tmp_path / "app"), *command], check=True, capture_output=True)
    linked = RepoRef(forge="local", name=str(tmp_path / "linked"), url=(tmp_path / "linked").as_uri())
    assert LocalForge(MemoryPullRequests()).access(linked, fork=False).url == linked.url


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_repository_of_somebody_else_is_refused_with_a_way_out(tmp_path: Path) -> None:
    repo = repository(tmp_path / "app.git", "--bare")
    (tmp_path / "app.git" / "objects").chmod(0o500)
    with pytest.raises(UserError, match="no right to write") as refusal:
        LocalForge(MemoryPullRequests()).access(repo, fork=False)
    assert "--repo" in refusal.value.hint


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    repo = RepoRef(forge="local", name=str(tmp_path), url=tmp_path.as_uri())
    with pytest.raises(UserError, match="is not a git repository"):
        LocalForge(MemoryPullRequests()).access(repo, fork=False)


def test_the_address_names_repository_and_number(tmp_path: Path) -> None:
    repo = repository(tmp_path / "my app", "--bare")
    proposal = Proposal(
        run_id="r1",
        repo=repo,
        base="main",
        branch="honk/x",
        head_sha="a" * 40,
        title="t",
        body="b",
        draft=True,
        labels=("honk",),
        reviewers=("dev",),
    )
    table = MemoryPullRequests()
    opened = LocalForge(table).publish(proposal)
    assert opened.url == f"file://{tmp_path}/my%20app#honk-1"
    record = table.of_branch(repo.name, "main", "honk/x")[0]
    assert (record.run_id, record.labels, record.reviewers, record.head_sha) == (
        "r1",
        ("honk",),
        ("dev",),
        "a" * 40,
    )
