"""Configuration files of verifiers as flat data: which keys have which values.

JSON (with comments), TOML, YAML and INI are parsed; a key is its path, joined with ``/``. Of
every other format the lines are compared (``honk.gates.lowered``).
"""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator, Mapping

from honk.core import toml
from honk.gates.content import MAX_BYTES

_MAX_DEPTH = 40

Flat = Mapping[str, tuple[str, ...]]
"""Path of a key to its values as text: one, or the entries of a list in their order."""

# What has no end reaches to the end: to look for it again at each beginning would take hours.
_COMMENTS = re.compile(r'("(?:[^"\\\n]|\\.)*"?)|//[^\n]*|/\*.*?(?:\*/|\Z)', re.S)
_TRAILING = re.compile(r",(?=\s*[}\]])")


def flatten(path: str, data: bytes | None) -> Flat | None:
    """The keys of a file, of an empty one none; None if its format is another, or it cannot be read."""
    if data is None or not data.strip():
        return {}
    name = path.rpartition("/")[2].lower()
    if len(data) > MAX_BYTES:
        return None
    try:
        value = _load(name, data.decode("utf-8-sig", "replace"))
        return None if value is None else dict(_flat(value, "", 0))
    except (ValueError, RecursionError, configparser.Error):
        return None


def _load(name: str, text: str) -> object:
    if name.endswith((".json", ".jsonc", ".json5")) or name in (
        ".eslintrc",
        ".babelrc",
        ".nycrc",
        ".prettierrc",
        ".mocharc",
    ):
        plain = _COMMENTS.sub(lambda m: m[1] or "", text)
        return json.loads(_TRAILING.sub("", plain)) if plain.lstrip().startswith("{") else _yaml(text)
    if name.endswith(".toml") or name == "pipfile" or name == "config":  # Cargo's old name
        return toml.loads(text)
    if name.endswith((".yml", ".yaml", ".neon", ".neon.dist")):
        return _yaml(text.replace("\t", "    "))
    if name.endswith((".ini", ".cfg")) or name in (".flake8", ".coveragerc", ".pylintrc", "pylintrc"):
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            parser.read_string(text)
        except AttributeError as error:  # what Python below 3.13 makes of an indented line after a bare key
            raise ValueError("a value goes on that did not begin") from error
        return {section: dict(parser.items(section)) for section in parser.sections()}
    return None


def _yaml(text: str) -> object:
    import yaml  # most changes touch no such file

    if text.count("*") and re.search(r"(?m)^[^#\n]*:\s*\*\w+|\[\s*\*\w+", text):
        return None  # aliases can grow without bound when they are written out
    # The loader in Python takes minutes for brackets in brackets, and five times as long for all else.
    loader = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _flat(value: object, where: str, depth: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{where}/{key}" if where else str(key), depth + 1)
    elif isinstance(value, list):
        if all(not isinstance(item, dict | list) for item in value):
            yield where, tuple(_text(item) for item in value)
        else:
            for number, item in enumerate(value):
                yield from _flat(item, f"{where}/{_label(item, number)}", depth + 1)
    else:
        text = _text(value)
        entries = tuple(line.strip() for line in text.split("\n") if line.strip())
        yield where, entries or (text,)


def _label(item: object, number: int) -> str:
    """A name for an entry of a list that does not change when another goes before it."""
    if isinstance(item, dict):
        for key in ("id", "name", "repo", "module", "path"):
            if key in item:
                return str(item[key])
    if isinstance(item, list) and item and isinstance(item[0], str):
        return item[0]
    return str(number)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
