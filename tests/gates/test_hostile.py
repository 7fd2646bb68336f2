"""Files made to keep a gate busy. Each of these took a gate minutes to hours, in which a run stands still;
a test that hangs here is one that fails."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates

ENDLESS = {
    "a string without an end": ("package.json", b"{" + b'\\"' * 100_000),
    "comments without an end": ("tsconfig.json", b"{" + b"/* " * 100_000),
    "blank lines in code": ("src/lib.rs", b"\n" * 150_000),
    "blank lines in settings": ("pyproject.toml", b"\n" * 150_000),
    "blank lines in a manifest": ("requirements.txt", b"\n" * 150_000),
    "spaces before an alias": (".golangci.yml", b"a: '*'\n" + b" " * 150_000),
    "spaces in code": ("src/conftest.py", b" " * 150_000 + b"x"),
    "elements in a row": ("pom.xml", b"<artifactId>a</artifactId>" * 15_000),
    "a key of many parts": ("pyproject.toml", b"a." * 200_000),
}


@pytest.mark.parametrize(("path", "text"), ENDLESS.values(), ids=ENDLESS.keys())
def test_what_a_file_repeats_keeps_no_gate_busy(gates: Gates, path: str, text: bytes) -> None:
    found = [finding for finding in gates({path: b"\n"}, {path: text}) if finding.gate != "tests-changed"]
    assert [finding.gate for finding in found] == (["change-size"] if text.count(b"\n") > 20_000 else [])
