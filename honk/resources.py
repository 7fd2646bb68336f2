"""Where the data folders ``prompts/``, ``sandbox/`` and ``corpus/`` are, installed or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """``prompts``, ``sandbox`` or ``corpus``: packed beside the code in a wheel, else at the top."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
