"""What only GitHub has: credentials, renames, forks, limits, drafts, labels and reviewers."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, ForgeError, UserError
from honk.core.types import Proposal, RepoRef
from honk.forges.api import App
from honk.forges.github import GitHubForge
from honk.testing.github import AppKey, FakeGitHub, Repo

BRANCH = "honk/bump-logging-1a2b"
REF = RepoRef(forge="github", name="acme/app", url="https://unused.example/acme/app.git")
OpenForge = Callable[..., GitHubForge]


@pytest.fixture
def hub(github: FakeGitHub) -> Repo:
    repo = github.add_repo("acme/app", {"dev": "write", "reviewer": "read"}, private=True, teams={"core"})
    repo.commit(BRANCH, "two\n", parent=repo.commit("main", "one\n"))
    return repo


@pytest.fixture
def forge(github: FakeGitHub, hub: Repo, open_forge: OpenForge) -> GitHubForge:
    return open_forge(github.add_token("dev", scopes=("repo",)))


def proposal(hub: Repo, **changes: object) -> Proposal:
    fields: dict[str, object] = {
        "run_id": "r1",
        "repo": REF,
        "base": "main",
        "branch": BRANCH,
        "head_sha": hub.head(BRANCH),
        "title": "Bump acme-log to 2",
        "body": "It works.",
        "draft": True,
    }
    return Proposal.model_validate(fields | changes)


def app_of(key: AppKey) -> App:
    return App(id=key.id, private_key=key.private_key)


def asked(github: FakeGitHub) -> list[str]:
    return [f"{e.method} {e.path} {e.status}" for e in github.journal]


# ---- before the run -----------------------------------------------------------------------


def test_a_renamed_repository_is_found_under_its_new_name(
    github: FakeGitHub, hub: Repo, forge: GitHubForge
) -> None:
    github.rename(hub, "acme-inc/service")
    resolved = forge.resolve(REF)
    assert resolved.name == "acme-inc/service"
    assert resolved.url.endswith("/acme-inc/service.git")
    assert asked(github) == ["GET /repos/acme/app 301", "GET /repositories/1 200"]


def test_a_rename_during_the_run_does_not_keep_the_pull_request_from_opening(
    github: FakeGitHub, hub: Repo, forge: GitHubForge
) -> None:
    github.rename(hub, "acme/service")
    assert forge.publish(proposal(hub)).created


@pytest.mark.parametrize(("field", "words"), [("archived", "archived"), ("disabled", "disabled by GitHub")])
def test_a_repository_that_takes_no_changes_is_refused_at_once(
    hub: Repo, forge: GitHubForge, field: str, words: str
) -> None:
    setattr(hub, field, True)
    with pytest.raises(UserError, match=words):
        forge.resolve(REF)


def test_a_private_repository_is_not_there_for_strangers(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    stranger = open_forge(github.add_token("stranger", scopes=("repo",)))
    with pytest.raises(UserError, match="404") as refusal:
        stranger.resolve(REF)
    assert "may see the repository" in refusal.value.hint


def test_a_wrong_token_is_named_as_such(hub: Repo, open_forge: OpenForge) -> None:
    with pytest.raises(UserError, match="401: Bad credentials") as refusal:
        open_forge("ghp_wrong").resolve(REF)
    assert "GITHUB_TOKEN" in refusal.value.hint


def test_no_credential_at_all_says_which_to_set() -> None:
    with pytest.raises(UserError, match="no credential") as refusal:
        GitHubForge("https://github.example/api/v3")
    assert "HONK_GITHUB_APP_ID" in refusal.value.hint


@pytest.mark.parametrize("address", ["github.example/api/v3", "ftp://github.example", "https://", ""])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(UserError, match="not the address of an API") as refusal:
        GitHubForge(address, token="ghp_x")
    assert "/api/v3" in refusal.value.hint


def test_single_sign_on_points_to_the_page_that_authorises_the_token(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    with pytest.raises(UserError, match="single sign-on") as refusal:
        open_forge(github.add_token("dev", scopes=("repo",), sso=True)).access(REF, fork=False)
    assert "/orgs/acme/sso?authorization_request=" in refusal.value.hint


@pytest.mark.parametrize(
    ("login", "token", "lacking"),
    [
        ("reviewer", {"scopes": ("repo",)}, "write access to the repository"),
        ("dev", {"prefix": "github_pat_", "grants": {"pull_requests": "write"}}, "permission for contents"),
        ("dev", {"prefix": "github_pat_", "grants": {"contents": "write"}}, "permission for pull requests"),
        ("ci[bot]", {"prefix": "ghs_", "grants": {"contents": "read"}}, "permission for contents"),
    ],
)
def test_a_missing_right_is_named_before_any_model_cost(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge, login: str, token: dict[str, str], lacking: str
) -> None:
    with pytest.raises(UserError, match=lacking) as refusal:
        open_forge(github.add_token(login, **token)).access(REF, fork=False)
    assert "--fork" in refusal.value.hint


def test_a_classic_token_without_scope_is_refused_on_a_public_repository(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    hub.private = False
    with pytest.raises(UserError, match="the scope `repo`"):
        open_forge(github.add_token("dev", scopes=("gist",))).access(REF, fork=False)
    assert not open_forge(github.add_token("dev", scopes=("public_repo",))).access(REF, fork=False).fork


@pytest.mark.parametrize(("login", "prefix"), [("dev", "github_pat_"), ("ci[bot]", "ghs_")])
def test_a_granted_token_may_push_and_its_question_leaves_no_trace(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge, login: str, prefix: str
) -> None:
    grants = {"contents": "write", "pull_requests": "write"}
    token = github.add_token(login, prefix=prefix, grants=grants, repos=frozenset({hub.id}))
    assert open_forge(token).access(REF, fork=False).fork is False
    assert hub.pulls == [] and hub.head("honk-permission") is None


def test_without_push_right_a_fork_is_made_once_and_the_pull_request_comes_from_it(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    waits: list[float] = []
    github.fork_polls = 3
    forge = open_forge(github.add_token("reviewer", scopes=("repo",)), wait=waits.append)
    access = forge.access(REF, fork=True)
    assert (access.owner, access.fork) == ("reviewer", True)
    assert access.url.endswith("/reviewer/app.git") and len(waits) == 3
    assert forge.access(REF, fork=True) == access

    fork = next(repo for repo in github.repos.values() if repo.owner == "reviewer")
    sha = fork.commit("honk/from-fork", "three\n", parent=hub.head("main"))
    words = proposal(hub, branch="honk/from-fork", head_owner="reviewer", head_sha=sha, labels=("honk",))
    assert forge.publish(words).created
    assert hub.pulls[0].head_repo is fork and hub.pulls[0].maintainer_can_modify
    assert forge.find(REF, "main", "honk/from-fork", "reviewer") is not None
    assert forge.find(REF, "main", "honk/from-fork") is None


def test_cancelling_ends_the_wait_for_a_fork(github: FakeGitHub, hub: Repo, open_forge: OpenForge) -> None:
    cancel = Cancel()
    cancel.set("enough")
    github.fork_polls = 100
    with pytest.raises(Cancelled):
        open_forge(github.add_token("reviewer", scopes=("repo",)), wait=cancel.wait).access(REF, fork=True)


# ---- GitHub Apps --------------------------------------------------------------------------

WRITE = {"contents": "write", "pull_requests": "write"}


def test_an_app_works_with_a_token_for_this_repository_only(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    key = github.add_app(hub, {**WRITE, "issues": "write"})
    other = github.add_repo("acme/other", private=True)
    key.installation.repos.add(other.id)
    forge = open_forge(app=app_of(key))
    assert forge.access(forge.resolve(REF), fork=False).fork is False
    assert forge.publish(proposal(hub, labels=("honk",))).created
    token = github.tokens[forge.credential(REF)]
    assert (token.repos, token.grants) == (frozenset({hub.id}), {"metadata": "read", **WRITE})
    minted = [e for e in github.journal if e.path.endswith("/access_tokens")]
    assert len(minted) == 2  # one to resolve the name, one for everything else


def test_an_app_follows_a_rename(github: FakeGitHub, hub: Repo, open_forge: OpenForge) -> None:
    forge = open_forge(app=app_of(github.add_app(hub, WRITE)))
    github.rename(hub, "acme/service")
    resolved = forge.resolve(REF)
    assert resolved.name == "acme/service"
    assert forge.access(resolved, fork=False).url == resolved.url


def test_an_installation_token_is_renewed_before_it_expires(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    short = open_forge(app=app_of(github.add_app(hub, WRITE, token_seconds=300)))
    assert short.credential(REF) != short.credential(REF)
    github.installations.clear()
    long = open_forge(app=app_of(github.add_app(hub, WRITE)))
    assert long.credential(REF) == long.credential(REF)


@pytest.mark.parametrize("fork", [False, True])
def test_an_app_without_permission_is_told_which_one(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge, fork: bool
) -> None:
    key = github.add_app(hub, {"contents": "write", "pull_requests": "read"})
    with pytest.raises(UserError, match="lacks write permission for pull_requests") as refusal:
        open_forge(app=app_of(key)).access(REF, fork=fork)
    assert "--fork" in refusal.value.hint


def test_an_app_that_is_not_installed_is_told_so(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    elsewhere = github.add_repo("acme/other")
    with pytest.raises(UserError, match="not installed on acme/app"):
        open_forge(app=app_of(github.add_app(elsewhere, WRITE))).resolve(REF)


def test_a_key_of_another_app_is_refused_with_its_settings_named(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    key, other = github.add_app(hub, WRITE), github.add_app(hub, WRITE)
    with pytest.raises(UserError, match="JSON web token could not be decoded") as refusal:
        open_forge(app=App(id=key.id, private_key=other.private_key)).resolve(REF)
    assert "HONK_GITHUB_PRIVATE_KEY" in refusal.value.hint


def test_a_key_that_is_no_key_is_refused_without_a_request(github: FakeGitHub, open_forge: OpenForge) -> None:
    with pytest.raises(UserError) as refusal:
        open_forge(app=App(id="1", private_key="not a key")).resolve(REF)
    assert "PEM" in refusal.value.hint and github.journal == []


# ---- pull requests ------------------------------------------------------------------------


def test_a_plan_without_drafts_gets_a_ready_pull_request_and_a_note(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    notes: list[str] = []
    hub.drafts = False
    opened = open_forge(github.add_token("dev", scopes=("repo",)), note=notes.append).publish(proposal(hub))
    assert (opened.draft, opened.created) == (False, True)
    assert "no draft pull requests" in notes[0]


def test_labels_and_reviewers_are_set_and_bad_ones_dropped_one_by_one(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    notes: list[str] = []
    forge = open_forge(github.add_token("dev", scopes=("repo",)), note=notes.append)
    reviewers = ("@reviewer", "stranger", "@acme/core", "acme/ghosts", "other/core", "Dev")
    opened = forge.publish(proposal(hub, labels=("honk", "x" * 51), reviewers=reviewers))
    pull = hub.pulls[0]
    assert opened.created
    assert (pull.labels, pull.reviewers, pull.teams) == (["honk"], ["reviewer"], ["core"])
    assert len(notes) == 4
    assert all(any(w in n for n in notes) for w in ("x" * 51, "stranger", "acme/ghosts", "other/core"))


def test_a_failing_label_service_does_not_fail_the_run(
    hub: Repo, github: FakeGitHub, forge: GitHubForge
) -> None:
    github.fail_next("/labels", 500, times=10)
    assert forge.publish(proposal(hub, labels=("honk",))).created


def test_an_interrupted_run_completes_labels_but_a_later_update_leaves_them_to_people(
    hub: Repo, forge: GitHubForge
) -> None:
    forge.publish(proposal(hub))
    forge.publish(proposal(hub, labels=("honk",), reviewers=("reviewer",)))
    assert (hub.pulls[0].labels, hub.pulls[0].reviewers) == (["honk"], ["reviewer"])
    hub.pulls[0].labels.clear()
    forge.publish(proposal(hub, labels=("honk",), title="Follow-up"))
    assert (hub.pulls[0].labels, hub.pulls[0].title) == ([], "Follow-up")


def test_two_runs_at_once_end_in_one_pull_request(github: FakeGitHub, hub: Repo, forge: GitHubForge) -> None:
    github.fail_next("GET .*/pulls$", 200, [])  # the other run's is not in the list yet
    first = forge.publish(proposal(hub))
    github.fail_next("GET .*/pulls$", 200, [])
    second = forge.publish(proposal(hub))
    assert second == first.model_copy(update={"created": False})
    assert len(hub.pulls) == 1


def test_an_answer_that_was_lost_does_not_lead_to_a_second_pull_request(
    github: FakeGitHub, hub: Repo, forge: GitHubForge
) -> None:
    github.fail_next("POST .*/pulls$", 502, "<html>Bad gateway</html>", after=True)
    assert forge.publish(proposal(hub)).number == 1
    assert len(hub.pulls) == 1


def test_a_branch_that_the_api_does_not_know_yet_is_waited_for(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            hub.commit("honk/late", "late\n", parent=hub.head("main"))

    forge = open_forge(github.add_token("dev", scopes=("repo",)), wait=wait)
    assert forge.publish(proposal(hub, branch="honk/late")).created
    assert waits == [1, 2]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"branch": "honk/never-pushed"}, "head invalid"),
        ({"base": "no-such-base"}, "base invalid"),
        ({"branch": "main"}, "No commits between"),
    ],
)
def test_what_github_refuses_is_said_in_its_own_words(
    hub: Repo, forge: GitHubForge, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ForgeError, match=words) as refusal:
        forge.publish(proposal(hub, **changes))
    assert refusal.value.status == 422


def test_a_title_longer_than_github_takes_is_cut(hub: Repo, forge: GitHubForge) -> None:
    forge.publish(proposal(hub, title="x" * 300))
    forge.publish(proposal(hub, title="x" * 300))
    assert hub.pulls[0].title == "x" * 256


def test_a_retargeted_pull_request_is_updated_and_not_doubled(hub: Repo, forge: GitHubForge) -> None:
    forge.publish(proposal(hub))
    hub.commit("release", "other\n", parent=hub.head("main"))
    hub.pulls[0].base = "release"
    assert forge.publish(proposal(hub, title="New")).number == 1
    assert len(hub.pulls) == 1


def test_the_newest_of_many_is_taken_and_an_open_one_before_all(
    github: FakeGitHub, hub: Repo, forge: GitHubForge
) -> None:
    forge.publish(proposal(hub))
    hub.pulls[0].close()
    hub.commit("release", "other\n")
    github.fail_next("GET .*/pulls$", 200, [])
    forge.publish(proposal(hub, base="main"))
    found = forge.find(REF, "main", BRANCH)
    assert found is not None and (found.number, found.state) == (2, "open")


def test_a_long_body_is_cut_to_what_github_takes(hub: Repo, forge: GitHubForge) -> None:
    forge.publish(proposal(hub, body="\U0001f600" * 70_000 + "\n" + "text\n" * 20_000))
    forge.publish(proposal(hub, title="Again", body="text\n" * 20_000))
    assert len(hub.pulls[0].body) <= 65_536 and hub.pulls[0].body.startswith("text\n")


# ---- limits and failures ------------------------------------------------------------------

LIMIT = {"message": "API rate limit exceeded for user ID 1.", "documentation_url": "https://docs.github.com"}
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("target", ["GET /repos/acme/app$", "POST .*/pulls$"])
def test_a_rate_limit_is_waited_out_as_long_as_github_says(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge, status: int, target: str
) -> None:
    waits: list[float] = []
    github.fail_next(target, status, SECONDARY, {"Retry-After": "7"})
    forge = open_forge(github.add_token("dev", scopes=("repo",)), wait=waits.append)
    assert forge.publish(proposal(hub)).created
    assert waits == [7]


def test_a_secondary_limit_without_a_time_is_given_a_minute(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    waits: list[float] = []
    github.fail_next("POST .*/pulls$", 403, SECONDARY)
    open_forge(github.add_token("dev", scopes=("repo",)), wait=waits.append).publish(proposal(hub))
    assert waits == [60]


def test_a_primary_limit_is_waited_out_until_its_reset(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    waits: list[float] = []
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 90)}
    github.fail_next("GET /repos/acme/app$", 403, LIMIT, reset)
    open_forge(github.add_token("dev", scopes=("repo",)), wait=waits.append).find(REF, "main", BRANCH)
    assert len(waits) == 1 and 60 < waits[0] <= 91


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_that_lasts_too_long_is_a_failure_of_the_service_and_not_of_the_person(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge, status: int
) -> None:
    waits: list[float] = []
    github.fail_next("GET /repos/acme/app$", status, LIMIT, {"Retry-After": "3600"})
    forge = open_forge(github.add_token("dev", scopes=("repo",)), wait=waits.append)
    with pytest.raises(ForgeError, match="rate limit") as failure:
        forge.resolve(REF)
    assert waits == [] and "honk resume" in failure.value.hint


def test_a_cancelled_run_does_not_sit_out_a_limit(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    cancel = Cancel()
    cancel.set("enough")
    github.fail_next("GET /repos/acme/app$", 429, SECONDARY, {"Retry-After": "600"})
    with pytest.raises(Cancelled):
        open_forge(github.add_token("dev", scopes=("repo",)), wait=cancel.wait).find(REF, "main", BRANCH)


def test_a_storm_of_server_errors_ends_after_a_few_tries(
    github: FakeGitHub, hub: Repo, open_forge: OpenForge
) -> None:
    waits: list[float] = []
    github.fail_next("GET", 503, "<html>Unicorn!</html>", times=100)
    forge = open_forge(github.add_token("dev", scopes=("repo",)), wait=waits.append)
    with pytest.raises(ForgeError) as failure:
        forge.resolve(REF)
    assert failure.value.status == 503 and waits == [1, 2, 4]
    assert "honk resume" in failure.value.hint


def test_a_forbidden_request_is_not_repeated(github: FakeGitHub, hub: Repo, forge: GitHubForge) -> None:
    github.fail_next("POST .*/pulls$", 403, {"message": "Resource not accessible by integration"}, times=9)
    with pytest.raises(ForgeError, match="not accessible"):
        forge.publish(proposal(hub))
    assert sum(e.method == "POST" for e in github.journal) == 1


def test_a_repository_archived_during_the_run_is_a_clear_failure(hub: Repo, forge: GitHubForge) -> None:
    hub.archived = True
    with pytest.raises(ForgeError, match="archived so is read-only") as failure:
        forge.publish(proposal(hub))
    assert "unarchived" in failure.value.hint


def test_an_address_where_nothing_listens_is_named() -> None:
    waits: list[float] = []
    forge = GitHubForge("http://127.0.0.1:9", token="ghp_x", wait=waits.append, pace=0)
    with pytest.raises(
        ForgeError, match=r"127\.0\.0\.1:9 cannot be reached: \[Errno 111\] Connection refused\."
    ) as failure:
        forge.resolve(REF)
    assert "GITHUB_API_URL" in failure.value.hint and len(waits) == 3
    forge.close()


@pytest.mark.parametrize("page", ["<html>Sign in</html>", {"hello": "world"}, "{broken"])
def test_a_page_that_is_not_the_api_is_recognised(
    github: FakeGitHub, hub: Repo, forge: GitHubForge, page: object
) -> None:
    github.fail_next("GET", 200, page, times=9)
    with pytest.raises(ForgeError) as failure:
        forge.resolve(REF)
    assert "GITHUB_API_URL" in failure.value.hint


def test_a_redirect_to_another_host_is_an_error_of_the_address(
    github: FakeGitHub, hub: Repo, forge: GitHubForge
) -> None:
    github.fail_next("GET", 301, {"message": "Moved"}, {"Location": "http://elsewhere.example/api"})
    with pytest.raises(ForgeError, match="does not answer as GitHub's API") as failure:
        forge.resolve(REF)
    assert "GITHUB_API_URL" in failure.value.hint
