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


RSPEC = 'RSpec.describe Mailer do\n  it "sends"{0} do\n{1}    expect(send(1)).to eq(2)\n  end\nend\n'
TESTNG = "class ATest {{\n    @Test{0}\n    public void a() {{\n        assertEquals(f(), 1);\n    }}\n}}\n"
KOTEST = 'class ASpec : FunSpec({{\n    test("a"){0} {{\n        f() shouldBe 1\n    }}\n}})\n'
PHP = (
    "<?php\nclass ATest extends TestCase {{\n{0}    public function testA(): void {{\n"
    "        $this->assertSame(1, f());\n    }}\n}}\n"
)
GOLANG = "{0}package a\n\nfunc TestA(t *testing.T) {{\n\tif f() != 1 {{\n\t\tt.Fatal()\n\t}}\n}}\n"
C = "#include <assert.h>\n{0}int main(void) {{\n    assert(f() == 1);\n    return 0;\n}}\n"
JEST = "test{0}('a', () => {{\n  expect(f()).toBe(1);\n}});\n"
MARKED = [
    ("spec/a_spec.rb", RSPEC, (", :skip", ""), "block"),
    ("spec/a_spec.rb", RSPEC, (', pending: "later"', ""), "block"),
    ("spec/a_spec.rb", RSPEC, (", type: :skip", ""), "pass"),
    ("spec/a_spec.rb", RSPEC, ("", "    job = Job.new(1, :skip, pending: true)\n"), "pass"),
    ("ATest.java", TESTNG, ("(enabled = false)",), "block"),
    ("ATest.java", TESTNG, ("(enabled = true)",), "pass"),
    ("src/test/ASpec.kt", KOTEST, (".config(enabled = false)",), "block"),
    ("tests/ATest.php", PHP, ("    #[RequiresPhp('>= 99')]\n",), "flag"),
    ("a_test.go", GOLANG, ("//go:build go1.99\n\n",), "block"),
    ("a_test.go", GOLANG, ("//go:build go1.22\n\n",), "pass"),
    ("tests/test_a.c", C, ("#define assert(x) ((void)0)\n",), "block"),
    ("tests/test_a.c", C, ("#define EXPECT_ONE(x)\n",), "block"),
    ("tests/test_a.c", C, ("#define EXPECT_ONE(x) assert((x) == 1)\n",), "pass"),
    ("a.test.js", JEST, (".each([])",), "block"),
]


@pytest.mark.parametrize(("path", "text", "marks", "wanted"), MARKED)
def test_what_a_framework_reads_as_a_skip(path: str, text: str, marks: tuple[str, ...], wanted: str) -> None:
    before = text.format(*("" for _ in marks))
    assert weakening(path, before, text.format(*marks)) == wanted


def test_hooks_empty_parameters_and_branches_that_never_run_are_skips() -> None:
    ruby = RSPEC.format("", "")
    hook = ruby.replace("do\n", 'do\n  before { skip "slow" }\n', 1)
    assert weakening("spec/a_spec.rb", ruby, hook) == "block"
    python = "def test_a():\n    assert f() == 1\n"
    empty = python.replace("def test_a():", '@pytest.mark.parametrize("_", [])\ndef test_a(_):')
    assert weakening("tests/test_a.py", python, empty) == "block"
    typing = "if TYPE_CHECKING:\n    def test_a():\n        assert f() == 1\n"
    assert weakening("tests/test_a.py", python, typing) == "block"
    assert weakening("tests/test_a.py", python, "if TYPE_CHECKING:\n    import f\n" + python) == "pass"
    script = JEST.format("")
    chosen = "false ? " + script.rstrip(";\n") + " : null;\n"
    assert weakening("a.test.js", script, chosen) == "block"


CAUGHT = (
    "def test_a():\n    {0} = []\n    try:\n        assert f() == 1\n"
    "    except AssertionError as error:\n        {0}.append(error)\n"
)
KEPT = [(CAUGHT.format(name), "block") for name in ("failures", "errors")]
KEPT += [(CAUGHT.format(name) + f"    assert not {name}\n", "pass") for name in ("failures", "errors")]
KEPT += [(CAUGHT.format("errors") + "    if errors:\n        pytest.fail(str(errors))\n", "pass")]


@pytest.mark.parametrize(("after", "wanted"), KEPT)
def test_a_failure_that_is_kept_must_be_looked_at(after: str, wanted: str) -> None:
    assert weakening("tests/test_a.py", "def test_a():\n    assert f() == 1\n", after) == wanted


@pytest.mark.parametrize(
    "check", ["toBeDefined()", "toBeTruthy()", "toBeInstanceOf(Error)", "not.toBeNull()"]
)
def test_a_handler_that_finds_the_failure_itself_swallows_it(check: str) -> None:
    body = f"  try {{\n    expect(f()).toBe(1);\n  }} catch (e) {{\n    expect(e).{check};\n  }}\n"
    after = f"test('a', () => {{\n{body}}});\n"
    assert weakening("a.test.js", JEST.format(""), after) == "block"


METHOD = """{imports}


class TestA({bases}):
    {mark}def test_a(self):
        self.assertEqual(f(1), 2)
"""


@pytest.mark.parametrize(
    ("imports", "bases", "mark", "wanted"),
    [
        ("import unittest", "unittest.TestCase", "async ", "block"),
        ("from unittest import TestCase, mock", "Mixin, TestCase", "async ", "block"),
        ("import unittest", "unittest.IsolatedAsyncioTestCase", "async ", "pass"),
        ("import unittest\nfrom django.test import TestCase", "TestCase", "async ", "pass"),
        ("from twisted.trial import unittest", "unittest.TestCase", "async ", "pass"),
        ("import unittest", "AsyncMixin, unittest.TestCase", "async ", "pass"),
        ("import unittest", "unittest.TestCase", "@run\n    async ", "pass"),
        ("import unittest", "unittest.TestCase", "", "pass"),
    ],
)
def test_a_coroutine_that_nobody_waits_for_is_no_test(
    imports: str, bases: str, mark: str, wanted: str
) -> None:
    before = METHOD.format(imports="import unittest", bases="unittest.TestCase", mark="")
    after = METHOD.format(imports=imports, bases=bases, mark=mark)
    assert weakening("tests/test_a.py", before, after) == wanted
    assert weakening("tests/test_a.py", after, after + "\n") == "pass"


def test_a_class_that_does_not_wait_any_more_hollows_out_its_coroutines() -> None:
    before = METHOD.format(imports="import unittest", bases="unittest.IsolatedAsyncioTestCase", mark="async ")
    after = before.replace("IsolatedAsyncioTestCase", "TestCase")
    assert weakening("tests/test_a.py", before, after) == "block"
