"""The gates by name, and what an installation or a repository may say about each."""

from __future__ import annotations

from typing import Literal

GateMode = Literal["block", "flag", "off"]
"""``block``: the gate may refuse a change. ``flag``: it only tells the reviewer. ``off``: it is silent."""

GateName = Literal[
    "protected-path",
    "secret",
    "hidden-characters",
    "submodule",
    "symlink",
    "file-size",
    "weakened-tests",
    "verifier-config",
    "junk",
    "lock-file",
    "dependency-downgrade",
    "tests-changed",
    "suppression",
    "binary",
    "mode",
]

_WEIGHT: tuple[str, ...] = (
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
    "file-size",
    "tests-changed",
)

RULED: tuple[str, ...] = ("weakened-tests", "verifier-config")
"""Gates that guard the verification itself: a judge that approves has to rule on each of their flags."""


def weight(gate: str) -> int:
    """Where what ``gate`` flags comes among all flags, the gravest first: who is shown some of many
    sees those, whatever else the change touches. What is none of the gates above (a conflict) leads."""
    return _WEIGHT.index(gate) if gate in _WEIGHT else -1
