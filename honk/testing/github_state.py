"""What the fake GitHub knows: users' roles, tokens, repositories, pull requests, installations.

Branches and commits are not here: they are read from the real bare repositories with git.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from honk.testing.github_talk import Conversation

Role = Literal["read", "write", "admin"]


@dataclass
class Pull:
    """``closed_sha`` is the head when it was closed; the branch may move on. ``merge_sha``: what
    the base branch got."""

    number: int
    title: str
    body: str
    base: str
    head_repo: Repo
    head_ref: str
    author: str
    draft: bool
    maintainer_can_modify: bool
    state: Literal["open", "closed"] = "open"
    merged: bool = False
    closed_sha: str = ""
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    closed_at: datetime | None = None
    merge_sha: str | None = None

    @property
    def head_sha(self) -> str:
        return self.closed_sha or self.head_repo.head(self.head_ref) or "0" * 40

    def close(self, *, merge: bool = False) -> None:
        """What a person's click does."""
        self.closed_sha = self.head_sha
        self.closed_at = self.closed_at or datetime.now(UTC).replace(microsecond=0)
        self.merge_sha = (self.merge_sha or self.closed_sha) if merge else None
        self.state = "closed"
        self.merged = merge


@dataclass(eq=False)
class Repo:
    """``path`` is a bare repository. ``polls`` counts how often a fork still says "not yet"."""

    id: int
    owner: str
    name: str
    path: Path
    private: bool = False
    archived: bool = False
    disabled: bool = False
    drafts: bool = True
    default_branch: str = "main"
    organisation: bool = True
    roles: dict[str, Role] = field(default_factory=dict)
    teams: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    pulls: list[Pull] = field(default_factory=list)
    parent: Repo | None = None
    polls: int = 0
    workflows_may_open: bool = True  # the setting for a workflow's own token
    talk: Conversation = field(default_factory=Conversation)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def head(self, branch: str) -> str | None:
        """The commit of a branch, or None."""
        found = git(self.path, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
        return found.strip() or None

    def commit(self, branch: str, text: str, *, parent: str | None = None) -> str:
        """Put a commit whose one file holds ``text`` on ``branch``, and return its id."""
        blob = git(self.path, "hash-object", "-w", "--stdin", stdin=text).strip()
        tree = git(self.path, "mktree", stdin=f"100644 blob {blob}\tfile\n").strip()
        over = ("-p", parent) if parent else ()
        sha = git(self.path, "commit-tree", tree, "-m", "change", *over).strip()
        git(self.path, "update-ref", f"refs/heads/{branch}", sha)
        return sha

    def ahead(self, base: str, head: str, of: Repo) -> int:
        """How many commits ``head`` in ``of`` has that ``base`` here has not."""
        counted = git(
            self.path,
            "rev-list",
            "--count",
            f"{self.head(base)}..{of.head(head)}",
            alternate=of.path / "objects",
        )
        return int(counted or 0)


@dataclass(frozen=True)
class Token:
    """``scopes``: of a classic token, else None. ``grants``: of a fine-grained or installation token.

    ``repos``: the only repositories (ids) that it sees, None for all of its user's.
    """

    login: str
    scopes: tuple[str, ...] | None = None
    grants: dict[str, str] | None = None
    repos: frozenset[int] | None = None
    expires: datetime | None = None
    sso: bool = False  # the organisation has not authorised it
    workflow: bool = False  # a workflow's own GITHUB_TOKEN

    def may_see(self, repo: Repo) -> bool:
        if self.repos is not None and repo.id not in self.repos:
            return not repo.private
        if not repo.private:
            return True
        scoped = self.scopes is None or "repo" in self.scopes
        return scoped and (self.login.endswith("[bot]") or self.login in repo.roles)

    def may_write(self, repo: Repo, what: str) -> bool:
        """``what``: "contents" or "pull_requests"."""
        if self.grants is not None and self.grants.get(what) != "write":
            return False
        if self.repos is not None and repo.id not in self.repos:
            return False
        if self.scopes is not None and not {"repo", "public_repo" if not repo.private else ""} & set(
            self.scopes
        ):
            return False
        return self.login.endswith("[bot]") or repo.roles.get(self.login) in ("write", "admin")


@dataclass
class Installation:
    """An App on some repositories. ``key`` is the App's public key as PEM text."""

    id: int
    app_id: str
    key: str
    account: str
    permissions: dict[str, str]
    repos: set[int]
    token_seconds: int = 3600


def git(path: Path, *arguments: str, stdin: str = "", alternate: Path | None = None) -> str:
    """Output of git in a bare repository, empty if it fails."""
    who = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environment = {"PATH": os.defpath, "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent", **who}
    if alternate:
        environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(alternate)
    command = ["git", "--git-dir", str(path), *arguments]
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
