"""What Podman does otherwise than Docker behind the same API (seen with 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from honk.sandboxes import profile
from honk.sandboxes.stream import engine_errors

if TYPE_CHECKING:
    from docker import APIClient


def is_podman(api: APIClient) -> bool:
    """Whether Podman answers by Docker's API."""
    parts = api.version(api_version=False).get("Components") or []
    return any(part.get("Name") == "Podman Engine" for part in parts)


def fill_volume(api: APIClient, image: str, volume: str, labels: Mapping[str, str]) -> None:
    """Copy what ``image`` has under /workspace into the empty ``volume``.

    Docker does so when the sandbox is created, Podman when a volume is first mounted; the
    first mount would be the companion's. Raises SandboxError.
    """
    with engine_errors(f"create a container from {image}"):
        made = api.create_container(
            image,
            entrypoint=["/bin/sh", "-c", ":"],
            command=[],
            host_config=profile.filling_host(volume),
            labels=dict(labels),
        )
        api.start(made["Id"])
        api.wait(made["Id"])
        api.remove_container(made["Id"], force=True)
