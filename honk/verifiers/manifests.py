"""TOML and INI manifests, read as far as they can be: what is broken says nothing."""

from __future__ import annotations

import configparser
from collections.abc import Mapping

from honk.core import toml


def toml_of(text: str) -> Mapping[str, object]:
    try:
        return toml.loads(text)
    except ValueError:
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
