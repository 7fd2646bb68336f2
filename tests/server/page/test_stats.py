"""The figures, against runs whose outcome is known, and their page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import httpx2
from playwright.sync_api import expect
from prometheus_client.parser import text_string_to_metric_families as parsed

from honk.core.events import Event, Instructed, Judged, RunEnded
from honk.core.fates import Fate, Tidings, Undoing
from honk.core.followup import FollowUp
from honk.core.judgement import Verdict
from honk.core.order import Origin
from honk.core.pulls import PullRequestRecord
from honk.core.types import Outcome, RepoRef
from honk.server.stats import By, facts, figures, grouped
from tests.server.page import samples
from tests.server.page.conftest import Readers
from tests.server.page.site import Site
from tests.world import git, make_origin

STATES = ("merged", "closed", "unknown")
VETO: list[Event] = [
    Judged(commit=samples.HEAD, verdict=Verdict(verdict="refuse", reasons=("Too much.",))),
    Instructed(origin="judge", text="Too much."),
]
ADVICE = Judged(commit=samples.HEAD, verdict=Verdict(verdict="refuse", reasons=("No.",)), mode="advisory")


def fill(site: Site, root: Path) -> None:
    """Five runs: merged after two hours and a veto, merged against advice and reverted, closed, on
    a forge that tells nothing, and vetoed for good."""
    origin = make_origin(root / "o", {"greet.sh": "echo bye\n"})
    work = root / "o" / "work"
    git(work, "commit", "-q", "--allow-empty", "-m", "Merged")
    merged = git(work, "rev-parse", "HEAD").strip()
    git(work, "commit", "-q", "--allow-empty", "-m", f"Revert\n\nThis reverts commit {merged}.")
    git(work, "push", "-q", str(origin), "HEAD:main")
    local = RepoRef(forge="local", name=str(origin), url=origin.as_uri())
    now = datetime.now(UTC)
    ends = (("merged", samples.SHA), ("merged", merged), ("closed", None))
    for number, (state, sha) in enumerate(ends, 1):
        run_id = f"{number:010x}"
        asked = samples.request(local, origin=Origin(kind="campaign", place="log4j"))
        veto = VETO if number == 1 else []
        events = [*samples.working(asked), *veto, *samples.published(asked, number, "file:///o#1")]
        if number == 2:
            events = [ADVICE if isinstance(event, Judged) else event for event in events]
        site.begin(run_id, asked, events)
        site.stores.pulls.add(
            PullRequestRecord(
                repo=str(origin), base="main", branch="honk/x", head_sha=sha or samples.HEAD, title="t",
                body="b", draft=False, run_id=run_id, state=state, opened_at=now,
                closed_at=now + timedelta(hours=2), merge_sha=sha,
            )
        )  # fmt: skip
    asked = samples.request(model="openai:gpt-6", requester="<b>Bob</b>")
    site.begin(f"{4:010x}", asked, [*samples.working(asked), *samples.published(asked)])
    end = RunEnded(outcome=Outcome.VETOED, reason="Too much.", seconds=3)
    site.begin(f"{5:010x}", asked, [*samples.working(asked), *VETO[:1], end])


def test_the_figures_say_what_happened(site: Site, tmp_path: Path) -> None:
    fill(site, tmp_path)
    found = {by: grouped(facts(site.service, by, None)) for by in get_args(By)}
    assert [(g.name, g.attempts) for g in found["origin"]] == [("campaign log4j", 3), ("slack", 2)]
    assert [(g.name, g.attempts) for g in found["model"]] == [
        ("anthropic:claude-sonnet-5-5", 3),
        ("openai:gpt-6", 2),
    ]
    assert [g.name for g in found["requester"]] == ["Ada Lovelace <ada@example.com>", "<b>Bob</b>"]
    campaign, slack = found["origin"]
    assert (campaign.opened, campaign.known, campaign.merged, campaign.closed, campaign.reverted) == (
        3,
        3,
        2,
        1,
        1,
    )
    assert (campaign.vetoes, campaign.recoveries, campaign.merge_hours) == (1, 1, 2.0)
    assert (campaign.judge_recoveries, campaign.overruled) == (1, 1)  # the advice against number 2
    assert (slack.judge_recoveries, slack.overruled) == (0, 0)
    assert campaign.merged_cost_usd == campaign.cost_usd / 2 > 0
    assert (slack.opened, slack.known, slack.merged, slack.vetoes, slack.recoveries) == (1, 0, 0, 1, 0)
    assert (slack.merge_hours, slack.merged_cost_usd) == (None, None)
    total = figures("All", facts(site.service, "model", None))
    assert (total.attempts, total.opened, total.vetoes) == (5, 4, 2)
    assert facts(site.service, "model", datetime.now(UTC) + timedelta(days=1)) == []


# Of Ada's three attempts and Bob's two, of which one came to a forge that tells nothing.
BARS = {
    "Attempts and opened": ("3", "3", "2", "1"),
    "Merged, closed and reverted": ("2", "1", "1", "?", "?", "?"),
    "Vetoes and recoveries": ("1", "1", "1", "0"),
    "Hours to merge (median)": ("2.0 h", "—"),
    "Cost per merged pull request": ("$0.12", "—"),
}


def test_the_page_shows_them_as_plots_and_as_a_table(site: Site, reader: Readers, tmp_path: Path) -> None:
    fill(site, tmp_path)
    for dark, width in ((False, 1280), (True, 390)):
        ada = reader("viewer", dark=dark, width=width)
        page = ada.go("/stats")
        page.get_by_role("link", name="by requester").click()
        expect(page.get_by_role("row", name="Ada Lovelace")).to_be_visible()
        drawn = page.locator(".plot")
        plots = drawn.locator("figcaption").evaluate_all("list => list.map(e => e.firstChild.data.trim())")
        assert plots == list(BARS)
        for plot, words in enumerate(BARS.values()):
            assert drawn.nth(plot).locator("text.v").all_text_contents() == list(words), plots[plot]
        keys = [word for plot in (0, 1, 2) for word in drawn.nth(plot).locator(".key").all_inner_texts()]
        assert keys == ["attempts", "opened", "merged", "closed", "reverted", "vetoes", "recoveries"]
        row = page.get_by_role("row", name="Ada Lovelace")
        expect(row.locator("td").nth(2)).to_have_text("2")
        expect(page.get_by_role("row", name="<b>Bob</b>").locator("td").nth(2)).to_have_text("?")
        widths = drawn.nth(1).locator("rect").evaluate_all("l => l.map(r => r.width.baseVal.value)")
        assert widths[0] == 2 * widths[1] == 2 * widths[2] > 0 == widths[3] == widths[4] == widths[5]
        assert ada.serious() == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert ada.said == []


def on_github(site: Site) -> None:
    """Four pull requests of acme/log: merged after six hours, merged and reverted, closed, unknown; and
    a follow-up of the first, whose cost is its only figure."""
    now = datetime.now(UTC)
    asked = samples.request()
    for number in (1, 2, 3, 4):
        site.begin(f"{number:010x}", asked, [*samples.working(asked), *samples.published(asked, number)])
    again = samples.request(followup=FollowUp(number=1))
    site.begin(f"{5:010x}", again, [*samples.working(again), *samples.published(again, 1)])
    fate = Fate(
        repo="acme/log", number=1, state="merged", base="main", opened_at=now, merge_sha=samples.SHA,
        closed_at=now + timedelta(hours=6), told_by="webhook",
    )  # fmt: skip
    for other in (
        fate,
        fate.model_copy(update={"number": 2, "merge_sha": samples.HEAD, "told_by": "look"}),
        fate.model_copy(update={"number": 3, "state": "closed", "merge_sha": None}),
    ):
        site.stores.fates.learn(Tidings(fate=other))
    by = Undoing(repo="acme/log", branch="main", by="#9", number=2)
    site.stores.fates.learn(Tidings(undoing=by))


def test_pull_requests_on_github_are_counted_once_and_as_far_as_they_are_known(site: Site) -> None:
    on_github(site)
    [found] = grouped(facts(site.service, "repository", None))
    assert (found.attempts, found.opened, found.known) == (5, 4, 3)
    assert (found.merged, found.closed, found.reverted, found.merge_hours) == (2, 1, 1, 6.0)
    assert (found.local, found.heard, found.seen) == (0, 2, 1)
    assert found.merged_cost_usd == found.cost_usd / 2 > 0


def test_the_page_says_how_it_knows_what_became_of_pull_requests(site: Site, reader: Readers) -> None:
    on_github(site)
    ada = reader("viewer", width=390)
    page = ada.go("/stats")
    row = page.get_by_role("row", name="acme/log")
    expect(row.locator("td").nth(2)).to_have_text("2")  # merged
    expect(row.locator("td").nth(4)).to_have_text("1")  # reverted
    expect(page.locator("#known")).to_contain_text(
        "known of 3 of 4: of 0 from the local forge, of 2 from GitHub's webhooks, of 1 by looking there"
    )
    assert ada.serious() == []
    assert ada.said == []
    token = {"Authorization": f"Bearer {site.token('viewer', 'prometheus')}"}
    text = httpx2.get(f"{site.url}/metrics", headers=token).text
    found = {(s.name, *sorted(s.labels.values())): s.value for f in parsed(text) for s in f.samples}
    states = {state: found["honk_pull_requests", *sorted(("github", state))] for state in STATES}
    assert states == {"merged": 2, "closed": 1, "unknown": 1}
    assert found["honk_pull_requests_reverted",] == 1
    assert (found["honk_merge_seconds_count",], found["honk_merge_seconds_sum",]) == (2, 2 * 6 * 3600)
    assert found["honk_merge_seconds_bucket", "43200.0"] == 2
