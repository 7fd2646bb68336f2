"""Python packages: which registry a project comes from, its page, its files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from honk.sandboxes.proxy import simple
from honk.sandboxes.proxy.simple import File
from honk.sandboxes.proxy.sources import Named, Recent, Source, Stream


class Pypi:
    """All configured Python registries as one.

    The first registry that knows a project is the only one asked for it: were versions merged,
    anyone could publish a higher version of an in-house name on a public registry and be
    installed (dependency confusion). For the same reason an error of a registry ends the
    request instead of passing it on to the next one.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._recent = Recent()

    def files(self, project: str) -> tuple[File, ...] | None:
        """The files of a project (normalised name), None if no registry knows it.

        Raises RegistryError.
        """
        for source in self._sources:
            page = source.page(f"{project}/", simple.ACCEPT)
            if page is not None:
                files = simple.parse(page)
                urls = {f.name: f.url for f in files}
                urls |= {
                    f"{f.name}.metadata": simple.metadata_url(f) for f in files if f.metadata is not None
                }
                self._recent.put(project, Named(source, urls))
                return files
        return None

    def open(self, project: str, name: str) -> AbstractContextManager[Stream | None]:
        """A file that the project's page names, None for any other. Raises RegistryError."""
        named = self._recent.get(project)
        if named is None or name not in named.urls:
            named = self._recent.get(project) if self.files(project) else None
        if named is None or name not in named.urls:
            return nullcontext(None)
        return named.source.open(named.urls[name])
