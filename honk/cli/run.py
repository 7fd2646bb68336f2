"""`honk run | resume | cancel`: from options to a finished run and its exit code."""

from __future__ import annotations

import getpass
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
from honk.cli import ci, plan
from honk.cli.places import aside, only, open_place
from honk.cli.signals import on_stop
from honk.cli.streams import print_result
from honk.cli.view import View
from honk.core.cancel import Cancel
from honk.core.ci import CiJob
from honk.core.errors import UserError
from honk.core.events import RunEnded
from honk.core.limits import Limits
from honk.core.order import Order
from honk.core.types import EXIT_CODES, Outcome, Request
from honk.runs.result import result
from honk.settings import Settings

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
    judge_mode: str | None
    plan: bool
    record: Path | None
    report: Path | None
    json: bool
    config: Path | None
    remote: str | None = None


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


def said(argument: str) -> str:
    """The words of an argument that may be ``-`` for what is on stdin."""
    # As Python does for arguments; what is no UTF-8 is refused where the request is made.
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if argument == "-" else argument


def choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{option} takes {' or '.join(allowed)}, not {value!r}.", "See `honk run --help`.")


def order_of(options: Options, job: CiJob | None = None) -> Order:
    choice("--untested", options.untested, ("refuse", "draft"))
    choice("--broken-base", options.broken_base, ("continue", "skip"))
    if options.judge_mode is not None:
        choice("--judge-mode", options.judge_mode, ("advisory", "blocking"))
    max_cost = None if options.max_cost is None else dollars(options.max_cost)
    timeout = None if options.timeout is None else seconds(options.timeout)
    given = {name: value for name, value in vars(options).items() if name in Order.model_fields}
    given["plan"] = options.plan or None  # without the option as the settings say
    if job is not None:
        given |= {"origin": job.origin, "requester": job.person}
    return Order.model_construct(
        **{**given, "request": said(options.request), "max_cost": max_cost, "timeout": timeout}
    )


@contextmanager
def interrupts(cancel: Cancel) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or SIGHUP ends the run in order; a second Ctrl-C ends honk at once."""

    def stop(number: signal.Signals) -> None:
        if cancel.is_set() and number is signal.SIGINT:
            raise KeyboardInterrupt
        # Closing a container takes a moment, and a signal handler must not wait for locks
        # that the interrupted thread may hold.
        threading.Thread(target=cancel.set, args=(f"Stopped by {number.name}.",), daemon=True).start()

    with on_stop(stop):
        yield


def elsewhere(settings: Settings, remote: str | None) -> str | None:
    """URL of the service that does the work; ``--remote ''`` means none."""
    return (settings.remote if remote is None else remote) or None


def run_command(options: Options) -> int:
    settings = settings_module.load(options.config)
    if url := elsewhere(settings, options.remote):
        from honk.cli.remote import run_there

        return run_there(settings, url, options)
    cancel = Cancel()
    if options.report is not None:
        ci.open_report(options.report)
    with wiring.open_stores(settings) as stores:
        with interrupts(cancel), View() as view:
            asked = wiring.make_request(order_of(options, settings.ci), settings)
            for notice in (*asked.notices, *_about_token(asked.request, settings)):
                view.notice(notice)
            done = wiring.begin(settings, stores, asked.request, view, cancel=cancel, record=options.record)
        if not options.json:
            done = attend(settings, stores, done, record=options.record)
        if options.report is not None:
            state = done.run.state
            found = result(done.run.id, state, stores.artifacts)
            evidence = stores.artifacts.get(state.attested.artifact) if state.attested else b""
            ci.write_report(options.report, found, stores.events.read(done.run.id), evidence, settings.ci)
        return finish(done, stores, json=options.json)


def _about_token(request: Request, settings: Settings) -> list[str]:
    note = ci.token_note(settings.ci) if request.repo.forge == "github" and not request.dry_run else ""
    return [note] if note else []


def resume_command(
    prefix: str,
    max_cost: float | None,
    max_turns: int | None,
    timeout: str | None,
    *,
    record: Path | None,
    json: bool,
    config: Path | None,
    remote: str | None,
) -> int:
    settings = settings_module.load(config)
    if url := elsewhere(settings, remote):
        from honk.cli.remote import resume_there

        given = {"max-cost": max_cost, "max-turns": max_turns, "timeout": timeout, "record": record}
        return resume_there(settings, url, prefix, given, json=json)
    with wiring.open_stores(settings) as stores:
        run_id = only(prefix, stores.events.runs())
        wiring.check_free(stores, run_id)
        limits = _raised(max_cost, max_turns, timeout)
        done = go_on(settings, stores, run_id, limits=limits, record=record)
        if not json:
            done = attend(settings, stores, done, record=record)
        return finish(done, stores, json=json)


def go_on(
    settings: Settings,
    stores: wiring.Stores,
    run_id: str,
    *,
    limits: Callable[[Limits], Limits] = lambda limits: limits,
    record: Path | None = None,
    approval: int | None = None,
) -> wiring.Executed:
    """Carry a run on here, and show it; ``approval``: from the event of that number on."""
    cancel = Cancel()
    with interrupts(cancel), View() as view:
        for recorded in stores.events.read(run_id, approval - 1) if approval else ():
            view.event(recorded)
        return wiring.carry_on(
            settings, stores, run_id, view,
            cancel=cancel, limits=limits, caught_up=view.catch_up, record=record,
        )  # fmt: skip


def attend(
    settings: Settings, stores: wiring.Stores, done: wiring.Executed, *, record: Path | None = None
) -> wiring.Executed:
    """Ask whoever sits here about a plan that waits, until it does no more or nobody answers."""
    run_id = done.run.id
    while done.ended.outcome is Outcome.PLANNED and (word := plan.ask()) is not None:
        if word.verdict == "no":
            wiring.cancel_run(settings, stores, run_id, plan.DECLINED, note=aside)
            return wiring.as_it_stands(stores, run_id)
        approval = None
        if word.verdict == "yes":
            approval = wiring.approve(stores, run_id, (), person())
        else:
            wiring.say(stores, run_id, word.words)
        done = go_on(settings, stores, run_id, record=record, approval=approval)
    return done


def person() -> str:
    """Who sits at this machine, as far as it knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return ""


def cancel_command(prefix: str, config: Path | None, remote: str | None) -> int:
    with open_place(config, remote) as place:
        run_id = place.find(prefix)
        if place.cancel(run_id):
            print(f"Run {run_id} had no process any more and is cancelled.", file=sys.stderr)
        else:
            print(f"Run {run_id} is asked to stop.", file=sys.stderr)
    return 0


def say_command(prefix: str, words: str, config: Path | None, remote: str | None) -> int:
    settings = settings_module.load(config)
    if url := elsewhere(settings, remote):
        from honk.cli.remote import say_there

        return say_there(settings, url, prefix, words)
    with wiring.open_stores(settings) as stores:
        run_id = only(prefix, stores.events.runs())
        if wiring.say(stores, run_id, words):  # its plan waits, and no worker would amend it
            return finish(attend(settings, stores, go_on(settings, stores, run_id)), stores, json=False)
    return heard(run_id)


def heard(run_id: str) -> int:
    print(f"Run {run_id} hears it before its next turn.", file=sys.stderr)
    return 0


def finish(done: wiring.Executed, stores: wiring.Stores, *, json: bool) -> int:
    """Print the result, or where to look further; the exit code."""
    run, ended = done.run, done.ended
    code = USAGE if done.usage else EXIT_CODES[ended.outcome]
    if json:
        print_result(result(run.id, run.state, stores.artifacts).model_dump_json())
        return code
    more = further(run.id, ended)
    if run.state.base is not None and run.state.pushed is not None:
        where = run.state.base.base.repo
        folder = f"-C {where.name} " if where.forge == "local" else ""
        more.append(f"git {folder}log -p -1 {run.state.base.branch}")
    look_further(more, waiting(ended))
    return code


_PERMITS = {Outcome.REFUSED: "permits what the gates refused", Outcome.VETOED: "overrules the judge"}


def further(run_id: str, ended: RunEnded) -> list[str]:
    """Commands that tell more about an ended run, or go on with one that waits."""
    if ended.outcome is Outcome.PLANNED:
        return [f"honk approve {run_id}", f'honk say {run_id} "WHAT TO CHANGE"', f"honk cancel {run_id}"]
    look = [f"honk show {run_id}", *([f"honk diff {run_id}"] if ended.patch is not None else [])]
    permits = _PERMITS.get(ended.outcome)
    return [*look, f"honk approve {run_id}  # {permits}"] if permits else look


def waiting(ended: RunEnded) -> str:
    """What the commands of ``further`` are for."""
    return "The plan waits" if ended.outcome is Outcome.PLANNED else "Look further"


def look_further(commands: list[str], what: str) -> None:
    print(f"\n{what}:\n" + "\n".join(f"  {line}" for line in commands), file=sys.stderr)
