"""One provider's service through its SDK: ready bodies in, decoded events out.

The SDK keeps what it is good at: authentication, proxies, errors, decoding of server-sent
events. Its typed methods are passed by, since they walk the whole history on every call
and build a pydantic tree for every event; honk's own bodies are bytes already.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from operator import is_
from typing import TYPE_CHECKING, Any, Literal, Protocol

from honk.core.cancel import Cancel
from honk.core.errors import ModelError, UserError
from honk.core.messages import Message, ModelRequest
from honk.models import errors

if TYPE_CHECKING:
    from honk.models.connection import Connection

Json = dict[str, Any]  # a decoded object of a provider; never leaves this package


class Recorder(Protocol):
    """Takes what came back over the wire, as bytes; see :mod:`honk.models.recording`."""

    def write(self, request: ModelRequest, status: int, body: bytes) -> None: ...


def dumps(value: object) -> bytes:
    """Compact JSON. Lone surrogates, which UTF-8 cannot carry, stay escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def opaque(value: object) -> str:
    """JSON text for the opaque parts of messages: ASCII, so that any store can hold it."""
    return json.dumps(value, separators=(",", ":"))


def clean(text: str) -> str:
    """``text`` with surrogate pairs joined and lone surrogates replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def is_object(arguments: str) -> bool:
    """``arguments`` is the JSON text of an object."""
    try:
        return isinstance(json.loads(arguments), dict)
    except ValueError:
        return False


def without_password(base_url: str) -> str:
    """``base_url`` as messages may show it."""
    return re.sub(r"//[^/@]*@", "//", base_url)


def _usable(api_key: str, key: str) -> str:
    """``api_key`` as a header can hold it. Raises UserError (without the key) if none can."""
    stripped = api_key.strip()
    if not stripped:
        raise UserError(f"{key} is not set.", "Set it, or choose another model with --model.")
    if not stripped.isascii() or not stripped.isprintable():
        raise UserError(f"{key} has a character that no API key has.", "Copy the key again.")
    return stripped


class History:
    """Messages as the provider's JSON, each converted once.

    Messages are frozen and a history only grows at its end, so what was converted for the
    last request is its beginning still; for another conversation it is converted anew.
    ``convert`` gets a message and the one before it, and returns JSON values without the
    brackets around them, or nothing.
    """

    def __init__(self, convert: Callable[[Message, Message | None], bytes]) -> None:
        self._convert = convert
        self._last: tuple[Message, ...] = ()
        self._parts: list[bytes] = []

    def join(self, messages: tuple[Message, ...]) -> bytes:
        if len(messages) < len(self._last) or not all(map(is_, self._last, messages)):
            self._last, self._parts = (), []
        for place in range(len(self._last), len(messages)):
            part = self._convert(messages[place], messages[place - 1] if place else None)
            if part:
                self._parts.append(part)
        self._last = messages
        return b",".join(self._parts)


class Wire:
    """The client of one service. Used by one thread at a time; made at its first use; to be closed.

    ``key`` names the setting of the API key, ``model`` the model, both for messages.
    """

    def __init__(
        self,
        sdk: Literal["anthropic", "openai"],
        *,
        base_url: str,
        api_key: str,
        key: str,
        model: str,
        recorder: Recorder | None = None,
    ) -> None:
        self._sdk = sdk
        self._api_key = _usable(api_key, key)
        self._base_url = base_url
        self._shown = without_password(base_url)
        self._key = key
        self._model = model
        self._recorder = recorder
        self._lock = threading.Lock()
        self._client: Any = None  # anthropic.Anthropic or openai.OpenAI: the same calls, no common type
        self._stream_class: Any = None
        self._connection: Connection | None = None

    def warm(self) -> Connection:
        """Import the SDK and make the client, as slow as that is; from any thread."""
        with self._lock:
            if self._connection is None:
                from honk.models.connection import TIMEOUT, Connection

                connection = Connection(listen=self._recorder is not None)
                common: Json = {"api_key": self._api_key, "base_url": self._base_url, "max_retries": 0}
                if self._sdk == "anthropic":
                    import anthropic

                    http = connection.client(anthropic.DefaultHttpxClient, self._base_url)
                    self._client = anthropic.Anthropic(
                        **common, timeout=TIMEOUT, http_client=http, open_telemetry=False
                    )
                    self._stream_class = anthropic.Stream[object]
                else:
                    import openai

                    http = connection.client(openai.DefaultHttpxClient, self._base_url)
                    self._client = openai.OpenAI(**common, timeout=TIMEOUT, http_client=http)
                    self._stream_class = openai.Stream[object]
                self._connection = connection
            return self._connection

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def events(
        self, path: str, body: bytes, request: ModelRequest, cancel: Cancel
    ) -> Generator[tuple[bool, Json]]:
        """Post ``body`` and yield the answer's events, each with True, or False and the whole
        answer if the service did not stream. Raises ModelError or Cancelled.
        """
        connection = self.warm()
        connection.begin()
        with cancel.closing(connection.shut):
            try:
                yield from self._post(path, body)
            except (ModelError, TypeError, ValueError):
                cancel.check()
                raise
            except Exception as error:
                cancel.check()
                raise errors.from_sdk(
                    error, model=self._model, key=self._key, base_url=self._shown
                ) from error
            finally:
                if self._recorder is not None and connection.status is not None and not cancel.is_set():
                    self._recorder.write(request, connection.status, bytes(connection.body))
        cancel.check()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around whatever takes answers apart: what is not there or of another kind is a ModelError."""
        try:
            yield
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise errors.garbled(self._shown, error) from error

    def _post(self, path: str, body: bytes) -> Generator[tuple[bool, Json]]:
        stream = self._client.post(
            path,
            content=body,
            cast_to=object,
            stream=True,
            stream_cls=self._stream_class,
            options={"headers": {"Content-Type": "application/json"}},
        )
        with stream:
            if "event-stream" in stream.response.headers.get("content-type", "event-stream"):
                for event in stream:
                    if isinstance(event, dict):
                        yield True, event
                return
            answer = json.loads(stream.response.read())
            if not isinstance(answer, dict):
                raise TypeError("not an object")
            yield False, answer

    @property
    def said_done(self) -> bool:
        """The last stream ended with ``[DONE]``."""
        return self._connection is not None and self._connection.said_done

    def failure(self, body: object) -> ModelError:
        """The error that an event or an answer describes."""
        return errors.from_body(body, status=200, model=self._model, key=self._key)

    def cut(self) -> ModelError:
        return errors.cut(self._shown)


def text_of(value: Mapping[str, Any], key: str) -> str:
    """``value[key]`` if it is text, else nothing."""
    found = value.get(key)
    return found if isinstance(found, str) else ""
