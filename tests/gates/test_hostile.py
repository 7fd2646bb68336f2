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
    "brackets in settings": ("pyproject.toml", b"[[" * 100_000),
    "a call with endless members": ("src/foo-test.js", b"it" + b".a" * 150_000),
    "a macro of endless words": ("src/FooTest.cpp", b"BOOST_" + b"TEST" * 100_000),
    "an option of nothing but dashes": (
        "package.json",
        b'{"scripts": {"test": "pytest --cov-fail-under=80 ' + b"-" * 300_000 + b'"}}',
    ),
    "a handler with one endless word": (
        "tests/test_a.py",
        b"def test_a():\n    try:\n        f()\n    except Exception:\n        " + b"a" * 300_000 + b"\n",
    ),
}


@pytest.mark.parametrize(("path", "text"), ENDLESS.values(), ids=ENDLESS.keys())
def test_what_a_file_repeats_keeps_no_gate_busy(gates: Gates, path: str, text: bytes) -> None:
    found = [finding for finding in gates({path: b"\n"}, {path: text}) if finding.gate != "tests-changed"]
    assert [finding.gate for finding in found] == (["change-size"] if text.count(b"\n") > 20_000 else [])


BARE = b"[flake8]\nignore\n    E501\n    W503\n"


def test_a_value_below_a_bare_key_ends_no_gate(gates: Gates) -> None:
    valid = BARE.replace(b"ignore", b"ignore =")
    assert gates({"setup.cfg": BARE}, {"setup.cfg": valid}) == ()
    assert gates({"setup.cfg": valid}, {"setup.cfg": BARE}) == ()


def test_a_version_of_thousands_of_digits_ends_no_gate(gates: Gates) -> None:
    one, endless = ({"requirements.txt": b"acme==" + version + b"\n"} for version in (b"2", b"1" * 5_000))
    assert gates(one, endless) == ()
    assert [finding.gate for finding in gates(endless, one)] == ["dependency-downgrade"]


def test_half_a_character_in_a_command_can_be_written_down(gates: Gates) -> None:
    before, after = (b'{"scripts": {"test": "jest%s"}}\n' % more for more in (b"", b" \\ud800 || true"))
    (finding,) = gates({"package.json": before}, {"package.json": after})
    assert (finding.result, "jest ?" in finding.model_dump_json()) == ("block", True)


def test_a_file_that_no_parser_reads_is_compared_by_its_lines(gates: Gates) -> None:
    before = {"setup.cfg": b"[coverage:report]\nfail_under = 90\n"}
    after = {"setup.cfg": b"[coverage:report]\nomit\n    src/a.py\n"}
    assert ("verifier-config", "block") in {(f.gate, f.result) for f in gates(before, after)}


def test_settings_that_became_an_empty_file_are_gone(gates: Gates) -> None:
    before = {"tsconfig.json": b'{"compilerOptions": {"strict": true}}\n'}
    assert [(f.gate, f.result) for f in gates(before, {"tsconfig.json": b"\n"})] == [
        ("verifier-config", "block")
    ]


MANY = b"def test_sum():\n    assert total(3) == 6\n" + b"    assert total(2) == 3\n" * 25_000
FEW = b"def test_sum():\n    assert total(3) == 6\n"


def test_a_test_file_that_grows_too_large_to_be_compared_is_refused(gates: Gates) -> None:
    long = FEW.replace(b" == 6", b"") + b"# nothing but length\n" * 30_000
    found = [
        f for f in gates({"tests/test_a.py": FEW}, {"tests/test_a.py": long}) if f.gate == "weakened-tests"
    ]
    assert [(f.result, "too many" in f.detail) for f in found] == [("block", True)]


def test_what_was_too_large_before_is_pointed_out(gates: Gates) -> None:
    looser = MANY.replace(b" == 6", b"")
    found = [
        f for f in gates({"tests/test_a.py": MANY}, {"tests/test_a.py": looser}) if f.gate == "weakened-tests"
    ]
    assert [f.result for f in found] == ["flag"]
    assert "line by line" in found[0].detail


def test_a_file_that_its_grammar_reads_no_more_is_pointed_out(gates: Gates) -> None:
    torn = FEW.replace(b" == 6", b"") + b"def ((( ]]] class = = =\n" * 20
    found = [
        f for f in gates({"tests/test_a.py": FEW}, {"tests/test_a.py": torn}) if f.gate == "weakened-tests"
    ]
    assert "flag" in [f.result for f in found]


@pytest.mark.full
def test_tests_beyond_what_one_change_may_have_compared_are_refused(gates: Gates) -> None:
    data = {f"tests/test_{n}.sh": (b"# " + b"x" * 997 + b"\n") * 4_800 for n in range(4)}
    after = {path: text + b"true\n" for path, text in data.items()}
    found = [f for f in gates(data, after) if f.gate == "weakened-tests"]
    assert [(f.path, f.result) for f in found] == [("tests/test_3.sh", "block")]
