"""A run that is cancelled while git talks to a server that has stopped answering."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled
from honk.core.types import PushAccess, RepoRef
from honk.git.command import Git
from honk.git.mirror import Mirror, open_mirror
from honk.git.remote import Credential, Network
from honk.testing.githttp import FETCH, PUSH, GitHttpServer, Stall
from honk.testing.gitrepos import Repo, git_processes, member, tar_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")

Open = Callable[[Cancel], Mirror]


@pytest.fixture
def opened(home: Path, server: GitHttpServer, served: RepoRef) -> Iterator[Open]:
    mirrors: list[Mirror] = []

    def make(cancel: Cancel) -> Mirror:
        credential = Credential(server.url, lambda: server.token)
        network = Network(ca_file=server.ca_file)
        mirrors.append(open_mirror(home, served, credential, network=network, cancel=cancel))
        return mirrors[-1]

    yield make
    for mirror in mirrors:
        mirror.close()


@contextmanager
def cancelled_at(stall: Stall, server: GitHttpServer) -> Iterator[Cancel]:
    """A token that another thread sets as soon as the server has stopped answering."""
    cancel = Cancel()

    def wait() -> None:
        assert stall.reached.wait(60)
        cancel.set("Stopped by SIGINT.")

    server.stall = stall
    thread = threading.Thread(target=wait)
    thread.start()
    yield cancel
    thread.join()
    stall.go.set()
    server.stall = None


def fsck(mirror: Mirror) -> None:
    subprocess.run(["git", "fsck", "--strict"], cwd=mirror.directory, check=True, capture_output=True)


def test_a_fetch_that_hangs_half_way_ends_with_the_run_and_the_next_one_works(
    opened: Open, server: GitHttpServer, origin: Repo
) -> None:
    first = opened(Cancel())
    before = first.fetch(None).sha
    (server.root / "acme/app.git/hooks/update").unlink()
    sha = origin.commit({"big.bin": os.urandom(1 << 20)})
    origin.git("push", "--quiet", str(server.root / "acme/app.git"), "main:main")
    with cancelled_at(Stall(FETCH, begun=True), server) as cancel:
        mirror = opened(cancel)
        with pytest.raises(Cancelled, match="SIGINT"):
            mirror.fetch(None)
        assert git_processes(mirror.directory) == []
    # git may die in the instant that it makes a lock; honk's own lock lets the next fetch clear it.
    (mirror.directory / "shallow.lock").touch()
    assert "app.py" in first.files(before)
    assert opened(Cancel()).fetch(None).sha == sha
    fsck(mirror)


def test_a_first_fetch_that_hangs_leaves_a_mirror_that_the_next_run_fills(
    opened: Open, server: GitHttpServer
) -> None:
    with cancelled_at(Stall(FETCH, begun=True), server) as cancel:
        mirror = opened(cancel)
        with pytest.raises(Cancelled):
            mirror.fetch(None)
        assert git_processes(mirror.directory) == []
    fsck(mirror)
    base = opened(Cancel()).fetch(None)
    assert "app.py" in mirror.files(base.sha)


@pytest.mark.parametrize("begun", [False, True])
def test_a_push_that_hangs_ends_with_the_run_and_can_be_made_again(
    opened: Open, server: GitHttpServer, begun: bool
) -> None:
    with cancelled_at(Stall(PUSH, begun), server) as cancel:
        mirror = opened(cancel)
        base = mirror.fetch(None).sha
        sha = mirror.commit([tar_of(member("app.py", b"v2"))], base=base, message="v2")
        access = PushAccess(url=f"{server.url}/acme/app.git")
        with pytest.raises(Cancelled):
            mirror.push(sha, "honk/x", access, None)
        assert git_processes(mirror.directory) == []
    assert "+v2" in mirror.diff(base, sha).patch  # what keeps the patch needs no remote
    again = opened(Cancel())
    assert again.head("honk/x", access) == (sha if begun else None)
    again.push(sha, "honk/x", access, None)
    assert again.head("honk/x", access) == sha


def test_after_the_cancellation_nobody_is_asked(opened: Open, server: GitHttpServer) -> None:
    cancel = Cancel()
    mirror = opened(cancel)
    cancel.set("enough")
    with pytest.raises(Cancelled, match="enough"):
        mirror.fetch(None)
    assert server.requests == []


def test_waiting_for_another_runs_fetch_ends_too(opened: Open, home: Path) -> None:
    cancel = Cancel()
    mirror = opened(cancel)
    mirror.fetch(None)
    seen: list[str] = []

    def fetch() -> None:
        try:
            mirror.ensure("1" * 40)
        except Cancelled as error:
            seen.append(error.message)

    with open(mirror.directory.with_suffix(".lock")) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        thread = threading.Thread(target=fetch)
        thread.start()
        cancel.set("enough")
        thread.join(60)
    assert seen == ["enough"]


def test_a_child_that_does_not_listen_is_killed(origin: Repo, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    origin.git("config", "alias.wait", f"!trap '' TERM; echo > {ready}; while :; do sleep 1; done")
    cancel = Cancel()

    def wait() -> None:
        ready.read_text()
        cancel.set("enough")

    thread = threading.Thread(target=wait)
    thread.start()
    with pytest.raises(Cancelled, match="enough"):
        Git(origin.path / ".git").attempt("wait", cancel=cancel)
    thread.join()
