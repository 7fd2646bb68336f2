"""The Slack Web API, as far as honk speaks to it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from slack_sdk.web import SlackResponse

from honk.core.errors import InfrastructureError

SCOPES = ("app_mentions:read", "chat:write", "commands", "users:read")
"""What the bot token must be allowed; ``users:read.email`` and ``chat:write.public`` are welcome."""

_LOST = {"message_not_found", "channel_not_found", "cant_update_message", "edit_window_closed"} | {
    "is_archived", "not_in_channel", "thread_not_found", "restricted_action", "user_not_in_channel",
}  # fmt: skip
_HINTS = {
    "not_in_channel": "Invite the app to the channel (/invite @honk), then ask again.",
    "channel_not_found": "Invite the app to the channel (/invite @honk), then ask again.",
    "is_archived": "Ask in a channel that is not archived.",
    "missing_scope": "Reinstall the app with docs/slack-app-manifest.yml.",
    "invalid_auth": "Give the bot token of the installed app in SLACK_BOT_TOKEN.",
    "token_revoked": "Install the app again and give its new token in SLACK_BOT_TOKEN.",
    "account_inactive": "Install the app again and give its new token in SLACK_BOT_TOKEN.",
    "expired_trigger_id": "Ask again: Slack gave up waiting.",
}


class SlackError(InfrastructureError):
    """Slack refused, or cannot be reached.

    ``code``: Slack's own word for it, empty if there was no answer. ``retry_after``: seconds
    that it asked to wait. ``lost``: the same request will not succeed later either.
    """

    def __init__(self, message: str, hint: str, *, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.code = code
        self.retry_after = retry_after
        self.lost = code in _LOST


@dataclass(frozen=True)
class Message:
    """``text`` stands for the blocks in notifications; both are Slack's mrkdwn, escaped already."""

    text: str
    blocks: tuple[Block, ...]

    @cached_property
    def body(self) -> str:
        """The blocks as JSON: equal messages have equal ones."""
        return json.dumps([block.to_dict() for block in self.blocks], sort_keys=True)


@dataclass(frozen=True)
class Me:
    """Whose token it is. ``url`` is the workspace's, with a slash at its end."""

    user: str
    team: str
    url: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class Member:
    """A person or program in a workspace. ``email`` is empty without the scope for it."""

    id: str
    name: str
    email: str
    team: str
    bot: bool
    guest: bool
    deleted: bool


class SlackApi:
    """One bot token. Each call raises SlackError; none is retried here: a post whose answer was
    lost would be there twice."""

    def __init__(self, token: str, base_url: str, logger: logging.Logger) -> None:
        self.client = WebClient(token=token, base_url=base_url, timeout=20, logger=logger, retry_handlers=[])

    def me(self) -> Me:
        found = self._call(lambda: self.client.auth_test())
        scopes = _header(found, "x-oauth-scopes")
        return Me(
            user=str(found["user_id"]),
            team=str(found["team_id"]),
            url=str(found["url"]),
            scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
        )

    def member(self, user: str) -> Member:
        found = self._call(lambda: self.client.users_info(user=user))["user"]
        profile = found.get("profile", {})
        return Member(
            id=user,
            name=str(found.get("real_name") or profile.get("real_name") or found.get("name") or user),
            email=str(profile.get("email") or ""),
            team=str(found.get("team_id") or ""),
            bot=bool(found.get("is_bot")),
            guest=bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
            deleted=bool(found.get("deleted")),
        )

    def post(self, channel: str, message: Message, thread: str | None = None) -> str:
        """Post it and return its ``ts``."""
        found = self._call(
            lambda: self.client.chat_postMessage(
                channel=channel, thread_ts=thread, text=message.text, blocks=message.blocks,
                unfurl_links=False, unfurl_media=False,
            )
        )  # fmt: skip
        return str(found["ts"])

    def update(self, channel: str, ts: str, message: Message) -> None:
        self._call(
            lambda: self.client.chat_update(channel=channel, ts=ts, text=message.text, blocks=message.blocks)
        )

    def whisper(self, channel: str, user: str, message: Message, thread: str | None = None) -> None:
        """Say it in a channel, or in a thread that has messages, to one person only."""
        self._call(
            lambda: self.client.chat_postEphemeral(
                channel=channel, user=user, thread_ts=thread, text=message.text, blocks=message.blocks
            )
        )

    def open(self, trigger: str, view: View) -> None:
        """Open a modal; a trigger is good for three seconds."""
        self._call(lambda: self.client.views_open(trigger_id=trigger, view=view))

    def _call(self, call: Callable[[], SlackResponse]) -> SlackResponse:
        try:
            return call()
        except SlackApiError as error:
            raise _refused(error.response) from error
        except (SlackClientError, OSError, HTTPException) as error:
            raise SlackError(
                f"Slack cannot be reached: {error}.", "Check the network, and [slack] api_url in honk.toml."
            ) from error


def _header(response: SlackResponse, name: str) -> str:
    value = next((v for n, v in response.headers.items() if n.lower() == name), "")
    return str(value[0] if isinstance(value, list) else value)


def _refused(response: SlackResponse) -> SlackError:
    code = str(response.get("error") or f"status {response.status_code}")
    after = _header(response, "retry-after")
    needed = response.get("needed")
    return SlackError(
        f"Slack refused {response.api_url.rsplit('/', 1)[-1]}: {code}{f' ({needed})' if needed else ''}.",
        _HINTS.get(code, "See `honk doctor`."),
        code=code,
        retry_after=float(after) if after.isdigit() else (1.0 if response.status_code == 429 else None),
    )
