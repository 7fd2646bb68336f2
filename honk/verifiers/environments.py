"""tox and nox: the environment in which the repository's own CI tests."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from honk.verifiers.manifests import ini_of, table_of, toml_of
from honk.verifiers.tree import Detection, Tree

_SESSIONS = ("tests", "test", "unit", "unit_tests", "unittests", "unittest", "pytest")  # best first


@dataclass(frozen=True)
class Tox:
    """``path`` configures the default environment's commands, or is empty; ``name`` is an
    environment that has these; ``required`` are the lines of ``deps``."""

    path: str
    name: str
    required: tuple[str, ...]


def read_tox(tree: Tree, table: Mapping[str, object], inis: Mapping[str, configparser.ConfigParser]) -> Tox:
    """Of ``table``, which is `tool.tox` of pyproject.toml, of ``inis`` by their paths, or of tox.toml."""
    texts = {**inis, "pyproject.toml": ini_of(str(table.get("legacy_tox_ini", "")))}
    path, ini = next(((p, i) for p, i in texts.items() if i.has_section("testenv")), ("", ini_of("")))
    if not ini.get("testenv", "commands", fallback="").strip():
        tables = {"pyproject.toml": table, "tox.toml": toml_of(tree.text("tox.toml"))}
        path = next((p for p, t in tables.items() if table_of(t, "env_run_base").get("commands")), "")
    deps = ini.get("testenv", "deps", fallback="").splitlines()
    return Tox(path, _environment(ini), tuple(line.split("#")[0].strip() for line in deps))


def _environment(ini: configparser.ConfigParser) -> str:
    """The first one listed that has a Python, on the Python that is there. Of `py{311,312}-dj{4,5}`
    that is `py-dj5`: without the other factors an environment may lack the packages."""
    options = dict(ini["tox"]) if ini.has_section("tox") else {}
    listed = options.get("env_list") or options.get("envlist") or ""
    single = re.sub(r"\{([^{}:]*)\}", lambda found: _newest(found[1].split(",")), listed)
    names = (name.split("-") for name in re.split(r"[\s,]+", single))
    factors = next((rest for first, *rest in names if re.fullmatch(r"py\d*|python", first)), [])
    fit = all(re.fullmatch(r"[\w.]+", factor) for factor in factors)
    return "-".join(["py", *factors]) if fit else "py"


def _newest(choices: list[str]) -> str:
    """The newest version that is out; after it may come the branch that is worked on."""
    return next((c.strip() for c in reversed(choices) if not re.search("main|master|dev", c)), "")


def deps(tree: Tree, tox: Tox, named: Collection[str]) -> list[str]:
    """Arguments of pip for tox's default environment, without the files ``named``; lines with
    substitutions are left out."""
    matches = (re.fullmatch(r"(?:-r|--requirement)[= ]*(\S+)", line) for line in tox.required)
    files = [match[1] for match in matches if match]
    plain = [line for line in tox.required if line and not re.search(r"[{}]|^-|:\s", line)]
    lines = [f"-r {shlex.quote(path)}" for path in files if tree.has(path) and path not in named]
    return lines + [shlex.quote(line) for line in plain]


def detect(tree: Tree, tox: Tox, tested: bool) -> Detection:
    """tox where its default environment runs something; nox where a session is named for tests, or
    where no tests are found that another runner could have (``tested``)."""
    if tox.path:
        return _checked(tree, "tox", tox.path, f"-e {tox.name}", "--notest")
    session = _session(tree)
    if not session and (tested or not tree.has("noxfile.py")):
        return Detection()
    # The one Python that is there: nox skips sessions of any other, and ends with success.
    which = f"-r -s {session} --force-python python3" if session else "-r"
    return _checked(tree, "nox", "noxfile.py", which, "--install-only")


def _checked(tree: Tree, tool: str, path: str, which: str, install: str) -> Detection:
    """Setup makes the tool's environment, once and online. A check installs into it again what is
    not there and the package itself: without that it would test the code of the base (hence no
    `tox --skip-pkg-install` and no `nox -R`). What that needs comes through the package proxy.

    The tool comes from PyPI: Debian's old ones do not know what today's configurations say. Those
    are there in case that fails, hence no subcommand, which tox 3 has not. The environment stands
    outside of the work tree, where it would be part of a change if no ignore rule covers it.
    """
    folder = "--workdir" if tool == "tox" else "--envdir"
    kept = shlex.quote(f".{tool}/{tree.place}".rstrip("/"))
    line = f"python3 -m {tool} {folder} ~/{kept} {which}"
    return Detection(
        (tree.command(tool, line),),
        frozenset({"python-tools"}),
        (f"python3 -m pip install --upgrade {tool}", tree.at(f"{line} {install}")),
        (tree.reason(f"{path}: {tool} runs what it says, in its own environment."),),
    )


def _session(tree: Tree) -> str:
    """The session of noxfile.py that runs the tests, if one is plainly named so."""
    try:
        functions = [n for n in ast.parse(tree.text("noxfile.py")).body if isinstance(n, ast.FunctionDef)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    names = {_named(mark, function.name) for function in functions for mark in function.decorator_list}
    return next((name for name in _SESSIONS if name in names), "")


def _named(mark: ast.expr, name: str) -> str:
    """The name that a decorator gives its function as a session; empty if it makes none of it."""
    given = {k.arg: k.value for k in mark.keywords} if isinstance(mark, ast.Call) else {}
    if not re.search(r"\bsession$", ast.unparse(mark.func if isinstance(mark, ast.Call) else mark)):
        return ""
    own = given.get("name")
    return str(own.value) if isinstance(own, ast.Constant) else name
