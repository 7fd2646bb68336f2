"""The image as people run it: built from the Dockerfile, started as compose.yml starts it."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from docker import DockerClient
from docker.models.containers import Container

from honk.testing.scripted import ScriptedModel
from tests.e2e.installed import CHECKOUT, docker_client, make_repo, until
from tests.stores.conftest import postgres, postgres_url

__all__ = ["postgres", "postgres_url"]  # fixtures

UID = 10100
TAG = "honk-service:test"


def _builders() -> list[str]:
    """Programs called docker: a newer one without its buildx plugin cannot build, an older one can."""
    folders = os.environ["PATH"].split(os.pathsep)
    return [str(Path(folder) / "docker") for folder in folders if (Path(folder) / "docker").exists()]


@pytest.fixture(scope="session")
def image() -> str:
    """Built as the Dockerfile says for a machine with a CA of its own."""
    secrets = []
    if bundle := os.environ.get("SSL_CERT_FILE"):
        secrets = ["--secret", f"id=ca,src={bundle}"]
    said = ""
    for program in _builders():
        done = subprocess.run(
            [program, "build", "--network", "host", "-t", TAG, *secrets, "."],
            cwd=CHECKOUT, capture_output=True, text=True, env={**os.environ, "DOCKER_BUILDKIT": "1"},
        )  # fmt: skip
        if done.returncode == 0:
            return TAG
        said += done.stdout[-2000:] + done.stderr[-2000:]
    raise AssertionError(said)


@dataclass
class Installation:
    """Server and workers on one database, with the paths of this machine that they need."""

    root: Path
    client: DockerClient
    service: ScriptedModel
    database: str
    port: int
    stack: ExitStack

    @property
    def origin(self) -> Path:
        return self.root / "o" / "origin.git"

    def start(self, *command: str, name: str) -> Container:
        """A container of the image, closed as compose.yml closes it."""
        shared, home = self.root / "tmp", self.root / "home"
        worker = command[0] == "worker"
        environment = {
            "HONK_DATABASE_URL": self.database,
            "HONK_MODEL": "anthropic:claude-sonnet-5-5",
            "HONK_HOST": "127.0.0.1",
            "HONK_PORT": str(self.port),
        }
        binds = [f"{home}:/var/lib/honk", f"{self.root}/etc:/etc/honk:ro", f"{self.origin}:{self.origin}"]
        if worker:
            environment |= {
                "ANTHROPIC_API_KEY": "key-of-the-test",
                "ANTHROPIC_BASE_URL": self.service.url,
                "TMPDIR": str(shared),
            }
            binds += [f"{shared}:{shared}", "/var/run/docker.sock:/var/run/docker.sock"]
        container = self.client.containers.run(
            TAG,
            [*command, "--config", "/etc/honk/honk.toml"],
            name=f"{self.root.name}-{name}",
            detach=True,
            network_mode="host",
            environment=environment,
            volumes=binds,
            read_only=True,
            tmpfs={"/tmp": ""},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            group_add=[os.stat("/var/run/docker.sock").st_gid] if worker else [],
        )
        self.stack.callback(container.remove, force=True, v=True)
        return container

    def http(self, server: Container) -> httpx2.Client:
        """A client with the admin's token, once the server is there."""
        url = f"http://127.0.0.1:{self.port}"

        def healthy() -> bool | None:
            server.reload()
            assert server.status == "running", server.logs().decode()
            try:
                return True if httpx2.get(f"{url}/healthz").status_code == 200 else None
            except httpx2.TransportError:
                return None

        until(healthy)
        code, token = server.exec_run(["cat", "/var/lib/honk/admin-token"])
        assert code == 0, token
        headers = {"Authorization": f"Bearer {token.decode().strip()}"}
        return self.stack.enter_context(httpx2.Client(base_url=url, headers=headers, timeout=60))


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


@pytest.fixture
def installation(
    image: str, tmp_path_factory: pytest.TempPathFactory, postgres_url: str, request: pytest.FixtureRequest
) -> Iterator[Installation]:
    assert stat.S_ISSOCK(os.stat("/var/run/docker.sock").st_mode)
    root = tmp_path_factory.mktemp("deploy")
    with ExitStack() as stack:
        service = stack.enter_context(ScriptedModel(*getattr(request, "param", ([],))))
        client = stack.enter_context(docker_client())
        made = Installation(root, client, service, postgres_url, free_port(), stack)
        make_repo(root / "o")
        (root / "etc").mkdir()
        (root / "etc" / "honk.toml").write_text(f'[server]\nrepositories = ["{root}/*"]\n')
        for folder in ("tmp", "home"):
            (root / folder).mkdir(mode=0o700)
        subprocess.run(["chown", "-R", f"{UID}:{UID}", root / "tmp", root / "home", root / "o"], check=True)
        yield made
