"""`--remote`: the same commands on the runs of a service, with the same output and exit codes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from honk.client import Client
from honk.core.errors import InfrastructureError, UserError
from honk.core.events import (
    Gated,
    PathsAllowed,
    PlanApproved,
    Recorded,
    RunEnded,
    RunRequested,
    SandboxStarted,
)
from honk.core.order import Order
from honk.core.types import Finding, Outcome, RepoRef, Request
from honk.queue.engine import RunQueue, queue_url
from honk.settings import Settings
from honk.testing.scripted import Call, Hang, Turn
from honk.wiring import open_stores
from tests.e2e.installed import Installer, make_repo, until
from tests.server.conftest import record, serve
from tests.world import APPROVE, FINISH, GREET, bash, git


@pytest.mark.docker
@pytest.mark.full
def test_a_run_of_a_service_looks_as_one_of_this_machine(install: Installer) -> None:
    honk = install([GREET, Hang(), FINISH])
    served = serve(honk)
    origin = make_repo(honk.root / "o")
    token = served.token("r", "runner")["Authorization"].split()[1]
    here = dict(honk.env)
    there = {**here, "HONK_REMOTE": served.url, "HONK_TOKEN": token}

    honk.env = there
    started = honk.start("run", "say hello", "--repo", str(origin))
    assert honk.service.hanging.wait(100)
    started.signal(signal.SIGINT)
    left = started.end()
    run_id = served.http.get("/api/v1/runs").json()[0]["run_id"]
    assert left.code == 130 and f"`honk cancel {run_id}` stops it" in left.err
    assert served.http.get(f"/api/v1/runs/{run_id}").json()["status"] == "running"
    assert honk.honk("say", run_id[:6], "Greet Bob too.").code == 0
    following = honk.start("logs", "-f", run_id)
    until(lambda: True if "sandbox started" in following.out.read_text() else None)
    asked = honk.honk("cancel", run_id[:6])
    assert (asked.code, asked.err) == (0, f"Run {run_id} is asked to stop.\n")
    assert "cancelled: Cancelled by r." in following.end().out
    assert honk.honk("cancel", run_id).code == 2

    resumed = honk.honk("resume", run_id[:6], "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.result.outcome is Outcome.PUBLISHED
    assert git(origin, "show", f"{resumed.result.branch}:greet.sh") == "echo hello\n"
    again = honk.honk("resume", run_id)
    assert again.code == 2 and "has ended: published" in again.err

    views = [("runs",), ("runs", "--json"), ("show", run_id[:6]), ("show", run_id, "--json")]
    views += [("logs", run_id), ("logs", "-f", run_id, "--json"), ("diff", run_id), ("show", "zz")]
    for view in views:
        honk.env = there
        remote = honk.honk(*view)
        honk.env = here
        assert remote == honk.honk(*view), view
    assert honk.leftovers() == []


def test_what_is_wrong_with_a_service_is_said_in_a_sentence(install: Installer) -> None:
    honk = install()
    served = serve(honk, "--workers", "0")
    honk.env["HONK_REMOTE"] = served.url
    assert "There is no token for" in honk.honk("runs").err
    honk.env["HONK_TOKEN"] = "honk_x"
    wrong = honk.honk("runs")
    assert (wrong.code, "does not know the token" in wrong.err) == (2, True)
    viewer = served.token("v", "viewer")["Authorization"].split()[1]
    honk.env["HONK_TOKEN"] = viewer
    refused = honk.honk("run", "say hello", "--repo", "acme/o")
    assert (refused.code, "this needs a runner" in refused.err) == (2, True)
    recorded = honk.honk("run", "say hello", "--repo", "acme/o", "--record", "x")
    assert (recorded.code, "--record works where the run does" in recorded.err) == (2, True)
    local = honk.honk("runs", "--remote", "")
    assert (local.code, local.err) == (0, "No runs yet.\n")
    gone = honk.honk("runs", "--remote", "http://127.0.0.1:9")
    assert (gone.code, "cannot be reached" in gone.err) == (40, True)


def test_a_client_parses_what_the_service_says_and_no_more(tmp_path: Path, install: Installer) -> None:
    served = serve(install(), "--workers", "0")
    origin = make_repo(tmp_path / "o")
    token = served.token("r", "runner")["Authorization"].split()[1]
    with Client(served.url, token) as client:
        order = Order(request="say hello", repo=str(origin), requester="Boss <boss@example.com>")
        first, again = client.start(order, key="k"), client.start(order, key="k")
        assert first == again
        summary = client.run(first.run_id)
        assert (summary.status, summary.request) == ("waiting", "say hello")
        assert (summary.requester, summary.origin.by) == ("Boss <boss@example.com>", "r")  # who said so
        assert client.runs(prefix=first.run_id[:4]) == [summary] and client.runs(prefix="ffffffffff") == []
        assert [recorded.seq for recorded in client.events(first.run_id)] == [1]
        assert client.patch(first.run_id) == b""
        assert client.evidence(first.run_id) == b""
        with pytest.raises(UserError, match="has not ended"):
            client.result(first.run_id)
        client.say(first.run_id, "hear me")
        with pytest.raises(UserError, match="cannot be said"):
            client.say(first.run_id, "")
        assert client.cancel(first.run_id)
        with pytest.raises(UserError, match="has ended: cancelled"):
            client.cancel(first.run_id)
        assert [r.event.kind for r in client.follow(first.run_id)] == ["run_requested", "run_ended"]
        client.resume(first.run_id)
        assert client.result(first.run_id).outcome is Outcome.CANCELLED
        with pytest.raises(UserError, match="There is no run 0000000000"):
            client.run("0000000000")
    with Client(f"{served.url}/elsewhere", token) as client, pytest.raises(UserError):
        client.runs()


WORKFLOW = ".github/workflows/ci.yml"
EDIT = f"mkdir -p .github/workflows && echo x > {WORKFLOW} && sed -i s/bye/hello/ greet.sh"


@pytest.mark.docker
@pytest.mark.full
def test_a_refused_run_of_a_service_is_approved_and_followed_up_from_here(install: Installer) -> None:
    """A real worker: it refuses, a person approves, it publishes; then a word about the pull request."""
    louder = "sed -i 's/$/ # Louder/' greet.sh"  # what the same script does in the second run
    edit = bash(f"if grep -q bye greet.sh; then {EDIT}; else {louder}; fi")
    honk = install([edit, *[FINISH] * 4], judge=[APPROVE] * 2)
    served = serve(honk)
    origin = make_repo(honk.root / "o")
    honk.env["HONK_TOKEN"] = served.token("r", "runner")["Authorization"].split()[1]
    honk.env["HONK_REMOTE"] = served.url

    refused = honk.honk("run", "say hello", "--repo", str(origin), "--json")
    assert (refused.code, refused.result.outcome) == (22, "refused"), refused.err
    run_id, asked = refused.result.run_id, len(honk.service.journal)
    part = honk.honk("approve", run_id, "docs/**")
    assert part.code == 2 and f"These globs leave refused: {WORKFLOW}" in part.err
    done = honk.honk("approve", run_id[:6], "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert done.result.head_sha == refused.result.head_sha
    assert len([seen for seen in honk.service.journal[asked:] if not seen.judge]) == 0
    [event] = [r.event for r in honk.log(run_id) if isinstance(r.event, PathsAllowed)]
    assert (event.globs, event.by) == ((f"/{WORKFLOW}",), "r")
    again = honk.honk("approve", run_id)
    assert again.code == 2 and "is published; only a planned, refused or vetoed run" in again.err

    followed = honk.honk("followup", f"{origin}#1", "Louder.", "--json")
    assert (followed.code, followed.result.outcome) == (0, "published"), followed.err
    assert git(origin, "show", f"{done.result.branch}:greet.sh") == "echo hello # Louder\n"
    [asked_for] = [r.event for r in honk.log(followed.result.run_id) if isinstance(r.event, RunRequested)]
    assert (asked_for.request.text, asked_for.request.requester) == ("Louder.", "r")
    assert honk.leftovers() == []


@pytest.mark.docker
@pytest.mark.full
def test_a_plan_waits_at_a_service_without_a_worker_or_a_container(install: Installer) -> None:
    plans = [Turn(calls=(Call("propose_plan", {"plan": text}),)) for text in ("1. Greet.", "2. Hello.")]
    honk = install([*plans, GREET, FINISH])
    served = serve(honk)
    origin = make_repo(honk.root / "o")
    honk.env["HONK_TOKEN"] = served.token("r", "runner")["Authorization"].split()[1]
    honk.env["HONK_REMOTE"] = served.url
    waiting = honk.honk("run", "say hello", "--plan", "--repo", str(origin))
    run_id = honk.run_id()
    assert waiting.code == 12 and f"The plan waits:\n  honk approve {run_id}\n" in waiting.err, waiting.err
    assert honk.leftovers() == [] and f"{run_id}  planned" in honk.honk("runs").out
    assert honk.honk("say", run_id, "Not so loud.").code == 0
    amended = until(lambda: r if (r := served.ended(run_id))["plan"] == "2. Hello." else None)
    assert (amended["outcome"], amended["turns"]) == ("planned", 2)
    done = honk.honk("approve", run_id, "--json")
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert [r.event.by for r in honk.log(run_id) if isinstance(r.event, PlanApproved)] == ["r"]
    assert git(origin, "show", f"{done.result.branch}:greet.sh") == "echo hello\n"

    second = honk.honk("run", "say hello", "--plan", "--repo", str(origin), "--json")
    assert honk.honk("cancel", second.result.run_id).code == 0
    served.status(second.result.run_id, "cancelled")
    assert honk.leftovers() == []


def test_an_approval_counts_once_and_waits_for_a_worker(tmp_path: Path, install: Installer) -> None:
    honk = install()
    served = serve(honk, "--workers", "0")
    token, viewer = (served.token(name, name)["Authorization"].split()[1] for name in ("runner", "viewer"))
    refused = refused_run(honk.settings, tmp_path / "o")
    with Client(served.url, viewer) as client, pytest.raises(UserError, match="this needs a runner"):
        client.approve(refused)
    with Client(served.url, token) as client:
        with pytest.raises(UserError, match=r"leave refused: \.github/workflows/ci\.yml"):
            client.approve(refused, ("docs/**",))
        with pytest.raises(UserError, match="These paths cannot be permitted"):
            client.approve(refused, ("",))
        assert client.run(refused).status == "refused"
        for globs in ((), (), (f"/{WORKFLOW}",)):  # an answer that got lost is asked for again
            client.approve(refused, globs)
        assert client.run(refused).status == "waiting"
        assert [r.event.kind for r in client.events(refused)][-2:] == ["run_ended", "paths_allowed"]
        with pytest.raises(UserError, match="not at its end"):
            client.approve(refused, ("other/**",))
        with pytest.raises(UserError, match="There is no run"):
            client.approve("0000000000")
    with RunQueue(queue_url(honk.settings.database_url, honk.settings.home)) as queue:
        assert queue.depth() == 1


def refused_run(settings: Settings, folder: Path) -> str:
    """The log of a run that its gates refused, and that nobody works on."""
    run_id, origin = "0123456789", make_repo(folder)
    repo = RepoRef(forge="local", name=str(origin), url=origin.as_uri())
    finding = Finding(gate="protected-path", result="block", path=WORKFLOW, detail="It is CI.")
    with open_stores(settings) as stores:
        asked = Request(text="say hello", repo=repo, model="anthropic:claude-sonnet-5-5")
        record(
            stores,
            run_id,
            RunRequested(honk="0", request=asked),
            Gated(commit="c" * 40, findings=(finding,)),
            RunEnded(outcome=Outcome.REFUSED, reason="It is CI.", seconds=1),
        )
    return run_id


EVENTS = "/api/v1/runs/0123456789/events"


def _event(seq: int) -> Recorded:
    ended = RunEnded(outcome=Outcome.NO_CHANGE, reason="nothing", seconds=1)
    event = ended if seq == 4 else SandboxStarted(image=f"sha256:{seq}")
    return Recorded(run_id="0123456789", seq=seq, at=datetime(2026, 1, 1, tzinfo=UTC), event=event)


@contextmanager
def breaking(asked: list[str], each: int) -> Iterator[str]:
    """A service whose streams break off after ``each`` events."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            after = int(self.headers.get("Last-Event-ID", 0))
            asked.append(self.headers.get("Last-Event-ID", self.path))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for seq in range(after + 1, min(after + each, 4) + 1):
                data = _event(seq).model_dump_json()
                self.wfile.write(f": ping\n\nid: {seq}\nevent: x\ndata: {data}\n\n".encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_stream_that_breaks_off_is_taken_up_where_it_was() -> None:
    asked: list[str] = []
    with breaking(asked, 2) as url, Client(url, "t") as client:
        assert [recorded.seq for recorded in client.follow("0123456789")] == [1, 2, 3, 4]
    assert asked == [f"{EVENTS}?after=0", "2"]


def test_a_stream_that_says_nothing_any_more_is_given_up() -> None:
    asked: list[str] = []
    with (
        breaking(asked, 0) as url,
        Client(url, "t", pause=0) as client,
        pytest.raises(InfrastructureError, match="cannot be reached"),
    ):
        list(client.follow("0123456789"))
    assert asked == [f"{EVENTS}?after=0"] * 5


def test_something_else_at_the_address_is_no_honk() -> None:
    with breaking([], 0) as url, Client(url, "t") as client, pytest.raises(InfrastructureError):
        client.result("0123456789")
