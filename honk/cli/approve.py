"""`honk approve`: a person approves a plan, or what the gates or the judge refused; the run goes on."""

from __future__ import annotations

from pathlib import Path

from honk import settings as settings_module
from honk import wiring
from honk.cli.places import only
from honk.cli.run import elsewhere, finish, go_on, person


def approve_command(
    prefix: str, globs: tuple[str, ...], *, json: bool, config: Path | None, remote: str | None
) -> int:
    """Record the approval and bring the run to its end; the exit code is that of a run."""
    settings = settings_module.load(config)
    if url := elsewhere(settings, remote):
        from honk.cli.remote import approve_there

        return approve_there(settings, url, prefix, globs, json=json)
    with wiring.open_stores(settings) as stores:
        run_id = only(prefix, stores.events.runs())
        approval = wiring.approve(stores, run_id, globs, person())  # first, so that a crash cannot lose it
        return finish(go_on(settings, stores, run_id, approval=approval), stores, json=json)
