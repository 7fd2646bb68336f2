"""Deliveries of one pull request at the same moment, at servers with one database: one run comes of them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from honk import settings as settings_module
from honk.core.cancel import Cancel
from honk.core.errors import StoreError
from honk.core.events import BaseResolved, Published, RunEnded
from honk.core.followup import Remark, Standing
from honk.core.state import fold
from honk.core.types import Base, Outcome, PullRequest, Request
from honk.queue.engine import RunQueue, queue_url
from honk.settings import Settings
from honk.triggers.github import Place, Wish
from honk.triggers.github_act import Earlier, act
from honk.wiring import enlist
from honk.wiring.desk import QueueDesk
from honk.wiring.hub import InstalledHub
from honk.wiring.repositories import github_repo, open_forge
from honk.wiring.stores import Stores, open_stores
from tests.server.conftest import record

BRANCH, HEAD = "honk/say-hello-1", "a" * 40


@dataclass
class Held:
    """An installation's hub, whose GitHub is made up. ``looked`` is called between its look for a
    run that works and what follows from it."""

    here: InstalledHub
    looked: Callable[[], object]

    def may_write(self, login: str) -> bool:
        return True

    def standing(self, number: int) -> Standing:
        return Standing.model_validate(
            {
                "number": number, "url": "u", "state": "open", "draft": True, "title": "t", "body": "",
                "base": "main", "branch": BRANCH, "head": HEAD,
            }
        )  # fmt: skip

    def number_of(self, branch: str) -> int | None:
        return 4

    def own(self, branch: str, number: int = 0) -> bool:
        return True

    def earlier(self, number: int) -> list[Earlier]:
        found = self.here.earlier(number)
        self.looked()
        return found

    def claim(self, number: int, key: str) -> str:
        return self.here.claim(number, key)

    def ordered(self, key: str) -> bool:
        return self.here.ordered(key)

    def said(self, run_id: str) -> tuple[Remark, ...]:
        return self.here.said(run_id)

    def react(self, place: Place, content: str) -> None:
        pass

    def answer(self, number: int, key: str, text: str) -> None:
        pass

    def link(self, run_id: str) -> str:
        return self.here.link(run_id)


@dataclass
class Server:
    """One process of the service, but for its being one."""

    stores: Stores
    queue: RunQueue
    desk: QueueDesk
    hub: Held

    def deliver(self, wish: Wish, delivery: str) -> str:
        return act(wish, delivery, self.hub, self.desk, 3)

    def heard(self, run_id: str) -> set[str]:
        """What the run was ordered with, and what was said to it since."""
        words = {remark.text for remark in self.hub.said(run_id)}
        return words | {word.text.partition(": ")[2] for word in self.stores.inbox.look(run_id)}


def open_server(stack: ExitStack, settings: Settings, looked: Callable[[], object] = lambda: None) -> Server:
    stores = stack.enter_context(open_stores(settings))
    queue = stack.enter_context(RunQueue(queue_url(settings.database_url, settings.home)))
    forge = open_forge(settings, cancel=Cancel(), notice=print)
    stack.callback(forge.close)
    hub = InstalledHub(settings, stores, forge, github_repo("acme/app", settings))
    return Server(stores, queue, QueueDesk(settings, stores, queue, print), Held(hub, looked))


def settings_of(url: str, tmp_path: Path) -> Settings:
    environ = {
        "HONK_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "HONK_DATABASE_URL": url,
        "ANTHROPIC_API_KEY": "k", "GITHUB_TOKEN": "ghp_x",
    }  # fmt: skip
    settings = settings_module.load(environ=environ)
    server = settings.server.model_copy(update={"repositories": ("acme/*",)})
    return settings.model_copy(update={"server": server})


def remark(number: int) -> Wish:
    said = Remark(id=f"line-{number}", author="ada", text=f"Line {number}", at=datetime.now(UTC))
    return Wish(
        kind="followup", repo="acme/app", number=4, actor="ada", actor_id=12, text=said.text, remark=said,
        place=Place(kind="line", id=number), url="https://x/4",
    )  # fmt: skip


FAILED = Wish(kind="checks", repo="acme/app", number=4, branch=BRANCH, head=HEAD)


def test_its_own_is_what_a_run_here_made_and_of_a_fork_only_what_it_opened(tmp_path: Path) -> None:
    settings = settings_of(f"sqlite:///{tmp_path}/honk.sqlite", tmp_path)
    with ExitStack() as stack:
        server = open_server(stack, settings)
        here, stores = server.hub.here, server.stores
        run_id = enlist(stores, Request(text="x", repo=here.repo, model="replay:x"))
        branch = f"honk/say-hello-{run_id}"
        base = Base(repo=here.repo, branch="main", sha=HEAD, default_branch="main")
        record(stores, run_id, BaseResolved(base=base, branch=branch, verify=()))
        assert here.own(branch) and not here.own(branch, 4)
        pull = PullRequest(url="u", number=4, draft=True, created=True)
        record(stores, run_id, Published(pull_request=pull, title="t", body="b"))
        assert here.own(branch, 4) and not here.own(branch, 5)
        assert not here.own(f"honk/say-bye-{run_id}")


def deliver(said: list[str], server: Server, wish: Wish) -> None:
    said.append(server.deliver(wish, f"d-{wish.text}"))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.full)])
def test_one_review_is_one_run_that_hears_all_of_it(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = settings_of(request.getfixturevalue(f"{kind}_url"), tmp_path)
    together = threading.Barrier(4)
    with ExitStack() as stack:
        servers = [open_server(stack, settings, together.wait) for _ in range(4)]
        stores = servers[0].stores
        for first in (0, 10):  # the second review comes once the run of the first has ended
            said: list[str] = []
            wishes = [*map(remark, range(first, first + 3)), FAILED]
            threads = [
                threading.Thread(target=deliver, args=(said, *each))
                for each in zip(servers, wishes, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            [run_id] = (
                run_id for run_id in stores.events.runs() if not fold(stores.events.read(run_id)).ended
            )
            assert len(said) == 4
            assert stores.links.runs("followup", "acme/app#4")[0] == run_id
            assert servers[0].heard(run_id) == {f"Line {n}" for n in range(first, first + 3)}
            record(stores, run_id, RunEnded(outcome=Outcome.PUBLISHED, reason="", seconds=1))
        assert len(stores.events.runs()) == 2


def test_what_failed_half_way_is_the_same_run_when_it_is_delivered_again(tmp_path: Path) -> None:
    settings = settings_of(f"sqlite:///{tmp_path}/honk.sqlite", tmp_path)
    with ExitStack() as stack:
        server = open_server(stack, settings)
        with closing(sqlite3.connect(settings.home / "queue.sqlite")) as queue:
            queue.execute("ALTER TABLE workflow_status RENAME TO away")
            with pytest.raises(StoreError):  # the run is written down, and not queued
                server.deliver(remark(1), "d-1")
            queue.execute("ALTER TABLE away RENAME TO workflow_status")
        [run_id] = server.stores.events.runs()
        assert server.deliver(remark(1), "d-1").endswith(run_id)
        assert (server.queue.depth(), server.stores.inbox.look(run_id)) == (1, [])
        assert server.deliver(remark(2), "d-2") == f"said to run {run_id}"
        assert server.heard(run_id) == {"Line 1", "Line 2"}
