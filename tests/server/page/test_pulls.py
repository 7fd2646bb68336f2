"""The local forge's pull requests in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
from playwright.sync_api import expect

from honk.core.pulls import PullRequestRecord
from tests.server.page import samples
from tests.server.page.conftest import Readers
from tests.server.page.site import Site
from tests.world import git, make_origin


def propose(site: Site, origin: Path, branch: str, **more: object) -> PullRequestRecord:
    head = git(origin, "rev-parse", branch).strip()
    record = samples.pull_request(repo=str(origin), branch=branch, head_sha=head, **more)
    return site.stores.pulls.add(record)


def branch(origin: Path, name: str, text: str) -> None:
    """A branch of a bare repository on which greet.sh says ``text``."""
    work = origin.parent / f"work-{name.replace('/', '-')}"
    git(origin.parent, "clone", "-q", str(origin), str(work))
    git(work, "checkout", "-q", "-b", name)
    (work / "greet.sh").write_text(text)
    git(work, "commit", "-q", "-am", "Change")
    git(work, "push", "-q", "origin", f"HEAD:{name}")


def test_a_pull_request_is_approved_and_merged(site: Site, reader: Readers, tmp_path: Path) -> None:
    origin = make_origin(tmp_path / "a b&c", {"greet.sh": "echo bye\n"})
    branch(origin, "honk/hello", "echo hello\n")
    propose(site, origin, "honk/hello")
    viewer = reader("viewer")
    page = viewer.go("/pulls")
    page.get_by_role("link", name="#1 Say hello").click()
    expect(page.locator("#change .new b")).to_have_text("hello")
    expect(page.locator(".desc strong")).to_have_text("greets")
    assert page.get_by_role("button", name=re.compile("Merge|Approve|Close|Ready")).count() == 0
    ada = reader("runner")
    page = ada.go(page.url.removeprefix(site.url))
    assert page.get_by_role("button", name="Merge").count() == 0
    ada.press("Ready for review")
    ada.press("Approve")
    expect(page.get_by_role("region", name="Facts")).to_contain_text("runner")
    ada.press("Merge")
    expect(page.locator(".side .status")).to_have_text("merged")
    assert git(origin, "show", "main:greet.sh") == "echo hello\n"
    assert page.get_by_role("button", name=re.compile("Merge|Approve|Close")).count() == 0
    ada.go("/pulls")
    expect(page.locator("main")).to_contain_text("None here.")
    page.get_by_role("link", name="merged").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert viewer.said == ada.said == []


def test_a_conflict_is_told_on_the_page(site: Site, reader: Readers, tmp_path: Path) -> None:
    origin = make_origin(tmp_path / "o", {"greet.sh": "echo bye\n"})
    branch(origin, "honk/hello", "echo hello\n")
    branch(origin, "other", "echo hi\n")
    git(origin, "update-ref", "refs/heads/main", "other")
    record = propose(site, origin, "honk/hello", draft=False)
    ada = reader("runner")
    page = ada.go(f"/pulls/1?repo={record.repo}")
    expect(page.locator(".side .alert.bad")).to_contain_text("greet.sh")
    assert page.get_by_role("button", name="Merge").count() == 0
    with httpx2.Client(base_url=site.url, cookies={"honk_token": site.token()}) as http:
        refused = http.post(
            f"/pulls/1/merge?repo={record.repo}",
            data={"head": record.head_sha},
            headers={"Origin": site.url, "HX-Request": "true"},
        )
        assert "Both sides changed greet.sh" in refused.text and 'role="alert"' in refused.text
        assert http.get("/pulls/9?repo=/nowhere").status_code == 422
        viewer = {"honk_token": site.token("viewer")}
        denied = httpx2.post(
            f"{site.url}/pulls/1/close?repo={record.repo}", cookies=viewer, headers={"Origin": site.url}
        )
        assert denied.status_code == 403
    ada.press("Close")
    expect(page.locator(".side .status")).to_have_text("closed")
    assert ada.said == []


def test_no_text_of_a_pull_request_is_obeyed(site: Site, reader: Readers, tmp_path: Path) -> None:
    line = samples.ONE_LINE
    origin = make_origin(tmp_path / "<img src=x onerror=window.pwned=1>", {"greet.sh": "echo bye\n"})
    name = "honk/<svg-onload=window.pwned=2>"
    branch(origin, name, samples.EVERYTHING.replace("\0", ""))
    record = propose(
        site,
        origin,
        name,
        title=line,
        body=samples.EVERYTHING,
        labels=(line,),
        reviewers=(line,),
        approvals=(line,),
    )
    ada = reader(width=390, dark=True)
    page = ada.go("/pulls")
    assert ada.serious() == []
    page.locator("tbody a").click()
    expect(page.locator("#change .edit").first).to_be_visible()
    assert page.evaluate("window.pwned") is None
    assert (
        page.locator("main script, main iframe, main img, main svg, main style, main base, main h1").count()
        == 1
    )
    hrefs = page.locator("main a").evaluate_all("list => list.map(a => a.href)")
    assert all(href.startswith((site.url, "https://evil.example/y")) for href in hrefs), hrefs
    outside = page.locator("a[href^='https://evil']").evaluate_all("list => list.map(a => a.rel)")
    assert set(outside) == {"nofollow noopener noreferrer"}
    assert "[U+202E]gnp.exe" in page.locator(".desc").inner_text()
    assert ada.serious() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert record.number == 1 and ada.said == []
