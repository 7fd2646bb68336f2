"""Images that people name, and those built from a repository's own Dockerfile."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.resources import folder
from honk.sandboxes.build import ContextFile, Workbench
from honk.sandboxes.clients import HostClients
from honk.sandboxes.images import StockImages, built_image, named_image

pytestmark = pytest.mark.docker

BASE = "debian:bookworm-slim"


@pytest.fixture
def bench(client: docker.DockerClient, tmp_path: Path) -> Workbench:
    return Workbench(client, HostClients, tmp_path / "locks", False, lambda line: None)


@pytest.fixture
def made(client: docker.DockerClient) -> Iterator[list[str]]:
    """Images to be removed afterwards."""
    ids: list[str] = []
    yield ids
    for image in dict.fromkeys(ids):
        client.images.remove(image, force=True)


def tree() -> str:
    return uuid.uuid4().hex + uuid.uuid4().hex[:8]


def test_a_local_image_is_taken_as_it_is(client: docker.DockerClient, bench: Workbench) -> None:
    image = client.images.get(BASE).id
    assert [named_image(bench, BASE, Cancel()) for _ in range(2)] == [image, image]
    assert [path.name for path in bench.locks.iterdir()] == [f"usable-{image.removeprefix('sha256:')}"]


def test_an_image_that_is_nowhere_is_the_users_error(bench: Workbench) -> None:
    with pytest.raises(UserError, match=r"There is no image registry\.invalid/none.*Check the name"):
        named_image(bench, "registry.invalid/none:1", Cancel())


@pytest.mark.parametrize("name", ["UPPER CASE", "-v", "a:b:c"])
def test_a_name_that_no_image_can_have_is_the_users_error(bench: Workbench, name: str) -> None:
    with pytest.raises(UserError, match=f"no image {name}.*Check the name"):
        named_image(bench, name, Cancel())
    with pytest.raises(UserError, match=f"no image {name}.*Check the name"):
        StockImages(bench, folder("sandbox"), name).companion(Cancel())


def test_an_image_without_a_shell_is_refused(
    client: docker.DockerClient, bench: Workbench, made: list[str]
) -> None:
    files = [ContextFile("Dockerfile", b'FROM scratch\nCOPY Dockerfile /x\nCMD ["/x"]\n')]
    image = built_image(bench, "Dockerfile", tree(), lambda: files, Cancel())
    made.append(image)
    with pytest.raises(UserError, match=r"cannot be used: .*does not start.*must contain sh"):
        named_image(bench, image, Cancel())


def test_a_dockerfile_is_built_from_the_commits_files_once(
    client: docker.DockerClient, bench: Workbench, made: list[str]
) -> None:
    commit = tree()
    files = [
        ContextFile("docker/Dockerfile", f"FROM {BASE}\nCOPY . /src\nRUN /src/link > /said\n".encode()),
        ContextFile("go.sh", b"#!/bin/sh\necho ran\n", "100755"),
        ContextFile("link", b"go.sh", "120000"),
        ContextFile("secret.txt", b"x"),
        ContextFile(".dockerignore", b"# not these\nsecret*\n"),
    ]
    calls: list[int] = []

    def read() -> list[ContextFile]:
        calls.append(1)
        return files

    image = built_image(bench, "docker/Dockerfile", commit, read, Cancel())
    made.append(image)
    assert built_image(bench, "docker/Dockerfile", commit, read, Cancel()) == image
    assert len(calls) == 1
    said = client.containers.run(
        image, ["sh", "-c", "cat /said; ls -A /src"], remove=True, network_mode="none"
    )
    assert said.decode().split() == ["ran", ".dockerignore", "docker", "go.sh", "link"]


def test_a_dockerfile_that_fails_shows_its_last_lines(bench: Workbench) -> None:
    files = [ContextFile("Dockerfile", f"FROM {BASE}\nRUN echo no such package && exit 9\n".encode())]
    with pytest.raises(UserError, match=r"(?s)Dockerfile does not build: .*no such package.*--image"):
        built_image(bench, "Dockerfile", tree(), lambda: files, Cancel())


def test_a_dockerfile_that_is_not_in_the_commit_is_named(bench: Workbench) -> None:
    with pytest.raises(UserError, match=r"there is no docker/Dockerfile in the base commit"):
        built_image(bench, "docker/Dockerfile", tree(), lambda: [ContextFile("a", b"")], Cancel())
