"""What becomes of a wish, given who asks and what was done before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from honk.core.errors import ForgeError, UserError
from honk.core.followup import Remark, Standing
from honk.core.order import Order
from honk.triggers.github import Place, Wish
from honk.triggers.github_act import Earlier, act

BRANCH, HEAD = "honk/say-hello-1", "a" * 40


@dataclass
class Desk:
    """A front desk that writes down what it is asked for."""

    orders: list[Order] = field(default_factory=list)
    keys: set[tuple[str, str]] = field(default_factory=set)
    said: list[tuple[str, str]] = field(default_factory=list)
    refuses: str = ""

    def submit(self, order: Order, *, key: tuple[str, str] | None = None) -> str:
        if self.refuses:
            raise UserError(self.refuses)
        assert key is not None
        if key not in self.keys:
            self.orders.append(order)
        self.keys.add(key)
        return "r1"

    def resume(self, run_id: str) -> None:
        raise AssertionError("nobody resumes here")

    def cancel(self, run_id: str, reason: str) -> bool:
        raise AssertionError("nobody cancels here")

    def say(self, run_id: str, text: str) -> None:
        self.said.append((run_id, text))


@dataclass
class Hub:
    """A GitHub with one pull request."""

    branch: str = BRANCH
    state: str = "open"
    fork: str = ""
    opened: int = 4
    runs: list[Earlier] = field(default_factory=list)
    answers: list[tuple[int, str, str]] = field(default_factory=list)
    reactions: list[tuple[Place, str]] = field(default_factory=list)
    holder: str = ""
    orders: dict[str, tuple[Remark, ...]] = field(default_factory=dict)  # by their keys

    def may_write(self, login: str) -> bool:
        return login == "ada"

    def standing(self, number: int) -> Standing:
        return Standing.model_validate(
            {
                "number": number, "url": "u", "state": self.state, "draft": True, "title": "t", "body": "",
                "base": "main", "branch": self.branch, "head": HEAD, "head_owner": self.fork,
            }
        )  # fmt: skip

    def number_of(self, branch: str) -> int | None:
        return 4 if branch == self.branch else None

    def own(self, branch: str, number: int = 0) -> bool:
        return branch == BRANCH and number in (0, self.opened)

    def earlier(self, number: int) -> list[Earlier]:
        return self.runs

    def claim(self, number: int, key: str) -> str:
        return self.holder or key

    def ordered(self, key: str) -> bool:
        return key in self.orders

    def said(self, run_id: str) -> tuple[Remark, ...]:
        return next(iter(self.orders.values()), ())

    def react(self, place: Place, content: str) -> None:
        self.reactions.append((place, content))

    def answer(self, number: int, key: str, text: str) -> None:
        self.answers.append((number, key, text))

    def link(self, run_id: str) -> str:
        return f"`{run_id}`"


def talk(**changes: object) -> Wish:
    remark = Remark(id="line-3", author="ada", text="Louder", place="a.py:1", at=datetime.now(UTC))
    fields: dict[str, object] = {
        "kind": "followup", "repo": "acme/app", "number": 4, "actor": "ada", "actor_id": 12,
        "text": "Louder", "remark": remark, "place": Place(kind="line", id=3), "url": "https://x/4",
    }  # fmt: skip
    return Wish.model_validate(fields | changes)


def failed(**changes: object) -> Wish:
    fields = {"kind": "checks", "repo": "acme/app", "number": 4, "branch": BRANCH, "head": HEAD}
    return Wish.model_validate(fields | changes)


def test_a_remark_becomes_a_follow_up_with_its_words_as_they_stood() -> None:
    hub, desk = Hub(), Desk()
    assert act(talk(), "d1", hub, desk, 3) == "acme/app#4 is run r1"
    [order] = desk.orders
    assert order.followup is not None
    assert (order.followup.number, order.followup.cause) == (4, "asked")
    assert [remark.text for remark in order.followup.said] == ["Louder"]
    assert order.requester == "ada <12+ada@users.noreply.github.com>"
    assert (order.origin.kind, order.origin.place) == ("github", "acme/app#4")
    assert hub.reactions == [(Place(kind="line", id=3), "eyes")]
    assert hub.answers == [(4, "r1", "honk is at work: run `r1`.")]


def test_words_that_do_not_call_honk_count_on_what_it_opened_itself_also_from_its_fork() -> None:
    elsewhere = "honk/of-another-installation"
    for hub, wish in ((Hub(fork="honk-bot"), talk()), (Hub(branch=elsewhere), talk(called=True))):
        desk = Desk()
        act(wish, "d1", hub, desk, 3)
        assert len(desk.orders) == 1


def test_a_run_that_works_hears_the_words_instead() -> None:
    hub, desk = Hub(runs=[Earlier("r0", "checks", HEAD, live=True)]), Desk()
    assert act(talk(), "d1", hub, desk, 3) == "said to run r0"
    assert desk.said == [("r0", "ada (at a.py:1): Louder")]
    assert desk.orders == []


def test_who_orders_the_same_follow_up_a_moment_later_has_the_words_said_to_its_run() -> None:
    other = Remark(id="line-2", author="ada", text="Shorter", at=datetime.now(UTC))
    wish = talk()
    assert wish.remark is not None
    for known, words in ((other, [("r1", "ada (at a.py:1): Louder")]), (wish.remark, [])):
        hub, desk = Hub(holder="d0", orders={"d0": (known,)}), Desk()
        assert act(wish, "d1", hub, desk, 3) == "acme/app#4 is being followed up: run r1"
        assert (desk.keys, desk.said, hub.answers) == ({("github", "d0")}, words, [])
        assert hub.reactions == [(Place(kind="line", id=3), "eyes")]


@pytest.mark.parametrize(
    ("hub", "wish"),
    [
        (Hub(), talk(actor="passer-by", called=True)),
        (Hub(state="closed"), talk(called=True)),
        (Hub(state="merged"), talk()),
        (Hub(branch="feature"), talk()),
        (Hub(branch="honk/of-somebody-else"), talk()),
        (Hub(fork="mallory", opened=3), talk()),
        (Hub(), failed(branch="honk/of-somebody-else")),
        (Hub(), failed(head="b" * 40)),
        (Hub(state="closed"), failed()),
        (Hub(branch="feature"), failed(number=0)),
        (Hub(runs=[Earlier("r0", "asked", "c" * 40, live=True)]), failed()),
        (Hub(runs=[Earlier("r0", "checks", HEAD, live=False)]), failed()),
        (Hub(runs=[Earlier(f"r{n}", "checks", "c" * 40, live=False) for n in range(3)]), failed()),
    ],
)
def test_what_is_left_alone_is_left_alone_in_silence(hub: Hub, wish: Wish) -> None:
    desk = Desk()
    act(wish, "d1", hub, desk, 3)
    assert (desk.orders, desk.said, hub.answers, hub.reactions) == ([], [], [], [])


def test_a_word_of_a_person_lets_failing_checks_be_repaired_again() -> None:
    checks = [Earlier(f"r{n}", "checks", f"{n}" * 40, live=False) for n in range(3)]
    spoken = Earlier("r9", "asked", "9" * 40, live=False)
    desk = Desk()
    act(failed(number=0), "d1", Hub(runs=[*checks[:2], spoken, *checks]), desk, 3)
    act(failed(), "d2", Hub(), desk, 3)  # the same head by another event
    [order] = desk.orders
    assert order.followup is not None
    assert (order.followup.number, order.followup.cause) == (4, "checks")


def test_who_calls_honk_by_name_is_told_why_it_does_not_come() -> None:
    hub = Hub(branch="feature")
    act(talk(called=True), "d1", hub, Desk(), 3)
    assert "not honk's own" in hub.answers[0][2]
    hub = Hub()
    act(talk(called=True), "d1", hub, Desk(refuses="Not open."), 3)
    assert hub.answers == [(4, "d1", "Not open.")]


def test_a_listed_bot_is_not_asked_for_rights_that_github_gives_to_people_only() -> None:
    desk = Desk()
    act(talk(actor="helper[bot]", bot=True), "d1", Hub(), desk, 3)
    assert len(desk.orders) == 1


def test_what_fails_before_there_is_a_run_is_an_error_and_what_fails_after_it_a_line() -> None:
    class Away(Hub):
        def may_write(self, login: str) -> bool:
            raise ForgeError("GitHub is away.")

    with pytest.raises(ForgeError):
        act(talk(), "d1", Away(), Desk(), 3)

    class Deaf(Hub):
        def react(self, place: Place, content: str) -> None:
            raise ForgeError("GitHub is away.")

    said = act(talk(), "d1", Deaf(), Desk(), 3)
    assert said == "acme/app#4 is run r1; that could not be said there: GitHub is away."
