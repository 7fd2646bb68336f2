"""`honk run | resume | cancel`: from options to a finished run and its exit code."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from honk import settings as settings_module
from honk import wiring
from honk.cli.show import find_run
from honk.cli.view import View
from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.limits import Limits
from honk.core.order import Order
from honk.core.types import EXIT_CODES
from honk.runs.result import result

USAGE = 2
"""Exit code of wrong usage or configuration, also where it shows after a run has begun."""

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


@dataclass(frozen=True)
class Options:
    """The options of `honk run`, as given."""

    request: str
    repo: str | None
    base: str | None
    model: str | None
    verify: tuple[str, ...]
    image: str | None
    draft: bool
    dry_run: bool
    max_cost: float | None
    max_turns: int | None
    timeout: str | None
    untested: str
    allow: tuple[str, ...]
    broken_base: str
    depth: int
    fork: bool
    judge: str | None
    record: Path | None
    json: bool
    config: Path | None


def seconds(text: str) -> float:
    """``90``, ``90s``, ``45m``, ``1h30m``, ``30d`` in seconds. Raises UserError."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not text.strip():
        raise UserError(f"{text!r} is no duration.", "Write it like 90s, 45m or 1h30m.")
    days, hours, minutes, rest = (int(group or 0) for group in match.groups())
    total = days * 86_400 + hours * 3600 + minutes * 60 + rest
    if total <= 0:
        raise UserError("The time must be more than nothing.", "Write it like 90s, 45m or 1h30m.")
    return float(total)


def _raised(max_cost: float | None, max_turns: int | None, timeout: str | None) -> Callable[[Limits], Limits]:
    """What the options of `honk resume` make of a run's limits."""
    changes: dict[str, float] = {}
    if max_cost is not None:
        changes["max_cost_usd"] = dollars(max_cost)
    if max_turns is not None:
        changes["max_turns"] = max_turns
    if timeout is not None:
        changes["timeout_seconds"] = seconds(timeout)
    return lambda limits: limits.model_copy(update=changes)


def dollars(value: float) -> float:
    if value <= 0:
        raise UserError("--max-cost must be more than 0 dollars.", "Give it in dollars, like 2.5.")
    return value


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{option} takes {' or '.join(allowed)}, not {value!r}.", "See `honk run --help`.")


def _order(options: Options) -> Order:
    _choice("--untested", options.untested, ("refuse", "draft"))
    _choice("--broken-base", options.broken_base, ("continue", "skip"))
    max_cost = None if options.max_cost is None else dollars(options.max_cost)
    timeout = None if options.timeout is None else seconds(options.timeout)
    given = {name: value for name, value in vars(options).items() if name in Order.model_fields}
    text = sys.stdin.read() if options.request == "-" else options.request
    return Order.model_construct(**{**given, "request": text, "max_cost": max_cost, "timeout": timeout})


@contextmanager
def interrupts(cancel: Cancel) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends the run in order; a second Ctrl-C ends honk at once."""

    def stop(number: int, frame: object) -> None:
        if cancel.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        # Closing a container takes a moment, and a signal handler must not wait for locks
        # that the interrupted thread may hold.
        reason = f"Stopped by {signal.Signals(number).name}."
        threading.Thread(target=cancel.set, args=(reason,), daemon=True).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_command(options: Options) -> int:
    settings = settings_module.load(options.config)
    cancel = Cancel()
    with interrupts(cancel), wiring.open_stores(settings) as stores:
        with View() as view:
            asked = wiring.make_request(_order(options), settings)
            for notice in asked.notices:
                view.notice(notice)
            done = wiring.begin(settings, stores, asked.request, view, cancel=cancel, record=options.record)
        return finish(done, stores, json=options.json)


def resume_command(
    prefix: str,
    max_cost: float | None,
    max_turns: int | None,
    timeout: str | None,
    *,
    record: Path | None,
    json: bool,
    config: Path | None,
) -> int:
    settings = settings_module.load(config)
    cancel = Cancel()
    with interrupts(cancel), wiring.open_stores(settings) as stores:
        run_id = find_run(stores, prefix)
        with View() as view:
            done = wiring.carry_on(
                settings,
                stores,
                run_id,
                view,
                cancel=cancel,
                limits=_raised(max_cost, max_turns, timeout),
                caught_up=view.catch_up,
                record=record,
            )
        return finish(done, stores, json=json)


def cancel_command(prefix: str, config: Path | None) -> int:
    settings = settings_module.load(config)
    with wiring.open_stores(settings) as stores:
        run_id = find_run(stores, prefix)
        if wiring.cancel_run(settings, stores, run_id):
            print(f"Run {run_id} had no process any more and is cancelled.", file=sys.stderr)
        else:
            print(f"Run {run_id} is asked to stop.", file=sys.stderr)
    return 0


def say_command(prefix: str, words: str, config: Path | None) -> int:
    settings = settings_module.load(config)
    with wiring.open_stores(settings) as stores:
        run_id = find_run(stores, prefix)
        wiring.say(stores, run_id, words)
        print(f"Run {run_id} hears it before its next turn.", file=sys.stderr)
    return 0


def finish(done: wiring.Executed, stores: wiring.Stores, *, json: bool) -> int:
    """Print the result, or where to look further; the exit code."""
    run, ended = done.run, done.ended
    code = USAGE if done.usage else EXIT_CODES[ended.outcome]
    if json:
        print(result(run.id, run.state, stores.artifacts).model_dump_json())
        return code
    more = [f"honk show {run.id}"]
    if ended.patch is not None:
        more.append(f"honk diff {run.id}")
    if run.state.base is not None and run.state.pushed is not None:
        where = run.state.base.base.repo
        folder = f"-C {where.name} " if where.forge == "local" else ""
        more.append(f"git {folder}log -p -1 {run.state.base.branch}")
    print("\nLook further:\n" + "\n".join(f"  {line}" for line in more), file=sys.stderr)
    return code
