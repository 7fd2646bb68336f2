"""What honk does about a wish from GitHub: who may ask, which run it becomes, what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from honk.core.desk import Desk
from honk.core.errors import InfrastructureError, UserError
from honk.core.fates import BRANCHES
from honk.core.followup import FollowUp, Remark, Standing
from honk.core.order import Order, Origin
from honk.triggers.github import Place, Wish

SCOPE = "github"
"""Of the keys of orders."""


@dataclass(frozen=True)
class Earlier:
    """A run that followed up a pull request. ``live``: it has not ended."""

    run_id: str
    cause: str
    head: str
    live: bool


class Hub(Protocol):
    """GitHub and this installation's runs, as the wishes of one repository need them."""

    def may_write(self, login: str) -> bool:
        """Asked of GitHub now."""
        ...

    def standing(self, number: int) -> Standing: ...

    def number_of(self, branch: str) -> int | None:
        """The open pull request from ``branch``."""
        ...

    def own(self, branch: str, number: int = 0) -> bool:
        """Whether a run of this installation made the branch, and with ``number`` opened that one."""
        ...

    def earlier(self, number: int) -> list[Earlier]:
        """Follow-ups of a pull request, newest first."""
        ...

    def claim(self, number: int, key: str) -> str:
        """The key of the order that a follow-up begins by at this moment: ``key``, or one that was faster."""
        ...

    def ordered(self, key: str) -> bool:
        """Whether a run was ordered by this key before; that may have failed half-way."""
        ...

    def said(self, run_id: str) -> tuple[Remark, ...]:
        """The remarks that a run was ordered with; none while it is being written down."""
        ...

    def react(self, place: Place, content: str) -> None: ...

    def answer(self, number: int, key: str, text: str) -> None:
        """Say ``text`` in the one comment that ``key`` has there."""
        ...

    def link(self, run_id: str) -> str:
        """How a comment names a run."""
        ...


def act(wish: Wish, delivery: str, hub: Hub, desk: Desk, rounds: int) -> str:
    """Carry out ``wish``; a line for the operator's log says what became of it.

    Raises InfrastructureError if nothing did, so that it may be delivered again.
    """
    if wish.kind == "checks":
        return _repair(wish, hub, desk, rounds)
    # Of a bot GitHub's API says `none`, or 404 "is not a user", whatever its App may: the list decides.
    if not wish.bot and not hub.may_write(wish.actor):
        return f"{wish.actor} may not write to {wish.repo}"
    try:
        return _serve(wish, delivery, hub, desk, rounds)
    except UserError as error:
        if wish.called:
            hub.answer(wish.number, delivery, str(error))
        return str(error)


def _serve(wish: Wish, delivery: str, hub: Hub, desk: Desk, rounds: int) -> str:
    if wish.kind == "request":
        run_id = _submit(wish, Order(request=wish.text, repo=wish.repo), delivery, desk)
        return _acknowledge(wish, f"{wish.repo}#{wish.number} is run {run_id}", hub, run_id)
    standing = hub.standing(wish.number)
    if standing.state != "open":
        return f"{wish.repo}#{wish.number} is {standing.state}"
    if not standing.branch.startswith(BRANCHES):
        if not wish.called:
            return f"{wish.repo}#{wish.number} is not honk's"
        raise UserError("This pull request is not honk's own, so honk does not push to it.")
    live = [run for run in hub.earlier(wish.number) if run.live]
    if live and not hub.ordered(delivery):
        _say(wish, live[0].run_id, desk)
        return _acknowledge(wish, f"said to run {live[0].run_id}", hub)
    # Anybody may give a branch such a name, and in a fork even that of one which honk made.
    if not wish.called and not hub.own(standing.branch, wish.number if standing.head_owner else 0):
        return f"no run here opened {wish.repo}#{wish.number}"
    said = (wish.remark,) if wish.remark is not None else ()
    return _follow_up(wish, FollowUp(number=wish.number, rounds=rounds, said=said), delivery, hub, desk)


def _follow_up(wish: Wish, followup: FollowUp, key: str, hub: Hub, desk: Desk) -> str:
    """Order a follow-up, or help whoever is ordering one at this moment: GitHub delivers a review and
    each of its remarks by themselves, all at once.

    To help is to order the same again, which is one run whoever comes first, and then to say to it
    what it was not ordered with. So nobody waits for a process that died half-way.
    """
    again, holder = hub.ordered(key), hub.claim(wish.number, key)
    run_id = _submit(wish, Order(request="", repo=wish.repo, followup=followup), holder, desk)
    if wish.remark is not None and wish.remark.id not in {remark.id for remark in hub.said(run_id)}:
        _say(wish, run_id, desk)
    if holder == key and not again:
        return _acknowledge(wish, f"{wish.repo}#{wish.number} is run {run_id}", hub, run_id)
    return _acknowledge(wish, f"{wish.repo}#{wish.number} is being followed up: run {run_id}", hub)


def _say(wish: Wish, run_id: str, desk: Desk) -> None:
    where = f" (at {wish.remark.place})" if wish.remark and wish.remark.place else ""
    if wish.text:
        desk.say(run_id, f"{wish.actor}{where}: {wish.text}"[:20_000])


def _submit(wish: Wish, order: Order, key: str, desk: Desk) -> str:
    origin = Origin(kind="github", place=f"{wish.repo}#{wish.number}", url=wish.url)
    order = order.model_copy(update={"origin": origin, "requester": _requester(wish)})
    return desk.submit(order, key=(SCOPE, key))


def _acknowledge(wish: Wish, done: str, hub: Hub, run_id: str = "") -> str:
    """React to the wish, and say there which run it is. ``done`` is done: where GitHub does not take this,
    the operator is told, and nothing has to be delivered again for it."""
    try:
        if wish.place is not None:
            hub.react(wish.place, "eyes")
        if run_id:
            hub.answer(wish.number, run_id, f"honk is at work: run {hub.link(run_id)}.")
    except InfrastructureError as error:
        return f"{done}; that could not be said there: {error}"
    return done


def _requester(wish: Wish) -> str:
    """With the address that GitHub credits to its user whatever his own is ("Setting your commit email
    address", GitHub Docs)."""
    if not wish.actor:
        return ""
    number = f"{wish.actor_id}+" if wish.actor_id else ""
    return f"{wish.actor} <{number}{wish.actor}@users.noreply.github.com>"


def _repair(wish: Wish, hub: Hub, desk: Desk, rounds: int) -> str:
    """Nobody asked: only for a branch that a run of this installation made, once for each head, and
    at most ``rounds`` times before a person speaks again."""
    if not hub.own(wish.branch):
        return f"no run here made {wish.branch}"
    number = wish.number or hub.number_of(wish.branch)
    if not number:
        return f"{wish.branch} has no open pull request"
    standing = hub.standing(number)
    if standing.state != "open" or standing.branch != wish.branch:
        return f"{wish.repo}#{number} is {standing.state}"
    if standing.head != wish.head:
        return f"{wish.branch} has newer commits than {wish.head[:12]}"
    earlier = hub.earlier(number)
    key = f"{wish.repo}#{number}@{wish.head}"
    if any(run.live for run in earlier) and not hub.ordered(key):
        return f"{wish.repo}#{number} is being followed up"
    if any(run.head == wish.head and run.cause == "checks" for run in earlier):
        return f"{wish.head[:12]} had its follow-up"
    in_a_row = 0
    for run in earlier:
        if run.cause != "checks":
            break
        in_a_row += 1
    if in_a_row >= rounds:
        return f"{wish.repo}#{number} had {rounds} follow-ups without a person's word"
    followup = FollowUp(number=number, rounds=rounds, cause="checks")
    return _follow_up(wish.model_copy(update={"number": number}), followup, key, hub, desk)
