"""The severity of a rule of a linter or type checker: when it goes down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from honk.gates.commands import Found

_RANK = (  # from lax to strict
    "off", "none", "false", "0", "allow", "ignore", "info", "information", "hint", "1", "warn", "warning",
    "warnings", "basic", "standard", "2", "deny", "error", "forbid", "true", "strict", "all", "recommended",
)  # fmt: skip


def severity(key: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Found]:
    """A key whose value became laxer, or that is new and lax."""
    if old and new and _rank(new) < _rank(old):
        yield "block", f"{key} goes from {old[0]} to {new[0]}"
    elif not old and new and _rank(new) in range(6):
        yield "block", f"{key} is {new[0]} now"


def _rank(values: Sequence[str]) -> int:
    word = values[0].strip().lower() if values else ""
    return _RANK.index(word) if word in _RANK else len(_RANK)
