"""A folder on the host as a registry: wheels and sdists, a simple index of files, or npm tarballs.

Each answers in the registries' own formats, so that one reader serves folders and HTTP alike.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from honk.sandboxes.proxy.simple import JSON_TYPE, normalise
from honk.sandboxes.proxy.sources import CHUNK, Page, RegistryError, Stream

_SDISTS = (".tar.gz", ".zip", ".tar.bz2")
_MAX_MANIFEST = 4 << 20  # bytes of a package.json


class Wheels:
    """A flat folder of wheels and sdists, or one shaped as a simple index (``name/index.html``)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def page(self, path: str, accept: str) -> Page | None:
        project = path.strip("/")
        index = self._folder / project / "index.html"
        try:
            if index.is_file():
                return Page(index.read_bytes(), "text/html", index.as_uri())
            files = [_entry(p) for p in sorted(self._folder.iterdir()) if _project(p) == project]
        except OSError as error:
            raise _unreadable(self._folder, error) from error
        if not files:
            return None
        return Page(json.dumps({"files": files}).encode(), JSON_TYPE, self._folder.as_uri())

    @contextmanager
    def open(self, url: str) -> Iterator[Stream | None]:
        # An index folder keeps its files beside it: ../../files/name.whl.
        with _open(url, self._folder.parent) as stream:
            yield stream


class Tarballs:
    """A folder of npm tarballs (``npm pack``); package documents are made from what they contain."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def page(self, path: str, accept: str) -> Page | None:
        package, versions = unquote(path), {}
        try:
            for tarball in sorted(self._folder.glob("*.tgz")):
                manifest = json.loads(_manifest(tarball, *_stamp(tarball)))
                if manifest.get("name") == package and isinstance(manifest.get("version"), str):
                    versions[manifest["version"]] = manifest
        except OSError as error:
            raise _unreadable(self._folder, error) from error
        if not versions:
            return None
        latest = max(versions, key=_semver)
        document = {"name": package, "dist-tags": {"latest": latest}, "versions": versions}
        return Page(json.dumps(document).encode(), "application/json", self._folder.as_uri())

    @contextmanager
    def open(self, url: str) -> Iterator[Stream | None]:
        with _open(url, self._folder) as stream:
            yield stream


@contextmanager
def _open(url: str, below: Path) -> Iterator[Stream | None]:
    parts = urlsplit(url)
    path = Path(unquote(parts.path)).resolve()
    if parts.scheme != "file" or not path.is_relative_to(below) or not path.is_file():
        yield None
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        yield Stream(path.stat().st_size, iter(lambda: file.read(CHUNK), b""))


def _unreadable(path: Path, error: OSError) -> RegistryError:
    return RegistryError(f"The registry's folder cannot be read: {path.name}: {error.strerror}.")


def _project(path: Path) -> str | None:
    """The project that a file belongs to by its name (binary and source distribution formats)."""
    if path.suffix == ".whl":
        return normalise(path.name.partition("-")[0])
    for ending in _SDISTS:
        if path.name.endswith(ending):
            return normalise(path.name.removesuffix(ending).rpartition("-")[0])
    return None


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _entry(path: Path) -> dict[str, object]:
    modified, size = _stamp(path)
    digest = _digest(path, modified, size, "sha256").hex()
    return {"filename": path.name, "url": path.as_uri(), "size": size, "hashes": {"sha256": digest}}


@lru_cache(maxsize=4096)
def _digest(path: Path, modified: int, size: int, algorithm: str) -> bytes:
    """The hash of a file; ``modified`` and ``size`` are there to tell a replaced file apart."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).digest()


@lru_cache(maxsize=1024)
def _manifest(path: Path, modified: int, size: int) -> str:
    """What a package document says of a tarball, as JSON; an empty object if it is no package."""
    manifest: Any = None
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if re.fullmatch(r"[^/]+/package\.json", member.name) and member.size <= _MAX_MANIFEST:
                    content = archive.extractfile(member)
                    manifest = json.loads(content.read()) if content else None
                    break
    except (tarfile.TarError, EOFError, ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict):
        return "{}"
    integrity = base64.b64encode(_digest(path, modified, size, "sha512")).decode()
    manifest["dist"] = {
        "tarball": path.as_uri(),
        "shasum": _digest(path, modified, size, "sha1").hex(),
        "integrity": f"sha512-{integrity}",
    }
    return json.dumps(manifest)


def _semver(version: str) -> tuple[bool, list[int], list[tuple[bool, int, str]]]:
    """Sort key after semver.org item 11, releases above pre-releases so that these are not latest."""
    core, _, pre = version.partition("+")[0].partition("-")
    numbers = [int(n) if n.isdecimal() else 0 for n in core.split(".")]
    marks = [(not m.isdecimal(), int(m) if m.isdecimal() else 0, m) for m in pre.split(".")]
    return (not pre, numbers, marks)
