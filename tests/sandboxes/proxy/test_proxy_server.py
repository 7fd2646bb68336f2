"""The endpoint itself: its folder and socket, methods, keep-alive, many clients, the log."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from honk.core.operator import Registry
from honk.sandboxes.proxy import PackageProxy


@pytest.fixture
def way(serve, wheel, tmp_path: Path):
    wheel(tmp_path, "a", "1.0")
    return serve([Registry(kind="pypi", url=str(tmp_path))])


def raw(way, data: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(way.socket))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
        return found


def test_anyone_inside_the_mounted_folder_can_connect_and_nobody_else_on_the_host(way) -> None:
    folder = way.endpoint.directory
    assert [p.name for p in folder.iterdir()] == ["proxy.sock"]
    assert folder.stat().st_mode & 0o7777 == 0o755
    assert way.socket.stat().st_mode & 0o7777 == 0o666
    assert folder.parent.stat().st_mode & 0o7777 == 0o700
    assert len(str(way.socket)) < 108


def test_nothing_is_left_after_a_run_though_a_client_still_holds_its_connection(tmp_path: Path) -> None:
    proxy = PackageProxy([Registry(kind="pypi", url=str(tmp_path))])
    before = threading.active_count()
    with proxy.open("../../a very long run id with odd characters") as endpoint:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(endpoint.directory / "proxy.sock"))
        connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(9) == b"HTTP/1.1 "
    assert not endpoint.directory.parent.exists()
    with connection:
        while connection.recv(65536):
            pass
    for thread in threading.enumerate():
        if thread.daemon:
            thread.join(10)
    assert threading.active_count() <= before
    proxy.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "BREW"])
def test_the_proxy_only_reads(way, method: str) -> None:
    assert way.get("/pypi/simple/a/", method).status == 405
    assert way.asked() == (f"{method} pypi /simple/a/ 405",)


def test_a_request_with_a_body_ends_its_connection(way) -> None:
    answer = raw(
        way,
        b"POST /pypi/simple/a/ HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
        b"GET /pypi/simple/a/ HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    assert answer.count(b"HTTP/1.1 ") == 1
    answer = raw(
        way,
        b"GET /pypi/simple/a/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"GET /pypi/simple/a/ HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /pypi HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_noted(way, data: bytes) -> None:
    assert b"HTTP/1.1 4" in raw(way, data) or b"HTTP/1.1 5" in raw(way, data)
    assert way.asked()
    assert way.get("/pypi/simple/a/").status == 200


def test_head_gives_the_same_head_without_a_body(way) -> None:
    for path in ("/pypi/simple/a/", "/pypi/files/a/a-1.0-py3-none-any.whl", "/nothing"):
        get, head = way.get(path), way.get(path, "HEAD")
        assert head.body == b""
        assert (head.status, head.headers["Content-Length"]) == (get.status, str(len(get.body)))
    assert "HEAD pypi /simple/a/ 200" in way.asked()


def test_a_connection_carries_many_requests(way) -> None:
    connection = way.connection()
    for _ in range(3):
        for path, status in (("/pypi/simple/a/", 200), ("/pypi/simple/none/", 404)):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
    assert connection.sock is not None
    connection.close()


def test_twenty_clients_at_once_each_get_their_file(serve, upstream) -> None:
    registry = upstream()
    data = {f"p{i}": bytes([i]) * 300_000 for i in range(20)}
    for name, content in data.items():
        registry.page(f"/{name}/", f'<a href="/f/{name}-1.zip">x</a>')
        registry.file(f"/f/{name}-1.zip", content)
    way = serve([Registry(kind="pypi", url=registry.url)])
    meet = threading.Barrier(20)

    def client(name: str) -> bool:
        meet.wait(30)
        return all(way.get(f"/pypi/files/{name}/{name}-1.zip").body == data[name] for _ in range(5))

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(client, data))
    assert len(way.asked()) == 100


def test_the_log_is_bounded_and_its_lines_are_clean(way) -> None:
    connection = way.connection()
    connection.request("GET", "/" + "x" * 400)
    connection.getresponse().read()
    for _ in range(2010):
        connection.request("GET", "/pypi/simple/none/")
        connection.getresponse().read()
    connection.close()
    lines = way.asked()
    assert lines[0] == "GET - /" + "x" * 299 + " 404"
    assert (len(lines), lines[-1]) == (2001, "and 11 more requests")
    raw(way, b"GET /a\x1b[31m\x7f\xff HTTP/1.1\r\nHost: x\r\n\r\n")
    assert all(line.isprintable() for line in way.asked())


def test_registries_are_found_out_at_the_first_request_and_once(serve, wheel, tmp_path: Path) -> None:
    wheel(tmp_path, "a", "1.0")
    calls: list[int] = []

    def find() -> list[Registry]:
        calls.append(1)
        return [Registry(kind="pypi", url=str(tmp_path))]

    way = serve(find)
    assert calls == []
    assert [way.get("/pypi/simple/a/").status for _ in range(3)] == [200, 200, 200]
    assert calls == [1]


def test_a_registry_that_is_wrong_is_a_reason_for_the_client(serve) -> None:
    answer = serve(lambda: [Registry(kind="pypi", url="/no/such/folder")]).get("/pypi/simple/a/")
    assert answer.status == 502
    assert "neither an http address nor a folder" in answer.reason
