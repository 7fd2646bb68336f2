"""A GitHub for processes: the fake API and git over HTTPS, one CA file, one set of rights."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from honk.testing.githttp import GitHttpServer
from honk.testing.github import Exchange, FakeGitHub
from honk.testing.github_state import Pull, Repo
from tests.e2e.installed import Installed
from tests.world import FILES, git

PROTECTED = """#!/bin/sh
case $1 in refs/heads/{}) echo 'GH006: Protected branch update failed.' >&2; exit 1;; esac
"""


@dataclass
class Late:
    """A request whose answer does not come until ``go`` is set. ``reached`` says that it is held.

    With ``done`` it is carried out first, without it never.
    """

    pattern: str
    done: bool
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


class LateGitHub(FakeGitHub):
    """May keep a client waiting, so that it can be killed at that very moment."""

    late: Late | None = None

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, Mapping[str, str], Any]:
        late = self.late
        if late is None or not re.search(late.pattern, f"{method} {target}"):
            return super().answer(method, target, headers, raw)
        self.late = None
        answer = super().answer(method, target, headers, raw) if late.done else (502, {}, {"message": "late"})
        late.reached.set()
        late.go.wait()
        return answer


@dataclass(frozen=True)
class Hub:
    """``fake`` answers the API, ``server`` git itself, over the same bare repositories."""

    root: Path
    fake: LateGitHub
    server: GitHttpServer
    ca_file: Path

    def repo(self, files: Mapping[str, str] = FILES, name: str = "acme/app", **fields: Any) -> Repo:
        """A repository with one commit of ``files`` on a protected ``main``; ``ada`` may write."""
        repo = self.fake.add_repo(name, {"ada": "write"}, **fields)
        work = self.root / f"work-{repo.id}"
        work.mkdir()
        git(work, "init", "-q")
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", "First")
        git(work, "push", "-q", str(repo.path), "main")
        hook = repo.path / "hooks" / "update"
        hook.write_text(PROTECTED.format("main"))
        hook.chmod(0o755)
        return repo

    def clone(self, repo: Repo, origin: str) -> Path:
        """A person's checkout, whose origin is ``origin``."""
        folder = self.root / "clone"
        git(self.root, "clone", "-q", str(repo.path), str(folder))
        git(folder, "remote", "set-url", "origin", origin)
        git(folder, "config", "user.name", "Ada Lovelace")
        git(folder, "config", "user.email", "ada@example.com")
        return folder

    def sign_in(self, honk: Installed, token: str | None = None) -> str:
        """Give ``honk`` a credential, by default a classic token of ``ada``; returns it."""
        token = self.fake.add_token("ada", scopes=("repo",)) if token is None else token
        honk.env |= self.address
        honk.env["GITHUB_TOKEN"] = token
        return token

    @property
    def address(self) -> dict[str, str]:
        return {"GITHUB_API_URL": self.fake.url, "GIT_SSL_CAINFO": str(self.ca_file)}

    @property
    def host(self) -> str:
        """Host and port that clones of this GitHub name in their origin."""
        return self.fake.url.removeprefix("https://").split("/")[0]

    def branches(self, repo: Repo) -> list[str]:
        return git(repo.path, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk/").split()

    def the_pull(self, repo: Repo) -> Pull:
        """The only pull request, on the only branch of honk's, at the branch's own commit."""
        [pull] = repo.pulls
        assert self.branches(pull.head_repo) == [pull.head_ref]
        return pull

    def asked(self, method: str, path: str) -> list[Exchange]:
        return [e for e in self.fake.journal if e.method == method and e.path.endswith(path)]


def pull_of(repo: Repo, branch: str, title: str = "Hello", body: str = "") -> Pull:
    """A pull request that is open on GitHub, with one commit on ``branch``."""
    repo.commit(branch, title, parent=repo.head("main"))
    pull = Pull(
        number=len(repo.pulls) + 1, title=title, body=body, base="main", head_repo=repo, head_ref=branch,
        author="ada", draft=True, maintainer_can_modify=False,
    )  # fmt: skip
    repo.pulls.append(pull)
    return pull


@contextmanager
def open_hub(root: Path) -> Iterator[Hub]:
    served = root / "hub"
    served.mkdir()

    def rights(token: str, path: str) -> Literal["read", "write"] | None:
        found = hub.fake.tokens.get(token)
        name = "/".join(path.split("/")[1:3]).removesuffix(".git")
        repo = next((r for r in hub.fake.repos.values() if r.full_name == name), None)
        if found is None or repo is None or not found.may_see(repo):
            return None
        return "write" if found.may_write(repo, "contents") else "read"

    with (
        GitHttpServer(served, "", rights=rights) as server,
        LateGitHub(served, git_url=server.url, prefix="/api/v3", tls=True) as fake,
    ):
        assert server.ca_file is not None and fake.ca_file is not None
        ca_file = root / "ca.pem"
        ca_file.write_bytes(server.ca_file.read_bytes() + fake.ca_file.read_bytes())
        hub = Hub(root, fake, server, ca_file)
        yield hub
