"""The gate ``suppression``: words in the code that switch a verifier off, for a file or at one place.

What exempts a whole file is found here as well, and is said by the gate ``verifier-config``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from honk.core.types import Finding
from honk.gates.content import Content

_WHOLE_FILE = re.compile(
    r"@ts-nocheck|/\*\s*eslint-disable\s*\*/|#\s*mypy:\s*ignore-errors|#\s*(?:ruff|flake8):\s*noqa\s*$"
    r"|^#\s*type:\s*ignore\s*$"
    r"|#\s*pylint:\s*(?:skip-file|disable=all)|#!\[allow\([^\]]*\b(?:warnings|clippy::all)\b"
    r"|#\s*rubocop:disable\s+all|#pragma warning disable\s*$|@?phpcs:ignoreFile"
    r"|^[ \t]*#\s*pyright:\s*(?:ignore|basic|off)|biome-ignore-all",
    re.M,
)
_ONE_PLACE = re.compile(
    r"#\s*type:\s*ignore|#\s*noqa|#\s*pyright:\s*ignore|#\s*pylint:\s*disable|eslint-disable"
    r"|@ts-(?:ignore|expect-error)|biome-ignore|tslint:disable"
    r"|#!?\[allow\(|//\s*nolint|@SuppressWarnings|@Suppress\(|#pragma warning disable|\[SuppressMessage"
    r"|#\s*rubocop:disable"
    r"|@phpstan-ignore|@psalm-suppress|#\s*pragma:\s*no cover|istanbul ignore|c8 ignore|v8 ignore"
    r"|//[/!]\s*```\s*(?:rust\s*,\s*)?ignore\b|//\s*NOLINT|NOSONAR|#\s*nosec"
)


def suppressions(content: Content) -> Iterator[Finding]:
    """New words in the code that keep a verifier from looking: at a file, or at one place."""
    path = content.file.path
    if path.endswith((".md", ".rst", ".txt", ".lock")):
        return
    removed = Counter(m[0] for line in content.removed for m in _ONE_PLACE.finditer(line))
    lines = []
    for number, text in content.added:
        line = text[:2_000]
        if match := _WHOLE_FILE.search(line):
            detail = f"line {number} exempts the file from its checks: {match[0].strip()}"
            result: Literal["block", "flag"] = "block" if content.file.status != "A" else "flag"
            yield Finding(gate="verifier-config", result=result, path=path, detail=detail)
        elif match := _ONE_PLACE.search(line):
            if removed[match[0]] > 0:
                removed[match[0]] -= 1
            else:
                lines.append((number, match[0].strip()))
    if lines:
        places = ", ".join(f"{number} ({word})" for number, word in lines[:5])
        yield Finding(
            gate="suppression", result="flag", path=path, detail=f"checks are switched off in line {places}"
        )
