"""The detected checks really run, with nothing declared, in the images that honk makes for them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.e2e.installed import Installer, make_repo
from tests.world import FINISH, bash

pytestmark = pytest.mark.docker


@dataclass(frozen=True)
class Project:
    """Small enough to read. ``broken`` is an edit under which one of ``checks`` must fail. Of the
    first check ``passing`` tests are known to pass."""

    files: dict[str, str]
    checks: tuple[str, ...]
    broken: str
    passing: int | None = None


SLOW = 900  # an image may have to be built

PYTHON = {"greet.py": "def greet():\n    return 'hello'\n"}
SPOIL_PYTHON = "sed -i s/hello/bye/ greet.py"
UNITTEST = """\
import unittest
from greet import greet


class Test(unittest.TestCase):
    def test_greet(self):
        self.assertEqual(greet(), "hello")
"""
PACKAGE = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "greet"
version = "1"
[tool.setuptools]
py-modules = ["greet"]
"""
SITE = {
    "manage.py": "import os\nimport sys\n\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n"
    "from django.core.management import execute_from_command_line\n\nexecute_from_command_line(sys.argv)\n",
    "settings.py": "SECRET_KEY = 'x' * 50\nUSE_TZ = True\nINSTALLED_APPS = ['app']\n",
    "app/__init__.py": "",
    "app/tests.py": "from django.test import SimpleTestCase\nfrom greet import greet\n\n\n"
    "class Greets(SimpleTestCase):\n    def test_hello(self):\n        self.assertEqual(greet(), 'hello')\n",
    "requirements.txt": "Django\n",
}
NOXFILE = """\
import nox


@nox.session(python=["3.7", "3.14"])
def tests(session):
    session.install(".", "pytest")
    session.run("pytest", "tests")
"""
PYTEST = "from greet import greet\n\n\ndef test_greet():\n    assert greet() == 'hello'\n"
FAST = """\
#include <Python.h>

static PyObject *add(PyObject *self, PyObject *arguments) {
    long x, y;
    if (!PyArg_ParseTuple(arguments, "ll", &x, &y)) return NULL;
    return PyLong_FromLong(x + y);
}

static PyMethodDef methods[] = {{"add", add, METH_VARARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef fast = {PyModuleDef_HEAD_INIT, "fast", "", -1, methods};
PyMODINIT_FUNC PyInit_fast(void) { return PyModule_Create(&fast); }
"""
GO_TEST = """\
package greet

import "testing"

func TestGreet(t *testing.T) {
	if Greet() != "hello" {
		t.Fatal(Greet())
	}
}
"""
HOOKS = """\
repos:
  - repo: local
    hooks:
      - {id: no-bye, name: no bye, entry: bye, language: pygrep, types: [text]}
"""

PROJECTS = {
    "unittest": Project({**PYTHON, "test_greet.py": UNITTEST}, ("unittest",), SPOIL_PYTHON),
    "pytest": Project({**PYTHON, "test_greet.py": PYTEST, "conftest.py": ""}, ("pytest",), SPOIL_PYTHON),
    "uv.lock": Project(
        {
            "greet.py": "import six\n\n\ndef greet():\n    return 'hello'\n",
            "test_greet.py": "import six\n" + PYTEST + "    assert six.__version__ == '1.15.0'\n",
            "pyproject.toml": "[project]\nname = 'greet'\nversion = '1'\ndependencies = ['six']\n"
            "[tool.setuptools]\npy-modules = ['greet']\n",
            "uv.lock": '[[package]]\nname = "six"\nversion = "1.15.0"\nsource = {registry = "x"}\n',
            ".gitignore": "*.egg-info/\n",
        },
        ("pytest",),
        SPOIL_PYTHON,
    ),
    "extension": Project(
        {
            "setup.py": "from setuptools import Extension, setup\n"
            "setup(name='fast', version='1', py_modules=[], ext_modules=[Extension('fast', ['fast.c'])])\n",
            "fast.c": FAST,
            "test_fast.py": "import fast\n\n\ndef test_add():\n    assert fast.add(2, 3) == 5\n",
            ".gitignore": "*.so\nbuild/\n*.egg-info/\n",
        },
        ("pytest",),
        "sed -i 's/x + y/x * y/' fast.c",
    ),
    "prepare": Project(
        {
            "package.json": '{"name": "greet", "version": "1.0.0", "scripts": '
            '{"prepare": "node build.js", "test": "node --test"}}\n',
            "build.js": "const fs = require('fs');\n"
            "fs.mkdirSync('dist', {recursive: true}); fs.copyFileSync('greet.js', 'dist/greet.js');\n",
            "greet.js": "module.exports = () => 'hello';\n",
            "greet.test.js": "const t = require('node:test'), a = require('node:assert');\n"
            "t('greets', () => a.equal(require('./dist/greet.js')(), 'hello'));\n",
            ".gitignore": "dist/\n",
        },
        ("npm prepare", "npm test"),
        "sed -i s/hello/bye/ greet.js",
    ),
    "node": Project(
        {
            "package.json": '{"name": "greet", "version": "1.0.0", "scripts": {"test": "node --test"}}\n',
            "greet.js": "module.exports = () => 'hello';\n",
            "greet.test.js": "const t = require('node:test'), a = require('node:assert');\n"
            "t('greets', () => a.equal(require('./greet.js')(), 'hello'));\n",
        },
        ("npm test",),
        "sed -i s/hello/bye/ greet.js",
    ),
    "make": Project(
        {"Makefile": "test:\n\ttest \"$$(cat greet.txt)\" = hello\n", "greet.txt": "hello\n"},
        ("make test",),
        "echo bye > greet.txt",
    ),
    "go": Project(
        {
            "go.mod": "module example.com/greet\n\ngo 1.19\n",
            "greet.go": 'package greet\n\nfunc Greet() string { return "hello" }\n',
            "greet_test.go": GO_TEST,
        },
        ("go test", "go vet"),
        "sed -i s/hello/bye/ greet.go",
    ),
    "rust": Project(
        {
            "Cargo.toml": '[package]\nname = "greet"\nversion = "0.1.0"\nedition = "2021"\n',
            ".gitignore": "target/\nCargo.lock\n",
            "clippy.toml": "",
            "src/lib.rs": 'pub fn greet() -> &\'static str { "hello" }\n\n'
            '#[test]\nfn greets() { assert_eq!(greet().len(), 5); }\n',
        },
        ("cargo test", "cargo clippy"),
        "sed -i s/hello/bye/ src/lib.rs",
    ),
    "tox": Project(
        {
            **PYTHON,
            "check.py": "from greet import greet\nassert greet() == 'hello'\n",
            "tox.ini": "[tox]\nskipsdist = true\n[testenv]\ncommands = python check.py\n",
        },
        ("tox",),
        SPOIL_PYTHON,
    ),
    "tox that installs the package and pytest": Project(
        {
            **PYTHON,
            ".gitignore": "build/\n*.egg-info/\n",
            "pyproject.toml": PACKAGE,
            "tox.ini": "[tox]\nenv_list = py312, lint\n"
            "[testenv]\ndeps = pytest\ncommands = pytest {posargs:tests}\n",
            "tests/test_greet.py": PYTEST,
        },
        ("tox",),
        SPOIL_PYTHON,
        1,
    ),
    "nox that installs the package and pytest": Project(
        {
            **PYTHON,
            ".gitignore": "build/\n*.egg-info/\n",
            "pyproject.toml": PACKAGE,
            "noxfile.py": NOXFILE,
            "tests/test_greet.py": PYTEST,
        },
        ("nox",),
        SPOIL_PYTHON,
        1,
    ),
    "tox that cannot be set up": Project(
        {
            **PYTHON,
            "greet.py": "import six\n\n\ndef greet():\n    return 'hello'\n",
            ".gitignore": "build/\n*.egg-info/\n",
            "pyproject.toml": PACKAGE.replace("[tool", 'dependencies = ["six"]\n[tool'),
            "tox.ini": "[testenv]\ndeps =\n  pytest\n  six == 0.0.1\ncommands = pytest\n",
            "tests/test_greet.py": PYTEST,
        },
        ("pytest in place of tox",),
        SPOIL_PYTHON,
        1,
    ),
    "tox whose commands are gone": Project(
        {
            **PYTHON,
            ".gitignore": "build/\n*.egg-info/\n",
            "pyproject.toml": PACKAGE,
            "setup.cfg": "[tox:tox]\nenvlist = py38, py27\n[testenv]\ndeps = pytest\n"
            "commands = python -m nose tests\n",
            "tests/test_greet.py": PYTEST,
        },
        ("pytest in place of tox",),
        SPOIL_PYTHON,
        1,
    ),
    "tox for Pythons that are not there, in TOML": Project(
        {
            **PYTHON,
            ".gitignore": "build/\n*.egg-info/\n",
            "pyproject.toml": PACKAGE + "[tool.tox]\nenv_list = ['3.8', '3.13']\n[tool.tox.env_run_base]\n"
            "deps = ['pytest']\ncommands = [['pytest', 'tests']]\n",
            "tests/test_greet.py": PYTEST,
        },
        ("tox",),
        SPOIL_PYTHON,
        1,
    ),
    "django": Project({**PYTHON, **SITE}, ("django",), SPOIL_PYTHON, 1),
    "pre-commit": Project(
        {"greet.txt": "hello\n", ".pre-commit-config.yaml": HOOKS}, ("pre-commit",), "echo bye > greet.txt"
    ),
}  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize("name", PROJECTS)
def test_detected_checks_pass_and_fail_for_the_right_reason(install: Installer, name: str) -> None:
    project = PROJECTS[name]
    honk = install([bash("echo more > notes.txt"), FINISH])
    origin = make_repo(honk.root / "o", project.files)
    options = ("--repo", str(origin), "--judge", "off", "--json", "--dry-run")
    good = honk.honk("say more", *options, seconds=SLOW)
    assert (good.code, good.result.outcome) == (0, "verified"), good.err
    rows = good.result.verification
    assert tuple(check.name for check in rows) == project.checks
    if project.passing is not None:
        assert rows[0].tests is not None and rows[0].tests.passed == project.passing

    other = install([bash(project.broken), *[FINISH] * 4])
    bad = other.honk("break it", *options, seconds=SLOW)
    assert (bad.code, bad.result.outcome) == (20, "unverified"), bad.err
    assert "failed" in [check.after for check in bad.result.verification]


@pytest.mark.full
def test_gradle_without_its_wrapper_is_skipped(install: Installer) -> None:
    honk = install()
    origin = make_repo(honk.root / "o", {"build.gradle": "plugins { id 'java' }\n"})
    done = honk.honk("say more", "--repo", str(origin), "--json")
    assert (done.code, done.result.outcome) == (11, "skipped"), done.err
