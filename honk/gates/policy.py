"""What the people around a run have decided about its gates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pathspec import GitIgnoreSpec

from honk.core.errors import UserError
from honk.core.rules import GateMode, GateName
from honk.core.types import Finding

DEFAULTS: Mapping[GateName, GateMode] = {
    "protected-path": "block",
    "secret": "block",
    "hidden-characters": "block",
    "submodule": "block",
    "symlink": "block",
    "file-size": "block",
    "weakened-tests": "block",
    "verifier-config": "block",
    "junk": "block",
    "lock-file": "block",
    "dependency-downgrade": "block",
    "change-size": "flag",
    "tests-changed": "flag",
    "suppression": "flag",
    "binary": "flag",
    "mode": "flag",
}
"""The mode of each gate that nobody has set. ``block``: what is certain blocks, what is doubtful
is flagged. ``flag``: nothing blocks. A gate that only ever flags blocks with mode ``block``."""

_SAFETY: tuple[GateName, ...] = ("protected-path", "secret", "hidden-characters", "submodule", "symlink")
"""Gates that guard people and machines: a repository alone cannot make them laxer."""

_NEVER_PERMITTED: tuple[GateName, ...] = ("secret", "hidden-characters", "submodule", "symlink")
"""Gates that ``--allow`` and ``honk approve`` do not open: their findings are never wanted."""

_ORDER: tuple[GateMode, ...] = ("off", "flag", "block")


@dataclass(frozen=True)
class GatePolicy:
    """``protect``: globs that the operator and the repository add to honk's own. ``allow``: globs
    of paths for which the requester permits what a gate would block. ``secrets``: values that
    must never leave. ``modes``: of the gates, where they differ from the default. ``request``:
    the requester's words, which decide whether a lock file or an older version was asked for.

    Globs mean what they mean in a .gitignore file.
    """

    protect: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    modes: Mapping[GateName, GateMode] = field(default_factory=dict)
    request: str = ""


def combined(
    operator: Mapping[GateName, GateMode], repository: Mapping[GateName, GateMode]
) -> dict[GateName, GateMode]:
    """The mode of each gate in a run.

    A repository can always make a gate stricter. It can make one laxer only down to what the
    operator set, or, where the operator set nothing, down to ``flag``; and those that guard
    people and machines not at all. An operator who sets ``off`` leaves it to the repositories.
    """
    found: dict[GateName, GateMode] = {}
    for gate, default in DEFAULTS.items():
        usual = operator.get(gate, default)
        least = operator.get(gate, "block" if gate in _SAFETY else "flag")
        found[gate] = max(least, repository.get(gate, usual), key=_ORDER.index)
    return found


def can_permit(finding: Finding) -> bool:
    """Whether the requester may let a blocking finding pass."""
    return finding.result == "block" and finding.gate in DEFAULTS and finding.gate not in _NEVER_PERMITTED


def apply(finding: Finding, policy: GatePolicy) -> Finding | None:
    """The finding as the modes and the requester's permissions have it; None if its gate is off."""
    gate = next((name for name in DEFAULTS if name == finding.gate), None)
    mode = "block" if gate is None else policy.modes.get(gate, DEFAULTS[gate])
    if gate is not None and mode == "off":
        return None
    result = finding.result
    if mode == "flag":
        result = "flag"
    elif gate is not None and DEFAULTS[gate] == "flag":
        result = "block"
    found = finding.model_copy(update={"result": result})
    if can_permit(found) and matches(policy.allow, finding.path):
        detail = f"{finding.detail}; a person permits it"
        return found.model_copy(update={"result": "flag", "detail": detail})
    return found


def globs(patterns: Iterable[str]) -> GitIgnoreSpec:
    """A matcher for paths. Raises UserError for a pattern that means nothing."""
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        hint = "Write it as in a .gitignore file."
        raise UserError(f"A path pattern is not usable: {error}.", hint) from error


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    return globs(patterns)


def matches(patterns: tuple[str, ...], path: str) -> bool:
    """In any case, since some file systems do not tell ``.VSCode`` from ``.vscode``."""
    return _compiled(tuple(pattern.lower() for pattern in patterns)).match_file(path.lower())
