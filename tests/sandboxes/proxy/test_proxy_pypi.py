"""Python packages through the proxy, with pip itself where pip's view matters."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from honk.core.operator import Registry

JSON_TYPE = "application/vnd.pypi.simple.v1+json"


def folder(path: Path) -> Registry:
    return Registry(kind="pypi", url=str(path))


def pip(way, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{way.tcp}/pypi/simple/",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
    }
    command = [sys.executable, "-m", "pip", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=home)


def test_pip_installs_a_project_and_its_requirement_from_a_folder(serve, wheel, tmp_path: Path) -> None:
    wheel(tmp_path / "reg", "acme-log", "1.0", ["acme-base>=2"])
    wheel(tmp_path / "reg", "acme-log", "2.0", ["acme-base>=2"])
    wheel(tmp_path / "reg", "acme-base", "2.1")
    way = serve([folder(tmp_path / "reg")])
    done = pip(way, "install", "--target", str(tmp_path / "to"), "Acme_Log", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "to" / "acme_log.py").read_text() == 'VERSION = "2.0"\n'
    assert (tmp_path / "to" / "acme_base.py").exists()
    assert way.asked() == (
        "GET pypi /simple/acme-log/ 200",
        "GET pypi /files/acme-log/acme_log-2.0-py3-none-any.whl 200",
        "GET pypi /simple/acme-base/ 200",
        "GET pypi /files/acme-base/acme_base-2.1-py3-none-any.whl 200",
    )
    assert way.asked() == ()


def test_pip_checks_the_hash_that_the_registry_published(serve, upstream, wheel, tmp_path: Path) -> None:
    data = wheel(tmp_path, "acme-log", "1.0").read_bytes()
    registry = upstream()
    name = "acme_log-1.0-py3-none-any.whl"
    registry.page("/simple/acme-log/", f'<a href="../../f/{name}#sha256={"0" * 64}">{name}</a>')
    registry.file(f"/f/{name}", data)
    way = serve([Registry(kind="pypi", url=f"{registry.url}/simple")])
    done = pip(way, "download", "acme-log", home=tmp_path)
    assert done.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
    good = hashlib.sha256(data).hexdigest()
    registry.page("/simple/acme-log/", f'<a href="../../f/{name}#sha256={good}">{name}</a>')
    assert pip(way, "download", "-d", str(tmp_path / "to"), "acme-log", home=tmp_path).returncode == 0
    assert (tmp_path / "to" / name).read_bytes() == data


def test_a_registry_that_is_down_fails_pip_and_the_answer_says_why(serve, tmp_path: Path) -> None:
    way = serve([Registry(kind="pypi", url="http://127.0.0.1:9/simple/")])
    done = pip(way, "-vv", "download", "--retries", "0", "acme-log", home=tmp_path)
    assert done.returncode != 0
    answer = way.get("/pypi/simple/acme-log/")
    assert (answer.status, answer.reason) == (
        502,
        "The registry at 127.0.0.1 cannot be reached (ConnectionError).",
    )


def test_the_first_registry_that_knows_a_project_is_the_only_one_asked(serve, wheel, tmp_path: Path) -> None:
    wheel(tmp_path / "house", "acme-log", "1.0")
    wheel(tmp_path / "world", "acme-log", "99.0")
    wheel(tmp_path / "world", "other", "3.0")
    way = serve([folder(tmp_path / "house"), folder(tmp_path / "world")])
    page = way.get("/pypi/simple/acme-log/", Accept=JSON_TYPE).json()
    assert [f["filename"] for f in page["files"]] == ["acme_log-1.0-py3-none-any.whl"]
    assert way.get("/pypi/files/acme-log/acme_log-99.0-py3-none-any.whl").status == 404
    assert way.get("/pypi/simple/other/").status == 200


def test_a_failing_registry_is_not_passed_over(serve, upstream, wheel, tmp_path: Path) -> None:
    house = upstream()
    house.answers["/acme-log/"] = (503, {}, b"")
    wheel(tmp_path / "world", "acme-log", "99.0")
    way = serve([Registry(kind="pypi", url=house.url), folder(tmp_path / "world")])
    answer = way.get("/pypi/simple/acme-log/")
    assert (answer.status, answer.reason) == (502, "The registry at 127.0.0.1 answered with status 503.")


def test_pages_come_as_the_client_accepts_them_with_all_that_they_say(serve, upstream) -> None:
    registry = upstream()
    entry = {
        "filename": "a-1.0.tar.gz",
        "url": "/files/a-1.0.tar.gz",
        "hashes": {"sha256": "ab" * 32},
        "requires-python": ">=3.9",
        "yanked": "broken <b>",
        "core-metadata": {"sha256": "cd" * 32},
        "size": 10,
        "upload-time": "2026-01-01T00:00:00Z",
    }
    body = {"meta": {"api-version": "1.1"}, "name": "a", "files": [entry]}
    registry.document("/a/", body)
    way = serve([Registry(kind="pypi", url=registry.url)])
    answer = way.get("/pypi/simple/a/", Accept=f"{JSON_TYPE}, text/html;q=0.1")
    assert answer.headers["Content-Type"] == JSON_TYPE
    assert answer.json()["files"] == [entry | {"url": "/pypi/files/a/a-1.0.tar.gz"}]
    for accept in ("*/*", "text/html", f"text/html, {JSON_TYPE};q=0.5"):
        answer = way.get("/pypi/simple/a/", Accept=accept)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.body.decode().splitlines()[2] == (
            f'<a href="/pypi/files/a/a-1.0.tar.gz#sha256={"ab" * 32}" data-requires-python="&gt;=3.9" '
            f'data-yanked="broken &lt;b&gt;" data-core-metadata="sha256={"cd" * 32}">a-1.0.tar.gz</a><br>'
        )


def test_html_pages_are_read_with_base_attributes_and_entities(serve, upstream) -> None:
    registry = upstream()
    registry.page(
        "/b/",
        '<base href="/elsewhere/"><a href="b-1.zip?sign=1&amp;x=2#md5=00ff" data-requires-python="&gt;=3" '
        'data-yanked data-dist-info-metadata="sha256=aa">b</a>',
    )
    registry.file("/elsewhere/b-1.zip?sign=1&x=2", b"zip")
    registry.file("/elsewhere/b-1.zip.metadata?sign=1&x=2", b"Name: b")
    way = serve([Registry(kind="pypi", url=registry.url)])
    (file,) = way.get("/pypi/simple/b/", Accept=JSON_TYPE).json()["files"]
    assert file["hashes"] == {"md5": "00ff"}
    assert (file["requires-python"], file["yanked"], file["core-metadata"]) == (">=3", True, {"sha256": "aa"})
    assert way.get("/pypi/files/b/b-1.zip").body == b"zip"
    assert way.get("/pypi/files/b/b-1.zip.metadata").body == b"Name: b"


def test_metadata_that_no_page_offers_is_not_asked_for(serve, upstream) -> None:
    registry = upstream()
    registry.page("/b/", '<a href="b-1.zip">b</a>')
    registry.file("/b/b-1.zip.metadata", b"Name: b")
    way = serve([Registry(kind="pypi", url=registry.url)])
    assert way.get("/pypi/files/b/b-1.zip.metadata").status == 404
    assert "/b/b-1.zip.metadata" not in registry.paths()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON_TYPE, b"{"),
        (JSON_TYPE, b'{"files": [{}]}'),
        (JSON_TYPE, b'["files"]'),
        (JSON_TYPE, b"[" * 100_000),
        ("image/png", b"x"),
        ("", b"x"),
    ],
)
def test_a_page_that_is_none_is_a_bad_gateway(serve, upstream, kind: str, body: bytes) -> None:
    registry = upstream()
    registry.answers["/a/"] = (200, {"Content-Type": kind}, body)
    way = serve([Registry(kind="pypi", url=registry.url)])
    answer = way.get("/pypi/simple/a/")
    assert answer.status == 502
    assert answer.reason.startswith("The registry")


def test_links_that_are_no_files_are_left_out_of_malformed_html(serve, upstream) -> None:
    registry = upstream()
    links = [
        '<a href="http://[bad/x.whl">1</a>',
        '<a href="javascript:alert(1)/x.whl">2</a>',
        '<a href="file:///etc/passwd">3</a>',
        '<a href="/up/..%2f..%2fpasswd">4</a>',
        '<a href="/dir/">5</a>',
        "<a name=x>6</a><a",
        '<a href="good-1.zip"',
        ">7",
    ]
    registry.answers["/a/"] = (200, {"Content-Type": "text/html"}, "\n".join(links).encode() + b"\xff\x00")
    way = serve([Registry(kind="pypi", url=registry.url)])
    files = way.get("/pypi/simple/a/", Accept=JSON_TYPE).json()["files"]
    assert [f["filename"] for f in files] in (["good-1.zip"], ["passwd", "good-1.zip"])


def test_a_registry_over_http_cannot_name_a_file_of_the_host(serve, upstream, tmp_path: Path) -> None:
    secret = tmp_path / "secret.zip"
    secret.write_text("secret")
    registry = upstream()
    registry.page("/a/", f'<a href="{secret.as_uri()}">x</a>')
    way = serve([Registry(kind="pypi", url=registry.url)])
    answer = way.get("/pypi/files/a/secret.zip")
    assert answer.status in (404, 502)
    assert b"secret" not in answer.body.replace(b"secret.zip", b"")


def test_a_folder_shaped_as_an_index_serves_the_files_beside_it_and_no_others(
    serve, wheel, tmp_path: Path
) -> None:
    name = wheel(tmp_path / "pypi" / "files", "acme-log", "1.0").name
    (tmp_path / "outside.zip").write_text("no")
    page = tmp_path / "pypi" / "simple" / "acme-log" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../../files/{name}">x</a><a href="../../../outside.zip">y</a>')
    way = serve([folder(tmp_path / "pypi" / "simple")])
    assert way.get(f"/pypi/files/acme-log/{name}").body == (tmp_path / "pypi" / "files" / name).read_bytes()
    assert way.get("/pypi/files/acme-log/outside.zip").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/pypi/files/acme-log/../../secret",
        "/pypi/files/acme-log/..%2f..%2fsecret",
        "/pypi/files/acme-log/%2e%2e",
        "/pypi/files/acme-log/secret",
        "/pypi/files/../secret",
        "/pypi/simple/../../secret",
        "/pypi/simple/..%2f..%2fsecret/",
        "/pypi/simple/",
        "/pypi/files/acme-log/http:%2f%2f127.0.0.1%2fx",
        "/",
        "/../../../../etc/passwd",
        "/npm/..%2f..%2fsecret",
        "/npm/../-/secret",
        "/x/-/%2e%2e",
    ],
)
def test_a_path_leads_only_to_what_pages_name(serve, wheel, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_text("secret content")
    wheel(tmp_path / "reg", "acme-log", "1.0")
    way = serve([folder(tmp_path / "reg"), Registry(kind="npm", url=str(tmp_path / "reg"))])
    answer = way.get(path)
    assert answer.status == 404
    assert b"secret content" not in answer.body


def test_a_replaced_file_gets_a_new_hash(serve, wheel, tmp_path: Path) -> None:
    path = wheel(tmp_path / "reg", "a", "1.0")
    way = serve([folder(tmp_path / "reg")])
    seen: list[str] = []
    for requires in ([], ["b"]):
        wheel(tmp_path / "reg", "a", "1.0", requires)
        (file,) = way.get("/pypi/simple/a/", Accept=JSON_TYPE).json()["files"]
        assert file["hashes"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        seen.append(file["hashes"]["sha256"])
    assert seen[0] != seen[1]


def test_a_folder_takes_wheels_and_sdists_by_their_names(serve, tmp_path: Path) -> None:
    for name in ("Acme.Log-1.0.tar.gz", "acme_log-1.1.zip", "acme_log_extra-1.0.tar.gz", "notes.txt"):
        (tmp_path / name).write_text(name)
    way = serve([folder(tmp_path)])
    files = way.get("/pypi/simple/acme-log/", Accept=JSON_TYPE).json()["files"]
    assert [f["filename"] for f in files] == ["Acme.Log-1.0.tar.gz", "acme_log-1.1.zip"]
