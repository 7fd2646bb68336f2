"""Ed25519 keys (RFC 8032) in PEM files: the private one in PKCS #8, the public one as SPKI (RFC 8410)."""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from honk.core.errors import StoreError, UserError


def read_private(path: Path) -> Ed25519PrivateKey:
    """The private key in ``path``. Raises UserError if it is not there or is another kind of key."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise UserError(
            f"The key for evidence, {path}, cannot be read: {error.strerror}.",
            "Mend HONK_EVIDENCE_KEY (evidence_key in honk.toml), or leave it out: honk then makes a key.",
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(
            f"{path} is no Ed25519 key without a password.",
            "`openssl genpkey -algorithm ed25519 -out FILE` makes one.",
        )
    return key


def own(path: Path) -> Ed25519PrivateKey:
    """The key that honk keeps in ``path``, made if it is not there. Raises StoreError, UserError."""
    if not path.exists():
        try:
            _make(path)
        except OSError as error:
            raise StoreError(
                f"The key for evidence cannot be written to {path}: {error.strerror}.",
                "Free the disk, or set HONK_HOME.",
            ) from error
    return read_private(path)


def _make(path: Path) -> None:
    """Write a new key, whole or not at all; whoever comes second keeps that of the first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(part, path)  # fails where there is one, as a rename would not
    finally:
        part.unlink(missing_ok=True)


def public_pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def read_public(path: Path) -> Ed25519PublicKey:
    """The public key in ``path``. Raises UserError if it is not there or is another kind of key."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"The key {path} cannot be read: {error.strerror}.", "Give another with --key."
        ) from error
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UserError(
            f"{path} is no public Ed25519 key in PEM.", "`honk evidence --public-key` prints that of honk."
        )
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key as SPKI in DER, in hex: a hint for finding it, and nothing more."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
