"""A request to the fake GitHub that found its repository, its reply, and who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from honk.testing.github_bodies import error
from honk.testing.github_state import Repo, Token


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    def __init__(self, status: int, message: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.reply = Reply(status, error(message, status, errors=errors))


@dataclass(frozen=True)
class Asked:
    """A request that found its repository. ``words`` are the named parts of its path."""

    repo: Repo
    token: Token
    path: str  # below the repository
    query: Mapping[str, list[str]]
    body: Mapping[str, Any]
    words: Mapping[str, str]


def demand(asked: Asked, what: str, *, role: bool = True, level: str = "write") -> None:
    """Refuse unless the token may write ``what``; ``role`` False: its own permission is enough.

    ``level`` read: any user who sees the repository may, and a token that was granted it.
    """
    grants = asked.token.grants
    if level == "read" and (grants is None or grants.get(what) in ("read", "write")):
        return
    if level == "write" and role and asked.token.may_write(asked.repo, what):
        return
    if level == "write" and not role and (grants is None or grants.get(what) == "write"):
        return
    raise not_accessible(asked.token) if grants is not None else Refused(404, "Not Found")


def not_accessible(token: Token) -> Refused:
    kind = "integration" if token.login.endswith("[bot]") else "personal access token"
    return Refused(403, f"Resource not accessible by {kind}")
