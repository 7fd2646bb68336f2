"""What the people around a run have decided about its gates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pathspec import GitIgnoreSpec

from honk.core.errors import UserError


@dataclass(frozen=True)
class GatePolicy:
    """``protect``: globs that the operator and the repository add to honk's own. ``allow``: globs
    of protected paths that the requester permits. ``secrets``: values that must never leave.

    Globs mean what they mean in a .gitignore file.
    """

    protect: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


def globs(patterns: Iterable[str]) -> GitIgnoreSpec:
    """A matcher for paths. Raises UserError for a pattern that means nothing."""
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        hint = "Write it as in a .gitignore file."
        raise UserError(f"A path pattern is not usable: {error}.", hint) from error
