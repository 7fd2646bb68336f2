"""Templates are strict: a value that is not given is an error, never an empty line."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from honk.prompts import render

PROMPTS = Path(__file__).resolve().parent.parent / "prompts"
FIXED = {"compact.md", "cut_off.md", "judge_system.md"}  # these take no values
NAMES = sorted(path.name.removesuffix(".j2") for path in PROMPTS.glob("*.j2"))


@pytest.mark.parametrize("name", sorted(set(NAMES) - FIXED))
def test_a_missing_value_is_an_error(name: str) -> None:
    with pytest.raises(UndefinedError):
        render(name)


@pytest.mark.parametrize("name", sorted(FIXED))
def test_a_fixed_text_is_whole(name: str) -> None:
    text = render(name)
    assert text
    assert "{{" not in text
