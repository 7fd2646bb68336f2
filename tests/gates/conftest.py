"""Changes between two trees of files, with their blobs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from honk.core.types import Change, FileChange, Finding
from honk.gates import GatePolicy, inspect
from honk.gates.request import asked
from honk.gates.weakened import TestFile, weakened

Tree = Mapping[str, "bytes | tuple[str, bytes]"]


@dataclass
class Blobs:
    """A Source whose objects are in memory; ``base`` are the files of the base commit."""

    held: dict[str, bytes] = field(default_factory=dict)
    base: Mapping[str, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> str:
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        self.held[blob] = data
        return blob

    def read(self, blob: str) -> bytes:
        return self.held[blob]

    def files(self, commit: str) -> Mapping[str, str]:
        return {path: self.put(data) for path, data in self.base.items()}

    def diff(self, base: str, head: str) -> Change:
        raise NotImplementedError


def _side(tree: Tree, path: str, blobs: Blobs) -> tuple[str | None, str | None]:
    if path not in tree:
        return None, None
    entry = tree[path]
    mode, data = entry if isinstance(entry, tuple) else ("100644", entry)
    return mode, "c" * 40 if mode == "160000" else blobs.put(data)


def change_of(before: Tree, after: Tree, blobs: Blobs) -> Change:
    files = []
    for path in sorted({*before, *after}):
        old_mode, old_blob = _side(before, path, blobs)
        new_mode, new_blob = _side(after, path, blobs)
        if (old_mode, old_blob) == (new_mode, new_blob):
            continue
        status = "A" if old_mode is None else "D" if new_mode is None else "M"
        if status == "M" and old_mode is not None and new_mode is not None and old_mode[:3] != new_mode[:3]:
            status = "T"
        files.append(
            FileChange(
                path=path,
                status=status,
                old_mode=old_mode,
                new_mode=new_mode,
                old_blob=old_blob,
                new_blob=new_blob,
                added=None,
                removed=None,
            )
        )
    return Change(base="a" * 40, head="b" * 40, files=tuple(files), patch="")


Gates = Callable[..., tuple[Finding, ...]]


def strongest(findings: Iterable[Finding], *gates: str) -> str:
    """``block``, ``flag`` or, of no finding, ``pass``; of these gates alone if any are named."""
    results = {finding.result for finding in findings if not gates or finding.gate in gates}
    return "block" if "block" in results else "flag" if results else "pass"


def weakening(path: str, before: str, after: str, request: str = "") -> str:
    """The strongest result of ``weakened-tests`` for one file."""
    files = [TestFile(path, before.encode(), after.encode())]
    return strongest(weakened(files, frozenset(), asked(request)))


@pytest.fixture
def gates() -> Gates:
    """Inspect the change from one tree to another; keywords make the policy."""

    def run(before: Tree, after: Tree, **policy: Any) -> tuple[Finding, ...]:
        sides = {
            path: ("100644", entry) if isinstance(entry, bytes) else entry for path, entry in before.items()
        }
        base = {path: data for path, (mode, data) in sides.items() if mode.startswith("100")}
        blobs = Blobs(base=base)
        return inspect(change_of(before, after, blobs), blobs, GatePolicy(**policy))

    return run
