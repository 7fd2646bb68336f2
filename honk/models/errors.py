"""The one place where failures of a model service become ModelError."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import Any

from honk.core.errors import ModelError

# Error types inside a body or a stream, as HTTP statuses. Sources: anthropic's
# ``types/shared/error_type.py`` and OpenAI's ``ResponseError.code``.
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "gateway_timeout_error": 504,
    "overloaded_error": 529,
}
_RETRYABLE = {408, 409, 425, 429}  # and all of 5xx
_CONTEXT = (  # as Anthropic, OpenAI, vLLM and llama.cpp (which may say so with 500) put it
    "context_length_exceeded",
    "context length",
    "context window",
    "context limit",
    "context size",
    "prompt is too long",
    "maximum context",
    "too long to fit",
)
_QUOTA = ("insufficient_quota", "billing", "credit balance")


def _detail(body: object) -> tuple[str, str]:
    """Type (or code) and message of an error body, in either provider's form."""
    error: Any = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        kind = error.get("code") or error.get("type") or ""
        return str(kind), str(error.get("message") or "")
    return "", str(error or "")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from ``retry-after-ms`` or ``Retry-After`` (a number or an HTTP date, RFC 9110)."""
    try:
        if value := headers.get("retry-after-ms"):
            return max(0.0, float(value) / 1000)
        value = headers.get("retry-after", "")
        if not value:
            return None
        if (date := email.utils.parsedate_tz(value)) is not None:
            return max(0.0, email.utils.mktime_tz(date) - time.time())
        return max(0.0, float(value))
    except ValueError:
        return None


def _too_long(status: int, text: str) -> bool:
    """The conversation is longer than the context window, or (413) than the service reads at all."""
    return status == 413 or (status in (400, 422, 500) and any(word in text for word in _CONTEXT))


def _hint(status: int, kind: str, message: str, model: str, key: str) -> str:
    text = f"{kind} {message}".lower()
    if status in (401, 403):
        return f"Check {key}, and that it may use {model}."
    if any(word in text for word in _QUOTA):
        return "Check the account's billing and limits."
    if status == 404 or "model_not_found" in text:
        return f"Check the model's name ({model}) and the base URL."
    if status == 413:
        return "The request is too large for the service: ask for a smaller change."
    if _too_long(status, text):
        return "The conversation is longer than the model's context window: ask for a smaller change."
    if status == 429:
        return "The service limits this account's rate; try again later."
    if status >= 500:
        return "The service has a problem of its own; try again later."
    if 300 <= status < 400:
        return "Check the base URL: honk follows no redirect with an API key."
    return ""


def from_body(
    body: object, *, status: int, model: str, key: str, headers: Mapping[str, str] | None = None
) -> ModelError:
    """The error that ``body`` describes.

    ``status`` is the response's; an error inside a stream (status 200) has that of its type.
    ``key`` names the setting that holds the API key.
    """
    kind, message = _detail(body)
    if status < 300:
        status = _STATUS_OF_TYPE.get(kind, 400 if kind else 500)
    quota = status == 429 and any(word in f"{kind} {message}".lower() for word in _QUOTA)
    said = f": {' '.join(message.split())[:500]}" if message else ""
    context_full = _too_long(status, f"{kind} {message}".lower())
    hopeless = quota or context_full or status == 501
    retryable = (status in _RETRYABLE or status >= 500) and not hopeless
    return ModelError(
        f"The model service answered {status}{f' {kind}' if kind else ''}{said}".rstrip(".") + ".",
        _hint(status, kind, message, model, key),
        retryable={"true": True, "false": False}.get((headers or {}).get("x-should-retry", ""), retryable),
        retry_after=_retry_after(headers or {}),
        status=status,
        context_full=context_full,
    )


def from_sdk(error: Exception, *, model: str, key: str, base_url: str) -> ModelError:
    """Any exception of an SDK or of its HTTP library, told apart by what it carries."""
    status = getattr(error, "status_code", None)
    response = getattr(error, "response", None)
    if isinstance(status, int):
        headers = {k.lower(): v for k, v in response.headers.items()} if response is not None else {}
        body = getattr(error, "body", None)
        return from_body(body, status=status, model=model, key=key, headers=headers)
    if getattr(error, "body", None) is not None:  # an error event of OpenAI's inside a stream
        return from_body(error.body, status=200, model=model, key=key)  # type: ignore[attr-defined]
    cause = error.__cause__ or error
    if type(cause).__name__ in ("RemoteProtocolError", "ReadError"):
        return cut(base_url)
    if isinstance(cause, TimeoutError) or "Timeout" in type(cause).__name__:
        reason = f"did not answer in time ({type(cause).__name__})"
    else:
        reason = f"cannot be reached ({cause})"
    return ModelError(
        f"The model service at {base_url} {reason}.",
        "Check the network and the base URL, or try again later.",
        retryable=True,
    )


def cut(base_url: str) -> ModelError:
    """The connection ended before the answer did."""
    return ModelError(
        f"The model service at {base_url} closed the connection before its answer was complete.",
        "Try again later.",
        retryable=True,
    )


def garbled(base_url: str, error: Exception) -> ModelError:
    """The answer is not of the format that was asked for."""
    return ModelError(
        f"The model service at {base_url} answered in an unknown form ({type(error).__name__}: {error}).",
        "Check that the base URL is the one of an API of this provider's format.",
    )
