"""`honk followup`: from a pull request's name to a run that continues it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.request import url2pathname

from honk import settings as settings_module
from honk import wiring
from honk.cli.run import choice, dollars, elsewhere, finish, interrupts, said, seconds
from honk.cli.view import View
from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.followup import FollowUp
from honk.core.order import Order
from honk.settings import Settings

_NUMBER = re.compile(r"#?(\d{1,9})")
_NAMED = re.compile(r"([^#\s]+/[^#\s]+)#(?:honk-)?(\d{1,9})")
_PAGE = re.compile(r"(https?://[^/\s]+/[^/\s]+/[^/\s]+)/pull/(\d{1,9})(?:[/?#]\S*)?")


@dataclass(frozen=True)
class Options:
    """The options of `honk followup`, as given."""

    pull_request: str
    request: str
    repo: str | None
    update: bool
    model: str | None
    verify: tuple[str, ...]
    allow: tuple[str, ...]
    dry_run: bool
    max_cost: float | None
    max_turns: int | None
    timeout: str | None
    judge: str | None
    judge_mode: str | None
    record: Path | None
    json: bool
    config: Path | None
    remote: str | None = None


def reference(text: str, repo: str | None) -> tuple[str | None, int]:
    """Which repository (as ``--repo`` takes it; None: the one around here) and number ``text`` means.

    Raises UserError.
    """
    if match := _NUMBER.fullmatch(text):
        return repo, int(match[1])
    match = _PAGE.fullmatch(text) or _NAMED.fullmatch(text)
    if match is None:
        raise UserError(
            f"{text!r} is no pull request.",
            "Give its number, its address, owner/name#12, or /path/of/a/repository#12.",
        )
    named, number = match[1], int(match[2])
    if named.startswith("file://"):
        named = url2pathname(named.removeprefix("file://"))
    if repo is not None:
        raise UserError(f"{text!r} names its repository already.", "Leave --repo out.")
    return named, number


def _order(options: Options, settings: Settings) -> Order:
    if options.judge_mode is not None:
        choice("--judge-mode", options.judge_mode, ("advisory", "blocking"))
    repo, number = reference(options.pull_request, options.repo)
    followup = FollowUp.model_construct(
        number=number, update=options.update, rounds=settings.github.rounds, cause="asked", said=()
    )
    given = {name: value for name, value in vars(options).items() if name in Order.model_fields}
    changes = {
        "repo": repo,
        "request": said(options.request),
        "max_cost": None if options.max_cost is None else dollars(options.max_cost),
        "timeout": None if options.timeout is None else seconds(options.timeout),
        "followup": followup,
    }
    return Order.model_construct(**{**given, **changes})


def followup_command(options: Options) -> int:
    settings = settings_module.load(options.config)
    if url := elsewhere(settings, options.remote):
        from honk.cli.remote import order_there

        order = _order(options, settings)
        return order_there(settings, url, order, record=options.record, json=options.json)
    cancel = Cancel()
    with interrupts(cancel), wiring.open_stores(settings) as stores:
        with View() as view:
            asked = wiring.make_request(_order(options, settings), settings)
            done = wiring.begin(settings, stores, asked.request, view, cancel=cancel, record=options.record)
        return finish(done, stores, json=options.json)
