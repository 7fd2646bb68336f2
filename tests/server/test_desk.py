"""The front desk: what is ordered again is no second run, whatever the first one does meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from honk import settings as settings_module
from honk.core.errors import UserError
from honk.core.order import Order, Origin
from honk.core.state import fold
from honk.queue.engine import RunQueue, queue_url
from honk.wiring import open_stores
from honk.wiring.desk import QueueDesk
from tests.e2e.installed import make_repo


def test_an_order_that_is_sent_again_is_the_same_run_even_while_that_works(tmp_path: Path) -> None:
    environ = {"HONK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "ANTHROPIC_API_KEY": "k"}
    settings = settings_module.load(environ=environ)
    server = settings.server.model_copy(update={"repositories": (f"{tmp_path}/**",)})
    settings = settings.model_copy(update={"server": server})
    order = Order(request="say hello", repo=str(make_repo(tmp_path / "o")))
    with open_stores(settings) as stores, RunQueue(queue_url(settings.database_url, settings.home)) as queue:
        desk = QueueDesk(settings, stores, queue, print)
        run_id = desk.submit(order, key=("api", "k1"))
        fence = stores.leases.claim(run_id, "a worker")
        assert desk.submit(order, key=("api", "k1")) == run_id
        stores.leases.release(run_id, fence)
        elsewhere = order.model_copy(update={"origin": Origin(kind="api", place="x")})
        assert desk.submit(elsewhere, key=("api", "k1")) == run_id
        for changes in ({"request": "say bye"}, {"repo": str(make_repo(tmp_path / "p"))}, {"max_turns": 3}):
            with pytest.raises(UserError, match="something else was ordered before"):
                desk.submit(order.model_copy(update=changes), key=("api", "k1"))

        gate, found = threading.Barrier(8), []

        def submit() -> None:
            gate.wait()
            found.append(desk.submit(order, key=("api", "k2")))

        threads = [threading.Thread(target=submit) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8 and len(set(found)) == 1  # all at once
        assert sorted(stores.events.runs()) == sorted({run_id, found[0]})
        assert queue.depth() == 2


def test_whoever_is_named_as_the_requester_is_one_line_in_the_log(tmp_path: Path) -> None:
    environ = {"HONK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "ANTHROPIC_API_KEY": "k"}
    settings = settings_module.load(environ=environ)
    evil = Order(request="x", repo="acme/o", requester="A <a@b>\nSigned-off-by: Z <z@z>\n[skip ci]")
    with open_stores(settings) as stores, RunQueue(queue_url(settings.database_url, settings.home)) as queue:
        run_id = QueueDesk(settings, stores, queue, print).submit(evil, key=None)
        asked = fold(stores.events.read(run_id)).request
    assert asked.requester == "A a@b Signed-off-by: Z z@z (skip ci)"
