"""Stories of the stop gate's checks: what one of them leaves is nothing that the next can live on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from honk.core.limits import Limits
from honk.core.operator import SandboxCeiling
from honk.core.types import Check, Outcome
from honk.runs.run import Run
from honk.sandboxes.docker import DockerSandboxes
from honk.sandboxes.sweep import sweep
from tests.base import IMAGE
from tests.world import FILES, FINISH, GREET, Worlds, bash

CHECK = 'test "$(sh greet.sh)" = hello'


def config(*checks: str, setup: tuple[str, ...] = ()) -> dict[str, str]:
    """FILES with these checks and setup commands in .honk.yml."""
    lines = ["verify:", *(f"  check{n}: {check!r}" for n, check in enumerate(checks, start=1))]
    lines += ["setup:", *(f"  - {command!r}" for command in setup)] if setup else []
    return {**FILES, ".honk.yml": "\n".join(lines) + "\n", ".gitignore": "build/\n"}


def report(run: Run) -> tuple[Check, ...]:
    assert run.state.verified is not None
    return run.state.verified.report.checks


def outcome(run: Run) -> Outcome:
    assert run.state.ended is not None
    return run.state.ended.outcome


def test_no_check_passes_on_a_file_that_another_left(worlds: Worlds) -> None:
    second = "grep -q bye greet.sh || test -e stamp"  # passes on the base, and where a stamp was left
    world = worlds([GREET, *[FINISH] * 4], files=config(f"{CHECK} && touch stamp", second))
    run = world.run()
    assert outcome(run) is Outcome.UNVERIFIED
    assert [check.passed for check in report(run)] == [True, False]
    assert world.branches() == []


def test_no_check_fails_on_what_another_changed(worlds: Worlds) -> None:
    spoil = f"{CHECK} && echo spoilt > greet.sh && rm check.sh && rm -rf .git"
    world = worlds([GREET, FINISH], files=config(spoil, f"test -e check.sh && {CHECK}", "git status"))
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert all(check.passed for check in report(run))


def test_what_a_build_made_below_the_ignore_rules_is_there_for_the_tests(worlds: Worlds) -> None:
    build = "mkdir build && cp greet.sh build/out"
    world = worlds([GREET, FINISH], files=config(build, 'test "$(sh build/out)" = hello'))
    assert outcome(world.run()) is Outcome.PUBLISHED


SETUP = (
    "apt-get update",
    "sudo -n apt-get install -y libx-dev",
    "DEBIAN_FRONTEND=noninteractive apt-get install -y 'a b' 2>&1 && echo one >> build/log",
    "apt-get update; apk add \\\n  x\necho two >> build/log && echo 'apt-get install three' >> build/log",
    "dnf install x",
)


def test_setup_on_the_changed_commit_leaves_out_packages_of_the_system(worlds: Worlds) -> None:
    """They would all fail here: nobody in a sandbox is root."""
    files = config(CHECK, "cat build/log", setup=("mkdir build", *SETUP))
    world = worlds([GREET, bash("echo six > requirements.txt"), FINISH], files=files)
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert [(check.name, check.command) for check in report(run)][:-2] == [
        ("setup 1", "mkdir build"),
        ("setup 4", "echo one >> build/log"),
        ("setup 5", "echo two >> build/log && echo 'apt-get install three' >> build/log"),
    ]


def test_setup_does_not_run_again_where_no_manifest_changed(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], files=config(CHECK, setup=("exit 1",)))
    assert outcome(world.run()) is Outcome.PUBLISHED


@pytest.fixture
def sandboxes(tmp_path: Path) -> Iterator[DockerSandboxes]:
    client = docker.from_env()
    scope = f"test-{tmp_path.parent.name}-{tmp_path.name}"
    try:
        yield DockerSandboxes(client, SandboxCeiling(memory=1 << 30, pids=512), IMAGE, scope)
        assert sweep(client, scope, lambda run: False) == 0
    finally:
        client.close()


LISTEN = (
    "import os, socket, sys, time\n"
    "s = socket.create_server(('127.0.0.1', 9000)); s2 = socket.socket(socket.AF_UNIX)\n"
    "s2.bind('/tmp/left.sock')\n"
    "while True:\n"
    "    for name in ('grow', 'build/grow', 'ready'): open(name, 'a').write('x')\n"
    "    time.sleep(0.01)\n"
)
ASK = (
    "import os, socket, sys\n"
    "assert not os.path.exists('/tmp/left.sock') and not os.path.exists('grow')\n"
    "size = os.path.getsize('build/grow')\n"
    "try: socket.create_connection(('127.0.0.1', 9000)); sys.exit('it listens still')\n"
    "except ConnectionRefusedError: pass\n"
    "assert os.path.getsize('build/grow') == size and not os.path.exists('grow')\n"
    "print('alone', size > 0)\n"
)


@pytest.mark.docker
def test_in_docker_no_check_meets_what_another_left_running(
    worlds: Worlds, sandboxes: DockerSandboxes
) -> None:
    start = "mkdir build; setsid nohup python3 listen.py >/dev/null 2>&1 & until test -e ready; do :; done"
    files = {**config(f"{CHECK}; {start}", "python3 ask.py"), "listen.py": LISTEN, "ask.py": ASK}
    world = worlds([GREET, FINISH], files=files)
    world.open_sandbox, world.image = sandboxes.open, IMAGE
    run = world.run()
    assert [(check.passed, check.summary) for check in report(run) if not check.passed] == []
    assert outcome(run) is Outcome.PUBLISHED


@pytest.mark.full
def test_a_check_that_its_limit_stopped_is_the_reason_as_that(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH], files=config("grep -q bye greet.sh || sleep 600"))
    run = world.run(limits=Limits(verify_seconds=2, max_attempts=1))
    assert outcome(run) is Outcome.UNVERIFIED
    assert run.state.ended is not None
    assert run.state.ended.reason == "Verification fails: check1 (stopped after its limit, verify_seconds)."
