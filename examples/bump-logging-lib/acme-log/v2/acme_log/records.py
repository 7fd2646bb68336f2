"""What is logged, and where it goes."""

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Record:
    level: str
    name: str
    message: str
    data: dict = field(default_factory=dict)

    def as_json(self):
        head = {"level": self.level, "name": self.name, "message": self.message}
        return json.dumps({**head, **self.data}, default=str)


_captured = []


@contextmanager
def capture():
    """Collect records in a list instead of writing them; for tests."""
    records = []
    _captured.append(records)
    try:
        yield records
    finally:
        _captured.remove(records)


def emit(record):
    if _captured:
        _captured[-1].append(record)
    else:
        print(record.as_json(), file=sys.stderr)
