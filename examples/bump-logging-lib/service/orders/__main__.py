"""``python -m orders FILE``: handle the orders of a JSON file with a bank that accepts everything."""

import json
import sys
from pathlib import Path

from acme_log import set_level

from orders.model import order_from_json
from orders.service import handle
from orders.stock import Stock


def main(path: str) -> int:
    set_level("warning")
    data = json.loads(Path(path).read_text())
    stock = Stock(data["stock"])
    for entry in data["orders"]:
        result = handle(order_from_json(entry), stock, lambda customer, amount: "accepted")
        print(result.order, result.state)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
