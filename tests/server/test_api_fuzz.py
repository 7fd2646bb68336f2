"""The published OpenAPI document against the application: schemathesis finds what neither says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from honk import settings as settings_module
from honk.core.api import Problem
from honk.server.app import create_app
from honk.wiring import open_stores
from honk.wiring.server import open_service
from tests.e2e.installed import make_repo


@contextmanager
def application(root: Path) -> Iterator[tuple[FastAPI, dict[str, str], list[str]]]:
    """The real application on real stores, without a worker; headers with a token; two runs."""
    origin = make_repo(root / "o")
    file = root / "honk.toml"
    file.write_text(f'[server]\nrepositories = ["{origin}"]\n')
    environ = {"HOME": str(root), "HONK_HOME": str(root / "home"), "ANTHROPIC_API_KEY": "x"}
    settings = settings_module.load(file, environ)
    with open_stores(settings) as stores, open_service(settings, stores, print) as service:
        headers = {"Authorization": f"Bearer {stores.tokens.create('t', 'runner')}"}
        app = create_app(service)
        with TestClient(app, headers=headers) as http:
            body = {"request": "say hello", "repo": str(origin)}
            ids = [http.post("/api/v1/runs", json=body).json()["run_id"] for _ in range(2)]
            http.post(f"/api/v1/runs/{ids[0]}/cancel").raise_for_status()
        yield app, headers, ids


# The token is ours, and parameters that the document does not name are nobody's.
CONFIG = schemathesis.Config.from_dict(
    {"generation": {"with-security-parameters": False, "allow-extra-parameters": False}}
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def fuzz(root: Path, examples: int) -> set[str]:
    """Send ``examples`` valid and as many invalid requests to each operation, to runs that there
    are too, and hold every answer to the document; the operations' names."""
    seen = set()
    with application(root) as (app, headers, ids):
        schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, config=CONFIG)
        for found in schema.get_all_operations():
            operation = found.ok()
            seen.add(f"{operation.method.upper()} {operation.path}")
            fixed = (
                [None, *({"run_id": run_id} for run_id in ids)] if "{run_id}" in operation.path else [None]
            )
            for mode in MODES:
                for path in fixed:
                    if path and mode is GenerationMode.NEGATIVE and not operation.body:
                        continue  # nothing is left that could be wrong
                    more = {} if path is None else {"path_parameters": path}
                    _try(operation.as_strategy(mode, **more), headers, max(2, examples // len(fixed)))
    return seen


def _try(cases: st.SearchStrategy[Case], headers: dict[str, str], examples: int) -> None:
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def hold(case: Case) -> None:
        # What is valid JSON of an order may still be refused: a repository that is not open, say.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    hold()


CALLS = {
    "GET /api/v1/runs",
    "POST /api/v1/runs",
    "GET /api/v1/runs/{run_id}",
    "GET /api/v1/runs/{run_id}/result",
    "GET /api/v1/runs/{run_id}/patch",
    "GET /api/v1/runs/{run_id}/evidence",
    "GET /api/v1/runs/{run_id}/events",
    "POST /api/v1/runs/{run_id}/approve",
    "POST /api/v1/runs/{run_id}/cancel",
    "POST /api/v1/runs/{run_id}/resume",
    "POST /api/v1/runs/{run_id}/say",
}


def test_every_answer_is_one_that_the_document_names(tmp_path: Path) -> None:
    assert fuzz(tmp_path, 12) == CALLS


@pytest.mark.full
def test_every_answer_is_one_that_the_document_names_longer(tmp_path: Path) -> None:
    assert fuzz(tmp_path, 300) == CALLS


STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def http(tmp_path: Path) -> Iterator[tuple[TestClient, str]]:
    """A client of the application, and a run that has not ended."""
    with application(tmp_path) as (app, headers, ids), TestClient(app, headers=headers) as client:
        yield client, ids[1]


def test_a_body_in_chunks_does_not_pass_the_limit(http: tuple[TestClient, str]) -> None:
    sent: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            sent.append(b"x" * (1 << 20))
            yield sent[-1]

    answer = http[0].post("/api/v1/runs", content=chunks())
    assert (answer.status_code, answer.json()["message"]) == (411, "The body has no Content-Length.")


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        (
            "GET",
            "runs/RUN/events",
            {**STREAM, "Last-Event-ID": "\xb2".encode("latin-1")},
            None,
            422,
        ),
        ("GET", "runs/RUN/events?after=99999999999999999999", {}, None, 422),
        ("GET", "runs?offset=99999999999999999999", {}, None, 422),
        ("POST", "runs/RUN/say", {"Content-Type": "application/json"}, b'{"\\ud800": 1}', 422),
        ("DELETE", "runs", {}, None, 405),
        ("GET", "runs?stats=failed", {}, None, 422),
        ("GET", "nothing", {}, None, 404),
        ("GET", "runs/0123456789", {}, None, 404),
        ("GET", "runs/..%2f..", {}, None, 404),
        ("GET", "runs/XYZ", {}, None, 422),
    ],
)
def test_every_refusal_is_a_problem(
    http: tuple[TestClient, str],
    method: str,
    path: str,
    headers: dict[str, bytes],
    body: bytes | None,
    status: int,
) -> None:
    client, run_id = http
    path = f"/api/v1/{path.replace('RUN', run_id)}"
    answer = client.request(method, path, headers=headers, content=body)
    assert answer.status_code == status
    assert Problem.model_validate(answer.json()).message


PAGES = (
    "/runs/RUN/live?after=N",
    "/runs/RUN/before/N",
    "/runs/RUN/output/N",
    "/runs/RUN/change/N",
    "/runs?start=N",
    "/pulls?start=N",
    "/pulls/N?repo=x",
    "/pulls/N/change?repo=x",
)


def test_the_pages_refuse_numbers_that_nothing_reaches(http: tuple[TestClient, str]) -> None:
    client, run_id = http
    for path in PAGES:
        for number in ("9" * 30, "9" * 5000):
            answer = client.get(path.replace("RUN", run_id).replace("N", number))
            assert answer.status_code == 422, path
    for last in (b"9" * 30, b"9" * 5000, b"\xb2", b"abc", b"-1"):
        answer = client.get(f"/runs/{run_id}/live", headers={"Last-Event-ID": last})
        assert answer.status_code == 422, last
