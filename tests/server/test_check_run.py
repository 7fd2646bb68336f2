"""A run of a service with a GitHub App is a check run of its commit."""

from __future__ import annotations

from pydantic import SecretStr

from honk.core.events import BaseResolved, FollowedUp, Pushed, RunEnded, Verified
from honk.core.followup import FollowUp
from honk.core.types import Base, Check, Outcome, PullRequest, RepoRef, Report, Request
from honk.runs.run import Run
from honk.testing.github_state import Repo
from honk.wiring import enlist, open_stores
from honk.wiring.hub import show
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
