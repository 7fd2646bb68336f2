"""`honk approve`: a person permits what the gates or the judge refused, and the run goes on."""

from __future__ import annotations

import getpass
from pathlib import Path

from honk import settings as settings_module
from honk import wiring
from honk.cli.places import only
from honk.cli.run import elsewhere, finish, interrupts
from honk.cli.view import View
from honk.core.cancel import Cancel


def approve_command(
    prefix: str, globs: tuple[str, ...], *, json: bool, config: Path | None, remote: str | None
) -> int:
    """Record the approval and bring the run to its end; the exit code is that of a run."""
    settings = settings_module.load(config)
    if url := elsewhere(settings, remote):
        from honk.cli.remote import approve_there

        return approve_there(settings, url, prefix, globs, json=json)
    cancel = Cancel()
    with interrupts(cancel), wiring.open_stores(settings) as stores:
        run_id = only(prefix, stores.events.runs())
        wiring.approve(stores, run_id, globs, person())  # first, so that a crash cannot lose it
        with View() as view:
            done = wiring.carry_on(
                settings, stores, run_id, view, cancel=cancel, caught_up=view.catch_up
            )  # fmt: skip
        return finish(done, stores, json=json)


def person() -> str:
    """Who sits at this machine, as far as it knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return ""
