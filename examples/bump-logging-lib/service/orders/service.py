"""One order from arrival to shipment."""

from dataclasses import dataclass

from acme_log import get_logger

from orders.model import Order
from orders.payments import Charge, Declined, pay
from orders.shipping import plan
from orders.stock import OutOfStock, Stock

log = get_logger("orders.service")


@dataclass(frozen=True)
class Result:
    order: str
    state: str  # "shipped", "rejected" or "unpaid"
    shipment: dict[str, object] | None = None


def handle(order: Order, stock: Stock, charge: Charge) -> Result:
    """Reserve, charge, ship. Stock of an order that is not paid goes back."""
    log.info("order received", ctx={"order": order.id, "lines": len(order.lines)})
    try:
        stock.reserve(order)
    except OutOfStock:
        return Result(order.id, "rejected")
    try:
        pay(order, charge)
    except (Declined, TimeoutError) as error:
        stock.release(order)
        log.warn("order is not paid", ctx={"order": order.id, "why": type(error).__name__})
        return Result(order.id, "unpaid")
    return Result(order.id, "shipped", plan(order))
