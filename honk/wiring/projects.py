"""The Projects port on this installation: each question opens the forge anew, so that rights are live."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from honk.core.cancel import Cancel
from honk.core.followup import Standing
from honk.core.state import fold
from honk.core.types import RepoRef
from honk.settings import Settings
from honk.wiring.followups import followups_of
from honk.wiring.repositories import open_forge, target
from honk.wiring.requests import check_open
from honk.wiring.stores import Stores

if TYPE_CHECKING:
    from honk.forges.github import GitHubForge


@dataclass(frozen=True)
class InstalledProjects:
    settings: Settings
    stores: Stores
    note: Callable[[str], None]

    def find(self, name: str) -> RepoRef:
        check_open(name, self.settings)
        return target(name, self.settings, base=None, named=True).repo

    def known(self, name: str) -> bool:
        defaults = self.settings.slack.channels.values()
        # Where all repositories are open, those of the owners whose repositories are some channel's.
        owners = {f"{default.partition('/')[0]}/*" for default in defaults if not default.startswith("/")}
        patterns = self.settings.server.repositories or owners
        return name in defaults or any(fnmatchcase(name, pattern) for pattern in patterns)

    def may_write(self, repo: RepoRef, login: str) -> bool:
        with self._github() as forge:
            return forge.may_write(repo, login)

    def standing(self, repo: RepoRef, number: int) -> Standing:
        if repo.forge == "local":
            from honk.forges.local import LocalForge

            return LocalForge(self.stores.pulls).standing(repo, number)
        with self._github() as forge:
            return forge.standing(repo, number)

    def working(self, repo: RepoRef, number: int) -> str | None:
        for run_id in followups_of(self.stores, repo, number):
            state = fold(self.stores.events.read(run_id))
            if state.requested is not None and state.ended is None:
                return run_id
        return None

    def _github(self) -> closing[GitHubForge]:
        return closing(open_forge(self.settings, cancel=Cancel(), notice=self.note))
