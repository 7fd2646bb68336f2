"""Mirrors over the years: what piles up in them goes, and nothing that anybody needs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from honk.git.mirror import Mirror
from honk.git.upkeep import discard, last_used, mirrors, partial, size, sweep, tidy
from honk.testing.gitrepos import Repo, member, tar_of

Mirrors = Callable[..., Mirror]
MONTH = 30 * 86_400.0


def age(path: Path, seconds: float = 2 * MONTH) -> None:
    """Let a file, or everything below a folder, be so old."""
    then = time.time() - seconds
    for file in (path, *path.rglob("*")):
        os.utime(file, (then, then), follow_symlinks=False)


def has(mirror: Mirror, oid: str) -> bool:
    return mirror.has(oid)


def fsck(mirror: Mirror) -> None:
    subprocess.run(["git", "fsck", "--strict"], cwd=mirror.directory, check=True, capture_output=True)


def change(mirror: Mirror, base: str, text: bytes) -> str:
    return mirror.commit([tar_of(member("a.txt", text))], base=base, message="m")


@pytest.fixture
def used(origin: Repo, mirror_of: Mirrors) -> Mirror:
    """A shallow mirror in which several runs have worked."""
    for number in range(5):
        origin.commit({"a.txt": f"{number}\n", "big.bin": os.urandom(50_000)})
    return mirror_of(origin, depth=2)


def test_old_objects_go_and_the_mirror_still_serves(used: Mirror, origin: Repo) -> None:
    before = used.fetch(None).sha
    old = change(used, before, b"of a run long ago\n")
    used.seed(before, 2)
    age(used.directory)
    base = origin.commit({"a.txt": "new\n"})
    assert used.fetch(None).sha == base
    young = change(used, base, os.urandom(1000))
    was = size(used.directory)
    assert tidy(used.directory, time.time() - MONTH) == was - size(used.directory) > 50_000
    assert (has(used, old), has(used, young), has(used, base)) == (False, True, True)
    assert list((used.directory / "seeds").glob("*")) == []
    fsck(used)
    assert "+" in used.diff(base, young).patch
    pack, _ = used.seed(base, 2)
    assert pack
    used.ensure(before)  # the remote still has it
    assert used.files(before)
    assert tidy(used.directory, time.time() - MONTH) >= 0
    fsck(used)


def test_a_base_that_did_not_move_but_is_used_stays(used: Mirror) -> None:
    base = used.fetch(None).sha
    age(used.directory)
    assert used.fetch(None).sha == base
    tidy(used.directory, time.time() - MONTH)
    assert has(used, base)
    age(used.directory)
    tidy(used.directory, time.time() - MONTH)
    assert not has(used, base)
    assert used.fetch(None).sha == base


def test_scratch_of_dead_processes_goes_and_that_of_living_ones_stays(used: Mirror) -> None:
    used.fetch(None)
    objects = used.directory / "objects"
    (objects / "ab").mkdir(exist_ok=True)
    (used.directory / "rules-old").mkdir()
    left = [objects / "ab/tmp_obj_X1", objects / "pack/tmp_pack_X1", objects / "tmp_objdir-incoming-X1"]
    for file in left:
        file.write_bytes(b"x" * 100)
        age(file)
    (used.directory / "rules-old/.gitignore").write_text("*.o\n")
    age(used.directory / "rules-old")
    young = [objects / "ab/tmp_obj_X2", objects / "pack/tmp_pack_X2"]
    for file in young:
        file.write_bytes(b"x")
    assert sweep(used.directory) == 304
    assert not any(file.exists() for file in left)
    assert not (used.directory / "rules-old").exists()
    assert all(file.exists() for file in young)


def test_a_mirror_that_nobody_used_is_discarded_and_made_again(used: Mirror, home: Path) -> None:
    base = used.fetch(None).sha
    cutoff = time.time() - MONTH
    assert mirrors(home) == [used.directory]
    assert not discard(used.directory, cutoff)
    age(home)
    assert last_used(used.directory) < cutoff
    assert discard(used.directory, cutoff)
    assert mirrors(home) == []
    assert used.fetch(None).sha == base
    assert last_used(used.directory) > cutoff


def test_finding_a_commit_counts_as_use(used: Mirror, home: Path) -> None:
    base = used.fetch(None).sha
    age(home)
    used.ensure(base)
    assert not discard(used.directory, time.time() - MONTH)


def test_a_mirror_that_somebody_has_locked_is_left_alone(used: Mirror, home: Path) -> None:
    used.fetch(None)
    age(home)
    with open(used.directory.with_suffix(".lock")) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert not discard(used.directory, time.time() - MONTH)
        assert tidy(used.directory, time.time() - MONTH) == 0
    assert used.directory.is_dir()


def test_half_made_mirrors_of_killed_processes_are_found(home: Path) -> None:
    for name in ("mirrors/new-x", "mirrors/gone-x", "submodules/ab/mirrors/new-y", "mirrors/new-young"):
        (home / name).mkdir(parents=True)
        (home / name / "file").write_bytes(b"x" * 10)
        if name != "mirrors/new-young":
            age(home / name)
    found = partial(home, time.time() - MONTH)
    assert sorted(path.name for path in found) == ["gone-x", "new-x", "new-y"]
