"""How every container of a run is made: sizes, isolation, environment. Values only, no engine.

Three users share a sandbox's files but not its signals: what the model runs is
:data:`USER`; the process that keeps the container alive is :data:`KEEPER`, so that
``kill -9 -1`` of the model's user is complete and still cannot end the container; the
companion is root with four capabilities, in a container of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docker.types import HostConfig, LogConfig, Mount, Ulimit

from honk.core.operator import SandboxCeiling
from honk.resources import folder

API_VERSION = "1.41"  # Docker 20.10; what the host configuration below needs
USER = 10001
KEEPER = 10002
WORKSPACE = "/workspace"
REPO = "/workspace/repo"
HOME = "/workspace/home"
PROXY_PORT = 7411
PROXY_FOLDER = "/run/honk"  # in the companion only
PROXY_SOCKET = f"{PROXY_FOLDER}/proxy.sock"

# sleep ends at once on TERM, and the loop costs one process for every day.
KEEPER_COMMAND = ("/bin/sh", "-c", "while :; do sleep 86400; done")

_GIB = 1 << 30
_OPEN = "mode=1777"
# runc gives a tmpfs the mode that the image's folder has; the owner makes it writable anyway.
# Podman (crun) keeps the mode and has no word for the owner.
_OWNED = f"{_OPEN},uid={USER},gid={USER}"
_FILES = 16384  # open files of a process
_PREPARING_PIDS = 8192
_COMPANION_MEMORY = 2 * _GIB  # git's index-pack of a large repository is the largest thing there


@dataclass(frozen=True)
class Sizes:
    """What one sandbox may use. Bytes; ``cpus`` in cores."""

    memory: int
    cpus: float
    pids: int
    file_size: int
    tmp: int
    workspace: int


def sizes(ceiling: SandboxCeiling, host_memory: int, host_cpus: int) -> Sizes:
    """The operator's ceiling with what it leaves open taken from the engine's host."""
    memory = ceiling.memory or min(host_memory // 2, 8 * _GIB)
    return Sizes(
        memory=memory,
        cpus=min(ceiling.cpus or host_cpus, host_cpus),  # the engine refuses more than there are
        pids=ceiling.pids,
        file_size=ceiling.file_size,
        tmp=ceiling.tmp_size or memory,
        workspace=ceiling.workspace_size,
    )


@cache
def seccomp() -> str:
    """The profile as the engine's API wants it: JSON text without blanks."""
    return json.dumps(json.loads((folder("sandbox") / "seccomp.json").read_text()), separators=(",", ":"))


def security(*, podman: bool) -> list[str]:
    """No new privileges and honk's own system calls.

    Docker wants the profile's text. Podman (4.3, compatible API) wants a path on its host,
    which must be this one.
    """
    profile = str(folder("sandbox") / "seccomp.json") if podman else seccomp()
    return ["no-new-privileges:true", f"seccomp={profile}"]


def workspace(name: str, *, copy: bool) -> Mount:
    return Mount(WORKSPACE, name, type="volume", no_copy=not copy)


def sandbox_host(
    limits: Sizes, volume: str, companion: str, runtime: str | None, *, podman: bool = False
) -> HostConfig:
    """Isolation of the container in which the model and the verifiers work.

    ``companion`` is the id of the container whose network namespace it joins. The volume
    is mounted with copy-up: what a prepared image has under /workspace comes along.
    """
    access = _OPEN if podman else _OWNED
    return HostConfig(
        version=API_VERSION,
        init=True,
        cap_drop=["ALL"],
        read_only=True,
        security_opt=security(podman=podman),
        network_mode=f"container:{companion}",
        ipc_mode="private",
        shm_size=min(limits.memory, _GIB),
        mem_limit=limits.memory,
        memswap_limit=limits.memory,
        nano_cpus=int(limits.cpus * 1e9),
        pids_limit=limits.pids,
        ulimits=[
            # Enough for large builds; an engine cannot give more than its own hard limit.
            Ulimit(name="nofile", soft=_FILES, hard=_FILES),
            Ulimit(name="core", soft=0, hard=0),
            Ulimit(name="fsize", soft=limits.file_size, hard=limits.file_size),
        ],
        # Programs may run from /tmp: go test, Maven plugins and pip's builds do.
        tmpfs={
            "/tmp": f"rw,exec,nosuid,nodev,size={limits.tmp},{access}",
            "/var/tmp": f"rw,exec,nosuid,nodev,size={limits.tmp},{access}",
            "/run": f"rw,noexec,nosuid,nodev,size=16m,{access}",
        },
        mounts=[workspace(volume, copy=True)],
        log_config=LogConfig(type="none"),
        runtime=runtime,
    )


def companion_host(volume: str, proxy: str | None, *, podman: bool = False) -> HostConfig:
    """Isolation of the companion. ``proxy``: host folder that holds the proxy's socket.

    It reads whatever modes the model gave its files (DAC_READ_SEARCH) and hands a fresh
    volume to the sandbox's user (CHOWN); it writes only as that user (SETUID, SETGID).
    """
    mounts = [workspace(volume, copy=False)]
    if proxy is not None:
        mounts.append(Mount(PROXY_FOLDER, proxy, type="bind", read_only=True))
    return HostConfig(
        version=API_VERSION,
        init=True,
        cap_drop=["ALL"],
        cap_add=["CHOWN", "DAC_READ_SEARCH", "SETGID", "SETUID"],
        read_only=True,
        security_opt=security(podman=podman),
        network_mode="none",
        ipc_mode="private",
        mem_limit=_COMPANION_MEMORY,
        memswap_limit=_COMPANION_MEMORY,
        pids_limit=1024,
        ulimits=[
            Ulimit(name="nofile", soft=_FILES, hard=_FILES),
            Ulimit(name="core", soft=0, hard=0),
        ],
        tmpfs={"/tmp": "rw,noexec,nosuid,nodev,size=64m,mode=1777"},
        mounts=mounts,
        log_config=LogConfig(type="none"),
    )


def filling_host(volume: str) -> HostConfig:
    """Isolation of a container that does nothing but mount the volume (Podman)."""
    return HostConfig(
        version=API_VERSION,
        cap_drop=["ALL"],
        network_mode="none",
        security_opt=security(podman=True),
        mounts=[workspace(volume, copy=True)],
    )


def preparing_host(
    network: str, folders: Mapping[Path, str], host_memory: int, *, podman: bool
) -> HostConfig:
    """Isolation of a container that prepares an image online, as root: setup and layers.

    Package managers change owners and modes of what they unpack and let other users do part
    of their work; nothing else of root's rights is there. ``folders`` of the host are
    mounted read-only.
    """
    return HostConfig(
        version=API_VERSION,
        cap_drop=["ALL"],
        cap_add=["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"],
        security_opt=security(podman=podman),
        network_mode=network,
        pids_limit=_PREPARING_PIDS,
        mem_limit=host_memory * 3 // 4,  # the host outlives a wild build
        mounts=[Mount(target, str(host), type="bind", read_only=True) for host, target in folders.items()],
    )


def environment() -> Mapping[str, str]:
    """What the sandbox adds to the image's own environment.

    CI is left unset: it makes package managers refuse to change a lock file, which is what
    many change requests are about.
    """
    registry = f"http://127.0.0.1:{PROXY_PORT}"
    return {
        "HOME": HOME,
        "USER": "honk",  # the user has no line in the image's passwd file
        "LOGNAME": "honk",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GIT_EDITOR": "true",
        "GIT_TERMINAL_PROMPT": "0",
        "DEBIAN_FRONTEND": "noninteractive",
        "PYTHONDONTWRITEBYTECODE": "1",  # leavings of test runs are no part of a change
        "PYTEST_ADDOPTS": "-o cache_dir=/tmp/pytest-cache",
        "PYTHONUNBUFFERED": "1",  # output before a deadline is not lost
        # Java takes the home of the user database: root's during setup, "?" for a user without a line.
        "MAVEN_OPTS": f"-Duser.home={HOME}",
        "GRADLE_USER_HOME": f"{HOME}/.gradle",
        "NO_PROXY": "127.0.0.1,localhost",  # whatever the image says of proxies
        "no_proxy": "127.0.0.1,localhost",
        "PIP_INDEX_URL": f"{registry}/pypi/simple/",
        "PIP_TRUSTED_HOST": "127.0.0.1",
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "UV_DEFAULT_INDEX": f"{registry}/pypi/simple/",
        "UV_INSECURE_HOST": "127.0.0.1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PIPENV_PYPI_MIRROR": f"{registry}/pypi/simple/",
        "NPM_CONFIG_REGISTRY": f"{registry}/npm/",  # pnpm reads it too
        "NPM_CONFIG_PREFIX": f"{HOME}/.local",
        # A lock file must name the registry, not the proxy: npm then asks the proxy for what it names.
        "NPM_CONFIG_REPLACE_REGISTRY_HOST": "always",
        "NPM_CONFIG_FETCH_RETRIES": "0",  # the proxy has tried already
        "PIP_RETRIES": "1",
        "NPM_CONFIG_FUND": "false",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "YARN_REGISTRY": f"{registry}/npm/",  # version 1
        "YARN_NPM_REGISTRY_SERVER": f"{registry}/npm",  # later versions
        "YARN_UNSAFE_HTTP_WHITELIST": "127.0.0.1",
        "YARN_ENABLE_TELEMETRY": "0",
        "COREPACK_NPM_REGISTRY": f"{registry}/npm",
        "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
    }
