"""What counts as configured when nothing is: the host's own pip and npm, really asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from honk.core.operator import Registry
from honk.sandboxes.proxy.discover import discover

DEFAULT = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


def environ(home: Path, **more: str) -> dict[str, str]:
    """Of a user without any configuration."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(home), "PIP_CONFIG_FILE": os.devnull}
    return clean | {"NPM_CONFIG_USERCONFIG": os.devnull} | more


def pypi(found: tuple[Registry, ...]) -> list[str]:
    return [r.url for r in found if r.kind == "pypi"]


def default() -> str:
    return subprocess.run(
        [sys.executable, "-c", DEFAULT], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_without_configuration_it_is_the_default_of_pip_itself(tmp_path: Path) -> None:
    assert pypi(discover(environ(tmp_path))) == [default()]


def test_in_house_indexes_come_before_the_default_and_folders_after_it(tmp_path: Path) -> None:
    extra = (
        f"https://one.example/simple {tmp_path.as_uri()} file:///no/such/folder https://two.example/simple"
    )
    found = discover(environ(tmp_path, PIP_EXTRA_INDEX_URL=extra))
    assert pypi(found) == [
        "https://one.example/simple",
        "https://two.example/simple",
        default(),
        str(tmp_path),
    ]


def test_a_configured_index_comes_first_and_replaces_the_default(tmp_path: Path) -> None:
    found = discover(
        environ(
            tmp_path, PIP_INDEX_URL="https://main.example/simple", PIP_EXTRA_INDEX_URL="https://x.example/s"
        )
    )
    assert pypi(found) == ["https://main.example/simple", "https://x.example/s"]


def test_a_configuration_file_counts_and_its_password_is_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://ada:p%40ss@main.example/simple\n")
    (registry, *_) = discover(environ(tmp_path, PIP_CONFIG_FILE=str(file)))
    assert (registry.url, registry.username) == ("https://main.example/simple", "ada")
    assert registry.password is not None and registry.password.get_secret_value() == "p@ss"
    assert "p@ss" not in repr(registry)


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_is_asked_for_its_registry(tmp_path: Path) -> None:
    found = discover(environ(tmp_path, NPM_CONFIG_REGISTRY="https://npm.example/repo/"))
    assert [r.url for r in found if r.kind == "npm"] == ["https://npm.example/repo/"]
    assert list(tmp_path.iterdir()) == []  # nor a log of npm's


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("//npm.example/team/repo/:_authToken=t0ken", "t0ken"),
        ("//npm.example/team/:_authToken = ${NPM_SECRET}", "from-env"),
        ('//npm.example/:_authToken="t0ken"', "t0ken"),
        ("//other.example/:_authToken=t0ken", None),
        ("//npm.example/team/repository/:_authToken=t0ken", None),
    ],
)
def test_the_token_of_npms_registry_is_taken_from_the_npmrc(
    tmp_path: Path, line: str, expected: str | None
) -> None:
    npmrc = tmp_path / "npmrc"
    npmrc.write_text(f"registry=https://npm.example/team/repo/\n{line}\n")
    found = discover(environ(tmp_path, NPM_CONFIG_USERCONFIG=str(npmrc), NPM_SECRET="from-env"))
    (registry,) = (r for r in found if r.kind == "npm")
    assert registry.url == "https://npm.example/team/repo/"
    assert (registry.token.get_secret_value() if registry.token else None) == expected


def test_tools_that_are_missing_contribute_nothing(tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    assert discover(nothing, python=str(tmp_path / "python")) == ()


@pytest.mark.full
def test_a_real_package_comes_from_the_real_registries(serve, tmp_path: Path) -> None:
    way = serve(lambda: discover(os.environ))
    if way.get("/pypi/simple/iniconfig/").status == 502:
        pytest.skip("the host's Python registry is not reachable")
    environment = environ(tmp_path, PIP_INDEX_URL=f"{way.tcp}/pypi/simple/", PIP_NO_CACHE_DIR="1")
    command = [sys.executable, "-m", "pip", "download", "-q", "-d", str(tmp_path / "to"), "iniconfig"]
    subprocess.run(command, env=environment, check=True)
    assert [p.suffix for p in (tmp_path / "to").iterdir()] == [".whl"]


@pytest.mark.full
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_a_real_npm_package_comes_from_the_real_registries(serve, tmp_path: Path) -> None:
    way = serve(lambda: discover(os.environ))
    if way.get("/npm/is-odd").status == 502:
        pytest.skip("the host's npm registry is not reachable")
    (tmp_path / "package.json").write_text('{"name": "x", "version": "1.0.0"}')
    environment = environ(tmp_path, NPM_CONFIG_REGISTRY=f"{way.tcp}/npm/")
    subprocess.run(["npm", "install", "is-odd"], env=environment, cwd=tmp_path, check=True)
    assert (tmp_path / "node_modules" / "is-odd" / "package.json").exists()
    lock = (tmp_path / "package-lock.json").read_text()
    assert "127.0.0.1" not in lock
    assert any("is-odd-" in line for line in way.asked())
