"""The gates by name, and what an installation or a repository may say about each."""

from __future__ import annotations

from typing import Literal, get_args

GateMode = Literal["block", "flag", "off"]
"""``block``: the gate may refuse a change. ``flag``: it only tells the reviewer. ``off``: it is silent."""

GateName = Literal[
    "weakened-tests",
    "verifier-config",
    "protected-path",
    "secret",
    "hidden-characters",
    "submodule",
    "symlink",
    "dependency-downgrade",
    "lock-file",
    "suppression",
    "mode",
    "binary",
    "junk",
    "change-size",
    "file-size",
    "tests-changed",
]
"""The gravest first: of many flags, judge and reviewers are shown those before the others."""

RULED: tuple[GateName, ...] = ("weakened-tests", "verifier-config")
"""Gates that guard the verification itself: a judge that approves has to rule on each of their flags."""


def weight(gate: str) -> int:
    """Where what ``gate`` flags comes among all flags; what is none of the gates (a conflict) leads."""
    names = get_args(GateName)
    return names.index(gate) if gate in names else -1
