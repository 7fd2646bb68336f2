"""Submodules in the sandbox: plain folders, byte for byte, and no business of the reader's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import docker
import pytest

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError
from honk.core.sandbox import Submodule
from honk.resources import folder
from honk.sandboxes.build import Workbench
from honk.sandboxes.clients import HostClients
from honk.sandboxes.docker import DockerSandboxes
from honk.sandboxes.images import StockImages
from honk.sandboxes.setup import Seed, prepare
from tests.sandboxes.conftest import HostRepository

pytestmark = pytest.mark.docker


@pytest.fixture
def library(tmp_path: Path) -> HostRepository:
    path = tmp_path / "library"
    subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
    made = HostRepository(path)
    made.commit(
        {
            "crlf.txt": b"a\n",
            "bytes": b"\x00\xff",
            "sub/deep.txt": b"deep\n",
            ".gitattributes": b"*.txt text eol=crlf\n*.c filter=evil\n",
            ".gitignore": b"*.o\n",
            "x.c": b"int x;\n",
        }
    )
    return made


def submodule(library: HostRepository, path: str = "deps/lib") -> Submodule:
    commit = library.git("rev-parse", "HEAD").decode().strip()
    return Submodule(path=path, commit=commit, pack=library.pack(commit))


def linked(repository: HostRepository, *modules: Submodule) -> str:
    repository.commit({"a": b"1\n"})
    for module in modules:
        repository.git("update-index", "--add", "--cacheinfo", f"160000,{module.commit},{module.path}")
    repository.git("commit", "-q", "-m", "submodules")
    return repository.git("rev-parse", "HEAD").decode().strip()


def test_a_submodule_is_a_plain_folder_that_git_takes_for_unchanged(
    sandboxes: DockerSandboxes, repository: HostRepository, library: HostRepository
) -> None:
    module = submodule(library)
    spec = repository.spec(linked(repository, module), submodules=(module,))
    with sandboxes.open(spec, Cancel()) as box:
        assert box.files.read("deps/lib/crlf.txt") == b"a\n"
        assert box.files.read("deps/lib/bytes") == b"\x00\xff"
        said = box.shell.run(
            "ls -A deps/lib | tr '\\n' ' '; ls -A /workspace; git status --porcelain; git ls-files -o; "
            "echo x >> deps/lib/x.c; touch deps/lib/new; git status --porcelain; git add -A; "
            "git diff --cached --stat; git clean -ffdxq; ls deps/lib/new; git fsck --connectivity-only",
            timeout=60,
        )
        assert said.output == (".gitattributes .gitignore bytes crlf.txt sub x.c home\nrepo\ndeps/lib/new\n")


def test_neither_scan_nor_export_goes_below_a_submodule(
    sandboxes: DockerSandboxes, repository: HostRepository, library: HostRepository
) -> None:
    module = submodule(library)
    spec = repository.spec(linked(repository, module), submodules=(module,))
    with sandboxes.open(spec, Cancel()) as box:
        box.shell.run("echo 2 > a; echo x > deps/lib/x.c; rm deps/lib/bytes; touch deps/lib.c", timeout=60)
        assert set(box.tree.scan().changed) == {b"a", b"deps/lib.c"}
        with box.tree.export() as stream:
            archive = b"".join(stream)
        assert b"deps/lib/\0" in archive
        assert b"crlf.txt" not in archive
        box.shell.run("rm -r deps/lib; ln -s /etc deps/lib", timeout=60)
        assert box.tree.scan().changed == (b"deps/lib",)


def test_several_submodules_of_one_library_stand_side_by_side(
    sandboxes: DockerSandboxes, repository: HostRepository, library: HostRepository
) -> None:
    modules = submodule(library), submodule(library, "with space/ünï")
    spec = repository.spec(linked(repository, *modules), submodules=modules)
    with sandboxes.open(spec, Cancel()) as box:
        assert box.shell.run("cat */*/sub/deep.txt; git status -s", timeout=60).output == "deep\ndeep\n"


def test_a_pack_without_the_submodules_commit_is_an_error(
    sandboxes: DockerSandboxes, repository: HostRepository, library: HostRepository
) -> None:
    module = submodule(library)
    other = Submodule(module.path, "1" * 40, module.pack)
    spec = repository.spec(linked(repository, module), submodules=(other,))
    with (
        pytest.raises(SandboxError, match="could not be put into the sandbox"),
        sandboxes.open(spec, Cancel()),
    ):
        pass


def test_a_path_that_is_no_submodule_of_the_base_is_an_error(
    sandboxes: DockerSandboxes, repository: HostRepository, library: HostRepository
) -> None:
    head = repository.commit({"a": b"1\n"})
    (repository.path / "deps").symlink_to("/workspace/home")
    head = repository.commit()
    for path in ("deps", "deps/lib", "../home", "a"):
        spec = repository.spec(head, submodules=(submodule(library, path),))
        with pytest.raises(SandboxError, match="no folder"), sandboxes.open(spec, Cancel()):
            pass


def test_setup_sees_submodules_and_a_later_base_brings_its_own_content(
    client: docker.DockerClient,
    sandboxes: DockerSandboxes,
    repository: HostRepository,
    library: HostRepository,
    tmp_path: Path,
) -> None:
    old = submodule(library)
    head = linked(repository, old)
    bench = Workbench(client, HostClients, tmp_path / "locks", True, lambda line: None)
    base = StockImages(bench, folder("sandbox")).companion(Cancel())
    image = prepare(
        bench,
        image=base,
        companion_image=base,
        commands=["cp deps/lib/sub/deep.txt /deep", "touch deps/lib/x.o deps/lib/left"],
        key=str(tmp_path),
        seed=lambda: Seed((repository.pack(head),), (), head, (old,)),
        proxy=None,
        timeout=60,
        cancel=Cancel(),
    )
    try:
        library.git("rm", "-q", "bytes")
        library.commit({"crlf.txt": b"b\n"})
        new = submodule(library)
        spec = repository.spec(linked(repository, new), submodules=(new,), image=image)
        with sandboxes.open(spec, Cancel()) as box:
            said = box.shell.run("cat /deep deps/lib/crlf.txt; ls deps/lib; git status -s", timeout=60)
        assert said.output == "deep\nb\ncrlf.txt\nsub\nx.c\nx.o\n"  # of setup only what is ignored
    finally:
        client.images.remove(image, force=True)
