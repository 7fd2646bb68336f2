"""Origins on this machine as people have them, and histories as they are."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.errors import GitError, HandOverError, UserError
from honk.core.types import PushAccess, RepoRef
from honk.git.commits import Author, Committer, Signing
from honk.git.mirror import Mirror
from honk.testing.gitrepos import Repo, check_out, link, member, tar_of

Mirrors = Callable[..., Mirror]


def local(path: Path, url: str | None = None) -> RepoRef:
    return RepoRef(forge="local", name=str(path), url=url or str(path))


def round_trip(mirror: Mirror, ref: RepoRef, base: str | None = None) -> str:
    start = mirror.fetch(base).sha
    head = mirror.commit([tar_of(member("honk.txt", b"h\n"))], base=start, message="m")
    mirror.push(head, "honk/x", PushAccess(url=ref.url), None)
    assert mirror.head("honk/x", PushAccess(url=ref.url)) == head
    return head


@pytest.mark.parametrize(
    "form", ["work tree", "git folder", "bare", "shallow", "linked", "file url", "odd name"]
)
def test_any_form_of_local_repository_is_an_origin(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path, form: str
) -> None:
    for number in range(3):
        origin.commit({"a.txt": f"{number}\n"})
    path = origin.path
    if form == "git folder":
        path = path / ".git"
    elif form in ("bare", "shallow", "file url", "odd name"):
        path = tmp_path / ('odd: näme\'s "x" %20.git' if form == "odd name" else "copy.git")
        depth = ["--depth=1"] if form == "shallow" else []
        origin.git("clone", "--quiet", "--bare", *depth, f"file://{origin.path}", str(path))
    elif form == "linked":
        path = tmp_path / "linked"
        origin.git("worktree", "add", "--quiet", str(path), "-b", "side")
    ref = local(path, f"file://{path}" if form == "file url" else None)
    head = round_trip(mirror_of(ref), ref)
    subprocess.run(["git", "fsck", "--strict"], cwd=path, check=True, capture_output=True)
    assert len(head) == 40


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to another user")
@pytest.mark.parametrize("bare", [True, False])
def test_an_origin_of_another_user_is_an_origin(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path, bare: bool
) -> None:
    origin.commit({"a.txt": "a\n"})
    path = origin.path
    if bare:
        path = tmp_path / "copy.git"
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(path))
    for file in [path, *path.rglob("*")]:
        os.chown(file, 4321, 4321)
    round_trip(mirror_of(local(path)), local(path))


def test_an_empty_repository_is_named(origin: Repo, mirror_of: Mirrors) -> None:
    for base in (None, "main"):
        with pytest.raises(UserError, match="no branch with a commit yet"):
            mirror_of(origin).fetch(base)


def test_a_detached_head_needs_a_base(origin: Repo, mirror_of: Mirrors) -> None:
    sha = origin.commit()
    origin.git("checkout", "--quiet", "--detach")
    with pytest.raises(UserError, match=r"HEAD of .* does not point to a branch.*--base: main"):
        mirror_of(origin).fetch(None)
    base = mirror_of(origin).fetch("main")
    assert (base.sha, base.default_branch) == (sha, "main")


@pytest.mark.parametrize("what", ["missing", "a file", "an empty folder"])
def test_a_path_without_a_repository_is_named(mirror_of: Mirrors, tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "a file":
        path.write_text("x")
    elif what == "an empty folder":
        path.mkdir()
    with pytest.raises(UserError, match="no git repository at"):
        mirror_of(local(path)).fetch(None)


def test_a_base_that_is_an_option_is_refused(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit()
    for base in ("--upload-pack=touch /tmp/x", "refs/heads/main", "a..b", "main:x"):
        with pytest.raises(UserError, match="is not a branch name"):
            mirror_of(origin).fetch(base)


def loose(repo: Repo, kind: str, data: bytes) -> str:
    """Write an object that today's git would refuse to make."""
    raw = b"%s %d\0" % (kind.encode(), len(data)) + data
    oid = hashlib.sha1(raw).hexdigest()
    file = repo.path / ".git" / "objects" / oid[:2] / oid[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(raw))
    return oid


DEFECTS = {
    "zero-padded mode": (b"0", b"author A <a@b.c> 1 +0000\ncommitter A <a@b.c> 1 +0000\n"),
    "no space before the date": (b"", b"author A <a@b.c>1 +0000\ncommitter A <a@b.c> 1 +0000\n"),
    "bad time zone": (b"", b"author A <a@b.c> 1 +051800\ncommitter A <a@b.c> 1 +0000\n"),
    "no e-mail": (b"", b"author A 1 +0000\ncommitter A <a@b.c> 1 +0000\n"),
}


@pytest.mark.parametrize("case", DEFECTS)
def test_a_history_with_an_old_defect_is_worked_on(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path, case: str
) -> None:
    padding, people = DEFECTS[case]
    first = origin.commit({"sub/a.txt": "a\n"})
    sub = origin.sha(f"{first}:sub")
    tree = loose(origin, "tree", padding + b"40000 sub\0" + bytes.fromhex(sub))
    old = loose(origin, "commit", b"tree %s\n%s\nold\n" % (tree.encode(), people))
    tip = loose(
        origin,
        "commit",
        b"tree %s\nparent %s\nauthor A <a@b.c> 2 +0000\ncommitter A <a@b.c> 2 +0000\n\nnew\n"
        % (tree.encode(), old.encode()),
    )
    (origin.path / ".git" / "refs" / "heads" / "main").write_text(f"{tip}\n")
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    pack, shallow = mirror.seed(base, 50)
    assert shallow == () and pack
    head = mirror.commit([tar_of(member("sub/a.txt", b"b\n"))], base=base, message="m")
    mirror.push(head, "honk/x", PushAccess(url=str(origin.path)), None)
    assert mirror.commit([tar_of(member("sub/a.txt", b"a\n"))], base=base, message="m") == base


def test_a_history_with_a_dangerous_defect_is_refused(origin: Repo, mirror_of: Mirrors) -> None:
    first = origin.commit({"a.txt": "a\n"})
    blob = origin.sha(f"{first}:a.txt")
    tree = loose(origin, "tree", b"100644 .git\0" + bytes.fromhex(blob))
    people = b"author A <a@b.c> 1 +0000\ncommitter A <a@b.c> 1 +0000\n"
    tip = loose(origin, "commit", b"tree %s\n%s\nx\n" % (tree.encode(), people))
    (origin.path / ".git" / "refs" / "heads" / "main").write_text(f"{tip}\n")
    with pytest.raises(GitError, match=r"hasDotgit: contains '\.git'"):
        mirror_of(origin).fetch(None)


def test_a_checkpoint_with_a_dangerous_defect_is_refused(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path
) -> None:
    origin.commit({"a.txt": "a\n"})
    mirror = mirror_of(origin)
    mirror.fetch(None)
    evil = Repo(tmp_path / "evil")
    blob = evil.git("hash-object", "-w", "--stdin", input=b"x").decode().strip()
    tree = loose(evil, "tree", b"100644 .git\0" + bytes.fromhex(blob))
    pack = evil.git("pack-objects", "--stdout", "-q", input=f"{tree}\n{blob}\n".encode())
    with pytest.raises(GitError, match="index-pack failed"):
        mirror.unpack(pack)


@pytest.mark.parametrize("depth", [1, 2, 3, 100])
def test_a_seed_has_the_asked_history_and_is_whole(
    origin: Repo, mirror_of: Mirrors, tmp_path: Path, depth: int
) -> None:
    origin.commit({"a": "1"})
    origin.git("checkout", "--quiet", "-b", "side")
    origin.commit({"side": "1"})
    origin.git("checkout", "--quiet", "main")
    origin.commit({"a": "2"})
    origin.git("merge", "--quiet", "--no-ff", "-m", "merge", "side")
    tip = origin.commit({"a": "3"})
    mirror = mirror_of(origin)
    mirror.fetch(None)
    seed = mirror.seed(tip, depth)
    assert mirror.seed(tip, depth) == seed  # from the cache
    work = check_out(seed, tip, tmp_path / "work")
    work.git("fsck", "--strict", "--full")
    assert int(work.git("rev-list", "--count", "HEAD")) == {1: 1, 2: 2, 3: 4, 100: 5}[depth]


def test_a_pack_leans_on_nothing_but_the_seed(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    origin.commit({"old.txt": "an old text\n" * 50, "a.txt": "a\n" * 50})
    origin.commit({"a.txt": "a\n" * 51})
    (origin.path / "old.txt").unlink()
    origin.commit()
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    restored = tar_of(member("a.txt", b"a\n" * 52), member("old.txt", b"an old text\n" * 50))
    head = mirror.commit([restored], base=base, message="restored")
    work = check_out(mirror.seed(base, 1), base, tmp_path / "work")
    work.git("index-pack", "--stdin", "--strict", input=mirror.pack(head, base))
    work.git("checkout", "--quiet", head)
    work.git("fsck", "--strict", "--full")
    assert (work.path / "old.txt").read_bytes() == b"an old text\n" * 50


# ---- signatures -------------------------------------------------------------------------


def test_a_commit_is_signed_with_an_ssh_key(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    origin.commit({"a": "a\n"})
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    allowed = tmp_path / "allowed"
    allowed.write_text(f"honk@example.com {key.with_suffix('.pub').read_text()}")
    author = Author("honk", "honk@example.com")
    mirror = mirror_of(origin, committer=Committer(author=author, signing=Signing("ssh", str(key))))
    base = mirror.fetch(None).sha
    head = mirror.commit([tar_of(member("a", b"b"))], base=base, message="signed")
    mirror.push(head, "honk/signed", PushAccess(url=str(origin.path)), None)
    config = ["-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}"]
    origin.git(*config, "verify-commit", head)


def test_a_commit_is_signed_with_an_openpgp_key(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    origin.commit({"a": "a\n"})
    # The agent's socket must fit 108 bytes, so its folder cannot be pytest's.
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        env = {"GNUPGHOME": folder, "HOME": folder}
        uid = "honk <honk@example.com>"
        generate = ["gpg", "--batch", "--passphrase", "", "--quick-gen-key", uid, "ed25519", "sign", "never"]
        subprocess.run(generate, env={**os.environ, **env}, check=True, capture_output=True)
        signing = Signing("openpgp", "honk@example.com", env)
        mirror = mirror_of(origin, committer=Committer(signing=signing))
        base = mirror.fetch(None).sha
        head = mirror.commit([tar_of(member("a", b"b"))], base=base, message="signed")
        mirror.push(head, "honk/signed", PushAccess(url=str(origin.path)), None)
        verify = ["git", "verify-commit", head]
        subprocess.run(verify, cwd=origin.path, env={**os.environ, **env}, check=True, capture_output=True)
        subprocess.run(["gpgconf", "--kill", "all"], env={**os.environ, **env}, check=True)


def test_a_key_that_cannot_sign_is_named(origin: Repo, mirror_of: Mirrors, tmp_path: Path) -> None:
    origin.commit({"a": "a\n"})
    mirror = mirror_of(origin, committer=Committer(signing=Signing("ssh", str(tmp_path / "missing"))))
    base = mirror.fetch(None).sha
    with pytest.raises(GitError, match=r"could not be signed.*\[signing\] in honk\.toml"):
        mirror.commit([tar_of(member("a", b"b"))], base=base, message="m")


# ---- hostile parts; see also test_canaries.py --------------------------------------------


def test_a_module_file_that_git_refuses_is_refused_at_once(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "a\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    for text in (b"update = !touch /tmp/x", b"url = --upload-pack=touch"):
        stream = tar_of(
            member("a", b"a\n"), member(".gitmodules", b'[submodule "x"]\n\tpath = x\n\t%s\n' % text)
        )
        with pytest.raises(HandOverError, match=r"git refuses.*gitmodules"):
            mirror.commit([stream], base=base, message="m")
    stream = tar_of(member("a", b"a\n"), member(".gitattributes", b"x" * 5000))
    with pytest.raises(HandOverError, match=r"git refuses.*gitattributes"):
        mirror.commit([stream], base=base, message="m")


def test_a_git_folder_that_is_a_link_to_the_host_is_passed_over(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "a\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    stream = tar_of(link(".git", "/root/.git"), member(".git/config", b"x"), member("a", b"a\n"))
    assert mirror.commit([stream], base=base, message="m") == base


def test_the_environment_of_honk_does_not_reach_git(
    origin: Repo, mirror_of: Mirrors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    origin.commit({"a": "a\n"})
    canary = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE", str(canary))
    monkeypatch.setenv("GIT_EXEC_PATH", "/nonexistent")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare=false'")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent/index")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", "/nonexistent/objects")
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    assert mirror.commit([tar_of(member("a", b"b"))], base=base, message="m") != base
    assert not canary.exists()


def test_words_of_a_hook_cannot_steer_the_terminal(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "a\n"})
    hook = origin.path / ".git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nprintf 'not on a \\033[31mFriday\\033[0m\\n' >&2\nexit 1\n")
    hook.chmod(0o755)
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    head = mirror.commit([tar_of(member("a", b"b"))], base=base, message="m")
    with pytest.raises(GitError, match="not on a ") as caught:
        mirror.push(head, "honk/x", PushAccess(url=str(origin.path)), None)
    assert caught.value.message.isprintable()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_named(origin: Repo, mirror_of: Mirrors, home: Path) -> None:
    origin.commit({"big": os.urandom(3 << 20)})
    mirrors = home / "mirrors"
    mirrors.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mirrors)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(GitError, match="The disk is full"):
            mirror_of(origin).fetch(None)
    finally:
        subprocess.run(["umount", str(mirrors)], check=True)


def test_a_damaged_mirror_is_named(origin: Repo, mirror_of: Mirrors) -> None:
    origin.commit({"a": "a\n"})
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    for file in (mirror.directory / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"")
    with pytest.raises(GitError, match=f"delete {mirror.directory}; it is only a cache"):
        mirror.files(base)
    with pytest.raises(GitError, match=f"delete {mirror.directory}; it is only a cache"):
        mirror.fetch(None)
