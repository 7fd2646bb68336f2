"""The work of a run as a patch, whether the run ended, still works, or lost its process."""

from __future__ import annotations

from honk.core.errors import Cancelled, GitError, StoreError
from honk.core.events import RunEnded
from honk.core.ports import Artifacts, Mirror
from honk.core.state import RunState
from honk.core.types import Change, Outcome
from honk.runs.run import Run


def change_so_far(state: RunState, mirror: Mirror, artifacts: Artifacts) -> Change | None:
    """The frozen change, else the last checkpoint, else an earlier attempt's change.

    Raises GitError or StoreError if mirror or artifact are gone, Cancelled if the base would
    have to be fetched by a cancelled run.
    """
    if state.frozen is not None:
        return state.frozen.change
    if state.checkpoint is not None and state.base is not None:
        base, commit = state.base.base.sha, state.checkpoint.commit
        try:
            return mirror.diff(base, commit)  # needs no room, which a full disk may not have
        except GitError:
            mirror.ensure(base)  # the mirror is a cache; the artifact is what lasts
            mirror.unpack(artifacts.get(state.checkpoint.artifact))
            return mirror.diff(base, commit)
    return state.last_change.change if state.last_change is not None else None


def patch_bytes(change: Change) -> bytes:
    """The patch as ``git apply`` takes it, byte for byte."""
    return change.patch.encode("utf-8", "surrogateescape")


def keep_patch(state: RunState, mirror: Mirror, artifacts: Artifacts) -> str | None:
    """Put the work so far into the artifact store; its digest, None if there is none."""
    try:
        change = change_so_far(state, mirror, artifacts)
        return None if change is None or change.empty else artifacts.put(patch_bytes(change))
    except (Cancelled, GitError, StoreError):  # a cancelled run fetches nothing any more
        return None  # the end itself must be logged; the checkpoint's artifact still has the work


def end(run: Run, mirror: Mirror, artifacts: Artifacts, outcome: Outcome, reason: str) -> None:
    """Log the end of the run, with the work so far kept as a patch."""
    patch = keep_patch(run.state, mirror, artifacts)
    run.record(RunEnded(outcome=outcome, reason=reason, patch=patch, seconds=run.seconds()))
