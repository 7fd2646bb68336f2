"""The only way out of a sandbox: a Unix socket that the companion forwards to."""

from __future__ import annotations

import hashlib
import shutil
import socket
import socketserver
import tempfile
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from honk.core.cancel import Cancel

pytestmark = pytest.mark.docker


@dataclass
class Registry:
    """A package index on a Unix socket, for as long as the test runs."""

    directory: Path
    pages: dict[str, bytes]
    paths: list[str] = field(default_factory=list)

    def asked(self) -> tuple[str, ...]:
        paths, self.paths = self.paths, []
        return tuple(paths)


def wheel() -> bytes:
    folder = Path(tempfile.mkdtemp())
    with zipfile.ZipFile(folder / "w", "w") as archive:
        archive.writestr("acme_log.py", "VERSION = 2\n")
        info = "acme_log-2.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: acme-log\nVersion: 2.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{info}/RECORD", f"acme_log.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    data = (folder / "w").read_bytes()
    shutil.rmtree(folder)
    return data


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    request_queue_size = 128  # its threads are waited for at the end, and close their sockets


@pytest.fixture
def registry():
    data = wheel()
    name = "acme_log-2.0-py3-none-any.whl"
    link = f'<a href="/pypi/files/{name}#sha256={hashlib.sha256(data).hexdigest()}">{name}</a>'
    directory = Path(tempfile.mkdtemp(prefix="honk-test-"))
    directory.chmod(0o755)
    pages = {"/pypi/simple/acme-log/": link.encode(), f"/pypi/files/{name}": data, "/large": bytes(5 << 20)}
    made = Registry(directory, pages)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            made.paths.append(f"GET {self.path}")
            body = made.pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html" if body and body[:1] == b"<" else "application/zip")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def address_string(self):
            return "unix"

        def log_message(self, *words):
            pass

    with Server(str(directory / "proxy.sock"), Handler) as server:
        (directory / "proxy.sock").chmod(0o666)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()
    shutil.rmtree(directory)


def test_pip_installs_through_the_proxy_and_nothing_else_is_reachable(
    sandboxes, repository, registry, client
):
    gateway = client.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway") or "172.17.0.1"
    with socket.create_server(("0.0.0.0", 0)) as canary:
        port = canary.getsockname()[1]
        spec = repository.spec(repository.commit({"a": b"1"}))
        with sandboxes.open(spec, Cancel(), registry) as sandbox:
            result = sandbox.shell.run("pip install acme-log && python3 -c 'import acme_log'", timeout=60)
            assert result.exit_code == 0, result.output
            assert "GET /pypi/simple/acme-log/" in sandbox.asked() and not sandbox.asked()
            for address in (gateway, "127.0.0.1", "1.1.1.1"):
                code = f"import socket; socket.create_connection(('{address}', {port}), 3)"
                assert "Error" in sandbox.shell.run(f'python3 -c "{code}"', timeout=10).output


def test_the_proxy_works_again_after_a_thaw(sandboxes, repository, registry):
    spec = repository.spec(repository.commit({"a": b"1"}))
    with sandboxes.open(spec, Cancel(), registry) as sandbox:
        assert sandbox.run("pip install acme-log", timeout=60).exit_code == 0
        assert sandbox.run("python3 -c 'import acme_log'", timeout=30).exit_code == 0
        sandbox.freeze()
        sandbox.thaw()
        assert sandbox.run("pip download -q --no-deps -d /tmp acme-log", timeout=60).exit_code == 0


def test_many_connections_and_large_answers(sandboxes, repository, registry):
    spec = repository.spec(repository.commit({"a": b"1"}))
    code = (
        "from concurrent.futures import ThreadPoolExecutor as P; import urllib.request as u\n"
        "get = lambda _: len(u.urlopen('http://127.0.0.1:7411/large', timeout=60).read())\n"
        "print(sum(P(16).map(get, range(32))))"
    )
    with sandboxes.open(spec, Cancel(), registry) as sandbox:
        found = sandbox.shell.run(f'python3 -c "{code}"', timeout=90)
        assert found.output == f"{32 * (5 << 20)}\n"


def test_the_sandbox_sees_neither_the_socket_nor_the_companion(sandboxes, repository, registry):
    spec = repository.spec(repository.commit({"a": b"1"}))
    with sandboxes.open(spec, Cancel(), registry) as sandbox:
        result = sandbox.shell.run(
            "ls /run/honk; find / -name '*.sock' 2>/dev/null; cat /proc/net/unix", timeout=30
        )
        assert "No such file" in result.output and "proxy.sock" not in result.output


def test_without_a_proxy_a_client_fails_at_once(opened):
    with opened() as sandbox:
        result = sandbox.shell.run("pip --retries 0 install acme-log", timeout=30)
        assert result.exit_code == 1 and not result.timed_out and sandbox.asked() == ()
