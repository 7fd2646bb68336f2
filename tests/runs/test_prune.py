"""`honk prune` after real runs: what is old goes, and no work is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest
from docker import DockerClient
from sqlalchemy import update

from honk.core.errors import UserError
from honk.core.events import Checkpointed, RunEnded
from honk.core.limits import Limits
from honk.core.types import Outcome
from honk.stores.schema import seen
from honk.wiring import check_resumable, open_mirror
from honk.wiring.prune import Pruned, prune
from tests.world import APPROVE, FINISH, GREET, World, Worlds, bash, git, make_origin

DAY = 86_400.0
MORE = bash("echo more > more.txt")


def pruned(world: World, *, days: float = -1, dry_run: bool = False) -> Pruned:
    """Prune what is older than ``days``; all is, if that is negative."""
    return prune(world.settings, world.stores, before=time.time() - days * DAY, dry_run=dry_run)


def kinds(done: Pruned) -> list[str]:
    return sorted({item.kind for item in done.removed})


def checkpoints(world: World) -> list[str]:
    return [r.event.artifact for r in world.log() if isinstance(r.event, Checkpointed)]


def patch(world: World) -> bytes:
    [ended] = [r.event for r in world.log() if isinstance(r.event, RunEnded)]
    assert ended.patch is not None
    return world.stores.artifacts.get(ended.patch)


def files(world: World) -> set[Path]:
    return {path for path in world.settings.home.rglob("*") if path.is_file() and "sqlite" not in path.name}


def test_of_a_published_run_log_and_patch_stay(worlds: Worlds) -> None:
    world = worlds([GREET, MORE, FINISH], [APPROVE, APPROVE])
    world.run()
    log = world.log()
    done = pruned(world)
    assert kinds(done) == ["artifact", "mirror"]
    assert done.bytes == sum(item.bytes or 0 for item in done.removed) > 0
    assert [item.name for item in done.removed if item.kind == "mirror"] == [str(world.origin)]
    assert not any(world.stores.artifacts.size(digest) for digest in checkpoints(world))
    assert b"+echo hello" in patch(world)
    assert world.log() == log
    assert pruned(world).removed == ()
    world.run_id = "r0000000002"  # the next run makes the mirror anew
    run = world.run()
    assert run.state.ended is not None
    assert run.state.ended.outcome is Outcome.PUBLISHED


def test_what_is_recent_stays_to_the_last_byte(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    world.run()
    before = {path for path in files(world) if "mirrors" not in path.parts}
    assert kinds(pruned(world, days=1)) in ([], ["objects"])  # a mirror may be packed
    assert {path for path in files(world) if "mirrors" not in path.parts} == before


def test_deliveries_seen_two_weeks_ago_are_forgotten(worlds: Worlds) -> None:
    world = worlds([])
    once = world.stores.once
    once.first("github-delivery", "old", "x")
    with world.stores.database.single() as connection:
        connection.execute(update(seen).values(at=(datetime.now(UTC) - timedelta(days=15)).isoformat()))
    once.first("github-delivery", "new", "x")
    assert kinds(pruned(world, dry_run=True)) == ["delivery"] and once.known("github-delivery", "old")
    assert kinds(pruned(world)) == ["delivery"]
    assert not once.known("github-delivery", "old") and once.known("github-delivery", "new")
    assert pruned(world).removed == ()


def test_a_dry_run_tells_all_and_removes_nothing(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    world.run()
    before = files(world)
    told = pruned(world, dry_run=True)
    assert files(world) == before
    done = pruned(world)
    assert (told.dry_run, told.removed, told.bytes) == (True, done.removed, done.bytes)


def test_a_run_that_somebody_works_on_loses_nothing(worlds: Worlds) -> None:
    world = worlds([GREET, MORE, FINISH])
    world.run(limits=Limits(max_turns=1))
    before = files(world)
    fence = world.stores.leases.claim(world.run_id, "elsewhere")
    assert pruned(world).removed == ()
    assert files(world) == before
    world.stores.leases.release(world.run_id, fence)
    assert kinds(pruned(world)) == ["artifact", "mirror"]


def test_an_old_run_that_could_go_on_keeps_its_patch_and_says_that_it_is_too_old(worlds: Worlds) -> None:
    world = worlds([GREET, MORE, FINISH])
    world.run(limits=Limits(max_turns=1))
    check_resumable(world.run_id, world.log(), world.stores.artifacts)
    pruned(world)
    with pytest.raises(UserError, match=r"too old.*honk diff"):
        check_resumable(world.run_id, world.log(), world.stores.artifacts)
    assert b"+echo hello" in patch(world)


def test_an_old_run_without_a_patch_keeps_its_last_checkpoint_and_goes_on(worlds: Worlds) -> None:
    world = worlds([GREET, MORE, FINISH], [APPROVE, APPROVE])
    world.run(dry_run=True)
    log, interrupted = world.log(), "r0000000009"  # the same, had its process been killed after two turns
    saved = [number for number, r in enumerate(log) if isinstance(r.event, Checkpointed)]
    fence = world.stores.leases.claim(interrupted, "killed")
    for number, recorded in enumerate(log[: saved[-1] + 1], start=1):
        world.stores.events.append(interrupted, recorded.event, seq=number, fence=fence)
    world.stores.leases.release(interrupted, fence)
    first, last = checkpoints(world)
    pruned(world)
    assert (world.stores.artifacts.size(first), world.stores.artifacts.size(last) > 0) == (0, True)
    world.run_id = interrupted
    run = world.run()
    assert run.state.ended is not None
    assert run.state.ended.outcome is Outcome.VERIFIED
    assert b"+more" in patch(world)


def test_every_patch_of_a_run_that_ended_twice_stays(worlds: Worlds) -> None:
    world = worlds([GREET, MORE, FINISH])
    world.run(limits=Limits(max_turns=1))
    first = patch(world)
    world.run(limits=Limits(max_turns=50))
    pruned(world)
    kept = [r.event.patch for r in world.log() if isinstance(r.event, RunEnded)]
    contents = [world.stores.artifacts.get(digest) for digest in kept if digest]
    assert contents[0] == first
    assert len(set(contents)) == 2


def test_mirrors_of_submodules_go_with_those_of_their_repository(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    library = make_origin(world.root / "library", {"word.txt": "hello\n"})
    commit = git(library, "rev-parse", "main").strip()
    modules = world.root / "modules"
    modules.write_text('[submodule "lib"]\n\tpath = lib\n\turl = ../library/origin.git\n')
    blob = git(world.origin, "hash-object", "-w", str(modules)).strip()
    git(world.origin, "read-tree", "main")
    git(world.origin, "update-index", "--add", "--cacheinfo", f"100644,{blob},.gitmodules")
    git(world.origin, "update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    tree = git(world.origin, "write-tree").strip()
    head = git(world.origin, "commit-tree", tree, "-p", "main", "-m", "A submodule").strip()
    git(world.origin, "update-ref", "refs/heads/main", head)
    world.run()
    fence = world.stores.leases.claim(world.run_id, "elsewhere")
    assert pruned(world).removed == ()
    world.stores.leases.release(world.run_id, fence)
    names = [item.name for item in pruned(world).removed if item.kind == "mirror"]
    assert names == [str(world.origin), f"{world.origin} (a submodule)"]
    with open_mirror(world.settings, world.repo) as mirror:
        assert not mirror.directory.exists()


def test_partly_written_artifacts_of_killed_processes_go(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    world.run()
    folder = world.settings.home / "artifacts" / "ab"
    folder.mkdir(parents=True, exist_ok=True)
    for name, days in ((".new-old", 3), (".new-young", 0)):
        (folder / name).write_bytes(b"x" * 10)
        then = time.time() - days * DAY
        os.utime(folder / name, (then, then))
    [found] = [item for item in pruned(world, days=1).removed if item.kind == "partial"]
    assert found.bytes == 10
    assert [path.name for path in folder.glob(".new-*")] == [".new-young"]


# ---- images -----------------------------------------------------------------------------


@pytest.fixture
def engine() -> Iterator[DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.mark.docker
def test_prepared_images_of_this_home_go_unless_used(worlds: Worlds, engine: DockerClient) -> None:
    world = worlds([])
    locks = world.settings.home / "locks"
    locks.mkdir(parents=True)
    name = f"{os.getpid()}x{time.time_ns()}"
    tags = {kind: f"honk-setup:{name}-{kind}" for kind in ("old", "young", "busy", "foreign")}
    engine.api.import_image_from_data(b"\0" * 1024, repository="honk-setup", tag=f"{name}-old")
    for kind in ("young", "busy", "foreign"):
        engine.api.import_image_from_data(b"\0" * 1024, repository="honk-setup", tag=f"{name}-{kind}")
    container = engine.api.create_container(tags["busy"], ["/nothing"])
    try:
        for kind in ("old", "young", "busy"):
            lock = locks / f"{tags[kind].replace(':', '-')}.lock"
            lock.touch()
            then = time.time() - (0 if kind == "young" else 3) * DAY
            os.utime(lock, (then, then))
        done = pruned(world, days=1)
        assert [item.name for item in done.removed] == [tags["old"]]
        present = {tag for image in engine.images.list("honk-setup") for tag in image.tags}
        assert present & set(tags.values()) == {tags["young"], tags["busy"], tags["foreign"]}
        assert pruned(world, days=1).removed == ()
    finally:
        engine.api.remove_container(container["Id"], force=True)
        for kind in ("young", "busy", "foreign"):
            engine.images.remove(tags[kind])
