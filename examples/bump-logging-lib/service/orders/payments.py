"""Charging customers."""

from collections.abc import Callable
from decimal import Decimal

from acme_log import get_logger

from orders.model import Order

log = get_logger("orders.payments")

Charge = Callable[[str, Decimal], str]  # customer and amount to the bank's reference


class Declined(Exception):
    """The bank refuses; the message is its reason."""


def pay(order: Order, charge: Charge, retries: int = 2) -> str:
    """Charge the order's total and return the bank's reference.

    A bank that does not answer is asked again ``retries`` times. Raises Declined or TimeoutError.
    """
    bound = log.bind(order=order.id)
    for attempt in range(retries + 1):
        try:
            reference = charge(order.customer, order.total)
        except TimeoutError:
            bound.warn("bank did not answer", ctx={"attempt": attempt + 1})
            continue
        except Declined as error:
            bound.warn(
                "payment declined",
                ctx={"customer": order.customer, "amount": order.total, "reason": str(error)},
            )
            raise
        bound.info("payment accepted", ctx={"reference": reference, "amount": order.total})
        return reference
    raise TimeoutError(f"the bank did not answer {retries + 1} times")
