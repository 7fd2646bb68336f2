from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from honk.core.errors import GitError, UserError
from honk.core.types import PushAccess, RepoRef
from honk.git.mirror import Mirror
from honk.testing.githttp import GitHttpServer
from honk.testing.gitrepos import Repo, check_out, tar_folder

Connect = Callable[..., Mirror]


def changed(mirror: Mirror, base: str, folder: Path, text: str = "print('v2')\n") -> str:
    work = check_out(mirror.seed(base, 50), base, folder)
    work.write({"app.py": text})
    return mirror.commit(tar_folder(work.path), base=base, message="v2")


def bare(server: GitHttpServer) -> Path:
    return server.root / "acme" / "app.git"


def ref_at(server: GitHttpServer, branch: str) -> str:
    return (
        subprocess.run(
            ["git", "-c", "safe.directory=*", "rev-parse", "--verify", "-q", f"refs/heads/{branch}"],
            cwd=bare(server),
            stdout=subprocess.PIPE,
            check=False,
        )
        .stdout.decode()
        .strip()
    )


def test_a_change_is_pushed_over_https_with_a_token(
    connect: Connect, server: GitHttpServer, served: RepoRef, tmp_path: Path
) -> None:
    mirror = connect(served)
    base = mirror.fetch(None)
    sha = changed(mirror, base.sha, tmp_path / "work")
    access = PushAccess(url=served.url)
    mirror.push(sha, "honk/bump-1", access, None)
    assert ref_at(server, "honk/bump-1") == sha
    mirror.push(sha, "honk/bump-1", access, None)  # again, as a resumed run does
    later = changed(mirror, base.sha, tmp_path / "work2", "print('v3')\n")
    mirror.push(later, "honk/bump-1", access, sha)
    assert mirror.head("honk/bump-1", access) == later


def test_a_shallow_mirror_pushes_one_commit_and_not_the_history(
    connect: Connect, server: GitHttpServer, served: RepoRef, origin: Repo, tmp_path: Path
) -> None:
    for number in range(20):
        origin.commit({f"big{number}.bin": os.urandom(20_000), "n.txt": str(number)})
    origin.git("push", "--quiet", str(bare(server)), "main:release")
    mirror = connect(served, depth=2)
    base = mirror.fetch("release")
    sha = changed(mirror, base.sha, tmp_path / "work")
    before = sum(f.stat().st_size for f in (bare(server) / "objects").rglob("*") if f.is_file())
    mirror.push(sha, "honk/x", PushAccess(url=served.url), None)
    after = sum(f.stat().st_size for f in (bare(server) / "objects").rglob("*") if f.is_file())
    assert after - before < 5_000
    assert subprocess.run(["git", "fsck", "--strict"], cwd=bare(server), check=False).returncode == 0


def test_a_push_works_after_the_base_branch_moved_on(
    connect: Connect, server: GitHttpServer, served: RepoRef, origin: Repo, tmp_path: Path
) -> None:
    mirror = connect(served, depth=1)
    base = mirror.fetch(None)
    sha = changed(mirror, base.sha, tmp_path / "work")
    (bare(server) / "hooks" / "update").unlink()
    for number in range(3):
        origin.commit({"other.txt": str(number)})
    origin.git("push", "--quiet", "--force", str(bare(server)), "main:main")
    mirror.push(sha, "honk/x", PushAccess(url=served.url), None)
    assert ref_at(server, "honk/x") == sha


def test_a_push_to_an_outdated_fork_brings_the_missing_history(
    connect: Connect, server: GitHttpServer, served: RepoRef, origin: Repo, tmp_path: Path
) -> None:
    fork = server.root / "me" / "app.git"
    fork.parent.mkdir()
    origin.git("clone", "--quiet", "--bare", str(bare(server)), str(fork))
    for number in range(5):
        origin.commit({"other.txt": str(number)})
    origin.git("push", "--quiet", str(bare(server)), "main:release")
    mirror = connect(served, depth=1)
    base = mirror.fetch("release")
    sha = changed(mirror, base.sha, tmp_path / "work")
    access = PushAccess(url=f"{server.url}/me/app.git", owner="me", fork=True)
    mirror.push(sha, "honk/x", access, None)
    assert mirror.head("honk/x", access) == sha
    assert subprocess.run(["git", "fsck", "--strict"], cwd=fork, check=False).returncode == 0


def test_a_persons_commit_on_the_branch_is_never_overwritten(
    connect: Connect, server: GitHttpServer, served: RepoRef, origin: Repo, tmp_path: Path
) -> None:
    mirror = connect(served)
    base = mirror.fetch(None)
    sha = changed(mirror, base.sha, tmp_path / "work")
    access = PushAccess(url=served.url)
    mirror.push(sha, "honk/x", access, None)
    person = origin.commit({"mine.txt": "a person's\n"})
    origin.git("push", "--quiet", "--force", str(bare(server)), "main:honk/x")
    later = changed(mirror, base.sha, tmp_path / "work2", "print('v3')\n")
    with pytest.raises(GitError, match=f"holds {person}, which honk did not push"):
        mirror.push(later, "honk/x", access, sha)
    assert ref_at(server, "honk/x") == person
    mirror.ensure(person)
    assert mirror.read(mirror.files(person)["mine.txt"]) == b"a person's\n"


def test_a_deleted_branch_is_not_recreated(
    connect: Connect, server: GitHttpServer, served: RepoRef, tmp_path: Path
) -> None:
    mirror = connect(served)
    sha = changed(mirror, mirror.fetch(None).sha, tmp_path / "work")
    with pytest.raises(GitError, match="is gone"):
        mirror.push(sha, "honk/x", PushAccess(url=served.url), "1" * 40)


def test_the_words_of_a_protected_branch_reach_the_person(
    connect: Connect, served: RepoRef, tmp_path: Path
) -> None:
    mirror = connect(served)
    sha = changed(mirror, mirror.fetch(None).sha, tmp_path / "work")
    with pytest.raises(GitError, match="GH006: Protected branch update failed"):
        mirror.push(sha, "honk/protected-1", PushAccess(url=served.url), None)


def test_only_branches_of_honk_are_pushed(connect: Connect, served: RepoRef, tmp_path: Path) -> None:
    mirror = connect(served)
    sha = changed(mirror, mirror.fetch(None).sha, tmp_path / "work")
    for branch in ("main", "refs/heads/honk/x", "honk/../main", "honk/x:main", "--upload-pack=x", "honk/"):
        with pytest.raises(UserError):
            mirror.push(sha, branch, PushAccess(url=served.url), None)


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, r"refused the credential \(none was given\)"), ("wrong", "refused the credential")],
)
def test_a_missing_or_wrong_credential_is_named(
    connect: Connect, served: RepoRef, token: str | None, words: str
) -> None:
    with pytest.raises(GitError, match=words):
        connect(served, token).fetch(None)


def test_a_token_that_may_only_read_is_told_apart(connect: Connect, served: RepoRef, tmp_path: Path) -> None:
    mirror = connect(served, "tok-read-only")
    sha = changed(mirror, mirror.fetch(None).sha, tmp_path / "work")
    with pytest.raises(GitError, match=r"may not push to.*Contents: read and write"):
        mirror.push(sha, "honk/x", PushAccess(url=served.url), None)


def test_a_token_is_asked_for_again_when_it_is_needed(
    home: Path, server: GitHttpServer, served: RepoRef
) -> None:
    from honk.git.mirror import open_mirror
    from honk.git.remote import Credential, Network

    handed_out: list[str] = []

    def token() -> str:
        handed_out.append(server.token)
        return server.token

    network = Network(ca_file=server.ca_file)
    with open_mirror(home, served, Credential(server.url, token), network=network) as mirror:
        mirror.fetch(None)
        mirror.head("honk/x", PushAccess(url=served.url))
    assert len(handed_out) == 3


def test_the_credential_goes_to_its_own_host_only(home: Path, server: GitHttpServer, served: RepoRef) -> None:
    from honk.git.mirror import open_mirror
    from honk.git.remote import Credential, Network

    other = Credential("https://github.example.com", lambda: server.token)
    with (
        open_mirror(home, served, other, network=Network(ca_file=server.ca_file)) as mirror,
        pytest.raises(GitError, match="refused the credential"),
    ):
        mirror.fetch(None)


def test_the_credential_is_in_no_file_of_the_mirror(connect: Connect, served: RepoRef, home: Path) -> None:
    connect(served).fetch(None)
    text = b"".join(f.read_bytes() for f in home.rglob("*") if f.is_file() and "objects" not in f.parts)
    assert b"tok-of-the-tests" not in text
    assert b"Authorization" not in text


def test_an_untrusted_certificate_names_the_variable(
    home: Path, server: GitHttpServer, served: RepoRef
) -> None:
    from honk.git.mirror import open_mirror

    with open_mirror(home, served) as mirror, pytest.raises(GitError, match=r"not trusted.*GIT_SSL_CAINFO"):
        mirror.fetch(None)


def test_a_repository_that_is_not_there_is_named(
    connect: Connect, server: GitHttpServer, served: RepoRef
) -> None:
    missing = RepoRef(forge="github", name="acme/none", url=f"{server.url}/acme/none.git")
    with pytest.raises(UserError, match="no git repository at"):
        connect(missing).fetch(None)


def test_an_unreachable_remote_is_named(connect: Connect, served: RepoRef) -> None:
    unreachable = RepoRef(forge="github", name="acme/app", url="https://localhost:1/acme/app.git")
    with pytest.raises(GitError, match="cannot be reached"):
        connect(unreachable).fetch(None)


def test_nothing_is_fetched_when_the_base_did_not_move(
    connect: Connect, server: GitHttpServer, served: RepoRef
) -> None:
    first = connect(served).fetch(None)
    server.requests.clear()
    assert connect(served).fetch(None) == first
    assert len([r for r in server.requests if r.startswith("POST")]) == 1  # ls-remote


def test_a_resumed_run_on_another_machine_finds_its_base(
    connect: Connect, server: GitHttpServer, served: RepoRef, origin: Repo, tmp_path: Path
) -> None:
    mirror = connect(served)
    base = mirror.fetch(None)
    sha = changed(mirror, base.sha, tmp_path / "work")
    checkpoint = mirror.pack(sha, base.sha)
    (bare(server) / "hooks" / "update").unlink()
    for number in range(60):
        origin.commit({"other.txt": str(number)})
    origin.git("push", "--quiet", str(bare(server)), "main:main")
    elsewhere = connect(served, home=tmp_path / "elsewhere")
    assert elsewhere.fetch(None).sha != base.sha
    elsewhere.ensure(base.sha)
    elsewhere.unpack(checkpoint)
    assert elsewhere.diff(base.sha, sha) == mirror.diff(base.sha, sha)
    elsewhere.push(sha, "honk/x", PushAccess(url=served.url), None)
    assert ref_at(server, "honk/x") == sha


def test_many_processes_use_one_mirror_at_once(
    server: GitHttpServer, served: RepoRef, home: Path, tmp_path: Path
) -> None:
    script = tmp_path / "one.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        "from honk.core.types import RepoRef\nfrom honk.git.mirror import open_mirror\n"
        "from honk.git.remote import Credential, Network\n"
        "from honk.testing.gitrepos import tar_of, member\n"
        "home, url, ca, token, n = sys.argv[1:]\n"
        "ref = RepoRef(forge='github', name='acme/app', url=url)\n"
        "root = url.rsplit('/', 2)[0]\n"
        "key = Credential(root, lambda: token)\n"
        "with open_mirror(Path(home), ref, key, network=Network(Path(ca))) as m:\n"
        "    base = m.fetch(None)\n"
        "    for i in range(3):\n"
        "        m.seed(base.sha, 50)\n"
        "        sha = m.commit([tar_of(member('app.py', f'{n}.{i}'.encode()))], base=base.sha, message=n)\n"
        "    print(m.read(m.files(sha)['app.py']).decode())\n"
    )
    command = [sys.executable, str(script), str(home), served.url, str(server.ca_file), server.token]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen([*command, str(n)], env=env, stdout=subprocess.PIPE, text=True) for n in range(4)
    ]
    outputs = [process.communicate()[0].strip() for process in running]
    assert outputs == [f"{n}.2" for n in range(4)]


def test_what_a_killed_git_left_behind_does_not_block_the_next_fetch(
    connect: Connect, server: GitHttpServer, served: RepoRef, origin: Repo
) -> None:
    mirror = connect(served)
    mirror.fetch(None)
    (mirror.directory / "shallow.lock").write_text("")
    for ref in (mirror.directory / "refs").rglob("*"):
        if ref.is_file():
            ref.with_name(ref.name + ".lock").write_text("")
    sha = origin.commit({"more.txt": "more\n"})
    (bare(server) / "hooks" / "update").unlink()
    origin.git("push", "--quiet", str(bare(server)), "main:main")
    assert mirror.fetch(None).sha == sha
