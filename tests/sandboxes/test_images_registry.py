"""Pulling from a real registry that wants a password: Debian's docker-registry, on loopback."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError, UserError
from honk.sandboxes.build import Workbench
from honk.sandboxes.clients import HostClients
from honk.sandboxes.images import StockImages, named_image

pytestmark = pytest.mark.docker

BASE = "debian:bookworm-slim"
USER, PASSWORD = "ada", "s3cret"
HASH = "$2y$05$ZmV.1QSmUG2mg6FV4YMUA.YhAJAwXRAnGeB7SXYvPet5cla2JiKIC"  # of PASSWORD
CONFIG = """version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: honk, path: {folder}/htpasswd}}}}
"""


def _program() -> str:
    """The registry's program: installed, or unpacked from its package below HONK_TEST_TOOLS."""
    if found := shutil.which("docker-registry"):
        return found
    tools = os.environ.get("HONK_TEST_TOOLS")
    if not tools:
        pytest.skip("HONK_TEST_TOOLS is not set: no folder for docker-registry")
    home = Path(tools) / "docker-registry"
    if not (home / "usr/bin/docker-registry").exists():
        home.mkdir(parents=True, exist_ok=True)
        get = "apt-get -q download docker-registry && dpkg -x docker-registry_*.deb ."
        done = subprocess.run(["sh", "-c", get], cwd=home, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"apt cannot fetch docker-registry: {done.stderr.strip()[-300:]}")
    return str(home / "usr/bin/docker-registry")


@dataclass(frozen=True)
class Served:
    """A running registry with one image: the base."""

    address: str
    folder: Path

    @property
    def image(self) -> str:
        return f"{self.address}/team/base:1"


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def served(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("registry"), _free_port()
    (folder / "htpasswd").write_text(f"{USER}:{HASH}\n")
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, port=port))
    with subprocess.Popen([_program(), "serve", str(folder / "config.yml")]) as process:
        try:
            made = Served(f"127.0.0.1:{port}", folder)
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    continue
            client.images.get(BASE).tag(made.image)
            account = {"username": USER, "password": PASSWORD}
            said = [
                json.loads(line) for line in client.images.push(made.image, auth_config=account).splitlines()
            ]
            assert not [line for line in said if "error" in line], said
            client.images.remove(made.image)
            yield made
        finally:
            process.terminate()


@pytest.fixture
def bench(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[dict[str, object]], Workbench]]:
    """Makes a workbench of a person with this ~/.docker/config.json."""
    opened: list[docker.DockerClient] = []

    def make(config: dict[str, object]) -> Workbench:
        (tmp_path / "config.json").write_text(json.dumps(config))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        opened.append(docker.from_env())
        return Workbench(opened[-1], HostClients, tmp_path / "locks", False, lambda line: None)

    yield make
    for one in opened:
        with suppress(ImageNotFound):
            one.images.remove(served.image)
        one.close()


def login(served: Served, password: str = PASSWORD) -> dict[str, object]:
    """What `docker login` writes."""
    token = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return {"auths": {served.address: {"auth": token}}}


def test_an_image_is_pulled_with_the_credentials_of_docker_login(served: Served, bench, client) -> None:
    image = named_image(bench(login(served)), served.image, Cancel())
    assert image == client.images.get(served.image).id == client.images.get(BASE).id


@pytest.mark.parametrize(
    ("password", "name", "why"),
    [
        (None, "team/base:1", "no basic auth credentials"),
        pytest.param("wrong", "team/base:1", "unauthorized", marks=pytest.mark.full),
        (PASSWORD, "team/base:2", "manifest unknown"),
        (PASSWORD, "team/other:1", "unknown"),
    ],
)
def test_why_a_registry_does_not_give_an_image_is_said(
    served: Served, bench, password: str | None, name: str, why: str
) -> None:
    config = {} if password is None else login(served, password)
    with pytest.raises(UserError, match=rf"(?s)There is no image .*{name}.*{why}.*docker login"):
        named_image(bench(config), f"{served.address}/{name}", Cancel())


def test_a_registry_that_is_not_there_is_named(bench) -> None:
    with pytest.raises(UserError, match=r"connection refused.*Check the name"):
        named_image(bench({}), f"127.0.0.1:{_free_port()}/x:1", Cancel())


def test_a_credential_helper_that_fails_is_named(
    served: Served, bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-locked"
    helper.write_text("#!/bin/sh\necho the key ring is locked; exit 1\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(UserError, match=r"(?s)no registry gave it .*key ring is locked.*Check the name"):
        named_image(bench({"credsStore": "locked"}), served.image, Cancel())


def test_the_stock_image_starts_from_a_mirror_that_the_operator_names(
    served: Served, bench, client, tmp_path: Path
) -> None:
    recipes, mark = tmp_path / "sandbox", uuid.uuid4().hex
    recipes.mkdir()
    (recipes / "Dockerfile").write_text(f"FROM {BASE}\nLABEL honk.test={mark}\n")
    with pytest.raises(
        SandboxError, match=r"base of the sandbox image, .*team/base:1, was not pulled: .*auth"
    ):
        StockImages(bench({}), recipes, served.image).companion(Cancel())
    image = StockImages(bench(login(served)), recipes, served.image).companion(Cancel())
    try:
        assert client.images.get(served.image).id == client.images.get(BASE).id
        assert client.images.get(image).labels["honk.test"] == mark
        assert StockImages(bench({}), recipes).present() is None  # another base, another image
    finally:
        client.images.remove(image)
