"""Repositories and edits of every kind: what goes in comes out byte for byte, or is refused by name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from honk.core.types import Outcome
from tests.e2e.installed import SECONDS, Done, Installed, Installer
from tests.world import FILES, FINISH, GREET, bash, git

pytestmark = pytest.mark.docker

ONCE = "verify:\n  greeting: sh check.sh\nlimits: {max_attempts: 1}\n"
UTF16 = "\ufeffstring = “x”\r\n".encode("utf-16-le")
BINARY = bytes(range(256)) * 8


def repository(folder: Path, files: dict[str, bytes]) -> Path:
    """A local repository without origin, with the greeting's files and these, committed as they are."""
    folder.mkdir()
    git(folder, "init", "-q")
    raw = {name: text.encode() for name, text in {**FILES, ".honk.yml": ONCE}.items()} | files
    for name, data in raw.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "First")
    return folder


def blob(repo: Path, name: str) -> bytes:
    return subprocess.run(["git", "cat-file", "blob", name], cwd=repo, check=True, capture_output=True).stdout


def changed(repo: Path, done: Done) -> list[str]:
    return git(repo, "diff", "--name-only", f"main..{done.result.branch}").split()


LARGE_SECONDS = 900
"""Large trees wait for the disk, which other tests use as well; this only ends what hangs."""


def run(honk: Installed, repo: Path, *options: str, seconds: float = SECONDS) -> Done:
    return honk.honk("say hello", "--repo", str(repo), "--json", "--judge", "off", *options, seconds=seconds)


@pytest.mark.full
def test_odd_files_are_edited_and_kept_byte_for_byte(install: Installer) -> None:
    edit = r"sed -i 's/bye/hello/' greet.sh; printf '\351\n' >> latin1.txt; printf '\377\000' >> data.bin"
    honk = install([bash(edit), FINISH])
    files = {
        ".gitattributes": b"* text=auto\n*.rc text working-tree-encoding=UTF-16LE eol=CRLF\n",
        "latin1.txt": b"caf\xe9\n",
        "data.bin": BINARY,
        "windows.txt": b"one\r\ntwo\r\n",
        "strings.rc": UTF16[2:],
    }
    repo = repository(honk.root / "repo", files)
    done = run(honk, repo)
    assert (done.code, done.result.outcome) == (0, Outcome.PUBLISHED), done.err
    branch = done.result.branch
    assert git(repo, "diff", "--name-only", f"main..{branch}").split() == [
        "data.bin",
        "greet.sh",
        "latin1.txt",
    ]
    assert blob(repo, f"{branch}:latin1.txt") == b"caf\xe9\n\xe9\n"
    assert blob(repo, f"{branch}:data.bin") == BINARY + b"\xff\x00"
    started = honk.start("diff", done.result.run_id)
    assert started.process.wait(60) == 0
    mine = honk.root / "mine.patch"
    mine.write_bytes(started.out.read_bytes())
    git(repo, "apply", "--cached", "--whitespace=nowarn", str(mine))
    assert git(repo, "write-tree").strip() == git(repo, "rev-parse", f"{branch}^{{tree}}").strip()


@pytest.mark.full
def test_no_edit_is_no_change_whatever_the_attributes_say(install: Installer) -> None:
    honk = install([bash("touch windows.txt strings.rc; git status --short"), FINISH])
    files = {
        ".gitattributes": b"* text=auto eol=crlf ident\n*.rc text working-tree-encoding=UTF-16LE\n",
        "windows.txt": b"$Id$\r\ntwo\r\n",
        "strings.rc": UTF16[2:],
    }
    done = run(honk, repository(honk.root / "repo", files))
    assert (done.code, done.result.outcome) == (10, "no_change"), done.err


LITTER = (
    "sed -i 's/bye/hello/' greet.sh; mkdir -p .venv/bin; ln -s /usr/bin/python3 .venv/bin/python3;"
    " python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\".venv/agent.sock\")'"
)


@pytest.mark.full
def test_litter_that_is_not_ignored_is_refused_by_name(install: Installer) -> None:
    honk = install([bash(LITTER), FINISH])
    done = run(honk, repository(honk.root / "repo", {}))
    assert (done.code, done.result.outcome) == (22, "refused"), done.err
    assert ".venv/" in done.result.reason
    assert done.result.pull_request is None


@pytest.mark.full
def test_litter_that_the_base_ignores_stays_out(install: Installer) -> None:
    honk = install([bash(LITTER), FINISH])
    repo = repository(honk.root / "repo", {".gitignore": b".venv/\n"})
    done = run(honk, repo)
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert changed(repo, done) == ["greet.sh"]


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


@pytest.mark.full
@pytest.mark.parametrize("touched", [False, True])
def test_a_changed_lfs_pointer_is_refused_by_name(install: Installer, touched: bool) -> None:
    edit = "sed -i 's/bye/hello/' greet.sh" + ("; echo data > logo.png" if touched else "")
    honk = install([bash(edit), FINISH])
    files = {".gitattributes": b"*.png filter=lfs diff=lfs merge=lfs -text\n"}
    repo = repository(honk.root / "repo", files)
    (repo / "logo.png").write_bytes(POINTER)
    git(repo, "-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=false", "add", "-A")
    git(repo, "commit", "-q", "-m", "Logo")
    done = run(honk, repo)
    if not touched:
        assert (done.code, done.result.outcome) == (0, "published"), done.err
        return
    assert (done.code, done.result.outcome) == (22, "refused"), done.err
    assert "logo.png" in done.result.reason
    assert "LFS" in done.result.reason


@pytest.mark.full
def test_a_repository_with_a_submodule_works(install: Installer) -> None:
    honk = install([GREET, FINISH])
    library = honk.root / "library"
    library.mkdir()
    git(library, "init", "-q")
    (library / "lib.sh").write_text("true\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "Library")
    repo = repository(honk.root / "repo", {})
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "vendor")
    git(repo, "commit", "-q", "-m", "Vendor")
    done = run(honk, repo)
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert changed(repo, done) == ["greet.sh"]


@pytest.mark.full
def test_an_old_defect_of_the_history_is_no_obstacle(install: Installer) -> None:
    honk = install([GREET, FINISH])
    repo = repository(honk.root / "repo", {})
    tree = git(repo, "rev-parse", "HEAD^{tree}").strip()
    parent = git(repo, "rev-parse", "HEAD").strip()
    person = "Old Tool <a@b>"
    commit = f"tree {tree}\nparent {parent}\nauthor {person} 08 +0000\ncommitter {person}1 08 +0000\n\nOld\n"
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input=commit.encode(), cwd=repo, capture_output=True, check=True,
    )  # fmt: skip
    git(repo, "update-ref", "refs/heads/main", made.stdout.decode().strip())
    (repo / "more.txt").write_text("x\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "Newer")
    done = run(honk, repo)
    assert (done.code, done.result.outcome) == (0, "published"), done.err


# ---- sizes ------------------------------------------------------------------------------


@pytest.mark.full
def test_fifty_thousand_files(install: Installer) -> None:
    honk = install([GREET, FINISH])
    files = {f"src/{i % 250}/{i}.txt": b"%d\n" % i for i in range(50_000)}
    repo = repository(honk.root / "repo", files)
    done = run(honk, repo, seconds=LARGE_SECONDS)
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert changed(repo, done) == ["greet.sh"]


@pytest.mark.full
def test_a_huge_file_of_the_repository_is_no_obstacle(install: Installer) -> None:
    honk = install([GREET, FINISH])
    repo = repository(honk.root / "repo", {"big.bin": os.urandom(300 << 20)})
    done = run(honk, repo, seconds=LARGE_SECONDS)
    assert (done.code, done.result.outcome) == (0, "published"), done.err


@pytest.mark.full
def test_a_huge_file_that_the_model_made_is_refused_by_name(install: Installer) -> None:
    honk = install([bash("sed -i 's/bye/hello/' greet.sh; head -c 300M /dev/urandom > big.bin"), FINISH])
    done = run(honk, repository(honk.root / "repo", {}), seconds=LARGE_SECONDS)
    assert (done.code, done.result.outcome) == (22, "refused"), done.err
    assert "big.bin" in done.result.reason


# ---- a model that does harm -------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize(
    "harm",
    [
        pytest.param("yes", id="endless output"),
        pytest.param(":(){ :|:& };:; while :; do :; done", id="fork bomb"),
        pytest.param("head -c 40G /dev/zero > /tmp/fill; echo $?", id="memory"),
    ],
)
def test_a_harmful_command_costs_its_own_time_only(install: Installer, harm: str) -> None:
    honk = install([bash(harm), GREET, FINISH])
    repo = repository(honk.root / "repo", {})
    config = ONCE.replace("max_attempts: 1", "max_attempts: 1, command_seconds: 5")
    (repo / ".honk.yml").write_text(config)
    git(repo, "commit", "-q", "-a", "-m", "Short commands")
    done = run(honk, repo)
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert changed(repo, done) == ["greet.sh"]
    assert honk.leftovers() == []


@pytest.mark.full
def test_a_workspace_that_outgrows_its_quota_fails_with_the_setting_named(install: Installer) -> None:
    honk = install([GREET, bash("head -c 400M /dev/zero > fill; sleep 60"), FINISH])
    settings = honk.root / "honk.toml"
    settings.write_text("[sandbox]\nworkspace_size = 209715200\n")
    done = run(honk, repository(honk.root / "repo", {}), "--config", str(settings))
    assert (done.code, done.result.outcome) == (40, "failed"), done.err
    assert "sandbox.workspace_size" in done.result.reason
    assert done.result.patch is not None
    assert "+echo hello" in done.result.patch


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB, mounted by root."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.full
def test_a_full_disk_fails_the_run_in_one_sentence_and_keeps_the_work(
    install: Installer, small_disk: Path
) -> None:
    honk = install([GREET, bash("head -c 30M /dev/urandom > big.bin"), FINISH])
    honk.env["HONK_HOME"] = str(small_disk / "home")
    done = honk.honk("say hello", "--repo", str(repository(honk.root / "repo", {})))
    assert done.code == 40, done.err
    assert "Traceback" not in done.err
    assert "full" in done.err or "No space" in done.err
    run_id = honk.run_id()
    shown = honk.honk("diff", run_id)
    assert "+echo hello" in shown.out, shown.err
    assert honk.leftovers() == []
