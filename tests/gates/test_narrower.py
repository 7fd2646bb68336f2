"""Keys and lines by which a runner finds fewer tests, or runs something else in their place."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates, strongest

BASE = {
    "tests/test_a.py": b"def test_a():\n    assert f() == 1\n",
    "src/a.test.ts": b"test('a', () => { expect(f()).toBe(1) })\n",
    f"src/{'deep/' * 30}b.test.ts": b"test('b', () => { expect(f()).toBe(2) })\n",
}
JEST = '{"jest": {"testMatch": ["%s"]}}'
CARGO = '[package]\nname = "a"\n'
MAKE = "test:\n\tpytest\n"
CMAKE = "enable_testing()\n%s\nadd_executable(a_test a.c)\n"
GO = "package a\n\nfunc TestA(t *testing.T) {\n\tassert.Equal(t, 3, f(2))\n}\n"
MAIN = "\nfunc TestMain(m *testing.M) {\n\t%s\n}\n"
FILES, GATE = "verifier-config", "weakened-tests"

CHANGES = [
    ("pytest.ini", "[pytest]\n", "[pytest]\npython_files = check_*.py\n", "block"),
    ("pytest.ini", "[pytest]\n", "[pytest]\npython_files = tests.py test_*.py *_tests.py\n", "pass"),
    ("pytest.ini", "[pytest]\n", "[pytest]\npython_functions = check_\n", "block"),
    ("pytest.ini", "[pytest]\n", "[pytest]\npython_functions = test_* should_*\n", "pass"),
    ("pytest.ini", "[pytest]\n", "[pytest]\npython_classes = Test* *Suite\n", "pass"),
    ("package.json", '{"jest": {}}', JEST % "<rootDir>/other/**/*.ts", "block"),
    ("package.json", '{"jest": {}}', JEST % "**/?(*.)+(spec|test).[jt]s?(x)", "pass"),
    ("package.json", '{"jest": {}}', JEST % "<rootDir>/src/**/*.test.{ts,tsx}", "pass"),
    ("package.json", '{"jest": {}}', '{"jest": {"testRegex": "never"}}', "block"),
    (
        "package.json",
        '{"jest": {}}',
        '{"jest": {"testRegex": "(/__tests__/.*|[./]test)\\\\.ts$"}}',
        "pass",
    ),
    (
        "package.json",
        '{"jest": {}}',
        '{"jest": {"testRegex": "(.*?){20}[0-9]"}}',
        "block",
    ),  # takes ages to fail
    ("package.json", '{"jest": {}}', '{"jest": {"setupFiles": ["./a.js"]}}', "flag"),
    ("Cargo.toml", CARGO, CARGO + "autotests = false\n", "block"),
    ("Cargo.toml", CARGO, CARGO + '[[test]]\nname = "a"\nharness = false\n', "block"),
    ("Cargo.toml", CARGO, CARGO + '[[bench]]\nname = "a"\nharness = false\n', "pass"),
    (".cargo/config.toml", "[build]\n", "[target.x86_64-unknown-linux-gnu]\nrunner = 'true'\n", "block"),
    (".cargo/config.toml", "[build]\n", "[build]\nrustc-wrapper = 'true'\n", "block"),
    ("Makefile", MAKE, "SHELL = /bin/true\n" + MAKE, "block"),
    ("Makefile", MAKE, "SHELL := /bin/bash\n" + MAKE, "pass"),
    ("Makefile", MAKE, ".IGNORE:\n" + MAKE, "block"),
    ("Makefile", MAKE, "MAKEFLAGS += -i\n" + MAKE, "block"),
    ("Makefile", MAKE, "MAKEFLAGS += --no-builtin-rules -j4\n" + MAKE, "pass"),
    (
        "CMakeLists.txt",
        CMAKE % "add_test(NAME a COMMAND a_test)",
        CMAKE % "add_test(NAME a COMMAND true)",
        "block",
    ),
    ("a_test.go", GO, GO + MAIN % "m.Run()\n\tos.Exit(0)", "block"),
    ("a_test.go", GO, GO + MAIN % "fmt.Println()", "block"),
    ("a_test.go", GO, GO + MAIN % "os.Exit(m.Run())", "pass"),
    ("a_test.go", GO, GO + MAIN % "goleak.VerifyTestMain(m)", "pass"),
]


@pytest.mark.parametrize(("path", "old", "new", "wanted"), CHANGES)
def test_what_makes_a_runner_find_less(gates: Gates, path: str, old: str, new: str, wanted: str) -> None:
    found = gates({**BASE, path: old.encode()}, {**BASE, path: new.encode()})
    assert strongest(found, FILES, GATE) == wanted


CHECKS = {**BASE, "tests/check_b.py": BASE["tests/test_a.py"]}
NAMES = "\npython_files = check_*.py\n"
MOVES = [
    (("setup.cfg", "[tool:pytest]" + NAMES), ("pytest.ini", "[pytest]" + NAMES), ""),
    (("package.json", JEST % "**/*.check.ts"), ("jest.config.json", '{"testMatch": ["**/*.check.ts"]}'), ""),
    (("pytest.ini", "[pytest]\n"), ("pytest.ini", "[pytest]" + NAMES), "Set python_files to check_*.py."),
    (("Cargo.toml", CARGO), ("Cargo.toml", CARGO + "autotests = false\n"), "Switch autotests off."),
]


@pytest.mark.parametrize(("old", "new", "request_"), MOVES)
def test_a_selection_that_moves_or_is_asked_for_is_flagged(
    gates: Gates, old: tuple[str, str], new: tuple[str, str], request_: str
) -> None:
    before, after = ({**CHECKS, path: data.encode()} for path, data in (old, new))
    found = gates(before, after, request=request_)
    assert strongest(found, FILES) == "flag"


def test_words_that_happen_to_be_the_same_explain_no_selection(gates: Gates) -> None:
    functions = {**CHECKS, "pytest.ini": b"[pytest]\npython_functions = *\n"}
    assert strongest(gates(functions, {**CHECKS, "pytest.ini": b"[pytest]\n"}), FILES) == "block"
    before = {**CHECKS, "pytest.ini": b"[pytest]\npython_files = *.py\n", "Makefile": MAKE.encode()}
    after = {**CHECKS, "pytest.ini": b"[pytest]\n", "Makefile": (MAKE + "run:\n\t./a.py\n").encode()}
    assert strongest(gates(before, after), FILES) == "block"
    request = "Set the time limit in client.py to 30 seconds."
    before, after = ({**CHECKS, "pytest.ini": ("[pytest]" + names).encode()} for names in ("\n", NAMES))
    assert strongest(gates(before, after, request=request), FILES) == "block"
