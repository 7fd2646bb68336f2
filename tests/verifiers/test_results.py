"""Which tests a check ran, read from what real runners wrote and printed."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from honk.core.types import Change, Check, Results, VerifyCommand
from honk.verifiers import junit
from honk.verifiers.commands import check
from honk.verifiers.compare import compare
from honk.verifiers.detection import detect
from honk.verifiers.output import NAME
from honk.verifiers.reports import WRITTEN
from honk.verifiers.results import NAMES, results
from tests.verifiers.test_checks import shell

OUTPUTS = Path(__file__).parents[1] / "fixtures" / "outputs"

# What the runners of Debian 12 printed about a small project: name of the log, then the names
# of those that passed, failed and were skipped, and the counts where not all are named.
LOGS: dict[str, tuple[set[str], set[str], set[str]]] = {
    "go": (
        {"example.com/x/b"},
        {"example.com/x::TestBad", "example.com/x::TestBad/sub_a", "example.com/x/c"},
        set(),
    ),
    "gov": (
        {"example.com/x::TestOk", "example.com/x/b::TestOk"},
        {"example.com/x::TestBad", "example.com/x::TestBad/sub_a", "example.com/x/c"},
        {"example.com/x::TestSkip"},
    ),
    "gojson": (
        {"example.com/x::TestOk", "example.com/x/b::TestOk"},
        {"example.com/x::TestBad", "example.com/x::TestBad/sub_a", "example.com/x/c"},
        {"example.com/x::TestSkip"},
    ),
    "rspec": (set(), {"spec/a_spec.rb::Calc adds"}, set()),
    "minitest": (set(), {"CalcTest#test_bad", "CalcTest#test_boom"}, set()),
    "minitestv": ({"CalcTest#test_ok"}, {"CalcTest#test_bad", "CalcTest#test_boom"}, {"CalcTest#test_skip"}),
    "phpunit": (set(), {"ATest::testBoom", "ATest::testBad", "ATest::testD with data set #1"}, set()),
    "meson": ({"good one"}, {"bad"}, {"skip", "xf"}),
    "mocha": ({"suite > ok", "other > ok"}, {"suite > bad", "other > bad"}, set()),
    "jest": (set(), {"a.test.js::suite › bad"}, set()),
    "vitest": (
        {"a.test.js", "a.test.js::ok", "b.test.js"},
        {"c.test.js::c.test.js", "a.test.js::suite > bad"},
        {"a.test.js::sk"},
    ),
    "jestv": (
        {"a.test.js::A › works", "a.test.js::B › deep › x"},
        {"a.test.js::A › bad", "a.test.js::B › works"},
        {"a.test.js::A › later"},
    ),
    "bun": (
        {"a.test.js::top", "a.test.js::A > works", "a.test.js::B > deep > x"},
        {"a.test.js::A > bad", "a.test.js::B > works"},
        {"a.test.js::A > later", "a.test.js::A > todo"},
    ),
    "ctest": ({"good"}, {"bad.one", "segv", "aborts", "slow", "gone", "rx"}, {"off", "later"}),
    "googletest": ({"Area::Square"}, {"Area::y_alpha", "Area::y_beta"}, {"Area::later"}),
    "turbo": (
        {"@x/a:test::S > works", "@x/a:test::S > adds", "@x/b:test::S > works"},
        {"@x/b:test::S > adds"},
        set(),
    ),
    "pnpm": (
        {"packages/a test::S > works", "packages/a test::S > adds", "packages/b test::S > works"},
        {"packages/b test::S > adds"},
        set(),
    ),
    "npmworkspaces": (  # the last package has no version, so that npm does not name it
        {"@x/a::S > works", "@x/a::S > adds", "@x/b::S > works", "S > works", "S > adds"},
        {"@x/b::S > adds"},
        set(),
    ),
    "ava": ({"b › sums", "test › sums"}, {"b › empty", "test › empty"}, set()),
    "playwright": (set(), {"a.spec.js::empty", "a.spec.js::A › works"}, set()),
}
COMPLETE = {
    "gov",
    "gojson",
    "minitestv",
    "meson",
    "mocha",
    "jestv",
    "bun",
    "ctest",
    "googletest",
    "turbo",
    "pnpm",
    "npmworkspaces",
    "ava",
}
COUNTS = {
    "rspec": (1, 1, 1),
    "minitest": (1, 2, 1),
    "phpunit": (2, 3, 1),
    "jest": (2, 1, 1),
    "mocha": (2, 2, 2),
    "bun": (3, 2, 2),
    "turbo": (3, 1, 0),
    "ava": (2, 2, 4),
    "playwright": (1, 2, 1),
}


@pytest.mark.parametrize("name", LOGS)
def test_the_names_in_a_runners_own_output(name: str) -> None:
    found = results((OUTPUTS / f"{name}.txt").read_text())
    assert found is not None
    assert (set(found.passed), set(found.failed), set(found.skipped)) == LOGS[name]
    assert found.complete == (name in COMPLETE)
    if name in COUNTS:
        assert (found.counts.passed, found.counts.failed, found.counts.skipped) == COUNTS[name]


SPEC = "✔ works (1ms)\nℹ tests 1\nℹ pass 1\nℹ fail 0\n"


@pytest.mark.parametrize(
    ("begun", "name"),
    [
        ("\n> x@1.0.0 test\n> npm run unit\n\n\n> x@1.0.0 unit\n> node --test\n\n", "works"),  # one package
        ("\n> test\n> npm run test --workspaces\n\n\n> x@2.0.0 test\n> node --test\n\n", "x::works"),
        ("\n> test\n> npm run test -ws\n\n\n> x@2.0.0 test\n> node --test\n\n", "x::works"),
        ("> a@1.0.0 test\n> true\n\n\n> x@2.0.0 test\n> node --test\n\n", "x::works"),
        ("> a@1.0.0 test\r\n> true\r\n\n\n> x@2.0.0 test\n> node --test\n\n", "x::works"),
        ("\n> a@1.0.0 build\n> true\n\n\n> x@2.0.0 test\n> node --test\n\n", "works"),
        ("> a said x@2.0.0 test\n> x@2.0.0 test\n", "works"),
    ],
)
def test_npm_names_the_package_where_it_runs_a_script_of_several(begun: str, name: str) -> None:
    found = results(begun + SPEC)
    assert found is not None and found.passed == (name,)


def test_tests_that_are_called_the_same_in_two_suites_do_not_stand_for_each_other(tmp_path: Path) -> None:
    """Mocha's own outputs: on the base the one in suite B fails, with the change the one in A."""

    def told(name: str) -> Check:
        return run(f"cat {OUTPUTS / name}.txt; exit 1", {}, tmp_path)

    found = compare(COMMAND, told("mochaB"), told("mochaA"), None)
    assert found.blocks and found.new_failures == ("A > works",) and found.mended == ("B > works",)


# What a runner printed and the report that it wrote beside it.
REPORTS: dict[str, tuple[set[str], set[str], set[str]]] = {
    "vitestreport.xml": (
        {"v.test.js::A > works", "v.test.js::B > deep > x"},
        {"v.test.js::A > bad", "v.test.js::B > works"},
        {"v.test.js::A > later"},
    ),
    "phpunitreport.xml": (
        {"ATest::testOk", "ATest::testD with data set #0", 'ATest::testD with data set "named"'},
        {"ATest::testBad", "ATest::testD with data set #1"},
        {"ATest::testSkip"},
    ),
    "ctestreport.xml": (
        {"good", "two words", "wf", "esc"},
        {"bad.one", "slow", "gone", "segv", "aborts", "rx"},
        {"later", "off"},
    ),
    "bunreport.xml": (
        {"a.test.js::top", "a.test.js::A > works", "a.test.js::B > deep > x", "a.test.js::same"}
        | {"a.test.js::same (2)"},
        {"a.test.js::A > bad", "a.test.js::B > works"},
        {"a.test.js::A > later", "a.test.js::A > todo"},
    ),
    "bunreport12.xml": (
        {"a.test.js::top", "a.test.js::A > works", "a.test.js::B > deep > x", "a.test.js::same"}
        | {"a.test.js::same (2)"},
        {"a.test.js::A > bad", "a.test.js::B > works"},
        {"a.test.js::A > later", "a.test.js::A > todo"},
    ),
    "rspecreport.json": (
        {"spec/a_spec.rb::A works", "spec/a_spec.rb::A deep x"},
        {"spec/a_spec.rb::A bad"},
        {"spec/a_spec.rb::A later"},
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_says_all_that_its_runner_prints_and_names_what_passed(name: str) -> None:
    words = (OUTPUTS / name).with_suffix(".txt").read_text()
    found = results(words, [(OUTPUTS / name).read_text()])
    assert found is not None
    passed, failed, skipped = REPORTS[name]
    assert (set(found.passed), set(found.failed), set(found.skipped)) == (passed, failed, skipped)
    assert found.complete and found.counts.ran == len(passed) + len(failed)
    alone = results(words)  # where a run wrote no report, failures have the same names
    assert alone is not None and set(alone.failed) == failed
    assert alone.complete == name.startswith(("ctest", "bun"))
    told = (OUTPUTS / name).read_text()
    emptied = re.sub("<failure[^>]*/>|<failure.*?</failure>", "", told, flags=re.DOTALL)
    denied = results(words, [emptied.replace('"failed"', '"passed"')])
    assert denied is not None and set(denied.failed) == failed  # a report that denies what was printed


def test_mesons_report_adds_the_tests_within_a_test_to_what_meson_prints() -> None:
    """Written by Meson 1.0.1, which has those as passed that timed out or passed against expectation."""
    words = (OUTPUTS / "mesonreport.txt").read_text()
    alone, found = results(words), results(words, [(OUTPUTS / "mesonreport.xml").read_text()])
    assert alone is not None and found is not None and found.complete
    assert "Area::Square" not in alone.passed and "one" not in alone.passed  # shown where a test fails
    inner = "my proj.my_proj / sub::"
    numbered = {f"my proj.my_proj / noname::{n}" for n in (1, 2)}
    assert set(found.passed) == {*alone.passed, "Area::Square", f"{inner}one", *numbered}
    assert set(found.failed) == {*alone.failed, "Area::Bad", f"{inner}two"}
    assert {"my_proj / slow", "my_proj / up", "my_proj / hard"} <= set(alone.failed)
    assert set(found.skipped) == {*alone.skipped, "Area::DISABLED_Oblong", "Area::Later", f"{inner}three"}


def test_mesons_report_is_read_where_its_command_builds(tmp_path: Path) -> None:
    if shutil.which("meson") is None or shutil.which("ninja") is None:
        pytest.skip("meson is not installed")
    text = "project('p')\ntest('t', find_program('sh'), protocol: 'tap',\n"
    text += "  args: ['-c', 'printf \"1..2\\\\nok 1 - one\\\\nnot ok 2 - two\\\\n\"'])\n"
    built = f"{tmp_path}/outside"
    line = f"meson setup {built} && meson test -C {built} --print-errorlogs"
    (tmp_path / "tree").mkdir()
    found = found_by(line, {"meson.build": text}, tmp_path / "tree")
    assert (found.passed, set(found.failed)) == (("p.t::one",), {"t", "p.t::two"})
    again = found_by(f"cat {OUTPUTS}/meson.txt; : meson test -C {built}", {}, tmp_path / "tree")
    assert "p.t::one" not in again.passed  # of the run before


@pytest.mark.parametrize("text", ["{", '{"examples": 1}', '{"examples": [1, {}]}', "{" * 100_000])
def test_json_that_is_no_report_of_rspec_passes_no_test(text: str) -> None:
    found = results("Ran 1 test in 0.1s\n\nOK\n", [text])
    assert found is not None and found.passed == ()


def test_what_a_go_test_logs_of_another_run_is_no_result() -> None:
    log = "=== RUN   TestOuter\n    o_test.go:3: --- FAIL: TestInner (0.00s)\n"
    log += "no newline--- PASS: TestOuter (0.01s)\n"
    found = results(f"{log}PASS\nok  \ta/b\t0.01s\n")
    assert found is not None and (found.passed, found.failed) == (("a/b::TestOuter",), ())


def test_what_is_about_another_runner_is_kept_beside_a_report() -> None:
    mocha = (OUTPUTS / "mochaA.txt").read_text()
    found = results(mocha, [(OUTPUTS / "vitestreport.xml").read_text()])
    assert found is not None and {"A > works", "v.test.js::A > bad"} <= set(found.failed)


OLD = '<testsuite><testcase name="old" classname="com.x.ATest"><failure/></testcase></testsuite>'
PAGE = '<testsuite><testcase name="page" classname="com.x.WebTest">'
BROKEN = {
    "html": f"{PAGE}<failure/><system-out><![CDATA[<!DOCTYPE html>]]></system-out></testcase></testsuite>",
    "a control character": f"{PAGE}<failure>\x01</failure></testcase></testsuite>",
    "cut off": f"{PAGE}<failure/><system-out><![CDATA[x",
    "a DTD": f"<!DOCTYPE testsuite>{PAGE}<failure/></testcase></testsuite>",
    "not there": "<testsuite/>",
    "denied": f"{PAGE}</testcase></testsuite>",
}
MAVEN = "[ERROR] com.x.{}.{} -- Time elapsed: 0.01 s <<< FAILURE!\n"


@pytest.mark.parametrize("name", BROKEN)
def test_a_new_failure_is_seen_whatever_its_report_has(name: str) -> None:
    """Beside a failure that the base has, in a report that is whole."""
    old = MAVEN.format("ATest", "old")
    before = results(old, [OLD, f"{PAGE}</testcase></testsuite>"])
    after = results(old + MAVEN.format("WebTest", "page"), [OLD, BROKEN[name]])
    told = [
        Check(name="it", command="it", exit_code=1, seconds=1.0, summary="", tests=t) for t in (before, after)
    ]
    found = compare(COMMAND, told[0], told[1], Change(base="1" * 40, head="2" * 40, files=(), patch=""))
    assert found.blocks and found.new_failures == ("com.x.WebTest::page",)
    assert found.standing == ("com.x.ATest::old",)


def _failure(group: str, name: str, inside: str = "<failure/>") -> str:
    return f'<testsuite><testcase classname="{group}" name="{name}">{inside}</testcase></testsuite>'


WEB = "com.x.WebTest"


@pytest.mark.parametrize(
    ("output", "group", "name"),
    [
        ("FAILED test_a.py::test_x[1] - x\n", "sub.test_a", "test_x[1]"),
        ("FAILED a/test_a.py::test_x[a] - b]\n", "a.test_a", "test_x[a] - b]"),
        ("WebTest > page() FAILED\n", WEB, "page()"),
        ("WebTest > Inner > page() FAILED\n", f"{WEB}$Inner", "page()"),
        ("[  FAILED  ] Area.Oblong (0 ms)\n", "Area", "Oblong"),
        (MAVEN.format("WebTest", "page(Path)"), WEB, "page(Path)"),
        ("[ERROR] com.x.WebTest -- Time elapsed: 0.1 s <<< ERROR!\n", WEB, ""),
    ],
)
def test_a_failure_that_a_runner_prints_by_another_name_counts_once(
    output: str, group: str, name: str
) -> None:
    report = _failure(group, name)
    found = results(output, [report])
    assert found is not None and found.failed == (f"{group}::{name}",)
    more = output.replace("test_x", "test_y").replace("page", "other").replace("Oblong", "Other")
    if more != output:  # another one, of which the report does not speak
        found = results(output + more, [report])
        assert found is not None and len(found.failed) == 2


def test_a_failure_of_another_class_is_not_that_of_a_report() -> None:
    """Maven's line of the one with parameters is not read, so that its report alone has it."""
    reports = [_failure("com.x.A", "page(int)[1]"), _failure("com.x.B", "page", "<flakyFailure/>")]
    found = results(MAVEN.format("WebTest", "page"), reports)
    assert found is not None and set(found.failed) == {"com.x.A::page(int)[1]", f"{WEB}::page"}


def test_a_test_that_maven_runs_again_and_that_passes_then_has_passed() -> None:
    found = results(MAVEN.format("WebTest", "page"), [_failure(WEB, "page", "<flakyFailure/>")])
    assert found is not None and (found.passed, found.failed) == ((f"{WEB}::page",), ())


TAP = """\
TAP version 13
ok 1 - issue #12 works
not ok 2 - issue #13 works
ok 3 - s # SKIP no
not ok 4 - t # TODO later
ok 5 - C\\# and \\\\ # time=5.2ms {
ok 6 a#skip # Skipped: it
ok 7 # skip without a name
# Subtest: b\\#
    ok 1 - in # it
1..8
"""


def test_a_name_of_tap_ends_at_a_directive_alone() -> None:
    found = results(TAP)
    assert found is not None
    assert found.passed == ("issue #12 works", "C# and \\", "b# > in # it")
    assert (found.failed, found.skipped) == (("issue #13 works",), ("s", "t", "a#skip"))


NEXTEST = """\
    Starting 2 tests across 1 binary
        PASS [   0.004s] a tests::a
        FAIL [   0.004s] a tests::b
     Summary [   0.01s] 2 tests run: 1 passed, 1 failed, 0 skipped
        FAIL [   0.004s] a tests::b
"""
PEST = """\
   FAIL  Tests\\Feature\\ExampleTest
  ✓ it sums                                        0.01s
  ⨯ it is empty                                    0.02s
  ──────────────────────────────────────────────────────
   FAILED  Tests\\Feature\\ExampleTest > it is empty
  Failed asserting that 1 is identical to 0.

  Tests:    1 failed, 1 passed (2 assertions)
"""


@pytest.mark.parametrize(
    ("output", "group"), [(NEXTEST, "a::tests::"), (PEST, "Tests\\Feature\\ExampleTest::it ")]
)
def test_runners_whose_formats_are_known_by_their_documentation(output: str, group: str) -> None:
    found = results(output)
    assert found is not None and found.complete and found.counts.ran == 2
    assert [name.startswith(group) for name in (*found.passed, *found.failed)] == [True, True]


CARGO = """\
     Running unittests src/lib.rs (target/debug/deps/x-0123456789abcdef)

running 3 tests
test tests::a ... {}ok
test tests::b ... FAILED
test tests::c ... ignored

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/it.rs (target/debug/deps/it-0123456789abcdef)

running 1 test
{}test d ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests x

running 1 test
test src/lib.rs - f (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

"""


@pytest.mark.parametrize(
    ("first", "second", "complete"),
    [("", "", True), ("said by a child\n", "", False), ("", "said by a child", False)],
)
def test_a_name_that_what_cargos_tests_print_hides_is_not_missing(
    first: str, second: str, complete: bool
) -> None:
    """With one thread cargo ends a test's line after what its child processes print."""
    found = results(CARGO.format(first, second))
    assert found is not None and found.complete == complete
    assert (found.counts.passed, found.counts.failed, found.counts.skipped) == (3, 1, 1)
    whole = results(CARGO.format("", ""))
    told = [
        Check(name="it", command="it", exit_code=101, seconds=1.0, summary="", tests=tests)
        for tests in (whole, found)
    ]
    change = Change(base="1" * 40, head="2" * 40, files=(), patch="")
    assert not compare(COMMAND, told[0], told[1], change).blocks
    assert compare(COMMAND, told[0], told[1], change).missing == ()


def test_a_second_failure_of_bun_is_new_on_a_broken_base() -> None:
    """Bun's output with one of its failures taken out is what the base would print."""
    text = (OUTPUTS / "bun.txt").read_text()
    one = text.replace("(fail) A > bad", "(pass) A > bad").replace(" 2 fail\n", " 1 fail\n")
    old, new = results(one), results(text)
    assert old is not None and new is not None
    assert set(new.failed) - set(old.failed) == {"a.test.js::A > bad"}


# ---- runners that run here --------------------------------------------------------------


COMMAND = VerifyCommand(name="it", command="it", source="config")


def run(line: str, files: dict[str, str], folder: Path) -> Check:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return check(VerifyCommand(name="it", command=line, source="config"), shell(folder), 120.0)


def found_by(line: str, files: dict[str, str], folder: Path) -> Results:
    found = run(line, files, folder).tests
    assert found is not None
    return found


PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider"
PROJECT = {
    "tests/test_a.py": "import pytest\ndef test_ok(): ...\ndef test_bad(): assert 0\n"
    "@pytest.mark.parametrize('x', ['a b', 'c - d'])\ndef test_p(x): assert x == 'a b'\n"
    "@pytest.mark.skip\ndef test_s(): ...\n@pytest.mark.xfail\ndef test_xf(): assert 0\n"
    "class TestX:\n  def test_m(self): ...\n",
}
A = "tests.test_a"


def test_pytest_writes_a_report_without_being_asked_on_its_command_line(tmp_path: Path) -> None:
    found = found_by(f"true && {PYTEST}", PROJECT, tmp_path)
    assert set(found.passed) == {f"{A}::test_ok", f"{A}::test_p[a b]", f"{A}.TestX::test_m"}
    assert set(found.failed) == {f"{A}::test_bad", f"{A}::test_p[c - d]"}
    assert set(found.skipped) == {f"{A}::test_s", f"{A}::test_xf"}
    assert found.complete
    assert not list(tmp_path.glob("*.xml"))  # the work tree stays as it is


def test_pytest_keeps_the_options_that_the_variable_had(tmp_path: Path) -> None:
    found = found_by(f'export PYTEST_ADDOPTS="$PYTEST_ADDOPTS -k test_ok"; {PYTEST}', PROJECT, tmp_path)
    assert found.passed == (f"{A}::test_ok",) and found.failed == ()


def test_without_a_report_pytests_words_name_what_failed_the_same_way(tmp_path: Path) -> None:
    found = found_by(f"unset PYTEST_ADDOPTS; {PYTEST}", PROJECT, tmp_path)
    assert set(found.failed) == {f"{A}::test_bad", f"{A}::test_p[c - d]"}
    assert (found.counts.passed, found.counts.failed, found.counts.skipped) == (3, 2, 2)
    assert not found.complete


def test_two_runs_of_pytest_in_one_command_are_both_seen(tmp_path: Path) -> None:
    more = {**PROJECT, "tests/test_b.py": "def test_b(): assert 0\n"}
    found = found_by(f"{PYTEST} tests/test_b.py; {PYTEST} tests/test_a.py", more, tmp_path)
    assert set(found.failed) == {"tests.test_b::test_b", f"{A}::test_bad", f"{A}::test_p[c - d]"}
    assert not found.complete


def test_a_module_that_cannot_be_imported_is_a_failure_by_name(tmp_path: Path) -> None:
    found = found_by(PYTEST, {"tests/test_b.py": "import not_there\n"}, tmp_path)
    assert found.failed == ("tests.test_b",)


UNITTEST = """\
import unittest
class T(unittest.TestCase):
  def test_ok(self): pass
  def test_doc(self):
    'A sentence.'
    self.fail()
  @unittest.skip('x')
  def test_s(self): pass
"""


def test_unittest_by_its_words(tmp_path: Path) -> None:
    line = f"{sys.executable} -m unittest"
    found = found_by(line, {"test_a.py": UNITTEST}, tmp_path)
    assert found.failed == ("test_a.T::test_doc",)
    assert (found.counts.passed, found.counts.failed, found.counts.skipped) == (1, 1, 1)
    assert not found.complete
    found = found_by(f"{line} -v", {}, tmp_path)
    assert (found.passed, found.skipped) == (("test_a.T::test_ok",), ("test_a.T::test_s",))
    assert found.complete


def test_unittest_is_detected_so_that_it_names_all_whatever_their_docstrings(tmp_path: Path) -> None:
    def told(text: str) -> Check:
        files = {"test_a.py": text}
        [command] = detect({path: path for path in files}, lambda path: files[path].encode()).commands
        return run(command.command.replace("python3", f"{sys.executable} -B"), files, tmp_path)

    before = told(UNITTEST.replace("self.fail()", "pass"))
    assert before.tests is not None and before.tests.complete
    assert set(before.tests.passed) == {"test_a.T::test_ok", "test_a.T::test_doc"}
    assert before.tests.skipped == ("test_a.T::test_s",)
    gone = UNITTEST.replace("self.fail()", "pass").replace("  def test_ok(self): pass\n", "")
    found = compare(COMMAND, before, told(gone), None)
    assert found.missing == ("test_a.T::test_ok",)
    skipped = UNITTEST.replace("self.fail()", "self.skipTest('x')")
    assert compare(COMMAND, before, told(skipped), None).skipped == ("test_a.T::test_doc",)


@pytest.mark.full
def test_composer_hands_phpunit_the_option_for_a_report(tmp_path: Path) -> None:
    if shutil.which("composer") is None or shutil.which("phpunit") is None:
        pytest.skip("composer and phpunit are not installed")
    files = {
        "composer.json": '{"scripts": {"test": "phpunit --colors=never tests"}}',
        "tests/ATest.php": "<?php final class ATest extends PHPUnit\\Framework\\TestCase {\n"
        "function testOk(): void { $this->assertTrue(true); }\n"
        "function testBad(): void { $this->assertSame(1, 2); } }\n",
    }
    [command] = detect({path: path for path in files}, lambda path: files[path].encode()).commands
    found = found_by(f"COMPOSER_ALLOW_SUPERUSER=1 {command.command}", files, tmp_path)
    assert (found.passed, found.failed, found.complete) == (("ATest::testOk",), ("ATest::testBad",), True)


def test_a_report_that_a_command_writes_to_tmp_is_read_if_it_is_of_this_run(tmp_path: Path) -> None:
    case = '<testsuite><testcase name="x"/></testsuite>'
    report = Path(WRITTEN.format(f"honk-test-{tmp_path.parent.name}-{tmp_path.name}"))
    try:
        assert found_by(f"echo T; echo '{case}' > {report}", {}, tmp_path).passed == ("x",)
        assert run(f"echo T; ls {report}", {}, tmp_path).tests is None
    finally:
        report.unlink(missing_ok=True)


NODE = """\
const {test, describe, it} = require('node:test'); const a = require('assert');
test('adds', () => { a.equal(1, 2) }); test('fine', () => {}); test('skipped', {skip: true}, () => {});
describe('group', () => { it('in ok', () => {}); it('in bad', () => { throw new Error('x') }) });
"""


@pytest.mark.parametrize("reporter", ["spec", "tap"])
def test_node_by_both_of_its_reporters(reporter: str, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    found = found_by(f"node --test --test-reporter={reporter}", {"a.test.js": NODE}, tmp_path)
    assert "fine" in found.passed and any(name.endswith("in ok") for name in found.passed)
    assert "adds" in found.failed and any(name.endswith("in bad") for name in found.failed)
    assert found.skipped == ("skipped",) and found.complete


@pytest.mark.parametrize("reporter", ["spec", "tap"])
def test_node_names_tests_by_their_suites(reporter: str, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    text = "const {describe, it} = require('node:test');\nfor (const s of ['A', 'B']) describe(s, () => {\n"
    text += "  it('works', () => { if (process.env.BAD === s) throw new Error('x') }) });\n"
    line = f"node --test --test-reporter={reporter} a.test.js"
    before = run(f"BAD=B {line}", {"a.test.js": text}, tmp_path)
    found = compare(COMMAND, before, run(f"BAD=A {line}", {}, tmp_path), None)
    assert found.blocks and "A > works" in found.new_failures and "B > works" in found.mended


def test_cargo_names_tests_by_their_binary(tmp_path: Path) -> None:
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    files = {
        "Cargo.toml": "[package]\nname='x'\nversion='0.1.0'\nedition='2021'\n",
        "src/lib.rs": "/// ```\n/// assert_eq!(1, 1);\n/// ```\npub fn f() {}\n"
        "#[test]\nfn fine() {}\n#[test]\nfn bad() { panic!() }\n#[test]\n#[ignore]\nfn later() {}\n",
        "tests/it.rs": "#[test]\nfn fine() {}\n",
    }
    found = found_by("cargo test --no-fail-fast", files, tmp_path)
    assert set(found.passed) == {"x::fine", "it::fine", "x (doc)::src/lib.rs - f"}
    assert (found.failed, found.skipped) == (("x::bad",), ("x::later",))


def test_ctest(tmp_path: Path) -> None:
    if shutil.which("ctest") is None:
        pytest.skip("ctest is not installed")
    listing = (
        "cmake_minimum_required(VERSION 3.10)\nproject(x NONE)\nenable_testing()\n"
        "add_test(NAME good COMMAND true)\nadd_test(NAME bad.one COMMAND false)\n"
        'add_test(NAME later COMMAND sh -c "exit 77")\n'
        "set_tests_properties(later PROPERTIES SKIP_RETURN_CODE 77)\n"
    )
    found = found_by("cmake -S . -B b >/dev/null && cd b && ctest", {"CMakeLists.txt": listing}, tmp_path)
    assert (found.passed, found.failed, found.skipped) == (("good",), ("bad.one",), ("later",))


def test_reports_of_other_tools_are_found_where_they_write_them(tmp_path: Path) -> None:
    case = '<testsuite name="a.B"><properties>\n<property name="x" value="y"/>\n</properties>'
    case += '<testcase classname="a.B" name="c"/></testsuite>'
    old = {"m/target/surefire-reports/TEST-a.Old.xml": case.replace("a.B", "a.Old")}
    line = (
        f"echo T; mkdir -p n/target/surefire-reports; echo '{case}' > n/target/surefire-reports/TEST-a.B.xml"
    )
    assert found_by(line, old, tmp_path).passed == ("a.B::c",)


# ---- reports of hostile code ------------------------------------------------------------


def cases(text: str) -> list[tuple[str, str]]:
    return [(case.name, case.outcome) for case in junit.parse(text).cases]


def test_junit_of_every_outcome() -> None:
    text = """<?xml version="1.0" encoding="utf-16"?><testsuites><testsuite name="s">
    <testcase classname="a.B" name="ok"><system-out>x</system-out></testcase>
    <testcase classname="a.B" name="bad"><failure message="m">f</failure></testcase>
    <testcase classname="a.B" name="boom"><error/></testcase>
    <testcase name="alone"><skipped/></testcase>
    <testcase classname="a.B" name="flaky"><flakyFailure/></testcase></testsuite></testsuites>"""
    assert cases(text) == [
        ("a.B::ok", "passed"),
        ("a.B::bad", "failed"),
        ("a.B::boom", "failed"),
        ("alone", "skipped"),
        ("a.B::flaky", "passed"),
    ]


def test_entities_are_refused_before_they_grow() -> None:
    bomb = "<!DOCTYPE a [<!ENTITY a 'x'>" + "".join(
        f"<!ENTITY a{n} '&a{n - 1};&a{n - 1};'>" for n in range(1, 60)
    )
    assert junit.parse(bomb + "]><testsuite><testcase name='&a59;'/></testsuite>") == junit.JUnit(
        (), whole=False
    )


@pytest.mark.parametrize(
    "before", ["<!-- <a> -->", "<?style x?>\n<!---->", "\ufeff", "\0", "<?xml version='1.0'?>"]
)
def test_a_dtd_is_refused_behind_whatever_may_come_before_it(before: str) -> None:
    text = before + "<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite><testcase name='&b;'/></testsuite>"
    assert junit.parse(text) == junit.JUnit((), whole=False)


@pytest.mark.parametrize(
    "printed", ["<![CDATA[<!DOCTYPE html><!ENTITY a>]]>", "\x01 \x1b[31m", "&#1; &#x1B; &#011;"]
)
def test_what_a_test_prints_spoils_no_report(printed: str) -> None:
    text = f"<!-- x --><testsuite><testcase name='a'><system-out>{printed}</system-out></testcase>"
    found = junit.parse(f"{text}<testcase name='b'/></testsuite>")
    assert found.whole and [case.name for case in found.cases] == ["a", "b"]


def test_a_report_that_is_cut_off_gives_what_stands_before() -> None:
    text = "<testsuite>" + "".join(f"<testcase name='t{n}'/>" for n in range(10_000))
    found = junit.parse(text)
    assert not found.whole and len(found.cases) == 10_000


@pytest.mark.parametrize("text", ["", "no xml", "<html><body/></html>", "<a>" * 100_000, "\0\1", "<testcase"])
def test_what_is_no_report_names_no_test(text: str) -> None:
    assert cases(text) == []


def test_names_are_bounded_and_harmless() -> None:
    odd = "".join(f'<testcase name="{n} \u202e&#10;{"x" * 2000}"/>' for n in range(5_000))
    found = results("", [f"<testsuite>{odd}</testsuite>"])
    assert found is not None and found.counts.passed == 5_000
    assert not found.complete and sum(map(len, found.passed)) <= NAMES
    assert all(len(name) <= NAME and name.isprintable() for name in found.passed)


@pytest.mark.parametrize(
    "text",
    [
        "✖ 2 problems (0 errors, 2 warnings)\n",
        "✔ Compiled 12 modules (3s)\n  1) first, call the office\n",
        "okay then\nok, all is well\nnot ok with this\n",
    ],
)
def test_words_that_look_like_a_runners_name_no_test(text: str) -> None:
    assert results(text) is None


def test_a_content_command_has_failures_only_by_its_reports() -> None:
    found = results("FAILED tests/test_a.py::test_b\n1 failed, 3 passed in 0.1s\n", passed=True)
    assert found is not None and (found.failed, found.counts.failed, found.counts.passed) == ((), 0, 3)
    report = '<testsuite><testcase classname="a" name="b"><failure/></testcase></testsuite>'
    found = results("", [report], passed=True)
    assert found is not None and found.failed == ("a::b",)


def test_silence_names_nothing() -> None:
    assert results("") is None and results("all is well\n") is None


CTEST = """\
Test project /tmp/b
    Start 1: area_test
1/1 Test #1: area_test ........................***Failed    0.00 sec
[==========] Running 2 tests from 1 test suite.
[ RUN      ] Area.Square
[       OK ] Area.Square (0 ms)
[ RUN      ] Area.Oblong
[  FAILED  ] Area.Oblong (0 ms)
"""


def test_what_ctest_shows_of_a_failing_test_alone_is_not_counted() -> None:
    found = results(CTEST)
    assert found is not None
    assert (found.failed, found.passed, found.counts.ran) == (("area_test",), (), 1)


def test_a_test_that_googletest_has_disabled_did_not_pass() -> None:
    """GoogleTest 1.12's own line for it."""
    line = '<testcase name="DISABLED_Oblong" file="a.cc" line="3" status="notrun" result="suppressed" '
    line += 'time="0" timestamp="1970-01-01T00:00:00.000" classname="Area" />'
    assert cases(f"<testsuites><testsuite>{line}</testsuite></testsuites>") == [
        ("Area::DISABLED_Oblong", "skipped")
    ]


def test_googletest_writes_a_report_under_whatever_starts_it(tmp_path: Path) -> None:
    """A stand-in for a test binary: what it does with the variable is GoogleTest's documented way."""
    report = '<testsuites><testsuite name="Area"><testcase name="Square" classname="Area" status="run"/>'
    report += '<testcase name="Oblong" classname="Area"><failure/></testcase></testsuite></testsuites>'
    line = f"echo ran; echo '{report}' > \"${{GTEST_OUTPUT#xml:}}area_test.xml\"; exit 1"
    found = found_by(line, {}, tmp_path)
    assert (found.passed, found.failed) == (("Area::Square",), ("Area::Oblong",))
