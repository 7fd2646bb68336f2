"""The engine is found, described, or its absence explained; a dockerd of honk's own can be stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from honk.core.errors import SandboxError
from honk.sandboxes import engine


def ensure(home: Path, environ: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "honk.sandboxes.engine", "--home", str(home), *options],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_engine_that_is_named_but_silent_is_named_in_the_error(tmp_path: Path) -> None:
    done = ensure(tmp_path, {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert done.returncode == 40
    assert f"No container engine answers at unix://{tmp_path}/none.sock" in done.stderr
    assert "unset DOCKER_HOST" in done.stderr
    assert not (tmp_path / "engine").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide the engine's socket")
def test_without_an_engine_and_without_leave_to_install_one_it_says_what_to_do(tmp_path: Path) -> None:
    socket = Path("/var/run/docker.sock").resolve()
    hide = (
        f"mount --bind /dev/null {socket} && exec $0 -m honk.sandboxes.engine --no-install --home {tmp_path}"
    )
    environ = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", hide if socket.exists() else hide.partition("&& ")[2], sys.executable],
        env={**environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 40
    assert "honk may not install one (HONK_NO_INSTALL)" in done.stderr
    assert "apt-get install docker.io" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.docker
def test_an_engine_that_answers_is_used_without_a_word(tmp_path: Path) -> None:
    done = ensure(tmp_path, {}, "--no-install")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@pytest.mark.docker
def test_an_engine_describes_itself(tmp_path: Path) -> None:
    client = engine.connect(install=False, notice=print, state=tmp_path)
    try:
        facts = engine.describe(client)
    finally:
        client.close()
    assert facts.version and facts.cpus > 0 and facts.memory > 1 << 28 and facts.storage
    assert facts.cgroup.startswith("v")


DAEMON = """#!{python}
import signal
open({ready!r}, "w").write("ready")
signal.pause()
"""


def start_daemon(folder: Path) -> int:
    """A program named dockerd that waits for its end, started as honk starts the real one."""
    ready = folder / "ready"
    os.mkfifo(ready)
    daemon = folder / "dockerd"
    daemon.write_text(DAEMON.format(python=sys.executable, ready=str(ready)))
    daemon.chmod(0o755)
    engine.detach([], str(daemon), folder / "dockerd.pid", folder / "dockerd.log")
    assert ready.read_text() == "ready"  # blocks until it runs
    return int((folder / "dockerd.pid").read_text())


def test_a_dockerd_that_honk_started_is_stopped_by_its_pid_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start_daemon(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))  # a small Debian has no program `kill`
    said: list[str] = []
    assert engine.stop(tmp_path, said.append) is True
    assert not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    assert not (tmp_path / "dockerd.pid").exists()
    assert str(pid) in said[0]


def test_a_pid_that_another_program_has_now_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dockerd.pid").write_text(str(os.getpid()))
    assert engine.stop(tmp_path, print) is False


def test_a_script_that_is_called_dockerd_is_no_engine_that_comes_up(tmp_path: Path) -> None:
    pid = start_daemon(tmp_path)
    try:
        assert Path(f"/proc/{pid}/comm").read_text() == "dockerd\n"
        assert not engine.is_dockerd(pid)
    finally:
        engine.stop(tmp_path, print)
    program = tmp_path / "bin/dockerd"
    program.parent.mkdir()
    program.symlink_to(shutil.which("cat") or "")
    with subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"begun\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"begun\n"
        assert engine.is_dockerd(process.pid)
        process.kill()
    assert not engine.is_dockerd(process.pid)


def test_without_a_dockerd_of_its_own_nothing_is_stopped(tmp_path: Path) -> None:
    assert ensure(tmp_path, {}, "--stop").returncode == 0


def test_systemd_is_asked_for_docker_and_its_refusal_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, program = tmp_path / "asked", tmp_path / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    engine.start_unit([])
    engine.start_unit(["env"])  # as with sudo
    assert asked.read_text() == "start docker\nstart docker\n"
    program.write_text("#!/bin/sh\necho 'Unit docker.service is masked.' >&2; exit 1\n")
    with pytest.raises(SandboxError, match=r"Unit docker.service is masked\..*journalctl -u docker"):
        engine.start_unit([])
