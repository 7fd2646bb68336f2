"""Commands of tests: whether their result still counts, what they leave out, and what runs in their place."""

from __future__ import annotations

import json

import pytest

from honk.gates.commands import weaker_command
from honk.gates.testruns import NOT, best
from tests.gates.conftest import Gates, strongest

GATE = "verifier-config"
TARGET = "test:\n\t%s\n"

RESULT_LOST = [
    ("jest", "jest; echo done", "block"),
    ("jest", "jest; echo a; printf b", "block"),
    ("pytest", "pytest || (echo failed)", "block"),
    ("jest", "jest || { echo failed; }", "block"),
    ("jest", "jest || printf x", "block"),
    ("jest", "jest || /bin/true", "block"),
    ("jest", "jest | grep -v foo", "block"),
    ("go test ./...", "go test ./... | grep -v FAIL", "block"),
    ("jest", "if jest; then echo ok; fi", "block"),
    ("jest", "jest && echo done", "pass"),
    ("jest", "jest || (echo failed && exit 1)", "pass"),
    ("jest", "jest || { echo failed; exit 1; }", "pass"),
    ("jest", "jest || exit 1; echo done", "pass"),
    ("jest", "set -e; jest; echo done", "pass"),
    ("jest", "set -o pipefail; jest | tee out.txt", "pass"),
    ("jest", "set -eo pipefail && jest 2>&1 | grep -v Experimental", "pass"),
    ("go test ./...", "go list ./... | grep -v /vendor/ | xargs go test", "pass"),
    ("jest", "if ! jest; then echo failed; exit 1; fi", "pass"),
    ("jest", "if jest; then echo ok; else exit 1; fi", "pass"),
    ("jest", "echo start; jest", "pass"),
    ("jest", "jest; code=$?; docker rm -f db; exit $code", "pass"),
]

A_PART = [
    ("pytest", "pytest -m unit", "block"),
    ("pytest", "pytest --lf", "block"),
    ("jest", "jest --testPathPattern=src/unit", "block"),
    ("jest", "jest --findRelatedTests src/a.js", "block"),
    ("jest", "jest --lastCommit", "block"),
    ("jest", "jest --shard=1/4", "flag"),
    ("vitest run", "vitest run --changed", "block"),
    ("vitest run", "vitest run --project web", "flag"),
    ("mocha", "mocha -g adds", "block"),
    ("playwright test", "playwright test -g adds", "block"),
    ("playwright test", "playwright test --project=chromium", "flag"),
    ("node --test", "node --test test/a.test.js", "block"),
    ("mvn test", "mvn test -Dtest=FooTest", "block"),
    ("./gradlew test", "./gradlew test --tests 'FooTest'", "block"),
    ("ctest", "ctest -R foo", "block"),
    ("phpunit", "phpunit --testsuite unit", "block"),
    ("phpunit", "vendor/bin/phpunit --group unit", "block"),
    ("rspec", "bundle exec rspec --tag unit", "block"),
    ("npm test", "npm test -- --testPathPattern=src", "block"),
    ("pytest -m 'not slow'", "pytest -m 'not slow and not gpu'", "flag"),
    ("jest --testPathPattern=src", "jest --testPathPatterns=src", "flag"),
    ("pytest -m unit", "pytest -n auto -m unit", "pass"),
    ("pytest -m unit", "pytest", "pass"),
    ("python setup.py", "python -m pytest", "pass"),
    ("pytest", "python -m pytest -ra", "pass"),
    ("jest", "jest --ci --maxWorkers=2 -w 2", "pass"),
    ("node --test", "node --test 'test/**/*.test.js'", "pass"),
    ("node --test", "node --import tsx --test", "pass"),
    ("mvn test", "mvn -B -f core/pom.xml test", "pass"),
    ("ctest", "ctest --output-on-failure -j4", "pass"),
    ("rspec", "rspec --format progress", "pass"),
    ("mocha", "mocha -r ts-node/register", "pass"),
]
OPTIONS = [
    ("-q --co", "block"),
    ("-q --collect-only", "block"),
    ("-q -m unit", "block"),
    ("-q --lf", "block"),
    ("-q tests/unit", "block"),
    ("-q tests", "pass"),
    ("-ra -q --strict-markers", "pass"),
    ("-q --cov=src/app --cov-report term", "pass"),
    ("-q --ff --maxfail=3 -n auto", "pass"),
    ("-q -p tests.plugins.db --import-mode importlib", "pass"),
]

NO_TESTS = [
    ("npm run test", "npm run script", "flag"),  # words of npm's own, which may be names as well
    ("yarn test", "yarn workspaces run", "flag"),
    ("jest", "eslint .", "block"),
    ("jest", "eslint src tests", "block"),
    ("jest", "npm run build", "block"),
    ("jest", "tsc --noEmit", "block"),
    ("jest", "npm --version", "block"),
    ("jest && eslint .", "eslint . && eslint .", "block"),
    ("go test ./...", "go build ./...", "block"),
    ("go test ./...", "go build ./test/...", "block"),
    ("cargo test", "cargo check --tests", "block"),
    ("mvn verify", "mvn compile", "block"),
    ("./gradlew check", "./gradlew assemble", "block"),
    ("npm test", "npm run build", "block"),
    ("playwright test", "playwright install", "block"),
    ("jest", "./build.sh", "flag"),
    ("jest", "make", "flag"),
    ("jest", "npm run test:unit && npm run test:e2e", "pass"),
    ("jest", "run-s test:*", "pass"),
    ("jest", "./run-tests.sh", "pass"),
    ("jest", "npm run lint && vitest run", "pass"),
    ("jest", "node --test", "pass"),
    ("jest", "yarn workspaces foreach run test", "pass"),
    ("jest", "turbo run test", "pass"),
    ("npm test", "yarn jest", "pass"),
    ("pytest", "tox", "pass"),
    ("pytest", "uv run pytest", "pass"),
    ("pytest", "docker compose run --rm app pytest", "pass"),
    ("pytest", "hatch test", "pass"),
    ("mvn test", "mvn verify", "pass"),
    ("mvn test", "./mvnw -B clean install", "pass"),
    ("mvn test", "./gradlew build", "pass"),
    ("go test ./...", "gotestsum ./...", "pass"),
    ("go test ./...", "make unit", "pass"),
    ("cargo test", "cargo nextest run", "pass"),
    ("rspec", "bundle exec rake", "pass"),
    ("eslint .", "biome check .", "pass"),
]


def result_of(gates: Gates, path: str, before: str, after: str, request: str = "") -> str:
    findings = gates({path: before.encode()}, {path: after.encode()}, request=request)
    return strongest(findings, GATE)


@pytest.mark.parametrize(("old", "new", "result"), RESULT_LOST)
def test_the_result_of_tests_counts(gates: Gates, old: str, new: str, result: str) -> None:
    """In a script of a package and in the recipe of a target."""
    before, after = (json.dumps({"scripts": {"test": command}}) for command in (old, new))
    assert result_of(gates, "package.json", before, after) == result
    recipes = [TARGET % command.replace("$", "$$") for command in (old, new)]
    assert result_of(gates, "Makefile", *recipes) == result


@pytest.mark.parametrize(("old", "new", "result"), A_PART)
def test_a_command_that_runs_a_part_of_the_tests(gates: Gates, old: str, new: str, result: str) -> None:
    before, after = (json.dumps({"scripts": {"test": command}}) for command in (old, new))
    assert result_of(gates, "package.json", before, after) == result
    assert result_of(gates, "Makefile", TARGET % old, TARGET % new) == result


@pytest.mark.parametrize(("new", "result"), OPTIONS)
def test_default_options_that_run_a_part_of_the_tests(gates: Gates, new: str, result: str) -> None:
    ini = "[pytest]\naddopts = %s\n"
    assert result_of(gates, "pytest.ini", ini % "-q", ini % new) == result
    listed = f"[tool.pytest.ini_options]\naddopts = {json.dumps(new.split())}\n"
    before = '[tool.pytest.ini_options]\naddopts = ["-q"]\n'
    assert result_of(gates, "pyproject.toml", before, listed) == result


def test_a_part_that_is_asked_for_or_named_is_pointed_out(gates: Gates) -> None:
    before, after = (json.dumps({"scripts": {"test": c}}) for c in ("pytest", "pytest -m 'not network'"))
    asked = "Skip the tests marked network by default."
    assert result_of(gates, "package.json", before, after, asked) == "flag"
    before, after = (json.dumps({"scripts": {"test:unit": c}}) for c in ("pytest", "pytest -m unit"))
    assert result_of(gates, "package.json", before, after) == "flag"


@pytest.mark.parametrize(("old", "new", "result"), NO_TESTS)
def test_what_runs_in_the_place_of_tests(gates: Gates, old: str, new: str, result: str) -> None:
    before, after = (json.dumps({"scripts": {"test": command}}) for command in (old, new))
    assert result_of(gates, "package.json", before, after) == result
    assert result_of(gates, "Makefile", TARGET % old, TARGET % new) == result
    tox = "[testenv]\ncommands = %s\n"
    assert result_of(gates, "tox.ini", tox % old, tox % new) == result


def test_another_manager_of_packages_runs_the_same_script(gates: Gates) -> None:
    assert result_of(gates, "Makefile", TARGET % "npm test", TARGET % "pnpm test") == "pass"


@pytest.mark.parametrize(
    ("scripts", "result"),
    [
        ({"test": "npm run ut", "ut": "jest"}, "pass"),
        ({"test": "npm run ut", "ut": "npm run ut2", "ut2": "jest"}, "pass"),
        ({"test": "npm run build", "build": "tsc && jest"}, "pass"),
        ({"test": "npm run ut", "ut": "tsc"}, "block"),
        ({"test": "npm run test:unit", "test:unit": "echo ok"}, "block"),
        ({"test": "npm run test"}, "block"),
        ({"test": "npm run ut"}, "flag"),
        ({"test": "npm run test --workspaces"}, "pass"),
    ],
)
def test_a_script_of_the_same_file_is_followed(gates: Gates, scripts: dict[str, str], result: str) -> None:
    before, after = (json.dumps({"scripts": s}) for s in ({"test": "jest"}, scripts))
    assert result_of(gates, "package.json", before, after) == result


def test_scripts_that_all_call_each_other_keep_no_gate_busy() -> None:
    call = " && ".join(f"npm run s{number}" for number in range(300))
    scripts = {f"s{number}": [call] for number in range(300)}
    assert best(call, scripts) == NOT


@pytest.mark.parametrize(
    "piece", ["if jest;then ", "|| true ", "jest | cat ", "; echo a", "node -x ", "pytest -m "]
)
def test_what_a_command_repeats_keeps_no_gate_busy(piece: str) -> None:
    assert list(weaker_command(["jest"], [piece * (100_000 // len(piece)) + "x"]))
