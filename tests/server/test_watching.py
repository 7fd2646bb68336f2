"""Metrics, traces, webhooks and logs, as other programs read them: by their own parsers and receivers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from honk import settings as settings_module
from honk.core.cancel import Cancel
from honk.core.errors import StoreError, UserError
from honk.core.events import (
    Event,
    Gated,
    Judged,
    ModelReplied,
    Overruled,
    Recorded,
    RunEnded,
    RunRequested,
    RunResumed,
)
from honk.core.judgement import Verdict
from honk.core.limits import Limits
from honk.core.operator import Webhook
from honk.core.types import Finding, Outcome, RepoRef, Request
from honk.settings import Settings
from honk.telemetry.metrics import BUCKETS, MOST_MODELS, Metrics
from honk.telemetry.traces import spans
from honk.telemetry.webhooks import Delivery, secret_bytes, signature
from honk.testing.memory_stores import MemoryStore
from honk.wiring import Stores, cancel_run, enlist, open_stores
from honk.wiring.repeating import every
from honk.wiring.watching import Herald, trace
from honk.wiring.workers import work_on
from tests.e2e.installed import Installer, make_repo
from tests.server.conftest import serve
from tests.server.receivers import Posted, receiver
from tests.server.test_api_fuzz import application
from tests.world import FINISH, GREET

LOGS = Path(__file__).parents[1] / "fixtures" / "logs"
SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def fixture_log(name: str = "v1.jsonl") -> list[Recorded]:
    return [Recorded.model_validate_json(line) for line in (LOGS / name).read_text().splitlines()]


def first_attempt() -> list[Recorded]:
    """A log up to its first end."""
    log = fixture_log()
    end = next(number for number, r in enumerate(log, 1) if isinstance(r.event, RunEnded))
    return log[:end]


def samples(text: bytes) -> Samples:
    """All samples, as Prometheus' own parser reads them."""
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def labelled(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def write(store: MemoryStore | Stores, run_id: str, log: Iterable[Recorded]) -> None:
    """Append the events of ``log`` to a run of ``store``."""
    events, leases = (store.events, store.leases) if isinstance(store, Stores) else (store, store)
    fence = leases.claim(run_id, "test")
    start = len(events.read(run_id))
    for number, recorded in enumerate(log, start + 1):
        events.append(run_id, recorded.event, seq=number, fence=fence)
    leases.release(run_id, fence)


def spoil(settings: Settings, *run_ids: str) -> None:
    """Let the second event of each run be one of a newer honk, in a database that is SQLite."""
    with closing(sqlite3.connect(settings.home / "honk.sqlite")) as database, database:
        for run_id in run_ids:
            change = "UPDATE events SET body = ? WHERE run_id = ? AND seq = 2"
            assert database.execute(change, ('{"kind": "teleported"}', run_id)).rowcount == 1


def test_metrics_count_what_the_logs_hold() -> None:
    store = MemoryStore()
    metrics = Metrics(store, store)
    log = first_attempt()
    write(store, "a", log)
    ended = log[-1].event
    requested = log[0].event
    assert isinstance(ended, RunEnded) and isinstance(requested, RunRequested)
    model = requested.request.model
    calls = [r.event for r in log if isinstance(r.event, ModelReplied)]
    first = samples(metrics.text())
    assert first[labelled("honk_runs_total", outcome=str(ended.outcome), origin="cli")] == 1
    assert first[labelled("honk_turns_total", model=model)] == sum(c.purpose == "work" for c in calls)
    dollars = first[labelled("honk_cost_dollars_total", model=model)]
    assert dollars == pytest.approx(sum(c.cost_usd for c in calls))
    assert first[labelled("honk_run_seconds_sum")] == pytest.approx(ended.seconds)
    bucket = next(limit for limit in BUCKETS if ended.seconds <= limit)
    assert first[labelled("honk_run_seconds_bucket", le=str(bucket))] == 1
    assert first[labelled("honk_queue_depth")] == 0

    veto = Gated(commit="c", findings=(Finding(gate="paths", result="block", path="x", detail="d"),))
    flag = Gated(commit="c", findings=(Finding(gate="size", result="flag", path="x", detail="d"),))
    refusal = Judged(commit="c", verdict=Verdict(verdict="refuse"))
    write(store, "b", [log[0], *(log[0].model_copy(update={"event": e}) for e in (veto, flag, refusal))])
    second = samples(metrics.text())
    depth, running = labelled("honk_queue_depth"), labelled("honk_runs_running")
    vetoes = {labelled("honk_gate_vetoes_total", gate="paths"): 1, labelled("honk_judge_vetoes_total"): 1}
    said = labelled("honk_judge_verdicts_total", verdict="refuse", mode="blocking")
    assert grown(first, second) == {**vetoes, said: 1, depth: 1}
    store.claim("b", "worker")
    assert grown(second, samples(metrics.text())) == {depth: -1, running: 1}


def test_metrics_tell_what_came_of_vetoes() -> None:
    store = MemoryStore()
    metrics = Metrics(store, store)
    start = first_attempt()[0]

    def log(*events: Event) -> list[Recorded]:
        return [start, *(start.model_copy(update={"event": event}) for event in events)]

    no = Judged(commit="c", verdict=Verdict(verdict="refuse", reasons=("No.",)))
    advice = no.model_copy(update={"mode": "advisory"})
    yes = Judged(commit="d", verdict=Verdict(verdict="approve"))
    published = RunEnded(outcome=Outcome.PUBLISHED, reason="", seconds=1)
    vetoed = RunEnded(outcome=Outcome.VETOED, reason="No.", seconds=1)
    write(store, "recovered", log(no, yes, published))
    write(store, "overruled", log(no, vetoed, Overruled(commit="c"), published))
    write(store, "vetoed", log(no, vetoed))
    write(store, "advised", log(advice, published))
    found = samples(metrics.text())
    assert found[labelled("honk_judge_vetoes_total")] == 3
    assert found[labelled("honk_judge_recoveries_total")] == 1
    assert found[labelled("honk_judge_overruled_total")] == 1
    assert found[labelled("honk_judge_verdicts_total", verdict="refuse", mode="advisory")] == 1


def grown(before: Samples, after: Samples) -> Samples:
    return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}


def test_names_that_callers_choose_do_not_make_labels_without_end() -> None:
    store = MemoryStore()
    log = fixture_log()
    requested = log[0].event
    reply = next(r for r in log if isinstance(r.event, ModelReplied))
    assert isinstance(requested, RunRequested)
    for number in range(MOST_MODELS + 30):
        request = requested.request.model_copy(update={"model": f"openai:m{number}"})
        first = log[0].model_copy(update={"event": requested.model_copy(update={"request": request})})
        write(store, f"run{number}", [first, reply])
    found = samples(Metrics(store, store).text())
    turns = {labels: value for (name, labels), value in found.items() if name == "honk_turns_total"}
    assert len(turns) == MOST_MODELS + 1
    assert turns[frozenset({("model", "other")})] == 30


def test_metrics_need_a_token(tmp_path: Path) -> None:
    with application(tmp_path) as (app, headers, _), TestClient(app) as http:
        assert http.get("/metrics").status_code == 401
        answer = http.get("/metrics", headers=headers)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        found = samples(answer.content)
        assert found[labelled("honk_runs_total", outcome="cancelled", origin="api")] == 1
        assert found[labelled("honk_queue_depth")] == 1


# ---- traces ---------------------------------------------------------------------------


def decoded(posted: Posted) -> tuple[dict[str, str], list[SentSpan]]:
    """Resource attributes and spans of one export, by the protocol's own types."""
    import gzip

    body = gzip.decompress(posted.body) if posted.headers.get("content-encoding") == "gzip" else posted.body
    request = ExportTraceServiceRequest.FromString(body)
    (resource,) = request.resource_spans
    attributes = {a.key: a.value.string_value for a in resource.resource.attributes}
    return attributes, [span for scope in resource.scope_spans for span in scope.spans]


def values(span: SentSpan) -> dict[str, Any]:
    found = {}
    for attribute in span.attributes:
        kind = attribute.value.WhichOneof("value")
        value = getattr(attribute.value, kind)
        found[attribute.key] = [v.string_value for v in value.values] if kind == "array_value" else value
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {"HOME": str(tmp_path), "HONK_HOME": str(tmp_path / "home")}
    return settings_module.load(environ={**environ, "XDG_CONFIG_HOME": str(tmp_path)})


def with_otel(settings: Settings, environ: dict[str, str]) -> Settings:
    read = settings_module.load(environ={"HOME": "/", "HONK_HOME": str(settings.home), **environ})
    return settings.model_copy(update={"otel": read.otel})


def test_a_trace_of_a_run_reaches_a_collector(settings: Settings) -> None:
    log = first_attempt()
    run_id = log[0].run_id
    with receiver() as collector, open_stores(settings) as stores:
        write(stores, run_id, log)
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url + "/",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Basic%20abc,x-team=one",
            "OTEL_SERVICE_NAME": "honk-test",
        }
        said: list[str] = []
        trace(with_otel(settings, environ), stores, run_id, said.append)
        assert said == []
        posted = collector.posted.get(timeout=10)
    assert posted.path == "/v1/traces"
    assert (posted.headers["authorization"], posted.headers["x-team"]) == ("Basic abc", "one")
    resource, sent = decoded(posted)
    assert resource["service.name"] == "honk-test"
    root, *children = sent
    assert (root.name, root.parent_span_id) == ("invoke_agent honk", b"")
    assert {span.trace_id for span in sent} == {root.trace_id}
    assert {child.parent_span_id for child in children} == {root.span_id}
    assert len({span.span_id for span in sent}) == len(sent)
    chats = [values(span) for span in children if span.name.startswith("chat ")]
    calls = [r.event for r in log if isinstance(r.event, ModelReplied)]
    assert len(chats) == len(calls) > 0
    for chat, call in zip(chats, calls, strict=True):
        assert chat["gen_ai.operation.name"] == "chat"
        assert chat["gen_ai.usage.output_tokens"] == call.completion.usage.output_tokens
        assert chat["gen_ai.response.finish_reasons"] == [str(call.completion.stop)]
    tools = [values(span) for span in children if span.name.startswith("execute_tool ")]
    assert tools and all(tool["gen_ai.tool.name"] and tool["gen_ai.tool.call.id"] for tool in tools)
    assert all(span.kind == SentSpan.SPAN_KIND_CLIENT for span in children if span.name.startswith("chat "))
    assert values(root)["gen_ai.conversation.id"] == run_id
    request = log[0].event
    assert isinstance(request, RunRequested)
    assert request.request.text.encode() not in posted.body


def test_a_run_that_ends_without_work_sends_its_trace_too(settings: Settings) -> None:
    request = Request(text="x", repo=RepoRef(forge="local", name="/r", url="file:///r"), model="replay:x")
    said: list[str] = []
    with receiver() as collector, open_stores(settings) as stores:
        traced = with_otel(settings, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        for work in (False, True):
            run_id = enlist(stores, request)
            if work:  # there is no such recording
                work_on(traced, stores, run_id, 1, Cancel(), said.append)
            else:
                cancel_run(traced, stores, run_id, note=said.append)
            [root] = decoded(collector.posted.get(timeout=10))[1]
            assert values(root)["gen_ai.conversation.id"] == run_id


def test_a_resumed_run_sends_what_came_since_in_the_same_trace() -> None:
    before, log = first_attempt(), fixture_log()
    first, again = spans(before), spans(log)
    assert again[0].trace == first[0].trace
    assert not {span.id for span in again} & {span.id for span in first}
    calls = [r for r in log[len(before) :] if isinstance(r.event, ModelReplied)]
    assert len([span for span in again if span.name.startswith("chat ")]) == len(calls) == 2
    assert spans([*log[:12], log[37], *log[12:37]])[0].id == first[0].id  # a worker died in between
    failed = RunEnded(outcome=Outcome.FAILED, reason="x", seconds=1)
    root, *_ = spans([*before[:-1], before[-1].model_copy(update={"event": failed})])
    assert (root.error, root.attributes["error.type"]) == ("failed", "failed")
    assert all(root.start <= span.start <= span.end <= root.end for span in first)
    assert spans([]) == []


def test_a_collector_that_fails_or_is_gone_does_not_fail_a_run(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        gone = f"http://127.0.0.1:{free.getsockname()[1]}"
    off = {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": gone}
    said: list[str] = []
    with receiver([400]) as collector, open_stores(settings) as stores:
        write(stores, "r", fixture_log())
        for environ in ({}, off):
            trace(with_otel(settings, environ), stores, "r", said.append)
        assert said == []
        environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url}
        trace(with_otel(settings, environ), stores, "r", said.append)
    assert len(said) == 1 and "did not take the trace" in said[0]


# ---- webhooks -------------------------------------------------------------------------


def test_signatures_are_those_of_the_specification() -> None:
    """The example of the Standard Webhooks specification's own libraries."""
    sent = Delivery("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    key = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)
    assert signature(key, sent, at) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert secret_bytes("just some words") == b"just some words"
    with pytest.raises(UserError, match="no base64"):
        secret_bytes("whsec_?")


def verified(posted: Posted) -> dict[str, Any]:
    """The body of a webhook, once its signature is checked as a receiver would."""
    signed = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode() + posted.body
    expected = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    assert posted.headers["webhook-signature"] == f"v1,{expected}"
    found: dict[str, Any] = json.loads(posted.body)
    return found


def hooked(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"webhooks": (Webhook(url=url, secret=SecretStr(SECRET)),)})


def test_a_webhook_is_sent_again_until_it_arrives_and_then_no_more(settings: Settings) -> None:
    said: list[str] = []
    with receiver([500, 302]) as place, open_stores(settings) as stores:
        write(stores, "a", fixture_log())
        write(stores, "b", fixture_log()[:3])
        herald = Herald(hooked(settings, place.url), stores, said.append)
        now = datetime.now(UTC)
        for seconds, sent in ((0, 1), (4, 1), (6, 2), (20, 2), (40, 3), (90, 3)):
            herald.look(now + timedelta(seconds=seconds))
            assert place.posted.qsize() == sent, seconds
        Herald(hooked(settings, place.url), stores, said.append).look(now + timedelta(seconds=99))
        assert place.posted.qsize() == 3
        bodies = [place.posted.get() for _ in range(3)]
    assert len({posted.headers["webhook-id"] for posted in bodies}) == 1
    told = verified(bodies[-1])
    ended = fixture_log()[-1].event
    assert isinstance(ended, RunEnded)
    assert told["type"] == "run.ended" and told["data"]["run_id"] == "a"
    assert told["data"]["outcome"] == ended.outcome and "patch" not in told["data"]
    assert [text.rpartition(": ")[2] for text in said] == ["it answered 500.", "it answered 302."]


def test_a_webhook_is_given_up_after_a_day_and_a_new_end_is_news(settings: Settings) -> None:
    resumed = [
        fixture_log()[0].model_copy(update={"event": event})
        for event in (
            RunResumed(limits=Limits()),
            RunEnded(outcome=Outcome.FAILED, reason="x", seconds=1),
        )
    ]
    with receiver() as place, open_stores(settings) as stores:
        write(stores, "a", fixture_log())
        herald = Herald(hooked(settings, place.url), stores, print)
        now = datetime.now(UTC)
        herald.look(now + timedelta(days=2))
        assert place.posted.empty()
        herald.look(now)
        write(stores, "a", resumed)
        herald.look(now)
        first, second = (verified(place.posted.get(timeout=1)) for _ in range(2))
    assert second["data"]["outcome"] == "failed" != first["data"]["outcome"]


def test_a_receiver_whose_answer_cannot_be_read_was_told(settings: Settings) -> None:
    said: list[str] = []
    with receiver(encoding="gzip") as place, open_stores(settings) as stores:
        write(stores, "a", fixture_log())
        herald = Herald(hooked(settings, place.url), stores, said.append)
        herald.look(datetime.now(UTC))
        herald.look(datetime.now(UTC) + timedelta(hours=1))
        assert place.posted.qsize() == 1
    assert said == []


def test_a_run_that_cannot_be_read_keeps_nobody_from_hearing_of_others(settings: Settings) -> None:
    said: list[str] = []
    with receiver() as place, open_stores(settings) as stores:
        for run_id in ("a", "b", "c"):
            write(stores, run_id, fixture_log())
        spoil(settings, "a", "b")
        herald = Herald(hooked(settings, place.url), stores, said.append)
        now = datetime.now(UTC)
        herald.look(now)
        herald.look(now)
        assert [verified(place.posted.get(timeout=1))["data"]["run_id"]] == ["c"]
    assert len(said) == 2 and all("not one that this honk knows" in text for text in said)


def test_what_is_done_again_and_again_goes_on_after_a_defect() -> None:
    said: list[str] = []
    failing = [ValueError("odd"), StoreError("The database is away."), ValueError("odd"), ValueError("odd")]
    again = threading.Event()

    def look(now: datetime) -> None:
        if failing:
            raise failing.pop(0)
        again.set()

    with every(0.001, look, "Looking", said.append):
        assert again.wait(30)
    defect = "Looking: honk has a defect: ValueError('odd')"
    assert said == [defect, "Looking: The database is away.", defect]  # once, however long it lasts


@pytest.mark.docker
@pytest.mark.full
def test_a_run_of_a_service_is_seen_from_outside(install: Installer) -> None:
    honk = install([GREET, FINISH])
    with receiver() as collector, receiver([503]) as place:
        honk.env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "HONK_LOG": "json"}
        served = serve(honk, more=f'[[webhooks]]\nurl = "{place.url}"\nsecret = "{SECRET}"\n')
        run_id = served.order(make_repo(honk.root / "o")).json()["run_id"]
        _, sent = decoded(collector.posted.get(timeout=150))
        assert values(sent[0])["gen_ai.conversation.id"] == run_id
        assert [s.name for s in sent].count("chat claude-sonnet-5-5") == 3
        assert sent[0].status.code == Status.STATUS_CODE_UNSET
        assert verified(place.posted.get(timeout=30))["data"]["outcome"] == "published"
        assert place.posted.get(timeout=30).headers["webhook-id"].startswith(run_id)
        found = samples(served.http.get("/metrics").content)
    assert found[labelled("honk_runs_total", outcome="published", origin="api")] == 1
    lines = [json.loads(line) for line in served.started.err.read_text().splitlines()]
    assert {"time", "level", "logger", "message"} <= set(lines[0])
    assert any(line["message"].startswith(f"{run_id}: published") for line in lines)
