"""From an order to a request: repository, model, judge and limits are looked up here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import normpath

from pydantic import ValidationError

from honk.core.errors import UserError
from honk.core.limits import Limits
from honk.core.order import Order
from honk.core.plain import clean, person
from honk.core.types import Request
from honk.settings import Settings
from honk.wiring.models import default_model, judge_name
from honk.wiring.repositories import target

_OWNER_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True)
class Asked:
    """A request ready to become a run. ``notices`` are for the person who asks."""

    request: Request
    notices: tuple[str, ...] = ()


def make_request(order: Order, settings: Settings, *, remote: bool = False) -> Asked:
    """Look up what ``order`` leaves open; ``remote``: it came over the network.

    Raises UserError that says what to change.
    """
    _check_text(order)
    if remote:
        _check_remote(order, settings)
    if any(not line.strip() for line in order.verify):
        raise UserError(
            "The request's verify cannot be used: a command is empty.",
            "Give --verify a command, or leave it out.",
        )
    text = clean(order.request).strip()
    if order.plan and order.followup is not None:
        raise UserError("A follow-up proposes no plan.", "Leave plan out, or start a new run.")
    if not text and order.followup is None:
        raise UserError("The change request is empty.", 'Say what to change: honk "bump logging lib".')
    found = target(order.repo, settings, base=order.base, named=remote)
    model = order.model or default_model(settings)
    shared = order.model_dump(
        include={"base", "verify", "image", "draft", "dry_run", "untested", "broken_base"}
        | {"allow", "depth", "fork", "origin"}
    )
    # As data: what came from outside is validated again.
    followup = None if order.followup is None else order.followup.model_dump()
    try:
        request = Request.model_validate(
            {
                **shared,
                "text": text,
                "followup": followup,
                "repo": found.repo,
                "requester": person(order.requester or found.requester),
                "model": model,
                "judge": judge_name(order.judge or settings.judge, model),
                "judge_mode": order.judge_mode or settings.judge_mode,
                "plan": _plan(order, settings),
                "limits": _limits(settings.limits, order),
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"The request's {where} cannot be used: {first['msg']}.", "Give other words."
        ) from error
    return Asked(request, found.notices)


def _plan(order: Order, settings: Settings) -> bool:
    if order.plan is not None or order.followup is not None:
        return bool(order.plan)
    return order.origin.kind in settings.plan


def _check_text(order: Order) -> None:
    """Raise UserError for bytes that are not UTF-8, which Python hands on as lone surrogates."""
    for name, value in order:
        for word in value if isinstance(value, tuple) else (value,):
            try:
                str(word).encode()
            except UnicodeEncodeError:
                where = "text" if name == "request" else name
                raise UserError(
                    f"The request's {where} cannot be used: it is not UTF-8.", "Write it in UTF-8."
                ) from None


def _limits(given: Limits, order: Order) -> Limits:
    changes = {
        "max_cost_usd": order.max_cost,
        "max_turns": order.max_turns,
        "timeout_seconds": order.timeout,
    }
    return given.model_copy(update={name: value for name, value in changes.items() if value is not None})


def check_open(name: str, settings: Settings) -> None:
    """Raise UserError for a repository that nobody may ask for over the network.

    There it is ``owner/name`` on the configured forge, or a path that the operator lists: a
    caller must not lead honk to other hosts or folders of this one.
    """
    allowed = settings.server.repositories
    plain = _OWNER_NAME.fullmatch(name) is not None or (name.startswith("/") and normpath(name) == name)
    listed = any(fnmatchcase(name, pattern) for pattern in allowed) if allowed else not name.startswith("/")
    if not (plain and listed):
        raise UserError(
            f"Repository {name!r} is not open to requests from outside.",
            "Give owner/name; the operator lists others in honk.toml ([server] repositories).",
        )


def _check_remote(order: Order, settings: Settings) -> None:
    """Raise UserError if somebody who is not on this machine may not ask for this.

    Limits may be lowered, never raised.
    """
    check_open(order.repo or "", settings)
    if order.model is not None and order.model.startswith("replay:") and not settings.server.replay:
        raise UserError("Recorded sessions are not open to requests from outside.", "Name another model.")
    limits = settings.limits
    ceilings = [
        ("max_cost", order.max_cost, limits.max_cost_usd),
        ("max_turns", order.max_turns, limits.max_turns),
        ("timeout", order.timeout, limits.timeout_seconds),
    ]
    for name, asked, ceiling in ceilings:
        if asked is not None and asked > ceiling:
            raise UserError(
                f"{name} {asked:g} is above this server's {ceiling:g}.",
                "Ask for less, or have the operator raise [limits] in honk.toml.",
            )
