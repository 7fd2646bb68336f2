"""Expected output that tests compare with, kept in files: snapshots, golden and approved files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from honk.core.types import Finding
from honk.gates.content import Content, is_binary

_STORED = re.compile(
    r"\.(?:snap|ambr|golden|snapshot)$|\.(?:golden|expected|approved|verified|snap)\.\w+$"
    r"|(?:^|/)(?:__snapshots__|snapshots|golden|goldens|expected)/"
    r"|(?:^|/)(?:testdata|fixtures?)/(?:.*/)?[^/]*(?:golden|expect|want|output)[^/]*$"
)
_ENTRY = re.compile(rb"^exports\[`(.*?)`\] =", re.M)  # of a snapshot by Jest or Vitest
_LEAST = 3  # lines that the old file must have: of fewer, a half says nothing


def expected_output(content: Content) -> Iterator[Finding]:
    """Flags a stored output that lost half of its lines or more, or entries of a snapshot: what is not in
    it any more is not compared any more. Whether the change of the code explains it, no rule can tell."""
    old, new = content.old, content.new
    if old is None or new is None or not _STORED.search(content.file.path) or is_binary(old):
        return
    before, after = (sum(bool(line.strip()) for line in side.split(b"\n")) for side in (old, new))
    if before >= _LEAST and after * 2 <= before:
        detail = f"the expected output shrank from {before} lines to {after}"
        yield Finding(gate="weakened-tests", result="flag", path=content.file.path, detail=detail)
        return
    had, has = (_ENTRY.findall(side) for side in (old, new))
    if len(has) < len(had):
        name = min(set(had) - set(has), default=b"").decode("utf-8", "replace")
        detail = f"the expected output lost {len(had) - len(has)} entries: {name[:100]}"
        yield Finding(gate="weakened-tests", result="flag", path=content.file.path, detail=detail)
