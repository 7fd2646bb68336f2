"""Real repositories and a real git server for the tests of honk.git."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from honk.core.types import RepoRef
from honk.git.commits import Committer
from honk.git.mirror import Mirror, open_mirror
from honk.git.remote import Credential, Network
from honk.testing.githttp import GitHttpServer
from honk.testing.gitrepos import Repo

TOKEN = "tok-of-the-tests"


@pytest.fixture
def origin(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "origin")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def mirror_of(home: Path) -> Iterator[Callable[..., Mirror]]:
    opened: list[Mirror] = []

    def make(repo: Repo | RepoRef, *, depth: int = 50, committer: Committer | None = None) -> Mirror:
        ref = repo.ref if isinstance(repo, Repo) else repo
        mirror = open_mirror(home, ref, depth=depth, committer=committer)
        opened.append(mirror)
        return mirror

    yield make
    for mirror in opened:
        mirror.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHttpServer]:
    root = tmp_path / "served"
    root.mkdir()
    with GitHttpServer(root, TOKEN, read_only="tok-read-only") as running:
        yield running


@pytest.fixture
def served(server: GitHttpServer, origin: Repo) -> RepoRef:
    """``acme/app`` on the server, with one commit on a protected main."""
    origin.commit({"app.py": "print('v1')\n"})
    bare = server.root / "acme" / "app.git"
    bare.parent.mkdir()
    origin.git("clone", "--quiet", "--bare", str(origin.path), str(bare))
    hook = bare / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\ncase $1 in refs/heads/main|refs/heads/honk/protected*)\n"
        "echo 'GH006: Protected branch update failed.' >&2; exit 1;; esac\n"
    )
    hook.chmod(0o755)
    return RepoRef(forge="github", name="acme/app", url=f"{server.url}/acme/app.git")


@pytest.fixture
def connect(home: Path, server: GitHttpServer) -> Iterator[Callable[..., Mirror]]:
    opened: list[Mirror] = []

    def make(ref: RepoRef, token: str | None = TOKEN, *, home: Path = home, depth: int = 50) -> Mirror:
        credential = Credential(server.url, lambda: token) if token is not None else None
        network = Network(ca_file=server.ca_file)
        opened.append(open_mirror(home, ref, credential, network=network, depth=depth))
        return opened[-1]

    yield make
    for mirror in opened:
        mirror.close()
