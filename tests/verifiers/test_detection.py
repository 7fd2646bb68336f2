"""What is detected in which repository, and what `honk init` makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from honk.core.errors import UserError
from honk.core.repoconfig import RepoConfig
from honk.core.types import VerifyCommand
from honk.settings import parse_repo_config
from honk.verifiers.commands import is_manifest, needs_setup, resolve
from honk.verifiers.config import propose
from honk.verifiers.detection import Detection, affected, detect

PIP = "python3 -m pip install"
GO_COMPILED = "{ go vet ./...; go build testing/internal/testdeps; } >/dev/null 2>&1 || true"
PACKAGE = json.dumps({"scripts": {"test": "mocha"}})
UNIT = "import unittest\n"
VITEST = "--reporter=default --reporter=junit --outputFile.junit=/tmp/junit-vitest.xml"
DJANGO = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\n"


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
    "environments of Hatch": (
        {
            "pyproject.toml": "[project]\nname='x'\n[tool.hatch.envs]\n"
            "default={dependencies=['mock', '{root:uri}/y']}\n"
            "test={extra-dependencies=['pytest'],features=['a']}\ndocs={dependencies=['sphinx']}\n",
            "tests/test_x.py": "",
        },
        ["python3 -m pytest -q"],
        [f"{PIP} -e . mock pytest"],
        set(),
    ),
    "tables of Hatch that are none": (
        {"pyproject.toml": "[tool.hatch.envs]\ndefault=1\ntest={dependencies=1}\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
        [],
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
        ["python3 -m unittest discover -v -s tests -t ."],
        [],
        set(),
    ),
    "unittest at the root": (
        {"x_test.py": UNIT},
        ["python3 -m unittest discover -v -p '*_test.py'"],
        [],
        set(),
    ),
    "unittest that discovery would miss": (
        {"tests/test_x.py": UNIT, "tests/deep/test_y.py": UNIT},
        ["python3 -m pytest -q"],
        [],
        set(),
    ),
    "tox where there are no tests by name": (
        {"tox.ini": "[tox]\nenvlist=py\n[testenv]\ncommands=./check\n"},
        ["python3 -m tox --workdir ~/.tox -e py"],
        [f"{PIP} --upgrade tox", "python3 -m tox --workdir ~/.tox -e py --notest"],
        {"python-tools"},
    ),
    "tox before pytest, for it says how": (
        {
            "tox.ini": "[tox]\nenv_list=\n lint\n py{39,310}-dj{4,5,main}\n[testenv]\ncommands=pytest\n"
            "deps=\n -r y.txt\n -rz.txt\n",
            "tests/test_x.py": "import pytest",
            "y.txt": "",
            "pytest.ini": "",
        },
        ["python3 -m tox --workdir ~/.tox -e py-dj5", "python3 -m pytest -q"],
        [f"{PIP} -r y.txt", f"{PIP} --upgrade tox", "python3 -m tox --workdir ~/.tox -e py-dj5 --notest"],
        {"python-tools"},
    ),
    "tox in pyproject.toml": (
        {
            "pyproject.toml": '[tool.tox]\nlegacy_tox_ini="[testenv]\\ncommands=pytest"\n',
            "test_x.py": "",
        },
        ["python3 -m tox --workdir ~/.tox -e py", "python3 -m pytest -q"],
        [f"{PIP} --upgrade tox", "python3 -m tox --workdir ~/.tox -e py --notest"],
        {"python-tools"},
    ),
    "tox in its own TOML": (
        {"tox.toml": "[env_run_base]\ncommands=[['pytest']]\n", "test_x.py": ""},
        ["python3 -m tox --workdir ~/.tox -e py", "python3 -m pytest -q"],
        [f"{PIP} --upgrade tox", "python3 -m tox --workdir ~/.tox -e py --notest"],
        {"python-tools"},
    ),
    "tox that runs nothing by default": (
        {"tox.ini": "[tox]\nenvlist=lint\n[testenv:lint]\ncommands=ruff check\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
        [],
        set(),
    ),
    "what tox installs for pytest": (
        {
            "tox.ini": "[testenv]\ndeps =\n  mock # x\n  -r y.txt\n  -r z/a.txt\n  py311: z\n  {env:A}\n",
            "test_x.py": "",
            "z/a.txt": "",
        },
        ["python3 -m pytest -q"],
        [f"{PIP} -r z/a.txt mock"],
        set(),
    ),
    "what tox installs for pytest may be gone": (
        {"setup.py": "setup()", "tox.ini": "[testenv]\ndeps = nose\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
        [f"{PIP} -e . nose || {PIP} -e ."],
        set(),
    ),
    "npm with a lock": (
        {"package.json": PACKAGE, "package-lock.json": "{}"},
        ["CI=true npm run test"],
        ["npm ci --no-audit --no-fund"],
        set(),
    ),
    "a script that watches files, without that": (
        {"package.json": '{"scripts": {"test": "jest --config a.js --watch"}}'},
        ["CI=true npx --no-install jest --config a.js --verbose"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "vitest that watches": (
        {
            "package.json": '{"scripts": {"test": "vitest watch --dom", "typecheck": "tsc -w"}}',
            "yarn.lock": "",
        },
        [f"CI=true yarn run vitest run --dom {VITEST}"],
        ["yarn install --frozen-lockfile"],
        {"node-tools"},
    ),
    "a script of tests beside one that watches": (
        {"package.json": '{"scripts": {"test": "jest --watchAll", "test:ci": "jest --watchAll=false"}}'},
        ["CI=true npm run test:ci"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "more than one program that watches": (
        {
            "package.json": '{"scripts": {"test": "lint && jest --watch"}, "devDependencies": {"jest": "1"}}',
            "a.test.js": "",
        },
        ["CI=true npx --no-install jest --ci --verbose"],
        ["npm install --no-audit --no-fund --no-package-lock"],
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
    "scripts that say something and check nothing": (
        {
            "package.json": json.dumps(
                {"scripts": {"test": "echo 'no tests' && exit 0", "build": "true", "lint": "echo a; eslint"}}
            )
        },
        ["CI=true npm run lint"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "a script that calls one that watches files": (
        {
            "package.json": json.dumps(
                {"scripts": {"test": "npm run test:unit", "test:unit": "jest --watch", "test:ci": "jest"}}
            )
        },
        ["CI=true npm run test:ci -- --verbose"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "types beside tests, with pnpm": (
        {"package.json": '{"scripts": {"test": "vitest", "typecheck": "tsc"}}', "pnpm-lock.yaml": ""},
        [f"CI=true pnpm run test {VITEST}", "CI=true pnpm run typecheck"],
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
    "a package.json with a number of too many digits": (
        {"package.json": '{"a":' + "1" * 5000 + "}"},
        [],
        [],
        set(),
    ),
    "a package.json that is a list": ({"package.json": "[]"}, [], [], set()),
    "go": (
        {"go.mod": "", "a_test.go": ""},
        ["go test -v ./...", "go vet ./..."],
        ["go mod download", GO_COMPILED],
        {"go"},
    ),
    "go, vendored and untested": (
        {"go.mod": "", "a.go": "", "vendor/modules.txt": "", "vendor/x_test.go": ""},
        ["go vet ./..."],
        [GO_COMPILED],
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
    "maven with checks after its tests": (
        {
            "pom.xml": "<modules>",
            "a/pom.xml": "<artifactId> maven-failsafe-plugin </artifactId>",
            "a/src/test/java/ATest.java": "",
        },
        ["mvn -B -ntp verify"],
        ["mvn -B -ntp -Dmaven.test.failure.ignore=true verify"],
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
    "linters that are configured and required": (
        {
            "pyproject.toml": "[dependency-groups]\ndev=['ruff==0.9', 'mypy']\n[tool.ruff.format]\n"
            "[tool.mypy]\nstrict=true\n[tool.black]\n",
            "test_x.py": "",
        },
        [
            "python3 -m pytest -q",
            "python3 -m ruff check .",
            "python3 -m ruff format --check .",
            "python3 -m mypy .",
        ],
        [f"{PIP} ruff==0.9 mypy"],
        set(),
    ),
    "packages of setuptools are none of mypy's": (
        {"setup.cfg": "[options]\npackages = find:\n[mypy]\n", "requirements-dev.txt": "mypy\n"},
        ["python3 -m mypy ."],
        [f"{PIP} -r requirements-dev.txt"],
        set(),
    ),
    "mypy told by its section": (
        {"setup.cfg": "[mypy]\nfiles = src\n", "requirements-dev.txt": "mypy\n"},
        ["python3 -m mypy"],
        [f"{PIP} -r requirements-dev.txt"],
        set(),
    ),
    "a linter that pre-commit runs": (
        {
            "requirements-dev.txt": "flake8 >= 5\npyright\n",
            ".flake8": "",
            "pyrightconfig.json": "{}",
            ".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: flake8\n",
        },
        [
            "python3 -m pyright",
            "{ git diff -z --name-only --diff-filter=d HEAD^; git ls-files -z -o --exclude-standard; }"
            " | xargs -0r pre-commit run --files",
        ],
        [f"{PIP} -r requirements-dev.txt", "python3 -m pyright --version", "pre-commit install-hooks"],
        {"python-tools"},
    ),
    "nox": (
        {"noxfile.py": ""},
        ["python3 -m nox --envdir ~/.nox -r"],
        [f"{PIP} --upgrade nox", "python3 -m nox --envdir ~/.nox -r --install-only"],
        {"python-tools"},
    ),
    "nox with a session of tests": (
        {
            "noxfile.py": "import nox\n@nox.session\ndef lint(s): ...\n"
            "@nox.session(python=['3.9', '3.14'], name='tests')\n@nox.parametrize('a', [1])\n"
            "def check(s, a): ...\n",
            "tests/test_x.py": "import pytest",
            "pytest.ini": "",
        },
        ["python3 -m nox --envdir ~/.nox -r -s tests --force-python python3", "python3 -m pytest -q"],
        [
            f"{PIP} --upgrade nox",
            "python3 -m nox --envdir ~/.nox -r -s tests --force-python python3 --install-only",
        ],
        {"python-tools"},
    ),
    "nox for other things than tests": (
        {"noxfile.py": "@nox.session\ndef docs(s): ...\ndef tests(): ...\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
        [],
        set(),
    ),
    "a noxfile that is broken": (
        {"noxfile.py": "def (", "test_x.py": ""},
        ["python3 -m pytest -q"],
        [],
        set(),
    ),
    "django": (
        {
            "manage.py": DJANGO,
            "app/tests.py": "from django.test import TestCase",
            "requirements.txt": "Django",
        },
        ["python3 manage.py test -v 2"],
        [f"{PIP} -r requirements.txt"],
        set(),
    ),
    "django with test files of pytest's names": (
        {"manage.py": DJANGO, "app/tests/test_a.py": "from django.test import TestCase"},
        ["python3 manage.py test -v 2"],
        [],
        set(),
    ),
    "django by pytest": (
        {
            "manage.py": DJANGO,
            "app/tests/test_a.py": "",
            "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = x\n",
        },
        ["python3 -m pytest -q"],
        [],
        set(),
    ),
    "another manage.py": ({"manage.py": "import flask", "app/tests.py": ""}, [], [], set()),
    "a workspace of uv": (
        {
            "pyproject.toml": "[project]\nname='x'\n[tool.uv.workspace]\nmembers=['packages/*']\n",
            "packages/a/pyproject.toml": "[project]\nname='a'\n",
            "packages/a/tests/test_a.py": "import pytest",
        },
        ["python3 -m pytest -q"],
        [f"{PIP} -e . -e ./packages/a"],
        set(),
    ),
    "what package.json checks and builds": (
        {
            "package.json": json.dumps(
                {"scripts": {"test": "jest", "lint": "eslint --fix .", "format:check": "x", "build": "tsc"}}
            )
        },
        ["CI=true npm run build", "CI=true npm run test -- --verbose", "CI=true npm run format:check"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "what package.json builds at installation": (
        {"package.json": json.dumps({"scripts": {"test": "x", "prepare": "node build.js"}})},
        ["CI=true npm run prepare", "CI=true npm run test"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "hooks that package.json installs": (
        {"package.json": json.dumps({"scripts": {"test": "x", "prepare": "husky install"}})},
        ["CI=true npm run test"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "tools without scripts": (
        {
            "package.json": json.dumps(
                {"devDependencies": dict.fromkeys(["vitest", "typescript", "eslint", "prettier"], "1")}
            ),
            "src/a.test.ts": "",
            "tsconfig.json": "{}",
            "eslint.config.mjs": "",
            ".prettierrc": "",
        },
        [
            f"CI=true npx --no-install vitest run {VITEST}",
            "CI=true npx --no-install tsc --noEmit -p .",
            "CI=true npx --no-install eslint .",
            "CI=true npx --no-install prettier --check .",
        ],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "node's own runner": (
        {"package.json": "{}", "a.test.mjs": "import test from 'node:test'"},
        ["CI=true node --test"],
        ["npm install --no-audit --no-fund --no-package-lock"],
        set(),
    ),
    "bun": (
        {"package.json": "{}", "bun.lock": "", "a.test.ts": ""},
        ["CI=true bun test --reporter=junit --reporter-outfile=/tmp/junit-bun.xml"],
        ["bun install --frozen-lockfile"],
        {"bun"},
    ),
    "rust with a format": (
        {"Cargo.toml": "[workspace]", "rustfmt.toml": "", "a/src/lib.rs": ""},
        ["cargo check --all-targets --workspace", "cargo fmt --check --all"],
        ["cargo fetch"],
        {"rust"},
    ),
    "rust with its target ignored": (
        {"Cargo.toml": "", "src/lib.rs": "#[test]", ".gitignore": "x\n/target\n"},
        ["cargo test"],
        [
            "cargo fetch",
            "{ cargo test --no-run; "
            "own=$(cargo metadata --no-deps --format-version 1 | jq -er '.packages[].name')"
            ' && echo "$own" | xargs -n1 cargo clean -p && [ "$(du -sm target | cut -f1)" -lt 2048 ]'
            " || rm -rf target; } >/dev/null 2>&1",
        ],
        {"rust"},
    ),
    "rust with lints": (
        {"Cargo.toml": "[package]\nname='a'\n[lints.clippy]\nall='deny'\n", "src/lib.rs": ""},
        ["cargo check --all-targets", "cargo clippy --all-targets"],
        ["cargo fetch"],
        {"rust"},
    ),
    "rspec by Bundler": (
        {"Gemfile": "gem 'rubocop'", "spec/a_spec.rb": "", ".rubocop.yml": ""},
        ["bundle exec rspec", "bundle exec rubocop"],
        ["bundle install"],
        {"ruby"},
    ),
    "minitest by Rake": (
        {"Rakefile": "Rake::TestTask.new", "test/test_a.rb": "", "a.gemspec": ""},
        ["rake test TESTOPTS=-v"],
        [],
        {"ruby"},
    ),
    "phpunit": (
        {"composer.json": '{"require-dev": {"phpunit/phpunit": "^9"}}', "phpunit.xml.dist": ""},
        ["vendor/bin/phpunit --log-junit /tmp/junit-phpunit.xml"],
        ["composer install --no-interaction --no-progress"],
        {"php"},
    ),
    "phpunit without a configuration": (
        {"composer.json": '{"require-dev": {"phpunit/phpunit": "^9"}}', "tests/Unit/ATest.php": ""},
        ["vendor/bin/phpunit --log-junit /tmp/junit-phpunit.xml tests"],
        ["composer install --no-interaction --no-progress"],
        {"php"},
    ),
    "scripts of composer": (
        {"composer.json": '{"scripts": {"test": "phpunit", "stan": "phpstan"}}'},
        [
            "composer run-script --no-interaction test -- --log-junit /tmp/junit-phpunit.xml",
            "composer run-script --no-interaction stan",
        ],
        ["composer install --no-interaction --no-progress"],
        {"php"},
    ),
    "other names of composer's scripts": (
        {"composer.json": '{"scripts": {"tests": "phpunit", "check-style": "phpcs"}}', "phpunit.xml": ""},
        [
            "composer run-script --no-interaction tests -- --log-junit /tmp/junit-phpunit.xml",
            "composer run-script --no-interaction check-style",
        ],
        ["composer install --no-interaction --no-progress"],
        {"php"},
    ),
    "one script of composer for all": (
        {"composer.json": '{"scripts": {"check": "x", "ci": "x"}}'},
        ["composer run-script --no-interaction check"],
        ["composer install --no-interaction --no-progress"],
        {"php"},
    ),
    "pest": (
        {
            "composer.json": '{"require-dev": {"pestphp/pest": "^2"}}',
            "phpunit.xml": "",
            "tests/ATest.php": "",
        },
        ["vendor/bin/pest"],
        ["composer install --no-interaction --no-progress"],
        {"php"},
    ),
    "a broken composer.json": (
        {"composer.json": "[1", "phpunit.xml": ""},
        ["phpunit --log-junit /tmp/junit-phpunit.xml"],
        ["composer install --no-interaction --no-progress"],
        {"php"},
    ),
    "cmake with tests": (
        {"CMakeLists.txt": "add_subdirectory(t)", "t/CMakeLists.txt": "add_test(NAME a COMMAND a)"},
        [
            "cmake -S . -B /tmp/honk-build && cmake --build /tmp/honk-build --parallel"
            " && ctest --test-dir /tmp/honk-build --output-on-failure --no-tests=error"
            " --output-junit /tmp/junit-ctest.xml"
        ],
        [],
        {"native"},
    ),
    "cmake that pip calls": (
        {
            "CMakeLists.txt": "",
            "pyproject.toml": "[build-system]\nrequires=['scikit-build-core']\n",
            "test_x.py": "",
        },
        ["python3 -m pytest -q"],
        [f"{PIP} -e ."],
        set(),
    ),
    "meson": (
        {"meson.build": "test('a', exe)"},
        ["meson setup /tmp/honk-build && meson test -C /tmp/honk-build --print-errorlogs"],
        [],
        {"native"},
    ),
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
    expected = {c.name: c.command for c in found.commands if not c.replaces} or "auto"
    assert config.verify == expected
    assert all(reason in text for reason in found.reasons)


TOX = "python3 -m tox --workdir ~/.tox -e py"
SOURCES: dict[str, tuple[dict[str, str], list[str]]] = {
    # As tox itself chooses: name: files, commands.
    "a tox.ini that is there for another tool hides the others": (
        {"tox.ini": "[flake8]\n", "setup.cfg": "[tox:tox]\n[testenv]\ncommands=pytest\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
    ),
    "setup.cfg is none without its own section": (
        {"setup.cfg": "[testenv]\ncommands=pytest\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
    ),
    "setup.cfg": (
        {"setup.cfg": "[tox:tox]\nenvlist=py39-dj{4,5}\n[testenv]\ncommands=pytest\n"},
        [f"{TOX}-dj5"],
    ),
    "environments that only build documentation": (
        {"tox.ini": "[tox]\nenvlist=docs\n[testenv:docs]\ncommands=sphinx-build\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
    ),
    "the first kind of test, the newest version": (
        {
            "tox.ini": "[tox]\nenvlist=py3.{9,10}-{unit,integration}-dj{4,5,main}\n"
            "[testenv]\ncommands=pytest\n"
        },
        [f"{TOX}-unit-dj5"],
    ),
    "TOML with factors": (
        {"tox.toml": "env_list=['3.9', {a=1}, 'py39-dj5']\n[env_run_base]\ncommands=[['pytest']]\n"},
        [f"{TOX}-dj5"],
    ),
    "a table of another kind": (
        {"pyproject.toml": "[tool.tox]\nlegacy_tox_ini=1\nenv_run_base=1\nenv_list=1\n", "test_x.py": ""},
        ["python3 -m pytest -q"],
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_tox_is_read_where_tox_reads(name: str) -> None:
    files, commands = SOURCES[name]
    assert [c.command for c in look(files).commands] == commands


def test_what_tox_installs_by_its_toml_is_there_for_pytest() -> None:
    files = {"tox.toml": "[env_run_base]\ndeps=['mock', '-r a.txt']\n", "a.txt": "", "test_x.py": ""}
    assert look(files).setup == (f"{PIP} -r a.txt mock",)


def test_pytest_is_there_in_place_of_tox_and_no_linter_is() -> None:
    files = {
        "tox.ini": "[testenv]\ncommands=pytest\n[flake8]\n",
        "test_x.py": "",
        "requirements.txt": "flake8\n",
    }
    found = look(files)
    assert [(c.name, c.replaces) for c in found.commands] == [
        ("tox", ""),
        ("pytest in place of tox", TOX),
        ("flake8", ""),
    ]
    assert any("only where no test passes in tox on the base" in reason for reason in found.reasons)


NOT_READ = {
    "arrays without an end": "a = " + "[" * 100_000,
    "a number of too many digits": "a = " + "1" * 5_000,
    "a key of too many parts": "[" + "a." * 50_000 + "a]\n[tool.tox]\n",
    "spaces": " " * 500_000,
    "a key of too many parts in quotes": "\n" + "'a' . " * 50_000 + "a = 1\n",
}


@pytest.mark.parametrize("name", NOT_READ)
def test_toml_that_nobody_wrote_says_nothing(name: str) -> None:
    for path in ("pyproject.toml", "tox.toml"):
        found = look({path: NOT_READ[name], "test_x.py": ""})
        assert [c.command for c in found.commands] == ["python3 -m pytest -q"]


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


MONOREPO = {
    "README.md": "",
    "libs/common/pyproject.toml": "[project]\nname = 'acme-common'\n",
    "libs/common/acme_common/__init__.py": "",
    "services/api/pyproject.toml": "[project]\nname = 'api'\ndependencies = ['acme_common>=1', 'flask']\n",
    "services/api/tests/test_api.py": "import pytest",
    "services/jobs/go.mod": "module acme.example/jobs\nreplace acme.example/lib => ../../libs/go\n",
    "services/jobs/main_test.go": "",
    "libs/go/go.mod": "module acme.example/lib\n",
    "libs/go/lib.go": "",
    "web/package.json": json.dumps({"name": "@acme/web", "scripts": {"test": "jest"}}),
}


def ran(paths: list[str], files: Mapping[str, str] = MONOREPO) -> set[str]:
    """Names of the checks that a change of ``paths`` concerns."""
    return {command.name for command in affected(look(files).commands, paths)}


def test_each_package_of_a_monorepo_has_its_own_checks() -> None:
    found = look(MONOREPO)
    assert {c.name: c.command for c in found.commands} == {
        "pytest (services/api)": "cd services/api && python3 -m pytest -q",
        "npm test (web)": "cd web && CI=true npm run test -- --verbose",
        "go test (services/jobs)": "cd services/jobs && go test -v ./...",
        "go vet (services/jobs)": "cd services/jobs && go vet ./...",
        "go vet (libs/go)": "cd libs/go && go vet ./...",
    }
    assert f"cd services/api && {PIP} -e ." in found.setup and "cd libs/go && go mod download" in found.setup
    assert found.toolchains == {"go"}
    assert any(reason.startswith("services/jobs/go.mod") for reason in found.reasons)


def test_a_change_is_verified_in_its_package_and_in_those_that_depend_on_it() -> None:
    assert ran(["services/api/app/x.py"]) == {"pytest (services/api)"}
    assert ran(["libs/common/acme_common/__init__.py"]) == {"pytest (services/api)"}  # by its name
    assert ran(["libs/go/lib.go"]) == {
        "go vet (libs/go)",
        "go test (services/jobs)",
        "go vet (services/jobs)",
    }
    assert ran(["web/a.ts", "services/jobs/x.go"]) == {
        "npm test (web)",
        "go test (services/jobs)",
        "go vet (services/jobs)",
    }
    everything = {command.name for command in look(MONOREPO).commands}
    assert (
        ran(["README.md"]) == ran(["web/a.ts", "tools/x"]) == everything
    )  # in no package: it may matter to all
    assert ran([]) == set()


def test_the_packages_around_the_nearest_one_hold_a_changed_file_too() -> None:
    files = {
        "package.json": json.dumps({"workspaces": ["packages/*"]}),
        "packages/a/package.json": json.dumps({"name": "@x/a", "scripts": {"test": "mocha"}}),
        "packages/a/test/app/package.json": json.dumps({"name": "app", "scripts": {"build": "vite build"}}),
        "packages/b/package.json": json.dumps({"name": "@x/b", "scripts": {"test": "mocha"}}),
        "packages/c/package.json": json.dumps(
            {"name": "@x/c", "scripts": {"test": "mocha"}, "dependencies": {"@x/a": "*"}}
        ),
    }
    inner = ran(["packages/a/test/app/index.js"], files)
    assert inner == {"npm build (packages/a/test/app)", "npm test (packages/a)", "npm test (packages/c)"}
    assert ran(["packages/a/index.js"], files) == {"npm test (packages/a)", "npm test (packages/c)"}


PARENT = "<parent><artifactId>acme-parent</artifactId></parent>"
DEPENDING: dict[str, dict[str, str]] = {
    # Of each, app depends on lib, and other on neither.
    "names that Python does not tell apart": {
        "lib/pyproject.toml": "[project]\nname = 'acme.lib'\n",
        "lib/test_l.py": "",
        "app/requirements.txt": "acme_lib>=1\n",
        "app/test_a.py": "",
        "other/requirements.txt": "acme-library\n",
        "other/test_o.py": "",
    },
    "names in other letters": {
        "lib/pyproject.toml": "[project]\nname = 'Acme_-Lib'\n",
        "lib/test_l.py": "",
        "app/requirements.txt": "acme.lib\n",
        "app/test_a.py": "",
        "other/requirements.txt": "",
        "other/test_o.py": "",
    },
    "modules of Maven with a parent": {
        "lib/pom.xml": f"<project>{PARENT}<artifactId>acme-lib</artifactId></project>",
        "app/pom.xml": f"<project>{PARENT}<artifactId>acme-app</artifactId><dependency>"
        "<artifactId>acme-lib</artifactId></dependency></project>",
        "other/pom.xml": f"<project>{PARENT}<artifactId>acme-other</artifactId></project>",
    },
    "projects of .NET": {
        "lib/Lib.csproj": "<Project/>",
        "app/App.csproj": '<Project><ProjectReference Include="../lib/Lib.csproj"/></Project>',
        "other/Other.csproj": '<Project><ProjectReference Include="..\\lib2\\Lib.csproj"/></Project>',
    },
    "projects of .NET, written on Windows": {
        "lib/Lib.csproj": "<Project/>",
        "app/App.csproj": '<Project><ProjectReference Include="..\\lib\\Lib.csproj"/></Project>',
        "other/Other.csproj": "<Project/>",
    },
}


@pytest.mark.parametrize("name", DEPENDING)
def test_a_package_depends_on_what_its_manifest_names(name: str) -> None:
    files = DEPENDING[name]
    commands = detect({path: path for path in files}, lambda path: files[path].encode(), stock=False).commands
    assert {c.folder for c in affected(commands, ["lib/x"])} == {"lib", "app"}


def test_what_covers_a_package_runs_when_another_depends_on_that() -> None:
    files = {
        "rust/Cargo.toml": "[workspace]\nmembers = ['crates/*']\n",
        "rust/crates/core/Cargo.toml": "[package]\nname = 'acme-core'\n",
        "rust/crates/core/src/lib.rs": "#[test]\nfn f() {}",
        "py/pyproject.toml": "[tool.maturin]\nmanifest-path = '../rust/crates/core'\n",
        "py/test_x.py": "import pytest",
        "py/native/CMakeLists.txt": "",
        "other/CMakeLists.txt": "",
    }
    assert ran(["rust/crates/core/src/lib.rs"], files) == {"cargo test (rust)", "pytest (py)"}
    lines = {c.name: c.command for c in look(files).commands}
    # The session's checks share /tmp, and CMake refuses the folder of another source.
    assert "/tmp/honk-build/py/native " in lines["cmake (py/native)"]
    assert "/tmp/honk-build/other " in lines["cmake (other)"]


def test_each_manifest_of_a_monorepo_is_read_once() -> None:
    files = {f"p{n}/package.json": PACKAGE for n in range(30)}
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return files[path].encode()

    detect({path: path for path in files}, read)
    assert sorted(asked) == sorted(files)


def test_a_check_of_the_whole_repository_always_runs() -> None:
    files = {**MONOREPO, ".pre-commit-config.yaml": "repos: []"}
    assert ran(["web/a.ts"], files) == {"npm test (web)", "pre-commit"}


@pytest.mark.parametrize(
    "folder",
    [
        {"website/package.json": json.dumps({"scripts": {"build": "docusaurus build"}})},
        {"deps/zlib/CMakeLists.txt": "project(z)"},
        {"python/test_x.py": "import x", "python/requirements.txt": ""},
    ],
)
def test_the_roots_makefile_counts_whatever_the_folders_have(folder: dict[str, str]) -> None:
    files = {"Makefile": "test:\n\t./run\n", "src/a.c": "", **folder}
    assert "make test" in ran(["src/a.c"], files) and len(ran(["src/a.c"], files)) == 2
    assert "make test" in ran(list(folder), files)


@pytest.mark.parametrize(
    ("makefile", "command"),
    [
        ("lint test: build\n", "make test"),
        ("check \\\n  lint:: x\n", "make check"),
        ("all: test\n.PHONY: test check\ntest := a\ncheck ::= b\n\ttest: x\n# test: x\n", ""),
    ],
)
def test_a_target_of_make_may_share_its_rule(makefile: str, command: str) -> None:
    assert [c.command for c in look({"Makefile": makefile}).commands] == [command] * bool(command)


BROKEN = json.dumps({"scripts": {"test": "exit 1"}})
FIXTURES: dict[str, tuple[dict[str, str], set[str]]] = {
    "modules that Go leaves out as well": (
        {"go.mod": "module x", "testdata/bad/go.mod": "module bad", "testdata/bad/a_test.go": "?"},
        {"go vet"},
    ),
    "packages of Node": (
        {"package.json": PACKAGE, "a/__fixtures__/app/package.json": BROKEN, "a/__fixtures__/app/b.js": ""},
        {"npm test"},
    ),
    "crates": (
        {"go.mod": "module x", "tests/fixtures/y/Cargo.toml": "", "tests/fixtures/y/src/lib.rs": "#[test]"},
        {"go vet"},
    ),
    "tests in a fixture": (
        {"package.json": PACKAGE, "fixtures/y/setup.py": "", "fixtures/y/test_y.py": "import pytest"},
        {"npm test"},
    ),
    "what npm's workspace takes out, or only seems to name": (
        {
            "package.json": json.dumps({"workspaces": ["packages/*", "apps/**", "!**/testdata/**"]}),
            "packages/a/package.json": PACKAGE,
            "packages/a/fixtures/x/package.json": BROKEN,
            "apps/b/testdata/x/package.json": BROKEN,
        },
        {"npm test (packages/a)"},
    ),
    "what npm's workspace names": (
        {
            "package.json": json.dumps({"workspaces": {"packages": ["./packages/*/"]}}),
            "packages/fixtures/package.json": PACKAGE,
        },
        {"npm test (packages/fixtures)"},
    ),
    "what pnpm's workspace names": (
        {
            "package.json": "{}",
            "pnpm-workspace.yaml": "packages:\n  - 'packages/**'\n",
            "packages/a/fixtures/package.json": PACKAGE,
        },
        {"npm test (packages/a/fixtures)"},
    ),
    "what Go's workspace names": (
        {"go.work": "go 1.22\nuse (\n\t./testdata/a\n)\n", "testdata/a/go.mod": "module a"},
        {"go vet (testdata/a)"},
    ),
    "what uv's workspace names": (
        {
            "pyproject.toml": "[tool.uv.workspace]\nmembers = ['libs/*']\n",
            "libs/fixtures/pyproject.toml": "[project]\nname = 'x-fixtures'\n",
            "libs/fixtures/test_a.py": "import pytest",
        },
        {"pytest (libs/fixtures)"},
    ),
}


@pytest.mark.parametrize("name", FIXTURES)
def test_what_tests_are_made_with_is_no_package(name: str) -> None:
    files, names = FIXTURES[name]
    found = look(files)
    assert {command.name for command in found.commands} == names
    said = any(reason.endswith("left out, tests are made with them.") for reason in found.reasons)
    assert said != name.endswith("workspace names")


COVERED = {
    "a Cargo workspace": {"Cargo.toml": "[workspace]\n", "a/Cargo.toml": "", "a/src/lib.rs": "#[test]"},
    "a Maven reactor": {"pom.xml": "<modules>", "a/pom.xml": "", "a/src/test/java/ATest.java": ""},
    "Gradle's subprojects": {"settings.gradle": "", "gradlew": "", "a/build.gradle": ""},
    "pytest at the root": {
        "pyproject.toml": "[tool.pytest.ini_options]",
        "a/setup.py": "",
        "a/test_x.py": "",
    },
    "scripts for all packages": {
        "package.json": json.dumps({"workspaces": ["a"], "scripts": {"test": "npm test --workspaces"}}),
        "a/package.json": PACKAGE,
    },
    "subdirectories of CMake": {"CMakeLists.txt": "enable_testing()", "a/CMakeLists.txt": "add_test()"},
}


APART: dict[str, tuple[dict[str, str], set[str]]] = {
    "crates that a workspace leaves out": (
        {
            "Cargo.toml": "[ workspace ]\nmembers = ['a']\nexclude = ['bindings', 'fuzz/']\n",
            "a/Cargo.toml": "",
            "a/src/lib.rs": "#[test]",
            "bindings/py/Cargo.toml": "",
            "bindings/py/src/lib.rs": "",
            "fuzz/Cargo.toml": "[workspace]\n",
            "fuzz/part/Cargo.toml": "",
        },
        {"cargo test", "cargo check (bindings/py)", "cargo check (fuzz)"},
    ),
    "a workspace by its other tables": (
        {"Cargo.toml": "[workspace.package]\nversion='1'\n", "a/Cargo.toml": ""},
        {"cargo check"},
    ),
    "gems of one repository": (
        {
            "Gemfile": "",
            "spec/a_spec.rb": "",
            "spec/fixtures/x/Gemfile": "",
            "spec/fixtures/x/spec/x_spec.rb": "",
            "gems/b/b.gemspec": "",
            "gems/b/spec/b_spec.rb": "",
        },
        {"rspec", "rspec (gems/b)"},
    ),
    "gems without specs at the root": (
        {"Gemfile": "", "gems/b/b.gemspec": "", "gems/b/spec/b_spec.rb": ""},
        {"rspec (gems/b)"},
    ),
}


@pytest.mark.parametrize("name", APART)
def test_what_the_root_does_not_speak_for(name: str) -> None:
    files, names = APART[name]
    assert {c.name for c in look(files).commands} == names


def test_a_gem_below_the_root_takes_the_gemfile_that_bundler_finds() -> None:
    files = {"Gemfile": "", "gems/b/b.gemspec": "", "gems/b/spec/b_spec.rb": ""}
    found = look(files)
    assert [c.command for c in found.commands] == ["cd gems/b && bundle exec rspec"]
    assert found.setup == ("bundle install",)


@pytest.mark.parametrize("name", COVERED)
def test_the_root_speaks_for_what_it_covers(name: str) -> None:
    found = look(COVERED[name])
    assert len(found.commands) == 1 and found.commands[0].folder == ""


def test_packages_of_a_workspace_are_installed_by_its_root() -> None:
    files = {
        "package.json": json.dumps({"workspaces": ["packages/*"]}),
        "pnpm-lock.yaml": "",
        "packages/a/package.json": PACKAGE,
        "packages/b/package.json": PACKAGE,
    }
    found = look(files)
    assert [c.command for c in found.commands] == [
        "cd packages/a && CI=true pnpm run test",
        "cd packages/b && CI=true pnpm run test",
    ]
    assert found.setup == ("pnpm install --frozen-lockfile",)


def test_members_of_a_workspace_of_uv_have_what_its_root_requires() -> None:
    """They may require each other, which one call of pip finds."""
    files = {
        "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n"
        "[dependency-groups]\ndev = ['pytest>=8', 'respx']\n",
        "packages/a/pyproject.toml": "[project]\nname = 'acme-a'\ndependencies = ['acme-b']\n",
        "packages/a/tests/test_a.py": "import respx",
        "packages/b/pyproject.toml": "[project]\nname = 'acme-b'\n",
        "packages/b/old/pyproject.toml": "[project]\nname = 'old'\n",
    }
    found = look(files)
    assert [c.name for c in found.commands] == ["pytest (packages/a)"]
    assert found.setup[0] == f"{PIP} -e ./packages/a -e ./packages/b 'pytest>=8' respx"
    assert f"cd packages/a && {PIP} -e ." in found.setup[1:]


def test_too_many_packages_are_said() -> None:
    found = look({f"p{number:03}/go.mod": "" for number in range(120)})
    assert len(found.commands) == 99  # the root is one of the hundred
    assert any("20 more packages" in reason for reason in found.reasons)


PHPUNIT = " -- --log-junit /tmp/junit-phpunit.xml"


@pytest.mark.parametrize(
    ("script", "report"),
    [
        ("phpunit", PHPUNIT),
        ("@php vendor/bin/phpunit --colors=never -c phpunit.xml", PHPUNIT),
        (["./vendor/bin/phpunit tests"], PHPUNIT),
        (["phpunit", "phpstan"], ""),  # each of them would get the option
        ("phpunit | tee log", ""),
        ("phpunit && phpstan", ""),
        ("phpunit --log-junit build/junit.xml", ""),
        ("phpunit -- tests", ""),
        ("@unit", ""),
        ("App\\Scripts::test", ""),
        ({"a": "phpunit"}, ""),
    ],
)
def test_a_script_of_composer_is_asked_for_a_report_if_it_is_a_call_of_phpunit(
    script: object, report: str
) -> None:
    found = look({"composer.json": json.dumps({"scripts": {"test": script}})})
    assert [c.command for c in found.commands] == [f"composer run-script --no-interaction test{report}"]


def test_what_the_stock_image_lacks_is_said_and_left_out() -> None:
    files = {
        "App.sln": "",
        "app/app.csproj": "",
        "test/t.csproj": '<PackageReference Include="Microsoft.NET.Test.Sdk"',
    }
    assert look(files).commands == () and ".NET SDK is not in honk's image" in look(files).reasons[-2]
    assert not look(files).toolchains and not look(files).setup
    own = detect({path: path for path in files}, lambda path: files[path].encode(), stock=False)
    assert [c.command for c in own.commands] == ["dotnet test App.sln"]
    assert ".NET SDK is not in honk's image" in own.reasons[-1]  # so that `honk init` says it


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


def test_packages_that_require_each_other_by_path_are_linked_last() -> None:
    project = "[tool.poetry]\nname='x'\n"
    found = look(
        {
            "a lib/pyproject.toml": project,
            "app/pyproject.toml": project,
            "app/test_x.py": "import pytest",
            "-odd/Makefile": "test:\n",
            "-odd/test_y.py": "import pytest",
            "-odd/pyproject.toml": project,
        }
    )
    links = f"{PIP} --no-deps -e ./-odd -e './a lib' -e ./app"
    assert found.setup == (f"cd ./-odd && {PIP} -e .", f"cd app && {PIP} -e .", links)


@pytest.mark.parametrize(
    ("path", "setup", "again"),
    [
        ("src/fast.c", f"{PIP} -e .", True),
        ("src/fast.c", "cd x && npm ci", True),
        ("src/main.rs", "cargo fetch", False),
        ("src/app.py", f"{PIP} -e .", False),
        ("pyproject.toml", "make deps", True),
        ("scripts/setup.sh", "sh ./scripts/setup.sh --all", True),
        ("scripts/setup.sh", "cd other && ./setup.sh", False),
        ("scripts/setup.sh", "cd ./scripts && ./setup.sh", True),
        ("app/Makefile", "cd app && make deps", True),
        ("Makefile", "cd app && make deps", False),
        ("Makefile", "apt-get install -y gcc && make deps", True),
        ("Makefile", f"{PIP} -e .", False),
    ],
)
def test_setup_runs_again_for_what_it_compiled(path: str, setup: str, again: bool) -> None:
    assert needs_setup(path, ("true", setup)) is again


@pytest.mark.parametrize("path", MANIFESTS.split())
def test_manifests_and_locks_are_known(path: str) -> None:
    assert is_manifest(path)


@pytest.mark.parametrize("path", ["src/package.py", "docs/requirements.md", "xpom.xml", "README", ""])
def test_other_files_are_none(path: str) -> None:
    assert not is_manifest(path)


@pytest.mark.parametrize("text", ["verify:\n  tests: ' '\n", "setup: ['']\n"])
def test_a_command_that_is_empty_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"(verify\.tests|setup\.0): .*at least 1 character"):
        parse_repo_config(text)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"test_a.py": ""}, "test_a.py: pytest runs it."),
        ({"test_a.py": "", "test_b.py": ""}, "test_a.py and 1 other test file: pytest runs them."),
        ({"test_a.py": UNIT}, "test_a.py uses unittest, and nothing names pytest."),
        (
            {"test_a.py": UNIT, "test_b.py": UNIT, "test_c.py": UNIT},
            "test_a.py and 2 other test files use unittest, and nothing names pytest.",
        ),
    ],
)
def test_the_reason_counts_the_files_as_people_do(files: dict[str, str], reason: str) -> None:
    assert look(files).reasons == (reason,)


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("jest", " -- --verbose"),
        ("NODE_ENV=test jest --coverage src/lib", " -- --verbose"),
        ("node --experimental-vm-modules node_modules/jest/bin/jest.js", " -- --verbose"),
        ("vitest run", f" -- {VITEST}"),
        ("jest --verbose=false", ""),
        ("vitest run --reporter=dot", ""),
        ("tsc && jest", ""),
        ("jest && eslint .", ""),
        ("jest-circus-thing", ""),
        ("mocha", ""),
    ],
)
def test_a_script_that_is_one_call_of_a_runner_is_asked_to_name_its_tests(script: str, options: str) -> None:
    files = {"package.json": json.dumps({"scripts": {"test": script}})}
    [command] = detect({path: path for path in files}, lambda path: files[path].encode()).commands
    assert command.command == f"CI=true npm run test{options}" and command.name == "npm test"
