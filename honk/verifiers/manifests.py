"""TOML and INI manifests, read as far as they can be: what is broken says nothing."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Mapping

# A key of so many parts that nobody wrote it: the time to read one grows with the square of them.
_ENDLESS = re.compile(r"""^[ \t]*+\[{0,2}+[ \t]*+(?:["'\w-]+[ \t]*\.[ \t]*){100}""", re.MULTILINE)


def toml_of(text: str) -> Mapping[str, object]:
    if _ENDLESS.search(text):
        return {}
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):  # a number of too many digits is no error of TOML
        return {}


def ini_of(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser()
    return parser


def table_of(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The table ``name`` of a TOML table; empty where there is none, or something else."""
    value = data.get(name)
    return value if isinstance(value, dict) else {}
