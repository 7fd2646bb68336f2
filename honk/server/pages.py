"""The pages: signing in, the list of runs, one run."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, get_args
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from honk.core.api import RunSummary
from honk.core.events import ToolReturned
from honk.core.order import OriginKind
from honk.core.types import Change, Outcome
from honk.server.api import MOST, known
from honk.server.auth import COOKIE, ServiceOf, Viewer, identity, own_page
from honk.server.panel import panel
from honk.server.render import fragment, page
from honk.server.sidebyside import file_diffs, one_file, sections
from honk.server.timeline import WHOLE_LINES, WINDOW, answer, entries

router = APIRouter(include_in_schema=False)

PAGE = 50  # runs on one page of the list
RESUMED = "The run waits for a worker."
COOKIE_SECONDS = 30 * 86_400
PATCH_LIMIT = 4 << 20  # characters of a patch that is drawn
Number = Annotated[int, Path(ge=0, le=MOST)]
STATUSES = ("running", "waiting", *(str(outcome) for outcome in Outcome))


# ---- signing in ---------------------------------------------------------------------------


def _inside(after: str) -> str:
    """``after`` if it is a place of this service, else the first page."""
    parts = urlsplit(after)
    plain = after.startswith("/") and not after.startswith(("//", "/\\")) and not parts.netloc
    return after if plain and after.isprintable() else "/"


@router.get("/login")
def login(request: Request, after: str = "/") -> Response:
    if identity(request) is not None:
        return RedirectResponse(_inside(after), 303)
    return page("login", None, after=_inside(after), wrong=False)


@router.post("/login")
def sign_in(
    request: Request, service: ServiceOf, token: Annotated[str, Form()], after: Annotated[str, Form()] = "/"
) -> Response:
    if not own_page(request):
        raise HTTPException(403, "A page of another site may not do this.")
    if service.tokens.who(token.strip()) is None:
        return page("login", None, status=403, after=_inside(after), wrong=True)
    response = RedirectResponse(_inside(after), 303)
    response.set_cookie(
        COOKIE,
        token.strip(),
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https" or (service.settings.server.url or "").startswith("https:"),
    )
    return response


@router.post("/logout")
def sign_out(who: Viewer) -> Response:
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


# ---- runs ---------------------------------------------------------------------------------


@router.get("/")
def first(request: Request, who: Viewer) -> Response:
    """The list, also for links that filter it (docs/backstage.md)."""
    return RedirectResponse("/runs" + (f"?{request.url.query}" if request.url.query else ""), 303)


@router.get("/runs")
def runs(
    service: ServiceOf,
    who: Viewer,
    status: str = "",
    repo: str = "",
    requester: str = "",
    origin: str = "",
    q: str = "",
    start: Annotated[int, Query(ge=0, le=MOST)] = 0,
) -> Response:
    """The list, newest first. Text filters match parts, whatever their case."""
    filters = {"status": status, "repo": repo, "requester": requester, "origin": origin, "q": q}

    def fits(summary: RunSummary) -> bool:
        parts = ((repo, summary.repo), (requester, summary.requester))
        return (
            status in ("", summary.status)
            and origin in ("", summary.origin.kind)
            and all(wanted.lower() in text.lower() for wanted, text in parts)
            and q.lower() in f"{summary.request}\n{summary.run_id}\n{summary.reason}".lower()
        )

    found = list(islice(filter(fits, service.runs.summaries()), start, start + PAGE + 1))
    given = {name: value for name, value in filters.items() if value}

    def at(position: int) -> str:
        return "/runs?" + urlencode(given | ({"start": str(position)} if position else {}))

    return page(
        "runs",
        who,
        runs=found[:PAGE],
        filters=filters,
        filtered=bool(given),
        statuses=STATUSES,
        origins=get_args(OriginKind),
        earlier=at(max(0, start - PAGE)) if start else None,
        later=at(start + PAGE) if len(found) > PAGE else None,
    )


@router.get("/runs/{run_id}")
def run(run_id: str, service: ServiceOf, who: Viewer, resumed: bool = False) -> Response:
    """One run. What comes after ``last`` is what ``live`` streams. ``resumed``: it was queued
    again, which no event says until a worker takes it."""
    state = known(service, run_id)
    summary = service.runs.summary(run_id)
    assert summary is not None
    last = service.runs.last(run_id)
    found = service.events.read(run_id, max(0, last - WINDOW))
    found = [recorded for recorded in found if recorded.seq <= last]
    return page(
        "run",
        who,
        summary=summary,
        panel=panel(run_id, summary.status, state, service.desk.offer(run_id, state), last),
        entries=entries(found),
        before=found[0].seq,
        last=last,
        live=resumed or state.ended is None,
        said=RESUMED if resumed and state.ended is not None else "",
        runner=who.role != "viewer",
        oob=False,
    )


@router.get("/runs/{run_id}/before/{seq}")
def before(run_id: str, seq: Number, service: ServiceOf, who: Viewer) -> Response:
    """Entries of the events before number ``seq``."""
    known(service, run_id)
    found = service.events.read(run_id, max(0, seq - 1 - WINDOW))
    found = [recorded for recorded in found if recorded.seq < seq]
    first = found[0].seq if found else 1
    html = fragment("earlier", run_id=run_id, entries=entries(found), before=first)
    return HTMLResponse(html)


@router.get("/runs/{run_id}/output/{seq}")
def output(run_id: str, seq: Number, service: ServiceOf, who: Viewer) -> Response:
    """All of one tool's output."""
    found = [r for r in service.events.read(run_id, max(0, seq - 1)) if r.seq == seq] if seq > 0 else []
    if not found or not isinstance(found[0].event, ToolReturned):
        raise HTTPException(404, f"Run {run_id} has no output {seq}.")
    clipped = answer(found[0], found[0].event, WHOLE_LINES).output
    return HTMLResponse(fragment("output", output=clipped, more=None))


# ---- the change ---------------------------------------------------------------------------


def draw(change: Change | None, where: str, download: str | None, *, query: str = "") -> Response:
    """A change side by side; files too long for it come from ``where``/NUMBER``query`` when asked for."""
    if change is None or change.empty:
        return HTMLResponse(fragment("nothing", text="No change yet."))
    if len(change.patch) > PATCH_LIMIT:
        return HTMLResponse(fragment("nothing", text="The change is too large to draw; download the patch."))
    return HTMLResponse(
        fragment("change", files=file_diffs(change), where=where, query=query, download=download)
    )


def draw_file(change: Change | None, number: int) -> Response:
    """All of one file of a change."""
    parts = sections(change.patch) if change is not None else []
    if change is None or not 0 <= number < min(len(parts), len(change.files)):
        raise HTTPException(404, "The change has no such file any more; load the page again.")
    diff = one_file(number, change.files[number], parts[number])
    return HTMLResponse(fragment("file", file=diff, where="", query=""))


@router.get("/runs/{run_id}/change")
def change(run_id: str, service: ServiceOf, who: Viewer) -> Response:
    """The work so far."""
    return draw(
        service.change(known(service, run_id)), f"/runs/{run_id}/change", f"/api/v1/runs/{run_id}/patch"
    )


@router.get("/runs/{run_id}/change/{number}")
def change_file(run_id: str, number: Number, service: ServiceOf, who: Viewer) -> Response:
    return draw_file(service.change(known(service, run_id)), number)
