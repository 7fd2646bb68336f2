"""The Slack app of a service put together, and what `honk doctor` says about it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from honk.core.desk import Desk
from honk.core.errors import UserError
from honk.settings import Settings
from honk.wiring.projects import InstalledProjects
from honk.wiring.stores import Stores

if TYPE_CHECKING:  # the SDK takes a second to import, and most services have no Slack app
    from honk.triggers.slack_api import SlackApi
    from honk.triggers.slack_app import SlackApp

FOLLOWED = timedelta(days=14)
"""Runs that were asked for longer ago are no longer shown in Slack as they go on."""


def check(settings: Settings) -> bool:
    """Whether there is a Slack app. Raises UserError if a part of it is missing."""
    given = settings.slack
    secrets = (given.bot_token, given.signing_secret, given.app_token)
    bot, signing, app = (s is not None and bool(s.get_secret_value().strip()) for s in secrets)
    if bot and not (signing or app):
        raise UserError(
            "SLACK_BOT_TOKEN is set without SLACK_SIGNING_SECRET: anybody could give orders.",
            "Set SLACK_SIGNING_SECRET, or SLACK_APP_TOKEN for Socket Mode.",
        )
    if bot and settings.environment.keys() >= {"SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"}:
        raise UserError(  # bolt would take them for an app of many workspaces, and drop the bot token
            "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are set; honk's Slack app is for one workspace.",
            "Unset them for honk.",
        )
    if not bot and any(secret is not None for secret in secrets):
        raise UserError("Slack's SLACK_BOT_TOKEN is missing.", "Set it, or none of SLACK_….")
    return bot


@contextmanager
def open_slack(
    settings: Settings, stores: Stores, desk: Desk, note: Callable[[str], None]
) -> Iterator[SlackApp | None]:
    """The Slack app at work while the context is open; None if there is none. Raises UserError."""
    if not check(settings):
        yield None
        return
    from honk.triggers.slack_app import SlackApp
    from honk.triggers.slack_follow import Follower
    from honk.triggers.slack_talk import Talk

    api, logger = _api(settings)
    me = cache(api.me)

    follower = Follower(
        api,
        stores.events,
        heads=lambda: stores.links.heads("slack", datetime.now(UTC) - FOLLOWED),
        live=stores.leases.live,
        known=stores.once.known,
        first=stores.once.first,
        page=settings.server.page,
        note=note,
    )
    talk = Talk(
        settings.slack,
        api,
        me,
        desk,
        stores.events,
        lambda place: stores.links.runs("slack", place),
        InstalledProjects(settings, stores, note),
        settings.github.rounds,
    )
    with SlackApp(talk, follower, stores.once.first, note, logger) as app:
        yield app


def describe(settings: Settings) -> str:
    """The workspace, once Slack accepts the token and grants what is needed. Raises HonkError."""
    from honk.triggers.slack_api import SCOPES

    check(settings)
    me = _api(settings)[0].me()
    if missing := [scope for scope in SCOPES if scope not in me.scopes]:
        raise UserError(
            f"The Slack app lacks {', '.join(missing)}.",
            "Add them under OAuth & Permissions (docs/slack-app-manifest.yml has all), and reinstall it.",
        )
    ways = ["HTTP"] if settings.slack.signing_secret else []
    ways += ["Socket Mode"] if settings.slack.app_token else []
    email = "" if "users:read.email" in me.scopes else ", without email addresses"
    return f"{me.url} as {me.user}, {' and '.join(ways)}{email}"


def _api(settings: Settings) -> tuple[SlackApi, logging.Logger]:
    from honk.triggers.slack_api import SlackApi

    logger = logging.getLogger("honk.slack")
    logger.setLevel(logging.ERROR)  # bolt warns of each event that nobody listens to
    token = settings.slack.bot_token
    assert token is not None  # checked
    return SlackApi(token.get_secret_value(), settings.slack.api_url, logger), logger
