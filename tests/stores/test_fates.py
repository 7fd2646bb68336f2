"""What became of pull requests on GitHub, on each database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from honk.core.fates import Fate, Tidings, Undoing
from honk.stores.database import Database
from honk.stores.fates import SqlFates

SHA = "a" * 40


def test_what_is_told_again_changes_nothing_and_a_revert_stays(
    url: str, open_database: Callable[[str], Database]
) -> None:
    fates = SqlFates(open_database(url))
    at = datetime(2030, 1, 2, tzinfo=UTC)
    fate = Fate(
        repo="acme/app", number=7, state="merged", base="main", opened_at=at,
        closed_at=at + timedelta(hours=2), merge_sha=SHA, told_by="webhook",
    )  # fmt: skip
    other = fate.model_copy(update={"number": 8, "merge_sha": "b" * 40})
    still = fate.model_copy(update={"number": 9, "state": "open", "closed_at": None, "merge_sha": None})
    for each in (fate, other, still):
        fates.learn(Tidings(fate=each))
    for undoing in (
        Undoing(repo="acme/app", branch="main", by="#10", number=7),
        Undoing(repo="acme/app", branch="main", by="#11", number=7),  # the first one did it
        Undoing(repo="acme/app", branch="release", by="#12", number=8),
        Undoing(repo="acme/else", branch="main", by="#13", number=8),
        Undoing(repo="acme/app", branch="main", by="c" * 40, commits=("d" * 40,)),
        Undoing(repo="acme/app", branch="main", by="#14", number=9),  # is not merged
    ):
        fates.learn(Tidings(undoing=undoing))
    fates.learn(Tidings(fate=fate.model_copy(update={"told_by": "look"})))
    taken_back = fate.model_copy(update={"reverted_by": "#10"})
    assert fates.all() == {("acme/app", 7): taken_back, ("acme/app", 8): other, ("acme/app", 9): still}
    fates.learn(Tidings(undoing=Undoing(repo="acme/app", branch="main", by="e" * 40, commits=("b" * 40,))))
    assert fates.all()["acme/app", 8].reverted_by == "e" * 40
    assert fate.merge_seconds == 7200 and still.merge_seconds is None
