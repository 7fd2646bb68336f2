"""What keeps mirrors usable for years: one user at a time, nothing of dead processes, no old objects."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from honk.core.cancel import Cancel
from honk.git.command import REMOTE_SECONDS, Git
from honk.git.refs import Location

DAY = 86_400.0  # seconds; no git process of honk's, and no hand-over, takes nearly as long

_POLL_SECONDS = 0.1  # flock can wait only without hearing of a cancellation

_NAME_LENGTH = 24  # hex digits of the address's digest
_NEW, _GONE = "new-", "gone-"  # how a mirror is called before it is one, and after

# What git and honk write into before it gets its name: of a killed process, or of a full disk.
_SCRATCH = ("rules-*", "index-*", "objects/tmp_*", "objects/??/tmp_obj_*", "objects/pack/tmp_*")
_LOCKS = ("*.lock", "refs/**/*.lock")


def place(home: Path, at: Location) -> Path:
    """The folder of the mirror of ``at`` below ``home``."""
    return home / "mirrors" / hashlib.sha256(at.url.encode()).hexdigest()[:_NAME_LENGTH]


@contextmanager
def nascent(mirror: Path) -> Iterator[Path]:
    """A place to make ``mirror`` in, which then is there at once or not at all."""
    with tempfile.TemporaryDirectory(dir=mirror.parent, prefix=_NEW) as folder:
        fresh = Path(folder, "mirror")
        yield fresh
        os.rename(fresh, mirror)


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
        while not _lock(file):
            cancel.wait(_POLL_SECONDS)
        touch(mirror)
        yield


@contextmanager
def _if_idle(mirror: Path) -> Iterator[bool]:
    """The lock, without waiting and without counting as use; whether it was free."""
    with open(lock_file(mirror), "ab") as file:
        yield _lock(file)


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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


# ---- pruning ----------------------------------------------------------------------------


def _folders(home: Path) -> list[Path]:
    return [home / "mirrors", *sorted((home / "submodules").glob("*/mirrors"))]


def mirrors(home: Path) -> list[Path]:
    """Every mirror below ``home``, those of submodules too."""
    names = "[0-9a-f]" * _NAME_LENGTH
    return [path for folder in _folders(home) for path in sorted(folder.glob(names)) if path.is_dir()]


def partial(home: Path, before: float) -> list[Path]:
    """Mirrors that were half-made before ``before``, or half-removed, when honk was killed."""
    made = [path for folder in _folders(home) for path in sorted(folder.glob(f"{_NEW}*"))]
    gone = [path for folder in _folders(home) for path in sorted(folder.glob(f"{_GONE}*"))]
    return [path for path in made if path.stat().st_mtime < before] + gone


def last_used(mirror: Path) -> float:
    """Seconds since 1970."""
    file = lock_file(mirror)
    return (file if file.exists() else mirror).stat().st_mtime


def discard(mirror: Path, before: float) -> bool:
    """Remove a mirror that nobody has used since ``before``; False if somebody has, or does now."""
    with _if_idle(mirror) as idle:
        if not idle or last_used(mirror) >= before:
            return False
        gone = mirror.with_name(f"{_GONE}{mirror.name}")  # at once for others, whatever happens here
        mirror.rename(gone)
        shutil.rmtree(gone)
    return True


def tidy(mirror: Path, before: float) -> int:
    """Drop what nobody has used since ``before``, and pack the rest; the bytes freed.

    No live run may use the mirror: its objects have no ref. Those of other runs are dropped
    once they are older than ``before``, and come back from artifacts or the remote.
    """
    with _if_idle(mirror) as idle:
        if not idle:
            return 0
        size_before = size(mirror)
        sweep(mirror, REMOTE_SECONDS)
        for file in (mirror / "seeds").glob("*"):
            if file.stat().st_mtime < before:
                file.unlink(missing_ok=True)
        git, when = Git(mirror), datetime.fromtimestamp(before, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        refs = [file for file in (mirror / "refs" / "honk").rglob("*") if file.is_file()]
        old = [file.relative_to(mirror) for file in refs if file.stat().st_mtime < before]
        git.run("update-ref", "--stdin", input="".join(f"delete {ref}\n" for ref in old).encode())
        config = {"repack.writeBitmaps": "false"}
        repack = ("repack", "-A", "-d", "-q", f"--unpack-unreachable={when}")
        git.run(*repack, config=config, timeout=REMOTE_SECONDS)
        git.run("prune", f"--expire={when}", timeout=REMOTE_SECONDS)
        return max(0, size_before - size(mirror))
