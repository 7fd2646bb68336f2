"""Real git repositories and tar streams for tests."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from honk.core.types import RepoRef


class Repo:
    """A repository with a work tree, as a person uses it. Dates are fixed."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main", *options)
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.com")

    def git(self, *args: str, input: bytes = b"", check: bool = True) -> bytes:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_DATE": "1700000000 +0100",
            "GIT_COMMITTER_DATE": "1700000000 +0100",
        }
        done = subprocess.run(
            ["git", *args], cwd=self.path, env=env, input=input, capture_output=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"git {args}: {done.stderr.decode()}")
        return done.stdout

    def write(self, files: Mapping[str, bytes | str]) -> None:
        for name, data in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data.encode() if isinstance(data, str) else data)

    def commit(self, files: Mapping[str, bytes | str] | None = None, message: str = "a commit") -> str:
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.sha()

    def sha(self, ref: str = "HEAD") -> str:
        return self.git("rev-parse", ref).decode().strip()

    @property
    def ref(self) -> RepoRef:
        return RepoRef(forge="local", name=str(self.path), url=str(self.path))


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = 0o644
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, kind=kind, linkname=target)


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_folder(folder: Path, paths: Iterable[str] = (".",)) -> Iterator[bytes]:
    """What GNU tar makes of a work tree, with the options of the design."""
    options = ["--format=posix", "--hard-dereference", "--no-xattrs", "--sort=name", "--exclude=./.git"]
    process = subprocess.Popen(
        ["tar", "-cf", "-", *options, "-C", str(folder), "--", *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    with process.stdout:
        while chunk := process.stdout.read(65536):
            yield chunk
    process.wait()


def check_out(seed: tuple[bytes, tuple[str, ...]], commit: str, folder: Path) -> Repo:
    """A work tree made from a seed the way the sandbox makes it: attributes neutralised."""
    pack, shallow = seed
    options = ("--object-format=sha256",) if len(commit) == 64 else ()
    repo = Repo(folder, *options)
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text(
        "* -text -eol -filter -ident -working-tree-encoding\n"
    )
    if shallow:
        (folder / ".git" / "shallow").write_text("".join(f"{sha}\n" for sha in shallow))
    repo.git("index-pack", "--stdin", "--strict", input=pack)
    repo.git("checkout", "--quiet", "-B", "main", commit)
    return repo


def git_processes(folder: Path) -> list[str]:
    """Command lines of running processes whose GIT_DIR is ``folder`` or below it, whoever
    started them; a mirror's own reader of blobs aside. Needs /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            words = (process / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue  # it ended, or is another user's
        if any(v.startswith(f"GIT_DIR={folder}".encode()) for v in variables) and b"cat-file" not in words:
            found.append(b" ".join(words).decode())
    return found
