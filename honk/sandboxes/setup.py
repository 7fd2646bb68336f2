"""A repository's ``setup`` commands: run online once, the result kept as an image.

The commands run as root on the base commit, before any model does. What they leave in
the image's file system stays, /workspace then belongs to the sandbox's user, and of the
host's registries, certificates and credentials nothing remains.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError
from honk.core.sandbox import Submodule
from honk.sandboxes import companion, profile
from honk.sandboxes.build import Workbench
from honk.sandboxes.clients import HostClients
from honk.sandboxes.images import once
from honk.sandboxes.online import Online, online, require

REPOSITORY = "honk-setup"

_FORMAT = "2"  # part of every key: raise it when the same commands would give another image
_COPY_SECONDS = 1800.0
_QUOTA = 1 << 62  # the companion program wants one; here nothing of a model runs


@dataclass(frozen=True)
class Seed:
    """The repository at the base commit, as in SandboxSpec."""

    packs: tuple[bytes, ...]
    shallow: tuple[str, ...]
    head: str
    submodules: tuple[Submodule, ...] = ()


def prepare(
    bench: Workbench,
    *,
    image: str,
    companion_image: str,
    commands: Sequence[str],
    key: str,
    seed: Callable[[], Seed],
    proxy: Path | None,
    timeout: float,
    cancel: Cancel,
) -> str:
    """Id of ``image`` after ``commands`` (``image`` itself if there are none).

    Found at once if the same image, commands and ``key`` (whatever else decides the result:
    what of the commit setup uses) were prepared before; only otherwise is ``seed`` called.
    Each command starts in the repository, in a shell of its own, and may take
    ``timeout`` seconds; its output goes to ``bench.progress``. ``proxy`` is the host folder
    with the package proxy's socket; without it pip and npm use the host's own settings.
    Raises UserError with a failed command's last lines, SandboxError, Cancelled.
    """
    if not commands:
        return image
    text = json.dumps([_FORMAT, image, list(commands), key])
    tag = hashlib.sha256(text.encode()).hexdigest()[:24]

    def make() -> str:
        with (
            _network(bench, companion_image, proxy, cancel) as network,
            online(
                bench.client,
                image,
                cancel=cancel,
                clients=bench.clients() if proxy is None else _without_pip(bench.clients()),
                environment=_environment(proxied=proxy is not None),
                network=network,
            ) as container,
        ):
            _put_repository(bench, container, companion_image, seed(), cancel)
            for command in commands:
                _run(bench, container, command, timeout)
            _hand_to_user(container)
            return container.commit(REPOSITORY, tag, {"honk.setup": tag})

    return once(bench, f"{REPOSITORY}:{tag}", cancel, make)


def _run(bench: Workbench, container: Online, command: str, timeout: float) -> None:
    bench.progress(f"setup: {command}")
    done = container.run(command, progress=bench.progress, timeout=timeout, workdir=profile.REPO)
    require(done, f"The setup command `{command}`", "Mend `setup:` in .honk.yml on the base branch.")


def _environment(*, proxied: bool) -> Mapping[str, str]:
    """As in the sandbox later; without the proxy, less what points to it."""
    variables = {**profile.environment(), "USER": "root", "LOGNAME": "root"}
    # A wheel in pip's cache is of no use offline and would travel into every sandbox.
    variables["PIP_NO_CACHE_DIR"] = "1"
    return {k: v for k, v in variables.items() if proxied or "127.0.0.1" not in v}


def _without_pip(clients: HostClients) -> HostClients:
    """The host's settings less pip's: the proxy asks its indexes, so nobody inside needs their passwords."""
    files = {name: data for name, data in clients.files.items() if name != "pip.conf"}
    environment = {name: value for name, value in clients.environment.items() if name != "PIP_CONFIG_FILE"}
    return replace(clients, files=files, environment=environment)


def _put_repository(
    bench: Workbench, target: Online, companion_image: str, seed: Seed, cancel: Cancel
) -> None:
    """Check the repository out beside ``target``, in a trusted image that has git, and copy it."""
    request = companion.seed_request(seed.packs, seed.shallow, seed.head, seed.head, seed.submodules)
    with online(bench.client, companion_image, cancel=cancel, network="none") as helper:
        said = helper.feed(
            _companion(proxy=False),
            request,
            timeout=_COPY_SECONDS,
        )
        _check(said)
        # Owned by root meanwhile: git refuses to work for root in another user's repository.
        folders = f"mkdir -p {profile.REPO} {profile.HOME} && chown -R 0:0 {profile.WORKSPACE}"
        target.feed(["sh", "-c", folders], [], timeout=_COPY_SECONDS)
        target.feed(
            ["tar", "-xof", "-", "-C", profile.WORKSPACE],
            helper.output(["tar", "-cf", "-", "-C", profile.WORKSPACE, "repo"], timeout=_COPY_SECONDS),
            timeout=_COPY_SECONDS,
        )


def _check(frames: bytes) -> None:
    """Raise SandboxError if one of the companion's answers is an error."""
    while frames:
        size = int.from_bytes(frames[1:5], "big")
        if frames[:1] == b"E":
            words = frames[5 : 5 + size].decode("utf-8", "replace")
            raise SandboxError(f"The repository could not be put into the setup container: {words}")
        frames = frames[5 + size :]


def _hand_to_user(container: Online) -> None:
    # The sandbox writes a repository of its own; what git has here would only take space.
    script = f"rm -rf {profile.REPO}/.git && chown -R {profile.USER}:{profile.USER} {profile.WORKSPACE}"
    container.feed(["sh", "-c", script], [], timeout=_COPY_SECONDS)


@contextmanager
def _network(
    bench: Workbench, companion_image: str, proxy: Path | None, cancel: Cancel
) -> Iterator[str | None]:
    """The network of the setup container: with the package proxy on loopback if there is one."""
    if proxy is None:
        yield None
        return
    with online(bench.client, companion_image, cancel=cancel, folders={proxy: profile.PROXY_FOLDER}) as way:
        # At the end of its input the program ends, but what forwards to the proxy stays.
        way.feed(_companion(proxy=True), [], timeout=_COPY_SECONDS)
        yield f"container:{way.id}"


def _companion(*, proxy: bool) -> list[str]:
    """The companion's program as an exec: its children must not hold the stream of errors open."""
    return ["sh", "-c", 'exec "$@" 2>/dev/null', "sh", *companion.command(proxy=proxy, quota=_QUOTA)]
