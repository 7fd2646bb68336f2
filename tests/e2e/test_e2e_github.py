"""honk as a process against GitHub: API and git over HTTPS with a private CA, in real Docker."""

from __future__ import annotations

import pytest

from honk.testing.scripted import Call, Turn
from tests.e2e.hub import PROTECTED, Hub
from tests.e2e.installed import Installer
from tests.world import FILES, FINISH, GREET, git

pytestmark = pytest.mark.docker

OWN_RULES = {
    ".github/PULL_REQUEST_TEMPLATE.md": "## Why\n\n## How it was tested\n",
    ".github/CODEOWNERS": "* @ada\n*.sh @grace @acme/ops @elsewhere/ops\n",
    ".honk.yml": (
        "verify:\n  greeting: sh check.sh\n"
        "pull_request:\n  title: 'chore: {title}'\n  labels: [greeting]\n  reviewers: [mary]\n"
    ),
}
SLY = (
    "It greets now, @everyone.\n\nFixes #1 and closes acme/app#2.\n\n"
    "![pixel](https://evil.example/p.png) [click](https://evil.example)\n\n<img src=x onerror=alert(1)>"
)


def finish(title: str, description: str) -> Turn:
    return Turn(calls=(Call("finish", {"title": title, "description": description}),))


def test_a_private_repository_gets_a_draft_in_its_own_form(install: Installer, hub: Hub) -> None:
    """Named from nowhere; one credential for API, clone and push; template, labels, code owners."""
    honk = install([GREET, finish("Say hello to @octocat, fixes #3", SLY)])
    repo = hub.repo({**FILES, **OWN_RULES}, private=True, teams={"ops"})
    repo.roles |= {"grace": "write", "mary": "write"}
    token = hub.sign_in(honk)
    main = repo.head("main")
    config = honk.root / "honk.toml"
    config.write_text('labels = ["honk"]\n')
    done = honk.honk("say hello, see #7", "--repo", "acme/app", "--json", "--config", str(config))
    assert done.code == 0, done.err
    pull = hub.the_pull(repo)
    assert (pull.base, pull.draft, pull.state, repo.head("main")) == ("main", True, "open", main)
    assert pull.head_sha == done.result.head_sha
    assert git(repo.path, "show", f"{pull.head_ref}:greet.sh") == "echo hello\n"
    assert pull.title == "chore: Say hello to `@octocat`, fixes `#3`"
    assert sorted(pull.labels) == ["greeting", "honk"]
    assert (sorted(pull.reviewers), pull.teams) == (["grace", "mary"], ["ops"])
    assert "No reviewer elsewhere/ops" in done.err
    assert [line for line in pull.body.splitlines() if "#" in line and "Fixes" in line] == [
        "Fixes `#1` and closes `acme/app#2`.",
        "Fixes #7",
    ]
    assert "`@everyone`" in pull.body
    assert "evil.example" not in pull.body
    assert "<img" not in pull.body
    assert "## How it was tested" in pull.body
    assert "sh check.sh" in pull.body
    assert b"## How it was tested" in honk.service.journal[0].raw
    said = done.out + done.err + git(repo.path, "log", "--all", "--format=%B%an%ae")
    assert token not in said + "".join(r.model_dump_json() for r in honk.log())
    assert honk.leftovers() == []


@pytest.mark.full
@pytest.mark.parametrize("form", ["https://{0}/acme/app.git", "git@localhost:acme/app.git"])
def test_a_clone_of_github_is_recognised_by_its_origin(install: Installer, hub: Hub, form: str) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.sign_in(honk)
    clone = hub.clone(repo, form.format(hub.host))
    (clone / "notes.txt").write_text("mine")
    done = honk.honk("say hello", "--ready", cwd=clone)
    assert done.code == 0, done.err
    pull = hub.the_pull(repo)
    assert not pull.draft
    assert "Not included: 1 uncommitted file" in done.err
    assert "Co-authored-by: Ada Lovelace <ada@example.com>" in git(repo.path, "log", "-1", pull.head_ref)
    assert "Opened by honk for Ada Lovelace." in pull.body
    assert git(clone, "status", "--short").strip() == "?? notes.txt"
    assert git(clone, "branch").split() == ["*", "main"]


@pytest.mark.full
@pytest.mark.parametrize("as_path", [False, True], ids=["text", "path"])
def test_a_github_app_clones_pushes_and_opens(install: Installer, hub: Hub, as_path: bool) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo(private=True)
    app = hub.fake.add_app(repo, {"contents": "write", "pull_requests": "write"})
    key = honk.root / "app.pem"
    key.write_text(app.private_key)
    honk.env |= hub.address | {
        "HONK_GITHUB_APP_ID": app.id,
        "HONK_GITHUB_PRIVATE_KEY": str(key) if as_path else app.private_key,
    }
    done = honk.honk("say hello", "--repo", "acme/app")
    assert done.code == 0, done.err
    assert hub.the_pull(repo).author == "honk[bot]"


@pytest.mark.full
def test_without_a_push_right_a_fork_is_pushed_to(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    repo.roles["grace"] = "read"
    hub.fake.fork_polls = 1
    hub.sign_in(honk, hub.fake.add_token("grace", scopes=("repo",)))
    done = honk.honk("say hello", "--repo", "acme/app", "--fork")
    assert done.code == 0, done.err
    pull = hub.the_pull(repo)
    assert (pull.head_repo.full_name, hub.branches(repo)) == ("grace/app", [])


@pytest.mark.full
def test_a_renamed_repository_is_found_under_its_new_name(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hub.fake.rename(repo, "umbrella/application")
    hub.sign_in(honk)
    done = honk.honk("say hello", "--repo", "acme/app", "--json")
    assert done.code == 0, done.err
    assert done.result.repo == "umbrella/application"
    assert hub.the_pull(repo).title == "Say hello"


@pytest.mark.full
def test_the_same_request_again_makes_a_branch_and_a_pull_request_of_its_own(
    install: Installer, hub: Hub
) -> None:
    honk = install([GREET, FINISH], judge=[*[Turn('{"verdict": "approve", "reasons": []}')] * 2])
    repo = hub.repo()
    hub.sign_in(honk)
    for _ in range(2):
        done = honk.honk("say hello", "--repo", "acme/app")
        assert done.code == 0, done.err
    assert [pull.number for pull in repo.pulls] == [1, 2]
    assert sorted(pull.head_ref for pull in repo.pulls) == sorted(hub.branches(repo))
    assert len(hub.branches(repo)) == 2


@pytest.mark.full
def test_submodules_and_lfs_pointers_are_left_as_they_are(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12\n"
    repo = hub.repo(
        {
            **FILES,
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            ".gitmodules": '[submodule "lib"]\n\tpath = lib\n\turl = https://github.com/acme/lib.git\n',
            "model.bin": pointer,
        }
    )
    git(repo.path, "read-tree", "main")
    git(repo.path, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},lib")
    tree = git(repo.path, "write-tree").strip()
    head = git(repo.path, "commit-tree", tree, "-p", "main", "-m", "A submodule").strip()
    git(repo.path, "update-ref", "refs/heads/main", head)
    hub.sign_in(honk)
    done = honk.honk("say hello", "--repo", "acme/app")
    assert done.code == 0, done.err
    changed = git(repo.path, "diff", "--raw", "main", hub.the_pull(repo).head_ref)
    assert [line.split("\t")[1] for line in changed.splitlines()] == ["greet.sh"]
    assert "LFS" in done.err
    assert "Submodules" in done.err


@pytest.mark.full
def test_words_beyond_githubs_limit_are_cut_and_the_evidence_stays(install: Installer, hub: Hub) -> None:
    words = "".join(f"- point {n} of many \U0001f600 for @someone\n" for n in range(4000))
    honk = install([GREET, finish("Say hello", words)])
    repo = hub.repo({**FILES, "PULL_REQUEST_TEMPLATE.md": "## Why\n" + "Tell us.\n" * 6000})
    hub.sign_in(honk)
    request = "say hello\n\n" + "Please, @octocat.\n" * 2000
    done = honk.honk("-", "--repo", "acme/app", "--base", "main", stdin=request)
    assert done.code == 0, done.err
    pull = hub.the_pull(repo)
    assert 30_000 < len(pull.body) <= 65_536
    assert " @octocat" not in pull.body
    assert "point 100 of many" in pull.body
    assert "## Evidence" in pull.body
    assert '{"payload"' not in pull.body and "## Why" not in pull.body  # what gave way


@pytest.mark.full
def test_a_branch_that_may_not_be_pushed_fails_and_resume_publishes_it(install: Installer, hub: Hub) -> None:
    honk = install([GREET, FINISH])
    repo = hub.repo()
    hook = repo.path / "hooks" / "update"
    hook.write_text(PROTECTED.format("*"))
    hub.sign_in(honk)
    done = honk.honk("say hello", "--repo", "acme/app", "--json")
    assert done.code == 40
    assert "GH006" in done.result.reason
    assert repo.pulls == []
    hook.write_text(PROTECTED.format("main"))
    calls = len(honk.service.journal)
    again = honk.honk("resume", done.result.run_id)
    assert again.code == 0, again.err
    assert hub.the_pull(repo).title == "Say hello"
    assert len(honk.service.journal) == calls  # nothing was paid for twice
