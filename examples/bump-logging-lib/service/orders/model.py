"""Orders and their lines."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Line:
    sku: str
    quantity: int
    price: Decimal  # of one piece


@dataclass(frozen=True)
class Order:
    id: str
    customer: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.price * line.quantity for line in self.lines), Decimal(0))


def order_from_json(data: dict) -> Order:
    """Raises ValueError if the order has no lines or a quantity below one."""
    lines = tuple(Line(x["sku"], int(x["quantity"]), Decimal(x["price"])) for x in data["lines"])
    if not lines:
        raise ValueError(f"order {data['id']} has no lines")
    if any(line.quantity < 1 for line in lines):
        raise ValueError(f"order {data['id']} has a quantity below one")
    return Order(data["id"], data["customer"], lines)
