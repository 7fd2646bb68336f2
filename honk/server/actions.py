"""What people do on the pages of runs: start, cancel, resume, approve, say."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from honk.core.errors import UserError
from honk.core.order import Order, Origin
from honk.server.api import known
from honk.server.auth import Runner, ServiceOf
from honk.server.pages import RESUMED
from honk.server.render import fragment, from_htmx, page

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=200_000)]


def _said(request: Request, run_id: str, message: str, *, again: str | None = None) -> Response:
    """What was done, where the person looks; ``again``: the query of the page to be drawn anew."""
    place = f"/runs/{run_id}{again or ''}"
    if not from_htmx(request):
        return RedirectResponse(place, 303)
    headers = {} if again is None else {"HX-Redirect": place}
    return HTMLResponse(fragment("said", message=message, hint="", bad=False), headers=headers)


@router.get("/new")
def new(who: Runner, repo: str = "", request: str = "") -> Response:
    """The form; other pages may fill it in by their links."""
    given = {"repo": repo, "request": request, "base": "", "model": "", "max_cost": ""}
    return page(
        "new", who, given=given, draft=True, dry_run=False, plan=False, key=uuid4().hex, message="", hint=""
    )


@router.post("/new")
def start(
    service: ServiceOf,
    who: Runner,
    repo: Text = "",
    request: Text = "",
    base: Text = "",
    model: Text = "",
    max_cost: Text = "",
    draft: Annotated[bool, Form()] = False,
    dry_run: Annotated[bool, Form()] = False,
    plan: Annotated[bool, Form()] = False,
    key: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Start a run; ``key`` keeps a form that is sent twice from starting two."""
    given = {"repo": repo, "request": request, "base": base, "model": model, "max_cost": max_cost}
    try:
        order = _order(given, draft=draft, dry_run=dry_run, plan=plan, requester=who.name)
        run_id = service.desk.submit(order, key=(f"page:{who.name}", key) if key else None)
    except UserError as error:
        return page(
            "new", who, status=422, given=given, draft=draft, dry_run=dry_run, plan=plan, key=uuid4().hex,
            message=error.message, hint=error.hint,
        )  # fmt: skip
    return RedirectResponse(f"/runs/{run_id}", 303)


def _order(given: dict[str, str], *, draft: bool, dry_run: bool, plan: bool, requester: str) -> Order:
    words = {name: text.strip() for name, text in given.items() if text.strip()}
    for name, what in (("repo", "repository"), ("request", "request")):
        if name not in words:
            raise UserError(f"The {what} is missing.", f"Say which {what}.")
    try:
        return Order.model_validate(
            {
                **words,
                "draft": draft,
                "dry_run": dry_run,
                "plan": plan or None,  # unticked: as the settings say
                "requester": requester,
                "origin": Origin(kind="page"),
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])).replace("_", " ")
        raise UserError(
            f"The {where} cannot be used: {first['msg']}.", "Change it and send it again."
        ) from None


@router.post("/runs/{run_id}/cancel")
def cancel(run_id: str, request: Request, service: ServiceOf, who: Runner) -> Response:
    known(service, run_id)
    ended = service.desk.cancel(run_id, f"Cancelled by {who.name}.")
    words = "The run is cancelled." if ended else "The run was asked to stop; its work is kept as a patch."
    return _said(request, run_id, words, again="" if ended else None)


@router.post("/runs/{run_id}/resume")
def resume(run_id: str, request: Request, service: ServiceOf, who: Runner) -> Response:
    known(service, run_id)
    service.desk.resume(run_id)
    return _said(request, run_id, RESUMED, again="?resumed=true")


@router.post("/runs/{run_id}/approve")
def approve(
    run_id: str, request: Request, service: ServiceOf, who: Runner, last: Annotated[int, Form(ge=0)]
) -> Response:
    """Approve what the page showed; ``last`` is the number of the last event that it was drawn from."""
    state = known(service, run_id)
    if state.ended is not None and service.runs.last(run_id) != last:
        raise UserError(f"Run {run_id} has gone on since this page was drawn.", "Load it again, and look.")
    service.desk.approve(run_id, (), who.name)
    return _said(request, run_id, RESUMED, again="")


@router.post("/runs/{run_id}/say")
def say(run_id: str, request: Request, service: ServiceOf, who: Runner, text: Text = "") -> Response:
    waits = known(service, run_id).ended is not None  # with a plan, which the words amend
    service.desk.say(run_id, text)
    again = "?resumed=true" if waits else None
    return _said(
        request, run_id, RESUMED if waits else "The model hears it before its next turn.", again=again
    )
