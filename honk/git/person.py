"""What honk reads of a person's own repository beyond its state: who they are, what is committed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from honk.core.errors import UserError
from honk.core.types import check_object_id
from honk.git.command import Git
from honk.git.local import LocalRepository
from honk.git.objects import REGULAR, text_path, tree


def _git(local: LocalRepository, user_config: Path | None) -> Git:
    env = {"GIT_CONFIG_GLOBAL": str(user_config)} if user_config else {}
    return Git(local.git_dir, config={"safe.directory": "*"}, env=env)


def identity(local: LocalRepository, user_config: Path | None = None) -> str:
    """``Name <email>`` as git would write it into a commit, or an empty string if it is not set."""
    asked = ("config", "--null", "--get-regexp", r"^user\.(name|email)$")
    said = _git(local, user_config).attempt(*asked).out.decode("utf-8", "replace")
    # Key, line break, value; of several values of one key the last counts, as for git.
    found = dict(record.split("\n", 1) for record in said.split("\0") if "\n" in record)
    name, email = (found.get(f"user.{key}", "").strip() for key in ("name", "email"))
    return f"{name} <{email}>" if name and email else ""


def head_files(local: LocalRepository) -> tuple[Mapping[str, str], Callable[[str], bytes]]:
    """Path to blob id of the files of HEAD, and a reader of blobs.

    Raises UserError if nothing is committed yet.
    """
    if local.empty:
        raise UserError(f"{local.top} has no commit yet.", "Commit the files first.")
    git = _git(local, None)
    # Asked from the top folder, since a linked work tree has a HEAD of its own.
    anywhere = Git(None, config=git.config)
    head = anywhere.run("-C", str(local.top), "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    files = {text_path(p): e.oid for p, e in tree(git, head).items() if e.mode in REGULAR}
    return files, lambda blob: git.run("cat-file", "blob", check_object_id(blob))
