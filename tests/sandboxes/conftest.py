"""Parts that the tests of sandboxes share: an engine, small repositories, opened sandboxes."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from honk.core.cancel import Cancel
from honk.core.operator import SandboxCeiling
from honk.core.sandbox import SandboxSpec
from honk.sandboxes.docker import DockerSandbox, DockerSandboxes
from honk.sandboxes.sweep import sweep
from tests.base import IMAGE


@dataclass(frozen=True)
class HostRepository:
    """A git repository on the host, to seed sandboxes from."""

    path: Path

    def git(self, *words: str, data: bytes | None = None) -> bytes:
        settings = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "core.autocrlf=false")
        done = subprocess.run(
            ["git", "-C", str(self.path), *settings, *words], input=data, capture_output=True, check=True
        )
        return done.stdout

    def write(self, files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def commit(self, files: Mapping[str, bytes] = {}) -> str:
        self.write(files)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a commit")
        return self.git("rev-parse", "HEAD").decode().strip()

    def pack(self, commit: str, *without: str) -> bytes:
        revisions = "".join(f"{line}\n" for line in (commit, *(f"^{c}" for c in without)))
        return self.git("pack-objects", "--stdout", "--revs", "--thin", "-q", data=revisions.encode())

    def spec(self, head: str, **changes: object) -> SandboxSpec:
        values: dict[str, object] = {
            "run_id": f"run-{uuid.uuid4().hex[:8]}",
            "role": "work",
            "image": IMAGE,
            "packs": (self.pack(head),),
            "shallow": (),
            "head": head,
            "checkout": head,
        }
        return SandboxSpec(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def client() -> Iterator[docker.DockerClient]:
    engine = docker.from_env()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def scope(client: docker.DockerClient) -> Iterator[str]:
    """Labels all that this test session makes; nothing of it may be left."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    assert sweep(client, name, lambda run: False) == 0


@pytest.fixture(scope="session")
def sandboxes(client: docker.DockerClient, scope: str) -> DockerSandboxes:
    ceiling = SandboxCeiling(memory=1 << 30, pids=512, tmp_size=256 << 20)
    return DockerSandboxes(client, ceiling, IMAGE, scope)


@pytest.fixture
def repository(tmp_path: Path) -> HostRepository:
    path = tmp_path / "origin"
    subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
    return HostRepository(path)


@pytest.fixture(scope="module")
def box(sandboxes: DockerSandboxes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerSandbox]:
    """One sandbox for the tests of a module that leave it as they found it."""
    path = tmp_path_factory.mktemp("box") / "origin"
    subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
    repository = HostRepository(path)
    head = repository.commit({"README": b"hello\n", "src/main.py": b"print(1)\n"})
    with sandboxes.open(repository.spec(head), Cancel()) as sandbox:
        yield sandbox


Opener = Callable[..., AbstractContextManager[DockerSandbox]]


@pytest.fixture
def opened(sandboxes: DockerSandboxes, repository: HostRepository) -> Opener:
    """Open a sandbox on a repository with one file; keywords change its SandboxSpec."""
    head = repository.commit({"README": b"hello\n"})
    return lambda **changes: sandboxes.open(repository.spec(head, **changes), Cancel())
