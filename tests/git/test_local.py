from __future__ import annotations

import os
from pathlib import Path

import pytest

from honk.core.errors import UserError
from honk.git.local import describe
from honk.git.person import head_files, identity
from honk.testing.gitrepos import Repo


def test_a_clean_repository_without_origin(origin: Repo) -> None:
    origin.commit({"a.txt": "a\n"})
    (origin.path / "sub").mkdir()
    found = describe(origin.path / "sub")
    assert found.top == origin.path
    assert (found.bare, found.empty, found.shallow, found.origin, found.branch) == (
        False,
        False,
        False,
        None,
        "main",
    )
    assert (found.dirty_count, found.unpushed, found.config_uncommitted) == (0, 0, False)


def test_uncommitted_files_are_counted_and_the_first_are_named(origin: Repo) -> None:
    origin.commit({"a.txt": "a\n", "b.txt": "b\n", ".gitignore": "*.log\n"})
    origin.write({"a.txt": "changed\n", "x.log": "ignored", **{f"new{n}.txt": "n" for n in range(9)}})
    (origin.path / "b.txt").unlink()
    found = describe(origin.path)
    assert found.dirty_count == 11
    assert found.dirty == ("a.txt", "b.txt", "new0.txt", "new1.txt", "new2.txt")


@pytest.mark.parametrize("state", ["untracked", "modified", "ignored"])
def test_an_uncommitted_configuration_is_told(origin: Repo, state: str) -> None:
    origin.commit({"a.txt": "a\n", ".gitignore": ".honk.yml\n" if state == "ignored" else ""})
    if state == "modified":
        origin.commit({".honk.yml": "verify: auto\n"})
        assert not describe(origin.path).config_uncommitted
    origin.write({".honk.yml": "setup: [make]\n"})
    assert describe(origin.path).config_uncommitted


def test_commits_that_origin_does_not_have_are_counted(origin: Repo, tmp_path: Path) -> None:
    origin.commit()
    clone = Repo(tmp_path / "clone")
    clone.git("remote", "add", "origin", str(origin.path))
    clone.git("fetch", "--quiet", "origin")
    clone.git("reset", "--quiet", "--hard", "origin/main")
    assert describe(clone.path).unpushed == 0
    clone.commit({"x": "1"})
    clone.commit({"x": "2"})
    clone.git("checkout", "--quiet", "-b", "other", "origin/main")
    assert describe(clone.path).unpushed == 0
    assert describe(clone.path, base="main").unpushed == 2
    assert describe(clone.path).origin == str(origin.path)


@pytest.mark.parametrize("how", ["--bare", "--mirror"])
def test_of_a_clone_that_keeps_no_branches_of_origin_nothing_is_said(
    origin: Repo, tmp_path: Path, how: str
) -> None:
    origin.commit()
    origin.git("clone", "--quiet", how, str(origin.path), str(tmp_path / "q.git"))
    found = describe(tmp_path / "q.git")
    assert (found.bare, found.origin, found.unpushed) == (True, str(origin.path), 0)


def test_what_was_never_pushed_is_counted(origin: Repo) -> None:
    origin.commit()
    origin.git("remote", "add", "origin", "https://git.example/never/pushed.git")
    assert describe(origin.path).unpushed == 1


def test_the_users_short_forms_of_addresses_are_expanded(origin: Repo, tmp_path: Path) -> None:
    config = tmp_path / "gitconfig"
    config.write_text('[url "https://github.com/"]\n\tinsteadOf = gh:\n')
    origin.git("remote", "add", "origin", "gh:acme/app")
    assert describe(origin.path, user_config=config).origin == "https://github.com/acme/app"
    assert describe(origin.path).origin == "gh:acme/app"


def test_a_bare_repository(origin: Repo, tmp_path: Path) -> None:
    origin.commit()
    origin.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    found = describe(tmp_path / "bare.git")
    assert (found.top, found.bare, found.branch) == (tmp_path / "bare.git", True, "main")


def test_an_empty_and_a_shallow_repository(origin: Repo, tmp_path: Path) -> None:
    assert describe(origin.path).empty
    origin.commit({"a": "1"})
    origin.commit({"a": "2"})
    origin.git("clone", "--quiet", "--depth=1", f"file://{origin.path}", str(tmp_path / "shallow"))
    found = describe(tmp_path / "shallow")
    assert found.shallow and not found.empty


def test_a_linked_work_tree_names_the_shared_repository(origin: Repo, tmp_path: Path) -> None:
    origin.commit()
    origin.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "side")
    found = describe(tmp_path / "linked")
    assert (found.top, found.git_dir, found.branch) == (tmp_path / "linked", origin.path / ".git", "side")


def test_a_detached_head_has_no_branch(origin: Repo) -> None:
    origin.commit()
    origin.git("checkout", "--quiet", "--detach")
    assert describe(origin.path).branch is None


@pytest.mark.parametrize("name", ["", "missing"])
def test_no_repository_is_a_users_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        describe(tmp_path / name if name else tmp_path)


def test_nothing_of_the_repository_is_run(origin: Repo, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    origin.commit({"a.txt": "a\n"})
    script = tmp_path / "fire.sh"
    script.write_text(f"#!/bin/sh\ntouch {canary}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.editor", "diff.external", "core.sshCommand"):
        origin.git("config", key, str(script))
    for hook in ("post-index-change", "pre-commit"):
        (origin.path / ".git" / "hooks").mkdir(exist_ok=True)
        (origin.path / ".git" / "hooks" / hook).write_text(script.read_text())
        (origin.path / ".git" / "hooks" / hook).chmod(0o755)
    origin.write({"a.txt": "changed\n"})
    assert describe(origin.path).dirty == ("a.txt",)
    assert not canary.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to another user")
def test_filters_of_another_users_repository_do_not_run(origin: Repo, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    origin.commit({"a.txt": "a\n", ".gitattributes": "*.txt filter=evil\n"})
    origin.git("config", "filter.evil.clean", f"touch {canary}; cat")
    origin.git("config", "filter.evil.required", "true")
    origin.write({"a.txt": "changed\n"})
    for path in [origin.path, *origin.path.rglob("*")]:
        os.chown(path, 4321, 4321)
    assert describe(origin.path).dirty == ("a.txt",)
    assert not canary.exists()


def test_a_relative_origin_is_taken_from_the_top_folder(origin: Repo, tmp_path: Path) -> None:
    origin.commit({"sub/a": "a"})
    origin.git("remote", "add", "origin", "../other.git")
    assert describe(origin.path / "sub").origin == str(tmp_path / "other.git")


def test_the_committed_files_of_a_person_are_read(origin: Repo, tmp_path: Path) -> None:
    origin.commit({"a.txt": "a\n"})
    origin.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "side")
    linked = Repo(tmp_path / "linked")
    linked.commit({"b.txt": "b\n"})
    origin.write({"a.txt": "not committed\n"})
    files, read = head_files(describe(origin.path))
    assert {path: read(oid) for path, oid in files.items()} == {"a.txt": b"a\n"}
    files, _ = head_files(describe(linked.path))
    assert set(files) == {"a.txt", "b.txt"}


def test_a_person_without_a_commit_has_no_files(origin: Repo) -> None:
    with pytest.raises(UserError, match="no commit yet"):
        head_files(describe(origin.path))


def test_the_person_is_known_from_gits_configuration(origin: Repo, tmp_path: Path) -> None:
    assert identity(describe(origin.path)) == "Ada <ada@example.com>"
    origin.git("config", "--unset", "user.email")
    assert identity(describe(origin.path)) == ""
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\temail = ada@work.example\n")
    assert identity(describe(origin.path), config) == "Ada <ada@work.example>"
