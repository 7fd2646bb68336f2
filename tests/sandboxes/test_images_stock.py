"""The stock image: layers found by their content, made once, without a trace of the host."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.types import Mount

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, SandboxError
from honk.resources import folder
from honk.sandboxes import bootstrap
from honk.sandboxes.build import Workbench
from honk.sandboxes.clients import FOLDER, HostClients, discover
from honk.sandboxes.images import TOOLCHAINS, StockImages
from honk.sandboxes.online import online

pytestmark = pytest.mark.docker

MARKER = "marker-of-the-host-4711"


class Recipes:
    """A folder like ``sandbox/`` on top of the real base, with a layer that takes a moment."""

    def __init__(self, path: Path, parent: str) -> None:
        self.path = path
        self.lines: list[str] = []
        (path / "layers").mkdir(parents=True)
        (path / "Dockerfile").write_text(f"FROM {parent}\nLABEL honk.test={uuid.uuid4().hex}\n")
        self.layer("echo made > /made")

    def layer(self, script: str) -> None:
        (self.path / "layers" / "go.sh").write_text(script + "\n")

    def images(self, client: docker.DockerClient, locks: Path, clients: HostClients) -> StockImages:
        return StockImages(Workbench(client, lambda: clients, locks, False, self.lines.append), self.path)


@pytest.fixture(scope="module")
def stock(client: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> StockImages:
    locks = tmp_path_factory.mktemp("locks")
    clients = discover(os.environ, Path.home())  # npm may need this host's certificates
    return StockImages(Workbench(client, lambda: clients, locks, True, print), folder("sandbox"))


@pytest.fixture
def recipes(client: docker.DockerClient, stock: StockImages, tmp_path: Path) -> Iterator[Recipes]:
    parent = f"honk-test-{uuid.uuid4().hex[:8]}:base"
    client.images.get(stock.companion(Cancel())).tag(parent)
    made = Recipes(tmp_path / "sandbox", parent)
    yield made
    text = (made.path / "Dockerfile").read_text()
    label = text.split("LABEL ")[1].strip()
    for image in client.images.list(all=True, filters={"label": label}):
        for tag in image.tags:
            client.images.remove(tag)
    client.images.remove(parent)


GO = frozenset({"go"})


def test_a_layer_that_exists_is_found_without_building(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    images = recipes.images(client, tmp_path, HostClients())
    first = images.image(GO, Cancel())
    said = list(recipes.lines)
    assert images.image(GO, Cancel()) == first
    assert recipes.lines == said
    assert any("go" in line for line in said)


def test_a_changed_recipe_makes_a_new_layer_on_the_same_base(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    images = recipes.images(client, tmp_path, HostClients())
    base, first = images.companion(Cancel()), images.image(GO, Cancel())
    recipes.layer("echo other > /made")
    second = images.image(GO, Cancel())
    assert second != first
    assert images.companion(Cancel()) == base
    assert client.containers.run(second, "cat /made", remove=True, network_mode="none") == b"other\n"


def test_names_that_the_base_covers_add_no_layer(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    images = recipes.images(client, tmp_path, HostClients())
    assert images.image(frozenset({"python", "node"}), Cancel()) == images.companion(Cancel())


def test_two_at_once_build_a_layer_once(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    recipes.layer("cat /proc/sys/kernel/random/uuid > /made; sleep 1")  # a layer takes time
    found: list[str] = []
    images = recipes.images(client, tmp_path, HostClients())
    threads = [threading.Thread(target=lambda: found.append(images.image(GO, Cancel()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2 and len(set(found)) == 1
    assert sum(line.startswith("Adding go") for line in recipes.lines) == 1


def test_nothing_of_the_host_stays_in_a_layer(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    clients = HostClients(
        files={"ca.pem": MARKER.encode(), "pip.conf": b"[global]\n"},
        environment={"HONK_TEST_TOKEN": MARKER, "PIP_CONFIG_FILE": f"{FOLDER}/pip.conf"},
        proxies={"http_proxy": ""},
    )
    recipes.layer(
        f'touch /started; test "$(cat {FOLDER}/ca.pem)" = {MARKER} && test "$HONK_TEST_TOKEN" = {MARKER}'
        " && echo made > /made"
    )
    image = client.images.get(recipes.images(client, tmp_path, clients).image(GO, Cancel()))
    described = json.dumps([image.attrs, image.history()])
    assert MARKER not in described and "HONK_TEST_TOKEN" not in described and "pip.conf" not in described
    look = f"find / -xdev -newer /started -type f; grep -rlI {MARKER} /etc /root /run /tmp /dev/shm; true"
    newer = client.containers.run(image.id, ["sh", "-c", look], remove=True)
    of_the_engine = {"/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
    assert set(newer.decode().split()) <= {"/made", *of_the_engine}
    named = "find / -xdev -name 'honk*' -not -path '/etc/dpkg/*'; ls -A /dev/shm"
    assert client.containers.run(image.id, ["sh", "-c", named], remove=True) == b""


def test_a_layer_keeps_the_command_and_environment_of_its_base(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    images = recipes.images(client, tmp_path, HostClients())
    base = client.images.get(images.companion(Cancel())).attrs["Config"]
    layer = client.images.get(images.image(GO, Cancel())).attrs["Config"]
    for key in ("Env", "Cmd", "Entrypoint", "User", "WorkingDir", "Volumes"):
        assert layer[key] == base[key], key


def test_a_layer_that_fails_says_why_and_leaves_nothing(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    recipes.layer("echo the mirror is down; exit 3")
    images = recipes.images(client, tmp_path, HostClients())
    with pytest.raises(SandboxError, match="the mirror is down"):
        images.image(GO, Cancel())
    base = images.companion(Cancel())
    assert client.containers.list(all=True, filters={"ancestor": base}) == []


def test_cancelling_ends_a_layer_that_is_being_made(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    cancel = Cancel()
    with (
        online(
            client, recipes.images(client, tmp_path, HostClients()).companion(Cancel()), cancel=cancel
        ) as box,
        pytest.raises(Cancelled),
    ):
        box.run("echo started; sleep 600", progress=lambda line: cancel.set("enough"), timeout=500)


def test_no_registry_and_not_debian_is_an_error_that_says_what_to_do(
    client: docker.DockerClient, recipes: Recipes, tmp_path: Path
) -> None:
    (recipes.path / "Dockerfile").write_text("FROM registry.invalid/none:1\nLABEL honk.test=none\n")
    with pytest.raises(SandboxError, match=r"registry\.invalid/none:1, was not pulled: .*load it"):
        recipes.images(client, tmp_path, HostClients()).companion(Cancel())


def _as_the_user(client: docker.DockerClient, image: str, script: str) -> str:
    """Run as the sandbox does: user 10001, read-only root, no network."""
    output: bytes = client.containers.run(
        image,
        ["bash", "-ec", script],
        user="10001:10001",
        read_only=True,
        network_mode="none",
        environment={"HOME": "/workspace/home"},
        tmpfs={"/tmp": "rw,exec,mode=1777"},
        mounts=[Mount("/workspace", None, type="volume")],
        remove=True,
        stderr=True,
    )
    return output.decode()


@pytest.mark.full
def test_the_base_runs_python_node_and_c_as_the_sandboxes_user(
    client: docker.DockerClient, stock: StockImages
) -> None:
    script = (
        "id -un; cd /workspace/repo; echo 'def test_x(): pass' > test_x.py; python -m pytest -q;"
        "python -m venv .venv && .venv/bin/pip --version; node -e 'console.log(6 * 7)'; npm --version;"
        "echo 'int main(){return 0;}' > a.c; make a && ./a; rg -l test_x; git init -q .; patch --version"
    )
    output = _as_the_user(client, stock.companion(Cancel()), script)
    assert output.startswith("honk\n")
    assert "1 passed" in output and "42\n" in output and "test_x.py" in output


HELLO = {
    "bun": "cd /tmp; echo 'console.log(\"hello\")' > a.ts; bun run a.ts",
    "native": "cd /workspace/repo; printf 'project(a C)\\nadd_executable(a a.c)\\n' > CMakeLists.txt;"
    "echo '#include <stdio.h>\nint main(void){puts(\"hello\");}' > a.c;"
    "cmake -S . -B /tmp/b >/dev/null && cmake --build /tmp/b >/dev/null; /tmp/b/a; meson --version",
    "php": "cd /tmp; echo '<?php echo \"hello\";' > a.php; php a.php; composer --version; phpunit --version",
    "ruby": "cd /tmp; echo 'puts \"hello\"' > a.rb; ruby a.rb; rspec --version; rake --version; bundle -v",
    "go": "cd /workspace/repo; printf 'package main\\nfunc main(){println(\"hello\")}' > m.go; go run m.go",
    "jdk": "cd /tmp; "
    "echo 'class A{public static void main(String[] a){System.out.println(\"hello\");}}' > A.java;"
    "javac A.java; java A; mvn --version",
    "node-tools": "pnpm --version; yarn --version; echo hello",
    "python-tools": "tox --version; nox --version; pre-commit --version; echo hello",
    "rust": "cd /workspace/repo; cargo init --name a --vcs none -q; cargo run --offline -q",
}


@pytest.mark.full
@pytest.mark.parametrize("toolchain", TOOLCHAINS)
def test_each_toolchain_works_as_the_sandboxes_user(
    client: docker.DockerClient, stock: StockImages, toolchain: str
) -> None:
    image = stock.image(frozenset({toolchain}), Cancel())
    assert "hello" in _as_the_user(client, image, HELLO[toolchain]).lower()


@pytest.mark.full
def test_debootstrap_makes_the_base_where_no_registry_answers(client: docker.DockerClient) -> None:
    name = "debian:trixie-slim"
    if client.images.list(name):
        pytest.skip(f"{name} is here already")
    lines: list[str] = []
    bootstrap.debian(client, name, install=True, progress=lines.append, cancel=Cancel())
    try:
        output = client.containers.run(
            name, ["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"], remove=True
        )
        assert output == b"trixie\n"
        assert any("debootstrap" in line for line in lines)
    finally:
        client.images.remove(name)
