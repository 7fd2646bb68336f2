"""Telling the warehouse what to send."""

from acme_log import get_logger

from orders.model import Order

log = get_logger("orders.shipping")

HEAVY = 20  # pieces; more go by freight


def plan(order: Order) -> dict[str, object]:
    """The warehouse's instruction for a paid order."""
    pieces = sum(line.quantity for line in order.lines)
    carrier = "freight" if pieces > HEAVY else "parcel"
    if carrier == "freight":
        log.warn("order needs freight", ctx={"order": order.id, "pieces": pieces})
    log.info("shipment planned", ctx={"order": order.id, "carrier": carrier})
    return {"order": order.id, "carrier": carrier, "skus": [line.sku for line in order.lines]}
