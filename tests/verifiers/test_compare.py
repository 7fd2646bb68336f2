"""What a change is blamed for, case by case."""

from __future__ import annotations

import pytest

from honk.core.types import Change, Check, Comparison, Counts, FileChange, Results, VerifyCommand
from honk.verifiers.compare import compare, settle, weakened

COMMAND = VerifyCommand(name="tests", command="t", source="detected")


def ran(text: str, exit_code: int | None = None, *, complete: bool = True, **more: bool) -> Check:
    """``text``: names of tests with +, - or ~ before them: passed, failed, skipped."""
    names: dict[str, list[str]] = {"+": [], "-": [], "~": []}
    for word in text.split():
        names[word[0]].append(word[1:])
    code = bool(names["-"]) if exit_code is None and not more else exit_code
    return Check(
        name="tests",
        command="t",
        exit_code=None if code is None else int(code),
        seconds=1.0,
        summary="",
        tests=Results(
            passed=tuple(names["+"]),
            failed=tuple(names["-"]),
            skipped=tuple(names["~"]),
            counts=Counts(passed=len(names["+"]), failed=len(names["-"]), skipped=len(names["~"])),
            complete=complete,
        ),
        **more,
    )


def bare(exit_code: int | None, **more: bool) -> Check:
    return Check(name="tests", command="t", exit_code=exit_code, seconds=1.0, summary="", **more)


def counted(tests: int, exit_code: int | None = 1, **more: bool) -> Check:
    """Of ``tests`` one fails, by name; the others have none."""
    check = ran("-a", exit_code, complete=False, **more)
    assert check.tests is not None
    told = check.tests.model_copy(update={"counts": Counts(passed=tests - 1, failed=1)})
    return check.model_copy(update={"tests": told})


def change(patch: str = "", deleted: str = "") -> Change:
    gone = FileChange(
        path=deleted, status="D", old_mode="100644", new_mode=None, old_blob="1" * 40, new_blob=None,
        added=0, removed=1,
    )  # fmt: skip
    return Change(base="1" * 40, head="2" * 40, files=(gone,) if deleted else (), patch=patch)


def judged(before: Check | None, after: Check, made: Change | None = None) -> Comparison:
    return compare(COMMAND, before, after, made or change())


BLOCKS: dict[str, tuple[Check, Check, bool]] = {
    "green stays green": (ran("+a +b"), ran("+a +b"), False),
    "red stays red": (ran("+a -b"), ran("+a -b"), False),
    "green turns red": (ran("+a +b"), ran("+a -b"), True),
    "red is joined by another": (ran("+a -b"), ran("-a -b"), True),
    "one is mended, another breaks": (ran("+a -b"), ran("-a +b"), True),
    "a new test fails": (ran("+a"), ran("+a -b"), True),
    "a failure that the exit code hides": (ran("+a +b"), ran("+a -b", 0), True),
    "no names: red stays red": (bare(1), bare(2), False),
    "no names: green turns red": (bare(0), bare(1), True),
    "no names: killed where it ended before": (bare(1), bare(None), True),
    "a time-out that was there before": (bare(None, timed_out=True), bare(None, timed_out=True), False),
    "red, and does not start any more": (ran("+a -b"), bare(2), True),
    "red, and stops half-way": (ran("+a +c -b"), ran("+a -b"), True),
    "runs nothing any more": (ran("+a +b"), bare(0), True),
    "says itself that it ran nothing": (bare(0), bare(0, no_tests=True), True),
    "most tests are gone": (ran("+a +b +c +d"), ran("+a"), True),
    "one of many is gone": (ran("+a +b +c +d"), ran("+a +b +c"), False),
    "most are gone, of those that nobody names": (
        ran("+a +b +c", complete=False),
        ran("+a", complete=False),
        True,
    ),
    "red, and most are gone of those that nobody names": (counted(100), counted(2), True),
    "red, and a half is left of those that nobody names": (counted(100), counted(50), False),
    "red, and killed before it counts as many": (
        counted(100, None, timed_out=True),
        counted(2, None, timed_out=True),
        False,
    ),
    "most are gone, and what is left no longer has names": (
        ran("+a +b +c"),
        ran("+a", complete=False),
        True,
    ),
    "more tests than before": (ran("+a"), ran("+a +b"), False),
    "skipped now": (ran("+a +b +c"), ran("+a +b ~c"), False),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_change_is_blamed_for_what_is_new(name: str) -> None:
    before, after, blocks = BLOCKS[name]
    found = judged(before, after)
    assert found.blocks == blocks, found
    assert bool(found.reason) == (blocks or not after.passed)


def test_a_command_of_the_requester_must_pass_and_nothing_more() -> None:
    flag = COMMAND.model_copy(update={"source": "flag"})
    assert compare(flag, bare(1), bare(1), change()).blocks
    assert not compare(flag, bare(1), bare(0), change()).blocks


def test_without_a_baseline_the_exit_code_decides() -> None:
    assert judged(None, ran("-a")).blocks and judged(None, ran("-a")).before is None
    assert not judged(None, ran("+a")).blocks


def test_lists_say_what_differs() -> None:
    found = judged(ran("+a +s -m -o +gone1"), ran("-a ~s +m -o", 1))
    assert (found.new_failures, found.standing, found.mended) == (("a",), ("o",), ("m",))
    assert (found.missing, found.skipped) == (("gone1",), ("s",))


def test_mended_tests_are_known_by_name_where_only_failures_have_names() -> None:
    found = judged(ran("-a -b", complete=False), ran("-b", complete=False))
    assert (found.mended, found.standing) == ((), ("b",))  # nobody says that a ran
    found = judged(ran("-a -b", complete=False), bare(0))
    assert found.blocks and "none with the change" in found.reason
    green = ran("+x +y", 0, complete=False)
    assert judged(ran("-a -b", complete=False), green).mended == ("a", "b")


RENAMES: dict[str, tuple[str, str, str]] = {
    "moved to another file": ("+a.b::x +a.b::y", "+c.d::x +a.b::y", ""),
    "other parameters": ("+m::x[1] +m::x[2]", "+m::x[1] +m::x[3]", ""),
    "renamed in the diff": ("+m::x +m::y", "+m::z +m::y", "-def x():\n+def z():\n"),
}


@pytest.mark.parametrize("name", RENAMES)
def test_a_test_of_another_name_is_not_missing(name: str) -> None:
    before, after, patch = RENAMES[name]
    assert judged(ran(before), ran(after), change(patch)).missing == ()


def beside(*names: str) -> Check:
    """``names`` pass, and another test fails."""
    check = ran("-o")
    assert check.tests is not None
    told = {"passed": names, "counts": Counts(passed=len(names), failed=1)}
    return check.model_copy(update={"tests": check.tests.model_copy(update=told)})


IT = "-  it('works', () => {\n"
# Names before and after, a diff, and what it leaves missing and unexplained.
TITLES: dict[str, tuple[str, str, str, str]] = {
    "jest": ("a.test.js::S › works", "a.test.js::S › sums", f"{IT}+  it('sums', () => {{\n", ""),
    "vitest": ("a.test.js::S > T > works", "a.test.js::S > T > works well", f"{IT}+  it('works well'", ""),
    "mocha": ("S > works", "S > sums numbers", f"{IT}+  it('sums numbers', () => {{\n", ""),
    "no suite": ("a.test.js::works", "a.test.js::works well", f"{IT}+  it('works well', () => {{\n", ""),
    "escaped": ("a.test.js::S › isn't", "a.test.js::S › is", "-  it('isn\\'t')\n+  it(\"is\")\n", ""),
    "rspec": ("a_spec.rb::F returns 1", "a_spec.rb::F is one", "- it 'returns 1'\n+ it 'is one'", ""),
    "go": ("e/p::TestA/adds_two", "e/p::TestA/adds_2", '-  {"adds two", 1},\n+  {"adds 2", 1},\n', ""),
    "a suite": ("a.test.js::S › works", "a.test.js::T › works", "-describe('S', f)\n+describe('T', f)\n", ""),
    "to another suite": ("a.test.js::S › works", "a.test.js::T › works", f"{IT}+  it('works')\n", ""),
    "silent": ("a.test.js::S › works", "a.test.js::S › sums", "+  it('sums', () => {\n", "missing"),
    "a line that is changed": ("a.test.js::S › works", "", f"{IT}+  it('works', f)\n", "missing"),
    "its title in other words": ("a.test.js::S › works", "", "-// now it works\n", "missing"),
    "another suite of its name": ("a.test.js::S › works", "b.test.js::T › works", IT[1:], "missing"),
    "a word of rspec": ("a_spec.rb::F returns 1", "", "-  expect(f).to eq('1')\n", "missing"),
    "a number of googletest": ("I/S::TestX/0", "", '-  puts("0");\n', "missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", TITLES)
def test_titles_are_renamed_where_the_diff_has_them_in_quotes(name: str) -> None:
    before, after, patch, lost = TITLES[name]
    found = judged(beside("x", before), beside("x", *([after] if after else [])), change(patch))
    assert (found.missing, found.blocks) == (((before,), True) if lost else ((), False))


@pytest.mark.parametrize(
    ("names", "patch"),
    [
        (["a.test.js::S › works"], IT),
        (["a.test.js::S › works", "a.test.js::S › works (2)"], IT * 2),
        (["a_spec.rb::F returns 1"], "-  it 'returns 1' do\n"),
        (["e/p::TestA/adds_two"], '-  {"adds two", 1},\n'),
        (["e/p::TestA", "e/p::TestA/deep", "e/p::TestA/deep/0"], "-func TestA(t *testing.T) {\n"),
    ],
)
def test_titles_that_the_diff_takes_away_are_missing_but_do_not_block(names: list[str], patch: str) -> None:
    found = judged(beside("x", *names), beside("x"), change(patch))
    assert found.missing == tuple(names) and not found.blocks


def test_a_go_test_explains_its_subtests_only_where_it_is_gone_itself() -> None:
    before, after = beside("e/p::TestA", "e/p::TestA/deep"), beside("e/p::TestA")
    assert judged(before, after, change("-func TestA(t *testing.T) {\n+func TestA(t *T) {\n")).blocks


def test_quotes_without_an_end_hold_nothing_up() -> None:
    text = '-"' + '\\"' * 100_000 + "\n-" + "'\"`" * 100_000
    assert judged(beside("x", "y"), beside("x"), change(text)).missing == ("y",)


def test_a_name_stands_for_one_missing_test_only() -> None:
    assert judged(ran("+m::x[1] +m::x[2] +m::x[3]"), ran("+m::x[1] +m::x[4]")).missing == ("m::x[3]",)
    assert judged(ran("+m::x +m::y"), ran("+m::z +m::y")).missing == ("m::x",)  # the diff says nothing


def test_a_failing_test_that_moved_is_not_new() -> None:
    found = judged(ran("+a::x -a::y"), ran("+b::x -b::y"))
    assert not found.blocks and found.standing == ("b::y",)


def test_a_test_that_the_diff_takes_away_is_missing_but_does_not_block() -> None:
    red, without = ran("+t.a::x +t.b::y -t.b::z"), ran("+t.b::y -t.b::z")
    assert judged(red, without, change("-def x():\n")).missing == ("t.a::x",)
    assert not judged(red, without, change("-def x():\n")).blocks
    assert not judged(red, without, change(deleted="t/a.py")).blocks
    assert judged(red, without, change("-def other():\n")).blocks


def test_a_change_that_deletes_files_explains_that_there_are_fewer_tests() -> None:
    many, few = ran("+a +b +c", complete=False), ran("+a", complete=False)
    assert judged(many, few).blocks
    assert not judged(many, few, change(deleted="t/a.py")).blocks
    assert not compare(COMMAND, many, few, None).blocks  # in the session nobody has the diff
    assert not judged(counted(100), counted(2), change(deleted="t/a.py")).blocks


def test_thousands_of_renames_are_matched_in_no_time_to_speak_of() -> None:
    before = ran(" ".join(f"+old::t{n}" for n in range(20_000)))
    after = ran(" ".join(f"+new::t{n}" for n in range(20_000)))
    assert judged(before, after).missing == ()


# ---- flaky ------------------------------------------------------------------------------


def test_what_fails_once_of_twice_is_flaky() -> None:
    again = settle((ran("+a -b -c"), ran("+a +b -c")))
    assert again.tests is not None
    assert (again.tests.failed, again.tests.flaky, again.passed) == (("c",), ("b",), False)
    found = judged(ran("+a +b -c"), again)
    assert not found.blocks and (found.flaky, found.new_failures) == (("b",), ())


def test_a_check_that_passes_at_last_passes() -> None:
    again = settle((ran("+a -b"), ran("+a +b")))
    assert again.passed and again.tests is not None and again.tests.flaky == ("b",)
    assert not judged(ran("+a +b"), again).blocks


def test_a_check_without_names_that_flips_is_flaky_itself() -> None:
    again = settle((bare(1), bare(0)))
    assert again.passed and judged(bare(0), again).flaky == ("tests",)
    assert not judged(bare(0), again).blocks


def test_different_tests_that_fail_in_turn_are_all_flaky() -> None:
    again = settle((ran("+a -b"), ran("-a +b")))
    assert not again.passed
    found = judged(ran("+a +b"), again)
    assert not found.blocks and set(found.flaky) == {"a", "b"}


def test_what_fails_twice_counts() -> None:
    again = settle((ran("+a -b"), ran("+a -b")))
    assert judged(ran("+a +b"), again).new_failures == ("b",)


def test_a_run_that_crashed_says_nothing_for_a_test() -> None:
    again = settle((ran("+a -b"), bare(137)))
    assert again.tests is not None and (again.tests.failed, again.tests.flaky) == (("b",), ())


@pytest.mark.parametrize(
    "second",
    [
        ran("-b"),  # stopped at its first failure, which is another
        ran("+c -b", complete=False),
        ran("+c", 139),  # crashed before it came to the test
        ran("+c", 139, complete=False),
        ran("+c ~a", 1),
        ran("+c"),  # passes without the test
        bare(1),
    ],
)
def test_a_run_that_does_not_name_a_test_as_passed_does_not_speak_for_it(second: Check) -> None:
    again = settle((ran("-a"), second))
    assert again.tests is not None and "a" in again.tests.failed and again.tests.flaky == ()
    found = judged(ran("+a +b +c"), again)
    assert found.blocks and "a" in found.new_failures


def test_a_crash_is_not_excused_by_tests_that_flip() -> None:
    assert judged(ran("+a +b"), settle((ran("-a +b"), ran("+a +b", 139)))).blocks
    assert judged(ran("+a +b"), settle((ran("-a +b"), ran("+a -b", 137)))).blocks
    assert judged(ran("+a +b"), settle((ran("-a +b"), ran("+a -b"), bare(1)))).blocks
    assert not judged(ran("+a +b"), settle((ran("-a +b"), ran("+a", 139), ran("+a +b")))).blocks


def test_a_tool_that_names_only_failures_speaks_for_all_when_it_passes() -> None:
    again = settle((ran("-a", complete=False), ran("", 0, complete=False)))
    assert again.passed and again.tests is not None and again.tests.flaky == ("a",)


def test_a_file_that_could_not_be_loaded_once_is_flaky() -> None:
    again = settle((ran("-tests.test_a"), ran("+tests.test_a::test_one")))
    assert again.passed and again.tests is not None and again.tests.flaky == ("tests.test_a",)
    assert not judged(ran("+tests.test_a::test_one"), again).blocks


def test_a_test_that_is_flaky_on_the_base_is_excused_by_runs_of_the_change_alone() -> None:
    base = settle((ran("+a -b"), ran("+a +b")))
    found = judged(base, settle((ran("+a -b"), ran("+a -b"))))
    assert found.blocks and (found.flaky, found.new_failures) == ((), ("b",))
    assert found.reason == "b passed once on the base, and never with the change."
    found = judged(base, settle((ran("+a -b"), ran("+a +b"))))
    assert not found.blocks and (found.flaky, found.new_failures) == (("b",), ())
    advice = compare(COMMAND, base, ran("+a -b"), None)  # in the session nothing runs again
    assert not advice.blocks and advice.flaky == ("b",)


@pytest.mark.parametrize(
    ("before", "after", "unknown"),
    [
        (bare(1), bare(1), True),
        (bare(137), bare(137), True),
        (ran("+a -b"), ran("+a +b", 1), True),
        (ran("+a -b", 139), ran("+a -b", 139), True),
        (ran("+a -b"), ran("+a -b"), False),
        (bare(1), bare(0), False),
        (bare(0), bare(1), False),
    ],
)
def test_where_nobody_names_what_fails_nothing_is_said_of_new_failures(
    before: Check, after: Check, unknown: bool
) -> None:
    found = judged(before, after)
    assert found.unknown is unknown
    assert ("is not known" in found.reason) is unknown


def test_the_gate_hears_of_tests_that_no_longer_run() -> None:
    check = ran("+a ~s")
    check = check.model_copy(update={"compared": judged(ran("+a +s +gone"), check)})
    assert [(f.gate, f.result) for f in weakened((check,))] == [("weakened-tests", "flag")] * 2
    assert weakened((ran("+a"),)) == ()
