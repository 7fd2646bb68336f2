"""Removes what a killed honk left behind: containers, volumes and sockets of runs that nobody owns."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from honk.core.errors import SandboxError
from honk.sandboxes.docker import LABEL, ROLE_LABEL, SCOPE_LABEL
from honk.sandboxes.profile import PROXY_FOLDER
from honk.sandboxes.stream import engine_errors

if TYPE_CHECKING:
    from docker import DockerClient

_INNER = "proxy"  # the folder that is mounted, in one of the run's own (honk.sandboxes.proxy.server)


def sweep(client: DockerClient, scope: str, live: Callable[[str], bool]) -> int:
    """Remove the containers and volumes of ``scope`` whose run is not ``live``; how many.

    The folders of their package proxies go with them.

    Raises SandboxError if the engine does not answer. What cannot be removed now (another
    sweep has it, say) is left for the next one.
    """
    api = client.api
    filters = {"label": [f"{SCOPE_LABEL}={scope}"]}
    with engine_errors("list containers and volumes"):
        containers = api.containers(all=True, filters=filters)
        volumes = api.volumes(filters=filters)["Volumes"] or []
    runs = {found["Labels"].get(LABEL, "") for found in (*containers, *volumes)}
    dead = {run for run in runs if not live(run)}
    removed = 0
    # Those whose network others use come last: Podman refuses to remove them before.
    for container in sorted(containers, key=lambda c: c["Labels"].get(ROLE_LABEL) == "companion"):
        if container["Labels"].get(LABEL, "") in dead:
            with suppress(SandboxError), engine_errors("remove a container"):
                api.remove_container(container["Id"], force=True)
                removed += 1
            _remove_socket(container.get("Mounts", []))
    for volume in volumes:
        if volume["Labels"].get(LABEL, "") in dead:
            with suppress(SandboxError), engine_errors("remove a volume"):
                api.remove_volume(volume["Name"], force=True)
                removed += 1
    return removed


def _remove_socket(mounts: Iterable[Mapping[str, Any]]) -> None:
    for mount in mounts:
        if mount.get("Destination") == PROXY_FOLDER and (folder := Path(mount["Source"])).name == _INNER:
            shutil.rmtree(folder.parent, ignore_errors=True)
