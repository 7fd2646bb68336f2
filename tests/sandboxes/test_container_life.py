"""From open to close: what is removed, quota, sweep, several at once."""

from __future__ import annotations

import gc
import json
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import docker
import pytest

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, SandboxError
from honk.core.operator import SandboxCeiling
from honk.sandboxes.docker import LABEL, SCOPE_LABEL, DockerSandboxes
from honk.sandboxes.sweep import sweep
from tests.base import IMAGE

pytestmark = pytest.mark.docker


def left_of(client, run_id):
    filters = {"label": f"{LABEL}={run_id}"}
    return client.api.containers(all=True, filters=filters), client.api.volumes(filters=filters)[
        "Volumes"
    ] or []


def test_nothing_is_left(sandboxes, repository, client):
    spec = repository.spec(repository.commit())
    with sandboxes.open(spec, Cancel()):
        containers, volumes = left_of(client, spec.run_id)
        assert {c["Labels"]["honk.role"] for c in containers} == {"work", "companion"} and len(volumes) == 1
    assert left_of(client, spec.run_id) == ([], [])


def test_nothing_is_left_after_an_exception_a_cancel_or_a_failed_start(sandboxes, repository, client):
    spec = repository.spec(repository.commit())
    with pytest.raises(ZeroDivisionError), sandboxes.open(spec, Cancel()):
        raise ZeroDivisionError
    cancel = Cancel()
    with pytest.raises(Cancelled), sandboxes.open(spec, cancel) as sandbox:
        cancel.set("stop")
        sandbox.shell.run("true", timeout=5)
    with pytest.raises(Cancelled), sandboxes.open(spec, cancel):
        pass
    missing = repository.spec(spec.head, run_id=spec.run_id, image="honk-test/absent")
    with pytest.raises(SandboxError, match="create a container from honk-test/absent"):
        sandboxes.open(missing, Cancel()).__enter__()
    assert left_of(client, spec.run_id) == ([], [])


def test_cancelling_while_it_starts(sandboxes, repository, client):
    spec = repository.spec(repository.commit())
    cancel = Cancel()
    timer = threading.Timer(0.2, lambda: cancel.set("stop"))
    timer.start()
    with pytest.raises(Cancelled), sandboxes.open(spec, cancel) as sandbox:
        while True:
            sandbox.shell.run("true", timeout=5)
    timer.join()
    assert left_of(client, spec.run_id) == ([], [])


def test_over_the_quota_the_sandbox_is_killed_and_says_so(client, scope, repository):
    small = DockerSandboxes(client, SandboxCeiling(memory=1 << 30, workspace_size=100 << 20), IMAGE, scope)
    with (
        pytest.raises(SandboxError, match=r"outgrew its quota of 100 MiB .*workspace_size"),
        small.open(repository.spec(repository.commit()), Cancel()) as sandbox,
    ):
        sandbox.shell.run("head -c 300M /dev/zero > big; sleep 60", timeout=60)


def test_files_without_content_count_too(client, scope, repository):
    """Item 19: a flood of empty files is bounded by its folders' own size or by the entry cap."""
    small = DockerSandboxes(client, SandboxCeiling(memory=1 << 30, workspace_size=1 << 20), IMAGE, scope)
    with (
        pytest.raises(SandboxError, match="quota"),
        small.open(repository.spec(repository.commit()), Cancel()) as sandbox,
    ):
        sandbox.shell.run("i=0; while :; do mkdir -p a/$i; i=$((i+1)); done", timeout=100)


def test_a_sweep_removes_what_no_live_run_owns(client, scope, repository):
    mine = f"{scope}-sweep"
    api = client.api
    for run in ("dead", "live"):
        labels = {LABEL: run, SCOPE_LABEL: mine}
        api.create_volume(f"honk-test-{mine}-{run}", labels=labels)
        api.start(api.create_container(IMAGE, ["sleep", "60"], labels=labels)["Id"])
    assert sweep(client, mine, lambda run: run == "live") == 2
    assert left_of(client, "dead") == ([], [])
    containers = api.containers(filters={"label": f"{SCOPE_LABEL}={mine}"})
    assert [c["Labels"][LABEL] for c in containers] == ["live"]
    assert sweep(client, f"{mine}-other", lambda run: False) == 0
    assert sweep(client, mine, lambda run: False) == 2


def test_eight_at_once_do_not_meet(sandboxes, repository):
    head = repository.commit({"a": b"1"})
    specs = [repository.spec(head) for _ in range(8)]

    def work(number):
        with sandboxes.open(specs[number], Cancel()) as sandbox:
            sandbox.shell.run(f"echo {number} > mine; echo {number} > /tmp/mine", timeout=60)
            found = sandbox.shell.run("cat mine /tmp/mine; ls /workspace/repo", timeout=60).output
            return found, sandbox.tree.scan().changed

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    assert results == [(f"{n}\n{n}\na\nmine\n", (b"mine",)) for n in range(8)]


def test_known_secrets_are_masked_where_output_enters(client, scope, repository):
    masking = DockerSandboxes(
        client, SandboxCeiling(memory=1 << 30), IMAGE, scope, mask=lambda text: text.replace("hunter2", "***")
    )
    with masking.open(repository.spec(repository.commit()), Cancel()) as sandbox:
        assert sandbox.shell.run("echo pass=hunter2", timeout=5).output == "pass=***\n"
        assert sandbox.run("echo pass=hunter2", timeout=5).output == "pass=***\n"


def test_the_host_s_own_proxy_settings_stay_outside(scope, repository, tmp_path, monkeypatch):
    proxies = {"default": {"httpProxy": "http://user:hunter2@proxy:3128"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    configured = docker.from_env()
    sandboxes = DockerSandboxes(configured, SandboxCeiling(memory=1 << 30), IMAGE, scope)
    with sandboxes.open(repository.spec(repository.commit()), Cancel()) as sandbox:
        found = sandbox.shell.run("env", timeout=5).output
    configured.close()
    assert "HOME=" in found and "hunter2" not in found


def test_a_companion_that_dies_is_an_error(opened, client):
    with opened() as sandbox:
        mode = client.api.inspect_container(sandbox.container_id)["HostConfig"]["NetworkMode"]
        client.api.kill(mode.partition(":")[2])
        with pytest.raises(SandboxError, match="companion container stopped"):
            sandbox.tree.scan()


def test_an_engine_that_is_not_there_is_named(repository):
    def said() -> str:
        nowhere = docker.DockerClient(base_url="unix:///nonexistent/docker.sock", version="1.41")
        sandboxes = DockerSandboxes(nowhere, SandboxCeiling(), IMAGE, "test")
        try:
            with sandboxes.open(repository.spec(repository.commit()), Cancel()):
                return "it opened"
        except SandboxError as error:
            return str(error)
        finally:
            nowhere.close()

    message = said()
    assert "did not answer" in message and "honk doctor" in message
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the SDK leaves a socket that cannot connect
        gc.collect()
