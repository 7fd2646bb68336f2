"""How one command's result is judged, and what the model hears."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.types import Check, CommandResult, Report, VerifyCommand
from honk.verifiers.commands import check, feedback
from honk.verifiers.compare import compare
from honk.verifiers.distil import LIMIT, distil

OUTPUTS = Path(__file__).parents[1] / "fixtures" / "outputs"
Run = Callable[[str, float], CommandResult]


def shell(folder: Path) -> Run:
    def run(line: str, seconds: float) -> CommandResult:
        command = ["bash", "-c", line]
        try:
            out = subprocess.run(
                command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds
            )
        except subprocess.TimeoutExpired as error:
            text = (error.output or b"").decode()
            return CommandResult(output=text, exit_code=None, seconds=seconds, timed_out=True)
        return CommandResult(output=out.stdout.decode(), exit_code=out.returncode, seconds=0.1)

    return run


def printed(output: str) -> Check:
    """A check whose command was content and printed ``output``."""

    def run(line: str, seconds: float) -> CommandResult:
        return CommandResult(output=output if "junitxml" in line else "", exit_code=0, seconds=2.0)

    return check(VerifyCommand(name="it", command="it", source="detected"), run, 60.0)


def verify(line: str, folder: Path, seconds: float = 60.0) -> Check:
    return check(VerifyCommand(name="it", command=line, source="flag"), shell(folder), seconds)


def test_success_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a(): ...\ndef test_b(): ...\ndef test_c(): ...\n")
    result = verify(f"{sys.executable} -m pytest -p no:cacheprovider", tmp_path)
    assert result.passed and result.summary.startswith("3 passed in ")


def test_failure_is_distilled(tmp_path: Path) -> None:
    result = verify("seq 1 5000; echo 'src/a.c:7:3: error: no semicolon'; seq 1 5000; exit 3", tmp_path)
    assert not result.passed and result.exit_code == 3
    assert "src/a.c:7:3: error: no semicolon" in result.summary and len(result.summary) <= LIMIT


def test_a_command_that_does_not_end_fails_and_shows_its_last_words(tmp_path: Path) -> None:
    result = verify("echo waiting for the database; sleep 60", tmp_path, seconds=0.5)
    assert result.timed_out and not result.passed
    assert result.summary.startswith(
        "Not finished after its limit (verify_seconds) of 0.5 seconds: it was stopped."
    )
    assert "waiting for the database" in result.summary


def test_unittest_without_tests_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    result = verify(f"{sys.executable} -m unittest discover", tmp_path)
    assert result.no_tests and not result.passed and "no test ran" in result.summary


@pytest.mark.parametrize(
    "output",
    [
        "?   \texample.com/a\t[no test files]\n?   \texample.com/b\t[no test files]\n",
        "ok  \texample.com/a\t0.002s [no tests to run]\n",
        "\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed\n   Doc-tests x\n\nrunning 0 tests\n",
        "No tests found, exiting with code 0\n",
        "  0 passing (1ms)\n",
        "TAP version 13\n1..0\n# tests 0\n# pass 0\n",
        "ℹ tests 0\nℹ pass 0\n",
        "[INFO] --- surefire:3.0:test ---\n[INFO] No tests to run.\n[INFO] BUILD SUCCESS\n",
        "> Task :test NO-SOURCE\n\nBUILD SUCCESSFUL in 1s\n",
        "No test files found, exiting with code 0\n",
        "\x1b[1m\x1b[33mno tests ran\x1b[0m in 0.01s\n",
        "==== 2 deselected in 0.01s ====\n",
        "ss\n-----\nRan 2 tests in 0.000s\n\nOK (skipped=2)\n",
        "running 2 tests\ntest a ... ignored\ntest b ... ignored\n",
        "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 2\n[INFO] BUILD SUCCESS\n",
        "No tests defined.\n",
        "10 failed logins\n\n\n  0 passing (1ms)\n\n",
        "ERROR: No test targets were found, yet testing was requested\n",
        "No test is available in /w/T.dll. Make sure that test discoverer & executors are registered\n",
        "[==========] Running 0 tests from 0 test suites.\n[  PASSED  ] 0 tests.\n",
        "make: 'test' is up to date.\n",
        "make: Nothing to be done for 'check'.\n",
        "  py: SKIP (0.01 seconds)\n  congratulations :) (0.03 seconds)\n",
    ],
)
def test_a_runner_that_says_that_it_ran_nothing_is_believed(output: str) -> None:
    result = printed(output)
    assert result.no_tests and not result.passed


# Real outputs of runners that found no test, or skipped all of theirs; all of them ended with 0.
NOTHING = (
    "gonone",
    "rspecnone",
    "rspecskip",
    "minitestnone",
    "minitestskip",
    "vitestskip",
    "jestskip",
    "phpunitnone",
    "phpunitskip",
    "nodenone",
    "bunskip",
)


@pytest.mark.parametrize("name", NOTHING)
def test_a_runner_that_ran_nothing_fails_and_speaks_against_the_change(name: str) -> None:
    result = printed((OUTPUTS / f"{name}.txt").read_text())
    assert result.no_tests and not result.passed
    good = printed("==== 3 passed in 0.1s ====\n")
    command = VerifyCommand(name="it", command="it", source="detected")
    assert compare(command, good, result, None).reason == "No test ran."


def test_where_all_tests_were_skipped_on_the_base_they_may_be_with_the_change() -> None:
    skipped = printed((OUTPUTS / "jestskip.txt").read_text())
    command = VerifyCommand(name="it", command="it", source="detected")
    found = compare(command, skipped, skipped, None)
    assert not found.blocks and found.reason == "No test ran on the base either: all are skipped."
    assert compare(command, skipped, printed("Ran 0 tests in 0.0s\n\nOK\n"), None).blocks
    assert compare(command.model_copy(update={"source": "flag"}), None, skipped, None).blocks


@pytest.mark.parametrize(
    "output",
    [
        "",
        "all good\n",
        "?   \texample.com/a\t[no test files]\nok  \texample.com/b\t0.1s\n",
        "ok  \texample.com/b\t(cached)\n?   \texample.com/a\t[no test files]\n",
        "  0 passing (1ms)\n\n10 tests, 0 failed\n10 passed\n",
        "running 0 tests\n\nrunning 2 tests\ntest result: ok. 2 passed\n\nrunning 0 tests\n",
        "> Task :a:test NO-SOURCE\nTests run: 3, Failures: 0\n",
        "Ran 0 tests in 0.0s\n\nOK\n===== 4 passed in 0.1s =====\n",
        "Running lint\nno tests directory, skipping lint of tests\n",
        "==== 1 failed in 0.1s ====\nas it should\n",
        "SKIP: docs, no tool\n",
        "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 1\n",
        "  py311: SKIP (0.01 seconds)\n  py312: OK (1.2 seconds)\n  congratulations :) (0.03 seconds)\n",
        "make: Nothing to be done for 'all'.\n",
        "  0 passing (1ms)\n\n  2 tests passed\n",
    ],
)
def test_one_runner_with_tests_is_enough_and_silence_is_no_confession(output: str) -> None:
    assert printed(output).passed


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("....\n==== 42 passed, 1 skipped in 0.61s ====\n", "42 passed, 1 skipped in 0.61s"),
        ("..\n-----\nRan 2 tests in 0.1s\n\nOK\n", "Ran 2 tests in 0.1s"),
        ("test result: ok. 7 passed; 0 failed\n\ntest result: ok. 0 passed; 0 failed\n", "7 passed"),
        ("[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0\n[INFO] BUILD SUCCESS\n", "Tests run: 3"),
        ("Tests:       1 skipped, 5 passed, 6 total\nTime: 1 s\n", "5 passed, 6 total"),
        ("ok  \ta/b\t0.2s\n", "ok  \ta/b\t0.2s"),
        ("nothing special\n\n\x1b[32mdone\x1b[0m\n\n", "done"),
        ("", "passed"),
    ],
)
def test_the_line_of_success_counts_the_tests(output: str, line: str) -> None:
    text = distil(output, passed=True)
    assert line in text and "\n" not in text


def some(name: str, summary: str, exit_code: int | None = 1, **more: bool) -> Check:
    return Check(name=name, command=name, exit_code=exit_code, seconds=1.0, summary=summary, **more)


def test_feedback_has_what_fails_first_and_stays_short() -> None:
    long = "\n".join(f"a.py:{n}: error: wrong" for n in range(80)) + "\n80 failed in 1s"
    text = feedback(
        Report(
            checks=(
                some("lint", "fine", 0),
                some("pytest", long),
                some("build", long, None),
                some("slow", "Not finished.", None, timed_out=True),
                some("none", "It ended.", 0, no_tests=True),
            )
        )
    )
    assert len(text) < LIMIT + 500
    assert text.startswith("`pytest` fails (exit code 1):\n```\na.py:0: error: wrong\n")
    assert text.count("80 failed in 1s") == 2
    for part in (
        "`build` fails (killed)",
        "`slow` fails (stopped after its limit, verify_seconds)",
        "`none` fails (no test ran)",
    ):
        assert part in text
    assert text.endswith("\n\n`lint` passes: fine")


def test_feedback_of_a_passing_and_of_an_empty_report() -> None:
    good = Report(checks=(some("make test", "42 passed in 1s", 0),))
    assert feedback(good) == "`make test` passes: 42 passed in 1s"
    assert feedback(Report(checks=())) == "There is nothing that verifies."
