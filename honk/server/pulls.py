"""The pages of the local forge's pull requests."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from honk.core.types import Change
from honk.server.api import MOST
from honk.server.auth import Runner, ServiceOf, Viewer
from honk.server.context import Service
from honk.server.pages import PAGE, Number, draw, draw_file
from honk.server.render import from_htmx, page

router = APIRouter(include_in_schema=False, prefix="/pulls")

Repo = Annotated[str, Query(max_length=4096)]


@router.get("")
def pulls(
    service: ServiceOf,
    who: Viewer,
    state: str = "open",
    repo: Repo = "",
    start: Annotated[int, Query(ge=0, le=MOST)] = 0,
) -> Response:
    """The list, newest first."""
    records = [r for r in service.pulls.all() if state in ("all", r.state) and repo.lower() in r.repo.lower()]

    def at(position: int) -> str:
        return f"/pulls?state={quote(state)}&repo={quote(repo)}&start={position}"

    return page(
        "pulls",
        who,
        records=records[start : start + PAGE],
        state=state,
        repo=repo,
        states=("open", "merged", "closed", "all"),
        earlier=at(max(0, start - PAGE)) if start else None,
        later=at(start + PAGE) if len(records) > start + PAGE else None,
    )


@router.get("/{number}")
def pull(number: Number, service: ServiceOf, who: Viewer, repo: Repo) -> Response:
    review = service.pulls.look(repo, number)
    return page(
        "pull",
        who,
        review=review,
        record=review.record,
        runner=who.role != "viewer",
        where=_where(number, repo),
    )


@router.get("/{number}/change")
def change(number: Number, service: ServiceOf, who: Viewer, repo: Repo) -> Response:
    return draw(_change(service, repo, number), f"/pulls/{number}/change", None, query=f"?repo={quote(repo)}")


@router.get("/{number}/change/{file}")
def change_file(number: Number, file: Number, service: ServiceOf, who: Viewer, repo: Repo) -> Response:
    return draw_file(_change(service, repo, number), file)


def _change(service: Service, repo: str, number: int) -> Change | None:
    """What merging would bring; once that is over, what the run brought."""
    review = service.pulls.look(repo, number)
    if review.change is not None:
        return review.change
    state = service.runs.state(review.record.run_id)
    return None if state is None else service.change(state)


def _where(number: int, repo: str, act: str = "") -> str:
    return f"/pulls/{number}{act}?repo={quote(repo)}"


def _again(request: Request, number: int, repo: str) -> Response:
    """The page anew, whoever asked."""
    if from_htmx(request):
        return HTMLResponse("", headers={"HX-Refresh": "true"})
    return RedirectResponse(_where(number, repo), 303)


@router.post("/{number}/approve")
def approve(number: Number, request: Request, service: ServiceOf, who: Runner, repo: Repo) -> Response:
    service.pulls.approve(repo, number, who.name)
    return _again(request, number, repo)


@router.post("/{number}/ready")
def ready(number: Number, request: Request, service: ServiceOf, who: Runner, repo: Repo) -> Response:
    service.pulls.ready(repo, number)
    return _again(request, number, repo)


@router.post("/{number}/close")
def close(number: Number, request: Request, service: ServiceOf, who: Runner, repo: Repo) -> Response:
    service.pulls.close(repo, number, who.name)
    return _again(request, number, repo)


@router.post("/{number}/merge")
def merge(
    number: Number,
    request: Request,
    service: ServiceOf,
    who: Runner,
    repo: Repo,
    head: Annotated[str, Form(pattern="^([0-9a-f]{40}|[0-9a-f]{64})$")],
) -> Response:
    service.pulls.merge(repo, number, head, who.name)
    return _again(request, number, repo)
