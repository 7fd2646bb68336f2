"""What is plain blocks, what refactoring explains as well is flagged, and what only looks odd passes."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates, weakening


def python(*body: str) -> str:
    return "def test_a():\n" + "".join(f"    {line}\n" for line in body)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (["assert f() == {'a': 1}"], ["assert f().items() >= {'a': 1}.items()"], "flag"),
        (["assert f() == [1, 2]"], ["assert len(f()) == 2"], "flag"),
        (["assert f() == 'long text'"], ["assert f()"], "block"),
        (["assert type(f()) == int"], ["assert type(f()) is int"], "pass"),
        (["assert f(2) == True"], ["assert f(2)"], "pass"),
        (["assert f() == 'a'", "assert g() == 'b'"], ["assert (f(), g()) == ('a', 'b')"], "pass"),
        (["r = f()", "assert r.a == 'x'", "assert r.b == 'y'"], ["assert f() == snapshot"], "flag"),
        (["r = f()", "assert r.a == 'x'", "assert r.b == 'y'"], ["r = f()", "assert r.a == 'x'"], "block"),
        (["assert f() == 7"], ["wait_until(lambda: f() == 7)"], "pass"),
        (["assert f() == 7"], ["wait_until(lambda: True)"], "block"),
        (["assert f() == 7"], ["if f():", "    return", "assert f() == 7"], "flag"),
        (["assert f() == 7"], ["for _ in []:", "    assert f() == 7"], "block"),
        (["assert f() == 7"], ["with pytest.raises(Exception):", "    assert f() == 7"], "block"),
        (["assert f() == 7"], ["def check():", "    assert f() == 7"], "block"),
        (["assert f() == 7"], ["def check():", "    assert f() == 7", "check()"], "pass"),
        (["assert f() == 7"], ["want = f()", "assert f() == want"], "block"),
        (["assert Point(1) == p"], ["p = Point(1)", "assert Point(1) == p"], "pass"),
    ],
)
def test_an_assertion_that_became_another(before: list[str], after: list[str], wanted: str) -> None:
    assert weakening("tests/test_a.py", python(*before), python(*after)) == wanted


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("await expect(f()).rejects.toThrow('x')", "expect(f()).rejects.toThrow('x')", "block"),
        ("expect(await f()).toBe(1)", "await f().then((v) => expect(v).toBe(1)).catch(() => {})", "block"),
        ("expect(f()).toEqual({ a: 1 })", "expect(f()).toMatchObject({ a: 1 })", "flag"),
        ("expect(m).toHaveBeenCalledWith('a')", "expect(m).toHaveBeenCalledWith(expect.anything())", "block"),
        ("expect(text()).toBe('1')", "expect(screen.getByText('1')).toBeInTheDocument()", "pass"),
    ],
)
def test_what_javascript_waits_for_and_drops(before: str, after: str, wanted: str) -> None:
    old, new = (f"test('a', async () => {{\n  {line};\n}});\n" for line in (before, after))
    assert weakening("a.test.js", old, new) == wanted


def test_a_replaced_matcher_or_module_says_nothing() -> None:
    text = "import { f } from '../f';\ntest('a', () => {\n  expect(f(1)).toEqual(2);\n});\n"
    own = "expect.extend({ toEqual: () => ({ pass: true }) });\n"
    assert weakening("a.test.js", text, own + text) == "block"
    mocked = "jest.mock('../f', () => ({ f: () => 2 }));\n"
    assert weakening("a.test.js", text, mocked + text) == "flag"
    assert weakening("a.test.js", text, mocked.replace("../f", "../g") + text) == "pass"


def test_what_a_c_program_runs_and_returns() -> None:
    text = (
        "#define CHECK(x) do { if (!(x)) failures++; } while (0)\nstatic int failures;\n"
        "static void test_a(void)\n{\n\tCHECK(f() == 1);\n}\n"
        "int main(void)\n{\n\ttest_a();\n\treturn failures != 0;\n}\n"
    )
    for old, new in (
        ("failures++", "puts(#x)"),
        ("\ttest_a();\n", ""),
        ("return failures != 0", "return 0"),
    ):
        assert weakening("tests/a_test.c", text, text.replace(old, new)) == "block", new


def test_pytest_looks_for_tests_in_classes_of_a_certain_name_only() -> None:
    text = "class TestA:\n    def test_one(self):\n        assert f() == 1\n"
    assert weakening("tests/test_a.py", text, text.replace("TestA", "AChecks")) == "block"
    mixin = text.replace("TestA", "AChecks") + "\n\nclass TestA(AChecks):\n    pass\n"
    assert weakening("tests/test_a.py", text, mixin) == "pass"


def test_a_test_written_anew_under_nearly_its_name_is_flagged() -> None:
    text = "def test_header_key_with_spaces():\n    assert f('a b') == 'error one'\n"
    anew = "def test_header_key_invalid():\n    assert g(['\\t']) == 'something else'\n"
    assert weakening("tests/test_a.py", text, anew) == "flag"
    assert weakening("tests/test_a.py", text, anew.replace("header_key_invalid", "other")) == "block"


@pytest.mark.parametrize(
    ("request_", "after", "wanted"),
    [
        ("Relax the tolerance of test_a on ARM.", "assert f() == approx(2.5, rel=1e-3)", "flag"),
        ("Make f faster.", "assert f() == approx(2.5, rel=1e-3)", "block"),
        ("Skip the tests of f until the server is back.", "pytest.skip('server')", "flag"),
        ("f should skip blank lines.", "pytest.skip('later')", "block"),
        ("Relax the tolerance of test_a.", "pass", "block"),
    ],
)
def test_what_the_request_may_ask_for_is_flagged(request_: str, after: str, wanted: str) -> None:
    line = "assert f() == approx(2.5, rel=1e-6)"
    body = [after, line] if "skip" in after else [after]
    assert weakening("tests/test_a.py", python(line), python(*body), request_) == wanted


def test_tests_that_the_request_wants_removed_are_flagged() -> None:
    text = "def test_legacy():\n    assert f() == 'abc'\n\n\ndef test_b():\n    assert g() == 'xyz'\n"
    after = text.partition("\n\n\n")[2]
    assert weakening("tests/test_a.py", text, after, "Delete the tests of the legacy mode.") == "flag"
    assert weakening("tests/test_a.py", text, after, "Mend the legacy mode.") == "block"


def test_a_shrunken_snapshot_is_flagged(gates: Gates) -> None:
    path, old = "tests/__snapshots__/a.snap", b"one\ntwo\nthree\nfour\n"
    [finding] = [f for f in gates({path: old}, {path: b"one\n"}) if f.gate == "weakened-tests"]
    assert (finding.result, finding.detail) == ("flag", "the expected output shrank from 4 lines to 1")
    assert not [f for f in gates({path: old}, {path: old + b"five\n"}) if f.gate == "weakened-tests"]


RUFF, TOX = "[tool.ruff.lint.", "[testenv]\ncommands = "
NUMBERS_AND_LISTS = [
    (
        "pyproject.toml",
        RUFF + "mccabe]\nmax-complexity = 10\n",
        RUFF + "mccabe]\nmax-complexity = 20\n",
        ["block"],
    ),
    ("pyproject.toml", RUFF + "isort]\nfrom-first = true\n", RUFF + "isort]\norder-by-type = false\n", []),
    ("ruff.toml", '[lint]\nselect = ["E"]\n', '[lint]\nselect = ["ALL"]\nignore = ["D203"]\n', ["flag"]),
    ("detekt.yml", "LongMethod:\n  threshold: 60\n", "LongMethod:\n  threshold: 40\n", []),
    ("tox.ini", TOX + "pytest tests\n", TOX + "pytest tests/unit\n", ["block"]),
    ("tox.ini", TOX + "sphinx-build docs out\n", TOX + "sphinx-build -E docs out\n", []),
    ("pytest.ini", "[pytest]\naddopts = -q\n", "[pytest]\naddopts = -ra\n", []),
    (".golangci.yml", "run:\n  timeout: 5m\n", "run:\n  timeout: 5m\n  tests: false\n", ["block"]),
    ("vitest.config.ts", "include: ['src/*.ts', 'test/*.ts'],\n", "include: ['src/*.ts'],\n", ["block"]),
]


@pytest.mark.parametrize(("path", "old", "new", "wanted"), NUMBERS_AND_LISTS)
def test_numbers_and_lists_of_a_verifier(
    gates: Gates, path: str, old: str, new: str, wanted: list[str]
) -> None:
    found = gates({path: old.encode()}, {path: new.encode()})
    assert [finding.result for finding in found if finding.gate == "verifier-config"] == wanted


def test_a_threshold_is_no_package(gates: Gates) -> None:
    old, new = (b"[tool.coverage.report]\nfail_under = %d\n" % number for number in (90, 85))
    found = gates({"pyproject.toml": old}, {"pyproject.toml": new})
    assert [(finding.gate, finding.result) for finding in found] == [("verifier-config", "block")]


def test_a_rule_that_the_request_names_is_flagged(gates: Gates) -> None:
    old, new = (b'{"rules": {"no-plusplus": "%s"}}' % word for word in (b"error", b"off"))
    for request, wanted in (("Turn off no-plusplus.", "flag"), ("Add a page.", "block")):
        found = gates({".eslintrc.json": old}, {".eslintrc.json": new}, request=request)
        assert [finding.result for finding in found if finding.gate == "verifier-config"] == [wanted]


@pytest.mark.parametrize(
    ("request_text", "wanted"),
    [
        ("Add PLAN.md at the root, with the steps of the move.", "flag"),
        ("Mend the parser.", "block"),
        ("Mend the parser. Do not commit PLAN.md.", "block"),
        ("Mend the parser, and leave no PLAN.md behind.", "block"),
        ("Mend the parser without a PLAN.md", "block"),
        ("Mend what PLAN.md.j2 renders.", "block"),
    ],
)
def test_a_file_that_looks_like_a_leftover_is_flagged_where_the_request_asks_for_it(
    gates: Gates, request_text: str, wanted: str
) -> None:
    [finding] = gates({}, {"PLAN.md": b"# Steps\n"}, request=request_text)
    assert (finding.gate, finding.result) == ("junk", wanted)


def test_shared_examples_take_what_is_compared_from_where_they_are_included() -> None:
    one = (
        '  context "{0}" do\n    it "prints" do\n'
        '      expect(Scale.new({1}).to_s).to eq("{1} {0}")\n    end\n  end\n'
    )
    shared = (
        '  shared_examples "a scale" do |value, text|\n    it "prints" do\n'
        "      expect(Scale.new(value).to_s).to eq(text)\n    end\n  end\n"
    )
    use = '  context "{0}" do\n    include_examples "a scale", {1}, "{1} {0}"\n  end\n'
    group = "RSpec.describe Scale do\n{}end\n"
    values = (("celsius", 20), ("fahrenheit", 68))
    before = group.format("".join(one.format(*value) for value in values))
    after = group.format(shared + "".join(use.format(*value) for value in values))
    assert weakening("spec/scale_spec.rb", before, after) != "block"
    fewer = group.format(shared + use.format(*values[0]))
    assert weakening("spec/scale_spec.rb", before, fewer) == "block"
    uncalled = group.format(shared)
    assert weakening("spec/scale_spec.rb", before, uncalled) == "block"
