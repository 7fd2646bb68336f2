"""What a hijacked model plants in its tree so that git on the host runs it: nothing runs.

Each vector is planted in a real work tree, the whole line of the host goes over it, and then
git is used there as a person would: the canary must fire, or the test would prove nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from honk.core.errors import HandOverError
from honk.core.types import PushAccess, RepoRef
from honk.git.mirror import Mirror
from honk.testing.gitrepos import Repo, check_out, tar_folder

Mirrors = Callable[..., Mirror]
COMMIT = "git commit -qam work"
ATTRIBUTES = "* filter=x diff=x merge=x\n"
CREDENTIAL = "printf 'protocol=https\\nhost=localhost\\n\\n' | git credential fill"
TERMINAL = f"""{sys.executable} -c 'import pty; pty.spawn("git {{}}".split())'"""


@dataclass(frozen=True)
class Vector:
    """``config`` and ``files`` may name {fire}, {tree}, {origin} and {elsewhere}; files below
    .git/hooks are executable. ``naive`` is what a person or a tool does in that tree."""

    naive: str
    config: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    moved: str = ""  # .git becomes this: a gitfile or a symlink to .evil
    refused: str = ""  # why the tree cannot be handed over


def hook(name: str, naive: str) -> Vector:
    return Vector(naive, files={f".git/hooks/{name}": "#!/bin/sh\n{fire}\n"})


def attributed(naive: str, **config: str) -> Vector:
    named = {key.replace("_", "."): value for key, value in config.items()}
    return Vector(naive, named, {".gitattributes": ATTRIBUTES})


MERGE = f"{COMMIT}; git checkout -qb other HEAD~1; echo z > a.txt; {COMMIT}; git merge -q main"
TO_ITSELF = f"{COMMIT}; git push -q . HEAD:refs/heads/z"
TO_ORIGIN = f"{COMMIT}; git push -q origin HEAD:refs/heads/z"
SUBMODULE = {".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = {origin}\n'}
GITLINK = "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),x; "
FSMONITOR = "[core]\n\tfsmonitor = {fire}\n"

VECTORS = {
    "core.fsmonitor": Vector("git status", {"core.fsmonitor": "{fire}"}),
    "include": Vector("git status", {"include.path": "../more"}, {"more": FSMONITOR}),
    "includeIf": Vector("git status", {"includeIf.gitdir:/.path": "../more"}, {"more": FSMONITOR}),
    "worktree config": Vector(
        "git status", {"extensions.worktreeConfig": "true"}, {".git/config.worktree": FSMONITOR}
    ),
    "gitfile": Vector("git st", {"alias.st": "!{fire}"}, moved="gitfile"),
    "git folder by symlink": Vector("git st", {"alias.st": "!{fire}"}, moved="symlink"),
    "embedded bare repository": Vector(
        "cd pkg && git st",
        files={
            "pkg/HEAD": "ref: refs/heads/main\n",
            "pkg/config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[alias]\n\tst = !{fire}\n",
            "pkg/objects/keep": "",
            "pkg/refs/keep": "",
        },
    ),
    "embedded repository": Vector(
        "cd pkg && git st",
        files={
            "pkg/.git/HEAD": "ref: refs/heads/main\n",
            "pkg/.git/config": "[alias]\n\tst = !{fire}\n",
            "pkg/.git/objects/keep": "",
            "pkg/.git/refs/keep": "",
        },
        refused=r"pkg/\.git is a name of git's own",
    ),
    "filter.clean": attributed("git add a.txt", filter_x_clean="{fire}"),
    "filter.process": attributed("git add a.txt", filter_x_process="{fire}"),
    "filter.smudge": attributed("git checkout -f HEAD -- a.txt", filter_x_smudge="{fire}"),
    "info/attributes": Vector(
        "git add a.txt", {"filter.x.clean": "{fire}"}, {".git/info/attributes": ATTRIBUTES}
    ),
    "core.attributesFile": Vector(
        "git add a.txt",
        {"filter.x.clean": "{fire}", "core.attributesFile": "{tree}/named"},
        {"named": ATTRIBUTES, ".git/info/attributes": ""},
    ),
    "diff.textconv": attributed("git diff", diff_x_textconv="{fire}"),
    "diff.command": attributed("git diff", diff_x_command="{fire}"),
    "diff.external": Vector("git diff", {"diff.external": "{fire}"}),
    "difftool": Vector("git difftool -y", {"diff.tool": "x", "difftool.x.cmd": "{fire}"}),
    "merge.driver": Vector(MERGE, {"merge.x.driver": "{fire}"}, {".git/info/attributes": ATTRIBUTES}),
    "core.hooksPath": Vector(
        COMMIT, {"core.hooksPath": "{tree}/.git/hooks"}, {".git/hooks/pre-commit": "#!/bin/sh\n{fire}\n"}
    ),
    **{name: hook(name, COMMIT) for name in ("pre-commit", "prepare-commit-msg", "commit-msg")},
    **{name: hook(name, COMMIT) for name in ("post-commit", "reference-transaction")},
    "pre-push": hook("pre-push", TO_ORIGIN),
    "post-checkout": hook("post-checkout", "git checkout -qb other"),
    "post-index-change": hook("post-index-change", "git add a.txt"),
    "post-rewrite": hook("post-rewrite", f"{COMMIT}; git commit -q --amend -m again"),
    **{name: hook(name, TO_ITSELF) for name in ("pre-receive", "update", "post-receive", "post-update")},
    "remote.receivepack": Vector(TO_ORIGIN, {"remote.origin.receivepack": "{fire}"}),
    "remote.uploadpack": Vector("git fetch -q origin", {"remote.origin.uploadpack": "{fire}"}),
    "remote.url": Vector(
        "git fetch -q origin", {"protocol.ext.allow": "always", "remote.origin.url": "ext::{fire}"}
    ),
    "url.insteadOf": Vector(TO_ORIGIN, {"url.{elsewhere}.insteadOf": "{origin}"}),
    "url.pushInsteadOf": Vector(TO_ORIGIN, {"url.{elsewhere}.pushInsteadOf": "{origin}"}),
    "alias": Vector("git st", {"alias.st": "!{fire}"}),
    "credential.helper": Vector(CREDENTIAL, {"credential.helper": "!{fire}"}),
    "core.askPass": Vector(CREDENTIAL, {"core.askPass": "{fire}"}),
    "gpg.program": Vector(COMMIT, {"commit.gpgSign": "true", "gpg.program": "{fire}"}),
    "gpg.ssh.program": Vector(
        f"{COMMIT} -S", {"gpg.format": "ssh", "gpg.ssh.program": "{fire}", "user.signingKey": "{tree}/a.txt"}
    ),
    "gpg.ssh.defaultKeyCommand": Vector(
        f"{COMMIT} -S", {"gpg.format": "ssh", "gpg.ssh.defaultKeyCommand": "{fire}"}
    ),
    "core.sshCommand": Vector("git ls-remote ssh://localhost/x", {"core.sshCommand": "{fire}"}),
    "core.gitProxy": Vector("git ls-remote git://localhost/x", {"core.gitProxy": "{fire}"}),
    "core.editor": Vector("git commit -a", {"core.editor": "{fire}"}),
    "sequence.editor": Vector(f"{COMMIT}; git rebase -qi HEAD~1", {"sequence.editor": "{fire}"}),
    "core.pager": Vector(TERMINAL.format("log"), {"core.pager": "{fire}"}),
    "pager of a command": Vector(TERMINAL.format("status"), {"pager.status": "{fire}"}),
    "trailer.command": Vector("echo words | git interpret-trailers", {"trailer.x.command": "{fire}"}),
    "tar.command": Vector("git archive --format=x HEAD", {"tar.x.command": "{fire}"}),
    "submodule.update": Vector(
        f"{GITLINK} git -c protocol.file.allow=always submodule update",
        {"submodule.x.url": "{origin}", "submodule.x.update": "!{fire}"},
        SUBMODULE,
    ),
    "submodule.url": Vector(
        f"{GITLINK} git -c protocol.ext.allow=always submodule update --init",
        files={".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ext::{fire}\n'},
    ),
}


@dataclass(frozen=True)
class Planted:
    """A hostile tree, and the canary that it would let fly."""

    work: Repo
    mirror: Mirror
    base: str
    canary: Path

    def use_naively(self, script: str) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(
            ["sh", "-c", script],
            cwd=self.work.path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )

    def on_disk(self) -> dict[str, bytes]:
        """The files of the tree, without the repository itself."""
        top = self.work.path
        files = (path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
        found = {str(path.relative_to(top)): path.read_bytes() for path in files}
        return {name: data for name, data in found.items() if name.split("/")[0] != ".git"}


@pytest.fixture
def plant(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> Callable[[Vector], Planted]:
    origin.commit({"a.txt": "a\n"})
    elsewhere = tmp_path / "elsewhere"
    origin.git("clone", "-q", "--bare", str(origin.path), str(elsewhere))
    fire, canary = tmp_path / "fire", tmp_path / "canary"
    fire.write_text(f"#!/bin/sh\n: > {canary}\n")
    fire.chmod(0o755)
    (elsewhere / "hooks").mkdir(exist_ok=True)
    (elsewhere / "hooks" / "post-receive").symlink_to(fire)

    def make(vector: Vector) -> Planted:
        mirror = mirror_of(origin)
        base = mirror.fetch(None).sha
        work = check_out(mirror.seed(base, 1), base, tmp_path / "work")
        names = {"fire": fire, "tree": work.path, "origin": origin.path, "elsewhere": elsewhere}

        def filled(text: str) -> str:
            for name, path in names.items():
                text = text.replace(f"{{{name}}}", str(path))
            return text

        work.write({"a.txt": "changed\n", ".git/info/attributes": ""})
        work.git("config", "remote.origin.url", str(origin.path))
        for key, value in vector.config.items():
            work.git("config", filled(key), filled(value))
        work.write({name: filled(text) for name, text in vector.files.items()})
        for file in (work.path / ".git" / "hooks").glob("*"):
            file.chmod(0o755)
        if vector.moved:
            (work.path / ".git").rename(work.path / ".evil")
        if vector.moved == "gitfile":
            work.write({".git": "gitdir: .evil\n"})
        elif vector.moved:
            (work.path / ".git").symlink_to(".evil")
        canary.unlink(missing_ok=True)  # git config itself may have set it off
        return Planted(work, mirror, base, canary)

    return make


def with_git(folder: Path) -> bytes:
    """A tar stream that holds the model's ``.git`` too, as no honest reader sends it."""
    return subprocess.run(["tar", "-cf", "-", "-C", str(folder), "."], capture_output=True, check=True).stdout


@pytest.mark.parametrize("name", VECTORS)
def test_nothing_that_a_model_plants_in_its_tree_runs_on_the_host(
    name: str, plant: Callable[[Vector], Planted], origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    vector = VECTORS[name]
    planted = plant(vector)
    work, mirror, base = planted.work, planted.mirror, planted.base
    try:
        if vector.refused:
            with pytest.raises(HandOverError, match=vector.refused):
                mirror.commit(tar_folder(work.path), base=base, message="hostile")
            head = mirror.commit(tar_folder(work.path), base=base, message="saved", previous=base)
            assert set(mirror.files(head)) == {"a.txt"}  # a checkpoint saves the rest
        else:
            saved = mirror.commit(tar_folder(work.path), base=base, message="saved", previous=base)
            head = mirror.commit([with_git(work.path)], base=base, message="hostile")
            assert mirror.files(saved) == mirror.files(head)
            found = {path: mirror.read(blob) for path, blob in mirror.files(head).items()}
            assert found == planted.on_disk()
        mirror.unpack(mirror.pack(head, base))
        assert "+changed" in mirror.diff(base, head).patch
        access = PushAccess(url=str(origin.path))
        mirror.push(head, "honk/x", access, None)
        follow_up(mirror_of(origin), head, access, tmp_path)
        assert origin.sha("honk/x~1") == head
        assert not planted.canary.exists()
    finally:
        mirror.close()
    planted.use_naively(vector.naive)
    assert planted.canary.exists(), "the vector is dead, so this proved nothing"


def follow_up(mirror: Mirror, head: str, access: PushAccess, folder: Path) -> None:
    """A later run that builds upon the hostile commit, on the same mirror."""
    mirror.fetch(None)
    mirror.ensure(head)
    mirror.submodules(head)
    work = check_out(mirror.seed(head, 2), head, folder / "later")
    work.write({"later.txt": "later\n"})
    sha = mirror.commit(tar_folder(work.path), base=head, message="later")
    assert [file.path for file in mirror.diff(head, sha).files] == ["later.txt"]
    mirror.push(sha, "honk/x", access, head)


def test_all_of_them_together_over_https(
    plant: Callable[[Vector], Planted], served: RepoRef, origin: Repo, connect: Mirrors, tmp_path: Path
) -> None:
    taken = [v for v in VECTORS.values() if not v.refused and not v.moved]
    config = {key: value for vector in taken for key, value in vector.config.items()}
    files = {name: text for vector in taken for name, text in vector.files.items()}
    planted = plant(Vector("", config, {**files, ".git/info/attributes": ATTRIBUTES}))
    mirror = connect(served)
    base = mirror.fetch(None).sha
    head = mirror.commit(tar_folder(planted.work.path), base=base, message="hostile")
    access = PushAccess(url=served.url)
    mirror.push(head, "honk/x", access, None)
    follow_up(connect(served), head, access, tmp_path)
    assert not planted.canary.exists()
    planted.use_naively("git status")
    assert planted.canary.exists()
