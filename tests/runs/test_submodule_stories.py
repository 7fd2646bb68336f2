"""Runs in a repository with submodules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from honk.core.cancel import Cancel
from honk.core.events import Checkpointed, Instructed, ToolReturned
from honk.core.types import Outcome
from honk.planning import ImagePlan, make_plan
from honk.runs.run import Run
from honk.wiring import open_mirror, open_submodules
from honk.wiring.sandboxes import Engine
from tests.base import IMAGE
from tests.world import FILES, FINISH, GREET, World, Worlds, bash, git, make_origin

LIB = {"word.txt": "hello\n", ".gitattributes": "* text eol=crlf\n", "src/a.c": "int a;\n"}
CHECKED = {
    **FILES,
    ".honk.yml": "verify:\n  greeting: sh check.sh\n  library: grep -qx hello deps/lib/word.txt\n",
}


def link(bare: Path, path: str, commit: str, url: str) -> None:
    """One more commit on the main of ``bare``: a submodule at ``path``."""
    git(bare, "read-tree", "main")
    record = f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'
    has = ".gitmodules" in git(bare, "ls-tree", "--name-only", "main").split()
    file = bare.parent / "modules"
    file.write_text((git(bare, "cat-file", "-p", "main:.gitmodules") if has else "") + record)
    blob = git(bare, "hash-object", "-w", str(file)).strip()
    git(bare, "update-index", "--add", "--cacheinfo", f"100644,{blob},.gitmodules")
    git(bare, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    tree = git(bare, "write-tree").strip()
    head = git(bare, "commit-tree", tree, "-p", "main", "-m", "A submodule").strip()
    git(bare, "update-ref", "refs/heads/main", head)


def add_library(world: World, *, nested: bool = False) -> str:
    """A library of its own beside the origin, as the submodule ``deps/lib``; ``nested`` gives it
    one itself."""
    library = make_origin(world.root / "library", LIB)
    if nested:
        inner = make_origin(world.root / "inner", {"deep.txt": "deep\n"})
        commit = git(inner, "rev-parse", "main").strip()
        link(library, "vendor/inner", commit, "../../inner/origin.git")
    commit = git(library, "rev-parse", "main").strip()
    link(world.origin, "deps/lib", commit, "../library/origin.git")
    return commit


def outcome(run: Run) -> Outcome:
    assert run.state.ended is not None, "the run has not ended"
    return run.state.ended.outcome


def task(world: World) -> str:
    return next(
        r.event.text for r in world.log() if isinstance(r.event, Instructed) and r.event.origin == "task"
    )


def said(world: World) -> str:
    """What the first tool call gave."""
    return next(r.event.result.text for r in world.log() if isinstance(r.event, ToolReturned))


def notices(run: Run) -> str:
    assert run.state.base is not None
    return "\n".join(run.state.base.notices)


def changed(world: World) -> list[str]:
    [record] = world.pull_requests()
    return git(world.origin, "diff", "--name-only", "main", record.branch).split()


def test_a_check_finds_the_files_of_a_submodule_and_its_edits_are_not_taken(worlds: Worlds) -> None:
    world = worlds(
        [GREET, bash("echo spoilt > deps/lib/word.txt; touch deps/lib/new"), FINISH], files=CHECKED
    )
    add_library(world)
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert changed(world) == ["greet.sh"]
    assert "`deps/lib`. Changes in them are not taken" in task(world)
    assert "read-only: deps/lib." in notices(run)
    saved = [r.event for r in world.log() if isinstance(r.event, Checkpointed)]
    assert len(saved) == 1  # the turn that wrote below the submodule only is no change


def test_no_edit_is_an_empty_diff(worlds: Worlds) -> None:
    world = worlds([bash("ls deps/lib/src; git status --porcelain; git add -A; git diff --cached"), FINISH])
    add_library(world)
    run = world.run()
    assert outcome(run) is Outcome.NO_CHANGE
    assert said(world) == "a.c"  # git has nothing to say


def test_a_submodule_that_cannot_be_read_is_a_notice_and_the_run_goes_on(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    add_library(world)
    link(world.origin, "deps/private", "3" * 40, "https://gitlab.com/acme/private.git")
    link(world.origin, "deps/gone", "3" * 40, "../gone.git")
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert "not in the sandbox: deps/gone (There is no git repository" in notices(run)
    assert "deps/private (" in notices(run)
    assert "stay empty: `deps/gone`, `deps/private`" in task(world)


def test_a_submodule_of_a_submodule_is_there_and_its_edits_are_not_taken(worlds: Worlds) -> None:
    config = "verify:\n  greeting: sh check.sh\n  deep: grep -qx deep deps/lib/vendor/inner/deep.txt\n"
    spoil = bash("echo spoilt > deps/lib/vendor/inner/deep.txt")
    world = worlds([GREET, spoil, FINISH], files={**FILES, ".honk.yml": config})
    add_library(world, nested=True)
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert changed(world) == ["greet.sh"]
    assert "read-only: deps/lib, deps/lib/vendor/inner." in notices(run)


def test_without_submodules_nobody_speaks_of_them(worlds: Worlds) -> None:
    world = worlds([GREET, FINISH])
    run = world.run()
    assert "Submodules" not in task(world)
    assert "submodules are" not in task(world)
    assert notices(run) == ""


def test_replacing_the_submodule_by_a_file_is_told_to_the_model(worlds: Worlds) -> None:
    mended = bash("rm deps/lib; mkdir deps/lib")
    world = worlds([GREET, bash("rm -r deps/lib; echo x > deps/lib"), FINISH, mended, FINISH])
    add_library(world)
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert any(b"deps/lib is a submodule" in seen.raw for seen in world.service.journal)
    assert changed(world) == ["greet.sh"]


# ---- in Docker --------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.docker
def test_in_docker_the_build_has_the_submodule_and_the_pull_request_has_not(
    worlds: Worlds, in_docker: Callable[[World], None]
) -> None:
    look = bash("git status --porcelain; git ls-files -o; ls -A deps/lib; od -c deps/lib/word.txt")
    spoil = bash("echo spoilt | tee deps/lib/word.txt > deps/lib/vendor/inner/deep.txt")
    config = CHECKED[".honk.yml"] + "  deep: grep -qx deep deps/lib/vendor/inner/deep.txt\n"
    world = worlds([look, GREET, spoil, FINISH], files={**CHECKED, ".honk.yml": config})
    add_library(world, nested=True)
    in_docker(world)
    run = world.run()
    assert outcome(run) is Outcome.PUBLISHED
    assert changed(world) == ["greet.sh"]
    assert run.state.verified is not None
    assert [check.name for check in run.state.verified.report.checks] == ["greeting", "library", "deep"]
    listed = [".gitattributes", ".gitmodules", "src", "vendor", "word.txt"]
    assert said(world).splitlines()[:5] == listed  # and nothing from git
    assert "\\r" not in said(world)


@pytest.mark.docker
def test_in_docker_no_edit_is_an_empty_diff(worlds: Worlds, in_docker: Callable[[World], None]) -> None:
    world = worlds([bash("touch deps/lib/new; git add -A; git stash; git status --porcelain"), FINISH])
    add_library(world)
    in_docker(world)
    assert outcome(world.run()) is Outcome.NO_CHANGE
    assert said(world) == "No local changes to save"


@pytest.mark.docker
def test_a_dockerfile_of_the_base_may_copy_from_a_submodule(worlds: Worlds) -> None:
    config = "dockerfile: Dockerfile\nverify: {greeting: sh check.sh}\n"
    recipe = f"FROM {IMAGE}\nCOPY deps/lib/word.txt /word\nRUN grep -qx hello /word\n"
    world = worlds([], files={**FILES, "Dockerfile": recipe, ".honk.yml": config})
    add_library(world)
    engine, cancel = Engine(world.settings, print), Cancel()
    client = docker.from_env()
    try:
        with (
            open_mirror(world.settings, world.repo) as mirror,
            open_submodules(world.settings, mirror, world.repo, None, cancel) as bring,
        ):
            base = mirror.fetch(None)

            def prepare(plan: ImagePlan, cancel: Cancel) -> str:
                return engine.prepare(plan, mirror, cancel)

            plan = make_plan(world.request(), base, mirror, world.settings, prepare, bring)
            image = plan.image(cancel)
            said = client.containers.run(image, ["/word"], entrypoint="cat", remove=True, network_mode="none")
            client.images.remove(image, force=True)
        assert said == b"hello\n"
    finally:
        engine.close()
        client.close()
