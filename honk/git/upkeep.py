"""What keeps a mirror usable for years: one user at a time, and nothing left of dead processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from honk.core.cancel import Cancel
from honk.git.refs import Location

DAY = 86_400.0  # seconds; no git process of honk's, and no hand-over, takes nearly as long

_POLL_SECONDS = 0.1  # flock can wait only without hearing of a cancellation

# What git and honk write into before it gets its name: of a killed process, or of a full disk.
_SCRATCH = ("rules-*", "index-*", "objects/tmp_*", "objects/??/tmp_obj_*", "objects/pack/tmp_*")
_LOCKS = ("*.lock", "refs/**/*.lock")


def place(home: Path, at: Location) -> Path:
    """The folder of the mirror of ``at`` below ``home``."""
    return home / "mirrors" / hashlib.sha256(at.url.encode()).hexdigest()[:24]


def lock_file(mirror: Path) -> Path:
    """Beside the mirror; its time of change is when the mirror was last used."""
    return mirror.with_suffix(".lock")


@contextmanager
def locked(mirror: Path, cancel: Cancel) -> Iterator[None]:
    """One process or thread at a time; the kernel releases the lock of a dead one.

    Raises Cancelled while it waits, since another run's fetch may take long.
    """
    mirror.parent.mkdir(parents=True, exist_ok=True)
    with open(lock_file(mirror), "ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                cancel.wait(_POLL_SECONDS)
        touch(mirror)
        yield


def touch(mirror: Path) -> None:
    """Note that the mirror is used now."""
    with suppress(FileNotFoundError):
        os.utime(lock_file(mirror))


def sweep(mirror: Path, age: float = DAY) -> int:
    """Remove what dead processes left in a mirror that this one has locked; the bytes freed.

    git's own locks are theirs, since nobody else fetches now. Scratch younger than ``age``
    seconds may belong to a hand-over, which takes no lock.
    """
    for pattern in _LOCKS:
        for file in mirror.glob(pattern):
            file.unlink(missing_ok=True)
    freed = 0
    dead = time.time() - age
    for left in (path for pattern in _SCRATCH for path in mirror.glob(pattern)):
        with suppress(FileNotFoundError):  # a hand-over that ended meanwhile
            if left.lstat().st_mtime < dead:
                freed += size(left)
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()
    return freed


def size(path: Path) -> int:
    """Bytes of a file or of everything below a folder, as far as it can be read."""
    if not path.is_dir():
        return path.lstat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total
