"""Template, code owners and issue of a pull request, by GitHub's own rules."""

from __future__ import annotations

import pytest

from honk.core.types import RepoRef
from honk.forges.context import codeowners, find_template, issue_reference, owners


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["README.md"], None),
        (["PULL_REQUEST_TEMPLATE.md"], "PULL_REQUEST_TEMPLATE.md"),
        (
            ["pull_request_template.md", ".github/Pull_Request_Template.md"],
            ".github/Pull_Request_Template.md",
        ),
        (["docs/pull_request_template.txt"], "docs/pull_request_template.txt"),
        (["pull_request_template"], "pull_request_template"),
        ([".github/PULL_REQUEST_TEMPLATE/only.md"], ".github/PULL_REQUEST_TEMPLATE/only.md"),
        ([".github/PULL_REQUEST_TEMPLATE/a.md", ".github/PULL_REQUEST_TEMPLATE/b.md"], None),
        ([".github/PULL_REQUEST_TEMPLATE/a.md", "pull_request_template.md"], "pull_request_template.md"),
        (["src/pull_request_template.md", "pull_request_template.py"], None),
    ],
)
def test_the_template_is_found_where_github_looks(paths: list[str], expected: str | None) -> None:
    assert find_template(paths) == expected


def test_codeowners_is_taken_from_the_first_place_that_github_knows() -> None:
    everywhere = ["docs/CODEOWNERS", "CODEOWNERS", ".github/CODEOWNERS"]
    assert codeowners(everywhere) == ".github/CODEOWNERS"
    assert codeowners(everywhere[:2]) == "CODEOWNERS"
    assert codeowners(["src/CODEOWNERS", "codeowners"]) is None


OWNERS = """\
# owners
*        @acme/everyone dev@example.com
*.py     @alice @bob   # python people
/docs/   @carol
/docs/generated/
!*.md    @mallory
[x]*.py  @mallory
"""


def test_the_last_match_owns_a_path_and_mail_addresses_are_skipped() -> None:
    assert owners(OWNERS, ["a.txt"]) == ("acme/everyone",)
    assert owners(OWNERS, ["a.py", "src/b.py"]) == ("alice", "bob")
    assert owners(OWNERS, ["docs/x.md", "a.py"]) == ("carol", "alice", "bob")
    assert owners(OWNERS, ["docs/generated/x.md"]) == ()
    assert owners("", ["a.py"]) == ()


REPO = RepoRef(forge="github", name="acme/app", url="https://github.example/acme/app.git")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fix #12", 12),
        ("Do what (#12) says", 12),
        ("ACME/app#7", 7),
        ("see https://github.example/acme/app/issues/31#issuecomment-1", 31),
        ("#12 is acme/app#12", 12),
        ("#12 and #13", None),
        ("other/repo#12", None),
        ("https://github.example/other/repo/issues/3", None),
        ("https://github.com/acme/app/issues/3", None),
        ("color #123abc, &#12; C#12, #12-rc", None),
        ("bump logging lib", None),
        ("#0", None),
    ],
)
def test_only_an_issue_that_the_request_names_is_referred_to(text: str, expected: int | None) -> None:
    assert issue_reference(text, REPO) == expected


def test_a_local_repository_has_no_issues() -> None:
    assert issue_reference("#12", RepoRef(forge="local", name="/srv/app", url="file:///srv/app")) is None
