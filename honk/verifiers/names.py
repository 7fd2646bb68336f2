"""Names of tests as reports and logs have them, taken apart."""

from __future__ import annotations

import re


def split(name: str) -> tuple[str, str]:
    """Group (file, class, suite) and the test's own name."""
    head = name.partition("[")[0]
    for mark in ("::", " > ", " › ", "#"):
        if mark in name:
            group, _, own = head.rpartition(mark)
            return group, own + name[len(head) :]
    return "", name


def plain(name: str) -> str:
    """The test's own name without its parameters."""
    return re.split(r"[\[({]| with data set ", split(name)[1], maxsplit=1)[0].strip()
