"""Runs begun, carried on and ended, by whichever process: a command line, a server, a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from honk import __version__
from honk.core.api import WORDS_LIMIT
from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.events import Recorded, RunEnded, RunRequested
from honk.core.limits import Limits
from honk.core.messages import TextDelta
from honk.core.plain import clean
from honk.core.state import RunState, fold
from honk.core.types import Outcome, Request
from honk.runs import run as runs
from honk.runs.keeper import Keeper
from honk.runs.patch import end
from honk.runs.pipeline import execute
from honk.runs.services import Services
from honk.settings import Settings
from honk.wiring.followups import link
from honk.wiring.repositories import open_mirror
from honk.wiring.services import clear_sandboxes, services
from honk.wiring.stores import Stores, check_resumable, new_run_id
from honk.wiring.watching import Note, trace

CANCELLED = "Cancelled by `honk cancel`."


class Watcher(Protocol):
    """Who looks on: a terminal, or a worker's log."""

    def event(self, recorded: Recorded) -> None: ...

    def delta(self, delta: TextDelta) -> None: ...

    def notice(self, text: str) -> None: ...


@dataclass(frozen=True)
class Executed:
    """A run that has ended. ``usage``: what ended it is the request's or the settings' fault."""

    run: runs.Run
    usage: bool

    @property
    def ended(self) -> RunEnded:
        assert self.run.state.ended is not None  # execute() always ends a run
        return self.run.state.ended


def as_it_stands(stores: Stores, run_id: str) -> Executed:
    """A run that has ended, to look at."""
    return Executed(runs.Run(run_id, stores.events, 0, stores.events.read(run_id)), usage=False)


def _execute(run: runs.Run, services: Services) -> Executed:
    """What went wrong is in the log, and was shown."""
    try:
        execute(run, services)
    except UserError:
        if run.state.ended is None:
            raise
        return Executed(run, usage=True)
    return Executed(run, usage=False)


def begin(
    settings: Settings,
    stores: Stores,
    request: Request,
    watcher: Watcher,
    *,
    cancel: Cancel,
    record: Path | None = None,
) -> Executed:
    """Start a run here and bring it to its end.

    What is wrong before it begins (a model, a credential) leaves no run behind: UserError.
    """
    with services(
        settings, stores, request, cancel=cancel, on_delta=watcher.delta, notice=watcher.notice, record=record
    ) as prepared:
        request = request.model_copy(update={"repo": prepared.repo})
        run_id = new_run_id()
        run = runs.Run(run_id, stores.events, stores.leases.claim(run_id, stores.owner), [])
        link(stores, request, run_id)
        run.listen(watcher.event)
        run.record(RunRequested(honk=__version__, request=request, replayed=prepared.replayed))
        with Keeper(run.id, run.fence, stores.leases, stores.inbox, cancel, run.hear):
            executed = _execute(run, prepared.services)
    trace(settings, stores, run_id, watcher.notice)
    return executed


def carry_on(
    settings: Settings,
    stores: Stores,
    run_id: str,
    watcher: Watcher,
    *,
    cancel: Cancel,
    limits: Callable[[Limits], Limits] = lambda limits: limits,
    caught_up: Callable[[RunState], None] = lambda state: None,
    record: Path | None = None,
) -> Executed:
    """Bring a run whose log has begun to its end; whoever worked on it is gone.

    Raises UserError if it cannot be resumed, StaleWriter while somebody works on it.
    """
    recorded = stores.events.read(run_id)
    check_resumable(run_id, recorded, stores.artifacts)
    run = runs.Run(run_id, stores.events, stores.leases.claim(run_id, stores.owner), recorded)
    for word in stores.inbox.look(run_id):
        if word.kind == "cancel":  # came too late for the process that it was meant for
            stores.inbox.drop(word)
    caught_up(run.state)
    run.listen(watcher.event)
    with (
        Keeper(run_id, run.fence, stores.leases, stores.inbox, cancel, run.hear),
        services(
            settings, stores, run.state.request, cancel=cancel, on_delta=watcher.delta,
            notice=watcher.notice, record=record, resumed=run_id,
        ) as prepared,
    ):  # fmt: skip
        runs.resume(run, limits(run.state.limits))
        executed = _execute(run, prepared.services)
    trace(settings, stores, run_id, watcher.notice)
    return executed


def enlist(stores: Stores, request: Request, run_id: str | None = None) -> str:
    """Write down a run that some worker will carry on; its id."""
    run_id = run_id or new_run_id()
    fence = stores.leases.claim(run_id, stores.owner)
    try:
        if not stores.events.read(run_id):
            run = runs.Run(run_id, stores.events, fence, [])
            replayed = request.model.startswith("replay:")
            run.record(RunRequested(honk=__version__, request=request, replayed=replayed))
        link(stores, request, run_id)  # again is no second time, and whoever wrote the log may have died here
    finally:
        stores.leases.release(run_id, fence)
    return run_id


def cancel_run(
    settings: Settings, stores: Stores, run_id: str, reason: str = CANCELLED, *, note: Note
) -> bool:
    """Stop a run. False: somebody works on it and was asked to; True: nobody did, and it has ended.

    Raises UserError if it had ended before, but for a plan that waits.
    """
    if stores.leases.live(run_id):
        stores.inbox.send(run_id, "cancel", reason)
        return False
    recorded = stores.events.read(run_id)
    ended = fold(recorded).ended
    if ended is not None and ended.outcome is not Outcome.PLANNED:
        raise UserError(f"Run {run_id} has ended: {ended.outcome}.", f"`honk show {run_id}` tells more.")
    close_run(settings, stores, run_id, Outcome.CANCELLED, reason, note)
    return True


def close_run(
    settings: Settings, stores: Stores, run_id: str, outcome: Outcome, reason: str, note: Note
) -> None:
    """End a run that nobody works on: its work stays as a patch, its containers go."""
    _close(settings, stores, run_id, outcome, reason)
    trace(settings, stores, run_id, note)


def _close(settings: Settings, stores: Stores, run_id: str, outcome: Outcome, reason: str) -> None:
    recorded = stores.events.read(run_id)
    run = runs.Run(run_id, stores.events, stores.leases.claim(run_id, stores.owner), recorded)
    with Keeper(run_id, run.fence, stores.leases, stores.inbox, Cancel()):
        if run.state.base is None:  # it never began to work
            run.record(RunEnded(outcome=outcome, reason=reason, seconds=run.seconds()))
            return
        with open_mirror(settings, run.state.request.repo) as mirror:
            end(run, mirror, stores.artifacts, outcome, reason)
        clear_sandboxes(settings, stores, run_id)


def say(stores: Stores, run_id: str, text: str) -> bool:
    """Leave ``text`` for the model of a run; it hears it before its next turn. Raises UserError.

    Whether the run has to be carried on for that: its plan waits, and the words amend it.
    """
    ended = fold(stores.events.read(run_id)).ended
    if ended is not None and ended.outcome is not Outcome.PLANNED:
        raise UserError(
            f"Run {run_id} has ended: {ended.outcome}.",
            "Start a new one, or `honk followup` its pull request.",
        )
    send_words(stores, run_id, text)
    return ended is not None


def send_words(stores: Stores, run_id: str, text: str) -> None:
    """Leave words for whoever works on the run, now or once it is resumed. Raises UserError."""
    text = clean(text).strip()
    if not text:
        raise UserError("There is nothing to say.", "Give the words that the model shall hear.")
    if len(text) > WORDS_LIMIT:
        raise UserError(f"That is more than {WORDS_LIMIT:,} characters.", "Say it shorter.")
    stores.inbox.send(run_id, "say", text)
