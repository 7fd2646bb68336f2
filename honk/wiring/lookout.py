"""Looks at GitHub now and then for what became of honk's pull requests, whether webhooks tell or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from honk.core.cancel import Cancel
from honk.core.errors import StoreError, in_words
from honk.core.fates import Fate, Key, Tidings, key
from honk.core.types import RepoRef
from honk.server.context import Runs
from honk.settings import Settings
from honk.wiring.repeating import every
from honk.wiring.repositories import open_forge
from honk.wiring.stores import Stores

if TYPE_CHECKING:
    from honk.forges.github import GitHubForge

LOOK_SECONDS = 300.0
"""A look is one request for each repository with pull requests that are not settled."""

LONGEST = timedelta(days=90)
"""After a run was asked for, its pull request is no longer looked after."""

TAKEN_BACK = timedelta(days=30)
"""After a merge nobody looks any more whether it was reverted."""

_OVERLAP = timedelta(minutes=5)  # between two looks, for clocks that differ


class Lookout:
    """What was seen is in the database; when it was last looked is not, so a new process looks further
    back at first."""

    def __init__(self, settings: Settings, stores: Stores, runs: Runs, note: Callable[[str], None]) -> None:
        self._settings = settings
        self._stores = stores
        self._runs = runs
        self._note = note
        self._looked: dict[str, datetime] = {}
        self._noted: dict[str, str] = {}

    def look(self, now: datetime) -> None:
        """Learn what is new. What GitHub refuses is noted once, and tried again with the next look."""
        fates = self._stores.fates.all()
        due: dict[str, tuple[RepoRef, list[int]]] = {}
        for repo, number in self._published(now):
            if not _settled(fates.get(key(repo, number)), now):
                due.setdefault(key(repo, number)[0], (repo, []))[1].append(number)
        if not due:
            return
        with closing(open_forge(self._settings, cancel=Cancel(), notice=self._note)) as forge:
            for repo, numbers in due.values():
                self._visit(forge, repo, numbers, fates, now)

    def _published(self, now: datetime) -> Iterator[tuple[RepoRef, int]]:
        seen: set[Key] = set()
        for run_id in self._stores.events.runs():
            try:
                summary, state = self._runs.summary(run_id), self._runs.state(run_id)
            except StoreError as error:  # an event of a newer honk, say: the other runs are looked at
                self._note_once(str(error), str(error))
                continue
            if summary is not None and now - summary.created_at > LONGEST:
                return  # newest first
            if state is None or state.published is None or state.base is None:
                continue
            repo, number = state.base.base.repo, state.published.pull_request.number
            if repo.forge == "github" and key(repo, number) not in seen:
                seen.add(key(repo, number))
                yield repo, number

    def _visit(
        self, forge: GitHubForge, repo: RepoRef, numbers: list[int], fates: dict[Key, Fate], now: datetime
    ) -> None:
        name = repo.name.lower()
        first = name not in self._looked
        since = now - TAKEN_BACK if first else self._looked[name] - _OVERLAP
        try:
            told = list(forge.ended(repo, since))
            known = {t.fate.number for t in told if t.fate is not None}
            for number in numbers:
                fate = fates.get(key(repo, number))
                if number not in known and (fate is None or (first and fate.state == "open")):
                    told.append(forge.fate(repo, number))
        except Exception as error:  # the other repositories are visited all the same
            unknown = f"What became of pull requests of {repo.name} is not known"
            self._note_once(name, f"{unknown}: {in_words(error)}")
            return
        for item in told:  # a merge first, then what takes it back
            self._stores.fates.learn(Tidings(fate=item.fate))
        for item in told:
            self._stores.fates.learn(Tidings(undoing=item.undoing))
        self._looked[name] = now
        self._noted.pop(name, None)

    def _note_once(self, about: str, text: str) -> None:
        if self._noted.get(about) != text:
            self._noted[about] = text
            self._note(text)


def _settled(fate: Fate | None, now: datetime) -> bool:
    if fate is None or fate.state == "open":
        return False
    old = fate.closed_at is not None and now - fate.closed_at > TAKEN_BACK
    return fate.state == "closed" or bool(fate.reverted_by) or old


@contextmanager
def open_lookout(
    settings: Settings, stores: Stores, runs: Runs, note: Callable[[str], None]
) -> Iterator[None]:
    """It is looked while the context is open, if there is a credential for GitHub."""
    if not settings.github.configured:
        yield
        return
    look = Lookout(settings, stores, runs, note).look
    with every(LOOK_SECONDS, look, "Looking for pull requests", note):
        yield
