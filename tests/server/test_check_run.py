"""What is said on GitHub of a run: the check run of its commit, with an App, and the comment at its end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from honk import settings as settings_module
from honk.core.events import (
    BaseResolved,
    Event,
    FollowedUp,
    Pushed,
    Recorded,
    RunEnded,
    RunRequested,
    Verified,
)
from honk.core.followup import FollowUp
from honk.core.state import RunState, fold
from honk.core.types import Base, Check, Outcome, PullRequest, RepoRef, Report, Request
from honk.runs.run import Run
from honk.settings import Settings
from honk.testing.github_state import Repo
from honk.wiring import enlist, open_stores
from honk.wiring.hub import check_run, outcome, show
from tests.e2e.hub import Hub
from tests.e2e.installed import Installer

BRANCH, CHECK = "honk/say-hello-1", "make | test"


def test_progress_at_what_it_builds_upon_and_evidence_at_what_it_pushed(install: Installer, hub: Hub) -> None:
    honk = install()
    repo: Repo = hub.repo()
    head = repo.commit(BRANCH, "x", parent=repo.head("main") or "")
    app = hub.fake.add_app(repo, {"contents": "write", "pull_requests": "write", "checks": "write"})
    key = SecretStr(app.private_key)
    github = honk.settings.github.model_copy(
        update={"api_url": hub.fake.url, "app_id": app.id, "private_key": key}
    )
    settings = honk.settings.model_copy(update={"github": github, "ca_file": hub.ca_file})
    noted: list[str] = []
    ref = RepoRef(forge="github", name="acme/app", url="https://localhost/acme/app.git")
    with open_stores(settings) as stores:
        followup = FollowUp(number=1, rounds=3)
        run_id = enlist(stores, Request(text="", repo=ref, model="replay:x", followup=followup))
        fence = stores.leases.claim(run_id, "test")
        run = Run(run_id, stores.events, fence, stores.events.read(run_id))
        show(settings, stores, run_id, noted.append)  # there is no commit yet
        assert repo.talk.checks == []

        pull = PullRequest(url="https://localhost/acme/app/pull/1", number=1, draft=True, created=False)
        run.record(
            FollowedUp(
                pull_request=pull, title="Hello", original="say hello", description="", branch=BRANCH,
                head=head, trusted=repo.head("main") or "",
            )
        )  # fmt: skip
        show(settings, stores, run_id, noted.append)
        [begun] = repo.talk.checks
        assert (begun.sha, begun.name, begun.conclusion, begun.key) == (head, "honk", None, run_id)

        base = Base(repo=ref, branch="main", sha=head, default_branch="main")
        run.record(BaseResolved(base=base, branch=BRANCH, verify=()))
        check = Check(name=CHECK, command="make test", exit_code=0, seconds=2, summary="")
        newer = repo.commit(BRANCH, "y", parent=head)
        run.record(Verified(stage="final", commit=newer, image="sha256:x", report=Report(checks=(check,))))
        run.record(Pushed(branch=BRANCH, sha=newer))
        run.record(RunEnded(outcome=Outcome.PUBLISHED, reason="Pull request updated.", seconds=1))
        show(settings, stores, run_id, noted.append)
        stores.leases.release(run_id, fence)
    earlier, later = sorted(repo.talk.checks, key=lambda found: found.sha != head)
    assert (earlier.sha, earlier.conclusion, later.sha, later.conclusion) == (
        head,
        "neutral",
        newer,
        "success",
    )
    assert "| make \\| test | – | passed | 2 s |" in later.summary and later.title.startswith(
        "published: 1 check "
    )
    assert noted == []


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load(environ={"HONK_HOME": str(tmp_path), "HOME": str(tmp_path)})


def ended(*events: Event, followup: FollowUp | None = None) -> RunState:
    """The state of a run for GitHub that failed after ``events``."""
    repo = RepoRef(forge="github", name="acme/app", url="https://localhost/acme/app.git")
    request = Request(text="", repo=repo, model="replay:x", followup=followup)
    end = RunEnded(outcome=Outcome.FAILED, reason="Out of luck.", seconds=1)
    log = enumerate((RunRequested(honk="0", request=request), *events, end), start=1)
    return fold([Recorded(run_id="r1", seq=seq, at=datetime.now(UTC), event=event) for seq, event in log])


def test_hundreds_of_checks_are_counted_and_those_that_failed_named_first(settings: Settings) -> None:
    """GitHub refuses a comment of more than 65,536 characters."""
    checks = tuple(
        Check(name=f"{'x' * 190} {n}", command="c", exit_code=int(n == 399), seconds=1, summary="")
        for n in range(400)
    )
    verified = Verified(stage="final", commit="a" * 40, image="sha256:x", report=Report(checks=checks))
    said = outcome(settings, "r1", ended(verified))
    assert len(said) < 65_536 // 2
    assert said.index("- failed: ") < said.index("- passed: ")
    assert said.count("- passed: ") == 49 and "- and 350 more" in said
    assert "| and 350 more | | | |" in check_run(settings, "r1", ended(verified)).summary


@pytest.mark.parametrize(
    ("followup", "words"), [(None, "`/honk` here starts a new run."), (FollowUp(number=1), "Answer here")]
)
def test_the_comment_says_what_an_answer_does_there(
    settings: Settings, followup: FollowUp | None, words: str
) -> None:
    said = outcome(settings, "r1", ended(followup=followup))
    assert words in said
    assert ("Answer here" in said) == (followup is not None)
