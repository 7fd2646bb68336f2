"""TOML that other people wrote, read in a bounded time."""

from __future__ import annotations

import re
import tomllib
from typing import Any

# A key of so many parts that nobody wrote it: tomllib's time grows with the square of them, to hours.
_ENDLESS = re.compile(r"""(?<!["'\w-])(?:["'\w-]++[ \t]*+\.[ \t]*+){100}""")


def loads(text: str) -> dict[str, Any]:
    """The tables of ``text``.

    Raises ValueError for what is no TOML, or none that a person wrote: nested without end, a key of
    100 parts, a number of thousands of digits.
    """
    if _ENDLESS.search(text):
        raise ValueError("a key has too many parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
