"""The service under load: what is queued, streamed and delivered is neither lost nor done twice, in time.

python benchmarks/load.py [cost page load] [--small] [--runs N --streams N --seconds S --rate R]

It starts `honk serve`, two workers, a scripted model, a GitHub and a Slack (both of honk.testing),
queues the runs (each order sent twice), opens the streams, floods the service with webhooks and
commands, kills one worker with SIGKILL when a third of the runs have ended, and looks at every
log when all have. Chromium reads the pages. Figures are printed as by run.py; the exit code is 1
if one is not kept or if anything was lost, done twice or answered wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from clients import Bench, cpu_of, repository
from figures import Figure, middle, percentile
from load_site import Site, empty_items, open_site, trivial_run
from playwright.sync_api import Page, sync_playwright
from run import row
from traffic import Plan

from honk.core.events import RunEnded
from honk.core.state import fold

ACKNOWLEDGED_MS = 500.0
LINE_SECONDS = 1.0
PAGE_SECONDS = 1.5
QUEUE_SHARE = 0.02
# Looked at in each frame: a locator's own look, when it has waited 0.3 s, comes every half second only.
IN_SIGHT = """words => {
    const found = document.evaluate(`//text()[contains(., "${words}")]`, document.body, null, 9);
    return found.singleNodeValue?.parentElement.checkVisibility() ?? false;
}"""


@dataclass(frozen=True)
class Scale:
    """How much. ``watched``: runs that the streams are about; ``lines`` that a browser waits for;
    ``events`` of the long run; ``items`` that pass an empty queue; ``alone``: runs that are timed
    with nothing else to do."""

    runs: int = 200
    streams: int = 500
    watched: int = 50
    seconds: float = 120.0
    rate: float = 20.0
    lines: int = 40
    events: int = 5000
    items: int = 200
    alone: int = 10


SMALL = Scale(runs=8, streams=40, watched=8, seconds=15, rate=10, lines=6, items=30, alone=3)
STARTING = 5  # runs that webhooks start, and as many that commands start


def until(what: str, look: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: it did not happen within {seconds:.0f} s")
        time.sleep(0.5)


# ---- the cost of the queue --------------------------------------------------------------


def queue_cost(site: Site, scale: Scale) -> Iterator[Figure]:
    """CPU of an item that does nothing, its process's polling included, over a trivial run's time."""
    worker = site.worker()
    wall, cpu = trivial_run(site, worker, scale.alone)
    site.stop(worker)
    empty = empty_items(scale.items, site.root)
    yield Figure("trivial run in a worker", "s", wall)
    yield Figure("CPU of a trivial run in a worker", "ms", cpu * 1e3)
    yield Figure("CPU of an item in the queue", "ms", empty * 1e3)
    yield Figure("item in the queue over trivial run, time", "", empty / wall, QUEUE_SHARE)
    yield Figure("item in the queue over trivial run, CPU of honk's processes", "", empty / cpu)


# ---- all at once ------------------------------------------------------------------------


def under_load(site: Site, scale: Scale, page: Page, wrong: list[str]) -> Iterator[Figure]:
    watched = [site.watched(f"watched {n}") for n in range(scale.watched)]
    before = site.ended()  # before the workers: they end runs while others are still being ordered
    workers = [site.worker(), site.worker()]
    ordered = [site.order(f"order-{n}") for n in range(scale.runs)]
    again = [site.order(f"order-{n}") for n in range(scale.runs)]
    if ordered != again or len(set(ordered)) != scale.runs:
        wrong.append("an order that was sent twice became two runs")
    plan = Plan(
        url=site.url, token=site.token, watched=watched, streams=scale.streams, seconds=scale.seconds,
        rate=scale.rate, starting=STARTING, github_secret=site.github_secret,
        slack_secret=site.slack.secret, slack_url=site.slack.url,
    )  # fmt: skip
    killer = threading.Thread(target=kill_one, args=(site, workers, scale, before), daemon=True)
    if scale.runs:
        killer.start()
    argv = [sys.executable, str(Path(__file__).with_name("traffic.py"))]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as traffic:
        assert traffic.stdin is not None and traffic.stdout is not None
        try:
            traffic.stdin.write(json.dumps(vars(plan)) + "\n")
            traffic.stdin.flush()
            assert traffic.stdout.readline().strip() == "ready"
            spent, began = cpu_of(site.server), time.monotonic()
            shown = lines_on_page(site, page, watched, scale)
            seen = json.loads(traffic.stdout.readline())
            share = (cpu_of(site.server) - spent) / (time.monotonic() - began)
        finally:
            traffic.kill()  # after its last line it has nothing to do; before, nobody listens
    wrong += [f"{what} ({count} times)" for what, count in seen["wrong"].items()]
    if seen["opened"] != scale.streams:
        wrong.append(f"{seen['opened']} of {scale.streams} streams were opened")
    for name, times in (("webhook", seen["webhooks"]), ("Slack command", seen["commands"])):
        late = percentile(times, 0.99) * 1e3
        yield Figure(f"{name} acknowledged, 99th percentile", "ms", late, ACKNOWLEDGED_MS)
        yield middle(f"{name} acknowledged, median", "ms", [t * 1e3 for t in times])
    yield Figure("the server's share of one processor meanwhile", "", share)
    yield Figure("event to a stream, 99th percentile", "s", percentile(seen["lags"], 0.99), LINE_SECONDS)
    yield replace(middle("log line on the page, longest", "s", shown), value=max(shown), limit=LINE_SECONDS)
    yield from drained(site, scale, ordered, before, killer, wrong)


def kill_one(site: Site, workers: list[subprocess.Popen[bytes]], scale: Scale, before: int) -> None:
    """SIGKILL for the first worker, while it works, when a third of the runs have ended."""
    until("a third of the runs", lambda: site.ended() - before >= scale.runs // 3, 60 + 60 * scale.runs)
    until("a run of the first worker", lambda: site.holds(workers[0].pid), 600)
    workers[0].kill()
    workers[0].wait()


def lines_on_page(site: Site, page: Page, watched: list[str], scale: Scale) -> list[float]:
    """Seconds from an event's append to its words in Chromium; other runs get lines in between."""
    page.goto(f"{site.url}/runs/{watched[0]}")
    found = []
    pause = scale.seconds / scale.lines
    for number in range(scale.lines):
        began = time.monotonic()
        for run_id in watched[1:]:
            site.line(run_id, f"other-{number}")
        words = f"line-{number}-end"
        at = time.monotonic()
        site.line(watched[0], words)
        page.wait_for_function(IN_SIGHT, arg=words, timeout=30_000)
        found.append(time.monotonic() - at)
        time.sleep(max(0.0, pause - (time.monotonic() - began)))
    return found


def drained(
    site: Site, scale: Scale, ordered: list[str], before: int, killer: threading.Thread, wrong: list[str]
) -> Iterator[Figure]:
    """Every run has ended once, with one pull request if it published; nothing else is there."""
    started = before + len(ordered) + 2 * STARTING
    began = time.monotonic()
    until("the last run", lambda: site.ended() >= started and not killer.is_alive(), 300 + 10 * scale.runs)
    print(f"all ended {time.monotonic() - began:.0f} s after the flood", file=sys.stderr)
    published, outcomes = each_once(site, wrong)
    pulls = Counter(record.run_id for record in site.stores.pulls.all())
    if pulls != Counter(published):
        wrong.append("pull requests and published runs are not one for one")
    if not set(ordered) <= set(published):
        wrong.append(f"{len(set(ordered) - set(published))} of the ordered runs published nothing")
    if len(site.branches()) != len(published):
        wrong.append(f"{len(site.branches())} branches for {len(published)} published runs")
    if left := site.containers():
        wrong.append(f"{len(left)} containers are left")
    resumed = sum(site.taken(run_id) > 1 for run_id in ordered)
    print(f"outcomes: {dict(outcomes)}; {resumed} taken up by a second worker", file=sys.stderr)
    if scale.runs and not resumed:
        wrong.append("no run was taken up by a second worker: the kill hit nothing")
    yield Figure("runs that ended, each once", "", float(sum(outcomes.values())))


def each_once(site: Site, wrong: list[str]) -> tuple[list[str], Counter[str]]:
    """The published runs, and how all ended."""
    published, outcomes, kinds = [], Counter[str](), Counter[str]()
    for run_id in site.stores.events.runs():
        recorded = site.stores.events.read(run_id)
        state = fold(recorded)
        kinds[state.request.origin.kind] += 1
        ends = [r.event.outcome for r in recorded if isinstance(r.event, RunEnded)]
        if state.request.text.startswith("watched"):
            continue
        if len(ends) != 1:
            wrong.append(f"run {run_id} has {len(ends)} ends")
        outcomes.update(map(str, ends))
        if state.published is not None:
            published.append(run_id)
    if (kinds["github"], kinds["slack"]) != (STARTING, STARTING):
        wrong.append(f"{dict(kinds)}: {STARTING} from GitHub and {STARTING} from Slack are due")
    return published, outcomes


# ---- the page of a long run -------------------------------------------------------------


def long_page(site: Site, scale: Scale, page: Page) -> Iterator[Figure]:
    """From the request to the newest entry in sight and the page at rest."""
    run_id = site.watched("watched long", events=scale.events)
    site.line(run_id, "the-newest")
    found = []
    for _ in range(5):
        page.goto("about:blank")
        began = time.monotonic()
        page.goto(f"{site.url}/runs/{run_id}", wait_until="load")
        page.wait_for_function(IN_SIGHT, arg="the-newest", timeout=60_000)
        found.append(time.monotonic() - began)
    yield middle(f"page of a run of {scale.events:,} events", "s", found, PAGE_SECONDS)


def stages(site: Site, scale: Scale, chosen: list[str], wrong: list[str]) -> Iterator[Figure]:
    if "cost" in chosen:
        yield from queue_cost(site, scale)  # before Playwright, whose event loop DBOS would take for its own
    with sync_playwright() as playwright:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        browser = playwright.chromium.launch(
            executable_path=site.chromium,
            args=["--no-sandbox"],
            env={**kept, "HOME": str(site.root)},  # not that of whoever measures
        )
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "honk_token", "value": site.token, "url": site.url}])
        page = context.new_page()
        if "page" in chosen:
            yield from long_page(site, scale, page)
        if "load" in chosen:
            yield from under_load(site, scale, page, wrong)
        browser.close()


def interrupted(number: int, _frame: object) -> None:
    """End in order: what was started ends on the way out, however often the signal comes."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="*", help="cost, page, load; left out: all three")
    parser.add_argument("--small", action="store_true", help="a trial: 8 runs, 40 streams, 15 seconds")
    for name in ("runs", "streams", "watched"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("seconds", "rate"):
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--database", help="PostgreSQL instead of SQLite")
    parser.add_argument("--scratch", type=Path, help="where the service's folder goes, and stays")
    options = parser.parse_args()
    given = {n: getattr(options, n) for n in ("runs", "streams", "watched", "seconds", "rate")}
    changes = {n: v for n, v in given.items() if v is not None}
    scale = replace(SMALL if options.small else Scale(), **changes)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell lets its background jobs ignore it
        signal.signal(number, interrupted)
    wrong: list[str] = []
    missed = False
    with ExitStack() as stack:
        root = Path(tempfile.mkdtemp(prefix="honk-load-", dir=options.scratch))
        if options.scratch is None:
            stack.callback(shutil.rmtree, root)
        bench = Bench(scratch=root, peers=None, image="", repeat=1)
        print(f"{scale}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, in {root}\n")
        print("| figure | value | range | at most | kept |\n| --- | --- | --- | --- | --- |", flush=True)
        site = stack.enter_context(open_site(bench, root, repository(bench), options.database))
        for figure in stages(site, scale, options.stages or ["cost", "page", "load"], wrong):
            print(row(figure), flush=True)
            missed |= figure.kept is False
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")
    for what in wrong:
        print(f"WRONG: {what}")
    return int(missed or bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
