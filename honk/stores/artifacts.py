"""Immutable bytes by digest: in a folder, or in the database for several workers."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from pathlib import Path

from sqlalchemy import delete, func, select

from honk.core.errors import StoreError
from honk.stores.database import Database
from honk.stores.schema import artifacts

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_PARTIAL = ".new-"  # how a file is called until all of it is written


def digest_of(data: bytes) -> str:
    """``sha256:`` and the hex digest."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _verified(digest: str, data: bytes | None) -> bytes:
    if data is None:
        raise StoreError(f"There is no artifact {digest}.", "It was deleted, or is kept on another machine.")
    if digest_of(data) != digest:
        raise StoreError(f"The artifact {digest} is damaged.", "Check the disk, and start a new run.")
    return data


class FolderArtifacts:
    """The Artifacts port on a folder: ``ab/cdef…`` for ``sha256:abcdef…``.

    A file appears whole or not at all, and is on disk when ``put`` returns.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, data: bytes) -> str:
        """Store ``data`` and return its digest. Raises StoreError (disk full, no permission)."""
        digest = digest_of(data)
        target = self._file(digest)
        try:
            if not target.exists():
                _write(target, data)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise StoreError(
                f"An artifact of {len(data):,} bytes cannot be written to {self._path}: {error.strerror}.",
                "Free some space and run `honk resume`." if full else "Check the folder and its permissions.",
            ) from error
        return digest

    def get(self, digest: str) -> bytes:
        """Raises StoreError if there is none or its bytes do not fit the digest."""
        try:
            return _verified(digest, self._file(digest).read_bytes())
        except FileNotFoundError:
            return _verified(digest, None)
        except OSError as error:
            raise StoreError(
                f"The artifact {digest} cannot be read: {error.strerror}.", "Check the folder's permissions."
            ) from error

    def size(self, digest: str) -> int:
        """In bytes; 0 if there is none."""
        try:
            return self._file(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def remove(self, digest: str) -> None:
        """Delete it, if it is there. Raises StoreError (no permission)."""
        try:
            self._file(digest).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"The artifact {digest} cannot be removed: {error.strerror}.",
                "Check the folder's permissions.",
            ) from error

    def partial(self, before: float) -> list[Path]:
        """Files that killed processes wrote in part, last before ``before`` (seconds since 1970)."""
        return [file for file in self._path.glob(f"*/{_PARTIAL}*") if file.stat().st_mtime < before]

    def _file(self, digest: str) -> Path:
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise StoreError(
                f"{digest!r} is not the digest of an artifact.", "Give sha256: and 64 hex digits."
            )
        return self._path / match[1][:2] / match[1][2:]


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=_PARTIAL)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)


class SqlArtifacts:
    """The Artifacts port in the database, for workers that share no folder."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, data: bytes) -> str:
        digest = digest_of(data)
        with self._db.single() as connection:
            connection.execute(self._db.insert_new(artifacts).values(digest=digest, data=data))
        return digest

    def get(self, digest: str) -> bytes:
        with self._db.single() as connection:
            data = connection.scalar(select(artifacts.c.data).where(artifacts.c.digest == digest))
        return _verified(digest, data)

    def size(self, digest: str) -> int:
        query = select(func.length(artifacts.c.data)).where(artifacts.c.digest == digest)
        with self._db.single() as connection:
            return connection.scalar(query) or 0

    def remove(self, digest: str) -> None:
        with self._db.single() as connection:
            connection.execute(delete(artifacts).where(artifacts.c.digest == digest))
