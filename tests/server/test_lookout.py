"""Looking at GitHub for what became of pull requests, for services that no webhook tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from honk.core.events import BaseResolved, Published, RunEnded
from honk.core.followup import FollowUp
from honk.core.types import Base, Outcome, PullRequest, RepoRef, Request
from honk.server.context import Runs
from honk.wiring import Stores, enlist, open_stores
from honk.wiring.lookout import TAKEN_BACK, Lookout
from tests.e2e.hub import Hub, pull_of
from tests.e2e.installed import Installer
from tests.server.conftest import record
from tests.server.test_watching import spoil


def published(stores: Stores, name: str, number: int, followup: FollowUp | None = None) -> str:
    """The log of a run that opened a pull request, or continued it."""
    repo = RepoRef(forge="github", name=name, url=f"https://localhost/{name}.git")
    text = "" if followup else "say hello"
    run_id = enlist(stores, Request(text=text, repo=repo, model="replay:x", followup=followup))
    base = Base(repo=repo, branch="main", sha="1" * 40, default_branch="main")
    pull = PullRequest(number=number, url=f"https://x/{number}", draft=False, created=followup is None)
    record(
        stores,
        run_id,
        BaseResolved(base=base, branch="honk/say-hello-1", verify=()),
        Published(pull_request=pull, title="Hello", body=""),
        RunEnded(outcome=Outcome.PUBLISHED, reason="Opened.", seconds=1),
    )
    return run_id


def test_each_end_is_seen_and_what_is_settled_is_not_asked_for_again(install: Installer, hub: Hub) -> None:
    honk, repo = install(), hub.repo()
    token = SecretStr(hub.fake.add_token("ada", scopes=("repo",)))
    github = honk.settings.github.model_copy(update={"api_url": hub.fake.url, "token": token})
    settings = honk.settings.model_copy(update={"github": github, "ca_file": hub.ca_file})
    merged, closed, still = (pull_of(repo, f"honk/say-hello-{n}") for n in range(3))
    pull_of(repo, "feature").close(merge=True)  # a person's own
    notes: list[str] = []

    def asked() -> list[str]:
        """What GitHub is asked for by one more look."""
        before = len(hub.fake.journal)
        lookout.look(now)
        return [exchange.path for exchange in hub.fake.journal[before:]]

    with open_stores(settings) as stores:
        lookout = Lookout(settings, stores, Runs(stores.events, stores.leases), notes.append)
        now = datetime.now(UTC)
        assert asked() == []  # there is nothing to look for
        for number in (1, 2, 3):
            published(stores, "Acme/App" if number == 1 else "acme/app", number)
        spoil(settings, published(stores, "acme/app", 3, FollowUp(number=3)))  # the newest one

        def states() -> dict[int, tuple[str, str]]:
            return {number: (f.state, f.reverted_by) for (_, number), f in stores.fates.all().items()}

        merged.close(merge=True)
        asked()
        assert states() == {1: ("merged", ""), 2: ("open", ""), 3: ("open", "")}
        assert len(notes) == 1 and "not one that this honk knows" in notes.pop()
        fate = stores.fates.all()["acme/app", 1]
        assert (fate.merge_sha, fate.told_by) == (merged.merge_sha, "look")
        assert fate.merge_seconds is not None and fate.merge_seconds >= 0
        closed.close()
        back = pull_of(repo, "revert-1-honk/say-hello-0", 'Revert "Hello"', "Reverts acme/app#1")
        back.close(merge=True)
        assert [path.lower() for path in asked()] == [
            "/repos/acme/app/pulls"
        ]  # in whatever case it is written
        assert states() == {1: ("merged", f"#{back.number}"), 2: ("closed", ""), 3: ("open", "")}
        still.close(merge=True)
        hub.fake.fail_next("GET .*/pulls", 404, {"message": "Not Found"}, times=2)
        assert asked() and asked()
        assert len(notes) == 1 and "acme/app is not known" in notes[0].lower()  # once, however long it lasts
        asked()
        assert states()[3] == ("merged", "")
        now += TAKEN_BACK + timedelta(days=1)
        assert asked() == []
        assert len(notes) == 1
