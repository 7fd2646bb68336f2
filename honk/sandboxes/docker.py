"""The Docker sandbox: a companion, a hardened container in its network, one volume.

The companion owns a network namespace with nothing but loopback; the sandbox joins it.
Both see the volume; only the sandbox runs what the model writes, and only the companion
reads the tree for honk.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, HonkError, SandboxError
from honk.core.operator import SandboxCeiling
from honk.core.sandbox import SandboxSpec
from honk.core.types import CommandResult
from honk.sandboxes import companion, profile
from honk.sandboxes.companion import Companion
from honk.sandboxes.podman import fill_volume, is_podman
from honk.sandboxes.shell import OUTPUT_BUDGET, VERIFY_BUDGET, VERIFY_TELLING, ContainerShell
from honk.sandboxes.stream import Stream, engine_errors, execute
from honk.sandboxes.workspace import ContainerFiles

if TYPE_CHECKING:
    from docker import APIClient, DockerClient

LABEL = "honk.run"  # run id
SCOPE_LABEL = "honk.scope"  # one for each HONK_HOME
ROLE_LABEL = "honk.role"  # work, verify, companion, volume

_KILL_SECONDS = 10.0
_ENDING_SECONDS = 1  # for which the engine may say that a killed container runs


class ProxyEndpoint(Protocol):
    """A run's way to the package proxy: the host folder that holds the socket ``proxy.sock``."""

    @property
    def directory(self) -> Path: ...

    def asked(self) -> tuple[str, ...]:
        """Requests since the last call."""
        ...


class DockerSandboxes:
    """Opens sandboxes on one engine.

    ``companion_image`` is honk's own (python3 and git); ``scope`` labels what belongs to
    this HONK_HOME; ``mask`` hides known secrets where output enters honk.
    """

    def __init__(
        self,
        client: DockerClient,
        ceiling: SandboxCeiling,
        companion_image: str,
        scope: str,
        mask: Callable[[str], str] = str,
    ) -> None:
        self._api = client.api
        self._ceiling = ceiling
        self._companion_image = companion_image
        self._scope = scope
        self._mask = mask
        self._sizes: profile.Sizes | None = None
        self._podman = False

    def sizes(self) -> profile.Sizes:
        """What each sandbox may use on this engine's host."""
        if self._sizes is None:
            with engine_errors("describe itself"):
                host, self._podman = self._api.info(), is_podman(self._api)
            self._sizes = profile.sizes(self._ceiling, host["MemTotal"], host["NCPU"])
        return self._sizes

    @contextmanager
    def open(
        self, spec: SandboxSpec, cancel: Cancel, proxy: ProxyEndpoint | None = None
    ) -> Iterator[DockerSandbox]:
        """A seeded sandbox with a running shell; everything of it is removed at the end.

        Raises SandboxError, or Cancelled.
        """
        labels = {LABEL: spec.run_id, SCOPE_LABEL: self._scope}
        sizes = self.sizes()  # asks the engine what it is, the first time
        sandbox = DockerSandbox(
            self._api, spec, sizes, cancel, proxy, labels, self._ceiling.runtime, self._mask, self._podman
        )
        try:
            with cancel.closing(sandbox.interrupt):
                sandbox.start(self._companion_image)
                yield sandbox
        except SandboxError:
            cancel.check()  # what broke under a cancelled run broke because of that
            raise
        finally:
            sandbox.close()


class DockerSandbox:
    """The Sandbox port. Used by one thread; :meth:`interrupt` may come from any."""

    def __init__(
        self,
        api: APIClient,
        spec: SandboxSpec,
        sizes: profile.Sizes,
        cancel: Cancel,
        proxy: ProxyEndpoint | None,
        labels: Mapping[str, str],
        runtime: str | None,
        mask: Callable[[str], str],
        podman: bool,
    ) -> None:
        self._api = api
        self._podman = podman
        self._spec = spec
        self._sizes = sizes
        self._cancel = cancel
        self._proxy = proxy
        self._labels = labels
        self._runtime = runtime
        self._mask = mask
        self._name = f"honk-{spec.role}-{secrets.token_hex(6)}"
        self._container: str | None = None  # of the sandbox
        self._companion_id: str | None = None
        self._tree: Companion | None = None
        self._over: int | None = None  # bytes, once over the quota
        self._lock = threading.Lock()
        self._streams: set[Stream] = set()  # what interrupt() has to wake
        self._shell = self._new_shell()
        self._files = ContainerFiles(self._connect, failed=self._failed)

    @property
    def container_id(self) -> str | None:
        """The engine's id of the sandbox's container; None while frozen."""
        return self._container

    # ---- the port

    @property
    def image(self) -> str:
        return self._spec.image

    @property
    def shell(self) -> ContainerShell:
        return self._shell

    @property
    def files(self) -> ContainerFiles:
        return self._files

    @property
    def tree(self) -> Companion:
        if self._tree is None:
            raise SandboxError("The sandbox is not open.")
        return self._tree

    def run(self, command: str, *, timeout: float) -> CommandResult:
        """See the port. A time-out kills what the session's shell has running too."""
        shell = self._new_shell(VERIFY_BUDGET, VERIFY_TELLING)
        try:
            return shell.run(command, timeout=timeout).model_copy(update={"note": ""})
        finally:
            shell.close()

    def freeze(self) -> None:
        self._hang_up()
        container, self._container = self._container, None
        if container is not None:
            self._remove(container)

    def thaw(self) -> None:
        if self._container is None:
            self._container = self._create()
            self._start_sandbox()
            self._shell.open()

    def reset(self) -> None:
        self.freeze()
        # With a repository of its own again: what ran had the old one in its hands.
        self.tree.seed(self._spec)
        self.thaw()

    def asked(self) -> tuple[str, ...]:
        return self._proxy.asked() if self._proxy is not None else ()

    # ---- life

    def start(self, companion_image: str) -> None:
        """Create, start and seed everything, open the shell."""
        self._cancel.check()
        with engine_errors("create the workspace volume"):
            self._api.create_volume(self._name, labels={**self._labels, ROLE_LABEL: "volume"})
        if self._podman:
            fill_volume(self._api, self._spec.image, self._name, self._labels)
        self._companion_id = self._create_companion(companion_image)
        with ThreadPoolExecutor(1) as pool:
            # The image's content is copied into the volume while this creates the container.
            created = pool.submit(self._create)
            try:
                self._start_companion()
            finally:
                self._container = created.result()
            started = pool.submit(self._start_sandbox)
            try:
                self.tree.ready()
                self.tree.seed(self._spec)
            finally:
                started.result()
        self._cancel.check()
        self._shell.open()

    def _start_companion(self) -> None:
        assert self._companion_id is not None
        with engine_errors("attach to the companion container"):
            self._tree = Companion(self._api, self._companion_id, self._failed, self._too_large)
        self._cancel.check()  # whoever cancelled before could not interrupt it yet
        self._start(self._companion_id)

    def _start_sandbox(self) -> None:
        assert self._container is not None
        self._start(self._container)
        self._shell.connect()

    def interrupt(self) -> None:
        """Wake the run's thread, whatever it waits for; it then finds the run cancelled."""
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.interrupt()
        if self._tree is not None:
            self._tree.interrupt()

    def close(self) -> None:
        """Remove both containers and the volume. What fails here is left to the sweep."""
        self._hang_up()
        if self._tree is not None:
            self._tree.close()
        # Podman removes no container whose network another one still uses.
        with ThreadPoolExecutor(1 if self._podman else 2) as pool:
            for container in (self._container, self._companion_id):
                if container is not None:
                    pool.submit(self._remove, container)
        with suppress(SandboxError), engine_errors("remove the workspace volume"):
            self._api.remove_volume(self._name, force=True)

    # ---- containers

    def _create(self) -> str:
        assert self._companion_id is not None
        host = profile.sandbox_host(
            self._sizes, self._name, self._companion_id, self._runtime, podman=self._podman
        )
        with engine_errors(f"create a container from {self._spec.image}"):
            container: str = self._api.create_container(
                self._spec.image,
                entrypoint=list(profile.KEEPER_COMMAND[:2]),
                command=list(profile.KEEPER_COMMAND[2:]),
                user=f"{profile.KEEPER}:{profile.KEEPER}",
                working_dir=profile.WORKSPACE,
                environment=dict(profile.environment()),
                host_config=host,
                labels={**self._labels, ROLE_LABEL: self._spec.role},
                name=f"{self._name}-{secrets.token_hex(3)}",
                use_config_proxy=False,  # the client's settings may hold the host's credentials
            )["Id"]
            return container

    def _create_companion(self, image: str) -> str:
        directory = None if self._proxy is None else str(self._proxy.directory)
        with engine_errors(f"create the companion container from {image}"):
            container: str = self._api.create_container(
                image,
                entrypoint=companion.command(proxy=self._proxy is not None, quota=self._sizes.workspace),
                command=[],
                user="0:0",
                hostname="sandbox",  # the sandbox shares it with the network
                stdin_open=True,
                host_config=profile.companion_host(self._name, directory, podman=self._podman),
                labels={**self._labels, ROLE_LABEL: "companion"},
                name=f"{self._name}-companion",
                use_config_proxy=False,
            )["Id"]
            return container

    def _start(self, container: str) -> None:
        with engine_errors("start a container"):
            self._api.start(container)

    def _remove(self, container: str) -> None:
        with suppress(SandboxError), engine_errors("remove a container"):
            self._api.remove_container(container, force=True)

    def _connect(self, argv: tuple[str, ...]) -> Stream:
        """Start a process of the model's user in the sandbox."""
        self._cancel.check()
        if self._container is None:
            raise self._failed("The sandbox is gone.")
        try:
            with engine_errors("start a shell in the sandbox"):
                stream = execute(self._api, self._container, argv, profile.USER)
        except SandboxError as error:
            raise self._failed(error.message) from error
        with self._lock:
            self._streams = {s for s in self._streams if not s.closed} | {stream}
        self._cancel.check()
        return stream

    def _new_shell(self, budget: int = OUTPUT_BUDGET, telling: int = 0) -> ContainerShell:
        return ContainerShell(
            self._connect,
            kill_all=self._kill_all,
            failed=self._failed,
            mask=self._mask,
            budget=budget,
            telling=telling,
        )

    def _kill_all(self) -> bool:
        """Kill every process of the model's user, however it was started.

        kill(-1) reaches them all at once, so that a fork bomb cannot outrun it, and spares
        the keeper, which belongs to another user. Where not even this fits into the
        container any more (its memory is full of /tmp, say), the container itself is
        restarted; True then, since /tmp is lost.
        """
        self._hang_up()
        try:
            stream = self._connect(("/bin/sh", "-c", "kill -9 -1; echo done"))
            try:
                said = stream.receive(_KILL_SECONDS)[1]
            finally:
                stream.close()
            if said.endswith(b"done\n"):
                return False
        except (SandboxError, TimeoutError):
            pass
        container = self._container
        if container is None or self._over is not None or not self._restartable(container):
            raise self._failed("The sandbox is gone.")
        with engine_errors("restart the sandbox"):
            self._api.restart(container, timeout=0)
        return True

    def _restartable(self, container: str) -> bool:
        """It runs, or the kernel killed it for its memory; anything else ended it on purpose."""
        with suppress(SandboxError), engine_errors("wait for the sandbox's end"):
            self._api.wait(container, timeout=_ENDING_SECONDS)
        with engine_errors("describe the sandbox"):
            state = self._api.inspect_container(container)["State"]
        return bool(state["Running"] or state["OOMKilled"])

    def _hang_up(self) -> None:
        self._shell.close()
        self._files.close()

    # ---- what went wrong

    def _too_large(self, used: int) -> None:
        """The companion found the volume over its quota; called on its listener's thread."""
        self._over = used
        if (container := self._container) is not None:
            with suppress(SandboxError), engine_errors("kill the sandbox"):
                self._api.kill(container)

    def _failed(self, message: str) -> HonkError:
        """The reason why the sandbox no longer answers."""
        if self._cancel.is_set():
            return Cancelled(self._cancel.reason)
        if self._over is not None:
            quota, used = self._sizes.workspace >> 20, self._over >> 20
            return SandboxError(
                f"The workspace outgrew its quota of {quota:,} MiB ({used:,} MiB in use).",
                "Raise sandbox.workspace_size in the settings if the work needs it.",
            )
        if self._container is None:
            return SandboxError("The sandbox is frozen.")
        return SandboxError(message, self._state(self._container))

    def _state(self, container: str) -> str:
        """What the engine knows of the sandbox's end, in a sentence."""
        try:
            with engine_errors("describe the sandbox"):
                state = self._api.inspect_container(container)["State"]
        except SandboxError as error:
            return str(error)
        if state.get("OOMKilled"):
            return "It ran out of memory; raise sandbox.memory in the settings if the work needs it."
        return "" if state.get("Running") else f"The container ended with code {state.get('ExitCode')}."
