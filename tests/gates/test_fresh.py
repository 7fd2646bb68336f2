"""Files that configure a verifier and are new: what they leave out, and what they stand in front of."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates, strongest

PYTHON = {"tests/test_a.py": b"def test_a():\n    assert f() == 1\n", "src/a.py": b"def f(): return 1\n"}
SCRIPT = {"src/a.test.js": b"test('a', () => { expect(f()).toBe(1) })\n"}
RUBY = {"spec/a_spec.rb": b"it 'a' do\n  expect(f).to eq(1)\nend\n"}
PYTEST = {**PYTHON, "pyproject.toml": b'[tool.pytest.ini_options]\naddopts = "--strict-markers"\n'}
HOOK = "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
MODIFY = "def pytest_collection_modifyitems"
CONFIGURE = "RSpec.configure do |config|\n  config."
INI = "[tool.pytest.ini_options]\n"
JEST = "module.exports = { testPathIgnorePatterns: "
ITEMS = (
    "import pytest\n\n\ndef pytest_collection_modifyitems(config, items):\n    for item in items:\n        "
)


def verdict(gates: Gates, before: dict[str, bytes], after: dict[str, bytes], request: str = "") -> str:
    found = gates(before, {**before, **after}, request=request)
    return strongest(found, "verifier-config")


HOOKS = [
    (HOOK + '    report = (yield).get_result()\n    report.outcome = "passed"\n', "block"),
    (HOOK + '    report = (yield).get_result()\n    setattr(report, "outcome", "passed")\n', "block"),
    (HOOK + "    outcome = yield\n    item.report = outcome.get_result()\n", "pass"),
    ("def pytest_sessionfinish(session):\n    session.exitstatus = 0\n", "block"),
    ("class A:\n    def pytest_sessionfinish(self, session):\n        session.exitstatus = 0\n", "block"),
    ("def pytest_pyfunc_call(pyfuncitem):\n    return True\n", "block"),
    ("def pytest_ignore_collect(path):\n    return 'test_a' in str(path)\n", "block"),
    ("def pytest_ignore_collect(path):\n    return None\n", "pass"),
    ('collect_ignore = ["test_a.py"]\n', "block"),
    ('collect_ignore = ["setup.py"]\n', "pass"),
    (ITEMS + "item.add_marker(pytest.mark.skip)\n", "block"),
    (ITEMS + "item.add_marker('xfail')\n", "block"),
    (f"{MODIFY}(items):\n    items[:] = [i for i in items if 'a' not in i.name]\n", "block"),
    (f"{MODIFY}(config, items):\n    config.hook.pytest_deselected(items=items)\n", "block"),
    (f"{MODIFY}(items):\n    items.sort(key=lambda item: item.name)\n", "pass"),
    (f"{MODIFY}(items):\n    items[:] = sorted(items, key=str)\n", "pass"),
    (ITEMS + "item.add_marker(pytest.mark.slow)\n", "pass"),
    ("import pytest\n\n\n@pytest.fixture\ndef db():\n    return 1\n", "pass"),
]  # fmt: skip


SETUP = "import pytest\n\n\ndef pytest_runtest_setup(item):\n    "
FIXTURE = "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef _later(request):\n    "
CALL = "import pytest\n\n\ndef pytest_runtest_call(item):\n    "
MODULE = "import pytest\n\n\ndef pytest_pycollect_makemodule(module_path, parent):\n    "

AROUND = [
    (SETUP + 'pytest.skip("later")\n', "block"),
    (SETUP + 'if "billing" in item.nodeid:\n        pytest.skip("later")\n', "block"),
    (SETUP + 'if "billing" in item.nodeid: pytest.skip("later")\n', "block"),
    (SETUP + 'if item.name == "test_a":\n        pytest.skip("later")\n', "block"),
    (SETUP + 'if True:\n        pytest.skip("later")\n', "block"),
    (SETUP + 'if sys.platform == "linux":\n        pytest.skip("later")\n', "block"),
    (SETUP + 'if "billing" not in item.nodeid:\n        return\n    pytest.skip("later")\n', "block"),
    (SETUP + "item.add_marker(pytest.mark.xfail)\n", "block"),
    (SETUP + 'if not item.config.getoption("--all"):\n        log()\n    pytest.skip("x")\n', "block"),
    (CALL + 'pytest.skip("x")\n', "block"),
    (MODULE + 'pytest.skip("x", allow_module_level=True)\n', "block"),
    (MODULE + "return None\n", "flag"),
    (FIXTURE + 'pytest.skip("later")\n', "block"),
    (FIXTURE + 'if "billing" in request.node.nodeid:\n        pytest.skip("later")\n', "block"),
    (FIXTURE + "request.applymarker(pytest.mark.xfail)\n", "block"),
    (FIXTURE + "yield\n", "pass"),
    (FIXTURE + 'if sys.platform == "win32":\n        pytest.skip("no sockets")\n', "flag"),
    (SETUP + "item.started = clock()\n", "pass"),
    (
        SETUP
        + 'if item.get_closest_marker("slow") and not item.config.getoption("--runslow"):\n'
        + '        pytest.skip("slow")\n',
        "flag",
    ),
    (
        SETUP
        + 'if "slow" not in item.keywords or item.config.getoption("--runslow"):\n        return\n'
        + '    pytest.skip("slow")\n',
        "flag",
    ),
    (
        SETUP
        + 'wanted = [mark.args[0] for mark in item.iter_markers(name="env")]\n    if wanted:\n'
        + '        if item.config.getoption("-E") not in wanted:\n            pytest.skip("needs it")\n',
        "flag",
    ),
    (
        SETUP
        + "platforms = ALL.intersection(mark.name for mark in item.iter_markers())\n"
        + "    if platforms and sys.platform not in platforms:\n        pytest.skip(sys.platform)\n",
        "flag",
    ),
]


@pytest.mark.parametrize(("text", "wanted"), HOOKS + AROUND)
@pytest.mark.parametrize("before", [{}, {"tests/conftest.py": b"import os\n"}], ids=["new", "there"])
def test_hooks_of_a_conftest_are_judged_by_what_they_do(
    gates: Gates, before: dict[str, bytes], text: str, wanted: str
) -> None:
    assert verdict(gates, {**PYTHON, **before}, {"tests/conftest.py": text.encode()}) == wanted


def test_hooks_in_hooks_keep_the_gate_no_longer(gates: Gates) -> None:
    nested = "".join(f"{' ' * deep}def pytest_runtest_setup(item):\n" for deep in range(900))
    found = gates(PYTHON, {**PYTHON, "tests/conftest.py": (nested + " " * 900 + "pytest.skip()\n").encode()})
    assert strongest(found, "verifier-config") == "block"


def test_a_fixture_that_a_test_asks_for_may_skip(gates: Gates) -> None:
    text = (FIXTURE.replace("(autouse=True)", "") + 'pytest.skip("no database")\n').encode()
    assert verdict(gates, PYTHON, {"tests/conftest.py": text}) == "pass"
    there = {**PYTHON, "tests/conftest.py": b"import pytest\n"}
    assert verdict(gates, there, {"tests/conftest.py": text}) == "flag"


def test_a_skip_that_loses_its_condition_is_a_new_one(gates: Gates) -> None:
    before = SETUP + 'if item.get_closest_marker("slow"):\n        pytest.skip("x")\n'
    there = {**PYTHON, "tests/conftest.py": before.encode()}
    assert verdict(gates, there, {"tests/conftest.py": (SETUP + 'pytest.skip("x")\n').encode()}) == "block"


def test_hooks_of_another_module_of_the_tests_are_read_as_well(gates: Gates) -> None:
    plugin = HOOKS[0][0].encode()
    assert verdict(gates, PYTHON, {"tests/plugin.py": plugin}) == "block"


def test_a_conftest_that_moves_says_nothing_new(gates: Gates) -> None:
    data = HOOKS[0][0].encode()
    found = gates({**PYTHON, "conftest.py": data}, {**PYTHON, "tests/conftest.py": data})
    assert "block" not in {finding.result for finding in found if finding.gate == "verifier-config"}


LEFT_OUT = [
    (RUBY, ".rspec", "--tag ~slow\n", "block"),
    (RUBY, ".rspec", "--require spec_helper\n--color\n", "pass"),
    (RUBY, "spec/spec_helper.rb", CONFIGURE + "filter_run_excluding :a\nend\n", "block"),
    (RUBY, "spec/spec_helper.rb", CONFIGURE + "filter_run_when_matching :focus\nend\n", "pass"),
    ({"tests/a_test.cc": b"\n"}, "CTestCustom.cmake", "set(CTEST_CUSTOM_TESTS_IGNORE a_test)\n", "block"),
    (SCRIPT, "jest.config.js", JEST + "[\n    'a.test',\n  ] }\n", "block"),
    (SCRIPT, "jest.config.js", JEST + "['/node_modules/', '/dist/'] }\n", "pass"),
    (SCRIPT, "vitest.config.ts", "export default { test: { exclude: ['src/a.test.js'] } }\n", "block"),
    (SCRIPT, "vitest.config.ts", "export default { test: { environment: 'jsdom' } }\n", "pass"),
    (PYTHON, "pytest.ini", "[pytest]\naddopts = --deselect tests/test_a.py\n", "block"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "path", "text", "wanted"), LEFT_OUT)
def test_a_new_configuration_of_a_runner_may_leave_no_test_out(
    gates: Gates, base: dict[str, bytes], path: str, text: str, wanted: str
) -> None:
    assert verdict(gates, base, {path: text.encode()}) == wanted


SHADOWS = [
    (PYTEST, "pytest.ini", "", "block"),
    (PYTEST, "tests/pytest.ini", "[pytest]\n", "block"),
    (PYTEST, "pytest.ini", "[pytest]\naddopts = --strict-markers\ntestpaths = tests\n", "pass"),
    (PYTEST, "extra/pytest.ini", "[pytest]\n", "pass"),
    ({"setup.cfg": b"[tool:pytest]\nxfail_strict = true\n"}, "pyproject.toml", INI, "block"),
    ({"pytest.ini": b"[pytest]\nxfail_strict = true\n"}, "pyproject.toml", INI, "pass"),
    ({"setup.cfg": b"[mypy]\nstrict = true\n"}, "mypy.ini", "[mypy]\n", "block"),
    ({"pyproject.toml": b"[tool.ruff]\nselect = ['ALL']\n"}, "ruff.toml", "", "block"),
    ({"pyproject.toml": b"[tool.ruff]\nselect = ['ALL']\n"}, ".ruff.toml", "", "block"),
    ({"ruff.toml": b"x = 9\n", "sub/a.py": b""}, "sub/ruff.toml", "extend = '../ruff.toml'\n", "pass"),
    ({"pyproject.toml": b"[project]\nname = 'a'\n"}, "ruff.toml", "", "pass"),
    ({"phpunit.xml.dist": b"<phpunit><testsuite/></phpunit>\n"}, "phpunit.xml", "<phpunit/>\n", "block"),
    ({"Makefile": b"test:\n\tpytest\n"}, "GNUmakefile", "test:\n\ttrue\n", "block"),
    ({"Makefile": b"test:\n\tpytest\n"}, "GNUmakefile", "include Makefile\n", "pass"),
    (PYTHON, "pytest.py", "import sys; sys.exit(0)\n", "block"),
    (PYTHON, "unittest/__init__.py", "", "block"),
    (PYTHON, "sitecustomize.py", "import os\n", "block"),
    (PYTHON, "src/acme/pytest.py", "x = 1\n", "pass"),
    ({"coverage/a.py": b""}, "coverage/__init__.py", "", "pass"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "path", "text", "wanted"), SHADOWS)
def test_what_a_tool_reads_in_the_place_of_its_configuration(
    gates: Gates, base: dict[str, bytes], path: str, text: str, wanted: str
) -> None:
    assert verdict(gates, base, {path: text.encode()}) == wanted


def test_configuration_that_moves_to_a_preferred_file_is_no_shadow(gates: Gates) -> None:
    before = {"setup.cfg": b"[metadata]\nname = a\n\n[mypy]\nstrict = true\n"}
    after = {"setup.cfg": b"[metadata]\nname = a\n", "mypy.ini": b"[mypy]\nstrict = true\n"}
    assert verdict(gates, before, after) != "block"


SKIP_LIB = '{"compilerOptions": {"strict": true, "skipLibCheck": true}}'
MISSING = "[mypy-yaml.*]\nignore_missing_imports = true\n"
INTRODUCED = [
    ({}, "tsconfig.json", SKIP_LIB, "flag"),
    ({"tsconfig.json": b'{"compilerOptions": {"strict": true}}'}, "tsconfig.json", SKIP_LIB, "block"),
    ({}, ".eslintrc.json", '{"rules": {"no-console": "off"}}', "flag"),
    ({}, "eslint.config.js", "export default [{ rules: { 'no-console': 'off' } }];\n", "pass"),
    ({}, "mypy.ini", "[mypy]\nstrict = true\n" + MISSING, "flag"),
    ({"setup.cfg": b"[metadata]\nname = a\n"}, "setup.cfg", "[metadata]\nname = a\n" + MISSING, "flag"),
    ({"setup.cfg": b"[mypy]\n"}, "setup.cfg", "[mypy]\n" + MISSING, "flag"),  # of one library
    ({"setup.cfg": b"[mypy]\n"}, "setup.cfg", "[mypy]\nignore_missing_imports = true\n", "block"),
    ({"setup.cfg": b"[mypy]\n"}, "setup.cfg", "[mypy]\n[mypy-a.*]\nignore_errors = true\n", "block"),
    ({}, ".coveragerc", "[run]\nomit = src/legacy.py\n", "flag"),
    ({".coveragerc": b"[run]\n"}, ".coveragerc", "[run]\nomit = src/legacy.py\n", "block"),
    ({}, ".golangci.yml", "linters:\n  disable:\n    - errcheck\n", "flag"),
    ({".golangci.yml": b"run:\n"}, ".golangci.yml", "linters:\n  disable:\n    - errcheck\n", "block"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "path", "text", "wanted"), INTRODUCED)
def test_the_first_configuration_of_a_tool_is_compared_with_nothing(
    gates: Gates, base: dict[str, bytes], path: str, text: str, wanted: str
) -> None:
    assert verdict(gates, base, {path: text.encode()}) == wanted


@pytest.mark.parametrize(("small_before", "wanted"), [(True, "block"), (False, "flag")])
def test_configuration_that_is_too_large_to_compare_is_named(
    gates: Gates, small_before: bool, wanted: str
) -> None:
    rule, filler = b"[tool.coverage.report]\nfail_under = %d\n", b"# filler\n" * 60_000
    old = rule % 90 + (b"" if small_before else filler)
    assert verdict(gates, {"pyproject.toml": old}, {"pyproject.toml": rule % 10 + filler}) == wanted


def test_nor_do_hooks_hide_behind_a_filler(gates: Gates) -> None:
    plugin = HOOKS[0][0].encode() + b"# filler\n" * 60_000
    assert verdict(gates, PYTHON, {"tests/plugin.py": plugin}) == "block"
