"""What this installation knows about a pull request: the run that opened it, those that went on."""

from __future__ import annotations

from honk.core.events import FollowedUp
from honk.core.fates import key
from honk.core.reviews import Reviews
from honk.core.state import RunState, fold
from honk.core.types import RepoRef, Request
from honk.runs.services import FollowUps
from honk.wiring.stores import Stores

LINK = "followup"


def place(repo: RepoRef, number: int) -> str:
    """A pull request as the runs that follow it up are filed under."""
    return "{}#{}".format(*key(repo, number))


def link(stores: Stores, request: Request, run_id: str) -> None:
    """File a run under the pull request that it follows up, if it does."""
    if request.followup is not None:
        stores.links.add(LINK, place(request.repo, request.followup.number), run_id)


def followups_of(stores: Stores, repo: RepoRef, number: int) -> list[str]:
    """Runs that followed up a pull request, newest first."""
    return stores.links.runs(LINK, place(repo, number))


def claim(stores: Stores, scope: str, repo: RepoRef, number: int, key: str) -> str:
    """The order, by its key among those of ``scope``, that a new follow-up of a pull request is made by:
    ``key`` itself, or another one that was faster and whose run has not ended, nor perhaps begun."""
    once, where = stores.once, place(repo, number)
    while (holder := once.first(LINK, where, key)) != key:
        run_id = once.value(scope, holder)
        if run_id is None or fold(stores.events.read(run_id)).ended is None:
            break
        once.replace(LINK, where, holder, key)  # whoever else does so at this moment: one of us holds it
    return holder


def made(stores: Stores, repo: RepoRef, branch: str) -> RunState | None:
    """The run that made a branch, whose name ends in its id; None if it is not known here."""
    state = fold(stores.events.read(branch.rpartition("-")[2]))
    own = state.base is not None and state.base.branch == branch and state.request.followup is None
    return state if own and state.request.repo.name.lower() == repo.name.lower() else None


def followups(stores: Stores, request: Request, reviews: Reviews) -> FollowUps:
    def distil(log: str) -> str:
        from honk.verifiers.distil import distil  # compiles many expressions, for few runs

        return distil(log)

    def original(branch: str) -> str:
        state = made(stores, request.repo, branch)
        return state.task if state is not None else ""

    def earlier(run_id: str, head: str) -> tuple[FollowedUp, ...]:
        if request.followup is None:
            return ()
        others = (o for o in followups_of(stores, request.repo, request.followup.number) if o != run_id)
        found = (_found(stores, other, head) for other in others)
        return tuple(event for event in found if event is not None)

    return FollowUps(reviews=reviews, distil=distil, original=original, earlier=earlier)


def _found(stores: Stores, run_id: str, head: str) -> FollowedUp | None:
    """What a run found at ``head`` and then worked on; one that found nothing to do is no round."""
    recorded = stores.events.read(run_id)
    found = (r.event for r in recorded if isinstance(r.event, FollowedUp) and r.event.head == head)
    return next(found, None) if fold(recorded).base is not None else None
