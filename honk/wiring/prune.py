"""What `honk prune` removes from HONK_HOME, and what it never touches.

Nothing of a run that somebody works on goes, and nothing whose loss could not be made good:
the log and the patch of every run stay, and the last checkpoint of one that has no patch.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from honk.core.base import Frozen
from honk.core.errors import GitError, HonkError
from honk.core.events import ChangeFrozen, Checkpointed, Recorded, RunEnded
from honk.core.state import RunState, fold
from honk.core.types import RepoRef
from honk.git import upkeep
from honk.git.refs import location_of
from honk.settings import Settings
from honk.wiring.repositories import submodules_home
from honk.wiring.stores import Stores

SEEN = timedelta(days=14)
"""So long it is remembered what was delivered or answered; no sender tries again for longer, and
Slack's runs are followed for as long."""


class Removed(Frozen):
    """``bytes`` is None where nobody can say: layers that images share, a repack to come."""

    kind: Literal["artifact", "mirror", "objects", "partial", "image", "delivery"]
    name: str
    bytes: int | None


class Pruned(Frozen):
    dry_run: bool
    removed: tuple[Removed, ...]
    bytes: int  # all that is known
    notices: tuple[str, ...]


@dataclass(frozen=True)
class _Past:
    """A run as far as pruning is concerned. ``live``: somebody works on it; ``recent``: or did lately."""

    recorded: list[Recorded]
    state: RunState
    live: bool
    recent: bool

    @property
    def repo(self) -> RepoRef:
        return self.state.base.base.repo if self.state.base else self.state.request.repo


def prune(settings: Settings, stores: Stores, *, before: float, dry_run: bool) -> Pruned:
    """Remove what was not used since ``before`` (seconds since 1970). Raises StoreError."""
    runs = list(_runs(stores, before))
    notices: list[str] = []
    removed = [
        *_artifacts(stores, runs, dry_run),
        *_partial(settings, stores, before, dry_run),
        *_mirrors(settings, runs, before, dry_run, notices),
        *_images(settings, before, dry_run, notices),
        *_deliveries(stores, dry_run),
    ]
    known = sum(item.bytes or 0 for item in removed)
    return Pruned(dry_run=dry_run, removed=tuple(removed), bytes=known, notices=tuple(notices))


def _runs(stores: Stores, before: float) -> Iterator[_Past]:
    for run_id in stores.events.runs():
        live = stores.leases.live(run_id)
        recorded = stores.events.read(run_id)
        state = fold(recorded)
        if state.requested is not None:
            yield _Past(recorded, state, live, live or recorded[-1].at.timestamp() >= before)


def _deliveries(stores: Stores, dry_run: bool) -> Iterator[Removed]:
    """Marks of webhooks, messages and idempotency keys that were seen."""
    if count := stores.once.forget(datetime.now(UTC) - SEEN, dry_run=dry_run):
        yield Removed(kind="delivery", name=f"marks: {count}", bytes=None)


# ---- artifacts --------------------------------------------------------------------------


def _artifacts(stores: Stores, runs: list[_Past], dry_run: bool) -> Iterator[Removed]:
    """Packs that old runs were resumed from. Only what a log names is looked at, so what
    another process is just writing is safe."""
    kept = {digest for run in runs for digest in (_named(run) if run.recent else _lasting(run))}
    for digest in sorted({digest for run in runs for digest in _named(run)} - kept):
        if size := stores.artifacts.size(digest):
            if not dry_run:
                stores.artifacts.remove(digest)
            yield Removed(kind="artifact", name=digest, bytes=size)


def _named(run: _Past) -> set[str]:
    """Every artifact that the log names."""
    events = [item.event for item in run.recorded]
    packs = {event.artifact for event in events if isinstance(event, Checkpointed | ChangeFrozen)}
    return packs | _patches(run)


def _patches(run: _Past) -> set[str]:
    events = [item.event for item in run.recorded]
    return {event.patch for event in events if isinstance(event, RunEnded) and event.patch is not None}


def _lasting(run: _Past) -> set[str]:
    """What stays of an old run: its patches, else the last packs that hold its work."""
    if run.state.ended is not None and run.state.ended.patch is not None:
        return _patches(run)
    packs = (run.state.checkpoint, run.state.last_change)
    return _patches(run) | {event.artifact for event in packs if event is not None}


def _partial(settings: Settings, stores: Stores, before: float, dry_run: bool) -> Iterator[Removed]:
    """What killed processes left half-made."""
    from honk.stores.artifacts import FolderArtifacts

    found = upkeep.partial(settings.home, before)
    if isinstance(stores.artifacts, FolderArtifacts):
        found += stores.artifacts.partial(before)
    for path in found:
        size = upkeep.size(path)
        if not dry_run:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield Removed(kind="partial", name=str(path.relative_to(settings.home)), bytes=size)


# ---- mirrors ----------------------------------------------------------------------------


def _mirrors(
    settings: Settings,
    runs: list[_Past],
    before: float,
    dry_run: bool,
    notices: list[str],
) -> Iterator[Removed]:
    names = {path: run.repo.name for run in runs for path in _places(settings, run.repo)}
    used = {path for run in runs if run.recent for path in _places(settings, run.repo)}
    live = {path for run in runs if run.live for path in _places(settings, run.repo)}
    for mirror in upkeep.mirrors(settings.home):
        within = mirror.parent.parent
        group = mirror if within == settings.home else within
        name = names.get(group, mirror.name) + (" (a submodule)" if group != mirror else "")
        if group in live:
            continue
        try:
            if group not in used and upkeep.last_used(mirror) < before:
                size = upkeep.size(mirror)
                if dry_run or upkeep.discard(mirror, before):
                    yield Removed(kind="mirror", name=name, bytes=size)
            elif not dry_run and (freed := upkeep.tidy(mirror, before)):
                yield Removed(kind="objects", name=name, bytes=freed)
        except GitError as error:
            notices.append(f"{name}: {error}")


def _places(settings: Settings, repo: RepoRef) -> tuple[Path, Path]:
    """Where the mirror of a repository is, and the folder of its submodules' mirrors."""
    return upkeep.place(settings.home, location_of(repo)), submodules_home(settings, repo)


# ---- images -----------------------------------------------------------------------------


def _images(settings: Settings, before: float, dry_run: bool, notices: list[str]) -> Iterator[Removed]:
    from honk.sandboxes.images import discard, unused
    from honk.wiring.sandboxes import Engine

    old = list(unused(settings.home / "locks", before))
    if not old:
        return
    engine = Engine(settings.model_copy(update={"no_install": True}), lambda text: None)
    try:
        for tag, lock in old:
            if dry_run or discard(engine.client, tag, lock, before):
                yield Removed(kind="image", name=tag, bytes=None)
    except HonkError as error:
        notices.append(f"Images are left alone: {error.message}")
    finally:
        engine.close()
