import json
from decimal import Decimal

import pytest
from orders.__main__ import main
from orders.model import Line, Order, order_from_json
from orders.service import handle
from orders.stock import Stock


def order(quantity=1):
    return Order("o-9", "grace", (Line("ink", quantity, Decimal("9.00")),))


def accept(customer, amount):
    return "ref"


def test_a_paid_order_is_shipped(records):
    result = handle(order(), Stock({"ink": 10}), accept)
    assert (result.state, result.shipment["carrier"]) == ("shipped", "parcel")
    assert [r.message for r in records] == ["order received", "payment accepted", "shipment planned"]


def test_a_large_order_goes_by_freight(records):
    result = handle(order(quantity=21), Stock({"ink": 100}), accept)
    assert result.shipment["carrier"] == "freight"
    assert ("warning", {"order": "o-9", "pieces": 21}) in [(r.level, r.data) for r in records]


def test_an_order_without_stock_is_rejected(records):
    assert handle(order(), Stock({}), accept).state == "rejected"


def test_stock_of_an_unpaid_order_goes_back(records):
    def silent(customer, amount):
        raise TimeoutError

    stock = Stock({"ink": 10})
    assert handle(order(quantity=2), stock, silent).state == "unpaid"
    assert stock["ink"] == 10
    assert records[-1].data == {"order": "o-9", "why": "TimeoutError"}


def test_an_order_without_lines_is_refused():
    with pytest.raises(ValueError, match="no lines"):
        order_from_json({"id": "o-1", "customer": "ada", "lines": []})


def test_the_command_handles_a_file(tmp_path, capsys):
    lines = [{"sku": "ink", "quantity": 1, "price": "9.00"}]
    data = {"stock": {"ink": 9}, "orders": [{"id": "o-1", "customer": "ada", "lines": lines}]}
    path = tmp_path / "orders.json"
    path.write_text(json.dumps(data))
    assert main(str(path)) == 0
    assert capsys.readouterr().out == "o-1 shipped\n"
