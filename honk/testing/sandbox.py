"""A sandbox in a folder of this machine: the port in full, with no isolation at all.

For stories about the pipeline that must run hundreds of times; never for a model.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError
from honk.core.sandbox import SandboxSpec, Shell, Submodule, TreeChanges, Workspace
from honk.core.types import CommandResult
from honk.testing.local import LocalShell, LocalWorkspace

Stamp = tuple[int, int, int, int]

_ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding\n"


def _git(folder: Path, *arguments: str, data: bytes | None = None) -> None:
    done = subprocess.run(["git", *arguments], cwd=folder, input=data, capture_output=True)
    if done.returncode:
        raise SandboxError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace')}")


def _seed(repo: Path, spec: SandboxSpec) -> None:
    _git(repo, "init", "-q", "-b", "work", *_object_format(spec.head))
    for pack in spec.packs:
        _git(repo, "unpack-objects", "-q", data=pack)
    if spec.shallow:
        (repo / ".git/shallow").write_text("".join(f"{sha}\n" for sha in spec.shallow))
    (repo / ".git/info/attributes").write_text(_ATTRIBUTES)
    _git(repo, "update-ref", "refs/heads/work", spec.head)
    _git(repo, "read-tree", "-u", "--reset", spec.checkout)
    _git(repo, "read-tree", "--reset", spec.head)
    for module in spec.submodules:
        with tempfile.TemporaryDirectory(prefix="honk-submodule-") as scratch:
            folder = Path(scratch)
            _git(folder, "init", "-q", *_object_format(module.commit))
            _git(folder, "unpack-objects", "-q", data=module.pack)
            (folder / ".git/info/attributes").write_text(_ATTRIBUTES)
            where = ("--work-tree", str(repo / module.path))
            _git(folder, *where, "read-tree", "-u", "--reset", module.commit)


def _object_format(commit: str) -> list[str]:
    return ["--object-format=sha256"] if len(commit) == 64 else []


class FolderTree:
    """The Tree port over a folder."""

    def __init__(self, repo: Path, submodules: Sequence[Submodule]) -> None:
        self._repo = repo
        self._closed = {os.fsencode(repo / module.path) for module in submodules}
        self._seen = self._stamps()

    def scan(self) -> TreeChanges:
        now, before = self._stamps(), self._seen
        self._seen = now
        changed = tuple(sorted(path for path, stamp in now.items() if before.get(path) != stamp))
        return TreeChanges(changed, tuple(sorted(before.keys() - now.keys())))

    @contextmanager
    def export(self, paths: Sequence[bytes] | None = None) -> Iterator[Iterator[bytes]]:
        chosen = sorted(self._stamps()) if paths is None else [p for p in paths if p in self._stamps()]
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for path in chosen:
                name = os.fsdecode(path)
                tar.add(self._repo / name, arcname=f"./{name}", recursive=False)
        yield iter([out.getvalue()])

    def _stamps(self) -> dict[bytes, Stamp]:
        found: dict[bytes, Stamp] = {}
        root = os.fsencode(self._repo)
        for folder, folders, files in os.walk(root):
            if folder == root:
                folders[:] = [name for name in folders if name != b".git"]
            if folder in self._closed:
                folders[:], files = [], []
            for name in [*files, *(f for f in folders if os.path.islink(os.path.join(folder, f)))]:
                path = os.path.join(folder, name)
                stat = os.lstat(path)
                key = os.path.relpath(path, root)
                found[key] = (stat.st_mtime_ns, stat.st_size, stat.st_ino, stat.st_mode)
        return found


class FolderSandbox:
    """The Sandbox port over a folder."""

    def __init__(self, root: Path, spec: SandboxSpec) -> None:
        self.image = spec.image
        self._spec = spec
        self._repo = root / "repo"
        self._repo.mkdir()
        _seed(self._repo, spec)
        self.files: Workspace = LocalWorkspace(self._repo)
        self._shell: LocalShell | None = LocalShell(self._repo)
        self.tree = FolderTree(self._repo, spec.submodules)

    @property
    def shell(self) -> Shell:
        if self._shell is None:
            raise SandboxError("The sandbox is frozen.")
        return self._shell

    def run(self, command: str, *, timeout: float) -> CommandResult:
        shell = LocalShell(self._repo)
        try:
            return shell.run(command, timeout=timeout).model_copy(update={"note": ""})
        finally:
            shell.close()

    def freeze(self) -> None:
        self.close()

    def thaw(self) -> None:
        self._shell = LocalShell(self._repo)

    def reset(self) -> None:
        self.freeze()
        shutil.rmtree(self._repo / ".git", ignore_errors=True)
        _seed(self._repo, self._spec)
        _git(self._repo, "clean", "-ffdq")
        self.thaw()

    def asked(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        if self._shell is not None:
            self._shell.close()
            self._shell = None


@contextmanager
def open_folder_sandbox(spec: SandboxSpec, cancel: Cancel) -> Iterator[FolderSandbox]:
    """An OpenSandbox; the folder is removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="honk-folder-"))
    box = FolderSandbox(root, spec)
    try:
        yield box
    finally:
        box.close()
        shutil.rmtree(root, ignore_errors=True)
