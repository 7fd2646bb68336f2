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
