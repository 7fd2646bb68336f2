from decimal import Decimal

import pytest
from orders.model import Line, Order
from orders.payments import Declined, pay

ORDER = Order("o-7", "ada", (Line("pen", 4, Decimal("2.50")),))


def test_an_accepted_payment_returns_the_reference(records):
    assert pay(ORDER, lambda customer, amount: f"{customer}-{amount}") == "ada-10.00"
    (record,) = records
    assert (record.level, record.name) == ("info", "orders.payments")
    assert record.data == {"order": "o-7", "reference": "ada-10.00", "amount": Decimal("10.00")}


def test_a_silent_bank_is_asked_again(records):
    answers = iter([TimeoutError(), "ref-1"])

    def charge(customer, amount):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert pay(ORDER, charge) == "ref-1"
    assert [(r.level, r.message) for r in records] == [
        ("warning", "bank did not answer"),
        ("info", "payment accepted"),
    ]


def test_a_declined_payment_says_why(records):
    def charge(customer, amount):
        raise Declined("card expired")

    with pytest.raises(Declined):
        pay(ORDER, charge)
    (record,) = records
    assert (record.level, record.message) == ("warning", "payment declined")
    assert record.data == {
        "order": "o-7",
        "customer": "ada",
        "amount": Decimal("10.00"),
        "reason": "card expired",
    }
