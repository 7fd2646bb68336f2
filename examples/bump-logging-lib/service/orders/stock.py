"""What is in the warehouse."""

from acme_log import get_logger

from orders.model import Order

log = get_logger("orders.stock")

LOW = 3  # pieces; at or below this the buyers are told


class OutOfStock(Exception):
    def __init__(self, sku: str) -> None:
        super().__init__(f"{sku} is out of stock")
        self.sku = sku


class Stock:
    def __init__(self, pieces: dict[str, int]) -> None:
        self._pieces = dict(pieces)

    def __getitem__(self, sku: str) -> int:
        return self._pieces.get(sku, 0)

    def reserve(self, order: Order) -> None:
        """Take all lines of an order, or none. Raises OutOfStock."""
        for line in order.lines:
            if self[line.sku] < line.quantity:
                log.error("out of stock", ctx={"order": order.id, "sku": line.sku, "left": self[line.sku]})
                raise OutOfStock(line.sku)
        for line in order.lines:
            self._pieces[line.sku] -= line.quantity
            if self[line.sku] <= LOW:
                log.warn("stock is low", ctx={"sku": line.sku, "left": self[line.sku]})

    def release(self, order: Order) -> None:
        """Give the lines of an order back."""
        for line in order.lines:
            self._pieces[line.sku] = self[line.sku] + line.quantity
        log.info("stock released", ctx={"order": order.id})
