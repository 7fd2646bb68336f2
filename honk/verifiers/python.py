"""Python: tox, nox, pytest, unittest, Django, what has to be installed for them, and the linters."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from posixpath import dirname

from honk.verifiers import environments, locked
from honk.verifiers.linters import linters
from honk.verifiers.manifests import ini_of, table_of, toml_of
from honk.verifiers.tree import Detection, Tree, is_member

_TEST_NAMES = ("test", "tests", "testing", "dev", "develop")  # of extras and groups, best first
_REQUIREMENTS = re.compile(
    r"(?:requirements|(?:dev|test|tests)[-_]requirements|requirements[-_.](?:dev|test|tests|testing)"
    r"|requirements/(?:base|dev|test|tests|testing))\.txt"
)
_SAMPLE = 50  # test files that are read to tell unittest from pytest


MARKERS = r"pyproject\.toml|setup\.(?:py|cfg)|tox\.(?:ini|toml)|noxfile\.py|pytest\.ini|requirements\.txt"


def covers(tree: Tree) -> bool:
    """Whether the tests of folders below are this package's, too: it configures a test runner for
    them, or is a distribution with code of its own."""
    config = _Config(tree)
    return bool(config.pytest or config.tox.path or tree.has("noxfile.py") or config.installable)


def members(root: Tree) -> Sequence[str]:
    return _Config(root).workspace


def together(root: Tree, folders: Sequence[str]) -> tuple[str, ...]:
    """The repository's own packages from their folders, once all are installed: of one that another
    requires by its path pip has put a copy in the place of the link, and checks would test that."""
    own = [folder for folder in folders if _Config(root.below(folder)).installable]
    links = " ".join(f"-e {shlex.quote(f'./{folder}')}" for folder in own)
    return (f"python3 -m pip install --no-deps {links}",) if len(own) > 1 else ()


def python(tree: Tree, root: Tree) -> Detection:
    """What tox or nox runs, where one is configured to test: it is what the repository's own CI runs,
    and packages, variables and options of the tests may stand there alone. Else the tests' runner."""
    config = _Config(tree)
    tests = tree.named(lambda name: bool(re.fullmatch(r"test_.*\.py|.*_test\.py", name)))
    setup, lock = _setup(tree, config, root)
    found = environments.detect(tree, config.tox, bool(tests))
    runner = _runner(tree, config, tests)
    found = environments.backed(found, runner) if found.commands else runner
    found += linters(tree, config.toml, config.ini, config.required(tree), root)
    # A workspace may have no checks but those of its members, which need what its root requires.
    if setup and (found.commands or _members(tree, config, root)):
        lines = tuple(map(tree.at, setup))
        how = f"by pip, in the versions of {lock} where they fit" if lock else f"by `{_clip(setup[-1])}`"
        reason = tree.reason(f"Python packages come {how}.")
        found = Detection(setup=lines) + found + Detection(reasons=(reason,))
    return found


def _runner(tree: Tree, config: _Config, tests: list[str]) -> Detection:
    if config.pytest and (tests or config.pytest_paths(tree)):
        return _pytest(tree, f"{config.pytest} configures pytest.")
    if "django" in tree.text("manage.py").lower() and (tests or tree.named(lambda name: name == "tests.py")):
        # The second level of verbosity names the tests that pass.
        command = tree.command("django", "python3 manage.py test -v 2")
        return Detection((command,), reasons=(tree.reason("manage.py: Django runs its tests."),))
    return _tested(tree, config, tests) if tests else Detection()


def _pytest(tree: Tree, reason: str) -> Detection:
    return Detection((tree.command("pytest", "python3 -m pytest -q"),), reasons=(tree.reason(reason),))


def _tested(tree: Tree, config: _Config, tests: list[str]) -> Detection:
    """unittest where the tests are plainly its own; pytest, which runs those as well, in doubt."""
    sample = "\n".join(tree.text(path) for path in tests[:_SAMPLE])
    below = {path.rpartition("/")[0] for path in tests}
    folders = {path.split("/")[0] for path in below}
    found = len(folders) == 1 and all("/" not in path or tree.has(f"{path}/__init__.py") for path in below)
    if re.search(r"\bpytest\b", sample + config.all_text) or "unittest" not in sample or not found:
        return _pytest(tree, f"{_some(tests)}: pytest runs {'them' if tests[1:] else 'it'}.")
    [folder] = folders
    line = "python3 -m unittest discover -v"
    if folder:
        line += f" -s {shlex.quote(folder)}"
        line += " -t ." if tree.has(f"{folder}/__init__.py") else ""
    if not any(path.rpartition("/")[2].startswith("test") for path in tests):
        line += " -p '*_test.py'"
    reason = f"{_some(tests)} use{'' if tests[1:] else 's'} unittest, and nothing names pytest."
    return Detection((tree.command("unittest", line),), reasons=(tree.reason(reason),))


def _some(tests: list[str]) -> str:
    others = len(tests) - 1
    return f"{tests[0]} and {others} other test file{'s'[: others != 1]}" if others else tests[0]


class _Config:
    """The Python manifests, parsed as far as they can be."""

    def __init__(self, tree: Tree) -> None:
        texts = {path: tree.text(path) for path in ("pyproject.toml", "setup.cfg", "tox.ini", "setup.py")}
        required = [path for path in tree.files if _REQUIREMENTS.fullmatch(path)]
        self.requirements = sorted(required, key=lambda path: (len(path), path))
        self.all_text = "\n".join([*texts.values(), *map(tree.text, self.requirements)])
        self.setup_py = texts["setup.py"]
        self.ini = {path: ini_of(texts[path]) for path in ("setup.cfg", "tox.ini")}
        self.toml = toml_of(texts["pyproject.toml"])
        tools = table_of(self.toml, "tool")
        self.poetry = table_of(tools, "poetry")
        self.pytest = _first(
            ("pytest.ini", tree.has("pytest.ini") or tree.has(".pytest.ini")),
            ("pyproject.toml", "pytest" in tools),
            ("setup.cfg", self.ini["setup.cfg"].has_section("tool:pytest")),
            ("tox.ini", self.ini["tox.ini"].has_section("pytest")),
            ("conftest.py", tree.has("conftest.py") or tree.has("tests/conftest.py")),
        )
        self.tox = environments.read_tox(tree, table_of(tools, "tox"), self.ini)

    def pytest_paths(self, tree: Tree) -> bool:
        """pytest is configured, and some folder of tests has Python files, whatever their names."""
        return any(re.match(r"(?:.*/)?tests?/.*\.py$", path) for path in tree.own)

    @property
    def installable(self) -> bool:
        built = "project" in self.toml or "build-system" in self.toml or bool(self.poetry)
        return built or bool(self.setup_py) or self.ini["setup.cfg"].has_section("metadata")

    def extras(self) -> list[str]:
        """Optional dependencies that are there for tests."""
        names = set(table_of(table_of(self.toml, "project"), "optional-dependencies"))
        names |= set(table_of(self.poetry, "extras"))
        if self.ini["setup.cfg"].has_section("options.extras_require"):
            names |= set(self.ini["setup.cfg"].options("options.extras_require"))
        declared = re.search(r"extras_require\s*=\s*\{(.{0,4000})", self.setup_py, re.DOTALL)
        names |= set(re.findall(r"""["'](\w+)["']\s*:""", declared[1])) if declared else set()
        return [name for name in _TEST_NAMES if name in names]

    def groups(self) -> list[str]:
        """Requirements of the dependency groups for tests (PEP 735; Poetry's by name only) and of
        Hatch's environments (https://hatch.pypa.io/latest/config/environment/overview/#dependencies)."""
        groups = table_of(self.toml, "dependency-groups")
        found = [line for name in _TEST_NAMES for line in _group(groups, name, set())]
        tools = table_of(self.toml, "tool")
        found += _lines(table_of(tools, "uv").get("dev-dependencies"))
        pdm = table_of(table_of(tools, "pdm"), "dev-dependencies")
        hatch = table_of(table_of(tools, "hatch"), "envs")
        for env in (table_of(hatch, name) for name in ("default", "hatch-test", *_TEST_NAMES)):
            lines = _lines(env.get("dependencies")) + _lines(env.get("extra-dependencies"))
            found += [line for line in lines if "{" not in line]  # what Hatch puts there is not known
        found += [line for lines in pdm.values() for line in _lines(lines)]
        old = [table_of(self.poetry, "dev-dependencies")]
        named = table_of(self.poetry, "group")
        poetry = [table_of(table_of(named, name), "dependencies") for name in _TEST_NAMES]
        found += [name for table in old + poetry for name in table if name != "python"]
        return list(dict.fromkeys(found))

    def required(self, tree: Tree) -> str:
        """All that the manifests require, for the question whether a tool is among it."""
        return "\n".join([self.all_text, tree.text("tox.ini"), *map(tree.text, self.requirements)])

    @property
    def workspace(self) -> list[str]:
        """Globs of uv's workspace, those that take out with ``!``."""
        table = table_of(table_of(table_of(self.toml, "tool"), "uv"), "workspace")
        return _lines(table.get("members")) + [f"!{glob}" for glob in _lines(table.get("exclude"))]


def _members(tree: Tree, config: _Config, root: Tree) -> list[str]:
    """Folders of uv's workspace, also those with checks of their own."""
    if not (globs := config.workspace):
        return []
    folders = [dirname(path) for path in root.below(tree.place).own if path.endswith("/pyproject.toml")]
    return [folder for folder in folders if is_member(folder, globs)]


def _setup(tree: Tree, config: _Config, root: Tree) -> tuple[tuple[str, ...], str]:
    """One call of pip, so that it finds versions that fit all, and the lock file that it follows.

    (Old pips know no ``--group``.)
    """
    arguments = [f"-r {shlex.quote(path)}" for path in config.requirements]
    if config.installable:
        extras = config.extras()
        arguments.append(f"-e '.[{','.join(extras)}]'" if extras else "-e .")
    arguments += [f"-e {shlex.quote(f'./{folder}')}" for folder in _members(tree, config, root)]
    groups = [shlex.quote(line) for line in config.groups()]
    arguments += groups
    of_tox = [] if groups else environments.deps(tree, config.tox, config.requirements)
    if not arguments + of_tox:
        return (), ""
    line, lock = locked.install(tree, root, " ".join(arguments + of_tox))
    if arguments and of_tox:  # what tox asks for may be gone, or behind a password
        line += f" || {locked.install(tree, root, ' '.join(arguments))[0]}"
    return (line,), lock


def _group(groups: Mapping[str, object], name: str, seen: set[str]) -> Iterator[str]:
    lines = groups.get(name)
    if name in seen or not isinstance(lines, list):
        return
    seen.add(name)
    for line in lines:
        if isinstance(line, str):
            yield line
        elif isinstance(line, dict) and isinstance(included := line.get("include-group"), str):
            yield from _group(groups, included, seen)


def _lines(value: object) -> list[str]:
    return [line for line in value if isinstance(line, str)] if isinstance(value, list) else []


def _first(*found: tuple[str, bool]) -> str:
    return next((name for name, is_there in found if is_there), "")


def _clip(line: str) -> str:
    return line if len(line) <= 120 else line[:117] + "..."
