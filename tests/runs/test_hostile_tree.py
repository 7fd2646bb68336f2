"""A hijacked model plants what git on the host could run, in a real container, through a whole run.

tests/git/test_canaries.py has every vector; this is a sample of them, on the real way out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.events import ToolReturned
from honk.core.types import Outcome
from tests.world import APPROVE, FINISH, GREET, World, Worlds, bash, git

PLANT = r"""
fire=FIRE; mkdir -p $(dirname $fire); printf '#!/bin/sh\n: > %s.fired\n' $fire > $fire; chmod +x $fire
git config core.fsmonitor $fire; git config filter.x.clean $fire; git config diff.x.textconv $fire
git config diff.external $fire; git config core.hooksPath $PWD/.git/hooks; git config alias.st "!$fire"
git config core.sshCommand $fire; git config gpg.program $fire; git config commit.gpgSign true
git config credential.helper "!$fire"; git config remote.origin.url ORIGIN
git config remote.origin.receivepack $fire; git config include.path ../more
echo '* filter=x diff=x' > .git/info/attributes; printf '[core]\n\teditor = %s\n' $fire > more
mkdir -p .git/hooks; for hook in pre-commit pre-push post-checkout reference-transaction update; do
cp $fire .git/hooks/$hook; done
mkdir -p pkg/objects pkg/refs; echo 'ref: refs/heads/main' > pkg/HEAD; touch pkg/objects/x pkg/refs/x
printf '[core]\n\tbare = true\n[alias]\n\tst = "!%s"\n' $fire > pkg/config
rm -f $fire.fired; git status; ls $fire.fired; rm -f $fire.fired; cd pkg; git st; ls $fire.fired
"""


@pytest.mark.docker
def test_what_is_planted_in_a_real_sandbox_does_not_run_on_the_host(
    worlds: Worlds, in_docker: Callable[[World], None], tmp_path: Path
) -> None:
    fire, fired = tmp_path / "fire", tmp_path / "fire.fired"
    fire.write_text(f"#!/bin/sh\n: > {fired}\n")
    fire.chmod(0o755)
    plant = PLANT.replace("FIRE", str(fire)).replace("ORIGIN", "https://localhost/x")
    world = worlds([GREET, bash(plant), FINISH], [APPROVE, APPROVE])
    in_docker(world)
    for world.run_id in ("r0000000001", "r0000000002"):  # the second one on the same mirror
        run = world.run()
        assert run.state.ended is not None
        assert run.state.ended.outcome is Outcome.PUBLISHED, run.state.ended.reason
        assert not fired.exists()
    said = [r.event.result.text for r in world.log() if isinstance(r.event, ToolReturned)]
    assert said[1].split().count(str(fired)) == 2, "in the sandbox it ran, by status and by alias"
    planted = ["greet.sh", "more", "pkg/HEAD", "pkg/config", "pkg/objects/x", "pkg/refs/x"]
    assert len(world.branches()) == 2
    for branch in world.branches():
        assert git(world.origin, "diff", "--name-only", "main", branch).split() == planted
    subprocess.run(["git", "st"], cwd=bare_of(tmp_path, fire), check=True)
    assert fired.exists(), "and on the host it would run, in the same repository"


def bare_of(folder: Path, fire: Path) -> Path:
    """A repository on the host with one of the planted settings."""
    git(folder, "init", "-q", "--bare", "control")
    git(folder / "control", "config", "alias.st", f"!{fire}")
    return folder / "control"
