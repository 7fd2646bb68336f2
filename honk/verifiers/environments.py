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
    """Of the one source that tox itself takes (https://tox.wiki/en/latest/config.html#discovery): a
    tox.ini, whatever it says; setup.cfg with `[tox:tox]`; ``table``, which is `tool.tox` of
    pyproject.toml; tox.toml. ``inis`` are the first two by their paths."""
    legacy = table.get("legacy_tox_ini")
    if tree.has("tox.ini"):
        return _of_ini("tox.ini", inis["tox.ini"])
    if inis["setup.cfg"].has_section("tox:tox"):
        return _of_ini("setup.cfg", inis["setup.cfg"], "tox:tox")
    if isinstance(legacy, str):
        return _of_ini("pyproject.toml", ini_of(legacy))
    return (
        _of_table("pyproject.toml", table) if table else _of_table("tox.toml", toml_of(tree.text("tox.toml")))
    )


def _of_ini(path: str, ini: configparser.ConfigParser, core: str = "tox") -> Tox:
    options = ini[core] if ini.has_section(core) else {}
    listed = options.get("env_list") or options.get("envlist") or ""
    commands = ini.get("testenv", "commands", fallback="") or ""
    required = (ini.get("testenv", "deps", fallback="") or "").splitlines()
    return Tox(path if commands.strip() else "", _environment(listed), tuple(map(_bare, required)))


def _of_table(path: str, table: Mapping[str, object]) -> Tox:
    base = table_of(table, "env_run_base")
    listed, required = table.get("env_list"), base.get("deps")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    lines = [line for line in required if isinstance(line, str)] if isinstance(required, list) else []
    return Tox(path if base.get("commands") else "", _environment(",".join(names)), tuple(map(_bare, lines)))


def _bare(line: str) -> str:
    return line.split("#")[0].strip()


def _environment(listed: str) -> str:
    """The first one listed that has a Python, on the Python that is there. Of `py{311,312}-dj{4,5}`
    that is `py-dj5`: without the other factors an environment may lack the packages."""
    single = re.sub(r"\{([^{}:]*)\}", lambda found: _chosen(found[1].split(",")), listed)
    names = (name.split("-") for name in re.split(r"[\s,]+", single))
    factors = next((rest for first, *rest in names if re.fullmatch(r"py[\d.]*|python[\d.]*", first)), [])
    fit = all(re.fullmatch(r"[\w.]+", factor) for factor in factors)
    return "-".join(["py", *factors]) if fit else "py"


def _chosen(choices: list[str]) -> str:
    """The newest version that is out, after which may come the branch that is worked on; of other
    choices the first (`unit,integration`)."""
    out = [choice.strip() for choice in choices if not re.search("main|master|dev", choice)]
    versions = [choice for choice in out if re.search(r"\d", choice)]
    return next(iter(versions[-1:] + out), "")


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


def backed(found: Detection, runner: Detection) -> Detection:
    """``found``, one check by tox or nox, with that of ``runner`` in its place where it is of no use: its
    configuration may be older than what it installs, or want what a sandbox has not (another Python,
    a service, a password). Whether it works is known only once it has run on the base."""
    [command] = found.commands
    others = tuple(
        c.model_copy(
            update={
                "name": f"{c.name.split(' (')[0]} in place of {command.name}",
                "replaces": command.command,
            }
        )
        for c in runner.commands
    )
    only = f"; run only where no test passes in {command.name} on the base and .honk.yml names no checks."
    return found + Detection(others, reasons=tuple(line.removesuffix(".") + only for line in runner.reasons))


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
