"""RSpec's own JSON: it has no JUnit formatter, and its words name failures only.

The report was written by the code under test, as JUnit documents are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from honk.verifiers.junit import Case, JUnit, Outcome

_OUTCOMES: dict[str, Outcome] = {"passed": "passed", "pending": "skipped"}  # any other one failed


def parse(text: str) -> JUnit:
    """The examples of one report; none where it is cut off or of another kind."""
    try:
        return JUnit(tuple(_cases(json.loads(text))), whole=True, runner="rspec")
    except (ValueError, RecursionError):
        return JUnit((), whole=False)


def _cases(data: object) -> Iterator[Case]:
    examples = data.get("examples") if isinstance(data, dict) else None
    for example in examples if isinstance(examples, list) else []:
        if isinstance(example, dict):
            path, title = example.get("file_path"), example.get("full_description")
            outcome = _OUTCOMES.get(str(example.get("status")), "failed")
            yield Case(f"{str(path).removeprefix('./')}::{title}", outcome)
