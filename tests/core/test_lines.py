"""The words in which a run speaks of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from honk.core.events import Event, Gated, Recorded, Verified
from honk.core.limits import Limits
from honk.core.lines import lines
from honk.core.types import Check, Finding, Report
from honk.prompts import render


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


def recorded(event: Event) -> Recorded:
    return Recorded(run_id="r", seq=1, at=datetime(2026, 11, 26, tzinfo=UTC), event=event)


def test_a_check_that_its_limit_stopped_is_told_as_that() -> None:
    slow = Check(name="slow", command="make", exit_code=None, seconds=5.2, summary="", timed_out=True)
    event = Verified(stage="final", commit=None, image="i", report=Report(checks=(slow,)))
    assert lines(recorded(event)) == [
        "verified outside: slow FAILED in 5.2s: stopped after its limit, verify_seconds"
    ]


def test_a_finding_without_a_path_has_no_colon_for_one() -> None:
    tree = Finding(gate="hand-over", result="block", path="", detail="The tree has a device file.")
    junk = Finding(gate="junk", result="flag", path="a.pyc", detail="is compiled")
    event = Gated(commit="c" * 40, findings=(tree, junk))
    assert lines(recorded(event)) == [
        "gate block: The tree has a device file.",
        "gate flag: a.pyc: is compiled",
    ]
    assert f"\n- {tree.detail} (hand-over)\n- a.pyc: is compiled (junk)\n" in render(
        "gate_feedback.md", findings=(tree, junk)
    )
