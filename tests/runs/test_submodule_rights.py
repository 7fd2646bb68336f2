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
from tests.e2e.hub import Hub as FullHub
from tests.e2e.hub import open_hub
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


def private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_an_app_does_not_lend_its_rights_to_another_owners_repository(hub: Hub) -> None:
    repo = app(hub, "acme/app", library(hub))
    settings = hub.settings(HONK_GITHUB_APP_ID="7", HONK_GITHUB_PRIVATE_KEY=private_key())
    found = hub.bring(repo, settings)
    assert found.present == ()
    assert "(none was given)" in found.absent["lib"]
    assert hub.asked == []  # no token came along, and none was asked for


def test_an_app_does_not_lend_its_rights_to_a_submodule_that_names_its_owners_secrets(hub: Hub) -> None:
    secret = hub.add("acme/secret", {"key.txt": "s\n"})
    commit = git(hub.server.root / f"{secret.name}.git", "rev-parse", "main").strip()
    theirs = app(hub, "other/tool", commit, "../../acme/secret.git")
    tool = git(hub.server.root / f"{theirs.name}.git", "rev-parse", "main").strip()
    repo = app(hub, "acme/app", tool, "../../other/tool.git")
    hub.tokens["tok-other"] = ("/other/",)
    found = hub.bring(repo, hub.settings(GITHUB_TOKEN="tok-other"))  # a public one, so to speak
    assert [module.path for module in found.present] == ["lib"]
    settings = hub.settings(HONK_GITHUB_APP_ID="7", HONK_GITHUB_PRIVATE_KEY=private_key())
    found = hub.bring(repo, settings)
    assert [module.path for module in found.present] == ["lib"]
    assert "(none was given)" in found.absent["lib/lib"]
    assert hub.asked == []


# ---- renamed ----------------------------------------------------------------------------


@pytest.fixture
def full(tmp_path: Path) -> Iterator[FullHub]:
    with open_hub(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("name", ["acme/library", "umbrella/lib"])
def test_a_renamed_submodule_is_found_with_what_is_in_it(full: FullHub, name: str) -> None:
    inner = full.repo({"deep.txt": "deep\n"}, "umbrella/inner")
    link_to(
        full.repo({"word.txt": "hello\n"}, "acme/lib").path,
        inner.path,
        f"{full.server.url}/{inner.full_name}",
    )
    main = full.repo({"a": "1\n"})
    lib = full.fake.repos[2]
    link_to(main.path, lib.path, "../lib.git")
    full.fake.rename(lib, name)
    environ = {"HONK_HOME": str(full.root / "home"), "HOME": str(full.root), **full.address}
    settings = settings_module.load(
        environ={**environ, "GITHUB_TOKEN": full.fake.add_token("ada", scopes=("repo",))}
    )
    forge = open_forge(settings, cancel=Cancel(), notice=print)
    try:
        repo = forge.resolve(RepoRef(forge="github", name="acme/app", url="https://localhost/acme/app.git"))
        with (
            open_mirror(settings, repo, forge) as mirror,
            open_submodules(settings, mirror, repo, forge, Cancel()) as bring,
        ):
            for _ in range(2):  # fetched, then found
                found = bring(mirror.fetch(None))
                assert [module.path for module in found.present] == ["lib", "lib/lib"], found.absent
                assert found.present[0].mirror.repo.name == name
    finally:
        forge.close()


def link_to(bare: Path, submodule: Path, url: str) -> None:
    """One more commit on the main of ``bare``: ``submodule`` at lib."""
    commit = git(submodule, "rev-parse", "main").strip()
    modules = bare.parent / f"{bare.name}.modules"
    modules.write_text(f'[submodule "lib"]\n\tpath = lib\n\turl = {url}\n')
    blob = git(bare, "hash-object", "-w", str(modules)).strip()
    git(bare, "read-tree", "main")
    git(bare, "update-index", "--add", "--cacheinfo", f"100644,{blob},.gitmodules")
    git(bare, "update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    tree = git(bare, "write-tree").strip()
    head = git(bare, "commit-tree", tree, "-p", "main", "-m", "A submodule").strip()
    git(bare, "update-ref", "refs/heads/main", head)
