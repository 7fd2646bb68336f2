"""Dollars for tokens, and context windows, from the list that genai-prices bundles. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from honk.core.messages import Usage
from honk.core.operator import Price

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

_MILLION = 1_000_000


def _listed(name: str, usage: Usage) -> PriceCalculation | None:
    """What genai-prices says of ``usage``. It counts cached tokens as part of the input."""
    import genai_prices

    provider, _, model = name.partition(":")
    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    try:
        return genai_prices.calc_price(tokens, model, provider_id=provider)
    except (LookupError, ValueError):
        return None


def _base(rate: Any) -> float | None:
    """Dollars per million tokens; of a rate in tiers, the first one."""
    if rate is None:
        return None
    return float(getattr(rate, "base", rate))


def find_price(name: str, overrides: Mapping[str, Price]) -> Price | None:
    """The price of ``provider:NAME``: the operator's own, else the listed one, else None.

    Where the list has tiers, this is the lowest; :func:`cost` uses them all.
    """
    if name in overrides:
        return overrides[name]
    found = _listed(name, Usage())
    if found is None:
        return None
    rates = found.model_price
    price_in, price_out = _base(rates.input_mtok), _base(rates.output_mtok)
    if price_in is None or price_out is None:
        return None
    read, write = _base(rates.cache_read_mtok), _base(rates.cache_write_mtok)
    return Price(input=price_in, output=price_out, cache_read=read, cache_write=write)


def context_window(name: str) -> int | None:
    """Tokens that the model ``provider:NAME`` takes in one request, if the list says so."""
    found = _listed(name, Usage())
    return None if found is None else found.model.context_window


@cache
def _flat(name: str) -> Price | None:
    """The listed price if it is one number for each kind of token, at any time and size.

    Asking the list takes 0.3 ms for each call; this multiplication takes none.
    """
    found = _listed(name, Usage())
    if found is None or isinstance(found.model.prices, list):
        return None
    rates = found.model_price
    used = (rates.input_mtok, rates.output_mtok, rates.cache_read_mtok, rates.cache_write_mtok)
    return find_price(name, {}) if all(isinstance(r, Decimal | None) for r in used) else None


def cost(name: str, usage: Usage, overrides: Mapping[str, Price]) -> float | None:
    """Dollars of one model call (tiers depend on the size of each call, so not of a sum).

    None if the price is unknown; that is so for every call of a model or for none.
    """
    price = overrides.get(name) or _flat(name)
    if price is None:
        found = _listed(name, usage)
        return None if found is None else float(found.total_price)
    read = price.input if price.cache_read is None else price.cache_read
    write = price.input if price.cache_write is None else price.cache_write
    return (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_read_tokens * read
        + usage.cache_write_tokens * write
    ) / _MILLION
