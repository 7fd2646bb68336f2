"""What GitHub, the network and people can do to a run: nothing twice, nothing by surprise."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from honk.testing.githttp import FETCH, PUSH, Stall
from honk.testing.github_state import Pull, Repo
from honk.testing.gitrepos import git_processes
from tests.e2e.hub import Hub, Late
from tests.e2e.installed import SECONDS, Installed, Installer
from tests.world import FINISH, GREET

pytestmark = pytest.mark.docker

CREATE = r"^POST /api/v3/repos/[^/]+/[^/]+/pulls$"
CREATE_PATH = r"^POST /repos/[^/]+/[^/]+/pulls$"


def kill_while_opening(honk: Installed, hub: Hub, *, done: bool) -> str:
    """Start a run and kill -9 it once its branch is pushed and GitHub is asked to open; its id."""
    late = hub.fake.late = Late(CREATE, done=done)
    started = honk.start("say hello", "--repo", "acme/app")
    try:
        assert late.reached.wait(SECONDS), started.err.read_text()
        started.process.kill()
        assert started.end().code == -9
    finally:
        late.go.set()
    return honk.run_id()


@pytest.mark.parametrize("opened", [False, pytest.param(True, marks=pytest.mark.full)])
def test_a_crash_between_push_and_pull_request_ends_in_exactly_one(
    install: Installer, hub: Hub, opened: bool
) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    run_id = kill_while_opening(honk, hub, done=opened)
    assert (len(hub.branches(repo)), len(repo.pulls)) == (1, int(opened))
    calls = len(honk.service.journal)
    again = honk.honk("resume", run_id, "--json")
    assert again.code == 0, again.err
    assert hub.the_pull(repo).head_sha == again.result.head_sha
    assert len(honk.service.journal) == calls
    assert honk.leftovers() == []


# ---- a server that stops answering ------------------------------------------------------


@contextmanager
def stalled(hub: Hub, stall: Stall) -> Iterator[Stall]:
    hub.server.stall = stall
    try:
        yield stall
    finally:
        stall.go.set()
        hub.server.stall = None


@pytest.mark.full
def test_cancel_during_a_push_that_hangs_keeps_the_patch_and_resume_finishes_it(
    install: Installer, hub: Hub
) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    with stalled(hub, Stall(PUSH, begun=False)) as stall:
        started = honk.start("say hello", "--repo", "acme/app", "--json")
        assert stall.reached.wait(SECONDS), started.err.read_text()
        assert git_processes(honk.settings.home) != []
        assert honk.honk("cancel", honk.run_id()).code == 0
        done = started.end()
        assert git_processes(honk.settings.home) == []
    assert (done.code, done.result.outcome) == (130, "cancelled"), done.err
    assert "honk cancel" in done.result.reason
    assert "+echo hello" in honk.honk("diff", done.result.run_id).out
    assert (hub.branches(repo), honk.leftovers()) == ([], [])
    calls = len(honk.service.journal)
    again = honk.honk("resume", done.result.run_id, "--json")
    assert (again.code, again.result.outcome) == (0, "published"), again.err
    assert hub.the_pull(repo).head_sha == again.result.head_sha
    assert len(honk.service.journal) == calls


@pytest.mark.full
def test_ctrl_c_during_a_first_fetch_that_hangs_ends_the_run_and_resume_finishes_it(
    install: Installer, hub: Hub
) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    with stalled(hub, Stall(FETCH, begun=True)) as stall:
        started = honk.start("say hello", "--repo", "acme/app", "--json")
        assert stall.reached.wait(SECONDS), started.err.read_text()
        started.signal(signal.SIGINT)
        done = started.end()
        assert git_processes(honk.settings.home) == []
    assert (done.code, done.result.outcome) == (130, "cancelled"), done.err
    assert "SIGINT" in done.result.reason
    again = honk.honk("resume", done.result.run_id, "--json")
    assert (again.code, again.result.outcome) == (0, "published"), again.err
    assert hub.the_pull(repo).head_sha == again.result.head_sha


# ---- people -----------------------------------------------------------------------------


def close(pull: Pull) -> None:
    pull.close()


def merge(pull: Pull) -> None:
    pull.close(merge=True)


def push_over(pull: Pull) -> None:
    pull.head_repo.commit(pull.head_ref, "mine", parent=pull.head_sha)


@pytest.mark.full
@pytest.mark.parametrize(
    ("click", "code", "word"), [(close, 40, "was closed"), (merge, 0, ""), (push_over, 0, "")]
)
def test_what_a_person_did_meanwhile_stays(
    install: Installer, hub: Hub, click: Callable[[Pull], None], code: int, word: str
) -> None:
    """Closed: not opened again. Merged: that is success. Pushed over: their commit stays."""
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    run_id = kill_while_opening(honk, hub, done=True)
    [pull] = repo.pulls
    click(pull)
    state, sha = pull.state, pull.head_sha
    again = honk.honk("resume", run_id, "--json")
    assert again.code == code, again.err
    assert word in again.result.reason
    assert (len(repo.pulls), pull.state, pull.head_sha) == (1, state, sha)


@pytest.mark.full
def test_a_server_error_on_opening_is_waited_out(install: Installer, hub: Hub) -> None:
    """Twice nothing happened; the third time it did, but the answer was lost."""
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    honk.env["XDG_CONFIG_HOME"] = str(honk.root)
    (honk.root / "honk").mkdir()
    (honk.root / "honk" / "honk.toml").write_text('labels = ["honk"]\n')
    hub.fake.fail_next(CREATE_PATH, 502, times=2)
    hub.fake.fail_next(CREATE_PATH, 502, after=True)
    done = honk.honk("say hello", "--repo", "acme/app")
    assert done.code == 0, done.err
    assert hub.the_pull(repo).labels == ["honk"]


@pytest.mark.full
def test_a_storm_of_server_errors_fails_the_run_and_resume_opens_one(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    hub.fake.fail_next(CREATE_PATH, 503, times=4)
    done = honk.honk("say hello", "--repo", "acme/app", "--json")
    assert done.code == 40
    assert "503" in done.result.reason
    assert "honk resume" in done.result.reason
    assert repo.pulls == []
    again = honk.honk("resume", done.result.run_id)
    assert again.code == 0, again.err
    assert len(hub.the_pull(repo).title) > 0


# ---- refused before any model cost ------------------------------------------------------


def no_push_right(hub: Hub, repo: Repo) -> str:
    repo.roles["grace"] = "read"
    return hub.fake.add_token("grace", scopes=("repo",))


def no_scope(hub: Hub, repo: Repo) -> str:
    return hub.fake.add_token("ada", scopes=("read:org",))


def only_contents(hub: Hub, repo: Repo) -> str:
    grants = {"metadata": "read", "contents": "write"}
    return hub.fake.add_token("ada", prefix="github_pat_", grants=grants, repos=frozenset({repo.id}))


def not_of_this_repository(hub: Hub, repo: Repo) -> str:
    repo.private = True
    return hub.fake.add_token("mallory", scopes=("repo",))


def revoked(hub: Hub, repo: Repo) -> str:
    return "ghp_" + "0" * 36


def archived(hub: Hub, repo: Repo) -> str:
    repo.archived = True
    return hub.fake.add_token("ada", scopes=("repo",))


def none(hub: Hub, repo: Repo) -> str:
    return ""


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        (no_push_right, ("write access to the repository", "--fork")),
        pytest.param(no_scope, ("the scope `repo`",), marks=pytest.mark.full),
        (only_contents, ("write permission for pull requests",)),
        pytest.param(not_of_this_repository, ("404", "may see the repository"), marks=pytest.mark.full),
        pytest.param(revoked, ("401", "GITHUB_TOKEN"), marks=pytest.mark.full),
        pytest.param(archived, ("archived", "--repo"), marks=pytest.mark.full),
        (none, ("no credential", "GITHUB_TOKEN")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_credential_that_does_not_suffice_is_told_at_once(
    install: Installer, hub: Hub, credential: Callable[[Hub, Repo], str], words: tuple[str, ...]
) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk, credential(hub, repo))
    done = honk.honk("say hello", "--repo", "acme/app", "--json")
    assert done.code == 2, done.err
    assert [word for word in words if word not in done.err] == []
    assert (honk.service.journal, repo.pulls, hub.branches(repo)) == ([], [], [])


def test_a_private_ca_that_is_not_named_is_told_without_trying_again(
    install: Installer, hub: Hub, tmp_path: Path
) -> None:
    honk = install([GREET, FINISH])
    hub.repo()
    hub.sign_in(honk)
    del honk.env["GIT_SSL_CAINFO"]
    done = honk.honk("say hello", "--repo", "acme/app")
    assert done.code == 40
    assert "GIT_SSL_CAINFO" in done.err
    assert done.err.count("\n") == 2
