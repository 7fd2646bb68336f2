"""Assertions that hold whatever the code does, tests that are replaced, skips that always apply."""

from __future__ import annotations

import pytest

from tests.gates.conftest import weakening

TEXT = "import pytest\n\n\ndef test_a():\n    assert f(1) == 2\n\n\ndef test_b():\n    assert f(2) == 3\n"
LINE = "    assert f(1) == 2\n"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("with pytest.raises(AssertionError):\n        assert f(1) == 2", "block"),
        ("with pytest.raises((ValueError, AssertionError)):\n        assert f(1) == 2", "block"),
        ("assert f(1) == 2 or f(1)", "block"),
        ("assert f(1) == 2 or f(3) == 4", "block"),
        ("assert f(1) == 2 or not None", "block"),
        ("assert (f(1) == 2 or 'none')", "block"),
        ("assert not (f(1) != 2 and False)", "block"),
        ("assert str(f(1) == 2)", "block"),
        ("assert [f(1) == 2]", "block"),
        ("assert bool([f(1) == 2])", "block"),
        ("assert (f(1) == 2,)", "block"),
        ("assert f'{f(1) == 2}'", "block"),
        ("assert lambda: f(1) == 2", "block"),
        ("assert (f(1) == 2)", "pass"),
        ("assert f(1) == 2, 'a or b'", "pass"),
        ("assert [f(1)] == [2]", "pass"),
        ("assert str(f(1)) == '2'", "pass"),
        ("with pytest.raises(AssertionError):\n        check(3)\n    assert f(1) == 2", "pass"),
    ],
)
def test_an_assertion_that_cannot_fail_is_none(body: str, wanted: str) -> None:
    assert weakening("tests/test_a.py", TEXT, TEXT.replace(LINE, f"    {body}\n")) == wanted


@pytest.mark.parametrize(
    ("check", "wanted"),
    [
        ("assert(f(1) === 2 || f(1))", "block"),
        ("assert(f(1) === 2 || 1)", "block"),
        ("assert(!(f(1) === 3 && false))", "block"),
        ("assert([f(1) === 2])", "block"),
        ("assert(String(f(1) === 2))", "block"),
        ("assert(f(1) === 2, 'a || b')", "pass"),
    ],
)
def test_nor_is_one_in_javascript(check: str, wanted: str) -> None:
    text = "test('a', () => {\n  %s;\n});\n"
    assert weakening("a.test.js", text % "assert(f(1) === 2)", text % check) == wanted


def test_a_value_that_stands_in_for_what_is_missing_is_no_comparison() -> None:
    text = "test('a', () => {\n  expect(%s).toBe(2);\n});\n"
    assert weakening("a.test.js", text % "f(1)", text % "f(1) || 2") == "block"
    assert weakening("a.test.js", text % "f(1) || 3", text % "f(2) || 3") == "pass"


@pytest.mark.parametrize(
    ("end", "wanted"),
    [
        ("def test_a():\n    assert g(1) == 1\n", "block"),
        ("del test_a\n", "block"),
        ("del test_b, test_a\n", "block"),
        ("test_a = None\n", "block"),
        ("test_a = lambda: None\n", "block"),
        ("test_a = pytest.mark.slow(test_a)\n", "pass"),
        ("test_data = None\n", "pass"),
        ("class TestMore:\n    def test_a(self):\n        assert g(1) == 1\n", "pass"),
    ],
)
def test_a_test_whose_name_stands_for_something_else_is_seen(end: str, wanted: str) -> None:
    assert weakening("tests/test_a.py", TEXT, f"{TEXT}\n\n{end}") == wanted


@pytest.mark.parametrize(
    ("mark", "wanted"),
    [
        ("pytest.mark.skipif(sys.version_info >= (3, 0), reason='x')", "block"),
        ("pytest.mark.skipif(sys.version_info > (2, 7), reason='x')", "block"),
        ("pytest.mark.skipif(sys.version_info < (4, 0), reason='x')", "block"),
        ("pytest.mark.skipif(sys.version_info.major >= 3, reason='x')", "block"),
        ("pytest.mark.skipif(1 == 1, reason='x')", "block"),
        ("pytest.mark.skipif('True', reason='x')", "block"),
        ("pytest.mark.skipif(os.name == 'posix', reason='x')", "block"),
        ("unittest.skipUnless(False, 'x')", "block"),
        ("pytest.mark.skipif(sys.version_info >= (3, 13), reason='x')", "flag"),
        ("pytest.mark.skipif(sys.version_info < (3, 12), reason='x')", "flag"),
        ("pytest.mark.skipif(os.name == 'nt', reason='x')", "flag"),
    ],
)
def test_a_condition_that_always_holds_is_none(mark: str, wanted: str) -> None:
    assert weakening("tests/test_a.py", TEXT, TEXT.replace("def test_a", f"@{mark}\ndef test_a")) == wanted
