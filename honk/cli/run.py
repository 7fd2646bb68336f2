"""`honk run | resume | cancel`: from options to a finished run and its exit code."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from honk import __version__, wiring
from honk import settings as settings_module
from honk.cli.show import find_run
from honk.cli.view import View, clean
from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.events import RunRequested
from honk.core.limits import Limits
from honk.core.state import fold
from honk.core.types import EXIT_CODES, Outcome, Request
from honk.runs import run as runs
from honk.runs.keeper import Keeper
from honk.runs.patch import end
from honk.runs.pipeline import execute
from honk.runs.result import result
from honk.runs.services import Services
from honk.settings import Settings

USAGE = 2
"""Exit code of wrong usage or configuration, also where it shows after a run has begun."""

CANCELLED = "Cancelled by `honk cancel`."

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")


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
    """``90``, ``90s``, ``45m``, ``1h30m`` in seconds. Raises UserError."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not text.strip():
        raise UserError(f"{text!r} is no duration.", "Write it like 90s, 45m or 1h30m.")
    hours, minutes, rest = (int(group or 0) for group in match.groups())
    total = hours * 3600 + minutes * 60 + rest
    if total <= 0:
        raise UserError("The time limit must be more than nothing.", "Write it like 90s, 45m or 1h30m.")
    return float(total)


def _limits(given: Limits, max_cost: float | None, max_turns: int | None, timeout: str | None) -> Limits:
    changes: dict[str, float] = {}
    if max_cost is not None:
        if max_cost <= 0:
            raise UserError("--max-cost must be more than 0 dollars.", "Give it in dollars, like 2.5.")
        changes["max_cost_usd"] = max_cost
    if max_turns is not None:
        changes["max_turns"] = max_turns
    if timeout is not None:
        changes["timeout_seconds"] = seconds(timeout)
    return given.model_copy(update=changes)


def _choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{option} takes {' or '.join(allowed)}, not {value!r}.", "See `honk run --help`.")


def _request(options: Options, settings: Settings, target: wiring.Target) -> Request:
    text = clean(sys.stdin.read() if options.request == "-" else options.request)
    if not text.strip():
        raise UserError("The change request is empty.", 'Say what to change: honk "bump logging lib".')
    _choice("--untested", options.untested, ("refuse", "draft"))
    _choice("--broken-base", options.broken_base, ("continue", "skip"))
    model = options.model or wiring.default_model(settings)
    try:
        return Request.model_validate(
            {
                "text": text.strip(),
                "repo": target.repo,
                "base": options.base,
                "requester": target.requester,
                "model": model,
                "judge": wiring.judge_name(options.judge or settings.judge, model),
                "verify": options.verify,
                "image": options.image,
                "draft": options.draft,
                "dry_run": options.dry_run,
                "untested": options.untested,
                "broken_base": options.broken_base,
                "allow": options.allow,
                "depth": options.depth,
                "fork": options.fork,
                "limits": _limits(settings.limits, options.max_cost, options.max_turns, options.timeout),
            }
        )
    except ValidationError as error:  # bytes that are not UTF-8, for example
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"The request's {where} cannot be used: {first['msg']}.", "Give other words."
        ) from error


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
            target = wiring.target(options.repo, settings, base=options.base)
            request = _request(options, settings, target)
            for notice in target.notices:
                view.notice(notice)
            with wiring.services(
                settings, stores, request, cancel=cancel, on_delta=view.delta, notice=view.notice,
                record=options.record,
            ) as prepared:  # fmt: skip
                request = request.model_copy(update={"repo": prepared.repo})
                event = RunRequested(honk=__version__, request=request, replayed=prepared.replayed)
                run = _begin(wiring.new_run_id(), event, stores, view)
                with Keeper(run.id, run.fence, stores.leases, stores.inbox, cancel):
                    code = _execute(run, prepared.services)
        return _finish(run, stores, code, json=options.json)


def _execute(run: runs.Run, services: Services) -> int:
    """Bring the run to its end; the exit code. What went wrong is in the log, and was shown."""
    try:
        execute(run, services)
    except UserError:
        if run.state.ended is None:
            raise
        return USAGE
    assert run.state.ended is not None  # execute() always ends a run
    return EXIT_CODES[run.state.ended.outcome]


def _begin(run_id: str, event: RunRequested, stores: wiring.Stores, view: View) -> runs.Run:
    run = runs.Run(run_id, stores.events, stores.leases.claim(run_id, stores.owner), [])
    run.listen(view.event)
    run.record(event)
    return run


def resume_command(
    prefix: str,
    max_cost: float | None,
    max_turns: int | None,
    timeout: str | None,
    *,
    json: bool,
    config: Path | None,
) -> int:
    settings = settings_module.load(config)
    cancel = Cancel()
    with interrupts(cancel), wiring.open_stores(settings) as stores:
        run_id = find_run(stores, prefix)
        recorded = stores.events.read(run_id)
        wiring.check_resumable(run_id, recorded)
        run = runs.Run(run_id, stores.events, stores.leases.claim(run_id, stores.owner), recorded)
        limits = _limits(run.state.limits, max_cost, max_turns, timeout)
        with View() as view:
            view.catch_up(run.state)
            run.listen(view.event)
            with (
                Keeper(run_id, run.fence, stores.leases, stores.inbox, cancel),
                wiring.services(
                    settings, stores, run.state.request, cancel=cancel, on_delta=view.delta,
                    notice=view.notice, resumed=run_id,
                ) as prepared,
            ):  # fmt: skip
                runs.resume(run, limits)
                code = _execute(run, prepared.services)
        return _finish(run, stores, code, json=json)


def cancel_command(prefix: str, config: Path | None) -> int:
    settings = settings_module.load(config)
    with wiring.open_stores(settings) as stores:
        run_id = find_run(stores, prefix)
        if stores.leases.live(run_id):
            stores.inbox.send(run_id, "cancel", CANCELLED)
            print(f"Run {run_id} is asked to stop.", file=sys.stderr)
            return 0
        _cancel_interrupted(run_id, settings, stores)
    return 0


def _cancel_interrupted(run_id: str, settings: Settings, stores: wiring.Stores) -> None:
    """End a run whose process died: its containers go, its work stays as a patch."""
    recorded = stores.events.read(run_id)
    if (ended := fold(recorded).ended) is not None:
        raise UserError(f"Run {run_id} has ended: {ended.outcome}.", f"`honk show {run_id}` tells more.")
    run = runs.Run(run_id, stores.events, stores.leases.claim(run_id, stores.owner), recorded)
    with Keeper(run_id, run.fence, stores.leases, stores.inbox, Cancel()):
        with wiring.open_mirror(settings, run.state.request.repo) as mirror:
            end(run, mirror, stores.artifacts, Outcome.CANCELLED, CANCELLED)
        print(f"Run {run_id} had no process any more and is cancelled.", file=sys.stderr)
        wiring.clear_sandboxes(settings, stores, run_id)


def _finish(run: runs.Run, stores: wiring.Stores, code: int, *, json: bool) -> int:
    ended = run.state.ended
    assert ended is not None  # execute() always ends a run
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
