"""npm packages through the proxy, with npm itself where its view matters."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from honk.core.operator import Registry

ABBREVIATED = "application/vnd.npm.install-v1+json"
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


def integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def document(name: str, data: dict[str, bytes], base: str) -> dict[str, object]:
    """A package document of a registry at ``base``: version to tarball."""
    short = name.rpartition("/")[2]
    versions = {
        version: {
            "name": name,
            "version": version,
            "dist": {"tarball": f"{base}/{name}/-/{short}-{version}.tgz", "integrity": integrity(tgz)},
        }
        for version, tgz in data.items()
    }
    return {"name": name, "dist-tags": {"latest": max(versions)}, "versions": versions}


def npm(way, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(project / "home"),
        "NPM_CONFIG_USERCONFIG": os.devnull,
        "NPM_CONFIG_REGISTRY": f"{way.tcp}/npm/",
        "NPM_CONFIG_REPLACE_REGISTRY_HOST": "always",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "NPM_CONFIG_FETCH_RETRIES": "0",
    }
    return subprocess.run(
        ["npm", *arguments], env=environ, cwd=project, capture_output=True, text=True, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    (path / "package.json").write_text('{"name": "x", "version": "1.0.0"}')
    return path


@needs_npm
def test_npm_installs_from_a_folder_of_tarballs(serve, tarball, project: Path, tmp_path: Path) -> None:
    reg = tmp_path / "reg"
    reg.mkdir()
    (reg / "acme-log-1.9.0.tgz").write_bytes(tarball("@acme/log", "1.9.0", {"base": "^2.0.0"}))
    (reg / "acme-log-1.10.0.tgz").write_bytes(tarball("@acme/log", "1.10.0", {"base": "^2.0.0"}))
    (reg / "acme-log-2.0.0-rc.1.tgz").write_bytes(tarball("@acme/log", "2.0.0-rc.1"))
    (reg / "base-2.1.0.tgz").write_bytes(tarball("base", "2.1.0"))
    (reg / "broken.tgz").write_bytes(b"not a tarball")
    way = serve([Registry(kind="npm", url=str(reg))])
    done = npm(way, project, "install", "@acme/log")
    assert done.returncode == 0, done.stderr
    assert json.loads((project / "package.json").read_text())["dependencies"] == {"@acme/log": "^1.10.0"}
    assert (project / "node_modules/base/index.js").read_text() == 'module.exports = "2.1.0"\n'
    lock = json.loads((project / "package-lock.json").read_text())["packages"]
    assert lock["node_modules/@acme/log"]["integrity"] == integrity(
        (reg / "acme-log-1.10.0.tgz").read_bytes()
    )
    assert "GET npm /@acme/log/-/acme-log-1.10.0.tgz 200" in way.asked()


@needs_npm
def test_a_lock_file_names_the_registry_and_not_the_proxy(serve, upstream, tarball, project: Path) -> None:
    registry = upstream()
    data = tarball("@acme/log", "1.0.0")
    registry.document("/repo/@acme%2Flog", document("@acme/log", {"1.0.0": data}, f"{registry.url}/repo"))
    registry.file("/repo/@acme/log/-/log-1.0.0.tgz", data)
    way = serve([Registry(kind="npm", url=f"{registry.url}/repo")])
    done = npm(way, project, "install", "@acme/log")
    assert done.returncode == 0, done.stderr
    lock = json.loads((project / "package-lock.json").read_text())["packages"]["node_modules/@acme/log"]
    assert lock["resolved"] == f"{registry.url}/repo/@acme/log/-/log-1.0.0.tgz"
    assert way.asked()[-1].endswith("/@acme/log/-/log-1.0.0.tgz 200")
    # And a lock file made elsewhere is installed through the proxy, without a cache.
    shutil.rmtree(project / "node_modules")
    shutil.rmtree(project / "home")
    done = npm(way, project, "ci")
    assert done.returncode == 0, done.stderr
    assert way.asked()[-1].endswith("/@acme/log/-/log-1.0.0.tgz 200")


@needs_npm
def test_npm_prints_the_reason_of_a_failing_registry(serve, upstream, project: Path) -> None:
    registry = upstream()
    registry.answers["/x"] = (500, {}, b"")
    way = serve([Registry(kind="npm", url=registry.url)])
    done = npm(way, project, "install", "x")
    assert done.returncode != 0
    assert "The registry at 127.0.0.1 answered with status 500." in done.stderr
    done = npm(way, project, "install", "unknown")
    assert "No configured registry knows unknown" in done.stderr


@needs_npm
def test_npm_refuses_a_tarball_that_differs_from_the_published_hash(
    serve, upstream, tarball, project: Path
) -> None:
    registry = upstream()
    registry.document("/a", document("a", {"1.0.0": tarball("a", "1.0.0")}, registry.url))
    registry.file("/a/-/a-1.0.0.tgz", tarball("a", "1.0.0", {"evil": "*"}))
    done = npm(serve([Registry(kind="npm", url=registry.url)]), project, "install", "a")
    assert done.returncode != 0
    assert "EINTEGRITY" in done.stderr


def test_other_clients_get_addresses_of_the_proxy_from_the_host_header(serve, upstream, tarball) -> None:
    registry = upstream()
    data = tarball("@acme/log", "1.0.0")
    registry.document("/@acme%2Flog", document("@acme/log", {"1.0.0": data}, registry.url))
    registry.file("/@acme/log/-/log-1.0.0.tgz", data)
    way = serve([Registry(kind="npm", url=registry.url)])

    def address(**headers: str) -> str:
        answer = way.get("/npm/@acme%2flog", **headers).json()
        return str(answer["versions"]["1.0.0"]["dist"]["tarball"])

    assert address() == "http://127.0.0.1:7411/npm/@acme/log/-/log-1.0.0.tgz"
    assert address(Host="sandbox:8000") == "http://sandbox:8000/npm/@acme/log/-/log-1.0.0.tgz"
    assert address(Host="a/b@c") == "http://127.0.0.1:7411/npm/@acme/log/-/log-1.0.0.tgz"
    assert (
        address(User_Agent="pnpm/9 npm/? node/v20") == "http://127.0.0.1:7411/npm/@acme/log/-/log-1.0.0.tgz"
    )
    assert address(User_Agent="npm/11.0.0 node/v20") == f"{registry.url}/@acme/log/-/log-1.0.0.tgz"
    for path in ("/npm/@acme/log/-/log-1.0.0.tgz", "/npm/@acme%2flog/-/log-1.0.0.tgz"):
        assert way.get(path).body == data


def test_the_form_that_the_client_accepts_is_asked_for(serve, upstream, tarball) -> None:
    registry = upstream()
    registry.document("/a", document("a", {"1.0.0": tarball("a", "1.0.0")}, registry.url))
    registry.answers["/a"] = (200, {"Content-Type": ABBREVIATED}, registry.answers["/a"][2])
    way = serve([Registry(kind="npm", url=registry.url)])
    assert way.get("/npm/a", Accept=f"{ABBREVIATED}; q=1.0").headers["Content-Type"] == ABBREVIATED
    way.get("/npm/a", Accept="application/json")
    accepts = [headers["accept"] for _, headers in registry.seen]
    assert accepts == [f"{ABBREVIATED}, application/json;q=0.8", "application/json"]


def test_tarballs_at_unusual_addresses_are_reached_through_the_proxy(serve, upstream) -> None:
    registry, files = upstream(), upstream()
    versions = {
        number: {"version": number, "dist": {"tarball": f"{files.url}/download/{number}/package.tgz"}}
        for number in ("1.0.0", "1.1.0")
    }
    registry.document("/a", {"name": "a", "versions": versions})
    for number in versions:
        files.file(f"/download/{number}/package.tgz", number.encode())
    way = serve([Registry(kind="npm", url=registry.url)])
    found = way.get("/npm/a", User_Agent="npm/11.0.0").json()["versions"]
    for number in versions:
        address = found[number]["dist"]["tarball"]
        assert way.get(address.removeprefix("http://127.0.0.1:7411")).body == number.encode()


def test_the_first_registry_that_knows_a_package_wins(serve, upstream, tarball, tmp_path: Path) -> None:
    (tmp_path / "a-1.0.0.tgz").write_bytes(tarball("a", "1.0.0"))
    world = upstream()
    world.document("/a", document("a", {"9.0.0": b""}, world.url))
    way = serve([Registry(kind="npm", url=str(tmp_path)), Registry(kind="npm", url=world.url)])
    assert list(way.get("/npm/a").json()["versions"]) == ["1.0.0"]
    assert way.get("/npm/a/-/a-9.0.0.tgz").status == 404
    assert world.seen == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"versions": []}', b'{"versions": {"1": {"dist": 3}}}'])
def test_a_document_that_is_none_is_a_bad_gateway(serve, upstream, body: bytes) -> None:
    registry = upstream()
    registry.answers["/a"] = (200, {"Content-Type": "application/json"}, body)
    answer = serve([Registry(kind="npm", url=registry.url)]).get("/npm/a")
    assert (answer.status, answer.json()) == (502, {"error": "The registry's package document is not valid."})


def test_a_package_without_versions_is_passed_on(serve, upstream) -> None:
    registry = upstream()
    registry.document("/a", {"name": "a", "time": {"unpublished": {}}})
    answer = serve([Registry(kind="npm", url=registry.url)]).get("/npm/a")
    assert (answer.status, answer.json()["name"]) == (200, "a")
