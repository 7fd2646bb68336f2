"""Images to run sandboxes from: the stock image in layers, a person's own, a repository's Dockerfile.

Everything that honk makes carries a hash of what it was made from as its tag, so that it is
found at once the next time, and made by one honk at a time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError, UserError
from honk.sandboxes import bootstrap
from honk.sandboxes.build import (
    LIMIT,
    ContextFile,
    Workbench,
    build,
    local,
    pull,
    sparse,
    visible,
)
from honk.sandboxes.locks import locked
from honk.sandboxes.online import online, require
from honk.sandboxes.stream import engine_errors

if TYPE_CHECKING:
    from docker import DockerClient

REPOSITORY = "honk-sandbox"
PREPARED = ("honk-setup", "honk-dockerfile")  # repositories of images made for one of the person's
TOOLCHAINS = ("bun", "go", "jdk", "native", "node-tools", "php", "python-tools", "ruby", "rust")

_FORMAT = b"1"  # raise it when the same recipe would be made in another way
_FROM = re.compile(rb"^FROM (\S+)", re.MULTILINE)
_PULL_HINT = "Check the name, log in with `docker login`, or build or load it on this machine."
_NETWORK_HINT = "Check this machine's way to the package registries, or name an image with --image."


def base_name(recipes: Path) -> str:
    """Name of the stock image's base, whether it is there or not."""
    return f"{REPOSITORY}:{_hash((recipes / 'Dockerfile').read_bytes())}"


class StockImages:
    """The stock image: ``recipes`` is the folder ``sandbox`` with Dockerfile and layers.

    ``parent`` replaces the image that the Dockerfile starts from: the same one in a mirror.
    """

    def __init__(self, bench: Workbench, recipes: Path, parent: str | None = None) -> None:
        self._bench = bench
        self._recipes = recipes
        dockerfile = (recipes / "Dockerfile").read_bytes()
        found = _FROM.search(dockerfile)
        assert found, "sandbox/Dockerfile names its base"
        self._parent = parent or found[1].decode()
        self._dockerfile = _FROM.sub(b"FROM " + self._parent.encode(), dockerfile, count=1)

    def companion(self, cancel: Cancel) -> str:
        """Id of the base, made if it is missing. Raises SandboxError."""
        return self.image(frozenset(), cancel)

    def present(self) -> str | None:
        """Id of the base if it is there already."""
        return self._local(self._tags([])[0])

    def image(self, toolchains: frozenset[str], cancel: Cancel) -> str:
        """Id of the base with the layers of ``toolchains``, those made that are missing.

        Names not in TOOLCHAINS (``python``, ``node``) are in the base already.
        """
        names = [name for name in TOOLCHAINS if name in toolchains]
        tags = self._tags(names)
        if (top := self._local(tags[-1])) is not None:
            return top
        parent = self._once(tags[0], cancel, partial(self._base, tags[0], cancel))
        for name, tag in zip(names, tags[1:], strict=True):
            parent = self._once(tag, cancel, partial(self._layer, name, tag, parent, cancel))
        return parent

    def _local(self, tag: str) -> str | None:
        with engine_errors("look for the sandbox image"):
            return local(self._bench.client, f"{REPOSITORY}:{tag}")

    def _tags(self, names: list[str]) -> list[str]:
        """Each one's hash covers its own recipe and everything below it."""
        tags = [_hash(self._dockerfile)]
        for name in names:
            tags.append(_hash(_FORMAT, tags[-1].encode(), self._script(name)))
        return tags

    def _script(self, layer: str) -> bytes:
        return (self._recipes / "layers" / f"{layer}.sh").read_bytes()

    def _once(self, tag: str, cancel: Cancel, make: Callable[[], str]) -> str:
        return once(self._bench, f"{REPOSITORY}:{tag}", cancel, make)

    def _base(self, tag: str, cancel: Cancel) -> str:
        bench, name = self._bench, self._parent
        if local(bench.client, name) is None and (why := pull(bench, name, cancel)):
            if not bootstrap.makes(name):
                raise SandboxError(
                    f"The base of the sandbox image, {name}, was not pulled: {why}", _PULL_HINT
                )
            bench.progress(f"Not pulled: {why}")
            bootstrap.debian(
                bench.client, name, install=bench.install, progress=sparse(bench.progress), cancel=cancel
            )
        bench.progress("Building the sandbox image (Python, Node, C; once).")
        files = [ContextFile("Dockerfile", self._dockerfile)]
        try:
            image = build(bench, files, "Dockerfile", f"{REPOSITORY}:{tag}", cancel, sparse(bench.progress))
        except UserError as error:
            raise SandboxError(f"The sandbox image: {error.message}", _NETWORK_HINT) from error
        bench.progress("The sandbox image is ready.")
        return image

    def _layer(self, name: str, tag: str, parent: str, cancel: Cancel) -> str:
        bench = self._bench
        bench.progress(f"Adding {name} to the sandbox image (once).")
        script = self._script(name).decode()
        with online(bench.client, parent, cancel=cancel, clients=bench.clients()) as container:
            done = container.run(script, progress=sparse(bench.progress), timeout=LIMIT)
            if done.exit_code != 0:
                lines = " / ".join(done.tail[-5:])
                raise SandboxError(
                    f"The {name} layer of the sandbox image could not be made: {lines}",
                    _NETWORK_HINT,
                )
            image = container.commit(REPOSITORY, tag, {"honk.layer": name})
        bench.progress(f"The sandbox image with {name} is ready.")
        return image


def named_image(bench: Workbench, name: str, cancel: Cancel) -> str:
    """Id of the image that a person named, pulled if it is not here.

    It is tried once, the first time that it is seen. Raises UserError if there is none or
    it has neither bash nor sh.
    """
    with engine_errors(f"look at {name}"):
        if (image := local(bench.client, name)) is None:
            why = pull(bench, name, cancel)
            if (image := local(bench.client, name)) is None:
                raise UserError(
                    f"There is no image {name}: not on this engine, and no registry gave it ({why}).",
                    _PULL_HINT,
                )
        known = bench.locks / f"usable-{image.removeprefix('sha256:')}"
        if known.exists():
            return image
        try:
            with online(bench.client, image, cancel=cancel, network="none") as container:
                done = container.run("exit 0", progress=lambda line: None, timeout=60)
        except SandboxError as error:
            raise UserError(f"Image {name} cannot be used: {error.message}", error.hint) from error
        require(done, f"The shell of image {name}", "The image must contain bash or sh.")
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()
        return image


def built_image(
    bench: Workbench, dockerfile: str, tree: str, files: Callable[[], Iterable[ContextFile]], cancel: Cancel
) -> str:
    """Id of the image of a repository's own ``dockerfile`` (its path), with the commit as context.

    ``tree`` is the commit's tree id: with the path it names the image; ``files`` is called
    only if that is missing. ``.dockerignore`` is honoured. Raises UserError with the last lines.
    """
    tag = f"honk-dockerfile:{_hash(dockerfile.encode(), tree.encode())}"

    def make() -> str:
        context = visible(list(files()), dockerfile)
        bench.progress(f"Building the image of {dockerfile}.")
        return build(bench, context, dockerfile, tag, cancel, bench.progress)

    return once(bench, tag, cancel, make)


def once(bench: Workbench, tag: str, cancel: Cancel, make: Callable[[], str]) -> str:
    """Id of the image ``tag``; if it is missing, ``make`` makes it, in one process at a time.

    The lock's time of change says when this HONK_HOME last used the image.
    """
    lock = bench.locks / f"{tag.replace(':', '-')}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    with engine_errors(f"prepare {tag}"):
        if (image := local(bench.client, tag)) is not None:
            return image
        with locked(lock, cancel):
            return local(bench.client, tag) or make()


def unused(locks: Path, before: float) -> Iterator[tuple[str, Path]]:
    """Tags of images that were prepared for repositories and not used since ``before``, by the
    HONK_HOME of ``locks``, each with its lock."""
    for repository in PREPARED:
        for lock in sorted(locks.glob(f"{repository}-*.lock")):
            if lock.stat().st_mtime < before:
                yield f"{repository}:{lock.stem.removeprefix(f'{repository}-')}", lock


def discard(client: DockerClient, tag: str, lock: Path, before: float) -> bool:
    """Remove an unused image unless a container has it; whether it was there and is gone."""
    from docker.errors import APIError, ImageNotFound

    if lock.stat().st_mtime >= before:  # a run has just begun to use it
        return False
    with engine_errors(f"remove {tag}"):
        try:
            client.images.remove(tag)
        except ImageNotFound:
            lock.unlink(missing_ok=True)
            return False
        except APIError as error:
            if error.status_code != 409:
                raise
            return False
    lock.unlink(missing_ok=True)
    return True


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:24]
