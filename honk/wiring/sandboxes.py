"""The container engine, images and sandboxes of one process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from honk import resources
from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.operator import Registry
from honk.core.ports import Leases, Mirror
from honk.core.sandbox import Sandbox, SandboxSpec
from honk.planning import ImagePlan
from honk.settings import Settings

if TYPE_CHECKING:
    from docker import DockerClient

    from honk.sandboxes.build import ContextFile, Workbench
    from honk.sandboxes.docker import DockerSandboxes
    from honk.sandboxes.images import StockImages
    from honk.sandboxes.proxy import PackageProxy

Notice = Callable[[str], None]


class Engine:
    """Everything that needs Docker, made when it is first asked for. Close it at the end."""

    def __init__(self, settings: Settings, notice: Notice, mask: Callable[[str], str] = str) -> None:
        self._settings = settings
        self._mask = mask
        self._notice = notice
        self._stack = ExitStack()
        self._asked: tuple[str, ...] = ()

    def close(self) -> None:
        self._stack.close()

    @property
    def scope(self) -> str:
        """One for each HONK_HOME: what honk sweeps, it sweeps among its own."""
        return hashlib.sha256(str(self._settings.home).encode()).hexdigest()[:16]

    @cached_property
    def client(self) -> DockerClient:
        from honk.sandboxes.engine import connect

        client = connect(
            install=not self._settings.no_install,
            notice=self._notice,
            state=self._settings.home / "engine",
        )
        self._stack.callback(client.close)
        return client

    @cached_property
    def bench(self) -> Workbench:
        from honk.sandboxes.build import Workbench
        from honk.sandboxes.clients import discover

        return Workbench(
            client=self.client,
            clients=cache(partial(discover, self._settings.environment, self._settings.user_home)),
            locks=self._settings.home / "locks",
            install=not self._settings.no_install,
            progress=self._notice,
        )

    @cached_property
    def proxy(self) -> PackageProxy:
        from honk.sandboxes.proxy import PackageProxy

        proxy = PackageProxy(lambda: registries(self._settings))
        self._stack.callback(proxy.close)
        return proxy

    @cached_property
    def stock(self) -> StockImages:
        from honk.sandboxes.images import StockImages

        return StockImages(self.bench, resources.folder("sandbox"), self._settings.sandbox.base)

    def companion(self, cancel: Cancel) -> str:
        """Image of honk's own side containers."""
        return self.stock.companion(cancel)

    def sandboxes(self, cancel: Cancel) -> DockerSandboxes:
        from honk.sandboxes.docker import DockerSandboxes

        return DockerSandboxes(
            self.client, self._settings.sandbox, self.companion(cancel), self.scope, self._mask
        )

    @contextmanager
    def open_sandbox(self, spec: SandboxSpec, cancel: Cancel) -> Iterator[Sandbox]:
        """An OpenSandbox with the package proxy behind it."""
        with (
            self.proxy.open(spec.run_id) as endpoint,
            self.sandboxes(cancel).open(spec, cancel, endpoint) as box,
        ):
            yield box

    def asked(self) -> tuple[str, ...]:
        """Requests through the package proxy by setup commands since the last call."""
        found, self._asked = self._asked, ()
        return found

    def sweep(self, leases: Leases, own: str | None = None) -> None:
        """Remove containers and volumes of runs that nobody works on, and those of ``own``, a run
        that is about to be resumed here."""
        from honk.sandboxes.sweep import sweep

        sweep(self.client, self.scope, lambda run_id: run_id != own and leases.live(run_id))

    def prepare(self, plan: ImagePlan, mirror: Mirror, cancel: Cancel) -> str:
        """Id of the image that ``plan`` asks for, with its setup done."""
        image = self._image(plan, mirror, cancel)
        if plan.declared:
            return self._set_up(image, plan.setup, plan, mirror, cancel)
        for line in plan.setup:  # one by one: what one package needs may fail without the others
            try:
                image = self._set_up(image, (line,), plan, mirror, cancel)
            except UserError as error:
                self._notice(f"The detected setup does not work and is left out: {error.message}")
                self._notice("Write the right commands into .honk.yml (`honk init` begins one).")
        return image

    def _image(self, plan: ImagePlan, mirror: Mirror, cancel: Cancel) -> str:
        from honk.sandboxes.images import built_image, named_image

        if plan.image is not None:
            return named_image(self.bench, plan.image, cancel)
        if plan.dockerfile is not None:
            files = mirror.context(plan.base.sha)
            if plan.dockerfile not in files:
                raise UserError(
                    f".honk.yml names {plan.dockerfile}, which the base commit does not have.",
                    "Mend `dockerfile:` on the base branch.",
                )
            found = [(path, *entry, mirror) for path, entry in files.items()]
            for module in plan.submodules:
                below = module.mirror.context(module.commit).items()
                found += [(f"{module.path}/{path}", *entry, module.mirror) for path, entry in below]
            key = hashlib.sha256("\n".join(sorted(f"{p} {m} {b}" for p, m, b, _ in found)).encode())

            def context() -> Iterator[ContextFile]:
                return _context(found)

            return built_image(self.bench, plan.dockerfile, key.hexdigest(), context, cancel)
        return self.stock.image(plan.toolchains, cancel)

    def _set_up(
        self, image: str, commands: tuple[str, ...], plan: ImagePlan, mirror: Mirror, cancel: Cancel
    ) -> str:
        from honk.sandboxes.setup import Seed, prepare

        def seed() -> Seed:
            pack, shallow = mirror.seed(plan.base.sha, plan.depth)
            submodules = tuple(module.seed() for module in plan.submodules)
            return Seed(packs=(pack,), shallow=shallow, head=plan.base.sha, submodules=submodules)

        with self.proxy.open("setup") as endpoint:
            try:
                return prepare(
                    self.bench,
                    image=image,
                    companion_image=self.companion(cancel),
                    commands=commands,
                    key=plan.key,
                    seed=seed,
                    proxy=endpoint.directory,
                    timeout=self._settings.limits.verify_seconds,
                    cancel=cancel,
                )
            except UserError as error:
                # To pip and npm a registry that is down looks like one without the package.
                self._asked += endpoint.asked()
                down = [line for line in self._asked if line[-4:-2] == " 5"]
                if not down:
                    raise
                hint = (
                    f"A registry did not answer ({down[-1]}): try again, or mend [[registries]] in honk.toml."
                )
                raise UserError(error.message, hint) from error
            finally:
                self._asked += endpoint.asked()


def registries(settings: Settings) -> tuple[Registry, ...]:
    """What the package proxy stands before: the operator's list, then this machine's own."""
    from honk.sandboxes.proxy.discover import discover

    return settings.registries + (discover(settings.environment) if settings.host_registries else ())


def _context(files: Iterable[tuple[str, str, str, Mirror]]) -> Iterator[ContextFile]:
    from honk.sandboxes.build import ContextFile

    for path, mode, blob, mirror in files:
        yield ContextFile(path, mirror.read(blob), mode)
