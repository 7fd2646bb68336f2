"""The configured registries, opened and in order."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

from honk.core.errors import SandboxError
from honk.core.operator import Registry
from honk.sandboxes.proxy.folder import Tarballs, Wheels
from honk.sandboxes.proxy.npm import Npm
from honk.sandboxes.proxy.pypi import Pypi
from honk.sandboxes.proxy.remote import Remote
from honk.sandboxes.proxy.sources import RegistryError, Source

# Pages are parsed in memory, and the sandbox decides how many it asks for: more wait.
MAX_PAGES = 8


class Front:
    """One index for each kind. Raises SandboxError if an address is neither http(s) nor a folder."""

    def __init__(self, registries: Sequence[Registry]) -> None:
        self.reading = threading.Semaphore(MAX_PAGES)
        self._remotes: list[Remote] = []
        self.pypi = Pypi([self._source(r) for r in registries if r.kind == "pypi"])
        self.npm = Npm([self._source(r) for r in registries if r.kind == "npm"])

    def _source(self, registry: Registry) -> Source:
        if re.match(r"https?://", registry.url):
            try:
                remote = Remote(registry)
            except RegistryError as error:
                raise SandboxError(error.message, "Mend the registry's url in honk.toml.") from error
            self._remotes.append(remote)
            return remote
        folder = Path(unquote(registry.url.removeprefix("file://"))).expanduser()
        if not folder.is_absolute() or not folder.is_dir():
            raise SandboxError(
                f"The {registry.kind} registry {registry.url} is neither an http address nor a folder.",
                "Give an http(s) URL or the absolute path of a folder in honk.toml.",
            )
        return Wheels(folder) if registry.kind == "pypi" else Tarballs(folder)

    def close(self) -> None:
        for remote in self._remotes:
            remote.close()
