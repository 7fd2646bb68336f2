"""The Slack app: slack-bolt in front of the conversation, by HTTP and by Socket Mode.

Slack waits three seconds for an answer, so each listener acknowledges at once and the work is done
by threads of the app. Each delivery is claimed first: what Slack sends again starts nothing twice.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack, App, BoltRequest, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.signature import SignatureVerifier

from honk.core.errors import HonkError, in_words
from honk.triggers.slack_api import Message, SlackError
from honk.triggers.slack_blocks import (
    APPROVE,
    ASK,
    CANCEL,
    MODAL,
    OPEN,
    PLAN,
    REPOSITORY,
    REQUEST,
    RESUME,
    said,
)
from honk.triggers.slack_follow import Follower
from honk.triggers.slack_talk import Asked, Talk
from honk.triggers.slack_words import words

THREADS = 8
LOOK_SECONDS = 1.0
AGAIN_SECONDS = 10.0  # between two tries to connect in Socket Mode

Body = dict[str, Any]  # of bolt, and only here


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: str
    headers: Mapping[str, str]


class SlackApp:
    """A context manager: while it is open, the follower works and Socket Mode is connected.

    ``first(scope, key, value)`` is the value that the key was first claimed with.
    """

    def __init__(
        self,
        talk: Talk,
        follower: Follower,
        first: Callable[[str, str, str], str],
        note: Callable[[str], None],
        logger: logging.Logger,
    ) -> None:
        given = talk.settings
        self._talk = talk
        self._follower = follower
        self._first = first
        self._note = note
        self._secret = given.signing_secret.get_secret_value().strip() if given.signing_secret else ""
        self._app_token = given.app_token.get_secret_value().strip() if given.app_token else ""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="slack")
        self._stop = threading.Event()
        self._followed = threading.Thread(target=self._follow, name="slack-follower", daemon=True)
        self._connected = threading.Thread(target=self._connect, name="slack-socket", daemon=True)
        self.bolt = App(
            name="honk",
            client=talk.api.client,
            signing_secret=self._secret,
            token_verification_enabled=False,
            process_before_response=True,  # acknowledged by the thread that asks, whatever the others do
            listener_executor=self._threads,
            logger=logger,
        )
        self._listen()

    def __enter__(self) -> SlackApp:
        self._followed.start()
        if self._app_token:
            self._connected.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        if self._app_token:
            self._connected.join()
        self._threads.shutdown()
        self._followed.join()

    @property
    def http(self) -> bool:
        """Whether requests over HTTP can be told from forged ones."""
        return bool(self._secret)

    def handle(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request. ``headers`` have lower-case names. Nothing in ``body`` is looked at
        before its signature (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""
        if not self._signed(headers, body):
            return Reply(401, "The signature is not Slack's, or too old.", {})
        try:
            request = BoltRequest(body=body.decode(), headers=dict(headers))
        except ValueError:
            return Reply(400, "The body cannot be read.", {})
        found = self.bolt.dispatch(request)
        return Reply(found.status, found.body, found.first_headers_without_set_cookie())

    def _signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        stamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 15 and signature.isascii()):
            return False
        try:
            return SignatureVerifier(self._secret).is_valid(body, stamp, signature)
        except ValueError:  # not UTF-8
            return False

    # ---- listeners ------------------------------------------------------------------------

    def _listen(self) -> None:
        def ack(ack: Ack) -> None:
            ack()

        self.bolt.command("/honk")(ack=ack, lazy=[self._command])
        self.bolt.event("app_mention")(ack=ack, lazy=[self._mention])
        self.bolt.view(MODAL)(ack=ack, lazy=[self._order])
        self.bolt.action(CANCEL)(ack=ack, lazy=[self._cancel])
        self.bolt.action(APPROVE)(ack=ack, lazy=[self._approve])
        self.bolt.action(RESUME)(ack=ack, lazy=[self._resume])
        self.bolt.action(ASK)(ack=ack, lazy=[self._ask])
        self.bolt.action(OPEN)(ack)

    def _command(self, body: Body, respond: Respond) -> None:
        asked = Asked(f"command {body['trigger_id']}", body["user_id"], body["channel_id"])
        text = words(body.get("text") or "")
        self._do(
            asked.key,
            lambda: self._talk.command(asked, text, body["trigger_id"]),
            lambda message: _whisper(respond, message),
        )

    def _mention(self, body: Body) -> None:
        event = body["event"]
        if "user" not in event or ("bot_id" in event and not self._talk.listed(event["user"])):
            return  # a program's message: two that answer each other would never end
        channel, ts, thread = event["channel"], event["ts"], event.get("thread_ts")
        asked = Asked(f"mention {channel}/{ts}", event["user"], channel, thread)

        def tell(message: Message) -> None:
            self._talk.api.post(channel, message, thread or ts)

        def refuse(message: Message) -> None:
            try:
                self._talk.api.whisper(channel, asked.user, message, thread)
            except SlackError:  # the person left, perhaps
                tell(message)

        def work() -> None:
            text = words(event.get("text") or "", self._talk.me().user)
            self._talk.mention(asked, ts, text, tell)

        self._do(asked.key, work, refuse)

    def _order(self, body: Body) -> None:
        view, user = body["view"], body["user"]["id"]
        key = f"view {view['id']}"

        def work() -> None:  # all of it: what an earlier honk opened may be made otherwise
            about, values = json.loads(view["private_metadata"]), view["state"]["values"]
            repo, request, plan = (values.get(name, {}).get(name, {}) for name in (REPOSITORY, REQUEST, PLAN))
            self._talk.order(
                Asked(key, user, about["channel"], about["thread"]),
                (repo.get("value") or "").strip(),
                (request.get("value") or "").strip(),
                bool(plan.get("selected_options")),
            )

        def tell(message: Message) -> None:
            try:
                self._talk.api.whisper(json.loads(view["private_metadata"])["channel"], user, message)
            except (SlackError, ValueError, KeyError):
                # The app is not in the channel, perhaps; it may always write to people.
                self._talk.api.post(user, message)

        self._do(key, work, tell)

    def _cancel(self, body: Body, respond: Respond) -> None:
        self._press(body, respond, self._talk.cancel)

    def _approve(self, body: Body, respond: Respond) -> None:
        self._press(body, respond, self._talk.approve)

    def _resume(self, body: Body, respond: Respond) -> None:
        self._press(body, respond, self._talk.resume)

    def _ask(self, body: Body, respond: Respond) -> None:
        self._press(body, respond, lambda asked, text: self._talk.ask(asked, text, body["trigger_id"]))

    def _press(self, body: Body, respond: Respond, work: Callable[[Asked, str], None]) -> None:
        action = body["actions"][0]
        key = f"action {body['trigger_id']} {action['action_ts']}"
        thread = body.get("message", {}).get("thread_ts")
        asked = Asked(key, body["user"]["id"], body["channel"]["id"], thread)
        self._do(
            key, lambda: work(asked, action.get("value", "")), lambda message: _whisper(respond, message)
        )

    def _do(self, key: str, work: Callable[[], None], tell: Callable[[Message], None]) -> None:
        """Do it if nobody has; what goes wrong is told to the person, or noted for the operator."""
        mine = uuid.uuid4().hex
        try:
            if self._first("slack-delivery", key, mine) != mine:
                return
            work()
        except HonkError as error:
            self._tell(key, tell, str(error))
        except Exception as error:
            self._note(f"Slack, {key}: {in_words(error)}")
            self._tell(key, tell, "honk has a defect; its operator sees more.")

    def _tell(self, key: str, tell: Callable[[Message], None], text: str) -> None:
        try:
            tell(said(text))
        except Exception as error:  # respond() raises whatever urllib does
            self._note(f"Slack, {key}: {text} (and it cannot be told: {error})")

    # ---- threads --------------------------------------------------------------------------

    def _follow(self) -> None:
        try:
            self._note(f"Slack: {self._talk.me().url}")
        except SlackError as error:  # tried again whenever somebody asks
            self._note(f"Slack: {error}")
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self._follower.look(time.monotonic())
            except Exception as error:  # the database, for a moment: the next look sees
                self._note(f"Following runs for Slack failed: {error}")

    def _connect(self) -> None:
        handler = SocketModeHandler(self.bolt, self._app_token)
        try:
            while not self._stop.is_set():
                try:
                    handler.client.connect_to_new_endpoint(force=True)
                    self._note("Connected to Slack in Socket Mode.")
                    self._stop.wait()
                except Exception as error:  # the SDK's, urllib's, the socket's
                    self._note(f"Slack's Socket Mode does not connect: {error}")
                    self._stop.wait(AGAIN_SECONDS)
        finally:
            handler.client.close()


def _whisper(respond: Respond, message: Message) -> None:
    """Answer a command or button, visible to its sender only."""
    found = respond(
        text=message.text,
        blocks=message.blocks,
        response_type="ephemeral",
        replace_original=False,
    )
    if found.status_code != 200:
        raise SlackError(f"Slack refused the answer: {found.body}.", "", code=str(found.status_code))
