"""Commits of trees that are written already: who makes them, and how they are signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from honk.core.errors import GitError
from honk.git.command import Git, last_words
from honk.git.tar import Caps


@dataclass(frozen=True)
class Signing:
    """How commits are signed. ``format`` as git's gpg.format; ``key`` a key file (ssh) or id (openpgp).

    ``env`` holds what the signer needs of the operator's environment: HOME, GNUPGHOME,
    SSH_AUTH_SOCK.
    """

    format: str
    key: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Author:
    """The identity of honk's commits, author and committer alike."""

    name: str = "honk"
    email: str = "honk@localhost"


@dataclass(frozen=True)
class Committer:
    """Who writes commits, and within which bounds."""

    author: Author = Author()
    signing: Signing | None = None
    caps: Caps = Caps()  # noqa: RUF009 -- frozen


def commit_tree(
    git: Git,
    written: str,
    parents: Sequence[str],
    message: str,
    by: Committer,
    date: datetime | None = None,
) -> str:
    """Write a commit of the tree ``written`` (``date`` None: now); its id. Raises GitError."""
    when = f"{int((date or datetime.now(UTC)).timestamp())} +0000"
    env = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": by.author.name, f"GIT_{role}_EMAIL": by.author.email}
    signing = by.signing
    command, config = ["commit-tree", *(f"-p{parent}" for parent in parents), "-F", "-"], {}
    if signing is not None:
        command.append(f"-S{signing.key}")
        config = {"gpg.format": signing.format, "user.signingKey": signing.key}
        env |= signing.env
    text = message.replace("\0", "").encode("utf-8", "replace")
    result = git.attempt(*command, written, input=text, config=config, env=env)
    if result.code != 0 and signing is not None:
        raise GitError(
            f"The commit could not be signed: {last_words(result.err)}",
            "Check [signing] in honk.toml: the format, and that the key can be used without a prompt.",
        )
    if result.code != 0:
        raise GitError(f"git could not write the commit: {last_words(result.err)}", "Run it again.")
    return result.out.decode().strip()
