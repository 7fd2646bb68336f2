"""`honk prune`: make room in HONK_HOME."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from honk import settings as settings_module
from honk import wiring
from honk.cli.run import seconds
from honk.core.errors import UserError
from honk.core.plain import clean
from honk.wiring.checks import in_words
from honk.wiring.prune import prune

LEAST_SECONDS = 3600.0
"""What is younger may be in use without a lease: `honk diff` reads a mirror, a person a patch."""


def prune_command(older_than: str, *, dry_run: bool, json: bool, config: Path | None) -> int:
    age = seconds(older_than)
    if age < LEAST_SECONDS:
        raise UserError("--older-than takes an hour or more.", "Give it like 12h or 30d.")
    settings = settings_module.load(config)
    with wiring.open_stores(settings) as stores:
        done = prune(settings, stores, before=time.time() - age, dry_run=dry_run)
    if json:
        print(done.model_dump_json())
        return 0
    verb = "would remove" if dry_run else "removed"
    for item in done.removed:
        size = "" if item.bytes is None else f" ({in_words(item.bytes)})"
        print(clean(f"{verb} {item.kind} {item.name}{size}"))
    for notice in done.notices:
        print(clean(notice), file=sys.stderr)
    told = "to free, more by packing what stays" if dry_run else "freed"
    print(f"{in_words(done.bytes)} {told}.", file=sys.stderr)
    return 0
