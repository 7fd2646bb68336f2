"""What this installation knows about a pull request: the run that opened it, those that went on."""

from __future__ import annotations

from honk.core.events import FollowedUp
from honk.core.reviews import Reviews
from honk.core.state import RunState, fold
from honk.core.types import RepoRef, Request
from honk.runs.services import FollowUps
from honk.verifiers.distil import distil
from honk.wiring.stores import Stores

LINK = "followup"


def place(repo: RepoRef, number: int) -> str:
    """A pull request as the runs that follow it up are filed under."""
    name = repo.name.lower() if repo.forge == "github" else repo.name
    return f"{name}#{number}"


def link(stores: Stores, request: Request, run_id: str) -> None:
    """File a run under the pull request that it follows up, if it does."""
    if request.followup is not None:
        stores.links.add(LINK, place(request.repo, request.followup.number), run_id)


def followups_of(stores: Stores, repo: RepoRef, number: int) -> list[str]:
    """Runs that followed up a pull request, newest first."""
    return stores.links.runs(LINK, place(repo, number))


def made(stores: Stores, repo: RepoRef, branch: str) -> RunState | None:
    """The run that made a branch, whose name ends in its id; None if it is not known here."""
    state = fold(stores.events.read(branch.rpartition("-")[2]))
    own = state.base is not None and state.base.branch == branch and state.request.followup is None
    return state if own and state.request.repo.name.lower() == repo.name.lower() else None


def followups(stores: Stores, request: Request, reviews: Reviews) -> FollowUps:
    def original(branch: str) -> str:
        state = made(stores, request.repo, branch)
        return state.task if state is not None else ""

    def rounds(run_id: str, head: str) -> int:
        if request.followup is None:
            return 0
        others = followups_of(stores, request.repo, request.followup.number)
        return sum(other != run_id and _followed(stores, other, head) for other in others)

    return FollowUps(reviews=reviews, distil=distil, original=original, rounds=rounds)


def _followed(stores: Stores, run_id: str, head: str) -> bool:
    events = (recorded.event for recorded in stores.events.read(run_id))
    return any(isinstance(event, FollowedUp) and event.head == head for event in events)
