"""Dollars from the bundled price list and from the operator."""

from __future__ import annotations

import pytest

from honk.core.messages import Usage
from honk.core.operator import Price
from honk.models.prices import context_window, cost, find_price

LARGE = Usage(input_tokens=150_000, output_tokens=1_000, cache_read_tokens=100_000, cache_write_tokens=50_000)


def test_listed_prices_include_the_cache() -> None:
    price = find_price("anthropic:claude-opus-4-6", {})
    assert price == Price(input=5, output=25, cache_read=0.5, cache_write=6.25)
    assert cost("anthropic:claude-opus-4-6", LARGE, {}) == pytest.approx(0.75 + 0.025 + 0.05 + 0.3125)


def test_openai_models_are_listed() -> None:
    price = find_price("openai:gpt-5.2", {})
    assert price is not None
    assert 0 < price.input < price.output
    assert cost("openai:gpt-5.2", Usage(output_tokens=1_000_000), {}) == pytest.approx(price.output)


def test_context_windows_come_from_the_list() -> None:
    assert context_window("anthropic:claude-opus-4-5") == 200_000
    assert context_window("openai:gpt-4-turbo") == 128_000
    assert context_window("openai:my-own-llama") is None


@pytest.mark.parametrize("name", ["anthropic:claude-nine", "openai:my-own-llama", "elsewhere:x", "plain"])
def test_an_unknown_model_has_no_price(name: str) -> None:
    assert find_price(name, {}) is None
    assert cost(name, LARGE, {}) is None


def test_the_operator_goes_before_the_list() -> None:
    own = {"anthropic:claude-opus-4-6": Price(input=1, output=2), "openai:mine": Price(input=0, output=0)}
    assert find_price("anthropic:claude-opus-4-6", own) == own["anthropic:claude-opus-4-6"]
    assert cost("anthropic:claude-opus-4-6", LARGE, own) == pytest.approx(0.3 + 0.002)
    assert cost("openai:mine", LARGE, own) == 0
    priced = {"openai:mine": Price(input=1, output=2, cache_read=0.1, cache_write=1.25)}
    assert cost("openai:mine", LARGE, priced) == pytest.approx(0.15 + 0.002 + 0.01 + 0.0625)


def test_tiers_apply_to_the_size_of_one_call() -> None:
    name = "anthropic:claude-sonnet-4-5"  # dearer above 200,000 tokens of input
    small = cost(name, Usage(input_tokens=100_000), {})
    large = cost(name, Usage(input_tokens=400_000), {})
    assert small is not None
    assert large is not None
    assert large > 4 * small
