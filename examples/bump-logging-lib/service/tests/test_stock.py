from decimal import Decimal

import pytest
from orders.model import Line, Order
from orders.stock import OutOfStock, Stock


def order(sku="pen", quantity=1):
    return Order("o-1", "ada", (Line(sku, quantity, Decimal("2.50")),))


def test_reserving_takes_the_pieces(records):
    stock = Stock({"pen": 10})
    stock.reserve(order(quantity=4))
    assert stock["pen"] == 6
    assert records == []


def test_low_stock_is_a_warning(records):
    Stock({"pen": 5}).reserve(order(quantity=3))
    (record,) = records
    assert (record.level, record.message) == ("warning", "stock is low")
    assert record.data == {"sku": "pen", "left": 2}


def test_out_of_stock_takes_nothing_and_is_an_error(records):
    stock = Stock({"pen": 1})
    with pytest.raises(OutOfStock):
        stock.reserve(order(quantity=2))
    assert stock["pen"] == 1
    assert [(r.level, r.data["left"]) for r in records] == [("error", 1)]
