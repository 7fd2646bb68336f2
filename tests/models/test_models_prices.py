"""Dollars from the bundled price list and from the operator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from honk.core.errors import UserError
from honk.core.messages import Usage
from honk.core.operator import Price
from honk.models.prices import Listed, listed
from honk.settings import Settings, load
from honk.wiring.models import context_window, pricing

LARGE = Usage(input_tokens=150_000, output_tokens=1_000, cache_read_tokens=100_000, cache_write_tokens=50_000)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(environ={}).model_copy(update={"home": tmp_path})


def test_listed_prices_include_the_cache(settings: Settings) -> None:
    found = listed("anthropic:claude-opus-4-6", settings.home)
    assert found.price == Price(input=5, output=25, cache_read=0.5, cache_write=6.25) and not found.flat
    assert listed("anthropic:claude-opus-4-5", settings.home).flat
    cost = pricing("anthropic:claude-opus-4-6", settings)
    assert cost(LARGE) == pytest.approx(0.75 + 0.025 + 0.05 + 0.3125)


def test_openai_models_are_listed(settings: Settings) -> None:
    price = listed("openai:gpt-5.2", settings.home).price
    assert price is not None
    assert 0 < price.input < price.output
    cost = pricing("openai:gpt-5.2", settings)
    assert cost(Usage(output_tokens=1_000_000)) == pytest.approx(price.output)


def test_context_windows_come_from_the_list(settings: Settings) -> None:
    assert context_window("anthropic:claude-opus-4-5", settings) == 200_000
    assert context_window("openai:gpt-4-turbo", settings) == 128_000
    assert context_window("openai:my-own-llama", settings) is None


@pytest.mark.parametrize("name", ["anthropic:claude-nine", "openai:my-own-llama", "elsewhere:x", "plain"])
def test_an_unknown_model_has_no_price(settings: Settings, name: str) -> None:
    assert listed(name, settings.home) == Listed()
    with pytest.raises(UserError, match="is unknown"):
        pricing(name, settings)


def test_the_operator_goes_before_the_list(settings: Settings) -> None:
    def cost(name: str, price: Price) -> float:
        return pricing(name, settings.model_copy(update={"price": {name: price}}))(LARGE)

    assert cost("anthropic:claude-opus-4-6", Price(input=1, output=2)) == pytest.approx(0.3 + 0.002)
    assert cost("openai:mine", Price(input=0, output=0)) == 0
    priced = Price(input=1, output=2, cache_read=0.1, cache_write=1.25)
    assert cost("openai:mine", priced) == pytest.approx(0.15 + 0.002 + 0.01 + 0.0625)


def test_tiers_apply_to_the_size_of_one_call(settings: Settings) -> None:
    cost = pricing("anthropic:claude-sonnet-4-5", settings)  # dearer above 200,000 tokens of input
    assert cost(Usage(input_tokens=100_000)) > 0
    assert cost(Usage(input_tokens=400_000)) > 4 * cost(Usage(input_tokens=100_000))


def test_the_list_is_not_imported_for_a_model_that_was_looked_up(tmp_path: Path) -> None:
    name = "anthropic:claude-opus-4-6"
    code = (
        "import sys; from pathlib import Path; from honk.models.prices import listed; "
        f"print(listed({name!r}, Path({str(tmp_path)!r})).model_dump_json(), 'genai_prices' in sys.modules)"
    )

    def asked() -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    found = listed(name, tmp_path).model_dump_json()
    assert asked().split() == [found, "False"]
    [file] = tmp_path.iterdir()
    file.write_text(found[:-5])  # a disk that was full
    assert asked().split() == [found, "True"]
    assert asked().split() == [found, "False"]


def test_a_folder_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert listed("anthropic:claude-opus-4-5", tmp_path / "file" / "prices").flat
