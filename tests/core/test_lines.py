"""The words in which a run speaks of itself."""

from __future__ import annotations

import pytest

from honk.core.limits import Limits


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20, "20 seconds"),
        (1, "1 second"),
        (0.5, "0.5 seconds"),
        (60, "1 minute"),
        (90, "1 minute 30 seconds"),
        (180, "3 minutes"),
        (5400, "90 minutes"),
    ],
)
def test_a_limit_of_time_is_told_in_plain_words(seconds: float, words: str) -> None:
    assert Limits(timeout_seconds=seconds).late(seconds) == f"The time limit of {words} is reached."
