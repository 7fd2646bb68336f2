"""Evidence of runs signed and checked: the keys, and what a repository says to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from honk.core.errors import UserError
from honk.core.evidence import PAYLOAD_TYPE, Statement, parse_statement
from honk.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def key_file(settings: Settings) -> Path:
    """Where the private key is, or will be."""
    given = settings.evidence_key
    return settings.home / "evidence-key.pem" if given is None else given.expanduser()


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """The key that the settings name, else honk's own. Raises UserError, StoreError."""
    from honk.evidence import keys

    file = key_file(settings)
    return keys.own(file) if settings.evidence_key is None else keys.read_private(file)


def signer(settings: Settings) -> Callable[[bytes], bytes]:
    """A function that signs statements, and that loads key and library when it is first called.

    Raises UserError at once if the settings name a key that is not there: at a run's end it
    would be late to say so.
    """
    if settings.evidence_key is not None and not key_file(settings).is_file():
        raise UserError(
            f"There is no key {key_file(settings)}.",
            "Mend HONK_EVIDENCE_KEY (evidence_key in honk.toml), or leave it out: honk then makes a key.",
        )

    def sign(statement: bytes) -> bytes:
        from honk.evidence import envelope

        return envelope.sign(statement, PAYLOAD_TYPE, signing_key(settings))

    return sign


def public_key(settings: Settings) -> str:
    """The public key of this installation in PEM."""
    from honk.evidence import keys

    return keys.public_pem(signing_key(settings).public_key())


@dataclass(frozen=True)
class Proven:
    """A statement, and the id of the key that signed it."""

    statement: Statement
    key: str


def verify(text: str, settings: Settings, key: Path | None) -> Proven:
    """The statement of the envelope in ``text``, signed by ``key`` (None: this installation's own).

    Raises UserError if there is no envelope of honk's in it, Unsigned if the key did not sign it.
    """
    from honk.evidence import envelope, keys

    found = envelope.find(text)
    if key is not None:
        public = keys.read_public(key)
    elif key_file(settings).is_file():
        public = signing_key(settings).public_key()
    else:
        raise UserError(
            "This installation has no key of its own.",
            "Give that of the honk that made the evidence with --key (`honk evidence --public-key` there).",
        )
    payload = envelope.verified(found, public)
    if found.payload_type != PAYLOAD_TYPE:
        raise UserError(
            f"What is signed is {found.payload_type}, no in-toto statement.", "Give honk's evidence."
        )
    return Proven(parse_statement(payload), keys.key_id(public))


def read(text: str) -> Statement:
    """The statement of the envelope in ``text``, whoever signed it. Raises UserError."""
    from honk.evidence import envelope

    return parse_statement(envelope.opened(envelope.find(text)))


def contradictions(statement: Statement, repository: Path) -> tuple[str, ...]:
    """What ``repository`` says otherwise than the statement. Raises UserError for no repository."""
    from honk.git.ancestry import Commits

    commits = Commits(repository)
    found = []
    head, base = statement.head, statement.base
    for name, resource in (("head", head), ("base", base)):
        sha = resource.digest.get("gitCommit", "")
        tree = commits.tree(sha)
        if tree is None:
            found.append(f"The {name} commit {sha} is not there; `git fetch` may bring it.")
        elif tree != resource.digest.get("gitTree"):
            found.append(f"The {name} commit {sha} has another tree than the evidence says.")
    if not found and not commits.descends(
        statement.head.digest["gitCommit"], statement.base.digest["gitCommit"]
    ):
        found.append(
            "The head commit does not descend from the base commit"
            " (a shallow clone may not know: `git fetch --unshallow`)."
        )
    return tuple(found)
