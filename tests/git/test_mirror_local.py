from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.errors import UserError
from honk.core.types import PushAccess
from honk.git.mirror import Mirror
from honk.testing.gitrepos import Repo, check_out, tar_folder

Mirrors = Callable[..., Mirror]


def test_fetch_resolves_the_default_branch(origin: Repo, mirror_of: Mirrors) -> None:
    sha = origin.commit({"a.txt": "one\n"})
    base = mirror_of(origin).fetch(None)
    assert (base.branch, base.sha, base.default_branch) == ("main", sha, "main")


def test_what_an_image_is_built_from_has_modes_and_links(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"tool": "\x7fELF", "text": "#!/bin/sh\n"})
    (origin.path / "tool").chmod(0o755)
    (origin.path / "link").symlink_to("tool")
    mirror = mirror_of(origin)
    sha = origin.commit()
    mirror.fetch(None)
    found = mirror.context(sha)
    assert {path: mode for path, (mode, _) in found.items()} == {
        "link": "120000",
        "text": "100644",
        "tool": "100755",
    }
    assert mirror.read(found["link"][1]) == b"tool"


def test_a_change_becomes_a_commit_on_a_branch_of_the_origin(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    for number in range(5):
        origin.commit({"a.txt": f"{number}\n", "sub/b.txt": "b\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch("main")
    work = check_out(mirror.seed(base.sha, 3), base.sha, tmp_path / "work")
    assert mirror.commit(tar_folder(work.path), base=base.sha, message="nothing") == base.sha
    work.write({"a.txt": "changed\n", "new/c.txt": "c\n"})
    (work.path / "sub" / "b.txt").unlink()
    sha = mirror.commit(tar_folder(work.path), base=base.sha, message="the change")
    change = mirror.diff(base.sha, sha)
    assert [(f.path, f.status) for f in change.files] == [
        ("a.txt", "M"),
        ("new/c.txt", "A"),
        ("sub/b.txt", "D"),
    ]
    access = PushAccess(url=str(origin.path))
    mirror.push(sha, "honk/x-1", access, None)
    assert origin.sha("honk/x-1") == sha
    assert mirror.head("honk/x-1", access) == sha
    origin.git("fsck", "--strict")


def test_a_missing_base_branch_names_what_exists(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit()
    origin.git("branch", "release/1")
    with pytest.raises(UserError, match=r"no branch mian.*main, release/1"):
        mirror_of(origin).fetch("mian")
