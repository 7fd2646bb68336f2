"""Which submodules are fetched, from where, and what .gitmodules cannot bring about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, UserError
from honk.core.types import RepoRef
from honk.git.command import Git
from honk.git.mirror import Mirror
from honk.git.objects import Blobs, Entry
from honk.git.submodules import Brought, Link, Ways, bring, links, resolve
from honk.testing.githttp import GitHttpServer
from honk.testing.gitrepos import Repo, check_out

Mirrors = Callable[..., Mirror]

GITHUB = RepoRef(forge="github", name="acme/app", url="https://github.com/acme/app.git")
PORT = RepoRef(forge="github", name="acme/app", url="https://ghe.example.com:8443/acme/app.git")
LOCAL = RepoRef(forge="local", name="/srv/git/app.git", url="file:///srv/git/app.git")


def entry(path: str, url: str, name: str = "") -> str:
    return f'[submodule "{name or path}"]\n\tpath = {path}\n\turl = {url}\n'


def add_gitlinks(repo: Repo, links: dict[str, str], modules: str | None) -> str:
    """Commit submodules the way a hostile or a plain tool may have: straight into the index."""
    if modules is not None:
        repo.write({".gitmodules": modules})
        repo.git("add", ".gitmodules")
    for path, commit in links.items():
        record = f"160000 {commit}\t{path}".encode() + b"\0"
        repo.git("update-index", "-z", "--add", "--index-info", input=record)
    repo.git("commit", "--quiet", "-m", "submodules")
    return repo.sha()


@pytest.fixture
def lib(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "lib")
    repo.commit({"old": "old\n"})
    repo.commit({"version.txt": "1.2\n", "src/crlf.c": "int x;\r\n", ".gitattributes": "* text eol=lf\n"})
    return repo


@pytest.fixture
def local(mirror_of: Mirrors) -> Ways:
    return lambda link, chain: (mirror_of(link.repo, depth=1),)


def brought(mirror: Mirror, ways: Ways) -> Brought:
    return bring(mirror, mirror.fetch(None).sha, ways, Cancel())


def paths(found: Brought) -> list[str]:
    return [module.path for module in found.present]


def links_of(mirror: Mirror) -> dict[str, Link]:
    found = mirror.submodules(mirror.fetch(None).sha)
    return {link.path.decode("utf-8", "backslashreplace"): link for link in found}


# ---- addresses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "parent", "resolved"),
    [
        ("https://github.com/acme/lib.git", GITHUB, "https://github.com/acme/lib.git"),
        ("https://github.com/other/lib", GITHUB, "https://github.com/other/lib.git"),
        ("https://GitHub.com:443/acme/lib/", GITHUB, "https://github.com/acme/lib.git"),
        ("git@github.com:acme/lib.git", GITHUB, "https://github.com/acme/lib.git"),
        ("ssh://git@github.com:22/acme/lib.git", GITHUB, "https://github.com/acme/lib.git"),
        ("ssh://git@ssh.github.com:443/acme/lib.git", GITHUB, "https://github.com/acme/lib.git"),
        ("git@ghe.example.com:acme/lib.git", PORT, "https://ghe.example.com:8443/acme/lib.git"),
        ("../lib.git", GITHUB, "https://github.com/acme/lib.git"),
        ("../../other/lib", GITHUB, "https://github.com/other/lib.git"),
        ("../lib", PORT, "https://ghe.example.com:8443/acme/lib.git"),
        ("../lib.git", LOCAL, "file:///srv/git/lib.git"),
        ("./modules/lib", LOCAL, "file:///srv/git/app.git/modules/lib"),
        ("/srv/other/../lib", LOCAL, "file:///srv/lib"),
        ("file:///srv/my%20lib", LOCAL, "file:///srv/my%20lib"),
    ],
)
def test_an_address_is_built_anew(url: str, parent: RepoRef, resolved: str) -> None:
    assert resolve(url, parent).url == resolved


@pytest.mark.parametrize(
    ("url", "parent"),
    [
        ("--upload-pack=touch /tmp/x", GITHUB),
        ("-u./payload", LOCAL),
        ("ext::sh -c 'touch /tmp/x'", GITHUB),
        ("ext::sh -c 'touch /tmp/x'", LOCAL),
        ("https://user:secret@github.com/acme/lib.git", GITHUB),
        ("https://github.com.evil.example/acme/lib.git", GITHUB),
        ("https://gitlab.com/acme/lib.git", GITHUB),
        ("git@gitlab.com:acme/lib.git", GITHUB),
        ("https://169.254.169.254/latest/meta-data", GITHUB),
        ("http://169.254.169.254/latest/meta-data", LOCAL),
        ("http://2130706433/acme/lib", GITHUB),
        ("https://github.com/acme/lib.git?x=1", GITHUB),
        ("https://github.com/acme/lib\r.git", GITHUB),
        ("https://github.com/acme/%2e%2e/lib", GITHUB),
        ("https://ghe.example.com/acme/lib", PORT),
        ("git://github.com/acme/lib.git", GITHUB),
        ("../../../../lib", GITHUB),
        ("./lib", GITHUB),
        ("../li\nb", GITHUB),
        ("../li\nb", LOCAL),
        ("file:///etc", GITHUB),
        ("/srv/git/lib", GITHUB),
        ("~/secret", LOCAL),
        ("lib", LOCAL),
        ("https://github.com/acme/lib.git", LOCAL),
        ("", GITHUB),
    ],
)
def test_an_address_elsewhere_or_with_a_trick_is_refused(url: str, parent: RepoRef) -> None:
    with pytest.raises(UserError):
        resolve(url, parent)


def test_a_refusal_does_not_repeat_a_credential() -> None:
    with pytest.raises(UserError) as caught:
        resolve("https://user:secret@github.com/acme/lib.git", GITHUB)
    assert "secret" not in str(caught.value)


# ---- .gitmodules ------------------------------------------------------------------------


def test_only_submodules_of_the_tree_count(origin: Repo, mirror_of: Mirrors, lib: Repo) -> None:
    modules = entry("lib", "../lib") + entry("ghost", "../ghost") + entry("../../etc", "../lib", "escape")
    add_gitlinks(origin, {"lib": lib.sha(), "bare": lib.sha()}, modules)
    found = links_of(mirror_of(origin))
    assert set(found) == {"lib", "bare"}
    assert found["lib"].repo is not None
    assert found["lib"].repo.url == lib.path.as_uri()
    assert (found["bare"].repo, found["bare"].why) == (None, ".gitmodules names no address for it")


def test_a_path_with_a_control_character_is_refused(origin: Repo, mirror_of: Mirrors, lib: Repo) -> None:
    modules = '[submodule "lib"]\n\tpath = "lib\\r"\n\turl = ../lib\n'.replace("\\r", "\r")
    add_gitlinks(origin, {"lib\r": lib.sha(), "a\\b": lib.sha()}, modules)
    found = links_of(mirror_of(origin))
    assert {path: link.repo for path, link in found.items()} == {"lib\r": None, "a\\b": None}
    assert "control character" in found["lib\r"].why
    assert "backslash" in found["a\\b"].why


@pytest.mark.parametrize(
    "modules",
    [
        entry("lib", "../lib") + entry("lib", "../evil"),  # one name twice
        entry("lib", "../lib", "one") + entry("lib", "../evil", "two"),  # one path twice
    ],
)
def test_two_addresses_for_one_submodule_are_none(
    origin: Repo, mirror_of: Mirrors, lib: Repo, modules: str
) -> None:
    add_gitlinks(origin, {"lib": lib.sha()}, modules)
    assert "more than one address" in links_of(mirror_of(origin))["lib"].why


def test_an_include_is_not_followed(origin: Repo, mirror_of: Mirrors, lib: Repo, tmp_path: Path) -> None:
    (tmp_path / "more").write_text(entry("lib", "../lib"))
    add_gitlinks(origin, {"lib": lib.sha()}, f"[include]\n\tpath = {tmp_path / 'more'}\n")
    assert links_of(mirror_of(origin))["lib"].repo is None


@pytest.mark.parametrize("modules", [None, "[submodule", "\0\0", "x" * (2 << 20)])
def test_a_gitmodules_that_says_nothing_leaves_its_submodules_out(
    origin: Repo, mirror_of: Mirrors, lib: Repo, modules: str | None
) -> None:
    add_gitlinks(origin, {"lib": lib.sha()}, modules)
    assert "no address" in links_of(mirror_of(origin))["lib"].why


def test_a_gitmodules_that_is_no_file_is_not_read(origin: Repo, lib: Repo) -> None:
    origin.write({"modules": entry("lib", "../lib")})
    oid = origin.git("hash-object", "-w", "modules").decode().strip()
    git = Git(origin.path / ".git")
    blobs = Blobs(git)
    try:
        for mode, repo in (("120000", None), ("100644", lib.path.as_uri())):
            tree = {b".gitmodules": Entry(mode, oid), b"lib": Entry("160000", lib.sha())}
            [link] = links(git, blobs, tree, origin.ref)
            assert (link.repo and link.repo.url) == repo
    finally:
        blobs.close()


# ---- fetching ---------------------------------------------------------------------------


def test_a_local_submodule_is_brought_byte_for_byte(
    origin: Repo, mirror_of: Mirrors, lib: Repo, local: Ways, tmp_path: Path
) -> None:
    commit = lib.sha()
    lib.commit({"version.txt": "2.0\n"})  # the branch went on; the base's commit counts
    add_gitlinks(origin, {"deps/lib": commit}, entry("deps/lib", "../lib"))
    found = brought(mirror_of(origin), local)
    [module] = found.present
    assert (module.path, module.commit, dict(found.absent)) == ("deps/lib", commit, {})
    work = check_out((module.seed().pack, (commit,)), commit, tmp_path / "work")
    assert (work.path / "version.txt").read_text() == "1.2\n"
    assert work.git("rev-list", "--count", "HEAD") == b"1\n"


def test_a_submodule_that_cannot_be_fetched_is_absent_and_the_others_come(
    origin: Repo, mirror_of: Mirrors, lib: Repo, local: Ways
) -> None:
    modules = entry("gone", "../gone") + entry("lib", "../lib") + entry("old", "../lib")
    modules += entry("x", "ext::x")
    commits = {"gone": lib.sha(), "lib": lib.sha(), "old": "1" * 40, "x": lib.sha()}
    add_gitlinks(origin, commits, modules)
    found = brought(mirror_of(origin), local)
    assert paths(found) == ["lib"]
    assert set(found.absent) == {"gone", "old", "x"}
    assert "no git repository" in found.absent["gone"]
    assert "remote helpers" in found.absent["x"]


def test_a_cancelled_run_fetches_nothing(origin: Repo, mirror_of: Mirrors, lib: Repo, local: Ways) -> None:
    add_gitlinks(origin, {"lib": lib.sha()}, entry("lib", "../lib"))
    mirror = mirror_of(origin)
    base = mirror.fetch(None).sha
    cancel = Cancel()
    cancel.set("enough")
    with pytest.raises(Cancelled):
        bring(mirror, base, local, cancel)


# ---- submodules of submodules -----------------------------------------------------------


def test_a_submodule_of_a_submodule_comes_after_it(
    origin: Repo, mirror_of: Mirrors, lib: Repo, local: Ways, tmp_path: Path
) -> None:
    inner = Repo(tmp_path / "inner")
    deepest = inner.commit({"word.txt": "deep\n"})
    middle = add_gitlinks(lib, {"vendor/inner": deepest}, entry("vendor/inner", "../inner"))
    add_gitlinks(
        origin, {"deps/lib": middle, "z": deepest}, entry("deps/lib", "../lib") + entry("z", "../inner")
    )
    found = brought(mirror_of(origin), local)
    assert paths(found) == ["deps/lib", "z", "deps/lib/vendor/inner"]
    assert [module.commit for module in found.present] == [middle, deepest, deepest]
    assert dict(found.absent) == {}


def test_a_nested_address_is_held_to_the_same_rules(
    origin: Repo, mirror_of: Mirrors, lib: Repo, local: Ways
) -> None:
    modules = entry("away", "https://gitlab.com/acme/away.git") + entry("trick", "ext::sh -c x")
    middle = add_gitlinks(lib, {"away": "2" * 40, "trick": "2" * 40, "none": "2" * 40}, modules)
    add_gitlinks(origin, {"lib": middle}, entry("lib", "../lib"))
    found = brought(mirror_of(origin), local)
    assert paths(found) == ["lib"]
    assert set(found.absent) == {"lib/away", "lib/trick", "lib/none"}


def test_a_submodule_whose_gitmodules_git_refuses_is_left_out(
    origin: Repo, mirror_of: Mirrors, lib: Repo, local: Ways
) -> None:
    middle = add_gitlinks(lib, {"trick": "2" * 40}, entry("trick", "--upload-pack=touch x"))
    add_gitlinks(origin, {"lib": middle}, entry("lib", "../lib"))
    found = brought(mirror_of(origin), local)
    assert paths(found) == []
    assert "gitmodulesUrl" in found.absent["lib"]


def test_a_repository_that_contains_itself_is_left_out(
    origin: Repo, mirror_of: Mirrors, lib: Repo, local: Ways
) -> None:
    pages = origin.commit({"pages.html": "p\n"})
    again = add_gitlinks(
        lib, {"top": pages, "self": lib.sha()}, entry("top", "../origin") + entry("self", "../lib")
    )
    add_gitlinks(origin, {"lib": again, "site": pages}, entry("lib", "../lib") + entry("site", "../origin"))
    found = brought(mirror_of(origin), local)
    assert paths(found) == ["lib", "site"]  # its own pages are no cycle
    assert dict.fromkeys(found.absent.values()) == {"its repository contains itself": None}
    assert set(found.absent) == {"lib/top", "lib/self"}


def test_the_depth_is_bounded(origin: Repo, mirror_of: Mirrors, local: Ways, tmp_path: Path) -> None:
    commit = Repo(tmp_path / "r7").commit({"end": "end\n"})
    for number in range(6, 0, -1):
        repo = Repo(tmp_path / f"r{number}")
        commit = add_gitlinks(repo, {"m": commit}, entry("m", f"../r{number + 1}"))
    add_gitlinks(origin, {"m": commit}, entry("m", "../r1"))
    found = brought(mirror_of(origin), local)
    assert paths(found) == ["m", "m/m", "m/m/m", "m/m/m/m", "m/m/m/m/m"]
    assert dict(found.absent) == {"m/m/m/m/m/m": "it lies more than 5 submodules deep"}


@pytest.mark.full
def test_the_number_is_bounded(origin: Repo, mirror_of: Mirrors, lib: Repo, local: Ways) -> None:
    names = [f"m{number:04}" for number in range(1002)]
    add_gitlinks(origin, dict.fromkeys(names, lib.sha()), "".join(entry(name, "../lib") for name in names))
    found = brought(mirror_of(origin), local)
    assert len(found.present) == 1000
    assert set(found.absent) == {"m1000", "m1001"}


# ---- over HTTPS -------------------------------------------------------------------------


@pytest.fixture
def private(server: GitHttpServer, served: RepoRef, origin: Repo, lib: Repo) -> Iterator[Callable[..., None]]:
    """Serves ``lib`` beside ``acme/app``; calling it gives the app a submodule at the given address."""
    bare = server.root / "acme" / "lib.git"
    lib.git("clone", "--quiet", "--bare", str(lib.path), str(bare))

    def link(url: str) -> None:
        add_gitlinks(origin, {"lib": lib.sha()}, entry("lib", url))
        app = server.root / "acme" / "app.git"
        (app / "hooks" / "update").unlink()
        origin.git("push", "--quiet", str(app), "main")

    yield link


@pytest.mark.parametrize("url", ["../lib.git", "git@localhost:acme/lib.git"])
def test_a_private_submodule_is_fetched_with_the_runs_own_credential(
    private: Callable[[str], None], served: RepoRef, connect: Mirrors, lib: Repo, url: str
) -> None:
    private(url)
    found = brought(connect(served), lambda link, _: (connect(link.repo, depth=1),))
    assert [(m.path, m.commit) for m in found.present] == [("lib", lib.sha())]


def test_without_the_right_to_read_it_a_submodule_is_absent(
    private: Callable[[str], None], served: RepoRef, connect: Mirrors, server: GitHttpServer
) -> None:
    private("../lib.git")

    def ways(link: Link, _: tuple[RepoRef, ...]) -> tuple[Mirror, ...]:
        return connect(link.repo, "wrong", depth=1), connect(link.repo, None, depth=1)

    found = brought(connect(served), ways)
    assert found.present == ()
    assert "refused the credential" in found.absent["lib"]


def test_what_the_credential_cannot_read_is_tried_without_it(
    private: Callable[[str], None], served: RepoRef, connect: Mirrors
) -> None:
    private("../lib.git")
    found = brought(
        connect(served), lambda link, _: (connect(link.repo, "wrong", depth=1), connect(link.repo, depth=1))
    )
    assert [module.path for module in found.present] == ["lib"]


def test_no_other_host_is_asked(
    private: Callable[[str], None], served: RepoRef, connect: Mirrors, server: GitHttpServer, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with GitHttpServer(tmp_path / "other", "tok") as other:
        private(f"{other.url}/acme/lib.git")
        found = brought(connect(served), lambda link, _: (connect(link.repo, depth=1),))
        assert found.present == ()
        assert "asks only" in found.absent["lib"]
        assert other.requests == []
