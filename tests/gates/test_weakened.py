"""Tests before and after, in every language: what counts as a test, an assertion, a skip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from honk.core.types import Finding
from honk.gates.cases import cases_of
from honk.gates.weakened import TestFile, weakened

Weaken = Callable[..., list[str]]


@dataclass(frozen=True)
class Language:
    """A test file; ``first`` is the exact assertion in it, ``weaker`` and ``skip`` are edits."""

    path: str
    text: str
    exact: str
    weaker: str
    skip: tuple[str, str]
    names: tuple[str, ...]


LANGUAGES = {
    "python": Language(
        "tests/test_a.py",
        "def test_one():\n    assert f(1) == 2\n\n\ndef test_two():\n    assert f(2) == 3\n",
        "assert f(1) == 2", "assert f(1)", ("def test_one", "@pytest.mark.skip\ndef test_one"),
        ("test_one", "test_two"),
    ),
    "typescript": Language(
        "src/a.test.ts",
        'test("one", () => {\n  expect(f(1)).toBe(2);\n});\ntest("two", () => {\n'
        '  expect(f(2)).toBe(3);\n});\n',
        "expect(f(1)).toBe(2)", "expect(f(1)).toBeTruthy()", ('test("one"', 'test.skip("one"'),
        ("one", "two"),
    ),
    "go": Language(
        "a_test.go",
        "package a\n\nfunc TestOne(t *testing.T) {\n\tif f(1) != 2 {\n\t\tt.Fatal(1)\n\t}\n}\n\n"
        "func TestTwo(t *testing.T) {\n\tassert.Equal(t, 3, f(2))\n}\n",
        "assert.Equal(t, 3, f(2))", "assert.NotNil(t, f(2))",
        ("\tif f(1)", "\tt.Skip()\n\tif f(1)"), ("TestOne", "TestTwo"),
    ),
    "rust": Language(
        "tests/a.rs",
        "#[test]\nfn one() {\n    assert_eq!(f(1), 2);\n}\n\n#[test]\nfn two() {\n"
        "    assert_eq!(f(2), 3);\n}\n",
        "assert_eq!(f(1), 2)", "assert!(f(1) > 0)", ("#[test]\nfn one", "#[test]\n#[ignore]\nfn one"),
        ("one", "two"),
    ),
    "java": Language(
        "src/test/java/ATest.java",
        "class ATest {\n    @Test\n    void one() {\n        assertEquals(2, f(1));\n    }\n\n"
        "    @Test\n    void two() {\n        assertEquals(3, f(2));\n    }\n}\n",
        "assertEquals(2, f(1))", "assertNotNull(f(1))",
        ("    @Test\n    void one", "    @Test @Disabled\n    void one"),
        ("ATest.one", "ATest.two"),
    ),
    "kotlin": Language(
        "src/test/kotlin/ATest.kt",
        "class ATest {\n    @Test\n    fun one() {\n        assertEquals(2, f(1))\n    }\n\n"
        "    @Test\n    fun two() {\n        f(2) shouldBe 3\n    }\n}\n",
        "assertEquals(2, f(1))", "assertNotNull(f(1))",
        ("    @Test\n    fun one", "    @Ignore @Test\n    fun one"),
        ("ATest.one", "ATest.two"),
    ),
    "csharp": Language(
        "tests/ATests.cs",
        "public class ATests\n{\n    [Fact]\n    public void One()\n    {\n"
        "        Assert.Equal(2, F(1));\n    }\n\n"
        "    [Fact]\n    public void Two()\n    {\n        F(2).Should().Be(3);\n    }\n}\n",
        "Assert.Equal(2, F(1))", "Assert.NotNull(F(1))",
        ("[Fact]\n    public void One", '[Fact(Skip = "x")]\n    public void One'),
        ("ATests.One", "ATests.Two"),
    ),
    "ruby": Language(
        "spec/a_spec.rb",
        'describe A do\n  it "one" do\n    expect(f(1)).to eq(2)\n  end\n\n  it "two" do\n'
        '    expect(f(2)).to eq(3)\n  end\nend\n',
        "expect(f(1)).to eq(2)", "expect(f(1)).to be_truthy", ('  it "one"', '  xit "one"'),
        ("describe A do.one", "describe A do.two"),
    ),
    "php": Language(
        "tests/ATest.php",
        "<?php\nclass ATest extends TestCase\n{\n    public function testOne()\n    {\n"
        "        $this->assertSame(2, f(1));\n    }\n\n"
        "    public function testTwo()\n    {\n        $this->assertSame(3, f(2));\n    }\n}\n",
        "$this->assertSame(2, f(1))", "$this->assertNotNull(f(1))",
        ("        $this->assertSame(2", "        $this->markTestSkipped();\n        $this->assertSame(2"),
        ("ATest.testOne", "ATest.testTwo"),
    ),
    "cpp": Language(
        "test/a_test.cc",
        "TEST(A, One) {\n  EXPECT_EQ(f(1), 2);\n}\n\nTEST(A, Two) {\n  EXPECT_EQ(f(2), 3);\n}\n",
        "EXPECT_EQ(f(1), 2)", "EXPECT_TRUE(f(1))", ("TEST(A, One)", "TEST(A, DISABLED_One)"),
        ("A, One", "A, Two"),
    ),
}  # fmt: skip
EVERY = pytest.mark.parametrize("language", [pytest.param(v, id=k) for k, v in LANGUAGES.items()])


def compare(path: str, old: str | None, new: str | None, gone: frozenset[str] = frozenset()) -> list[Finding]:
    file = TestFile(path, None if old is None else old.encode(), None if new is None else new.encode())
    return list(weakened([file], gone))


def results(found: list[Finding]) -> list[str]:
    return [finding.result for finding in found]


@EVERY
def test_the_tests_of_a_file_are_found_with_what_they_assert(language: Language) -> None:
    cases = cases_of(language.path, language.text.encode())
    assert cases is not None
    tests = [case for case in cases if case.test]
    assert tuple(case.name for case in tests) == language.names
    assert [len(case.checks) for case in tests] == [1, 1]
    assert not any(case.skips for case in cases)


@EVERY
def test_an_unchanged_file_and_another_layout_say_nothing(language: Language) -> None:
    assert compare(language.path, language.text, language.text) == []
    assert compare(language.path, language.text, language.text.replace("\n\n", "\n\n\n")) == []


@EVERY
def test_a_skipped_test_blocks_and_an_enabled_one_does_not(language: Language) -> None:
    skipped = language.text.replace(*language.skip, 1)
    assert skipped != language.text
    assert results(compare(language.path, language.text, skipped)) == ["block"]
    assert compare(language.path, skipped, language.text) == []


@EVERY
def test_a_weaker_assertion_blocks_and_a_stronger_one_does_not(language: Language) -> None:
    weaker = language.text.replace(language.exact, language.weaker, 1)
    assert weaker != language.text
    assert results(compare(language.path, language.text, weaker)) == ["block"]
    assert compare(language.path, weaker, language.text) == []


@EVERY
def test_an_assertion_that_is_gone_blocks(language: Language) -> None:
    emptied = language.text.replace(language.exact, "f(1)", 1)
    assert results(compare(language.path, language.text, emptied)) == ["block"]


@EVERY
def test_a_deleted_file_blocks_for_each_test_unless_its_code_went_too(language: Language) -> None:
    assert results(compare(language.path, language.text, None)) == ["block", "block"]
    assert results(compare(language.path, language.text, None, frozenset({"f", "F"}))) == ["flag", "flag"]
    moved = [
        TestFile(language.path, language.text.encode(), None),
        TestFile("tests/deeper/" + language.path.rpartition("/")[2], None, language.text.encode()),
    ]
    assert list(weakened(moved, frozenset())) == []


def test_a_skip_under_a_condition_is_flagged_unless_it_always_holds() -> None:
    text = "def test_a():\n    assert f() == 1\n"
    for condition, wanted in {
        'sys.platform == "win32"': "flag",
        "sys.version_info < (3, 12)": "flag",
        'sys.platform == "linux"': "block",
        "True": "block",
        '"CI" in os.environ': "block",
    }.items():
        marked = f"@pytest.mark.skipif({condition}, reason='x')\n{text}"
        assert results(compare("tests/test_a.py", text, marked)) == [wanted], condition


def test_words_in_comments_and_strings_skip_nothing() -> None:
    text = "def test_a():\n    assert f() == 1\n"
    spoken = 'def test_a():\n    # pytest.skip("no")\n    """pytest.mark.skip"""\n    assert f() == 1\n'
    assert compare("tests/test_a.py", text, spoken) == []


def test_a_language_without_a_grammar_is_compared_by_its_lines() -> None:
    text = 'test_that("adds", {\n  expect_equal(add(1, 2), 3)\n})\n'
    assert results(compare("tests/a.R", text, text.replace("  expect_equal(add(1, 2), 3)\n", ""))) == [
        "block"
    ]
    assert results(compare("tests/a.R", text, None)) == ["block"]
    assert compare("tests/a.R", text, text.replace("3", "4")) == []


def test_a_file_that_no_parser_should_see_is_compared_by_its_lines() -> None:
    deep = "def test_a():\n    assert " + "(" * 5000 + "1" + ")" * 5000 + "\n"
    large = "x = 1\n" * 100_000 + "def test_a():\n    assert f() == 1\n"
    for text in (deep, large):
        assert cases_of("tests/test_a.py", text.encode()) is None
        assert "block" in results(compare("tests/test_a.py", text, "def test_a():\n    pass\n"))
