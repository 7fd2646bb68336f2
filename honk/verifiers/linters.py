"""Formatters, linters and type checkers of Python, where a repository configures and requires them."""

from __future__ import annotations

import configparser
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from honk.verifiers.tree import Detection, Tree


@dataclass(frozen=True)
class _Tool:
    """``files``, a table of pyproject.toml or a section of an ini file configures it."""

    name: str
    line: str
    files: tuple[str, ...]
    section: str = ""
    setup: str = ""


_TOOLS = (
    _Tool("ruff", "python3 -m ruff check .", ("ruff.toml", ".ruff.toml")),
    _Tool("black", "python3 -m black --check .", ()),
    _Tool("isort", "python3 -m isort --check-only .", (".isort.cfg",), "isort"),
    _Tool("flake8", "python3 -m flake8", (".flake8",), "flake8"),
    _Tool("mypy", "python3 -m mypy", ("mypy.ini", ".mypy.ini"), "mypy"),
    # pyright comes with its own Node program at the first start, which setup has to be.
    _Tool("pyright", "python3 -m pyright", ("pyrightconfig.json",), setup="python3 -m pyright --version"),
)


def linters(
    tree: Tree,
    toml: Mapping[str, object],
    ini: Mapping[str, configparser.ConfigParser],
    required: str,
    root: Tree,
) -> Detection:
    """Checks of the tools that are configured and among the requirements ``required``.

    One that is not required would be some other version than the repository's people use. What
    pre-commit runs is left to it.
    """
    hooks = root.text(".pre-commit-config.yaml")
    found = Detection()
    for tool in _TOOLS:
        where = _configured(tool, tree, toml, ini)
        if not where or re.search(rf"\bid:\s*{tool.name}\b", hooks):
            continue
        if not _requires(required, tool.name):
            reason = f"{where} configures {tool.name}, which no requirement names: left out."
            found += Detection(reasons=(tree.reason(reason),))
            continue
        commands = tuple(tree.command(name, line) for name, line in _lines(tool, tree, toml, ini.values()))
        setup = (tree.at(tool.setup),) if tool.setup else ()
        reason = tree.reason(f"{where} configures {tool.name}.")
        found += Detection(commands, setup=setup, reasons=(reason,))
    return found


def _configured(
    tool: _Tool, tree: Tree, toml: Mapping[str, object], ini: Mapping[str, configparser.ConfigParser]
) -> str:
    tools = toml.get("tool")
    if path := tree.first(*tool.files):
        return path
    if isinstance(tools, dict) and tool.name in tools:
        return "pyproject.toml"
    return next(
        (path for path, parsed in ini.items() if tool.section and parsed.has_section(tool.section)), ""
    )


def _lines(
    tool: _Tool, tree: Tree, toml: Mapping[str, object], ini: Collection[configparser.ConfigParser]
) -> Iterator[tuple[str, str]]:
    """Name and command of each check. mypy wants to be told what to check, by whoever."""
    tools = toml.get("tool")
    table = tools.get(tool.name) if isinstance(tools, dict) else None
    settings = table if isinstance(table, dict) else {}
    text = "\n".join(map(tree.text, tool.files))
    if tool.name == "mypy":
        named = ("files", "packages", "modules")
        told = any(name in settings or parsed.has_option("mypy", name) for name in named for parsed in ini)
        told = told or re.search(rf"^(?:{'|'.join(named)})\s*=", text, re.MULTILINE) is not None
        yield "mypy", tool.line if told else f"{tool.line} ."
        return
    yield tool.name, tool.line
    if tool.name == "ruff" and ("format" in settings or re.search(r"^\[format", text, re.MULTILINE)):
        yield "ruff format", "python3 -m ruff format --check ."


def _requires(text: str, name: str) -> bool:
    """Whether one of the requirements in ``text``, of whatever format, is ``name``."""
    return bool(
        re.search(rf"""(?:^|["'])\s*{name}\s*(?:\[[\w,\s]*\]\s*)?(?:[<>=!~;"',@]|$)""", text, re.MULTILINE)
    )
