"""Dollars for tokens, and context windows, from the list that genai-prices bundles. Nothing is fetched."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from honk.core.base import Frozen
from honk.core.messages import Usage
from honk.core.operator import Price

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

_MILLION = 1_000_000


class Listed(Frozen):
    """What the list says of a model. ``price`` is the lowest one where there are tiers; ``flat``: it
    is the same at any time and size. ``window``: tokens of one request."""

    price: Price | None = None
    flat: bool = False
    window: int | None = None


def listed(name: str, folder: Path) -> Listed:
    """What the list says of ``provider:NAME``.

    Kept in ``folder`` for this release of the list, as importing it is a twentieth of the time
    to a run's first request. What cannot be kept or read is looked up again.
    """
    key = f"{version('genai-prices')} {name}"
    file = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError):
        return Listed.model_validate_json(file.read_bytes())
    found = _look_up(name)
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        file.write_text(found.model_dump_json())
    return found


def _look_up(name: str) -> Listed:
    found = _listed(name, Usage())
    if found is None:
        return Listed()
    rates = found.model_price
    numbers = (rates.input_mtok, rates.output_mtok, rates.cache_read_mtok, rates.cache_write_mtok)
    price_in, price_out, read, write = map(_base, numbers)
    price = None
    if price_in is not None and price_out is not None:
        price = Price(input=price_in, output=price_out, cache_read=read, cache_write=write)
    timeless = not isinstance(found.model.prices, list)
    return Listed(
        price=price,
        flat=price is not None and timeless and all(isinstance(n, Decimal | None) for n in numbers),
        window=found.model.context_window,
    )


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


def cost(name: str, usage: Usage, price: Price | None) -> float | None:
    """Dollars of one model call (tiers depend on the size of each call, so not of a sum).

    ``price`` is what holds at any time and size, if it is known: asking the list takes 0.3 ms.
    None if the list has no price; that is so for every call of a model or for none.
    """
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
