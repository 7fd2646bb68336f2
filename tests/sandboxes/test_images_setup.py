"""Setup commands: run once online on the base commit, kept as an image of the sandbox's user."""

from __future__ import annotations

import http.server
import json
import shlex
import socketserver
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, UserError
from honk.resources import folder
from honk.sandboxes.build import ContextFile, Workbench
from honk.sandboxes.clients import FOLDER, HostClients
from honk.sandboxes.images import StockImages, built_image
from honk.sandboxes.online import online
from honk.sandboxes.setup import Seed, prepare

pytestmark = pytest.mark.docker

MARKER = "marker-of-the-host-0815"
HOST = HostClients(files={"ca.pem": MARKER.encode()}, environment={"HONK_TEST_CA": f"{FOLDER}/ca.pem"})


class Workshop:
    """prepare() with one repository and a key of the test's own."""

    def __init__(self, client: docker.DockerClient, locks: Path, seed: Seed) -> None:
        self.client = client
        self.lines: list[str] = []
        self.bench = Workbench(client, lambda: HOST, locks, True, self.lines.append)
        self.base = StockImages(self.bench, folder("sandbox")).companion(Cancel())
        self.seeded = 0
        self.made: list[str] = []
        self._seed = seed
        self._key = uuid.uuid4().hex

    def seed(self) -> Seed:
        self.seeded += 1
        return self._seed

    def prepare(
        self,
        *commands: str,
        image: str | None = None,
        key: str = "",
        proxy: Path | None = None,
        timeout: float = 120,
        cancel: Cancel | None = None,
    ) -> str:
        made = prepare(
            self.bench,
            image=image or self.base,
            companion_image=self.base,
            commands=commands,
            key=self._key + key,
            seed=self.seed,
            proxy=proxy,
            timeout=timeout,
            cancel=cancel or Cancel(),
        )
        if commands:
            self.made.append(made)
        return made

    def inside(self, image: str, script: str) -> str:
        output: bytes = self.client.containers.run(
            image, ["-ec", script], entrypoint="sh", user="10001:10001", remove=True, network_mode="none"
        )
        return output.decode()


@pytest.fixture
def workshop(client: docker.DockerClient, tmp_path: Path, repository: object) -> Iterator[Workshop]:
    head = repository.commit(  # type: ignore[attr-defined]
        {"a.txt": b"one\ntwo\n", ".gitattributes": b"* text eol=crlf\n", "sub/b": b"\x00\xff"}
    )
    seed = Seed((repository.pack(head),), (), head)  # type: ignore[attr-defined]
    made = Workshop(client, tmp_path / "locks", seed)
    yield made
    for image in dict.fromkeys(reversed(made.made)):
        client.images.remove(image, force=True)


def test_no_commands_leave_the_image_as_it_is(workshop: Workshop) -> None:
    assert workshop.prepare() == workshop.base
    assert workshop.seeded == 0


def test_commands_see_the_repository_byte_for_byte_and_their_files_stay(workshop: Workshop) -> None:
    image = workshop.prepare(
        "git status --porcelain > /status; git rev-list --count HEAD >> /status; cp a.txt sub/b /opt",
        "echo installed > .env; echo $HOME > /home-was; id -u >> /home-was",
    )
    said = workshop.inside(
        image, "cat /status /home-was; cat .env; ls -A; stat -c %u . .env a.txt ..; od -An -c /opt/a.txt"
    )
    words = said.split()
    assert words[:4] == ["1", "/workspace/home", "0", "installed"]
    assert ".git" not in words and {".env", "a.txt", "sub"} <= set(words)
    assert words.count("10001") == 4
    assert "\\n" in said and "\\r" not in said
    assert workshop.lines[0].startswith("setup: git status")


def test_the_same_setup_is_found_without_running_again(workshop: Workshop) -> None:
    first = workshop.prepare("echo once > /once")
    assert workshop.prepare("echo once > /once") == first
    assert workshop.seeded == 1


def test_other_commands_or_another_key_are_another_image(workshop: Workshop) -> None:
    images = {
        workshop.prepare("echo 1 > /x"),
        workshop.prepare("echo 2 > /x"),
        workshop.prepare("echo 1 > /x", key="other lock file"),
    }
    assert len(images) == 3


def test_a_failing_command_is_shown_with_its_last_lines(workshop: Workshop) -> None:
    message = (
        r"(?s)The setup command `echo looking; echo not found >&2; exit 7` failed with exit code 7.*not found"
    )
    with pytest.raises(UserError, match=message):
        workshop.prepare("true", "echo looking; echo not found >&2; exit 7")
    with pytest.raises(UserError):  # a failure is not cached as a success
        workshop.prepare("true", "echo looking; echo not found >&2; exit 7")


def test_a_command_that_never_ends_runs_into_its_limit(workshop: Workshop) -> None:
    with pytest.raises(UserError, match=r"(?s)`echo begun; sleep 600` ran into its time limit.*begun"):
        workshop.prepare("echo begun; sleep 600", timeout=2)


def test_cancelling_ends_a_setup(workshop: Workshop) -> None:
    cancel = Cancel()
    workshop.bench = replace(workshop.bench, progress=lambda line: cancel.set("enough"))
    with pytest.raises(Cancelled, match="enough"):
        workshop.prepare("echo begun; sleep 600", cancel=cancel)


def test_the_image_keeps_its_configuration_and_nothing_of_the_host(
    workshop: Workshop, client: docker.DockerClient
) -> None:
    text = f'FROM {workshop.base}\nENV A=b\nUSER 10001\nENTRYPOINT ["/bin/echo", "x"]\nCMD ["y"]\n'
    files = [ContextFile("Dockerfile", text.encode())]
    own = built_image(workshop.bench, "Dockerfile", uuid.uuid4().hex, lambda: files, Cancel())
    workshop.made.append(own)
    image = workshop.prepare(
        f'test "$(cat $HONK_TEST_CA)" = {MARKER} && apt-get --version > /opt/v', image=own
    )
    before, after = client.images.get(own), client.images.get(image)
    for key in ("Env", "Cmd", "Entrypoint", "User", "WorkingDir", "Volumes"):
        assert after.attrs["Config"][key] == before.attrs["Config"][key], key
    assert MARKER not in json.dumps([after.attrs, after.history()])
    assert "HONK_TEST_CA" not in json.dumps(after.attrs)
    assert workshop.inside(image, "ls -A /dev/shm; find / -xdev -name ca.pem 2>/dev/null || true") == ""


def test_proxies_of_the_docker_client_reach_the_commands_and_no_image(
    workshop: Workshop, client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = {"default": {"httpProxy": "http://user:hunter2@proxy:3128"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    configured = docker.from_env()
    workshop.bench = replace(workshop.bench, client=configured)
    image = workshop.prepare('test "$http_proxy" = http://user:hunter2@proxy:3128')
    configured.close()
    attributes = client.images.get(image)
    assert "hunter2" not in json.dumps([attributes.attrs, attributes.history()])


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from the proxy")

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet: the handler's own would want a client address, which a Unix socket has not."""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "proxy"
    where.mkdir(mode=0o755)
    with _Server(str(where / "proxy.sock"), _Hello) as server:
        (where / "proxy.sock").chmod(0o666)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield where
        server.shutdown()
        thread.join()


def test_the_package_proxy_is_reached_on_loopback(workshop: Workshop, proxy: Path) -> None:
    fetch = "python3 -c \"import os, urllib.request as u; print(u.urlopen('http://127.0.0.1:7411/').read())\""
    image = workshop.prepare(f"{fetch} > /said; echo $PIP_INDEX_URL >> /said", proxy=proxy)
    said = workshop.inside(image, "cat /said")
    assert "hello from the proxy" in said and "http://127.0.0.1:7411/pypi/simple/" in said


def test_behind_the_package_proxy_no_password_of_an_index_is_inside(workshop: Workshop, proxy: Path) -> None:
    files = {"pip.conf": b"[global]\nindex-url = https://ada:s3cret@packages.example/simple\n"}
    host = HostClients(files=files, environment={"PIP_CONFIG_FILE": f"{FOLDER}/pip.conf"})
    workshop.bench = replace(workshop.bench, clients=lambda: host)
    workshop.prepare(f'test ! -e {FOLDER}/pip.conf && test -z "$PIP_CONFIG_FILE"', proxy=proxy)
    workshop.prepare("grep -q s3cret $PIP_CONFIG_FILE")


def test_setup_has_no_more_of_root_than_package_managers_need(workshop: Workshop) -> None:
    refused = (
        "mount -t tmpfs x /mnt",
        "unshare -n true",
        "mknod /opt/disk b 8 0",
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET)'",
        "chroot / true",
    )
    image = workshop.prepare(
        "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status > /status",
        "touch /opt/f && chown 33:8 /opt/f && chmod 2750 /opt/f && stat -c '%u:%g %a' /opt/f >> /status",
        "setpriv --reuid 33 --regid 33 --clear-groups sleep 60 & kill $! && echo killed >> /status",
        *(f"! {command}" for command in refused),
    )
    assert workshop.inside(image, "cat /status").split() == [
        *("CapEff:", "00000000000000fb", "CapBnd:", "00000000000000fb"),
        *("NoNewPrivs:", "1", "Seccomp:", "2", "33:8", "2750", "killed"),
    ]


@pytest.mark.full
def test_what_is_prepared_at_the_same_time_does_not_meet(
    workshop: Workshop, client: docker.DockerClient
) -> None:
    def quiet(line: str) -> None: ...

    with (
        online(client, workshop.base, cancel=Cancel()) as one,
        online(client, workshop.base, cancel=Cancel()) as other,
    ):
        probe = "import socket; socket.create_connection(('127.0.0.1', 8000))"
        serve = (
            "setsid python3 -m http.server 8000 >/dev/null 2>&1 &"
            f' until python3 -c "{probe}" 2>/dev/null; do :; done'
        )
        assert one.run(serve, progress=quiet, timeout=60).exit_code == 0
        [address] = one.run("hostname -i", progress=quiet, timeout=60).tail
        ask = f"import socket; socket.create_connection(('{address}', 8000), timeout=3)"
        done = other.run(f'python3 -c "{ask}"', progress=quiet, timeout=60)
        assert done.exit_code == 1 and "timed out" in done.tail[-1]
        default = client.containers.create(workshop.base, ["python3", "-c", ask], network_mode="bridge")
        try:
            default.start()
            assert default.wait()["StatusCode"] == 1
        finally:
            default.remove(force=True)


@pytest.mark.full
def test_setup_installs_packages_of_the_system(workshop: Workshop) -> None:
    """With users, setgid folders and a service among them; skips where no mirror is reached."""
    try:
        workshop.prepare("apt-get update -q")
    except UserError as error:
        pytest.skip(f"the distribution's packages cannot be reached from containers here: {error}")
    image = workshop.prepare(
        "apt-get update -q && apt-get install -qy --no-install-recommends cron redis-server sudo",
        "sudo -n service redis-server start && until redis-cli ping; do sleep 0.1; done",
        "service redis-server stop && stat -c '%a %G' /var/spool/cron/crontabs > /said",
    )
    assert workshop.inside(image, "cat /said") == "1730 crontab\n"


POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<parent><groupId>org.slf4j</groupId><artifactId>slf4j-parent</artifactId><version>1.7.32</version>
<relativePath/></parent><artifactId>x</artifactId><packaging>pom</packaging>
<repositories><repository><id>here</id><url>file:///usr/share/maven-repo</url></repository></repositories>
</project>"""


@pytest.mark.full
def test_what_maven_fetched_for_root_is_there_for_the_user_offline(workshop: Workshop) -> None:
    jdk = StockImages(workshop.bench, folder("sandbox")).image(frozenset({"jdk"}), Cancel())
    validate = f"printf %s {shlex.quote(POM)} > pom.xml && mvn -B -ntp validate"
    image = workshop.prepare(validate, image=jdk)
    assert "BUILD SUCCESS" in workshop.inside(image, "cd /workspace/repo; mvn -B -o validate")
