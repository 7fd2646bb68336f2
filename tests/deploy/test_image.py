"""The service's image: what is in it, and a run that survives the death of its worker's container."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import psycopg
import pytest
import yaml

from honk.testing.scripted import Hang
from tests.deploy.conftest import UID, Installation
from tests.e2e.installed import CHECKOUT, docker_client, until
from tests.world import APPROVE, FINISH, GREET

pytestmark = [pytest.mark.docker, pytest.mark.full]


def inside(image: str, script: str, user: str = "") -> str:
    command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "sh"]
    command += ["--user", user] if user else []
    done = subprocess.run([*command, image, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_image_holds_honk_for_an_ordinary_user_and_nothing_of_this_machine(image: str) -> None:
    assert inside(image, "id -u; honk --version; git --version").split()[:2] == [str(UID), "honk"]
    own_ca = Path(os.environ.get("SSL_CERT_FILE", "/nonexistent"))
    if own_ca.exists():
        bundle = inside(image, "cat /etc/ssl/certs/ca-certificates.crt")
        assert bundle != own_ca.read_text()
    left = inside(image, "ls -A /run/secrets /etc/pip.conf /root/.config /src 2>/dev/null || true", "0:0")
    assert left.split("\n") in ([""], ["/run/secrets:", ""])
    assert inside(image, "find / -xdev -perm -4000 -o -xdev -perm -2000 -type f | grep honk || true") == ""
    with docker_client() as client:
        config = client.images.get(image).attrs["Config"]
        history = json.dumps(client.images.get(image).history())
    assert config["User"] == f"{UID}:{UID}"
    assert not [name for name in config["Env"] if any(w in name for w in ("PIP", "CERT", "PROXY", "proxy"))]
    assert "://" not in history.replace("http://127.0.0.1:", "")


def wanted_workers(database: str) -> int:
    """What KEDA reads of the queue, by the query of its manifest."""
    file = CHECKOUT / "deploy" / "kubernetes" / "keda" / "scaledobject.yaml"
    scaled = next(yaml.safe_load_all(file.read_text()))
    with psycopg.connect(database) as connection:
        row = connection.execute(scaled["spec"]["triggers"][0]["metadata"]["query"]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("installation", [([GREET, Hang(), FINISH], [APPROVE])], indirect=True)
def test_a_killed_workers_run_is_finished_by_another_container(installation: Installation) -> None:
    server = installation.start("serve", "--workers", "0", name="server")
    http = installation.http(server)
    probe = server.attrs["Config"]["Healthcheck"]["Test"]
    assert probe[0] == "CMD" and server.exec_run(probe[1:]).exit_code == 0
    first = installation.start("worker", name="first")
    body = {"request": "say hello", "repo": str(installation.origin)}
    run_id = http.post("/api/v1/runs", json=body).json()["run_id"]
    assert installation.service.hanging.wait(150), first.logs().decode()
    assert wanted_workers(installation.database) == 1
    second = installation.start("worker", name="second")
    first.kill("KILL")

    def ended() -> dict[str, object] | None:
        found = http.get(f"/api/v1/runs/{run_id}/result")
        return found.json() if found.status_code == 200 else None

    result = until(ended)
    assert result["outcome"] == "published", second.logs().decode()
    heads = subprocess.run(
        ["git", "-c", "safe.directory=*", "for-each-ref", "--format=%(refname:short)", "refs/heads/honk/"],
        cwd=installation.origin, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert heads == [result["branch"]]
    assert wanted_workers(installation.database) == 0
    second.stop(timeout=60)
    assert second.wait()["StatusCode"] == 0
    assert "unfinished runs go back" in second.logs().decode()
