"""What honk says about the user's own checkout before it starts: where it is, what is not included.

Nothing is written there, and no hook, fsmonitor or pager of it runs. Clean filters (LFS)
do run for ``git status``, as they do for the user, but only in a repository that belongs
to the user.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from honk.core.errors import GitError, UserError
from honk.git.command import Git, last_words
from honk.git.refs import check_branch

_SHOWN = 5  # dirty paths named


@dataclass(frozen=True)
class LocalRepository:
    """A repository on this machine.

    ``top`` is its work tree, or the repository itself if ``bare``; ``git_dir`` holds its
    objects (shared by linked work trees). ``origin`` is the URL of the remote ``origin``
    after ``url.….insteadOf`` (paths made absolute), None without one. ``branch`` is checked
    out (None: detached or none). ``dirty`` names the first of ``dirty_count`` changed or untracked files.
    ``unpushed`` counts the base branch's commits that no branch of origin has (0 where none of
    origin's branches are kept, as in a bare clone: nobody knows there).
    ``config_uncommitted`` says that ``.honk.yml`` is there in another form than in HEAD.
    """

    top: Path
    git_dir: Path
    bare: bool
    empty: bool
    shallow: bool
    origin: str | None
    branch: str | None
    dirty: tuple[str, ...] = ()
    dirty_count: int = 0
    unpushed: int = 0
    config_uncommitted: bool = False


def describe(path: Path, *, base: str | None = None, user_config: Path | None = None) -> LocalRepository:
    """Describe the repository at or above ``path``.

    ``base`` is the branch whose unpushed commits count (the current one if None);
    ``user_config`` the user's own git configuration (``~/.gitconfig``), for ``insteadOf``.
    Raises UserError if there is no repository.
    """
    git = _git(user_config)
    folder = path if path.is_dir() else path.parent
    if not path.exists():
        raise UserError(f"There is no folder {path}.", "Give a path to a git repository with --repo.")
    found = git.attempt(
        "-C",
        str(folder),
        "rev-parse",
        "--path-format=absolute",
        "--is-bare-repository",
        "--is-shallow-repository",
        "--git-common-dir",
        "--git-dir",
        "--show-toplevel",  # last: where there is no work tree, git ends with an error after the others
    )
    said = os.fsdecode(found.out).split("\n")[:-1]
    if len(said) < 4:
        raise _no_repository(path, found.err)
    bare, shallow, common, own = said[:4]
    if bare != "true" and found.code != 0:
        raise UserError(f"{folder} is inside a .git folder.", "Go to the work tree.")
    top = Path(common if bare == "true" else said[4])
    git = Git(Path(own), config={**git.config, **_no_foreign_filters(git, Path(own))}, env=git.env)
    head = git.attempt("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    branch = git.attempt("symbolic-ref", "--quiet", "--short", "HEAD").out.decode("utf-8", "replace").strip()
    origin = git.attempt("remote", "get-url", "origin")
    dirty = _dirty(git, top) if bare != "true" else []
    return LocalRepository(
        top=top,
        git_dir=Path(common),
        bare=bare == "true",
        empty=head.code != 0 and not git.run("for-each-ref", "--count=1", "refs/heads"),
        shallow=shallow == "true",
        origin=_origin(os.fsdecode(origin.out).rstrip("\n"), top) if origin.code == 0 else None,
        branch=branch or None,
        dirty=tuple(dirty[:_SHOWN]),
        dirty_count=len(dirty),
        unpushed=_unpushed(git, base or branch) if origin.code == 0 else 0,
        config_uncommitted=_config_uncommitted(git, top, dirty),
    )


def _origin(url: str, top: Path) -> str:
    """A relative path, which git takes from the top folder, as an absolute one."""
    if "://" in url or ":" in url.partition("/")[0] or url.startswith("~"):
        return url
    return os.path.normpath(top / url)


def _git(user_config: Path | None) -> Git:
    config = {
        "safe.directory": "*",  # the user named it; nothing of it is run
        "core.symlinks": "true",
        "status.showUntrackedFiles": "normal",
        "status.relativePaths": "false",
    }
    return Git(None, config=config, env={"GIT_CONFIG_GLOBAL": str(user_config)} if user_config else {})


def _no_repository(path: Path, err: str) -> UserError:
    if "not a git repository" in err:
        return UserError(
            f"{path} is not in a git repository.", "Go to one, or give --repo a path, a URL or owner/name."
        )
    return UserError(
        f"git cannot read the repository at {path}: {last_words(err)}", "Mend it, or give --repo."
    )


def _no_foreign_filters(git: Git, git_dir: Path) -> dict[str, str]:
    """Settings that switch off the filters of a repository that another user owns."""
    if git_dir.stat().st_uid == os.geteuid():
        return {}
    command = ("config", "--null", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process|required)$")
    names = Git(git_dir, config=git.config, env=git.env).attempt(*command).out.decode("utf-8", "replace")
    return {name: "false" if name.endswith(".required") else "" for name in names.split("\0") if name}


def _dirty(git: Git, top: Path) -> list[str]:
    """Changed and untracked paths relative to the top; a wholly untracked folder counts once."""
    result = git.attempt(
        "--work-tree", str(top), "status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=dirty"
    )
    if result.code != 0:
        raise GitError(f"git status failed in {top}: {last_words(result.err)}", "Mend the repository.")
    records = result.out.decode("utf-8", "backslashreplace").split("\0")
    return [record[3:] for record in records if record]


def _unpushed(git: Git, branch: str) -> int:
    if not branch:
        return 0
    ref = f"refs/heads/{check_branch(branch)}"
    result = git.attempt("rev-list", "--count", ref, "--not", "--remotes=origin", "--")
    count = int(result.out) if result.code == 0 else 0
    if not count:
        return 0
    kept = git.attempt("config", "--get-all", "remote.origin.fetch").out
    return count if b":refs/remotes/origin/" in kept else 0


def _config_uncommitted(git: Git, top: Path, dirty: list[str]) -> bool:
    if not (top / ".honk.yml").is_file():
        return False
    committed = git.attempt("cat-file", "-e", "HEAD:.honk.yml").code == 0
    return not committed or ".honk.yml" in dirty
