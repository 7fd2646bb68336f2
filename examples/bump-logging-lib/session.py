"""The scripted session of the demo: what a model does with "bump logging lib".

It is played by honk.testing.scripted where no real model is configured. The first round of
edits overlooks a keyword in orders/payments.py; a test fails, and the second round mends it.
"""

from __future__ import annotations

from honk.testing.turns import Call, Script, Turn

REQUEST = "bump logging lib"

CHANGELOG = """cat "$(python -c 'import acme_log; print(acme_log.__path__[0])')/CHANGELOG.md\""""


def _bash(command: str) -> Call:
    return Call("bash", {"command": command})


def _edit(path: str, old: str, new: str) -> Call:
    return Call("edit", {"path": path, "old": old, "new": new})


def _renamed(path: str, name: str) -> tuple[Call, Call]:
    """The two edits that every module needs."""
    return (
        _edit(path, "from acme_log import get_logger\n", "from acme_log import logger\n"),
        _edit(path, f'log = get_logger("{name}")\n', f'log = logger("{name}")\n'),
    )


def _keyword(path: str, line: str) -> Call:
    """Rename the calls of one line as the changelog says."""
    return _edit(path, line, line.replace(".warn(", ".warning(").replace("ctx=", "fields="))


STOCK = (
    *_renamed("orders/stock.py", "orders.stock"),
    _keyword(
        "orders/stock.py",
        '                log.error("out of stock", '
        'ctx={"order": order.id, "sku": line.sku, "left": self[line.sku]})\n',
    ),
    _keyword(
        "orders/stock.py",
        '                log.warn("stock is low", ctx={"sku": line.sku, "left": self[line.sku]})\n',
    ),
    _keyword("orders/stock.py", '        log.info("stock released", ctx={"order": order.id})\n'),
)

SHIPPING = (
    *_renamed("orders/shipping.py", "orders.shipping"),
    _keyword(
        "orders/shipping.py",
        '        log.warn("order needs freight", ctx={"order": order.id, "pieces": pieces})\n',
    ),
    _keyword(
        "orders/shipping.py",
        '    log.info("shipment planned", ctx={"order": order.id, "carrier": carrier})\n',
    ),
)

SERVICE = (
    *_renamed("orders/service.py", "orders.service"),
    _keyword(
        "orders/service.py",
        '    log.info("order received", ctx={"order": order.id, "lines": len(order.lines)})\n',
    ),
    _keyword(
        "orders/service.py",
        '        log.warn("order is not paid", ctx={"order": order.id, "why": type(error).__name__})\n',
    ),
)

PAYMENTS = (
    *_renamed("orders/payments.py", "orders.payments"),
    _keyword(
        "orders/payments.py",
        '            bound.warn("bank did not answer", ctx={"attempt": attempt + 1})\n',
    ),
    _edit(  # the keyword on the next line is overlooked
        "orders/payments.py",
        '            bound.warn(\n                "payment declined",\n',
        '            bound.warning(\n                "payment declined",\n',
    ),
    _keyword(
        "orders/payments.py",
        '        bound.info("payment accepted", ctx={"reference": reference, "amount": order.total})\n',
    ),
)

REPAIR = _keyword(
    "orders/payments.py",
    '                ctx={"customer": order.customer, "amount": order.total, "reason": str(error)},\n',
)

DESCRIPTION = """\
Moves the service from acme-log 1.4.2 to 2.0.0, following the migration notes in the package's changelog:

- `get_logger` is now `logger`;
- `Logger.warn` is now `Logger.warning`;
- the keyword `ctx=` is now `fields=`.

Messages, levels and data keys of the records stay as they are, so alerts that read them need no change.
"""

TURNS: tuple[Turn, ...] = (
    Turn(
        "I look at the repository and at how it uses its logging library.",
        (_bash("ls -a && cat requirements.txt && git log --oneline"), _bash("rg -n acme_log")),
    ),
    Turn(
        "The library is acme-log, pinned to 1.4.2. I see which versions there are.",
        (_bash("pip index versions acme-log"),),
    ),
    Turn(
        "2.0.0 is the newest. I bump the pin.",
        (_edit("requirements.txt", "acme-log==1.4.2\n", "acme-log==2.0.0\n"),),
    ),
    Turn(
        "A major version: I install it and read its migration notes before touching the code.",
        (_bash(f"pip install -q -r requirements.txt && {CHANGELOG}"),),
    ),
    Turn(
        "Two renamed calls and a renamed keyword. I find the places.",
        (
            _bash(r"rg -n 'get_logger|\.warn\(|ctx=' orders tests"),
            _bash("cat orders/payments.py orders/stock.py"),
            _bash("cat orders/service.py orders/shipping.py"),
        ),
    ),
    Turn("I change the four modules.", (*STOCK, *SHIPPING, *SERVICE, *PAYMENTS)),
    Turn("Now the tests.", (_bash("python -m pytest -q"),)),
    Turn(
        "The call for a declined payment spans several lines, and its keyword still has the old name.",
        (REPAIR, _bash(r"rg -n 'get_logger|\.warn\(|ctx=' . || echo 'nothing left'")),
    ),
    Turn("Nothing is left of the old names. I verify.", (Call("verify", {}),)),
    Turn(
        "",
        (
            Call(
                "finish",
                {
                    "status": "done",
                    "title": "Bump acme-log to 2.0.0",
                    "description": DESCRIPTION,
                },
            ),
        ),
    ),
)

JUDGE: tuple[Turn, ...] = (Turn('{"verdict": "approve", "reasons": []}'),)

SCRIPT = Script(turns=TURNS, judge=JUDGE)
