"""What is detected in which repository, and what `honk init` makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from honk.core.repoconfig import RepoConfig
from honk.core.types import VerifyCommand
from honk.settings import parse_repo_config
from honk.verifiers.commands import is_manifest, resolve
from honk.verifiers.config import propose
from honk.verifiers.detection import Detection, detect

PIP = "python3 -m pip install"
PACKAGE = json.dumps({"scripts": {"test": "jest"}})
UNIT = "import unittest\n"


def look(files: Mapping[str, str]) -> Detection:
    """Blob ids are the paths themselves."""
    return detect({path: path for path in files}, lambda path: files[path].encode())


CASES: dict[str, tuple[dict[str, str], list[str], list[str], set[str]]] = {
    # name: files, commands, setup, toolchains
    "pytest by test files": ({"app/test_x.py": "def test(): ..."}, ["python3 -m pytest -q"], [], set()),
    "pytest by configuration and a folder": (
        {"pyproject.toml": "[tool.pytest.ini_options]\n[project]\nname='x'\n", "tests/checks.py": ""},
        ["python3 -m pytest -q"],
        [f"{PIP} -e ."],
        set(),
    ),
    "pytest configuration without any test": ({"pytest.ini": "[pytest]\n", "app.py": ""}, [], [], set()),
    "extras and requirements that exist": (
        {
            "pyproject.toml": "[project]\n[project.optional-dependencies]\ndocs=[]\ndev=[]\ntest=[]\n",
            "requirements.txt": "",
            "requirements-dev.txt": "",
            "tests/test_x.py": "import pytest",
        },
        ["python3 -m pytest -q"],
        [f"{PIP} -r requirements.txt -r requirements-dev.txt -e '.[test,dev]'"],
        set(),
    ),
    "dependency groups that include each other": (
        {
            "pyproject.toml": "[dependency-groups]\n"
            "dev=[{include-group='test'}, 'ruff']\ntest=['pytest>=8', 'x[y]']\n",
            "test_x.py": "",
        },
        ["python3 -m pytest -q"],
        [f"{PIP} 'pytest>=8' 'x[y]' ruff"],
        set(),
    ),
    "poetry": (
        {
            "pyproject.toml": "[tool.poetry]\nname='x'\n[tool.poetry.group.dev.dependencies]\npytest='^8'\n",
            "tests/test_x.py": "",
        },
        ["python3 -m pytest -q"],
        [f"{PIP} -e . pytest"],
        set(),
    ),
    "setup.py with extras": (
        {"setup.py": "setup(extras_require={'tests': ['mock'], 'x': []})", "t/x_test.py": "import pytest"},
        ["python3 -m pytest -q"],
        [f"{PIP} -e '.[tests]'"],
        set(),
    ),
    "unittest in a package of tests": (
        {"tests/__init__.py": "", "tests/test_x.py": UNIT},
        ["python3 -m unittest discover -s tests -t ."],
        [],
        set(),
    ),
    "unittest at the root": ({"x_test.py": UNIT}, ["python3 -m unittest discover -p '*_test.py'"], [], set()),
    "unittest that discovery would miss": (
        {"tests/test_x.py": UNIT, "tests/deep/test_y.py": UNIT},
        ["python3 -m pytest -q"],
        [],
        set(),
    ),
    "tox where there are no tests by name": (
        {"tox.ini": "[tox]\nenvlist=py\n[testenv]\ncommands=./check\n"},
        ["python3 -m tox run -e py"],
        ["python3 -m tox run -e py --notest"],
        {"python-tools"},
    ),
    "what tox installs for pytest": (
        {"tox.ini": "[testenv]\ndeps =\n  mock # x\n  -r y.txt\n  py311: z\n  {env:A}\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
        [f"{PIP} mock"],
        set(),
    ),
    "npm with a lock": (
        {"package.json": PACKAGE, "package-lock.json": "{}"},
        ["CI=true npm run test"],
        ["npm ci --no-audit --no-fund"],
        set(),
    ),
    "npm without a lock leaves none behind": (
        {"package.json": PACKAGE},
        ["CI=true npm run test"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "npm's default script is no test": (
        {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
        [],
        [],
        set(),
    ),
    "types beside tests, with pnpm": (
        {"package.json": '{"scripts": {"test": "vitest", "typecheck": "tsc"}}', "pnpm-lock.yaml": ""},
        ["CI=true pnpm run test", "CI=true pnpm run typecheck"],
        ["pnpm install --frozen-lockfile"],
        {"node-tools"},
    ),
    "yarn 1": (
        {"package.json": PACKAGE, "yarn.lock": ""},
        ["CI=true yarn run test"],
        ["yarn install --frozen-lockfile"],
        {"node-tools"},
    ),
    "yarn as the package says": (
        {"package.json": '{"packageManager": "yarn@4.1.0", "scripts": {"build": "x"}}'},
        ["CI=true yarn run build"],
        ["yarn install --immutable"],
        {"node-tools"},
    ),
    "a broken package.json": ({"package.json": "{,"}, [], [], set()),
    "a package.json that is a list": ({"package.json": "[]"}, [], [], set()),
    "go": ({"go.mod": "", "a_test.go": ""}, ["go test ./..."], ["go mod download"], {"go"}),
    "go, vendored and untested": (
        {"go.mod": "", "a.go": "", "vendor/modules.txt": "", "vendor/x_test.go": ""},
        ["go vet ./..."],
        [],
        {"go"},
    ),
    "rust": (
        {"Cargo.toml": "[workspace]\n", "a/src/lib.rs": "#[tokio::test]\nasync fn f() {}"},
        ["cargo test --workspace"],
        ["cargo fetch"],
        {"rust"},
    ),
    "rust without tests": (
        {"Cargo.toml": "", "src/main.rs": "fn main() {}"},
        ["cargo check --all-targets"],
        ["cargo fetch"],
        {"rust"},
    ),
    "maven": (
        {"pom.xml": "", "src/test/java/ATest.java": ""},
        ["mvn -B -ntp test"],
        ["mvn -B -ntp -Dmaven.test.failure.ignore=true test"],
        {"jdk"},
    ),
    "gradle by its wrapper": (
        {"build.gradle.kts": "", "gradlew": ""},
        ["sh ./gradlew --no-daemon --console=plain check"],
        ["sh ./gradlew --no-daemon --console=plain check --continue || true"],
        {"jdk"},
    ),
    "gradle without it": ({"build.gradle": ""}, [], [], set()),
    "make with a target": ({"Makefile": "TEST := 1\ncheck:\n\t./x\n"}, ["make check"], [], set()),
    "make without one": ({"Makefile": "test:=1\nall:\n"}, [], [], set()),
    "make gives way": ({"Makefile": "test:\n", "test_x.py": ""}, ["python3 -m pytest -q"], [], set()),
    "two ecosystems": (
        {"package.json": PACKAGE, "test_x.py": ""},
        ["python3 -m pytest -q", "CI=true npm run test"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "tests of vendored packages": ({"node_modules/gyp/test_x.py": "", "venv/a/test_y.py": ""}, [], [], set()),
    "nothing": ({"README.md": ""}, [], [], set()),
    "an empty repository": ({}, [], [], set()),
    "broken manifests": (
        {"pyproject.toml": "= =", "tox.ini": "x", "setup.cfg": "\x00", "tests/test_x.py": ""},
        ["python3 -m pytest -q"],
        [],
        set(),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_detection_of(name: str) -> None:
    files, commands, setup, toolchains = CASES[name]
    found = look(files)
    assert [c.command for c in found.commands] == commands
    assert list(found.setup) == setup
    assert found.toolchains == toolchains
    assert found.reasons and all(reason and "\n" not in reason for reason in found.reasons)
    assert len({c.name for c in found.commands}) == len(found.commands)


@pytest.mark.parametrize("name", CASES)
def test_the_proposed_file_says_the_same(name: str) -> None:
    found = look(CASES[name][0])
    text = propose(found)
    config = parse_repo_config(text)
    assert config.setup == found.setup
    expected = {c.name: c.command for c in found.commands} or "auto"
    assert config.verify == expected
    assert all(reason in text for reason in found.reasons)


def test_a_proposal_survives_odd_characters() -> None:
    odd = "echo \"ä\\\" \u2028 \x7f 😀: # 'x' %"
    command = VerifyCommand(name="a: b", command=odd, source="detected")
    text = propose(Detection((command,), setup=(odd,), reasons=("a\x07b\nc",)))
    config = parse_repo_config(text)
    assert config.verify == {"a: b": odd} and config.setup == (odd,)


def test_pre_commit_comes_after_the_tests_and_installs_its_hooks() -> None:
    found = look({".pre-commit-config.yaml": "repos: []", "test_x.py": ""})
    assert [c.name for c in found.commands] == ["pytest", "pre-commit"]
    assert found.setup == ("pre-commit install-hooks",) and found.toolchains == {"python-tools"}


def test_a_monorepo_is_told_to_name_its_commands() -> None:
    found = look({"services/a/package.json": PACKAGE})
    assert found.commands == () and "services/a/package.json" in found.reasons[-1]


def test_flags_replace_the_file_and_the_file_replaces_detection() -> None:
    found = look({"test_x.py": ""})
    named = RepoConfig(verify={"unit": "make unit"})
    flagged = resolve(["make all", " make all ", "x" * 80], named, found)
    assert [(c.command, c.source) for c in flagged] == [("make all", "flag"), ("x" * 80, "flag")]
    assert len(flagged[1].name) == 60
    assert [(c.name, c.source) for c in resolve([], named, found)] == [("unit", "config")]
    assert resolve([], RepoConfig(), found) == found.commands


MANIFESTS = """requirements.txt a/requirements-dev.txt requirements/base.txt requirements/lint.in
pyproject.toml sub/setup.py poetry.lock uv.lock Pipfile.lock package.json web/package-lock.json
pnpm-lock.yaml yarn.lock go.mod go.sum Cargo.lock crates/a/Cargo.toml pom.xml build.gradle.kts
gradle/libs.versions.toml gradle/wrapper/gradle-wrapper.properties .pre-commit-config.yaml"""


@pytest.mark.parametrize("path", MANIFESTS.split())
def test_manifests_and_locks_are_known(path: str) -> None:
    assert is_manifest(path)


@pytest.mark.parametrize("path", ["src/package.py", "docs/requirements.md", "xpom.xml", "README", ""])
def test_other_files_are_none(path: str) -> None:
    assert not is_manifest(path)
