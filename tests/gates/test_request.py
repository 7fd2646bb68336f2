"""What the words of a request ask for, and what they forbid."""

from __future__ import annotations

import pytest

from honk.gates.request import NOTHING, asked
from tests.gates.conftest import Gates


@pytest.mark.parametrize(
    "request_",
    [
        "Do not skip or delete any tests.",
        "Do not skip, delete or weaken tests.",
        "The failing test must not be skipped.",
        "Don't ignore the failing tests.",
        "Mend parse without skipping or deleting tests.",
        "Never disable a test, whatever happens.",
        "No tests may be removed.",
        "Skipping tests is not acceptable.",
        "Do not change the tests.",
        "The tests must not be changed or rewritten.",
        "Speed parse up, and keep every test as it is.",
        "Refactor the parser, the tests stay as they are.",
        "Leave the tests untouched.",
        "The area must be exactly 6.",
        "Do not ignore F401.",
        "fail_under must not be lowered.",
    ],
)
def test_what_is_forbidden_is_not_asked_for(request_: str) -> None:
    assert asked(request_) == NOTHING


def test_what_is_asked_beside_what_is_forbidden_is() -> None:
    found = asked("Ignore E501, but do not ignore F401. Skip the slow tests; never delete them.")
    assert found.skips and "e501" in found.exempts and "f401" not in found.exempts
    assert not found.tests_to_remove
    assert asked("Do not mock the logger in test_retry.").rewrites
    assert "Storybook" in asked("We do not use Storybook any more; take it out.").removal


FAIL_UNDER = "[tool.coverage.report]\nfail_under = %d\n"


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ("Set the timeout of the client to 10 seconds.", "block"),
        ("Set the timeout of the report to 10 seconds.", "block"),
        ("fail_under must not be lowered to 10.", "block"),
        ("Lower fail_under to 10.", "flag"),
        ("Reduce the coverage that we ask for to 10 %.", "flag"),
    ],
)
def test_a_number_alone_exempts_nothing(gates: Gates, request_: str, wanted: str) -> None:
    old, new = ((FAIL_UNDER % number).encode() for number in (90, 10))
    found = gates({"pyproject.toml": old}, {"pyproject.toml": new}, request=request_)
    assert [finding.result for finding in found if finding.gate == "verifier-config"] == [wanted]


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ("Set the time limit in client.py to 30 seconds.", "block"),
        ("Leave src/legacy.py out of the coverage: exclude it.", "flag"),
    ],
)
def test_nor_does_the_ending_of_a_file(gates: Gates, request_: str, wanted: str) -> None:
    old, new = b"[tool.coverage.run]\nbranch = true\n", b'omit = ["src/legacy.py"]\n'
    found = gates({"pyproject.toml": old}, {"pyproject.toml": old + new}, request=request_)
    assert [finding.result for finding in found if finding.gate == "verifier-config"] == [wanted]


@pytest.mark.parametrize(
    ("path", "versions", "request_", "wanted"),
    [
        ("uv.lock", (b"a\n", b"b\n"), "Refresh the lock file, without changing pyproject.toml.", "flag"),
        ("uv.lock", (b"a\n", b"b\n"), "Mend parse; do not change the lock file.", "block"),
        ("requirements.txt", (b"acme==2.3.1\n", b"acme==2.0.0\n"), "Downgrade acme to 2.0.", "flag"),
        ("requirements.txt", (b"acme==2.3.1\n", b"acme==2.0.0\n"), "Do not lower acme.", "block"),
    ],
)
def test_nor_is_what_is_forbidden_of_packages(
    gates: Gates, path: str, versions: tuple[bytes, bytes], request_: str, wanted: str
) -> None:
    old, new = versions
    assert [finding.result for finding in gates({path: old}, {path: new}, request=request_)] == [wanted]
