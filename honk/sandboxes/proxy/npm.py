"""npm packages: package documents with the tarballs' addresses rewritten, and the tarballs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from honk.sandboxes.proxy.sources import Named, Page, Recent, RegistryError, Source, Stream, is_plain

ABBREVIATED = "application/vnd.npm.install-v1+json"

PACKAGE = re.compile(r"(?:@[A-Za-z0-9~_-][A-Za-z0-9~._-]*/)?[A-Za-z0-9~_-][A-Za-z0-9~._-]*")


class Npm:
    """All configured npm registries as one; the first that knows a package wins (see Pypi)."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._recent = Recent()

    def document(self, package: str, *, abbreviated: bool, proxy: str) -> Page | None:
        """The package's document with its tarballs below ``proxy`` (an address without a path).

        None if no registry knows the package. Raises RegistryError.
        """
        accept = f"{ABBREVIATED}, application/json;q=0.8" if abbreviated else "application/json"
        for source in self._sources:
            page = source.page(quote(package, safe="@"), accept)
            if page is not None:
                return self._rewritten(source, page, package, proxy)
        return None

    def open(self, package: str, name: str) -> AbstractContextManager[Stream | None]:
        """A tarball that the package's document names, None for any other. Raises RegistryError."""
        named = self._recent.get(package)
        if named is None or name not in named.urls:
            self.document(package, abbreviated=True, proxy="")
            named = self._recent.get(package)
        if named is None or name not in named.urls:
            return nullcontext(None)
        return named.source.open(named.urls[name])

    def _rewritten(self, source: Source, page: Page, package: str, proxy: str) -> Page:
        try:
            document = json.loads(page.data)
            urls = _rewrite(document, page.url, f"{proxy}/npm/{package}/-/")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RegistryError("The registry's package document is not valid JSON of npm.") from error
        self._recent.put(package, Named(source, urls))
        data = json.dumps(document, separators=(",", ":")).encode()
        return Page(data, page.content_type or "application/json", page.url)


def _rewrite(document: dict[str, Any], base: str, prefix: str) -> dict[str, str]:
    """Point every version's tarball to ``prefix``; returns file name to the address it had."""
    urls: dict[str, str] = {}
    for number, version in document["versions"].items():
        dist = version["dist"]
        url = urljoin(base, dist["tarball"])
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        if urls.get(name, url) != url:  # some registries tell versions apart by folder alone
            name = f"{number}-{name}"
        if is_plain(name):
            urls[name] = url
            dist["tarball"] = prefix + quote(name)
        else:
            del dist["tarball"]
    return urls
