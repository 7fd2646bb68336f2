"""Every page in a real browser: what it shows, does, and never runs."""

from __future__ import annotations

import contextlib
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from honk.core.events import (
    Judged,
    Moved,
    Overruled,
    PathsAllowed,
    PlanApproved,
    Recorded,
    RunEnded,
    RunRequested,
    RunResumed,
)
from honk.core.judgement import Verdict
from honk.core.types import Outcome, RepoRef
from tests.server.page import samples
from tests.server.page.conftest import Readers
from tests.server.page.site import Site
from tests.world import make_origin

RUN = "0a1b2c3d4e"
FOLLOWED = Path(__file__).parents[2] / "fixtures" / "logs" / "v1-followup.jsonl"


def test_the_browser_has_a_home_of_its_own(browser: Browser, browser_home: Path) -> None:
    """It would leave reports of crashes and a cache in that of whoever runs the tests."""
    homes = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            driver = (Path("/proc") / parent / "stat").read_text().rpartition(")")[2].split()[1]
            if driver == str(os.getpid()) and b"--headless" in (process / "cmdline").read_bytes():
                homes |= {v for v in (process / "environ").read_bytes().split(b"\0") if v[:5] == b"HOME="}
    assert homes == {f"HOME={browser_home}".encode()}


def test_signing_in_and_out(site: Site, reader: Readers) -> None:
    ada = reader(None)
    page = ada.go("/runs?status=failed")
    assert page.url.startswith(f"{site.url}/login?after=")
    assert ada.serious() == ada.said == []
    page.get_by_label("Token").fill("honk_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    assert ada.serious() == []
    ada.said.clear()  # the browser reports the 403 itself
    page.get_by_label("Token").fill(site.token("viewer", "ada"))
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/runs?status=failed")
    [cookie] = ada.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("honk_token", True, "Strict")
    page.get_by_role("button", name="Sign out ada").click()
    expect(page).to_have_url(f"{site.url}/login")
    assert ada.context.cookies() == [] and ada.said == []


@pytest.mark.parametrize(
    "after", ["//evil.example/", "/\\evil.example", "https://evil.example/", "javascript:1"]
)
def test_signing_in_leads_nowhere_else(site: Site, after: str) -> None:
    origin = {"Origin": site.url}
    with httpx2.Client(base_url=site.url, headers=origin) as http:
        done = http.post("/login", data={"token": site.token(), "after": after})
        assert (done.status_code, done.headers["location"]) == (303, "/")


def test_a_form_of_another_site_does_nothing(site: Site) -> None:
    site.begin(RUN, samples.request())
    site.leave(RUN)
    with httpx2.Client(base_url=site.url, cookies={"honk_token": site.token()}) as http:
        for headers in ({}, {"Origin": "null"}, {"Origin": "https://evil.example"}):
            refused = http.post(f"/runs/{RUN}/cancel", headers=headers)
            assert (refused.status_code, refused.headers["content-type"][:9]) == (403, "text/html")
            assert http.post("/login", data={"token": "x"}, headers=headers).status_code == 403
        http.post(f"/runs/{RUN}/cancel", headers={"Origin": site.url})
    state = site.service.runs.state(RUN)
    assert state is not None and state.ended is not None and state.ended.outcome is Outcome.CANCELLED


def test_a_link_from_another_site_finds_who_is_signed_in(site: Site) -> None:
    """Browsers keep a SameSite=Strict cookie back; the page then asks once more by itself."""
    with httpx2.Client(base_url=site.url) as http:
        bounced = http.get("/runs", headers={"Sec-Fetch-Site": "cross-site"})
        assert bounced.status_code == 200 and 'http-equiv="refresh" content="0; url=/runs"' in bounced.text
        assert http.get("/runs", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_the_list_is_filtered_and_paged(site: Site, reader: Readers) -> None:
    for n in range(53):
        asked = samples.request(text=f"Change number {n}", requester="Ada" if n % 2 else "Bob")
        site.begin(f"{n:010x}", asked)
        if n < 3:
            site.write(
                f"{n:010x}", [RunEnded(outcome=Outcome.FAILED, reason="No <b>toolchain</b>.", seconds=1)]
            )
        site.leave(f"{n:010x}")
    ada = reader("viewer")
    page = ada.go("/runs")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("Change number 52")
    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text("No <b>toolchain</b>.")
    page.get_by_label("Status").select_option("failed")
    page.get_by_label("Requester").fill("aDa")
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Clear").click()
    expect(rows).to_have_count(50)
    page.keyboard.press("/")
    page.keyboard.type("number 17")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    ada.go("/?q=number+17")  # the first page is the list, also for links with a filter
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Change number 17").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Change number 17")
    assert page.get_by_role("button", name="Cancel run").count() == 0  # a viewer only looks
    assert page.get_by_role("link", name="New run").count() == 0
    assert ada.said == []


def test_a_run_is_followed_live(site: Site, reader: Readers) -> None:
    asked = samples.request(judge=None)
    site.begin(RUN, asked, samples.working(asked))
    ada = reader()
    page = ada.go(f"/runs/{RUN}")
    expect(page.locator(".panel .status")).to_have_text("running")
    expect(page.locator(".steps .now")).to_contain_text("Work")
    call = page.locator("details.call", has_text="python -m pytest -q").last
    expect(call).to_contain_text("running")
    expect(page.locator("#change")).to_contain_text("No change yet")
    events = samples.published(asked)

    site.write(RUN, events[:1])
    expect(call.locator(".end")).to_contain_text("exit 1")
    call.locator("summary").click()
    expect(call.locator(".t-f1").first).to_have_text("F")
    assert call.locator(".t-f1").first.evaluate("e => getComputedStyle(e).color") == "rgb(255, 143, 134)"

    site.write(RUN, events[1:9])
    expect(page.locator("#log")).to_contain_text("Please mention it in the README too.")
    expect(page.locator(".meters")).to_contain_text("4 of 100")
    site.write(RUN, events[9:10])
    expect(page.locator("#change summary", has_text="src/log.py")).to_be_visible()
    expect(page.locator("#change .edit .new b").first).to_have_text("sorted(os.listdir(path), reverse=True")
    site.write(RUN, events[10:11])
    expect(page.locator(".steps .now")).to_contain_text("Verify")
    expect(page.get_by_role("region", name="Gates").last).to_contain_text("A test was removed.")
    site.write(RUN, events[11:12])
    expect(page.locator(".steps .now")).to_contain_text("Judge")  # whoever wants one
    site.write(RUN, events[12:13])
    row = page.get_by_role("region", name="Verification").get_by_role("row", name="pytest")
    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("passed")
    expect(page.get_by_role("region", name="Verification")).to_contain_text("1 mended")
    expect(page.get_by_role("region", name="Judge")).to_contain_text("It does what was asked.")
    site.write(RUN, events[13:])
    expect(page.locator(".panel .status")).to_have_text("published")
    expect(page.get_by_role("region", name="Pull request").get_by_role("link")).to_have_attribute(
        "href", "https://github.com/acme/log/pull/12"
    )
    assert page.get_by_role("button", name="Cancel run").count() == 0
    ids = page.locator("#log [id]").evaluate_all("list => list.map(e => e.id)")
    assert len(ids) == len(set(ids))
    expect(page.locator("#log .k-ended")).to_be_visible()  # log and panel come in parts of their own
    live = re.sub(r"\d+:\d+", "", page.locator("#log").inner_text())
    page.reload()
    expect(page.locator("#log .k-ended")).to_be_visible()
    page.locator("details.call", has_text="python -m pytest -q").first.locator("summary").click()
    assert re.sub(r"\d+:\d+", "", page.locator("#log").inner_text()) == live
    assert ada.said == []


def test_a_stream_goes_on_where_it_was_cut(site: Site, reader: Readers) -> None:
    asked = samples.request()
    site.begin(RUN, asked, samples.working(asked))
    with httpx2.Client(base_url=site.url, cookies={"honk_token": site.token()}) as http:

        def updates(last: str | None) -> list[tuple[str, str]]:
            """Number and HTML of each update until the server ends the stream."""
            headers = {} if last is None else {"Last-Event-ID": last}
            with http.stream("GET", f"/runs/{RUN}/live?after=8", headers=headers, timeout=60) as response:
                if response.status_code == 204:
                    return []
                blocks = response.read().decode().split("\n\n")
            found = []
            for block in blocks:
                if "event: update" in block:
                    [number] = re.findall(r"^id: (\d+)", block, re.M)
                    found.append((number, block))
            return found

        site.write(RUN, samples.published(asked))
        last = len(site.stores.events.read(RUN))
        [*_, (number, _)] = updates(None)
        assert number == str(last)
        [(number, html)] = updates(str(last - 1))
        assert number == str(last) and f'id="e-{last}"' in html and f'id="e-{last - 4}"' not in html
        assert updates(str(last)) == []


def test_buttons_and_words_reach_the_run(site: Site, reader: Readers) -> None:
    asked = samples.request()
    site.begin(RUN, asked, samples.working(asked))
    ada = reader("runner")
    page = ada.go(f"/runs/{RUN}")
    page.get_by_label("Say something to the model").fill("Mind the <gap>.")
    page.get_by_role("button", name="Say it").click()
    expect(page.get_by_role("status")).to_contain_text("before its next turn")
    expect(page.get_by_label("Say something to the model")).to_have_value("")
    page.get_by_role("button", name="Cancel run").click()
    expect(page.get_by_role("status")).to_contain_text("asked to stop")
    words = [(word.kind, word.text) for word in site.stores.inbox.look(RUN)]
    assert words == [("say", "Mind the <gap>."), ("cancel", "Cancelled by runner.")]
    site.write(RUN, [RunEnded(outcome=Outcome.CANCELLED, reason="Cancelled by runner.", seconds=2)])
    site.leave(RUN)
    ada.press("Resume")
    expect(page.get_by_role("status")).to_contain_text("waits for a worker")
    site.write(RUN, [RunResumed(limits=asked.limits)])  # as the worker that takes it
    expect(page.locator(".panel .status")).to_have_text("running")
    expect(page.get_by_role("button", name="Cancel run")).to_be_visible()
    assert page.get_by_role("button", name="Resume").count() == 0
    assert ada.said == []


def test_what_gates_refused_is_read_and_approved_on_the_page(site: Site, reader: Readers) -> None:
    asked = samples.request()
    site.begin(RUN, asked, samples.refused(asked, "<b>.github</b>/ci.yml"))
    site.leave(RUN)
    bob = reader("viewer")
    expect(bob.go(f"/runs/{RUN}").get_by_role("region", name="Approval")).to_contain_text("A runner or an")
    assert bob.page.get_by_role("button", name="Approve").count() == 0  # a viewer only looks
    ada = reader("runner")
    page = ada.go(f"/runs/{RUN}")
    shown = page.get_by_role("region", name="Approval")
    expect(shown.get_by_role("heading")).to_have_text("Permit what the gates refused?")
    expect(shown.get_by_role("listitem")).to_have_text("<b>.github</b>/ci.yml: It decides what CI runs.")
    assert ada.serious() == []
    ada.press("Approve")
    expect(page.locator(".panel .status")).to_have_text("waiting")
    expect(page.locator("#log")).to_contain_text("runner permitted /<b>.github</b>/ci.yml")
    assert page.get_by_role("button", name="Approve").count() == 0
    last = site.stores.events.read(RUN)[-1].event
    assert last == PathsAllowed(globs=("/<b>.github</b>/ci.yml",), by="runner")
    assert ada.said == bob.said == []


def test_an_approval_speaks_of_what_the_page_showed(site: Site) -> None:
    """Of a viewer, of another site, and of a run that has gone on since, none counts."""
    asked = samples.request()
    site.begin(RUN, asked, samples.refused(asked, ".github/ci.yml"))
    site.leave(RUN)
    last, origin = len(site.stores.events.read(RUN)), {"Origin": site.url}

    def press(role: str, at: int, headers: dict[str, str]) -> int:
        with httpx2.Client(base_url=site.url, cookies={"honk_token": site.token(role)}) as http:
            return http.post(f"/runs/{RUN}/approve", data={"last": at}, headers=headers).status_code

    assert press("viewer", last, origin) == 403
    assert press("admin", last, {"Origin": "https://evil.example"}) == 403
    assert press("runner", last - 1, origin) == 422
    assert len(site.stores.events.read(RUN)) == last
    assert [press("runner", last, origin) for _ in range(2)] == [303, 303]
    assert [e.event.kind for e in site.stores.events.read(RUN)[last:]] == ["paths_allowed"]


def test_a_veto_is_read_and_overruled_on_the_page(site: Site, reader: Readers) -> None:
    asked = samples.request()
    kept = {"artifact": site.stores.artifacts.put(b"a pack")}
    *before, judged = samples.published(asked)[:13]
    before = [e.model_copy(update=kept) if hasattr(e, "artifact") else e for e in before]
    assert isinstance(judged, Judged)
    no = judged.model_copy(update={"verdict": Verdict(verdict="refuse", missing=("A <i>test</i>.",))})
    vetoed = RunEnded(outcome=Outcome.VETOED, reason="Not done.", seconds=9)
    site.begin(RUN, asked, [*samples.working(asked), *before, no, vetoed])
    site.leave(RUN)
    ada = reader("runner")
    page = ada.go(f"/runs/{RUN}")
    shown = page.get_by_role("region", name="Approval")
    expect(shown).to_contain_text("Overrule the judge and publish?")
    expect(shown.get_by_role("listitem")).to_have_text("Not done: A <i>test</i>.")
    ada.press("Approve")
    expect(page.locator("#log")).to_contain_text("runner overrules the judge")
    assert site.stores.events.read(RUN)[-1].event == Overruled(commit=judged.commit, by="runner")
    assert ada.said == []


def test_a_plan_is_read_amended_approved_or_declined_on_the_page(site: Site, reader: Readers) -> None:
    asked = samples.request(plan=True)
    plan = "## Plan\n\n1. Sort **names**.\n2. <script>window.pwned=1</script>![x](https://evil.example/)"
    for run_id in (RUN, "bbbbbbbbbb"):
        site.begin(run_id, asked, samples.planned(asked, plan))
        site.leave(run_id)
    ada = reader("runner")
    page = ada.go("/runs?status=planned")
    expect(page.locator("tbody tr")).to_have_count(2)
    page = ada.go(f"/runs/{RUN}")
    expect(page.locator(".panel .now")).to_contain_text("The plan waits for a person's approval.")
    shown = page.get_by_role("region", name="Approval")
    expect(shown).to_contain_text("Start the work as planned?")
    expect(shown).to_contain_text("1. Sort **names**.")
    expect(shown).to_contain_text("<script>window.pwned=1</script>")
    assert page.locator("main script, main img").count() == 0
    assert ada.serious() == []
    page.get_by_label("Say something to the model").fill("Sort them by date.")
    ada.press("Say it")
    expect(page.get_by_role("status")).to_contain_text("waits for a worker")
    assert [word.text for word in site.stores.inbox.look(RUN)] == ["Sort them by date."]
    ada.press("Approve")
    expect(page.locator(".panel .status")).to_have_text("waiting")
    expect(page.locator("#log")).to_contain_text("runner approves the plan")
    assert site.stores.events.read(RUN)[-1].event == PlanApproved(by="runner")
    page = ada.go("/runs/bbbbbbbbbb")
    ada.press("Cancel run")
    expect(page.locator(".panel .status")).to_have_text("cancelled")
    assert ada.said == []


def test_what_nobody_can_approve_has_no_button(site: Site, reader: Readers) -> None:
    asked = samples.request()
    site.begin(RUN, asked, samples.refused(asked, "token.txt", gate="secret"))
    site.leave(RUN)
    page = reader("admin").go(f"/runs/{RUN}")
    expect(page.locator(".panel .status")).to_have_text("refused")
    assert page.get_by_role("region", name="Approval").count() == 0


def test_what_is_not_there_is_told_as_who_asks_can_read_it(site: Site, reader: Readers) -> None:
    ada = reader()
    for path in ("/nothing", "/runs/ffffffffff", f"/runs/{RUN}/output/3", "/static/nothing.js"):
        expect(ada.go(path).get_by_role("alert")).to_be_visible()
    headers = {"Authorization": f"Bearer {site.token()}"}
    missing = httpx2.get(f"{site.url}/api/v1/nothing", headers=headers)
    assert (missing.status_code, missing.json()["message"]) == (404, "Not Found")


def test_a_run_is_started_once(site: Site, reader: Readers, tmp_path: Path) -> None:
    origin = make_origin(tmp_path / "o", {"greet.sh": "echo bye\n"})
    ada = reader("runner")
    page = ada.go("/new?request=Say+{{ hello }}")
    page.get_by_label("Repository").fill("/etc")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("not open to requests from outside")
    expect(page.get_by_label("What should change")).to_have_value("Say {{ hello }}")
    assert site.stores.events.runs() == []
    page.get_by_label("Repository").fill(str(origin))
    key = page.locator("[name=key]").input_value()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Say {{ hello }}")
    expect(page.locator(".panel .status")).to_have_text("waiting")
    [run_id] = site.stores.events.runs()
    summary = site.service.runs.summary(run_id)
    assert summary is not None and (summary.requester, summary.origin.kind) == ("runner", "page")
    token = ada.context.cookies()[0]["value"]
    again = httpx2.post(
        f"{site.url}/new",
        data={"repo": str(origin), "request": "Say {{ hello }}", "draft": "true", "key": key},
        cookies={"honk_token": token},
        headers={"Origin": site.url},
    )
    assert again.headers["location"] == f"/runs/{run_id}" and site.stores.events.runs() == [run_id]
    assert [text for text in ada.said if "422" not in text] == []


@pytest.mark.full
def test_a_long_run_is_usable_at_once(site: Site, reader: Readers) -> None:
    asked = samples.request()
    site.begin(RUN, asked, samples.long(asked, 5000))
    ada = reader()
    ada.go("/runs")
    began = time.monotonic()
    page = ada.go(f"/runs/{RUN}")
    page.locator("details.call summary").last.click()
    expect(page.locator("details.call").last).to_contain_text("line 0 of")
    print(f"run page of 5,000 events usable after {time.monotonic() - began:.2f} s")
    shown = page.locator("#log .k-reply").count()
    page.locator("details.call").last.get_by_role("button", name=re.compile("^Show 90 more")).click()
    expect(page.locator("details.call").last).to_contain_text("line 60 of")
    page.get_by_role("button", name=re.compile("^Show earlier")).click()
    expect(page.locator("#log .k-reply")).to_have_count(2 * shown)
    assert (
        page.locator("#log .k-reply").first.inner_text()
        != page.locator("#log .k-reply").nth(shown).inner_text()
    )
    assert ada.said == []


PATHS = ("/runs", f"/runs/{RUN}", "/runs/bbbbbbbbbb", "/new", "/pulls", "/login", "/runs/ffffffffff")


@pytest.mark.parametrize(
    ("width", "dark"),
    [
        pytest.param(1280, False, id="desk-light"),
        pytest.param(1280, True, id="desk-dark", marks=pytest.mark.full),
        pytest.param(390, False, id="phone-light", marks=pytest.mark.full),
        pytest.param(390, True, id="phone-dark", marks=pytest.mark.full),
    ],
)
def test_pages_are_accessible_and_fit(site: Site, reader: Readers, dark: bool, width: int) -> None:
    asked = samples.request()
    site.begin(RUN, asked, [*samples.working(asked), *samples.published(asked)])
    site.begin("bbbbbbbbbb", asked, samples.working(asked))
    site.stores.pulls.add(samples.pull_request(approvals=("ada", "bob"), opened_at=datetime.now(UTC)))
    ada, nobody = reader(dark=dark, width=width), reader(None, dark=dark, width=width)
    for path in PATHS:
        who = nobody if path == "/login" else ada
        page = who.go(path)
        if path == PATHS[1]:  # the change is fetched once the page is there
            expect(page.locator("#change .edit").first).to_be_visible()
        page.locator("details").evaluate_all("list => list.forEach(e => e.open = true)")
        assert who.serious() == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        if who is nobody:
            assert page.evaluate("document.activeElement.id") == "token"
            continue
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    assert [text for text in ada.said if "404" not in text] == nobody.said == []


def test_no_text_is_obeyed(site: Site, reader: Readers) -> None:
    line = samples.ONE_LINE
    asked = samples.request(
        RepoRef(forge="github", name=line, url="https://github.com/a/b"),
        text=samples.EVERYTHING,
        requester=line,
        model=line,
        judge=line,
        origin={"kind": "slack", "place": line, "url": "javascript:window.pwned=20"},
    )
    events = samples.malicious(asked)
    site.begin(RUN, asked, events[:6])
    ada = reader()
    for path in ("/runs", f"/runs/{RUN}"):
        page = ada.go(path)
        expect(page.locator("main")).to_contain_text("<script>window.pwned=1</script>")
    site.write(RUN, events[6:])  # the rest comes live
    expect(page.locator(".panel .status")).to_have_text("vetoed")
    for again in range(2):
        if again:
            page.reload()
        expect(page.locator("#change .edit").first).to_be_visible()
        page.locator("details").evaluate_all("list => list.forEach(e => e.open = true)")
        assert page.evaluate("window.pwned") is None
        assert (
            page.locator(
                "main script, main iframe, main img, main svg, main style, main base, main object"
            ).count()
            == 0
        )
        hrefs = page.locator("a").evaluate_all("list => list.map(a => a.href)")
        assert all(href.startswith(site.url) for href in hrefs), hrefs
        for kind in ("followed", "moved"):
            expect(page.locator(f"#log .k-{kind}")).to_contain_text("<script>")
        text = page.locator("main").inner_text()
        assert "[U+202E]gnp.exe" in text and "{{ 1234 * 4321 }}" in text
        assert str(1234 * 4321) not in text
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00-\x08\x1b]", text)
        assert page.locator("[hx-get='/logout'], [onmouseover], [onfocus]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page = ada.go(f"/runs?q=&requester={'%3Cscript%3Ewindow.pwned%3D1'}")
    assert page.locator("tbody tr").count() == 1
    assert ada.said == []


def test_a_follow_up_says_what_it_found_and_who_pushed(site: Site) -> None:
    """Of a run without words of its own, lists and page name the pull request."""
    lines = FOLLOWED.read_text(encoding="utf-8").splitlines()
    asked, *events = [Recorded.model_validate_json(line).event for line in lines]
    assert isinstance(asked, RunRequested)
    [moved] = [event for event in events if isinstance(event, Moved)]
    site.write(RUN, [RunRequested(honk="0", request=asked.request.model_copy(update={"text": ""})), *events])
    site.leave(RUN)
    with httpx2.Client(base_url=site.url, cookies={"honk_token": site.token()}) as http:
        assert "<bdi>follow up on pull request 1</bdi></a>" in http.get("/runs").text
        page = http.get(f"/runs/{RUN}").text
    for said in ("Louder", "greet.sh:1", f"Somebody pushed {moved.found.head[:12]}"):
        assert said in page, said
