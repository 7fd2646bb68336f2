"""What a hijacked model writes, and what of it reaches commit, pull request and prepared images."""

from __future__ import annotations

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.types import Outcome, RepoRef
from honk.git.submodules import Brought
from honk.planning import ImagePlan, make_plan
from honk.testing.scripted import Call, Turn
from honk.wiring import open_mirror
from tests.world import APPROVE, FILES, FINISH, GREET, Worlds, bash, git


def test_the_target_of_a_link_is_inert_in_the_description(worlds: Worlds) -> None:
    world = worlds([GREET, bash("ln -s '![x](https://evil.example/a.png)' l; ln -s @org/team m"), FINISH])
    run = world.run()
    assert run.state.ended is not None and run.state.ended.outcome is Outcome.PUBLISHED
    [record] = world.pull_requests()
    assert "a link to" in record.body
    assert "evil.example/a.png)" not in record.body.replace("`", "")
    assert "](" not in record.body
    assert " @org" not in record.body


@pytest.mark.parametrize("word", ["[skip ci]", "[CI skip]", "[no ci]", "[skip actions]", "***NO_CI***"])
def test_no_word_of_the_model_keeps_the_ci_from_running(worlds: Worlds, word: str) -> None:
    words = {"title": f"Say hello {word}", "description": f"`{word}` {word}\n\n```\n{word}\n```"}
    world = worlds([GREET, Turn(calls=(Call("finish", words),)), APPROVE])
    world.run()
    [record] = world.pull_requests()
    message = git(world.origin, "log", "-1", "--format=%B", record.branch)
    assert "Say hello" in message
    for text in (message, record.title, record.body):
        assert word.lower() not in text.lower()


def test_prepared_images_are_shared_by_no_other_repository_or_branch(worlds: Worlds) -> None:
    """What setup leaves comes from the whole commit, so the same lock file is not the same setup."""
    world = worlds([])
    keys: list[str] = []

    def prepare(plan: ImagePlan, cancel: Cancel) -> str:
        keys.append(plan.key)
        return "image"

    with open_mirror(world.settings, world.repo) as mirror:
        base = mirror.fetch(None)
        other = RepoRef(forge="local", name="/other", url="file:///other")
        for each in (base, base.model_copy(update={"repo": other}), base.model_copy(update={"branch": "b"})):
            plan = make_plan(world.request(), each, mirror, world.settings, prepare, lambda base: Brought())
            plan.image(Cancel())
    assert len(set(keys)) == 3


def test_a_prepared_image_is_that_of_the_sources_which_its_setup_compiles(worlds: Worlds) -> None:
    setup = "setup:\n  - python3 -m pip install -e .\n"
    world = worlds([], files={**FILES, "setup.py": "", "fast.c": "int a;\n", ".honk.yml": setup})
    keys: list[str] = []

    def prepare(plan: ImagePlan, cancel: Cancel) -> str:
        keys.append(plan.key)
        return "image"

    work = world.root / "clone"
    git(world.root, "clone", "-q", str(world.origin), str(work))
    for name in (".honk.yml", "notes.txt", "fast.c"):
        with (work / name).open("a") as file:
            file.write("\n")
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", name)
        git(work, "push", "-q", "origin", "HEAD")
        with open_mirror(world.settings, world.repo) as mirror:
            base = mirror.fetch(None)
            plan = make_plan(world.request(), base, mirror, world.settings, prepare, lambda base: Brought())
            plan.image(Cancel())
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("registry", ["", "library/", "docker.io/library/", "index.docker.io/"])
def test_an_image_that_was_prepared_for_a_repository_is_nobody_elses(worlds: Worlds, registry: str) -> None:
    """To the engine all of these are the same local image."""
    world = worlds([], files={**FILES, ".honk.yml": f"image: {registry}honk-setup:0123\n"})
    with pytest.raises(UserError, match="an image that honk prepared"):
        world.run()
