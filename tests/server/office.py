"""A service with a Slack app in this process, and the workspace around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from honk import settings as settings_module
from honk.core.events import BaseResolved, Event, Published, Recorded, RunEnded
from honk.core.state import RunState, fold
from honk.core.types import Base, Outcome, PullRequest
from honk.server.app import create_app
from honk.settings import Settings
from honk.testing.slack import FakeSlack, Posted
from honk.wiring import Stores, open_stores
from honk.wiring.server import open_service
from tests.e2e.installed import until
from tests.server.conftest import record

ADA, CHANNEL = "U0ADA00001", "C0GENERAL1"
LOG = Path(__file__).resolve().parents[1] / "fixtures" / "logs" / "v1.jsonl"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def events(first: int, last: int) -> list[Event]:
    """Events of a recorded run."""
    lines = LOG.read_text().splitlines()[first - 1 : last]
    return [Recorded.model_validate_json(line).event for line in lines]


def make_settings(
    root: Path, slack: FakeSlack, origin: Path | str | None = None, more: str = "", **environ: str
) -> Settings:
    """Settings with ``origin`` as the default repository of the one channel; ``more`` goes to [slack]."""
    config = root / "honk.toml"
    config.write_text(
        f"""
        database_url = "sqlite:///{root}/home/honk.sqlite"
        [server]
        repositories = ["/**", "acme/*"]
        url = "https://honk.example"
        [slack]
        api_url = "{slack.api_url}"
        {f'channels.{CHANNEL} = "{origin}"' if origin else ""}
        {more}
        """
    )
    given = {
        "HONK_HOME": str(root / "home"),
        "HOME": str(root),
        "ANTHROPIC_API_KEY": "k",
        "SLACK_BOT_TOKEN": slack.token,
        "SLACK_SIGNING_SECRET": slack.secret,
        **environ,
    }
    return settings_module.load(config, given)


@dataclass
class Office:
    """A service with a Slack app, no worker, and the workspace around it."""

    slack: FakeSlack
    settings: Settings
    stores: Stores
    http: TestClient
    notes: list[str] = field(default_factory=list)

    def send(self, body: bytes, **more: Any) -> int:
        """Deliver ``body`` as Slack does; the status of the answer."""
        kind = JSON if body.startswith(b"{") else FORM
        headers = self.slack.signed(body, kind) | more.pop("headers", {})
        return self.http.post("/slack/events", content=body, headers=headers, **more).status_code

    def runs(self) -> list[str]:
        return self.stores.events.runs()

    def state(self, run_id: str) -> RunState:
        return fold(self.stores.events.read(run_id))

    def run(self, text: str = "say hello") -> str:
        """The id of a run that a command has started."""
        before = set(self.runs())
        assert self.send(self.slack.command(text)) == 200
        found: list[str] = until(lambda: [r for r in self.runs() if r not in before] or None)
        return found[0]

    def record(self, run_id: str, *new: Event) -> None:
        record(self.stores, run_id, *new)

    def publish(self, run_id: str, number: int, branch: str = "honk/say-hello-1") -> None:
        """Let a run end with a pull request of its own repository."""
        repo = self.state(run_id).request.repo
        base = Base(repo=repo, branch="main", sha="1" * 40, default_branch="main")
        url = f"https://example.com/pull/{number}"
        pull = PullRequest(number=number, url=url, draft=True, created=True)
        self.record(
            run_id,
            BaseResolved(base=base, branch=branch, verify=()),
            Published(pull_request=pull, title="Hello", body=""),
            RunEnded(outcome=Outcome.PUBLISHED, reason="Pull request opened.", seconds=1),
        )

    def message(self, run_id: str) -> Posted:
        ts = self.state(run_id).request.origin.message
        return next(m for m in self.slack.messages if m.ts == ts)

    def shows(self, run_id: str, words: str) -> Posted:
        """The message of a run, once it shows ``words``."""
        return until(lambda: m if words in (m := self.message(run_id)).shown else None)

    def replies(self, run_id: str) -> list[str]:
        message = self.message(run_id)
        thread = message.thread or message.ts
        return [m.shown for m in self.slack.messages if m.thread == thread and m is not message]

    def told(self) -> list[str]:
        """What was said to one person only."""
        calls = [c for c in self.slack.calls if c.method in ("response_url", "chat.postEphemeral")]
        return [str(call.body["blocks"][0]["text"]["text"]) for call in calls]


def opened(stack: ExitStack, settings: Settings, slack: FakeSlack) -> Office:
    stores = stack.enter_context(open_stores(settings))
    notes: list[str] = []
    service = stack.enter_context(open_service(settings, stores, notes.append))
    http = stack.enter_context(TestClient(create_app(service)))
    return Office(slack, settings, stores, http, notes)


@contextmanager
def workspace() -> Iterator[FakeSlack]:
    """At its end, everything that was sent to it is held to the SDK's own models."""
    with FakeSlack() as made:
        yield made
    for call in made.calls:
        for block in Block.parse_all(call.body.get("blocks", [])):
            block.validate_json()
        if "view" in call.body:
            View(**call.body["view"]).validate_json()
        assert call.answer.get("error") not in ("invalid_blocks", "no_text", "invalid_arguments"), call
