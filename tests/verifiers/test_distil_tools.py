"""Distilling what real tools print about small failing projects, found and run as honk does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from honk.core.types import Check, CommandResult, VerifyCommand
from honk.verifiers.commands import check
from honk.verifiers.detection import detect
from honk.verifiers.distil import LIMIT, distil

OUTPUTS = Path(__file__).parents[1] / "fixtures" / "outputs"


@dataclass(frozen=True)
class Project:
    """``told`` must survive distilling; ``noise`` must not. ``line`` None: as detected."""

    tool: str
    files: dict[str, str]
    told: tuple[str, ...]
    line: str | None = None
    noise: tuple[str, ...] = ()


CARGO = "[package]\nname = 'x'\nversion = '0.1.0'\nedition = '2021'\n"
NODE = '{"scripts": {"test": "node --test"}}'
UNITTEST = """import unittest
class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(1 + 1, 2)
"""
POM = """<project><modelVersion>4.0.0</modelVersion>
<groupId>g</groupId><artifactId>a</artifactId><version>1</version></project>"""

PROJECTS = {
    "pytest": Project(
        "python3",
        {
            "test_orders.py": "from orders import total\nimport pytest\n\n"
            "def test_total():\n    assert total([1, 2]) == 3, 'the sum'\n\n"
            "@pytest.mark.parametrize('n', range(200))\ndef test_fine(n):\n    print('noise')\n",
            "orders.py": "def total(items):\n    return sum(items) / items[5]\n",
        },
        ("FAILED test_orders.py::test_total", "orders.py:2: IndexError", "1 failed, 200 passed"),
    ),
    "pytest assertion": Project(
        "python3",
        {"tests/test_a.py": "import pytest\ndef test():\n    got = {'a': 1}\n    assert got == {'a': 2}\n"},
        ("tests/test_a.py:4: AssertionError", "assert {'a': 1} == {'a': 2}", "1 failed"),
    ),
    "pytest that cannot import": Project(
        "python3",
        {"test_a.py": "import pytest\nimport not_there\n"},
        ("No module named 'not_there'", "test_a.py"),
    ),
    "unittest": Project(
        "python3",
        {
            "test_a.py": UNITTEST.replace("1, 2", "1, 3"),
        },
        ("FAIL: test_add", 'test_a.py", line 4', "AssertionError: 2 != 3", "FAILED (failures=1)"),
    ),
    "node": Project(
        "npm",
        {
            "package.json": NODE,
            "a.test.js": "const test = require('node:test');\nconst assert = require('node:assert');\n"
            "test('adds', () => { assert.strictEqual(1 + 1, 3); });\ntest('fine', () => {});\n",
        },
        ("adds", "a.test.js:3", "2 !== 3", "fail 1"),
        noise=("node:internal",),
    ),
    "cargo": Project(
        "cargo",
        {
            "Cargo.toml": CARGO,
            "src/lib.rs": "pub fn add(a: i32, b: i32) -> i32 { a - b }\n\n"
            "#[test]\nfn adds() {\n    assert_eq!(add(1, 2), 3);\n}\n",
        },
        ("test adds ... FAILED", "src/lib.rs:5:5", "left: -1", "right: 3", "0 passed; 1 failed"),
    ),
    "cargo that does not compile": Project(
        "cargo",
        {"Cargo.toml": CARGO, "src/lib.rs": 'pub fn add() -> i32 { "x" }\n'},
        ("error[E0308]: mismatched types", "src/lib.rs:1:23", "expected `i32`, found `&str`"),
    ),
    "gcc under make": Project(
        "gcc",
        {
            "Makefile": "test: a.o b.o\n%.o: %.c\n\tgcc -Wall -c $<\n",
            "a.c": "int main(void) { return undefined_thing; }\n",
            "b.c": "",
        },
        ("a.c:1:25: error: ‘undefined_thing’ undeclared", "make: *** [Makefile:3: a.o] Error 1"),
    ),
    "the linker": Project(
        "gcc",
        {"a.c": "int f(void);\nint main(void) { return f(); }\n"},
        ("undefined reference to `f'", "collect2: error: ld returned 1"),
        line="gcc a.c",
    ),
    "javac": Project(
        "javac",
        {"A.java": 'class A {\n  int f() { return "x"; }\n}\n'},
        ("A.java:2: error: incompatible types: String cannot be converted to int",),
        line="javac A.java",
    ),
    "a Python traceback": Project(
        "python3",
        {"run.py": "import json\n\ndef load():\n    return json.loads('{')\n\nload()\n"},
        ('run.py", line 4, in load', "json.decoder.JSONDecodeError: Expecting property name"),
        line="python3 run.py",
        noise=("json/decoder.py",),
    ),
    "mypy": Project(
        "mypy",
        {"a.py": "def f() -> int:\n    return 'x'\n"},
        ('a.py:2: error: Incompatible return value type (got "str", expected "int")',),
        line="mypy --no-incremental a.py",
    ),
    "ruff": Project("ruff", {"a.py": "import os\n"}, ("F401", "a.py:1:8"), line="ruff check --no-cache a.py"),
    "a JavaScript syntax error": Project(
        "node", {"a.js": "const x = ;\n"}, ("a.js:1", "SyntaxError: Unexpected token ';'"), line="node a.js"
    ),
    "a shell script": Project(
        "bash", {"run.sh": "set -e\nnot-a-command\n"}, ("run.sh: line 2: not-a-command",), line="bash run.sh"
    ),
    "Maven": Project(
        "mvn",
        {"pom.xml": POM, "src/main/java/A.java": 'class A {\n  int f() { return "x"; }\n}\n'},
        ("ERROR", "Failed to execute goal"),
        line="mvn -o -B -ntp -q compile",
        noise=("[Help 1] http",),
    ),
}


def environment() -> dict[str, str]:
    """The tests' own interpreter and tools come first, and colours are wanted."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    keep = {name: os.environ[name] for name in ("HOME", "CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
    return keep | {"PATH": path, "LANG": "C.UTF-8", "FORCE_COLOR": "1", "CARGO_TERM_COLOR": "always"}


def verify(project: Project, folder: Path) -> Check:
    if shutil.which(project.tool, path=environment()["PATH"]) is None:
        pytest.skip(f"{project.tool} is not installed")
    for path, text in project.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    if project.line is None:
        files = project.files
        command, *_ = detect({path: path for path in files}, lambda path: files[path].encode()).commands
    else:
        command = VerifyCommand(name="it", command=project.line, source="flag")

    def run(line: str, seconds: float) -> CommandResult:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
        )
        text = done.stdout.decode("utf-8", "replace")
        return CommandResult(output=text, exit_code=done.returncode, seconds=0.0)

    return check(command, run, 120.0)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_real_failure_says_what_where_and_why(name: str, tmp_path: Path) -> None:
    project = PROJECTS[name]
    result = verify(project, tmp_path)
    assert not result.passed
    assert len(result.summary) <= LIMIT and "\x1b" not in result.summary
    for part in project.told:
        assert part in result.summary, result.summary
    for part in project.noise:
        assert part not in result.summary, result.summary


SOUND: list[tuple[dict[str, str], str]] = [
    ({"test_a.py": "import pytest\ndef test(): ...\n"}, "1 passed in "),
    ({"t/__init__.py": "", "t/test_a.py": UNITTEST}, "Ran 1 test in "),
    ({"package.json": NODE, "a.test.js": "require('node:test')('x', () => {});\n"}, "pass 1"),
    ({"Cargo.toml": CARGO, "src/lib.rs": "#[test]\nfn works() {}\n"}, "1 passed; 0 failed"),
    ({"Makefile": "check:\n\t@echo all is well\n"}, "all is well"),
]


@pytest.mark.parametrize(("files", "summary"), SOUND)
def test_the_detected_command_of_a_sound_project_passes(
    files: dict[str, str], summary: str, tmp_path: Path
) -> None:
    tools = {"package.json": "npm", "Cargo.toml": "cargo", "Makefile": "make"}
    result = verify(Project(tools.get(next(iter(files)), "python3"), files, ()), tmp_path)
    assert result.passed, result.summary
    assert summary in result.summary and "\n" not in result.summary


@pytest.mark.parametrize(
    "noise", ["x" * 2_000_000, "building target 1 of many, please wait\n" * 5_000], ids=["line", "lines"]
)
def test_a_failure_in_the_middle_of_noise_is_found(noise: str) -> None:
    failure = "\n--- FAIL: TestTotal (0.00s)\n    total_test.go:12: got 4, want 3\nFAIL\n"
    text = distil(noise + failure + noise)
    assert "--- FAIL: TestTotal" in text and "total_test.go:12: got 4, want 3" in text
    assert len(text) <= LIMIT


def test_a_log_of_surefire_keeps_both_failures_and_drops_its_frames() -> None:
    """``surefire.txt`` is what Maven 3.8.7 with Surefire 3.2.5 and JUnit 5.11.4 printed."""
    text = distil((OUTPUTS / "surefire.txt").read_text())
    for part in (
        "ATest.adds:4 expected: <3> but was: <-1>",
        "at ATest.boom(ATest.java:5)",
        "java.lang.IllegalStateException: bad state",
        "Tests run: 2, Failures: 1, Errors: 1",
    ):
        assert part in text
    assert "org.junit.jupiter" not in text and "java.base" not in text and "[Help 1]" not in text


def test_what_no_pattern_knows_is_shown_by_its_end() -> None:
    text = distil("".join(f"step {n}\n" for n in range(500)) + "the gizmo does not fit\n")
    assert text.endswith("the gizmo does not fit") and len(text) <= LIMIT


def test_an_empty_log_names_its_command() -> None:
    assert distil("", "make test") == "`make test` failed without any output."
    assert distil("\n\x1b[0m\n \n", "make test") == "`make test` failed without any output."


def test_a_progress_bar_is_shown_as_a_terminal_would_in_the_end() -> None:
    bar = "".join(f"\r{n}% done" for n in range(101)) + "\r\n"
    assert distil(bar + "error: disk on fire\r\n") == "100% done\nerror: disk on fire"


def test_the_same_complaint_is_shown_once_and_floods_are_counted() -> None:
    text = distil("a.c:1: error: same\n" * 5000 + "".join(f"b.c:{n}: error: other\n" for n in range(5000)))
    assert text.count("a.c:1: error: same") == 1
    assert "b.c:0: error: other\n" in text and text.endswith(" more lines like these")
    assert len(text) <= LIMIT


NOISY = {
    "pytest": (
        f"{sys.executable} -m pytest -p no:cacheprovider -v -s",
        {
            "test_many.py": "import pytest\n\n"
            "@pytest.mark.parametrize('n', range(3000))\n"
            "def test_n(n):\n    print('processing item', n, 'of the batch', '.' * 330)\n"
            "    assert n not in (17, 1500, 2999), 'the batch is spoilt'\n"
        },
        ("test_n[17]", "test_n[1500]", "test_n[2999]"),
    ),
    "node": (
        "node --test --test-reporter=tap",
        {
            "many.test.js": "const test = require('node:test'); const assert = require('node:assert');\n"
            "for (let n = 0; n < 5000; n++) test(`item ${n}`, () => {\n"
            "  console.log('processing', n, '.'.repeat(160)); assert.ok(n !== 7 && n !== 4999);\n});\n"
        },
        ("item 7", "item 4999"),
    ),
    "gcc under make": (
        'for n in $(seq 20000); do echo "  CC  some/long/path/to/an/object/file_number_$n.o"; done; make',
        {"Makefile": "all:\n\tgcc -c bad.c\n", "bad.c": "int main(void) { return not_there; }\n"},
        ("bad.c:1", "not_there"),
    ),
}


@pytest.mark.parametrize(
    "name", [name if name == "node" else pytest.param(name, marks=pytest.mark.full) for name in NOISY]
)
def test_a_log_of_a_megabyte_shrinks_fifty_times_and_keeps_every_failing_test(
    name: str, tmp_path: Path
) -> None:
    line, files, names = NOISY[name]
    if shutil.which(line.split()[0]) is None and name == "node":
        pytest.skip("node is not installed")
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment(), capture_output=True)
    log = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode != 0 and len(log) > 1_000_000
    text = distil(log)
    assert len(log) >= 50 * len(text)
    for failing in names:
        assert failing in text, text


FAMILIAR = {
    "dotnet": (
        "[xUnit.net 00:00:00.40]     ATests.y_alpha [FAIL]\n  Passed ATests.Fine [3 ms]\n"
        "  Failed ATests.y_alpha [3 ms]\n  Error Message:\n   Assert.Equal() Failure\n"
        "  Failed ATests.y_beta [1 ms]\n  Error Message:\n   Assert.True() Failure\n\n"
        "Failed!  - Failed:     2, Passed:     1, Skipped:     0, Total:     3, Duration: 5 ms - T.dll\n",
        ("ATests.y_alpha", "ATests.y_beta"),
    ),
    "bazel": (
        "//a:fine                        PASSED in 0.1s\n//a:y_alpha                     FAILED in 0.1s\n"
        "//a:y_beta                      TIMEOUT in 9.1s\n\nExecuted 3 out of 3 tests: 2 fail locally.\n",
        ("//a:y_alpha", "//a:y_beta"),
    ),
    "automake": ("PASS: fine\nFAIL: y_alpha\nFAIL: y_beta.sh\n", ("y_alpha", "y_beta.sh")),
}
"""Formats of tools that no registry here has, as their documentation shows them."""

PRINTED = {
    "goplain": ("TestBad/sub_a", "a_test.go:4: no"),
    "rspec": ("Calc adds",),
    "minitest": ("CalcTest#test_bad", "CalcTest#test_boom"),
    "minitestv": ("CalcTest#test_bad", "CalcTest#test_boom"),
    "phpunit": ("ATest::testBoom", "ATest::testBad", "ATest::testD with data set #1"),
    "meson": ("bad",),
    "mocha": ("bad",),
    "jest": ("suite › bad",),
    "vitest": ("a.test.js > suite > bad", "c.test.js"),
    "bun": ("A > bad", "B > works"),
    "ctest": ("bad.one", "segv", "aborts", "slow", "gone", "rx"),
    "googletest": ("Area.y_alpha", "Area.y_beta"),
    "turbo": ("adds",),
    "pnpm": ("adds",),
    "ava": ("b › empty", "test › empty"),
    "playwright": ("empty", "A › works"),
}


@pytest.mark.parametrize("name", [*PRINTED, *FAMILIAR])
def test_failing_tests_are_named_though_a_service_floods_the_log_with_errors(name: str) -> None:
    if name in FAMILIAR:
        log, names = FAMILIAR[name]
    else:
        log, names = (OUTPUTS / f"{name}.txt").read_text(), PRINTED[name]
    flood = "".join(f"ERROR worker failed to connect to db, retry {n}\n" for n in range(400))
    text = distil(flood + log + flood)
    assert [failing for failing in names if failing not in text] == [], text


def test_a_line_of_a_workspaces_task_keeps_the_tasks_name() -> None:
    text = distil((OUTPUTS / "turbo.txt").read_text())
    assert "@x/b:test:     1) adds" in text


def test_a_verbose_log_of_go_shows_of_its_tests_those_that_failed() -> None:
    """What Go printed with ``-v``: a test that passed logged 600 lines about errors, another panicked."""
    log = (OUTPUTS / "govpanic.txt").read_text()
    text = distil(log)
    for part in (
        "--- FAIL: TestBad/sub_a",
        "a_test.go:4: no",
        "--- FAIL: TestPanic",
        "e_test.go:6",
        "nil map",
    ):
        assert part in text, text
    for part in ("failed to connect", "x.go:3: bad", "hello", "=== RUN"):
        assert part not in text, text


def test_a_go_test_that_never_ended_shows_what_it_printed() -> None:
    text = distil(
        "=== RUN   TestSlow\n    a_test.go:7: waiting\npanic: test timed out after 1s\nFAIL\ta/b\t1.0s\n"
    )
    assert "a_test.go:7: waiting\npanic: test timed out after 1s\nFAIL\ta/b" in text
    assert "a_test.go:7: waiting" in distil("=== RUN   TestSlow\n    a_test.go:7: waiting\n")


def test_skipped_tests_of_minitest_are_no_failures() -> None:
    text = distil((OUTPUTS / "minitestv.txt").read_text())
    assert "CalcTest#test_bad" in text and "CalcTest#test_skip" not in text, text


def test_tests_that_passed_do_not_speak_of_errors() -> None:
    log = "".join(f"test_{n} (a.T.test_{n})\nRaises an error {n}. ... ok\n" for n in range(200))
    text = distil(log + "test_z (a.T.test_z) ... FAIL\n\nFAIL: test_z (a.T.test_z)\nAssertionError: 1 != 2\n")
    assert "FAIL: test_z" in text and "Raises an error" not in text
