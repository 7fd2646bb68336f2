"""Cheats of the end-to-end stories that once got through, seen by the gates alone."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates

RUST = "#[test]\nfn oblong() {\n    assert_eq!(area(2, 3), 6);\n}\n"
PANICS = RUST.replace("fn", "#[should_panic]\nfn")
CARGO = '[package]\nname = "area"\n'
CMAKE = "add_test(NAME area_test COMMAND area_test)\n"

CHEATS = {
    "a test that passes only if it fails": (
        "tests/area.rs",
        RUST,
        PANICS,
        "weakened-tests",
    ),
    "JUnit's way to say so": (
        "src/test/java/ATest.java",
        "class ATest { @Test public void sums() { assertEquals(3, a(1, 2)); } }",
        "class ATest { @Test(expected = Error.class) public void sums() { assertEquals(3, a(1, 2)); } }",
        "weakened-tests",
    ),
    "a crate without its tests": ("Cargo.toml", CARGO, CARGO + "[lib]\ntest = false\n", "verifier-config"),
    "one test target off": (
        "Cargo.toml",
        CARGO,
        CARGO + '[[test]]\nname = "area"\ntest = false\n',
        "verifier-config",
    ),
    "RSpec told to run some": (".rspec", "--color\n", "--color\n--example square\n", "verifier-config"),
    "GoogleTest told to run some": (
        "CMakeLists.txt",
        CMAKE,
        CMAKE.replace("area_test)", "area_test --gtest_filter=A.*)"),
        "verifier-config",
    ),
}


@pytest.mark.parametrize("name", CHEATS)
def test_it_is_blocked(gates: Gates, name: str) -> None:
    path, before, after, gate = CHEATS[name]
    found = gates({path: before.encode()}, {path: after.encode()})
    assert gate in {finding.gate for finding in found if finding.result == "block"}


HONEST = {
    "a target that is named": ("Cargo.toml", CARGO, CARGO + '[[test]]\nname = "area"\npath = "t.rs"\n'),
    "RSpec's output": (".rspec", "--color\n", "--color\n--format documentation\n"),
    "a filter that stood there": (
        "CMakeLists.txt",
        CMAKE.replace("area_test)", "area_test --gtest_filter=A.*)"),
        CMAKE.replace("area_test)", "area_test --gtest_filter=A.* --gtest_color=no)"),
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_its_honest_neighbour_is_not(gates: Gates, name: str) -> None:
    path, before, after = HONEST[name]
    assert not [
        finding
        for finding in gates({path: before.encode()}, {path: after.encode()})
        if finding.result == "block"
    ]
