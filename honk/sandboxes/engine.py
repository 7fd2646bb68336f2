"""The container engine: found, and on a fresh machine installed and started.

``python -m honk.sandboxes.engine`` ensures one (``make`` calls it); with ``--stop`` it ends
a dockerd that honk itself started.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from honk.core.cancel import Cancel
from honk.core.errors import HonkError, SandboxError
from honk.sandboxes.locks import locked

if TYPE_CHECKING:
    from docker import DockerClient

Notice = Callable[[str], None]

_SOCKET = Path("/var/run/docker.sock")
_PACKAGES = ("docker.io", "iptables", "ca-certificates")
_CALL_SECONDS = 300  # of one engine call; committing a large image is one
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.1
_ADVICE = "Install and start one (Debian, Ubuntu: `apt-get install docker.io`), then try again."


@dataclass(frozen=True)
class EngineFacts:
    """What ``honk doctor`` shows. ``memory`` in bytes."""

    name: str
    version: str
    api: str
    cgroup: str
    storage: str
    cpus: int
    memory: int
    runtimes: tuple[str, ...]


def describe(client: DockerClient) -> EngineFacts:
    """Ask the engine about itself."""
    from honk.sandboxes.podman import is_podman

    info, version = client.info(), client.version()
    system = str(info.get("OperatingSystem", ""))
    return EngineFacts(
        name=f"Podman on {system}" if is_podman(client.api) else system,
        version=str(version.get("Version", "")),
        api=str(version.get("ApiVersion", "")),
        cgroup=f"v{info.get('CgroupVersion', '1')} ({info.get('CgroupDriver', '?')})",
        storage=str(info.get("Driver", "")),
        cpus=int(info.get("NCPU", 0)),
        memory=int(info.get("MemTotal", 0)),
        runtimes=tuple(sorted(info.get("Runtimes") or {})),
    )


def connect(*, install: bool, notice: Notice, state: Path) -> DockerClient:
    """A client of the engine that answers.

    Tries DOCKER_HOST or Docker's own socket, then those of a rootless Docker and of Podman.
    If none answers and ``install`` is true, installs and starts one where that is possible
    (Debian or Ubuntu; root or sudo without a password), telling ``notice`` each step.
    ``state`` is the folder for the log and the pid file of a dockerd started here.
    Raises SandboxError with what to do.
    """
    if client := _find():
        return client
    _refuse_if_hopeless()
    if not install:
        raise SandboxError(
            "No container engine answers, and honk may not install one (HONK_NO_INSTALL).", _ADVICE
        )
    elevate = _elevation()
    state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # HONK_HOME is nobody else's to read
    state.mkdir(exist_ok=True)
    with locked(state / "engine.lock", Cancel()):
        if client := _find():  # another honk was quicker
            return client
        if not _dockerd():
            _install(elevate, notice, state / "engine-install.log")
        if client := _find():  # its package started it
            return client
        _start(elevate, notice, state)
        return _wait(state)


def stop(state: Path, notice: Notice) -> bool:
    """End the dockerd that honk started, if it did. True if one was ended."""
    file = state / "dockerd.pid"
    pid = _pid_of(file)
    if pid is None:
        return False
    notice(f"Stopping the Docker engine that honk started (process {pid}).")
    # The shell's own kill: a small Debian has no other.
    subprocess.run([*_elevation(), "sh", "-c", f"kill -{signal.SIGTERM.value} {pid}"], check=False)
    end = time.monotonic() + _STOP_SECONDS
    while _pid_of(file) is not None:
        if time.monotonic() > end:
            raise SandboxError(f"dockerd (process {pid}) does not end.", f"See {state / 'dockerd.log'}.")
        time.sleep(_POLL_SECONDS)
    file.unlink(missing_ok=True)
    return True


# ---- finding --------------------------------------------------------------------------


def _find() -> DockerClient | None:
    import docker
    from docker.errors import DockerException
    from docker.utils import kwargs_from_env

    named = kwargs_from_env()
    others = [] if "base_url" in named else _other_sockets()
    for host in (None, *others):
        try:
            if host is None:
                return docker.from_env(timeout=_CALL_SECONDS)
            return docker.DockerClient(base_url=host, timeout=_CALL_SECONDS)
        except (DockerException, OSError):
            continue
    return None


def _other_sockets() -> list[str]:
    runtime = Path(f"/run/user/{os.getuid()}")
    paths = [runtime / "docker.sock", runtime / "podman/podman.sock", Path("/run/podman/podman.sock")]
    found = []
    for path in paths:
        with suppress(OSError):
            if stat.S_ISSOCK(path.stat().st_mode):
                found.append(f"unix://{path}")
    return found


def _refuse_if_hopeless() -> None:
    """Raise where installing cannot help: an engine is named, or is there but not for us."""
    from docker.utils import kwargs_from_env

    if host := kwargs_from_env().get("base_url"):
        raise SandboxError(
            f"No container engine answers at {host} (DOCKER_HOST).", "Start it there, or unset DOCKER_HOST."
        )
    if _SOCKET.exists() and not os.access(_SOCKET, os.R_OK | os.W_OK):
        raise SandboxError(
            f"You ({getpass.getuser()}) may not use the Docker engine at {_SOCKET}.",
            f"Join its group: `sudo usermod -aG docker {getpass.getuser()}`, then log in again.",
        )


# ---- installing and starting ----------------------------------------------------------


def _elevation() -> list[str]:
    """The words before a command that make it run as root. Raises SandboxError if none do."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    raise SandboxError(
        "No container engine answers, and installing one needs root or sudo without a password.", _ADVICE
    )


def _dockerd() -> str | None:
    return shutil.which("dockerd", path=os.defpath + ":/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin")


def _install(elevate: Sequence[str], notice: Notice, log: Path) -> None:
    if not _debian_family(Path("/etc/os-release")):
        raise SandboxError(
            "No container engine answers, and honk can install one on Debian and Ubuntu only.",
            "Install Docker or Podman with this system's own packages, then try again.",
        )
    notice(f"Installing the Docker engine with apt ({', '.join(_PACKAGES)}); the log is {log}.")
    apt = [*elevate, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    with log.open("ab") as out:
        for command in ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *_PACKAGES]):
            if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode != 0:
                raise SandboxError(
                    f"`apt-get {command[-1] if command[-1] == 'update' else 'install'}` failed: {_tail(log)}",
                    f"See {log}, or install a Docker engine yourself.",
                )


def _debian_family(release: Path) -> bool:
    try:
        lines = release.read_text().splitlines()
    except OSError:
        return False
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    words = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return bool({"debian", "ubuntu"} & set(words))


def _start(elevate: Sequence[str], notice: Notice, state: Path) -> None:
    """Start dockerd: by systemd where that runs, else detached. Never where one runs already."""
    if Path("/run/systemd/system").is_dir():
        notice("Starting the Docker engine (systemd).")
        start_unit(elevate)
    elif not _runs():
        log = state / "dockerd.log"
        notice(f"Starting the Docker engine (dockerd); its log is {log}.")
        detach(elevate, _dockerd() or "dockerd", state / "dockerd.pid", log)
    if elevate:
        _admit(elevate, notice)


def start_unit(elevate: Sequence[str]) -> None:
    """Let systemd start Docker. Raises SandboxError with its words."""
    command = [*elevate, "systemctl", "start", "docker"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise SandboxError(
            f"systemd did not start the Docker engine: {said}",
            "See `systemctl status docker` and `journalctl -u docker`, then try again.",
        )


def detach(elevate: Sequence[str], daemon: str, pid_file: Path, log: Path) -> None:
    """Run ``daemon`` in a session of its own; ``pid_file`` gets its process id."""
    script = 'echo $$ > "$1"; exec "$2" >> "$3" 2>&1'
    command = [*elevate, "setsid", "--fork", "sh", "-c", script, "sh", str(pid_file), daemon, str(log)]
    null = subprocess.DEVNULL
    subprocess.run(command, stdin=null, stdout=null, stderr=null, cwd="/", check=False)


def _admit(elevate: Sequence[str], notice: Notice) -> None:
    """Let a person with sudo use the engine that was just started: now, and after a login."""
    user = getpass.getuser()
    notice(f"Adding {user} to the group docker.")
    subprocess.run([*elevate, "usermod", "-aG", "docker", user], capture_output=True, check=False)
    end = time.monotonic() + _START_SECONDS
    while not _SOCKET.exists() and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    # The new group only counts after the next login; until the next start, this does.
    subprocess.run([*elevate, "chown", user, str(_SOCKET)], capture_output=True, check=False)


def _wait(state: Path) -> DockerClient:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if client := _find():
            return client
        time.sleep(_POLL_SECONDS)
    _refuse_if_hopeless()
    raise SandboxError(
        f"The Docker engine was started but does not answer: {_tail(state / 'dockerd.log')}",
        f"See {state / 'dockerd.log'} or `journalctl -u docker`.",
    )


def _pid_of(file: Path) -> int | None:
    """The live dockerd whose id ``file`` holds; a number that another program got since does not count."""
    try:
        pid = int(file.read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        # Empty for one that has ended and whom nobody waited for, as in a container without init.
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if name == "dockerd" and words else None


def is_dockerd(pid: int) -> bool:
    """Whether a live process is a Docker engine.

    A script of that name is none: the first word of its command line is its interpreter.
    (Of another user's process, /proc/PID/exe would be for root alone to read.)
    """
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return os.path.basename(words.partition(b"\0")[0]) == b"dockerd"


def _runs() -> bool:
    """Whether some dockerd runs already: one that a package's start script is bringing up, say."""
    return any(is_dockerd(int(folder.name)) for folder in Path("/proc").glob("[0-9]*"))


def _tail(log: Path) -> str:
    try:
        return " / ".join(log.read_text("utf-8", "replace").splitlines()[-3:]) or "no output"
    except OSError:
        return "no log"


# ---- for make and scripts -------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Ensure an engine, or with ``--stop`` end the one that honk started. Exit code 40 on failure."""
    parser = argparse.ArgumentParser(prog="python -m honk.sandboxes.engine", description=__doc__)
    home = Path(platformdirs.user_data_dir("honk"))
    parser.add_argument("--home", type=Path, default=home, help="HONK_HOME (%(default)s)")
    parser.add_argument("--no-install", action="store_true", help="fail if no engine answers")
    parser.add_argument("--stop", action="store_true", help="stop a dockerd that honk started")
    options = parser.parse_args(arguments)
    state = options.home.expanduser().absolute() / "engine"

    def notice(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        if options.stop:
            stop(state, notice)
        else:
            connect(install=not options.no_install, notice=notice, state=state).close()
    except HonkError as error:
        notice(str(error))
        return 40
    return 0


if __name__ == "__main__":
    sys.exit(main())
