"""With whose rights submodules are read, and that a cache gives no one more of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from honk import settings as settings_module
from honk.core.cancel import Cancel
from honk.core.types import RepoRef
from honk.git.submodules import Brought
from honk.settings import Settings
from honk.testing.githttp import GitHttpServer
from honk.wiring import open_mirror, open_submodules
from honk.wiring.repositories import open_forge
from tests.world import git, make_origin

LIBRARY = "/other/lib.git"


@dataclass
class Hub:
    """A git server. ``tokens`` may read repositories by the beginning of their paths."""

    root: Path
    server: GitHttpServer
    tokens: dict[str, tuple[str, ...]]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, files: dict[str, str], submodule: tuple[str, str] | None = None) -> RepoRef:
        """A repository; ``submodule`` is the address and commit of one at lib."""
        origin = make_origin(self.root / "made" / name, files)
        if submodule is not None:
            git(origin, "read-tree", "main")
            git(origin, "update-index", "--add", "--cacheinfo", f"160000,{submodule[1]},lib")
            tree = git(origin, "write-tree").strip()
            head = git(origin, "commit-tree", tree, "-p", "main", "-m", "A submodule").strip()
            git(origin, "update-ref", "refs/heads/main", head)
        bare = self.server.root / f"{name}.git"
        bare.parent.mkdir(exist_ok=True)
        origin.rename(bare)
        return RepoRef(forge="github", name=name, url=f"{self.server.url}/{name}.git")

    def settings(self, **environ: str) -> Settings:
        basic = {
            "HONK_HOME": str(self.root / "home"),
            "HOME": str(self.root),
            "GITHUB_API_URL": f"{self.server.url}/api/v3",
            "GIT_SSL_CAINFO": str(self.server.ca_file),
        }
        return settings_module.load(environ={**basic, **environ})

    def bring(self, repo: RepoRef, settings: Settings) -> Brought:
        """What a run with ``settings`` gets of the submodules of ``repo``."""
        forge = open_forge(settings, cancel=Cancel(), notice=print)
        reader = open_forge(self.settings(GITHUB_TOKEN="tok-parents"), cancel=Cancel(), notice=print)
        try:
            with (
                open_mirror(settings, repo, reader) as mirror,
                open_submodules(settings, mirror, repo, forge, Cancel()) as bring,
            ):
                base = mirror.fetch(None)
                self.asked.clear()
                return bring(base)
        finally:
            forge.close()
            reader.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "served").mkdir()
    tokens: dict[str, tuple[str, ...]] = {"tok-parents": ("/acme/",)}
    asked: list[tuple[str, str]] = []

    def rights(token: str, path: str) -> Literal["read", "write"] | None:
        asked.append((token, path))
        return "read" if path.startswith(tokens.get(token, ())) else None

    with GitHttpServer(tmp_path / "served", "", rights=rights) as server:
        yield Hub(tmp_path, server, tokens, asked)


def library(hub: Hub) -> str:
    """A private library of another owner; returns its commit."""
    hub.add("other/lib", {"word.txt": "hello\n"})
    return git(hub.server.root / "other/lib.git", "rev-parse", "main").strip()


def app(hub: Hub, name: str, commit: str, url: str = "../../other/lib.git") -> RepoRef:
    modules = f'[submodule "lib"]\n\tpath = lib\n\turl = {url}\n'
    return hub.add(name, {"a": "1\n", ".gitmodules": modules}, (url, commit))


def test_a_private_submodule_is_read_with_the_runs_token(hub: Hub) -> None:
    hub.tokens["tok-all"] = ("/",)
    repo = app(hub, "acme/app", library(hub))
    found = hub.bring(repo, hub.settings(GITHUB_TOKEN="tok-all"))
    assert [module.path for module in found.present] == ["lib"]
    assert {token for token, path in hub.asked if path.startswith(LIBRARY)} == {"tok-all"}


def test_what_one_repository_could_fetch_is_no_others_to_see(hub: Hub) -> None:
    hub.tokens["tok-all"] = ("/",)
    commit = library(hub)
    assert hub.bring(app(hub, "acme/app", commit), hub.settings(GITHUB_TOKEN="tok-all")).present
    found = hub.bring(app(hub, "acme/spy", commit), hub.settings(GITHUB_TOKEN="tok-parents"))
    assert found.present == ()
    assert "refused the credential" in found.absent["lib"]


def test_a_second_run_on_the_same_repository_asks_nobody(hub: Hub) -> None:
    hub.tokens["tok-all"] = ("/",)
    repo = app(hub, "acme/app", library(hub))
    for _ in range(2):
        found = hub.bring(repo, hub.settings(GITHUB_TOKEN="tok-all"))
    assert [module.path for module in found.present] == ["lib"]
    assert hub.asked == []


def test_an_app_does_not_lend_its_rights_to_another_owners_repository(hub: Hub) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    repo = app(hub, "acme/app", library(hub))
    settings = hub.settings(HONK_GITHUB_APP_ID="7", HONK_GITHUB_PRIVATE_KEY=key.decode())
    found = hub.bring(repo, settings)
    assert found.present == ()
    assert "(none was given)" in found.absent["lib"]
    assert hub.asked == []  # no token came along, and none was asked for
