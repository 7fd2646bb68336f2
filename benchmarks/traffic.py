"""Traffic on a service: event streams that stay open, webhooks, Slack's commands. A process of its own.

`python benchmarks/traffic.py` reads a Plan as JSON from standard input, opens the streams, writes
"ready", sends for so many seconds, and writes what it saw as one line of JSON. Requests leave when
their time has come, whether those before were answered or not, and are timed from then on: a
service that stalls makes all that wait for it late. Standard library only.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Plan:
    """``watched``: run ids, whose streams are opened in turns until there are ``streams``; ``rate``
    in webhooks a second, a fifth as many commands; ``starting`` of each start a run, the others that
    could are replays of these."""

    url: str
    token: str
    watched: list[str]
    streams: int
    seconds: float
    rate: float
    starting: int
    github_secret: str
    slack_secret: str
    slack_url: str


@dataclass
class Seen:
    """Times in seconds. ``lags``: from an event's time to its arrival."""

    webhooks: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    opened: int = 0
    wrong: Counter[str] = field(default_factory=Counter)


async def connect(plan: Plan) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    where = urlsplit(plan.url)
    return await asyncio.open_connection(where.hostname, where.port, limit=1 << 22)


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    given = {"Host": "localhost", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# ---- streams ----------------------------------------------------------------------------


async def stream(plan: Plan, run_id: str, seen: Seen, ready: asyncio.Semaphore) -> None:
    """Read the events of a run until cancelled; each number must come once, in order."""
    try:
        reader, writer = await connect(plan)
        headers = {"Authorization": f"Bearer {plan.token}", "Accept": "text/event-stream"}
        writer.write(request("GET", f"/api/v1/runs/{run_id}/events", headers))
        status = await reader.readline()
        if b" 200 " not in status:
            seen.wrong[f"stream: {status.decode().strip()}"] += 1
            return
        while (await reader.readline()).strip():
            pass  # headers
    finally:
        ready.release()
    began, last = time.time(), 0
    seen.opened += 1
    while line := await reader.readline():
        if line.startswith(b"id: "):
            number = int(line[4:])
            if number != last + 1:
                seen.wrong[f"stream: event {number} after {last}"] += 1
            last = number
        elif line.startswith(b"data: {"):
            at = datetime.fromisoformat(json.loads(line[6:])["at"]).timestamp()
            if at > began:
                seen.lags.append(time.time() - at)
    seen.wrong["stream: ended by the service"] += 1


# ---- deliveries -------------------------------------------------------------------------


async def post(plan: Plan, path: str, headers: dict[str, str], body: bytes) -> int:
    reader, writer = await connect(plan)
    writer.write(request("POST", path, {**headers, "Connection": "close"}, body))
    status = await reader.readline()
    await reader.read()
    writer.close()
    return int(status.split()[1])


def webhook(plan: Plan, number: int) -> tuple[int, dict[str, str], bytes]:
    """The status that is due, headers and body of delivery ``number``: of ten, two ask for a run and
    are replays but for the first ones, two are forged, two ask without the right to, four tell of
    something else."""
    kind = number % 10
    author, place = "passer-by", number
    delivery = f"delivery-{number}"
    if kind < 2:
        author, place = "ada", (number // 10 * 2 + kind) % plan.starting
        delivery = f"start-{place}-{number % 3}"
    event = "issue_comment" if kind < 6 else "check_suite"
    user = {"login": author, "type": "User"}
    text = f"/honk say hello {place}"
    issue = {"number": 7, "title": "No greeting", "body": "", "html_url": "https://example.com/7"}
    said = {"id": place, "body": text, "user": user, "html_url": "https://example.com/c"}
    payload: dict[str, Any] = {"action": "created", "issue": issue, "comment": said, "sender": user}
    if event == "check_suite":
        suite = {"head_sha": "0" * 40, "head_branch": "feature", "conclusion": "failure"}
        payload = {"action": "completed", "check_suite": suite, "number": number}
    body = json.dumps({"repository": {"full_name": "acme/app"}, **payload}).encode()
    secret = plan.github_secret if kind not in (2, 3) else "another secret"
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={signature}",
        "Content-Type": "application/json",
    }
    return 401 if kind in (2, 3) else 202, headers, body


def command(plan: Plan, number: int) -> tuple[int, dict[str, str], bytes]:
    """As :func:`webhook`: a slash command, sent again and again, as Slack does without an answer."""
    place = number % plan.starting
    fields = {
        "team_id": "T0HONK0001", "channel_id": "C0GENERAL1", "user_id": "U0ADA00001", "command": "/honk",
        "text": f"say hello {place}", "trigger_id": f"{place}.1", "api_app_id": "A0HONK0001",
        "response_url": f"{plan.slack_url}/response/{place}",
    }  # fmt: skip
    body, stamp = urlencode(fields).encode(), str(int(time.time()))
    secret = plan.slack_secret.encode()
    signature = hmac.new(secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={signature}",
    }
    return 200, headers, body


async def deliver(plan: Plan, kind: str, number: int, at: float, seen: Seen) -> None:
    make, path, times = {
        "webhook": (webhook, "/github/webhook", seen.webhooks),
        "command": (command, "/slack/events", seen.commands),
    }[kind]
    await asyncio.sleep(max(0.0, at - time.monotonic()))
    due, headers, body = make(plan, number)
    try:
        status = await post(plan, path, headers, body)
    except (OSError, IndexError, ValueError) as error:
        seen.wrong[f"{kind}: {error!r}"] += 1
        return
    times.append(time.monotonic() - at)
    if status != due:
        seen.wrong[f"{kind}: {status} where {due} is due"] += 1


async def flow(plan: Plan) -> Seen:
    seen, ready = Seen(), asyncio.Semaphore(0)
    watched = [plan.watched[n % len(plan.watched)] for n in range(plan.streams)]
    streams = [asyncio.create_task(stream(plan, run_id, seen, ready)) for run_id in watched]
    for _ in streams:
        await ready.acquire()
    print("ready", flush=True)
    start = time.monotonic() + 0.2
    sent = [
        deliver(plan, kind, number, start + number / rate, seen)
        for kind, rate in (("webhook", plan.rate), ("command", plan.rate / 5))
        for number in range(int(plan.seconds * rate))
    ]
    await asyncio.gather(*sent)
    await asyncio.sleep(2)  # what was appended last arrives
    for task in streams:
        task.cancel()
    for result in await asyncio.gather(*streams, return_exceptions=True):
        if isinstance(result, Exception):
            seen.wrong[f"stream: {result!r}"] += 1
    return seen


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(flow(Plan(**json.loads(sys.stdin.readline())))))))
