"""GitHub Enterprise: the same API under another path, behind a private certificate authority."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest

from honk.core.errors import ForgeError
from honk.core.types import Proposal, RepoRef
from honk.forges.github import App, GitHubForge
from honk.testing.githttp import GitHttpServer
from honk.testing.github import FakeGitHub

REF = RepoRef(forge="github", name="acme/app", url="https://unused.example/acme/app.git")


def test_an_api_under_a_path_is_used_with_renames_and_all(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path, prefix="/api/v3", git_url="https://git.corp.example") as fake:
        repo = fake.add_repo("acme/app", {"dev": "admin"})
        forge = GitHubForge(f"{fake.url}/", token=fake.add_token("dev", scopes=("repo",)), pace=0)
        fake.rename(repo, "acme/new")
        found = forge.resolve(REF)
        assert found == RepoRef(forge="github", name="acme/new", url="https://git.corp.example/acme/new.git")
        assert forge.access(found, fork=False).url == found.url
        forge.close()


def test_a_private_certificate_is_trusted_through_its_bundle_only(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "hub", tls=True) as fake:
        fake.add_repo("acme/app", {"dev": "write"})
        token = fake.add_token("dev", scopes=("repo",))
        trusting = GitHubForge(fake.url, token=token, pace=0, ca_file=fake.ca_file)
        assert trusting.resolve(REF).name == "acme/app"
        other = GitHubForge(fake.url, token=token, pace=0, wait=lambda _: None)
        with pytest.raises(ForgeError, match="certificate") as failure:
            other.resolve(REF)
        assert "GIT_SSL_CAINFO" in failure.value.hint
        trusting.close()
        other.close()


@pytest.mark.parametrize("kind", ["token", "app"])
def test_one_credential_serves_api_clone_and_push_of_a_private_repository(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "hub"
    with GitHttpServer(root, "nobody-yet") as server, FakeGitHub(root, git_url=server.url) as fake:
        hub = fake.add_repo("acme/app", {"dev": "write"}, private=True)
        base = hub.commit("main", "one\n")
        if kind == "token":
            forge = GitHubForge(fake.url, token=fake.add_token("dev", scopes=("repo",)), pace=0)
        else:
            key = fake.add_app(hub, {"contents": "write", "pull_requests": "write"})
            forge = GitHubForge(fake.url, app=App(id=key.id, private_key=key.private_key), pace=0)
        fake.rename(hub, "acme/service")
        repo = forge.resolve(REF)
        server.token = forge.credential(repo)
        access = forge.access(repo, fork=False)

        pair = base64.b64encode(f"x-access-token:{forge.credential(repo)}".encode()).decode()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GIT_SSL_CAINFO": str(server.ca_file),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{server.url}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}",
        }

        def git(*arguments: str) -> str:
            command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            return done.stdout.strip()

        clone = str(tmp_path / "clone")
        git("clone", "--quiet", repo.url, clone)
        assert git("-C", clone, "rev-parse", "HEAD") == base
        git("-C", clone, "commit", "--quiet", "--allow-empty", "-m", "change")
        git("-C", clone, "push", "--quiet", access.url, "HEAD:refs/heads/honk/x")
        proposal = Proposal(
            run_id="r1",
            repo=repo,
            base="main",
            branch="honk/x",
            head_sha=git("-C", clone, "rev-parse", "HEAD"),
            title="Change",
            body="It works.",
            draft=True,
        )
        assert forge.publish(proposal).created
        assert hub.pulls[0].head_sha == proposal.head_sha
        forge.close()
