from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.core.errors import UserError
from honk.git.refs import RemoteName, branch_name, check_branch, location, owner_name, parse_remote


@pytest.mark.parametrize(
    ("url", "host", "name"),
    [
        ("https://github.com/acme/app", "github.com", "acme/app"),
        ("https://github.com/acme/app.git", "github.com", "acme/app"),
        ("https://GitHub.com:443/acme/app/", "github.com", "acme/app"),
        ("https://git.corp.example:8443/acme/app.git", "git.corp.example:8443", "acme/app"),
        ("http://localhost:8080/acme/app", "localhost:8080", "acme/app"),
        ("git@github.com:acme/app.git", "github.com", "acme/app"),
        ("github.com:acme/app", "github.com", "acme/app"),
        ("ssh://git@github.com/acme/app.git", "github.com", "acme/app"),
        ("ssh://git@ssh.github.com:443/acme/my.app-2", "ssh.github.com", "acme/my.app-2"),
        ("git+ssh://git@host.example/a/b", "host.example", "a/b"),
    ],
)
def test_addresses_of_forges(url: str, host: str, name: str) -> None:
    assert parse_remote(url) == RemoteName(host=host, name=name)


@pytest.mark.parametrize(
    "url", ["/srv/git/app.git", "file:///srv/git/app.git", "file://localhost/srv/git/app.git"]
)
def test_addresses_of_local_repositories(url: str) -> None:
    assert str(parse_remote(url).path) == "/srv/git/app.git"


def test_a_file_address_may_have_escapes() -> None:
    assert str(parse_remote("file:///srv/my%20app").path) == "/srv/my app"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-oProxyCommand=x",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "https::https://github.com/a/b",
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/a/b",
        "https://2852039166/a/b",
        "https://0xa9.0xfe.0xa9.0xfe/a/b",
        "https://127.1/a/b",
        "https://[::1]/a/b",
        "https://[fd00:ec2::254]/a/b",
        "git@169.254.169.254:a/b",
        "http://github.com/acme/app",
        "https://user:pw@github.com/acme/app",
        "https://token@github.com/acme/app",
        "ssh://git:pw@github.com/acme/app",
        "ssh://-oProxyCommand=x/acme/app",
        "-x@github.com:acme/app",
        "ftp://github.com/acme/app",
        "git://github.com/acme/app",
        "file://evil.example/share",
        "https://github.com",
        "https://github.com/acme",
        "https://github.com/acme/../other",
        "https://github.com/acme/app?x=1",
        "https://github.com/acme/app#x",
        "https://github.com/acme/a pp",
        "https://github.com/-acme/app",
        "https://github.com/acme/app\nHost: evil",
        "https://github.com:99999/acme/app",
        "https://github.com\\@evil.example/acme/app",
        "user@host",
        "acme",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(UserError):
        parse_remote(url)


@pytest.mark.parametrize("text", ["acme/app", "j_doe/.github", "Acme-1/a.b_c"])
def test_a_plain_owner_and_name_is_taken(text: str) -> None:
    assert owner_name(text) == text


@pytest.mark.parametrize(
    "text", ["acme", "acme/app/x", "-acme/app", "acme/..", "/acme/app", "a/b.git", "a/b c", "a/b\n"]
)
def test_anything_else_than_owner_and_name_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        owner_name(text)


def test_a_refusal_never_shows_a_credential() -> None:
    with pytest.raises(UserError) as caught:
        parse_remote("https://x-access-token:ghp_secret@github.com/acme/app")
    assert "ghp_secret" not in str(caught.value)


def test_git_is_given_https_or_a_path_only() -> None:
    assert location("https://github.com/acme/app.git").url == "https://github.com/acme/app.git"
    assert location("file:///srv/app").url == "/srv/app"
    with pytest.raises(UserError):
        location("git@github.com:acme/app")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Bump logging lib", "honk/bump-logging-lib-7f3"),
        ("", "honk/change-7f3"),
        ("日本語のみ", "honk/change-7f3"),
        ("Über-Änderung: naïve café", "honk/uber-anderung-naive-cafe-7f3"),
        ("../../etc/passwd", "honk/etc-passwd-7f3"),
        ("--upload-pack=x", "honk/upload-pack-x-7f3"),
        ("a" * 300, f"honk/{'a' * 40}-7f3"),
        ("x.lock", "honk/x-lock-7f3"),
    ],
)
def test_a_branch_name_is_made_from_the_request(text: str, name: str) -> None:
    assert branch_name(text, "7f3") == name


@given(st.text(), st.text())
def test_a_branch_name_is_always_valid_and_always_the_same(text: str, run_id: str) -> None:
    name = branch_name(text, run_id)
    assert check_branch(name) == name == branch_name(text, run_id)
    assert name.startswith("honk/")


_NAMES = st.text(st.sampled_from("ab./-@{~^:?*[\\ \x01é#%&=+!"), max_size=8)


@given(_NAMES)
def test_a_branch_that_honk_takes_is_one_that_git_takes(name: str) -> None:
    try:
        check_branch(name)
    except UserError:
        return
    assert subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True).returncode == 0


_NO_BRANCHES = (
    *("--upload-pack=x", "a..b", "refs/heads/main", "", "@", "HEAD", "a b", "a~1", "a^", "a:b", "a?", "a*"),
    *("a[b", "a\\b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a@{1}", "a.", "a\x00b", "a\nb"),
    "a\u202eb",
)


@pytest.mark.parametrize("name", _NO_BRANCHES)
def test_a_name_that_is_no_branch_is_refused(name: str) -> None:
    with pytest.raises(UserError):
        check_branch(name)


@pytest.mark.parametrize("name", ["main", "release/1.x", "feature/ünïcode", "dependabot/npm/x-1.2", "a@b"])
def test_ordinary_branches_are_taken(name: str) -> None:
    assert check_branch(name) == name
