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

_PACKAGE = re.compile(r"(?:@[A-Za-z0-9~_-][A-Za-z0-9~._-]*/)?[A-Za-z0-9~_-][A-Za-z0-9~._-]*")


def is_package(name: str) -> bool:
    """Whether npm would take it for a package's name (validate-npm-package-name, old names too)."""
    return len(name) <= 214 and _PACKAGE.fullmatch(name) is not None


def tarball(path: str) -> tuple[str, str] | None:
    """Package and file name of a tarball's path, ``…/<package>/-/<file>``, below any prefix."""
    head, found, name = path.rpartition("/-/")
    parts = head.split("/")
    package = "/".join(parts[-2:] if len(parts) > 1 and parts[-2].startswith("@") else parts[-1:])
    return (package, name) if found and "/" not in name and is_package(package) else None


class Npm:
    """All configured npm registries as one; the first that knows a package wins (see Pypi)."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._recent = Recent()

    def document(
        self, package: str, *, abbreviated: bool = True, proxy: str = "", keep: bool = False
    ) -> Page | None:
        """The package's document with its tarballs below ``proxy`` (an address without a path).

        ``keep``: leave the registry's own addresses where it has the usual ones. npm writes
        them into package-lock.json, which must not name this proxy; it fetches them from here
        all the same if NPM_CONFIG_REPLACE_REGISTRY_HOST is "always".
        Returns None if no registry knows the package. Raises RegistryError.
        """
        accept = f"{ABBREVIATED}, application/json;q=0.8" if abbreviated else "application/json"
        for source in self._sources:
            page = source.page(quote(package, safe="@"), accept)
            if page is not None:
                try:
                    document = json.loads(page.data)
                    urls = _rewrite(document, page.url, package, proxy, keep)
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                    raise RegistryError("The registry's package document is not valid.") from error
                self._recent.put(package, Named(source, urls))
                data = json.dumps(document, separators=(",", ":")).encode()
                return Page(data, page.content_type or "application/json", page.url)
        return None

    def open(self, package: str, name: str) -> AbstractContextManager[Stream | None]:
        """A tarball that the package's document names, None for any other. Raises RegistryError."""
        named = self._recent.get(package)
        if named is None or name not in named.urls:
            named = self._recent.get(package) if self.document(package) else None
        if named is None or name not in named.urls:
            return nullcontext(None)
        return named.source.open(named.urls[name])


def _rewrite(document: dict[str, Any], base: str, package: str, proxy: str, keep: bool) -> dict[str, str]:
    """Point every version's tarball to the proxy; returns file name to the address it had."""
    urls: dict[str, str] = {}
    for number, version in document.get("versions", {}).items():
        dist = version["dist"]
        url = urljoin(base, dist["tarball"])
        path = unquote(urlsplit(url).path)
        name = path.rpartition("/")[2]
        if urls.get(name, url) != url:  # some registries tell versions apart by folder alone
            name = f"{number}-{name}"
        if not is_plain(name):
            del dist["tarball"]
            continue
        urls[name] = url
        usual = url.startswith(("http://", "https://")) and tarball(path) == (package, name)
        dist["tarball"] = url if keep and usual else f"{proxy}/npm/{package}/-/{quote(name)}"
    return urls
