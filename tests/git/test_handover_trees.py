"""Trees as ordinary work leaves them: what is committed, what is passed over, what stays as it was."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from honk.core.errors import HandOverError
from honk.git.mirror import Mirror
from honk.testing.gitrepos import Repo, check_out, link, member, tar_folder, tar_of

Mirrors = Callable[..., Mirror]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n"


def start(mirror: Mirror, folder: Path, depth: int = 1) -> tuple[str, Repo]:
    base = mirror.fetch(None).sha
    return base, check_out(mirror.seed(base, depth), base, folder)


def statuses(mirror: Mirror, base: str, head: str) -> dict[str, str]:
    return {f.path: f.status for f in mirror.diff(base, head).files}


def test_no_edit_is_an_empty_diff_whatever_the_attributes_say(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    origin.commit(
        {
            ".gitattributes": "*.txt text eol=crlf\n*.u16 text working-tree-encoding=UTF-16LE-BOM\n"
            "*.id ident\n*.bin filter=lfs diff=lfs merge=lfs -text\n*.sec filter=crypt\n",
        }
    )
    origin.commit(
        {
            "crlf.txt": "one\r\ntwo\r\n",
            "raw_crlf.md": "one\r\ntwo\r\n",
            "wide.u16": "\ufeffhello\r\nworld\r\n".encode("utf-16-le"),
            "version.id": "$Id$\n",
            "secret.sec": "clear\n",
            "latin1.py": "caf\xe9\n".encode("latin-1"),
            "data.dat": bytes(range(256)),
            "empty": "",
            "run.sh": "#!/bin/sh\n",
        }
    )
    (origin.path / "run.sh").chmod(0o755)
    (origin.path / "link").symlink_to("run.sh")
    pointer = origin.git("hash-object", "-w", "--stdin", input=POINTER % (b"a" * 64)).decode().strip()
    origin.git("add", "--all")
    origin.git("update-index", "--add", "--cacheinfo", f"100644,{pointer},model.bin")
    origin.git("commit", "--quiet", "-m", "attributes")
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    assert mirror.commit(tar_folder(work.path), base=base, message="nothing") == base
    work.write({"latin1.py": "na\xefve\n".encode("latin-1")})
    head = mirror.commit(tar_folder(work.path), base=base, message="one file")
    assert statuses(mirror, base, head) == {"latin1.py": "M"}


def test_submodules_stay_as_the_base_has_them(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    other = "1234567890123456789012345678901234567890"
    origin.commit({"a.txt": "a\n", ".gitmodules": '[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n'})
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{other},lib")
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{other},deep/er")
    origin.git("commit", "--quiet", "-m", "submodules")
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    assert mirror.commit(tar_folder(work.path), base=base, message="nothing") == base
    work.write({"lib/.git": "gitdir: ../.git/modules/lib\n", "lib/code.c": "int x;\n", "deep/new.txt": "n\n"})
    (work.path / "deep" / "er").rmdir()
    head = mirror.commit(tar_folder(work.path), base=base, message="beside them")
    assert statuses(mirror, base, head) == {"deep/new.txt": "A"}
    with pytest.raises(HandOverError, match="lib is a submodule"):
        mirror.commit([tar_of(member("a.txt", b"a\n"), member("lib", b"x"))], base=base, message="replaced")


def test_what_the_base_ignores_is_passed_over_whatever_it_is(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    origin.commit({"a.txt": "a\n", "sub/.gitignore": "local.*\n!local.keep\n", "build/keep.txt": "tracked\n"})
    origin.commit({".gitignore": "build/\n.venv/\n*.sock\n/only-top\n"})
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    work.write(
        {
            ".venv/pyvenv.cfg": "home = /usr/bin\n",
            "build/app/.git/HEAD": "ref: refs/heads/main\n",
            "build/a\nb": "odd\n",
            "sub/local.txt": "ignored\n",
            "sub/local.keep": "not ignored\n",
            "sub/only-top": "not ignored here\n",
            "only-top": "ignored\n",
        }
    )
    (work.path / ".venv" / "bin").mkdir()
    (work.path / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    os.mkfifo(work.path / "build" / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(work.path / "x.sock"))
    work.write({"build/keep.txt": "tracked and changed\n"})
    stream = tar_of(*tar_members(work.path), member("x.sock", kind=tarfile.FIFOTYPE))
    head = mirror.commit([stream], base=base, message="beside ignored ones")
    expected = {"build/keep.txt": "M", "sub/local.keep": "A", "sub/only-top": "A"}
    assert statuses(mirror, base, head) == expected


def tar_members(folder: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    import io

    data = b"".join(tar_folder(folder))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [(m, archive.extractfile(m).read() if m.isreg() else b"") for m in archive]  # type: ignore[union-attr]


def test_the_models_own_ignore_rules_have_no_say(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    origin.commit({"a.txt": "a\n", "b.txt": "b\n"})
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    work.write({".gitignore": "*\n", "hidden.txt": "h\n", "b.txt": "changed\n"})
    head = mirror.commit(tar_folder(work.path), base=base, message="ignored by the model")
    assert statuses(mirror, base, head) == {".gitignore": "A", "b.txt": "M", "hidden.txt": "A"}


def test_modes_are_files_executables_and_links_only(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "a"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    stream = tar_of(
        member("a", b"a", mode=0o4777),
        member("b", b"b", mode=0o666),
        member("dir/c", b"c", mode=0o100),
        link("dir/up", "../a"),
        link("same", "a", tarfile.LNKTYPE),
    )
    head = mirror.commit([stream], base=base, message="modes")
    modes = {f.path: f.new_mode for f in mirror.diff(base, head).files}
    assert modes == {"a": "100755", "b": "100644", "dir/c": "100755", "dir/up": "120000", "same": "100755"}


def test_weird_names_of_the_base_stay_as_long_as_they_are_the_same(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    origin.commit(
        {"a.txt": "a\n", "back\\slash": "1", "new\nline": "2", "Case": "3", "case": "4", "x\u200by": "5"}
    )
    (origin.path / os.fsdecode(b"caf\xe9")).write_text("6")
    (origin.path / "out").symlink_to("/etc/hostname")
    origin.commit()
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    assert mirror.commit(tar_folder(work.path), base=base, message="nothing") == base
    work.write({"a.txt": "changed\n"})
    (work.path / "back\\slash").unlink()
    head = mirror.commit(tar_folder(work.path), base=base, message="one")
    assert statuses(mirror, base, head) == {"a.txt": "M", "back\\slash": "D"}
    assert "caf\\xe9" in mirror.files(head)
    assert mirror.diff(base, head).model_dump_json()


def test_a_rename_that_changes_case_only_is_taken(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    origin.commit({"readme.md": "r\n", "Src/a.py": "a\n", "Src/b.py": "b\n"})
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    (work.path / "readme.md").rename(work.path / "README.md")
    (work.path / "Src").rename(work.path / "src")
    head = mirror.commit(tar_folder(work.path), base=base, message="renamed")
    assert set(mirror.files(head)) == {"README.md", "src/a.py", "src/b.py"}


def test_a_file_becomes_a_folder_and_back(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    origin.commit({"tool": "t\n", "lib/one": "1\n", "lib/two": "2\n", "rest": "r\n"})
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    (work.path / "tool").unlink()
    work.write({"tool/main": "t\n"})
    subprocess.run(["rm", "-r", str(work.path / "lib")], check=True)
    work.write({"lib": "now a file\n"})
    head = mirror.commit(tar_folder(work.path), base=base, message="swapped")
    assert set(mirror.files(head)) == {"tool/main", "lib", "rest"}


def test_a_checkpoint_of_some_paths_equals_the_whole_tree(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    origin.commit({"a": "a\n", "d/x": "x\n", "d/y": "y\n", "tool": "t\n", "lib/one": "1\n"})
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    when = datetime(2026, 1, 2, tzinfo=UTC)
    work.write({"a": "changed\n", "d/new": "n\n"})
    first = mirror.commit(
        tar_folder(work.path, ["./a", "d/new"]), base=base, message="m", previous=base, date=when
    )
    assert first == mirror.commit(tar_folder(work.path), base=base, message="m", date=when)
    (work.path / "d" / "x").unlink()
    (work.path / "tool").unlink()
    (work.path / "lib" / "one").unlink()
    (work.path / "lib").rmdir()
    work.write({"tool/main": "m\n", "lib": "file\n", "d/y": "y2\n"})
    second = mirror.commit(
        tar_folder(work.path, ["tool", "lib", "d/y"]),
        base=base,
        message="m",
        previous=first,
        deleted=[b"d/x", b"lib/one"],
        date=when,
    )
    assert second == mirror.commit(tar_folder(work.path), base=base, message="m", date=when)
    assert set(mirror.files(second)) == {"a", "d/y", "d/new", "tool/main", "lib"}


def test_only_deletions_need_no_member(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "a\n", "b/c": "c\n", "b/d": "d\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    head = mirror.commit([tar_of()], base=base, message="m", previous=base, deleted=[b"b"])
    assert statuses(mirror, base, head) == {"b/c": "D", "b/d": "D"}


def test_undoing_every_edit_gives_the_base_again(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "a\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    first = mirror.commit([tar_of(member("a", b"x"))], base=base, message="m")
    again = mirror.commit([tar_of(member("a", b"a\n"))], base=base, message="m", previous=first)
    assert again == base


def test_the_same_tree_message_and_date_are_the_same_commit(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "a\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    message = "Change a\n\nCo-authored-by: Ada <ada@example.com>\n"
    made = {
        mirror.commit([tar_of(member("a", b"b"))], base=base, message=message, date=when) for _ in range(2)
    }
    assert len(made) == 1
    text = subprocess.run(
        ["git", "cat-file", "commit", made.pop()], cwd=mirror.directory, stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    assert f"parent {base}" in text
    assert "author honk <honk@localhost> 1767323045 +0000" in text
    assert "committer honk <honk@localhost> 1767323045 +0000" in text
    assert text.endswith(message)


def test_files_in_lfs_may_go_but_not_change(origin: Repo, mirror_of: Mirrors) -> None:
    one, two = POINTER % (b"a" * 64), POINTER % (b"b" * 64)
    origin.commit({"one.bin": one, "old/two.bin": two, "plain.txt": "p\n"})
    origin.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "sub/.gitattributes": ""})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    kept = [
        member("plain.txt", b"p\n"),
        member(".gitattributes", b"*.bin filter=lfs diff=lfs merge=lfs -text\n"),
        member("sub/.gitattributes"),
    ]
    head = mirror.commit([tar_of(member("new/two.bin", two), *kept)], base=base, message="moved")
    assert statuses(mirror, base, head) == {"new/two.bin": "A", "old/two.bin": "D", "one.bin": "D"}
    for change in (
        member("one.bin", b"real content"),
        member("added.bin", b"real content"),
        member("added.bin", POINTER % (b"c" * 64)),
        member("copied.bin", b"p\n"),
        link("linked.txt", "one.bin"),
    ):
        others = [member("one.bin", one)] if change[0].name != "one.bin" else []
        if change[0].name == "linked.txt":
            assert mirror.commit([tar_of(change, *others, *kept)], base=base, message="link") != base
            continue
        with pytest.raises(HandOverError, match=f"{change[0].name} is kept in Git LFS"):
            mirror.commit([tar_of(change, *others, *kept)], base=base, message="changed")


def test_a_file_of_300_megabytes_is_refused_by_its_size(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    origin.commit({"a": "a\n"})
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    with open(work.path / "huge.bin", "wb") as file:
        file.truncate(300 << 20)
    with pytest.raises(HandOverError, match=r"huge\.bin is 300 MiB large; at most 100 MiB are allowed"):
        mirror.commit(tar_folder(work.path), base=base, message="huge")


@pytest.mark.full
def test_a_repository_of_many_files_is_handed_over(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    count = 50_000
    text = "".join(
        f"M 100644 inline d{n % 300}/s{n % 7}/f{n}.txt\ndata {len(str(n))}\n{n}\n" for n in range(count)
    )
    head = "commit refs/heads/main\ncommitter A <a@b.c> 1700000000 +0000\ndata 1\nx\n"
    origin.git("fast-import", "--quiet", input=(head + text).encode())
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    work.write({"d1/s1/f1.txt": "changed\n", "node_modules/x/index.js": "new\n"})
    sha = mirror.commit(tar_folder(work.path), base=base, message="one of many")
    assert statuses(mirror, base, sha) == {"d1/s1/f1.txt": "M", "node_modules/x/index.js": "A"}
    assert len(mirror.files(sha)) == count + 1
    again = mirror.commit(
        tar_folder(work.path, ["d1/s1/f1.txt"]), base=base, message="m", previous=sha, deleted=[b"d0"]
    )
    assert len(mirror.files(again)) < count


def test_a_repository_with_sha256_ids(tmp_path: Path, mirror_of: Mirrors) -> None:
    origin = Repo(tmp_path / "sha256", "--object-format=sha256")
    origin.commit({"a": "a\n", ".gitignore": "*.o\n"})
    origin.commit({"a": "a2\n"})
    mirror = mirror_of(origin)
    base, work = start(mirror, tmp_path / "work")
    assert len(base) == 64
    work.write({"a": "caf\xe9\n".encode("latin-1"), "b": "b\n", "x.o": "o"})
    head = mirror.commit(tar_folder(work.path), base=base, message="m")
    assert statuses(mirror, base, head) == {"a": "M", "b": "A"}
    assert "GIT binary patch" in mirror.diff(base, head).patch
    pack = mirror.pack(head, base)
    mirror.unpack(pack)


@pytest.mark.parametrize("count", [3, 150])
def test_new_files_become_objects_few_or_many(origin: Repo, mirror_of: Mirrors, count: int) -> None:
    origin.commit({"a": "a\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    new = [member(f"f{n}", os.urandom(n * 50)) for n in range(count)]
    head = mirror.commit([tar_of(member("a", b"a\n"), *new)], base=base, message="m")
    files = mirror.files(head)
    assert all(mirror.read(files[info.name]) == data for info, data in new)
    subprocess.run(["git", "fsck", "--strict"], cwd=mirror.directory, check=True, capture_output=True)
