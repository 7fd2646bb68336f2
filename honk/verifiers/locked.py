"""pip in the versions of a lock file of uv, Poetry or PDM.

Each is TOML with a table ``[[package]]`` for each package: its ``name``, its ``version`` and,
where it does not come from a registry, its ``source`` (PDM: a key of the package itself).
https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile,
https://python-poetry.org/docs/basic-usage/#installing-with-poetrylock
"""

from __future__ import annotations

import shlex
from posixpath import relpath

from honk.verifiers.tree import Tree

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock")
_FILE = "/tmp/locked.txt"
# Packages that a lock has in two versions, for different systems, are left to pip.
_READ = "; ".join(
    (
        "import sys, tomllib",
        'other = {"git", "url", "path", "directory", "file", "editable", "virtual"}',
        'packages = tomllib.load(open(sys.argv[1], "rb"))["package"]',
        'of = lambda s: [s["type"]] if "type" in s else [*s]',
        'found = [p for p in packages if "version" in p and not other & {*p, *of(p.get("source", {}))}]',
        'names = [p["name"] for p in found]',
        'print(*(p["name"] + "==" + p["version"] for p in found if names.count(p["name"]) == 1), sep="\\n")',
    )
)


def install(tree: Tree, root: Tree, arguments: str) -> tuple[str, str]:
    """The command that installs ``arguments``, and the lock file whose versions it takes, or "".

    pip is asked for those versions as constraints, so that it installs what the manifests
    require and nothing else. Where that does not work (the lock is older than its manifest, the
    version is for another Python), the newest ones are taken, as without a lock.
    """
    plain = f"python3 -m pip install {arguments}"
    own = tree.first(*_LOCKS)
    lock = own or root.first("uv.lock")  # a workspace of uv has one for all its packages
    if lock is None:
        return plain, ""
    path = own or relpath(lock, tree.place)
    read = f"python3 -c {shlex.quote(_READ)} {shlex.quote(path)} >{_FILE}"
    return f"{read} && python3 -m pip install -c {_FILE} {arguments} || {plain}", path
