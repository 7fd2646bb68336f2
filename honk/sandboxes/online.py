"""A container that prepares an image online: commands run in it as root, then it is committed.

Its own configuration is the image's, and everything of the host travels in the memory of
the container or in the environment of one exec: neither becomes part of the new image.
"""

from __future__ import annotations

import codecs
import json
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError, UserError
from honk.sandboxes import profile
from honk.sandboxes.clients import FOLDER, HostClients
from honk.sandboxes.network import preparing
from honk.sandboxes.podman import is_podman
from honk.sandboxes.stream import STDOUT, Stream

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

Progress = Callable[[str], None]

LABEL = "honk.preparing"
_LIFETIME = 4 * 3600  # seconds; the container of a honk that was killed ends by itself
_TAIL_LINES = 20


@dataclass(frozen=True)
class Finished:
    """``tail`` holds the last lines of the output. ``timed_out``: killed at its deadline."""

    exit_code: int | None
    tail: tuple[str, ...]
    timed_out: bool


@dataclass(frozen=True)
class _Exec:
    id: str
    raw: Any
    stream: Stream

    def frames(self, timeout: float) -> Iterator[tuple[int, bytes]]:
        """Stream number and data until the end. Raises TimeoutError after ``timeout`` seconds in all."""
        end = time.monotonic() + timeout
        while (frame := self.stream.receive(max(0.0, end - time.monotonic())))[0]:
            yield frame


class Online:
    """The running container. Made by :func:`online`."""

    def __init__(
        self, client: DockerClient, container: Container, env: Mapping[str, str], cancel: Cancel
    ) -> None:
        self._client = client
        self._container = container
        self._env = dict(env)
        self._cancel = cancel

    @property
    def id(self) -> str:
        return str(self._container.id)

    def run(self, command: str, *, progress: Progress, timeout: float, workdir: str = "/") -> Finished:
        """Run ``command`` as root with bash or sh, giving each line of output to ``progress``."""
        shell = 'if command -v bash >/dev/null; then exec bash -c "$0"; else exec sh -c "$0"; fi'
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        with self._exec(["sh", "-c", shell, command], workdir=workdir) as started:
            try:
                for line in _lines(data for _, data in started.frames(timeout)):
                    tail.append(line)
                    progress(line)
            except TimeoutError:
                return Finished(None, tuple(tail), timed_out=True)
        return Finished(self._exit_code(started), tuple(tail), timed_out=False)

    def feed(self, command: list[str], chunks: Iterable[bytes], *, timeout: float) -> bytes:
        """Run ``command`` with ``chunks`` as its standard input; returns its output.

        Raises SandboxError if it fails.
        """
        with self._exec(command, stdin=True) as started:
            with suppress(OSError):  # it ended early; its exit code says why
                for chunk in chunks:
                    started.stream.send(chunk, timeout)
                getattr(started.raw, "_sock", started.raw).shutdown(socket.SHUT_WR)
            output = b"".join(data for _, data in self._whole(started, command, timeout))
        self._must_succeed(started, command, output)
        return output

    def output(self, command: list[str], *, timeout: float) -> Iterator[bytes]:
        """Stream the standard output of ``command``. Raises SandboxError if it fails."""
        errors = b""
        with self._exec(command) as started:
            for kind, data in self._whole(started, command, timeout):
                if kind == STDOUT:
                    yield data
                else:
                    errors += data
        self._must_succeed(started, command, errors)

    def commit(self, repository: str, tag: str, labels: Mapping[str, str]) -> str:
        """Make the image ``repository:tag`` of the container as it is now; returns its id."""
        config = self._client.images.get(self._container.attrs["Image"]).attrs["Config"] or {}
        # What keeps the container alive is put back to what it was. The engine cannot be told
        # that there was nothing: an image without a command gets a shell.
        changes = [f"CMD {json.dumps(config['Cmd'])}"] if config.get("Cmd") else []
        if config.get("Entrypoint"):
            changes.append(f"ENTRYPOINT {json.dumps(config['Entrypoint'])}")
        elif not changes:
            changes.append('CMD ["sh"]')
        if config.get("User"):
            changes.append(f"USER {config['User']}")
        changes += [f"LABEL {json.dumps(key)}={json.dumps(value)}" for key, value in labels.items()]
        changes.append(f"LABEL {LABEL}=image")
        image = self._container.commit(repository, tag, changes=changes)
        return str(image.id)

    @contextmanager
    def _exec(self, command: list[str], *, stdin: bool = False, workdir: str = "/") -> Iterator[_Exec]:
        self._cancel.check()
        api = self._client.api
        made = api.exec_create(
            self.id, command, stdin=stdin, user="0:0", workdir=workdir, environment=self._env
        )
        raw: Any = api.exec_start(made["Id"], socket=True)
        started = _Exec(str(made["Id"]), raw, Stream(raw))
        try:
            with self._cancel.closing(started.stream.interrupt):
                yield started
        finally:
            started.stream.close()

    def _whole(self, started: _Exec, command: list[str], timeout: float) -> Iterator[tuple[int, bytes]]:
        try:
            yield from started.frames(timeout)
        except TimeoutError as error:
            raise SandboxError(f"{command[0]} takes too long in the container.", "Try again.") from error

    def _exit_code(self, started: _Exec) -> int | None:
        self._cancel.check()
        code = self._client.api.exec_inspect(started.id)["ExitCode"]
        return None if code is None else int(code)

    def _must_succeed(self, started: _Exec, command: list[str], said: bytes) -> None:
        if (code := self._exit_code(started)) != 0:
            text = said.decode("utf-8", "replace").strip()[-500:]
            raise SandboxError(
                f"{command[0]} failed in the container (exit code {code}): {text}", "Try again."
            )


@contextmanager
def online(
    client: DockerClient,
    image: str,
    *,
    cancel: Cancel,
    clients: HostClients | None = None,
    environment: Mapping[str, str] | None = None,
    network: str | None = None,
    folders: Mapping[Path, str] | None = None,
) -> Iterator[Online]:
    """Start a container of ``image``; it is removed at the end, whatever happened.

    ``clients`` and ``environment`` reach every command in it; ``folders`` of the host are
    mounted read-only (and leave an empty folder in an image). ``network`` is honk's own
    bridge unless another one is named. Raises SandboxError.
    """
    from docker.errors import APIError

    _sweep(client)
    container = _start(client, image, network or preparing(client), folders or {})
    try:
        host = clients or HostClients()
        # Those of Docker's own configuration, which the engine would write into the container.
        proxies = client.api._proxy_configs.get_environment()  # type: ignore[attr-defined]
        ready = Online(client, container, {**proxies, **host.environment, **(environment or {})}, cancel)
        for name, data in host.files.items():
            ready.feed(["sh", "-c", f'mkdir -p {FOLDER} && cat > {FOLDER}/"$0"', name], [data], timeout=60)
        yield ready
    finally:
        with suppress(APIError):
            container.remove(force=True, v=True)


def _start(client: DockerClient, image: str, network: str, folders: Mapping[Path, str]) -> Container:
    from docker.errors import APIError

    alive = ["sh", "-c", f"sleep {_LIFETIME}"]
    container = None
    try:
        config = client.images.get(image).attrs["Config"]
        override = bool(config.get("Entrypoint"))
        memory = int(client.info()["MemTotal"])
        made = client.api.create_container(
            image,
            entrypoint=alive if override else None,
            command=None if override else alive,
            # Beside a main process of another user, root's commands would have no capabilities.
            user="0:0" if config.get("User") else None,
            host_config=profile.preparing_host(network, folders, memory, podman=is_podman(client.api)),
            labels={LABEL: "container"},
            use_config_proxy=False,  # or the image would keep them, and with them a password
        )
        container = client.containers.get(made["Id"])
        container.start()
        return container
    except APIError as error:
        if container is not None:
            container.remove(force=True, v=True)
        raise SandboxError(
            f"A container of {image} does not start: {error.explanation or error}",
            "The image must contain sh and fit the engine's architecture.",
        ) from error


def require(finished: Finished, what: str, hint: str) -> None:
    """Raise UserError with the last lines unless ``what`` ended well."""
    if finished.exit_code == 0:
        return
    how = "ran into its time limit" if finished.timed_out else f"failed with exit code {finished.exit_code}"
    lines = "\n".join(finished.tail)
    raise UserError(f"{what} {how}." + (f" Its last lines:\n{lines}\n" if lines else ""), hint)


def _sweep(client: DockerClient) -> None:
    """Remove what a killed honk left behind: its containers ended by themselves."""
    from docker.errors import APIError

    for container in client.containers.list(
        all=True, filters={"label": f"{LABEL}=container", "status": "exited"}, ignore_removed=True
    ):
        with suppress(APIError):
            container.remove(v=True)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines of a byte stream; a carriage return ends one too (progress bars)."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    for chunk in chunks:
        text = rest + decoder.decode(chunk)
        *whole, rest = text.replace("\r", "\n").split("\n")
        yield from (line.rstrip() for line in whole if line.strip())
    if rest.strip():
        yield rest.rstrip()
