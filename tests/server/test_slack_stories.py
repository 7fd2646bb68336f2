"""Slack with what honk did not make: Docker, a WebSocket, and npm's `emulate` as a second Slack."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from honk.core.events import RunEnded
from honk.core.types import Outcome
from honk.settings import Settings
from honk.testing.scripted import Hang
from honk.testing.slack import FakeSlack, Posted
from tests.e2e.installed import Installer, make_repo, until
from tests.server.conftest import serve
from tests.server.office import ADA, CHANNEL, FORM, JSON, events, make_settings, opened, workspace
from tests.server.slack_socket import listening
from tests.world import FINISH, GREET, git


def changed(settings: Settings, **changes: Any) -> Settings:
    return Settings.model_validate({**settings.__dict__, "slack": {**settings.slack.__dict__, **changes}})


@pytest.mark.docker
def test_a_command_becomes_a_pull_request_in_its_thread(install: Installer) -> None:
    honk = install([GREET, Hang(), FINISH])
    origin = make_repo(honk.root / "o")
    with workspace() as slack:
        honk.env |= {"SLACK_BOT_TOKEN": slack.token, "SLACK_SIGNING_SECRET": slack.secret}
        more = f'[slack]\napi_url = "{slack.api_url}"\nchannels.{CHANNEL} = "{origin}"\n'
        served = serve(honk, more=more)

        def send(body: bytes) -> None:
            headers = slack.signed(body, JSON if body.startswith(b"{") else FORM)
            answer = httpx2.post(f"{served.url}/slack/events", content=body, headers=headers)
            assert (answer.status_code, answer.text) == (200, "")

        def shown(words: str) -> Posted:
            return until(lambda: next((m for m in slack.messages if words in m.shown), None))

        send(slack.command("say hello"))
        assert honk.service.hanging.wait(100)
        message = shown("turn 1 of 100")
        send(slack.mention("Please also greet Bob.", thread=message.ts))
        shown("Passed on")
        send(slack.press(message, "honk_cancel"))
        shown(f"<@{ADA}> *Cancelled*")
        send(slack.press(message, "honk_resume"))
        end = shown(f"<@{ADA}> *Pull request ready*")
        assert "Pull request #1 (draft)" in end.shown and "It greets now." in end.shown
        assert "greeting passed, the judge approves; 1 file, +1 -1" in end.shown
        assert "Pull request ready" in message.shown
        assert {m.thread for m in slack.messages} == {None, message.ts}
        assert len(slack.messages) == 4  # the status, "passed on", and the two ends
    run_id = honk.run_id()
    last = [seen for seen in honk.service.journal if not seen.judge][-1]
    assert "Please also greet Bob." in json.dumps(last.body)
    branch = git(origin, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk/").strip()
    assert "Co-authored-by: Ada Lovelace <ada@example.com>" in git(origin, "log", "-1", branch)
    assert served.ended(run_id)["outcome"] == "published"
    assert honk.leftovers() == []


def test_the_service_does_not_start_where_anybody_could_give_orders(install: Installer) -> None:
    honk = install()
    honk.env |= {"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_SIGNING_SECRET": " "}
    done = honk.honk("serve", "--port", "0")
    assert done.code == 2
    assert "SLACK_BOT_TOKEN is set without SLACK_SIGNING_SECRET" in done.err


@pytest.mark.full
def test_socket_mode_needs_no_address_and_comes_back(tmp_path: Path) -> None:
    with workspace() as slack, listening() as socket, ExitStack() as stack:
        slack.socket_url = socket.url
        settings = make_settings(tmp_path, slack, make_repo(tmp_path / "o"))
        settings = changed(settings, signing_secret=None, app_token=slack.app_token)
        slack.fail_next("apps.connections.open", "internal_error")
        office = opened(stack, settings, slack)
        assert socket.connected.wait(60)
        assert office.send(slack.command("say hello")) == 404  # nobody signs, so nothing comes this way
        body = slack.command("say hello")
        for retry in (None, 1):
            sent = socket.send(body, retry=retry)
            assert socket.acknowledged.get(timeout=30) == sent
        run_id = until(lambda: office.runs() or None)[0]
        message = office.shows(run_id, "Waiting")
        sent = socket.send(slack.mention("faster", thread=message.ts))
        assert socket.acknowledged.get(timeout=30) == sent
        until(lambda: office.stores.inbox.look(run_id) or None)
        socket.connected.clear()
        assert socket.current is not None
        socket.current.close()
        assert socket.connected.wait(60)
        sent = socket.send(slack.press(message, "honk_cancel"))
        assert socket.acknowledged.get(timeout=30) == sent
        office.shows(run_id, "Cancelled by Ada")
        assert len(office.runs()) == 1
        assert [note for note in office.notes if "does not connect" in note]


# ---- a second opinion -----------------------------------------------------------------------

EMULATE, NODE = "0.12.2", "22"


def _emulate() -> tuple[Path, Path]:
    """The node and the script of npm's `emulate`, installed once (see tests/aimock.py)."""
    tools = Path(os.environ.get("HONK_TEST_TOOLS") or Path(tempfile.gettempdir()) / "honk-test-tools")
    folder = tools / f"emulate-{EMULATE}"
    if not folder.is_dir():
        if not (npm := shutil.which("npm")):
            pytest.skip("npm is not installed, which emulate needs")
        tools.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=tools))
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(fresh)]
        subprocess.run([*command, f"emulate@{EMULATE}", f"node@{NODE}"], check=True, capture_output=True)
        try:
            fresh.rename(folder)
        except OSError:  # another test process was faster
            shutil.rmtree(fresh)
    modules = folder / "node_modules"
    return modules / "node" / "bin" / "node", modules / "emulate" / "dist" / "index.js"


@contextmanager
def emulated(folder: Path, port: int) -> Iterator[httpx2.Client]:
    """Its Web API with the bot's token."""
    node, script = _emulate()
    seed = folder / "seed.json"
    users = [
        {"name": "honk", "real_name": "honk"},
        {"name": "ada", "real_name": "Ada Lovelace", "email": "ada@example.com"},
    ]
    scopes = ["chat:write", "users:read", "channels:history", "channels:join"]
    token = {"token": "xoxb-test", "user": "honk", "scopes": scopes}
    seed.write_text(json.dumps({"slack": {"users": users, "tokens": [token]}}))
    command = [
        str(node),
        str(script),
        "start",
        "--service",
        "slack",
        "--port",
        str(port),
        "--seed",
        str(seed),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        try:
            assert any("Ready" in line for line in running.stdout)
            headers = {"Authorization": "Bearer xoxb-test"}
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/", headers=headers) as client:
                yield client
        finally:
            running.terminate()


@pytest.mark.full
def test_another_slack_understands_honk_as_well(tmp_path: Path, free_port: int) -> None:
    with emulated(tmp_path, free_port) as other, ExitStack() as stack:

        def ask(method: str, **fields: str) -> Any:
            found = other.post(method, data=fields).json()
            assert found["ok"], found
            return found

        ada = next(m["id"] for m in ask("users.list")["members"] if m["name"] == "ada")
        channel = next(c["id"] for c in ask("conversations.list")["channels"] if c["name"] == "general")
        ask("conversations.join", channel=channel)
        sender = FakeSlack()  # for the signed requests only
        sender.url, sender.api_url = f"http://127.0.0.1:{free_port}", str(other.base_url)
        origin = make_repo(tmp_path / "o")
        settings = changed(make_settings(tmp_path, sender), channels={channel: str(origin)})
        office = opened(stack, settings, sender)
        assert office.send(sender.command("say <!channel>", user=ada, channel=channel)) == 200
        run_id = until(lambda: office.runs() or None)[0]
        ts = office.state(run_id).request.origin.message

        def thread(words: str) -> list[Any]:
            found = ask("conversations.replies", channel=channel, ts=ts)["messages"]
            return found if re.search(words, json.dumps(found)) else []

        assert office.state(run_id).request.requester == "Ada Lovelace <ada@example.com>"
        until(lambda: thread("Waiting for a worker") or None)
        office.record(
            run_id, *events(2, 6), RunEnded(outcome=Outcome.FAILED, reason="Why <!here>?", seconds=1)
        )
        root, reply = until(lambda: found if len(found := thread("Failed")) == 2 else None)
        assert "Why &lt;!here&gt;?" in json.dumps(root) and "<!here>" not in json.dumps([root, reply])
        assert root["ts"] == ts and reply["thread_ts"] == ts
        trigger = ask("views.generateTriggerId", user_id=ada)["trigger_id"]
        body = sender.command("", user=ada, channel=channel)
        known = re.sub(rb"trigger_id=[^&]*", b"trigger_id=" + trigger.encode(), body)
        assert office.send(known) == 200
        until(lambda: other.get(f"{sender.url}/?tab=views").text.count("Ask honk") or None)
        assert office.notes == ["Slack: https://emulate.slack.com/"]
