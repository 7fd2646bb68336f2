"""Packs of history that travel into a sandbox."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from honk.core.types import check_object_id
from honk.git.command import Git

_KEEP_SEEDS = 8  # newest seeds kept for each mirror; each is about as large as a compressed checkout


def _generations(git: Git, commit: str, depth: int) -> tuple[set[str], set[str]]:
    """The commits within ``depth`` generations, and those among them whose parents are cut off."""
    parents: dict[str, list[str]] = {}
    for line in git.run("rev-list", "--parents", commit).decode().splitlines():
        own, *others = line.split()
        parents[own] = others
    file = git.folder / "shallow"
    cut_already = set(file.read_text().split()) if file.is_file() else set()
    reached: set[str] = set()
    cut: set[str] = set()
    level = [commit]
    for generation in range(1, depth + 1):
        level = [c for c in dict.fromkeys(level) if c not in reached]
        reached.update(level)
        if generation == depth:
            cut.update(c for c in level if parents[c])
        level = [p for c in level for p in parents[c]]
    return reached, cut | (reached & cut_already)


def make_seed(git: Git, commit: str, depth: int) -> tuple[bytes, tuple[str, ...]]:
    """A self-contained pack of ``commit`` with at most ``depth`` generations of history.

    The second value lists the commits whose parents are not in the pack: the content of
    the receiver's ``shallow`` file.
    """
    _, boundary = _generations(git, check_object_id(commit), depth)
    lines = [f"--shallow {c}" for c in sorted(boundary)] + [commit]
    data = git.run("pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset", input=_stdin(lines))
    return data, tuple(sorted(boundary))


def make_pack(git: Git, commit: str, base: str) -> bytes:
    """A pack of what ``commit`` needs beyond ``base``; no delta leans on an object outside of it.

    The parents of a merge are left out too: whoever gets such a pack has them.
    """
    parents = git.run("rev-list", "--parents", "-1", check_object_id(commit)).decode().split()[1:]
    kept = [f"--shallow {check_object_id(base)}"] if parents == [base] else []
    lines = [*kept, commit, *(f"^{known}" for known in dict.fromkeys((base, *parents)))]
    return git.run("pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset", input=_stdin(lines))


def _stdin(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def load_seed(folder: Path, commit: str, depth: int) -> tuple[bytes, tuple[str, ...]] | None:
    """A seed from the cache: one line with the boundary, then the pack."""
    try:
        data = _file(folder, commit, depth).read_bytes()
    except FileNotFoundError:
        return None
    head, _, pack = data.partition(b"\n")
    return pack, tuple(head.decode().split())


def store_seed(folder: Path, commit: str, depth: int, pack: bytes, boundary: tuple[str, ...]) -> None:
    """Write a seed so that a crash leaves either all of it or nothing, and drop the oldest ones."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(" ".join(boundary).encode() + b"\n" + pack)
    os.replace(file.name, _file(folder, commit, depth))
    kept = sorted(folder.iterdir(), key=lambda f: f.stat().st_mtime, reverse=True)
    for old in kept[_KEEP_SEEDS:]:
        old.unlink(missing_ok=True)


def _file(folder: Path, commit: str, depth: int) -> Path:
    return folder / f"{commit}-{depth}.seed"
