"""Rendering of the templates in ``prompts/``. A missing value is an error, never an empty line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from honk import resources


def _cell(text: str) -> str:
    """Text that stays inside one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _code_cell(text: str) -> str:
    """Code inside one cell of a Markdown table."""
    return _code(_cell(text))


def _code(text: str) -> str:
    """Code within a sentence, whatever backticks it has."""
    text = " ".join(text.split())
    fence = "`"
    while fence in text:
        fence += "`"
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _first_of(names: Sequence[str], count: int) -> str:
    """The first ``count`` names as a list within a sentence, and how many more there are."""
    more = len(names) - count
    return ", ".join(names[:count]) + (f" and {more} more" if more > 0 else "")


def _first_lines(text: str, count: int) -> str:
    """The first lines, indented as a part of a list's item."""
    return "\n  ".join(text.splitlines()[:count])


def _quoted(text: str) -> str:
    """All lines as a quotation within a list's item, which no line of theirs can leave."""
    return "\n".join(f"  > {line}" for line in text.splitlines())


def _fenced(text: str, language: str = "") -> str:
    """Text in a fence that is longer than any that it has."""
    tildes = re.findall("~+", str(text))  # str: a missing value is an error
    fence = "~" * max([4, *(len(run) + 1 for run in tildes)])
    return f"{fence}{language}\n{text}\n{fence}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resources.folder("prompts")),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown and plain text, sanitised where they are made
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        cell=_cell,
        code=_code,
        code_cell=_code_cell,
        quoted=_quoted,
        fenced=_fenced,
        first_of=_first_of,
        first_lines=_first_lines,
    )
    return environment


def render(name: str, /, **values: object) -> str:
    """The template ``prompts/NAME.j2`` filled with ``values``, stripped at both ends.

    Raises jinja2.UndefinedError if the template asks for a value that is not given.
    """
    return _environment().get_template(f"{name}.j2").render(**values).strip()
