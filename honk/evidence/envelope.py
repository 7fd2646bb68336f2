"""Signed payloads as DSSE v1 describes them (secure-systems-lab/dsse, protocol.md and envelope.md)."""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import ConfigDict, Field, ValidationError

from honk.core.base import Frozen
from honk.core.errors import UserError
from honk.evidence.keys import key_id

_LINE = re.compile(r'^\{"payload.*\}$', re.MULTILINE)


class Signature(Frozen):
    """``sig`` in base64. ``keyid`` is a hint that nobody signed, and decides nothing."""

    model_config = ConfigDict(extra="ignore")

    keyid: str = ""
    sig: str


class Envelope(Frozen):
    """``payload`` in base64."""

    model_config = ConfigDict(extra="ignore")

    payload: str
    payload_type: str = Field(alias="payloadType")
    signatures: tuple[Signature, ...] = Field(min_length=1)


class Unsigned(UserError):
    """No signature of the envelope is the key's."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, key: Ed25519PrivateKey) -> bytes:
    """The envelope, as one line of JSON. The same payload and key give the same bytes."""
    signature = Signature(keyid=key_id(key.public_key()), sig=_encode(key.sign(pae(payload_type, payload))))
    envelope = Envelope.model_validate(
        {"payload": _encode(payload), "payloadType": payload_type, "signatures": (signature,)}
    )
    return envelope.model_dump_json(by_alias=True).encode()


def find(text: str) -> Envelope:
    """The envelope that ``text`` is, or that stands in it as one line (a pull request's description).

    Raises UserError if there is none.
    """
    lines = [match[0] for match in _LINE.finditer(text.replace("\r\n", "\n"))]
    for candidate in (text, *lines):
        try:
            return Envelope.model_validate_json(candidate)
        except ValidationError:
            continue
    raise UserError(
        "There is no signed statement in it.",
        "Give what `honk evidence RUN` prints, or the text of a pull request with its evidence.",
    )


def opened(envelope: Envelope) -> bytes:
    """The payload, whoever signed it. Raises UserError if it is not base64."""
    return _decode(envelope.payload)


def verified(envelope: Envelope, key: Ed25519PublicKey) -> bytes:
    """The payload, signed by ``key``. Raises Unsigned if it is not."""
    payload = _decode(envelope.payload)
    signed = pae(envelope.payload_type, payload)
    for signature in envelope.signatures:
        try:
            key.verify(_decode(signature.sig), signed)
        except InvalidSignature:
            continue
        return payload
    theirs = ", ".join(signature.keyid[:16] or "unnamed" for signature in envelope.signatures)
    raise Unsigned(
        f"The signature is not that of key {key_id(key)[:16]} (it names {theirs}), or something was changed.",
        "Give the public key of the honk that made it with --key.",
    )


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    """Of either alphabet, as DSSE asks."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UserError(f"The envelope is damaged: {error}.", "Fetch it anew.") from error
