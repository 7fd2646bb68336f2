"""Merges without a work tree, between histories that a shallow mirror has only in part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.types import PushAccess
from honk.git.mirror import Mirror
from honk.git.objects import text_path
from honk.testing.gitrepos import Repo, check_out

Mirrors = Callable[..., Mirror]


def forked(origin: Repo) -> tuple[str, str, str]:
    """Where ``main`` and ``honk/x`` part, ten commits ago on each side, and both ends."""
    fork = origin.commit({"a.txt": "one\n", "b.txt": "one\n"})
    origin.git("branch", "honk/x")
    for number in range(10):
        tip = origin.commit({"b.txt": f"{number}\n"})
    origin.git("checkout", "--quiet", "honk/x")
    for number in range(10):
        head = origin.commit({"a.txt": f"{number}\n"})
    origin.git("checkout", "--quiet", "main")
    return fork, tip, head


def brought(mirror: Mirror, origin: Repo) -> tuple[str, str]:
    base = mirror.fetch("main")
    head = mirror.follow("honk/x", PushAccess(url=str(origin.path)))
    assert head is not None
    return base.sha, head


@pytest.mark.parametrize("depth", [1, 3, 50])
def test_a_merge_finds_its_base_however_shallow_the_mirror_is(
    origin: Repo, mirror_of: Mirrors, depth: int, tmp_path: Path
) -> None:
    fork, tip, head = forked(origin)
    mirror = mirror_of(origin, depth=depth)
    assert brought(mirror, origin) == (tip, head)
    assert mirror.common(head, tip) == fork
    merged = mirror.merge_in(head, tip, "Merge")
    assert merged.conflicts == ()
    assert [f.path for f in mirror.diff(head, merged.commit).files] == ["b.txt"]
    work = check_out(mirror.seed(merged.commit, 2), merged.commit, tmp_path / "work")
    assert (work.path / "a.txt").read_text() == (work.path / "b.txt").read_text() == "9\n"
    mirror.push(merged.commit, "honk/x", PushAccess(url=str(origin.path)), head)
    assert [origin.sha("honk/x^1"), origin.sha("honk/x^2")] == [head, tip]


def test_conflicts_of_every_kind_are_named(origin: Repo, mirror_of: Mirrors) -> None:
    odd = 'a folder/with \u00fc, and "quotes".txt'
    origin.commit({odd: "one\n", "gone.txt": "one\n", "both": "x\n"})
    origin.git("branch", "honk/x")
    origin.commit({odd: "two\n", "gone.txt": "two\n", "new.txt": "main\n"})
    origin.git("checkout", "--quiet", "honk/x")
    (origin.path / "gone.txt").unlink()
    origin.commit({odd: "three\n", "new.txt": "branch\n"})
    origin.git("checkout", "--quiet", "main")
    mirror = mirror_of(origin)
    tip, head = brought(mirror, origin)
    merged = mirror.merge_in(head, tip, "Merge")
    assert sorted(merged.conflicts) == sorted([text_path(odd.encode()), "gone.txt", "new.txt"])
    files = mirror.files(merged.commit)
    assert b"<<<<<<< " in mirror.read(files[odd]) and b"<<<<<<< " in mirror.read(files["new.txt"])
    assert mirror.read(files["gone.txt"]) == b"two\n"


def test_a_change_is_carried_onto_another_commit(origin: Repo, mirror_of: Mirrors) -> None:
    fork, tip, head = forked(origin)
    mirror = mirror_of(origin)
    brought(mirror, origin)
    carried = mirror.carry(origin.sha(f"{head}~1"), head, tip, "checkpoint")
    assert carried.conflicts == ("a.txt",)  # 8 became 9, and there it says one
    clean = mirror.carry(origin.sha(f"{tip}~1"), tip, head, "checkpoint")
    assert clean.conflicts == ("b.txt",)
    whole = mirror.carry(fork, head, tip, "checkpoint")
    assert whole.conflicts == ()
    assert [f.path for f in mirror.diff(tip, whole.commit).files] == ["a.txt"]
    mirror.unpack(mirror.pack(whole.commit, tip))


def test_a_branch_that_is_gone_is_none(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a.txt": "one\n"})
    mirror = mirror_of(origin)
    mirror.fetch(None)
    assert mirror.follow("honk/x", PushAccess(url=str(origin.path))) is None
