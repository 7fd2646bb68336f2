"""GitHub Enterprise: the same API under another path."""

from __future__ import annotations

from pathlib import Path

from honk.core.types import RepoRef
from honk.forges.github import GitHubForge
from honk.testing.github import FakeGitHub


def test_an_api_under_a_path_is_used_with_renames_and_all(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path, prefix="/api/v3", git_url="https://git.corp.example") as fake:
        repo = fake.add_repo("acme/app", {"dev": "admin"})
        forge = GitHubForge(f"{fake.url}/", token=fake.add_token("dev", scopes=("repo",)), pace=0)
        fake.rename(repo, "acme/new")
        found = forge.resolve(RepoRef(forge="github", name="acme/app", url="https://x/acme/app.git"))
        assert found == RepoRef(forge="github", name="acme/new", url="https://git.corp.example/acme/new.git")
        assert forge.access(found, fork=False).url == found.url
        forge.close()
