"""Walk a tar stream in memory. Nothing is ever extracted.

The stream comes from a tree that a model could write to. What may cost memory or time is
bounded before it is read: extension headers in size, the bytes that any one header may
take together, members, their content, the whole stream, and the wall clock. This makes a
child process with resource limits unnecessary, which would cost each checkpoint some
60 ms and a copy of every blob.

tarfile's own leniency is undone here: it takes a damaged header for the end of the
archive, and a missing end for a complete one. Both would read as deleted files.
"""

from __future__ import annotations

import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Literal, cast

from honk.core.errors import HandOverError

_BLOCK = 512
_READ = 1 << 16
_EXTENSION = 16 << 10  # bytes of one extension header: two paths of PATH_MAX and small change
_HEADERS = 4 * _EXTENSION + 4 * _READ  # bytes that one member's headers may take, read-ahead included
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_REFUSED = (tarfile.XGLTYPE, tarfile.GNUTYPE_SPARSE)


@dataclass(frozen=True)
class Caps:
    """Bounds of one hand-over. ``stream``, ``names``, ``file`` and ``new`` in bytes.

    ``names`` is what all paths take together, since each is kept in memory. ``file`` is
    GitHub's own limit for one file, ``new`` what a commit may add in all.
    """

    entries: int = 1_000_000
    stream: int = 32 << 30
    names: int = 256 << 20
    file: int = 100 << 20
    new: int = 512 << 20
    path: int = 4096
    depth: int = 100
    seconds: float = 900.0


def _broken(why: str) -> HandOverError:
    return HandOverError(f"The tree could not be read from the sandbox: {why}.", "Run it again.")


class _Header(tarfile.TarInfo):
    """A tar header that is refused, not skipped, when it is not what the exporter writes."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf).strip(b"\0"):
                raise _broken(f"a damaged header ({error})") from None
            raise  # a block of zeros: the end; no block at all: checked by the walk
        if header.type in _EXTENSIONS and header.size > _EXTENSION:
            raise _broken("an oversized extension header")
        if header.type in _REFUSED:
            raise _broken("a global or sparse header")
        return header


class _Stream:
    """The chunks as a file for tarfile, with all caps on what is read."""

    def __init__(self, chunks: Iterable[bytes], caps: Caps) -> None:
        self._chunks = iter(chunks)
        self._caps = caps
        self._deadline = time.monotonic() + caps.seconds
        self._pending = memoryview(b"")
        self._total = 0
        self._allowed = 0
        self.zeros = 0  # length of the run of zeros that the stream ends with, so far

    def allow(self, size: int) -> None:
        """Let the next member's headers be read, and ``size`` bytes of content before them."""
        self._allowed = self._total + size + _HEADERS

    def read(self, size: int) -> bytes:
        while not self._pending:
            chunk = next(self._chunks, None)
            self.check_time()
            if chunk is None:
                return b""
            self._pending = memoryview(chunk)
        data, self._pending = bytes(self._pending[:size]), self._pending[size:]
        self._total += len(data)
        if self._total > self._caps.stream:
            raise HandOverError(
                f"The tree is larger than {self._caps.stream >> 20} MiB.",
                "Delete what the change does not need.",
            )
        if self._total > self._allowed:
            raise _broken("headers without an end")
        rest = data.rstrip(b"\0")
        self.zeros = len(data) - len(rest) + (0 if rest else self.zeros)
        return data

    def check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise HandOverError(
                f"Reading the tree took longer than {self._caps.seconds:g} seconds.",
                "Delete what the change does not need.",
            )


@dataclass(frozen=True)
class Member:
    """One member. ``path`` has no ``./`` before and no slash after it; ``b""`` is the top folder."""

    path: bytes
    kind: Literal["file", "folder", "symlink", "hardlink", "other"]
    size: int
    executable: bool
    target: bytes
    content: Callable[[], Iterator[bytes]]  # for files: in pieces, once, before the next member


def _kind(header: tarfile.TarInfo) -> Literal["file", "folder", "symlink", "hardlink", "other"]:
    if header.isdir():
        return "folder"
    if header.issym():
        return "symlink"
    if header.islnk():
        return "hardlink"
    if header.isreg() and not header.issparse():
        return "file"
    return "other"


def _relative(name: str) -> bytes:
    raw = name.encode("utf-8", "surrogateescape")
    while raw.startswith(b"./"):
        raw = raw[2:].lstrip(b"/") or b"."
    return b"" if raw == b"." else raw.rstrip(b"/")


def walk(chunks: Iterable[bytes], caps: Caps) -> Iterator[Member]:
    """The members of a tar stream, in its order. Raises HandOverError for a damaged or boundless one."""
    stream = _Stream(chunks, caps)
    stream.allow(0)
    try:
        yield from _walk(stream, caps)
    except (tarfile.TarError, ValueError, RecursionError, OverflowError) as error:
        raise _broken(str(error) or type(error).__name__) from None


def _walk(stream: _Stream, caps: Caps) -> Iterator[Member]:
    archive = tarfile.open(  # noqa: SIM115 -- closing it does nothing for a stream
        fileobj=cast("IO[bytes]", stream),
        mode="r|",
        bufsize=_READ,
        tarinfo=_Header,
        encoding="utf-8",
        errors="surrogateescape",
    )
    entries = names = 0
    while (header := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # else it keeps every one
        entries += 1
        stream.check_time()
        if entries > caps.entries:
            raise HandOverError(
                f"The tree has more than {caps.entries} entries.", "Delete what the change does not need."
            )
        names += len(header.name)
        if names > caps.names:
            raise HandOverError(
                f"The paths of the tree take more than {caps.names >> 20} MiB.",
                "Delete what the change does not need, or shorten its folders' names.",
            )
        if header.size < 0:  # an extension header may say so, too
            raise _broken("a negative size")
        size = header.size if header.isreg() else 0
        stream.allow(header.size)

        yield Member(
            path=_relative(header.name),
            kind=_kind(header),
            size=size,
            executable=bool(header.mode & 0o100),
            target=header.linkname.encode("utf-8", "surrogateescape"),
            content=partial(_content, archive, header),
        )
    _drain(archive, stream)


def _content(archive: tarfile.TarFile, header: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(header)
    assert file is not None
    left = header.size
    try:
        while left and (data := file.read(min(left, 1 << 20))):
            left -= len(data)
            yield data
    except tarfile.TarError as error:
        raise _broken(str(error)) from None
    if left:
        raise _broken("it ends within a file")


def _drain(archive: tarfile.TarFile, stream: _Stream) -> None:
    """Read to the end, which must be nothing but zeros, two blocks at least."""
    assert archive.fileobj is not None
    while True:
        stream.allow(_READ)
        data = archive.fileobj.read(_READ)
        if not data:
            break
        if data.strip(b"\0"):
            raise _broken("data after its end")
    if stream.zeros < 2 * _BLOCK:
        raise _broken("it ends too early")
