"""`honk serve` and `honk worker` as processes: orders over HTTP become runs in real Docker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from honk.core.events import EVENT
from honk.testing.scripted import Hang
from tests.e2e.installed import Installed, Installer, make_repo, until
from tests.server.conftest import serve
from tests.world import FINISH, GREET, git

pytestmark = pytest.mark.docker


def stream(http: httpx2.Client, path: str, after: str | None = None) -> list[tuple[int, str, object]]:
    """All server-sent events of ``path`` until the server ends the stream."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    found = []
    with http.stream("GET", path, headers=headers, timeout=120) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
                fields = {}
    return found


def test_an_order_over_http_becomes_a_pull_request(install: Installer) -> None:
    honk = install([GREET, FINISH])
    served = serve(honk)
    origin = make_repo(honk.root / "o")
    first = served.order(origin, headers={"Idempotency-Key": "k1"})
    again = served.order(origin, headers={"Idempotency-Key": "k1"})
    assert first.status_code == 202, first.text
    run_id = first.json()["run_id"]
    assert again.json() == first.json()
    assert first.json()["url"] == f"{served.url}/runs/{run_id}"

    events = stream(served.http, f"/api/v1/runs/{run_id}/events")
    assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
    assert events[0][1] == "run_requested" and events[-1][1] == "run_ended"
    for _, kind, recorded in events:
        assert isinstance(recorded, dict)
        assert EVENT.validate_python(recorded["event"]).kind == kind
    later = stream(served.http, f"/api/v1/runs/{run_id}/events", after="3")
    assert later == events[3:]
    done = served.http.get(
        f"/api/v1/runs/{run_id}/events",
        headers={"Accept": "text/event-stream", "Last-Event-ID": str(len(events))},
    )
    assert done.status_code == 204
    assert len(served.http.get(f"/api/v1/runs/{run_id}/events?after=3").json()) == len(events) - 3

    result = served.ended(run_id)
    assert result["outcome"] == "published"
    assert git(origin, "show", f"{result['branch']}:greet.sh") == "echo hello\n"
    summary = served.http.get(f"/api/v1/runs/{run_id}").json()
    assert (summary["status"], summary["requester"], summary["origin"]["kind"]) == (
        "published",
        "admin",
        "api",
    )
    assert [run["run_id"] for run in served.http.get("/api/v1/runs").json()] == [run_id]
    assert served.http.get("/api/v1/runs?status=failed").json() == []
    assert "+echo hello" in served.http.get(f"/api/v1/runs/{run_id}/patch").text
    envelope = served.http.get(f"/api/v1/runs/{run_id}/evidence")
    assert envelope.headers["content-type"] == "application/vnd.dsse.envelope.v1+json"
    assert envelope.json()["payloadType"] == "application/vnd.in-toto+json"
    assert "Say hello" in served.http.get(f"/runs/{run_id}").text
    assert "hello" in served.http.get(f"/runs/{run_id}/change").text
    assert "Verification outside" in served.http.get(f"/runs/{run_id}").text
    pull = served.http.get(f"/pulls/1?repo={origin}")
    assert f'href="/runs/{run_id}"' in pull.text and "honk/" in pull.text
    assert served.http.post(f"/api/v1/runs/{run_id}/resume").status_code == 422
    assert served.http.post(f"/api/v1/runs/{run_id}/cancel").status_code == 422
    assert honk.leftovers() == []


def test_tokens_open_what_their_role_may_do(install: Installer) -> None:
    honk = install()
    served = serve(honk, "--workers", "0")
    origin = make_repo(honk.root / "o")
    nobody = httpx2.Client(base_url=served.url)
    viewer, runner = served.token("v", "viewer"), served.token("r", "runner")
    body = {"request": "say hello", "repo": str(origin)}
    with nobody:
        assert nobody.get("/healthz").json()["status"] == "ok"
        assert nobody.get("/api/v1/runs").status_code == 401
        assert nobody.get("/api/v1/runs", headers={"Authorization": "Bearer honk_x"}).status_code == 401
        assert nobody.get("/api/v1/runs", headers=viewer).json() == []
        refused = nobody.post("/api/v1/runs", json=body, headers=viewer)
        assert (refused.status_code, refused.json()["message"]) == (
            403,
            "The token v is a viewer; this needs a runner.",
        )
        queued = nobody.post("/api/v1/runs", json=body, headers=runner)
        assert queued.status_code == 202
        run_id = queued.json()["run_id"]
        assert nobody.get(f"/api/v1/runs/{run_id}", headers=viewer).json()["status"] == "waiting"
        assert nobody.post(f"/api/v1/runs/{run_id}/cancel", headers=viewer).status_code == 403
        cancelled = nobody.post(f"/api/v1/runs/{run_id}/cancel", headers=runner)
        assert cancelled.json() == {"ended": True}
        assert served.ended(run_id)["reason"] == "Cancelled by r."
        honk.honk("token", "r", "--revoke")
        assert nobody.get("/api/v1/runs", headers=runner).status_code == 401
    assert oct((Path(honk.env["HONK_HOME"]) / "admin-token").stat().st_mode)[-3:] == "600"


def test_orders_from_outside_stay_within_what_the_operator_allows(install: Installer) -> None:
    honk = install()
    served = serve(honk, "--workers", "0", repositories="/srv/open/*")
    (honk.root / "acme").mkdir()
    inside = make_repo(honk.root / "acme" / "o")
    for repo in (str(inside), "/srv/open/../../etc", "acme/o", "https://127.0.0.1/x/y", "ext::sh -c id", ""):
        refused = served.order(repo)
        assert refused.status_code == 422, repo
        assert "not open to requests from outside" in refused.json()["message"]
    for wrong in ({"max_cost": 1000}, {"model": "replay:/etc/passwd"}, {"request": " \x07 "}, {"depth": 0}):
        refused = served.order("/srv/open/a", **wrong)
        assert refused.status_code == 422, wrong
        assert refused.json()["message"]
    unknown = served.http.get("/api/v1/runs/0000000000")
    assert (unknown.status_code, unknown.json()["message"]) == (404, "There is no run 0000000000.")
    large = served.http.post("/api/v1/runs", content=b"x" * (2 << 20))
    assert large.status_code == 413


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.full)])
def test_another_worker_carries_on_where_one_died_or_was_stopped(
    install: Installer, number: signal.Signals
) -> None:
    honk = install([GREET, Hang(), FINISH])
    served = serve(honk, "--workers", "0")
    origin = make_repo(honk.root / "o")
    first = honk.start("worker")
    run_id = served.order(origin).json()["run_id"]
    assert honk.service.hanging.wait(100)
    assert os.getpriority(os.PRIO_PROCESS, first.process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    first.process.send_signal(number)
    code = first.process.wait(60)
    assert code == (0 if number is signal.SIGTERM else -number)
    state = served.http.get(f"/api/v1/runs/{run_id}").json()
    assert (state["status"], state["reason"]) == ("waiting", "")
    honk.start("worker")
    result = served.ended(run_id)
    assert (result["outcome"], result["turns"]) == ("published", 2)
    assert len([seen for seen in honk.service.journal if not seen.judge]) == 3
    branches = git(origin, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk/").split()
    assert branches == [result["branch"]]
    assert honk.leftovers() == []


@pytest.mark.full
def test_a_closed_terminal_ends_the_service_in_order(install: Installer) -> None:
    honk = install()
    served = serve(honk, "--workers", "0")
    worker, mcp = honk.start("worker"), start_mcp(honk)
    until(lambda: True if "Working on" in worker.err.read_text() else None)
    for process in (served.started.process, worker.process, mcp):
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0


def start_mcp(honk: Installed) -> subprocess.Popen[bytes]:
    """`honk mcp` that has answered once and whose standard input stays open."""
    process = honk.stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "honk", "mcp", "--workers", "0"],
            cwd=honk.root, env=honk.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
    )  # fmt: skip
    honk.stack.callback(process.kill)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
    process.stdin.flush()
    assert b'"id":1' in process.stdout.readline()
    return process


def test_words_of_a_person_reach_the_model_before_its_next_turn(install: Installer) -> None:
    honk = install([GREET, Hang(), FINISH])
    served = serve(honk)
    run_id = served.order(make_repo(honk.root / "o")).json()["run_id"]
    assert honk.service.hanging.wait(100)
    said = served.http.post(f"/api/v1/runs/{run_id}/say", json={"text": "Please also \x1b[31mgreet Bob."})
    assert said.status_code == 202
    assert served.http.post(f"/api/v1/runs/{run_id}/cancel").json() == {"ended": False}
    assert served.ended(run_id)["outcome"] == "cancelled"
    assert served.http.post(f"/api/v1/runs/{run_id}/say", json={"text": "x"}).status_code == 422
    assert served.http.post(f"/api/v1/runs/{run_id}/resume").status_code == 202
    served.status(run_id, "published")
    last = [seen for seen in honk.service.journal if not seen.judge][-1]
    assert "Please also greet Bob." in json.dumps(last.body)
