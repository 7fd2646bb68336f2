"""Word of a run's end for other services: signed as the Standard Webhooks specification has it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime

import httpx2

from honk.core.errors import UserError
from honk.core.operator import Webhook
from honk.core.types import RunResult

SECONDS = 10.0
"""For an answer."""

PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Seconds after each try that failed; the last one is repeated."""


@dataclass(frozen=True)
class Delivery:
    """One body for one receiver. ``id`` stays the same however often it is sent."""

    id: str
    body: bytes


def delivery(result: RunResult, seq: int, url: str) -> Delivery:
    """``seq`` is the number of the event that ended the run: one that is resumed ends again."""
    data = result.model_dump(mode="json", exclude={"patch"}) | {"url": url}
    body = json.dumps({"type": "run.ended", "data": data}, ensure_ascii=False).encode()
    return Delivery(f"{result.run_id}.{seq}", body)


def secret_bytes(secret: str) -> bytes:
    """The key of ``whsec_BASE64``, or the text itself. Raises UserError."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise UserError("A webhook's whsec_ secret is no base64.", "Mend it in honk.toml.") from error


def signature(key: bytes, sent: Delivery, at: datetime) -> str:
    """``v1,BASE64`` of the HMAC-SHA256 over id, time and body."""
    signed = f"{sent.id}.{int(at.timestamp())}.".encode() + sent.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def send(hook: Webhook, sent: Delivery, at: datetime) -> str:
    """Send it; what went wrong, or empty. Redirects are not followed, and nothing of an answer but its
    status is read: its body may be of any length, or not what its headers say."""
    headers = {
        "Content-Type": "application/json",
        "webhook-id": sent.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature(secret_bytes(hook.secret.get_secret_value()), sent, at),
    }
    try:
        with httpx2.stream("POST", hook.url, content=sent.body, headers=headers, timeout=SECONDS) as answer:
            return "" if answer.is_success else f"it answered {answer.status_code}"
    except (httpx2.RequestError, httpx2.InvalidURL) as error:
        return str(error) or type(error).__name__
