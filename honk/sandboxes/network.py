"""The network of containers that prepare images: a bridge of honk's own.

Containers on it reach neither each other nor those on other networks of the engine. What
they reach of the host and beyond is up to the host's firewall, which can tell them by the
bridge's name; only its operator may write such rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from honk.core.errors import SandboxError
from honk.sandboxes.podman import is_podman
from honk.sandboxes.stream import engine_errors

if TYPE_CHECKING:
    from docker import DockerClient

NAME = "honk"
BRIDGE = "honk0"  # the interface on the host, of Docker

_MTU = "com.docker.network.driver.mtu"


def preparing(client: DockerClient) -> str:
    """Name of the network, made if it is missing. Raises SandboxError."""
    if not _present(client):
        try:
            with engine_errors(f"make the network {NAME}"):
                _make(client)
        except SandboxError:
            if not _present(client):  # else another honk was quicker
                raise
    return NAME


def _present(client: DockerClient) -> bool:
    with engine_errors("list its networks"):
        return any(network.name == NAME for network in client.networks.list(names=[NAME]))


def _make(client: DockerClient) -> None:
    options = {}
    if not is_podman(client.api):  # which names its bridges itself, and removes them with their last user
        options = {
            "com.docker.network.bridge.name": BRIDGE,
            "com.docker.network.bridge.enable_icc": "false",
        }
    # The engine applies its own setting to its default bridge only.
    for default in client.networks.list(names=["bridge"]):
        if mtu := ((default.attrs or {}).get("Options") or {}).get(_MTU):
            options[_MTU] = mtu
    client.networks.create(NAME, driver="bridge", check_duplicate=True, options=options)
