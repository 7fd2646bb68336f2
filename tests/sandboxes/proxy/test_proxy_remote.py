"""Registries behind HTTP: where credentials go, redirects, limits, failures under way."""

from __future__ import annotations

import base64
import http.client
import tracemalloc

import pytest
from pydantic import SecretStr

from honk.core.errors import SandboxError
from honk.core.operator import Registry
from honk.sandboxes.proxy import PackageProxy
from honk.sandboxes.proxy.remote import Remote
from honk.sandboxes.proxy.sources import RegistryError

BASIC = "Basic " + base64.b64encode(b"ada:s3cret").decode()


def pypi(url: str, **more: object) -> Registry:
    return Registry.model_validate({"kind": "pypi", "url": url, **more})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"username": "ada", "password": SecretStr("s3cret")}, BASIC),
        ({"token": SecretStr("t0ken")}, "Bearer t0ken"),
    ],
)
def test_credentials_go_to_the_registry_and_to_no_other_host(serve, upstream, more, expected: str) -> None:
    registry, cdn = upstream(), upstream()
    registry.key = expected
    registry.page("/a/", f'<a href="{cdn.url}/direct-1.zip">d</a><a href="/moved-1.zip">m</a>')
    registry.answers["/moved-1.zip"] = (302, {"Location": f"{cdn.url}/signed-1.zip?sig=x"}, b"")
    cdn.file("/direct-1.zip", b"direct")
    cdn.file("/signed-1.zip?sig=x", b"moved")
    way = serve([pypi(registry.url, **more)])
    assert way.get("/pypi/files/a/direct-1.zip").body == b"direct"
    assert way.get("/pypi/files/a/moved-1.zip", Authorization="Basic own").body == b"moved"
    assert {headers.get("authorization") for _, headers in registry.seen} == {expected}
    assert [headers.get("authorization") for _, headers in cdn.seen] == [None, None]


def test_a_user_in_the_address_is_a_credential(serve, upstream) -> None:
    registry = upstream()
    registry.key = BASIC
    registry.page("/simple/a/", "")
    way = serve([pypi(registry.url.replace("//", "//ada:s3cret@") + "/simple")])
    assert way.get("/pypi/simple/a/").status == 200


def test_the_same_host_under_another_name_or_port_gets_no_credential(serve, upstream) -> None:
    registry = upstream()
    registry.answers["/a/"] = (302, {"Location": registry.url.replace("127.0.0.1", "localhost") + "/b/"}, b"")
    registry.page("/b/", "")
    way = serve([pypi(registry.url, token=SecretStr("t0ken"))])
    assert way.get("/pypi/simple/a/").status == 200
    assert [h.get("authorization") for _, h in registry.seen] == ["Bearer t0ken", None]


def test_refused_credentials_are_named_and_the_next_registry_is_not_asked(serve, upstream) -> None:
    house, world = upstream(), upstream()
    house.key = BASIC
    answer = serve([pypi(house.url), pypi(world.url)]).get("/pypi/simple/a/")
    assert (answer.status, answer.reason) == (
        502,
        "The registry at 127.0.0.1 refuses honk's credentials (401).",
    )
    assert world.seen == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[", "gopher:x"])
def test_redirects_stay_within_http(serve, upstream, target: str) -> None:
    registry = upstream()
    registry.answers["/a/"] = (302, {"Location": target}, b"")
    assert serve([pypi(registry.url)]).get("/pypi/simple/a/").status == 502


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[::ffff:169.254.169.254]", "0.0.0.0"])
def test_no_page_and_no_redirect_leads_to_the_metadata_of_the_machine(serve, upstream, host: str) -> None:
    registry = upstream()
    registry.page("/a/", f'<a href="http://{host}/a-1.zip">a</a>')
    registry.answers["/b/"] = (302, {"Location": f"http://{host}/latest/"}, b"")
    way = serve([pypi(registry.url)])
    for answer in (way.get("/pypi/files/a/a-1.zip"), way.get("/pypi/simple/b/")):
        assert answer.status == 502
        assert "an address of honk's own machine" in answer.reason


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"])
def test_a_registry_elsewhere_names_no_service_of_this_machine(upstream, host: str) -> None:
    service = upstream()
    service.file("/secret", b"secret")
    remote = Remote(pypi("http://203.0.113.1/simple"))  # an address for documentation (RFC 5737)
    port = service.url.rpartition(":")[2]
    with pytest.raises(RegistryError, match="own machine"), remote.open(f"http://{host}:{port}/secret"):
        pass
    assert service.seen == []


def test_redirects_end(serve, upstream) -> None:
    registry = upstream()
    registry.answers["/a/"] = (302, {"Location": "/a/"}, b"")
    answer = serve([pypi(registry.url)]).get("/pypi/simple/a/")
    assert (answer.status, answer.reason) == (502, "The registry at 127.0.0.1 redirects more than 5 times.")
    assert len(registry.seen) == 6


def test_cookies_of_a_registry_are_not_kept(serve, upstream) -> None:
    registry = upstream()
    registry.answers["/a/"] = (200, {"Content-Type": "text/html", "Set-Cookie": "s=1; Path=/"}, b"")
    way = serve([pypi(registry.url)])
    way.get("/pypi/simple/a/")
    way.get("/pypi/simple/a/")
    assert [h.get("cookie") for _, h in registry.seen] == [None, None]


def test_sizes_are_limited(upstream) -> None:
    registry = upstream()
    registry.page("/big/", "x" * 2000)
    registry.file("/told.zip", b"x" * 2000)
    registry.answers["/untold.zip"] = (200, {}, iter([b"x" * 1500, b"x" * 1500]))
    remote = Remote(pypi(registry.url), max_page=1000, max_file=1000)
    with pytest.raises(RegistryError, match="a page of more than 1000 bytes"):
        remote.page("big/", "*/*")
    with pytest.raises(RegistryError, match="a file of 2000 bytes"), remote.open(f"{registry.url}/told.zip"):
        pass
    with (
        pytest.raises(RegistryError, match="a file of more than 1000 bytes"),
        remote.open(f"{registry.url}/untold.zip") as stream,
    ):
        assert stream is not None
        list(stream.chunks)
    remote.close()


def test_a_large_file_streams_in_bounded_memory(serve, upstream) -> None:
    size, chunk = 96 << 20, b"\x5a" * (1 << 20)
    registry = upstream()
    registry.page("/a/", '<a href="/a-1.zip">a</a>')
    headers = {"Content-Length": str(size)}
    registry.answers["/a-1.zip"] = (200, headers, (chunk for _ in range(size >> 20)))
    way = serve([pypi(registry.url)])
    way.get("/pypi/simple/a/")
    connection = way.connection()
    tracemalloc.start()
    connection.request("GET", "/pypi/files/a/a-1.zip")
    answer = connection.getresponse()
    got = 0
    while data := answer.read(1 << 16):
        got += len(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    connection.close()
    assert got == size
    assert peak < 8 << 20


def test_a_file_of_unknown_length_arrives_whole(serve, upstream) -> None:
    registry = upstream()
    registry.page("/a/", '<a href="/a-1.zip">a</a>')
    registry.answers["/a-1.zip"] = (200, {}, iter([b"one", b"two"]))
    answer = serve([pypi(registry.url)]).get("/pypi/files/a/a-1.zip")
    assert (answer.body, answer.headers.get("Transfer-Encoding")) == (b"onetwo", "chunked")


def test_bytes_are_passed_on_as_they_are_whatever_their_encoding(serve, upstream) -> None:
    registry = upstream()
    registry.page("/a/", '<a href="/a-1.tar.gz">a</a>')
    registry.answers["/a-1.tar.gz"] = (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b not really")
    answer = serve([pypi(registry.url)]).get("/pypi/files/a/a-1.tar.gz")
    assert (answer.body, answer.headers["Content-Encoding"]) == (b"\x1f\x8b not really", "gzip")


def test_a_file_cut_off_upstream_is_cut_off_for_the_client(serve, upstream) -> None:
    registry = upstream()
    registry.page("/a/", '<a href="/a-1.zip">a</a>')
    registry.answers["/a-1.zip"] = (200, {"Content-Length": "1000"}, iter([b"half"]))
    way = serve([pypi(registry.url)])
    with pytest.raises(http.client.IncompleteRead):
        way.get("/pypi/files/a/a-1.zip")
    assert way.get("/pypi/simple/a/").status == 200


def test_a_file_that_a_page_names_but_nobody_has_is_not_found(serve, upstream) -> None:
    registry = upstream()
    registry.page("/a/", '<a href="/gone-1.zip">a</a>')
    assert serve([pypi(registry.url)]).get("/pypi/files/a/gone-1.zip").status == 404


@pytest.mark.parametrize(
    "url", ["relative/folder", "/no/such/folder", "ftp://x/simple", "https://", "http://["]
)
def test_an_address_that_is_no_registry_is_an_error_at_the_start(url: str) -> None:
    with pytest.raises(SandboxError, match="registry"):
        PackageProxy([pypi(url)])
