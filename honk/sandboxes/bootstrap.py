"""The base image of FROM where no registry answers: made with debootstrap, imported by name."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError
from honk.sandboxes.online import Progress

if TYPE_CHECKING:
    from docker import DockerClient

_IMAGES = ("debian:bookworm-slim", "debian:trixie-slim")
_HINT = "Give this machine access to a registry, or load the image with `docker load`."


def makes(name: str) -> bool:
    """Whether :func:`debian` knows how to make ``name``."""
    return name in _IMAGES


def debian(client: DockerClient, name: str, *, install: bool, progress: Progress, cancel: Cancel) -> None:
    """Make the image ``name``, one that it :func:`makes`, from Debian's own packages.

    Needs root, or sudo without a password; installs debootstrap by apt if ``install`` and it
    is missing. Raises SandboxError.
    """
    suite = name.removeprefix("debian:").removesuffix("-slim")
    elevate = _elevation(name)
    tool = _debootstrap()
    if tool is None:
        if not install:
            raise SandboxError(f"No registry answers for {name}, and debootstrap is missing.", _HINT)
        progress("Installing debootstrap with apt.")
        apt = [*elevate, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
        _run([*apt, "update"], progress=None, cancel=cancel)
        packages = ("debootstrap", "debian-archive-keyring")
        _run([*apt, "install", "-y", "--no-install-recommends", *packages], progress=None, cancel=cancel)
        tool = _debootstrap() or "debootstrap"
    progress(f"No registry answers: making {name} with debootstrap.")
    folder = Path(tempfile.mkdtemp(prefix="honk-debootstrap-"))
    try:
        root = folder / "root"
        _run([*elevate, tool, "--variant=minbase", suite, str(root)], progress=progress, cancel=cancel)
        progress(f"Importing {name}.")
        _import(client, [*elevate, "tar", "-c", "--numeric-owner", "--one-file-system", *_slim(root)], name)
    finally:
        subprocess.run([*elevate, "rm", "-rf", "--one-file-system", str(folder)], check=False)


def _slim(root: Path) -> list[str]:
    """Arguments of tar: everything but package lists, downloads and device nodes."""
    left_out = ("./var/cache/apt/*", "./var/lib/apt/lists/*", "./dev/*", "./proc/*", "./sys/*")
    return [*(f"--exclude={p}" for p in left_out), "-C", str(root), "."]


def _import(client: DockerClient, tar: Sequence[str], name: str) -> None:
    from docker.errors import DockerException

    repository, _, tag = name.partition(":")
    with subprocess.Popen(tar, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            client.api.import_image_from_stream(process.stdout, repository, tag, changes=['CMD ["bash"]'])
        except (DockerException, OSError) as error:
            process.kill()
            raise SandboxError(f"The engine does not import {name}: {error}.", "Is its disk full?") from error


def _debootstrap() -> str | None:
    return shutil.which("debootstrap", path=f"{os.defpath}:/usr/sbin:/sbin:/usr/bin")


def _elevation(name: str) -> list[str]:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    raise SandboxError(
        f"No registry answers for {name}, and making it here needs root or sudo without a password.", _HINT
    )


def _run(command: Sequence[str], *, progress: Progress | None, cancel: Cancel) -> None:
    """Run a tool of the host; its lines (standard error too) go to ``progress``."""
    tail: deque[str] = deque(maxlen=5)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None

        def end() -> None:
            with suppress(OSError):
                process.terminate()

        with cancel.closing(end):
            for line in process.stdout:
                tail.append(line.strip())
                if progress:
                    progress(line.strip())
    cancel.check()
    if process.returncode != 0:
        raise SandboxError(f"{' '.join(command[:3])} … failed: {' / '.join(tail)}", _HINT)
