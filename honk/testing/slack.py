"""A Slack to test against: a real HTTP server with Slack's own refusals, and a browser's part.

It answers the Web API methods that honk uses and delivers signed commands, events, button presses
and submissions to an app. ``tests/server`` holds its limits to the SDK's own validators.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

TEAM, BOT = "T0HONK0001", "U0HONKBOT1"
SCOPES = "app_mentions:read,chat:write,chat:write.public,commands,users:read,users:read.email"


@dataclass(frozen=True)
class Call:
    """One Web API call (or an answer at a response_url) and what Slack said."""

    method: str
    body: Mapping[str, Any]
    answer: Mapping[str, Any]
    at: float  # time.monotonic()


@dataclass
class Posted:
    """A message as it stands now. ``edits`` counts its updates."""

    channel: str
    ts: str
    thread: str | None
    text: str
    blocks: list[Any]
    edits: int = 0

    @property
    def shown(self) -> str:
        """All words that people see."""
        return "\n".join(_texts(self.blocks)) or self.text

    def button(self, action: str) -> Mapping[str, Any] | None:
        found = (e for b in self.blocks if b["type"] == "actions" for e in b["elements"])
        return next((e for e in found if e.get("action_id") == action), None)


@dataclass
class FakeSlack:
    """A context manager. ``members`` are ``users.info`` answers by id, ``channels`` those that the
    bot may write to. ``secret`` signs what it sends to apps."""

    token: str = "xoxb-test"
    app_token: str = "xapp-test"
    secret: str = "8f742231b10e8888abcd99yyyzzz85a5"
    scopes: str = SCOPES
    channels: set[str] = field(default_factory=lambda: {"C0GENERAL1"})
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    socket_url: str = ""
    calls: list[Call] = field(default_factory=list)
    messages: list[Posted] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    triggers: set[str] = field(default_factory=set)
    _failures: list[tuple[str, int, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self.add_member("U0ADA00001", "Ada Lovelace", email="ada@example.com")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.fake = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.api_url = f"{self.url}/api/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ---- what a test sets up and looks at -----------------------------------------------

    def add_member(self, user: str, name: str, *, email: str = "", **fields: Any) -> None:
        profile = {"real_name": name} | ({"email": email} if email else {})
        self.members[user] = {
            "id": user, "team_id": TEAM, "real_name": name, "profile": profile, "deleted": False,
            "is_bot": False, "is_restricted": False, "is_ultra_restricted": False, **fields,
        }  # fmt: skip

    def fail_next(
        self, method: str, error: str = "internal_error", *, status: int = 200, retry_after: int | None = None
    ) -> None:
        """Refuse the next call of ``method``."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._failures.append((method, status, {"ok": False, "error": error}, headers))

    def calls_of(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    # ---- what Slack sends to an app --------------------------------------------------------

    def signed(self, body: bytes, kind: str, *, at: float | None = None) -> dict[str, str]:
        """Headers of a request with ``body`` that Slack sends at ``at`` (seconds since 1970)."""
        stamp = str(int(time.time() if at is None else at))
        digest = hmac.new(self.secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
        return {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest.hexdigest()}",
        }

    def trigger(self) -> str:
        """A fresh trigger_id."""
        made = f"{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self.triggers.add(made)
        return made

    def command(self, text: str, *, user: str = "U0ADA00001", channel: str = "C0GENERAL1") -> bytes:
        """The form of a slash command."""
        fields = {
            "token": "x", "team_id": TEAM, "team_domain": "honk", "channel_id": channel,
            "channel_name": "general", "user_id": user, "user_name": "ada", "command": "/honk", "text": text,
            "api_app_id": "A0HONK0001", "response_url": f"{self.url}/response/{secrets.token_hex(8)}",
            "trigger_id": self.trigger(),
        }  # fmt: skip
        return urlencode(fields).encode()

    def mention(
        self,
        text: str,
        *,
        thread: str | None = None,
        user: str = "U0ADA00001",
        channel: str = "C0GENERAL1",
        **more: str,
    ) -> bytes:
        """The JSON of an app_mention event, of a new message in ``thread``."""
        ts = self._next_ts()
        event = {
            "type": "app_mention", "user": user, "text": f"<@{BOT}> {text}", "ts": ts, "channel": channel,
            "event_ts": ts, "team": TEAM, **({"thread_ts": thread} if thread else {}), **more,
        }  # fmt: skip
        body = {
            "token": "x", "team_id": TEAM, "api_app_id": "A0HONK0001", "type": "event_callback",
            "event": event, "event_id": f"Ev{secrets.token_hex(5)}", "event_time": int(time.time()),
            "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
        }  # fmt: skip
        return json.dumps(body).encode()

    def press(self, message: Posted, action: str, *, user: str = "U0ADA00001") -> bytes:
        """The form of a press on a button of ``message``."""
        button = message.button(action)
        assert button is not None, f"no button {action} in {message.shown}"
        return self._interaction(
            "block_actions", user,
            channel={"id": message.channel, "name": "general"},
            container={"type": "message", "message_ts": message.ts, "channel_id": message.channel},
            message={"ts": message.ts, **({"thread_ts": message.thread} if message.thread else {})},
            actions=[{**button, "block_id": "b", "action_ts": self._next_ts()}],
            response_url=f"{self.url}/response/{secrets.token_hex(8)}",
        )  # fmt: skip

    def submit(
        self,
        view: Mapping[str, Any],
        values: Mapping[str, str],
        *,
        ticked: bool = False,
        user: str = "U0ADA00001",
    ) -> bytes:
        """The form of a submission of a modal with ``values`` by block id, and all its boxes
        ``ticked`` or none."""
        state: dict[str, Any]
        state = {name: {name: {"type": "plain_text_input", "value": v}} for name, v in values.items()}
        for block in view["blocks"]:
            if block["element"]["type"] == "checkboxes":
                chosen = block["element"]["options"] if ticked else []
                given = {"type": "checkboxes", "selected_options": chosen}
                state[block["block_id"]] = {block["element"]["action_id"]: given}
        return self._interaction("view_submission", user, view={**view, "state": {"values": state}})

    def _interaction(self, kind: str, user: str, **fields: Any) -> bytes:
        payload = {
            "type": kind, "team": {"id": TEAM, "domain": "honk"}, "user": {"id": user, "team_id": TEAM},
            "api_app_id": "A0HONK0001", "token": "x", "trigger_id": self.trigger(), **fields,
        }  # fmt: skip
        return urlencode({"payload": json.dumps(payload)}).encode()

    # ---- what the server does ----------------------------------------------------------------

    def answer(self, path: str, headers: Mapping[str, str], raw: bytes) -> tuple[int, Any, dict[str, str]]:
        body = _parse(headers.get("content-type", ""), raw)
        if path.startswith("/response/"):
            method, status, answer, extra = "response_url", 200, {"ok": True}, dict[str, str]()
        else:
            method = path.removeprefix("/api/")
            status, answer, extra = self._api(method, headers.get("authorization", ""), body)
        with self._lock:
            self.calls.append(Call(method, body, answer, time.monotonic()))
        return status, answer, extra

    def _api(
        self, method: str, authorization: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        with self._lock:
            for failure in self._failures:
                if failure[0] == method:
                    self._failures.remove(failure)
                    return failure[1:]
            token = self.app_token if method == "apps.connections.open" else self.token
            if authorization != f"Bearer {token}":
                return 200, {"ok": False, "error": "invalid_auth"}, {}
            routes: dict[str, Callable[[dict[str, Any]], dict[str, Any] | str]] = {
                "auth.test": self._auth, "users.info": self._user, "chat.postMessage": self._post,
                "chat.postEphemeral": self._whisper, "chat.update": self._update, "views.open": self._open,
                "apps.connections.open": lambda body: {"url": self.socket_url},
            }  # fmt: skip
            route = routes.get(method)
            found = route(body) if route else "unknown_method"
        if isinstance(found, str):
            return 200, {"ok": False, "error": found}, {}
        return 200, {"ok": True, **found}, {"X-OAuth-Scopes": self.scopes}

    def _auth(self, body: dict[str, Any]) -> dict[str, Any] | str:
        url = "https://honk.slack.com/"
        return {"url": url, "team": "honk", "user": "honk", "team_id": TEAM, "user_id": BOT, "bot_id": "B1"}

    def _user(self, body: dict[str, Any]) -> dict[str, Any] | str:
        found = self.members.get(str(body.get("user")))
        return {"user": found} if found else "user_not_found"

    def _post(self, body: dict[str, Any]) -> dict[str, Any] | str:
        channel = str(body.get("channel"))
        if channel not in self.channels and channel not in self.members:
            return "channel_not_found"
        thread = body.get("thread_ts")
        if wrong := check_message(body):
            return wrong
        ts = self._next_ts()
        self.messages.append(Posted(channel, ts, thread, body.get("text", ""), body.get("blocks", [])))
        return {"channel": channel, "ts": ts, "message": {"text": body.get("text", ""), "ts": ts}}

    def _whisper(self, body: dict[str, Any]) -> dict[str, Any] | str:
        if str(body.get("channel")) not in self.channels:
            return "channel_not_found"
        return check_message(body) or {"message_ts": self._next_ts()}

    def _update(self, body: dict[str, Any]) -> dict[str, Any] | str:
        place = (str(body.get("channel")), str(body.get("ts")))
        found = next((m for m in self.messages if (m.channel, m.ts) == place), None)
        if found is None:
            return "message_not_found"
        if wrong := check_message(body):
            return wrong
        found.text, found.blocks = body.get("text", ""), body.get("blocks", [])
        found.edits += 1
        return {"channel": found.channel, "ts": found.ts, "text": found.text}

    def _open(self, body: dict[str, Any]) -> dict[str, Any] | str:
        if body.get("trigger_id") not in self.triggers:
            return "invalid_trigger_id"
        self.triggers.remove(str(body["trigger_id"]))  # good for one view
        view = {**body["view"], "id": f"V{secrets.token_hex(5)}", "team_id": TEAM}
        if len(view.get("private_metadata", "")) > 3000 or wrong_blocks(view.get("blocks", [])):
            return "invalid_arguments"
        self.views.append(view)
        return {"view": view}

    def _next_ts(self) -> str:
        return f"{int(time.time())}.{next(self._count):06d}"


TEXT_LIMITS = {"section": 3000, "header": 150, "context": 3000, "button": 75, "label": 2000}


def check_message(body: Mapping[str, Any]) -> str:
    """Slack's word for what is wrong with a message, or nothing."""
    if not body.get("text") and not body.get("blocks"):
        return "no_text"
    if len(body.get("text", "")) > 40_000:
        return "msg_too_long"
    return "invalid_blocks" if wrong_blocks(body.get("blocks", [])) else ""


def wrong_blocks(blocks: list[Any]) -> bool:
    """Whether Slack would refuse these blocks."""
    return len(blocks) > 50 or not all(map(_good, blocks))


def _good(block: Mapping[str, Any]) -> bool:
    kind, elements = block.get("type"), block.get("elements", [])
    match kind:
        case "section":
            return 0 < len(block["text"]["text"]) <= TEXT_LIMITS["section"]
        case "context":
            texts = [e["text"] for e in elements if e["type"] in ("plain_text", "mrkdwn")]
            return 0 < len(elements) <= 10 and all(0 < len(t) <= TEXT_LIMITS["context"] for t in texts)
        case "actions":
            return 0 < len(elements) <= 25 and all(
                len(e["text"]["text"]) <= TEXT_LIMITS["button"] and len(e.get("value", "")) <= 2000
                for e in elements
            )
        case "input":
            element = block["element"]
            if element["type"] == "checkboxes":
                options, chosen = element["options"], element.get("initial_options")
                # https://docs.slack.dev/reference/block-kit/composition-objects/option-object
                fits = 0 < len(options) <= 10 and all(0 < len(o["text"]["text"]) <= 75 for o in options)
                return fits and (chosen is None or (bool(chosen) and all(c in options for c in chosen)))
            return element["type"] == "plain_text_input" and len(element.get("initial_value", "")) <= 3000
        case _:
            return False


def _texts(node: Any) -> list[str]:
    """Every text object's text in blocks, in order."""
    if isinstance(node, list):
        return [text for item in node for text in _texts(item)]
    if not isinstance(node, dict):
        return []
    if node.get("type") in ("plain_text", "mrkdwn") and isinstance(node.get("text"), str):
        return [node["text"]]
    return [text for value in node.values() for text in _texts(value)]


def _parse(kind: str, raw: bytes) -> dict[str, Any]:
    if kind.startswith("application/json"):
        found: dict[str, Any] = json.loads(raw)
        return found
    fields: dict[str, Any] = dict(parse_qsl(raw.decode()))
    for name in ("blocks", "view"):
        if isinstance(fields.get(name), str):
            fields[name] = json.loads(fields[name])
    return fields


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        fake: FakeSlack = self.server.fake  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        raw = self.rfile.read(int(headers.get("content-length") or 0))
        status, answer, extra = fake.answer(urlsplit(self.path).path, headers, raw)
        text = json.dumps(answer).encode()
        self.send_response(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(text)), **extra}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """The list of calls is the log."""
