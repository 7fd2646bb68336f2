"""`honk run | resume | approve | followup --remote`: a service does the work, and here one looks on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from honk.cli import plan
from honk.cli.places import There, connect
from honk.cli.run import Options, further, heard, look_further, order_of, waiting
from honk.cli.streams import print_result
from honk.cli.view import View
from honk.client import Client
from honk.core.errors import InfrastructureError, UserError
from honk.core.events import RunEnded
from honk.core.order import Order
from honk.core.state import fold
from honk.core.types import EXIT_CODES, Outcome
from honk.settings import Settings

DETACHED = 130
"""Exit code after Ctrl-C, as that of a run that was stopped here."""

_OWNER_NAME = re.compile(r"[^/\s:.~][^/\s:]*/[^/\s:]+")


def run_there(settings: Settings, url: str, options: Options) -> int:
    return order_there(settings, url, order_of(options), record=options.record, json=options.json)


def order_there(settings: Settings, url: str, order: Order, *, record: Path | None, json: bool) -> int:
    """Have a run started there, and look on."""
    if record is not None:
        raise UserError("--record works where the run does.", "Leave it out, or run here with --remote ''.")
    with connect(settings, url) as client, View() as view:
        started = client.start(_placed(order, settings, view))
        view.notice(started.url)
        return _look_on(client, started.run_id, 0, view, json=json)


def _placed(order: Order, settings: Settings, view: View) -> Order:
    """The order with a repository that means the same at the service: its name on the forge."""
    if order.repo is not None and _OWNER_NAME.fullmatch(order.repo):
        return order
    from honk.wiring import target

    found = target(order.repo, settings, base=order.base)
    for notice in found.notices:
        view.notice(notice)
    return order.model_copy(update={"repo": found.repo.name, "requester": found.requester})


def resume_there(
    settings: Settings, url: str, prefix: str, given: Mapping[str, object], *, json: bool
) -> int:
    """``given``: options that only work where the run does."""
    if named := [name for name, value in given.items() if value is not None]:
        raise UserError(f"--{named[0]} works where the run does.", "Leave it out, or resume it there.")
    with connect(settings, url) as client, View() as view:
        run_id = There(client).find(prefix)
        recorded = client.events(run_id)
        client.resume(run_id)
        view.catch_up(fold(recorded))
        return _look_on(client, run_id, recorded[-1].seq, view, json=json)


def approve_there(settings: Settings, url: str, prefix: str, globs: tuple[str, ...], *, json: bool) -> int:
    with connect(settings, url) as client, View() as view:
        run_id = There(client).find(prefix)
        recorded = client.events(run_id)
        client.approve(run_id, globs)
        view.catch_up(fold(recorded))
        return _look_on(client, run_id, recorded[-1].seq, view, json=json)


def say_there(settings: Settings, url: str, prefix: str, words: str) -> int:
    with connect(settings, url) as client:
        run_id = There(client).find(prefix)
        client.say(run_id, words)
    return heard(run_id)


def _look_on(client: Client, run_id: str, after: int, view: View, *, json: bool) -> int:
    """Show the run until it ends; its exit code. Ctrl-C leaves it alone."""
    try:
        seq, ended = _followed(client, run_id, after, view)
        while not json and ended.outcome is Outcome.PLANNED and _answered(client, run_id, view):
            seq, ended = _followed(client, run_id, seq, view)
    except KeyboardInterrupt:
        view.notice(
            f"The run goes on there. `honk cancel {run_id}` stops it, `honk logs -f {run_id}` follows it."
        )
        return DETACHED
    if json:
        print_result(client.result(run_id).model_dump_json())
    else:
        look_further(further(run_id, ended), waiting(ended))
    return EXIT_CODES[ended.outcome]


def _followed(client: Client, run_id: str, after: int, view: View) -> tuple[int, RunEnded]:
    """Show the run until it ends; the number of its last event, and that event."""
    for recorded in client.follow(run_id, after):
        view.event(recorded)
        if isinstance(recorded.event, RunEnded):
            return recorded.seq, recorded.event
    raise InfrastructureError(f"The log of run {run_id} ended without its end.", "Look at the service.")


def _answered(client: Client, run_id: str, view: View) -> bool:
    """Ask whoever sits here about the plan that waits there, and pass the answer on, if there is one."""
    with view.paused():
        word = plan.ask()
    if word is None:
        return False
    if word.verdict == "no":
        client.cancel(run_id)
    elif word.verdict == "yes":
        client.approve(run_id)
    else:
        client.say(run_id, word.words)
    return True
