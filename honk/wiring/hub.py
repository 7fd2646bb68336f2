"""GitHub's webhooks on this installation: the Hub port, and what is said there of a run: a comment
when it has ended, and a check run."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from honk.core.cancel import Cancel
from honk.core.desk import Desk
from honk.core.errors import HonkError, StoreError, UserError, in_words
from honk.core.events import FollowedUp
from honk.core.fates import Tidings
from honk.core.followup import Remark, Standing
from honk.core.state import RunState, fold
from honk.core.types import Outcome, RepoRef
from honk.forges.conversation import Shown
from honk.forges.text import sanitise
from honk.runs.result import rows
from honk.settings import Settings
from honk.triggers.github import Place, Rules, Wish
from honk.triggers.github_act import SCOPE, Earlier, act
from honk.wiring.followups import claim, followups_of, made
from honk.wiring.repositories import github_repo, open_forge
from honk.wiring.stores import Stores

if TYPE_CHECKING:
    from honk.forges.github import GitHubForge

Note = Callable[[str], None]

DELIVERED = "github-delivery"

THREADS = 4
"""That work on deliveries; others wait, acknowledged."""


@dataclass(frozen=True)
class InstalledHub:
    """The Hub port for one repository. Its forge is made for one wish, so that rights are asked anew."""

    settings: Settings
    stores: Stores
    forge: GitHubForge
    repo: RepoRef

    def may_write(self, login: str) -> bool:
        return self.forge.may_write(self.repo, login)

    def standing(self, number: int) -> Standing:
        return self.forge.standing(self.repo, number)

    def number_of(self, branch: str) -> int | None:
        return self.forge.number_of(self.repo, branch)

    def own(self, branch: str, number: int = 0) -> bool:
        state = made(self.stores, self.repo, branch)
        opened = state.published.pull_request.number if state and state.published else 0
        return state is not None and number in (0, opened)

    def earlier(self, number: int) -> list[Earlier]:
        found = []
        for run_id in followups_of(self.stores, self.repo, number):
            recorded = self.stores.events.read(run_id)
            state = fold(recorded)
            if state.requested is None or state.request.followup is None:
                continue
            heads = [r.event.head for r in recorded if isinstance(r.event, FollowedUp)]
            head = heads[0] if heads else ""
            found.append(Earlier(run_id, state.request.followup.cause, head, state.ended is None))
        return found

    def claim(self, number: int, key: str) -> str:
        return claim(self.stores, SCOPE, self.repo, number, key)

    def ordered(self, key: str) -> bool:
        return self.stores.once.known(SCOPE, key)

    def said(self, run_id: str) -> tuple[Remark, ...]:
        requested = fold(self.stores.events.read(run_id)).requested
        followup = requested.request.followup if requested is not None else None
        return followup.said if followup is not None else ()

    def react(self, place: Place, content: str) -> None:
        self.forge.conversation(self.repo).react(place.kind, place.id, content)

    def answer(self, number: int, key: str, text: str) -> None:
        self.forge.conversation(self.repo).answer(number, key, text)

    def link(self, run_id: str) -> str:
        return link(self.settings, run_id)


def link(settings: Settings, run_id: str) -> str:
    url = settings.server.page(run_id)
    return f"[`{run_id}`]({url})" if url else f"`{run_id}`"


@contextmanager
def _opened(settings: Settings, stores: Stores, name: str, note: Note) -> Iterator[InstalledHub]:
    with closing(open_forge(settings, cancel=Cancel(), notice=note)) as forge:
        yield InstalledHub(settings, stores, forge, github_repo(name, settings))


@dataclass(frozen=True)
class GitHubDoor:
    """What the server's webhook route works with. ``secret`` signs the deliveries; ``threads`` do what
    follows from them, so that however slow GitHub is, the next delivery is acknowledged."""

    settings: Settings
    stores: Stores
    desk: Desk
    note: Note
    secret: str
    rules: Rules
    threads: Executor

    def first(self, delivery: str, body: bytes) -> bool:
        """Whether neither the delivery's id nor its body was seen before; the id is not signed."""
        keys = (delivery, hashlib.sha256(body).hexdigest())
        mark = secrets.token_hex(16)
        known = [self.stores.once.first(DELIVERED, key, mark) for key in keys]
        return known == [mark, mark]

    def act(self, wish: Wish, delivery: str) -> None:
        """Have a wish carried out."""
        self._later(delivery, f"{wish.repo}#{wish.number}: ", partial(self._act, wish, delivery))

    def _act(self, wish: Wish, delivery: str) -> str:
        with _opened(self.settings, self.stores, wish.repo, self.note) as hub:
            return act(wish, delivery, hub, self.desk, self.settings.github.rounds)

    def learn(self, told: Tidings, delivery: str) -> None:
        """Have it written down what became of a pull request."""
        self._later(delivery, "", partial(self._learn, told))

    def _learn(self, told: Tidings) -> str:
        self.stores.fates.learn(told)
        fate, undoing = told.fate, told.undoing
        ended = f"{fate.repo}#{fate.number} is {fate.state}" if fate else ""
        undone = f"{undoing.repo}: {undoing.by} takes a change back" if undoing else ""
        return "; ".join(filter(None, (ended, undone)))

    def _later(self, delivery: str, about: str, work: Callable[[], str]) -> None:
        """Have it done; what came of it goes to the operator's log, a defect too, since nobody else waits."""

        def done() -> None:
            try:
                said = work()
            except Exception as error:
                said = about + self._failed(delivery, error)
            self.note(f"github {delivery}: {said}")

        self.threads.submit(done)

    def _failed(self, delivery: str, error: Exception) -> str:
        """Forget that the delivery was seen, unless it is wrong itself; what the operator is told."""
        said = in_words(error)
        if isinstance(error, UserError):
            return said
        said = f"{said.rstrip('.')}."
        try:
            self.stores.once.undo(DELIVERED, delivery)
        except StoreError as worse:
            return f"{said} It cannot be delivered again, either: {worse}"
        return f"{said} Redeliver it once that is over."


@contextmanager
def open_door(settings: Settings, stores: Stores, desk: Desk, note: Note) -> Iterator[GitHubDoor | None]:
    """The door while the context is open; leaving it waits for what was acknowledged. None if no
    webhook secret is set. Raises UserError if there is one, but no credential."""
    github = settings.github
    if github.webhook_secret is None:
        yield None
        return
    if not github.configured:
        raise UserError(
            "There is a webhook secret, but no credential for GitHub.",
            "Set HONK_GITHUB_APP_ID with HONK_GITHUB_PRIVATE_KEY, or GITHUB_TOKEN.",
        )
    rules = Rules(
        mention=github.mention, label=github.label, bots=frozenset(bot.lower() for bot in github.bots)
    )
    secret = github.webhook_secret.get_secret_value()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="github") as threads:
        threads.submit(import_module, "github")  # a second of work that no delivery should wait for
        yield GitHubDoor(settings, stores, desk, note, secret, rules, threads)


# ---- when a run has ended -----------------------------------------------------------------


def tell(settings: Settings, stores: Stores, run_id: str, note: Note) -> None:
    """Say in a run's comment how it ended, if it came from GitHub. Never raises for GitHub's sake."""
    state = fold(stores.events.read(run_id))
    if state.requested is None or state.ended is None or state.request.origin.kind != "github":
        return
    name, _, number = state.request.origin.place.rpartition("#")
    try:
        with _opened(settings, stores, name, note) as hub:
            hub.answer(int(number), run_id, outcome(settings, run_id, state))
    except (HonkError, ValueError) as error:
        note(f"{run_id}: the answer on GitHub could not be written: {error}")


# ---- a check run, from an App -------------------------------------------------------------

_ROWS = 50  # checks that are named, in a comment too, of which GitHub takes 65,536 characters


def show(settings: Settings, stores: Stores, run_id: str, note: Note) -> None:
    """Show a run's progress, and in the end its evidence, as a check run of its commit on GitHub.

    The commit is the pull request's newest: what a follow-up builds upon, then what was pushed.
    Only an App may write check runs; without one, nothing happens. Never raises for GitHub's sake.
    """
    state = fold(stores.events.read(run_id))
    if settings.github.app_id is None or state.requested is None or state.request.repo.forge != "github":
        return
    commit = state.pushed.sha if state.pushed else state.followed.head if state.followed else None
    if commit is None:
        return
    try:
        with _opened(settings, stores, state.request.repo.name, note) as hub:
            conversation = hub.forge.conversation(hub.repo)
            conversation.check(commit, run_id, check_run(settings, run_id, state))
            if state.ended is not None and state.followed is not None and state.followed.head != commit:
                done = Shown("Followed up", f"Newer: {commit}.", "neutral")
                conversation.check(state.followed.head, run_id, done)
    except HonkError as error:
        note(f"{run_id}: the check run on GitHub could not be written: {error}")


def check_run(settings: Settings, run_id: str, state: RunState) -> Shown:
    """How a run stands, as a check run. It never fails: a run that came to nothing says nothing
    against the commit that is there."""
    url = settings.server.page(run_id)
    ended = state.ended
    if ended is None:
        return Shown("honk is at work", f"Run {link(settings, run_id)}.", None, url)
    checks = rows(state.last_report) if state.last_report else ()
    lines = [
        f"| {_cell(row.name)} | {row.before or '–'} | {row.after} | {row.seconds:.0f} s |"
        for row in checks[:_ROWS]
    ]
    if len(checks) > _ROWS:
        lines.append(f"| and {len(checks) - _ROWS} more | | | |")
    table = ["| check | before | after | |", "| --- | --- | --- | --- |", *lines] if lines else []
    flags = state.last_findings.findings if state.last_findings else ()
    flagged = [f"- {_cell(f.gate)}: {_cell(f.path)} {_cell(f.detail)}" for f in flags if f.result == "flag"]
    head = f"Run {link(settings, run_id)}: {sanitise(ended.reason, 2000)}"
    parts = [head, "\n".join(table), "\n".join(["Flagged by gates:", *flagged]) if flagged else ""]
    title = f"{ended.outcome}: {len(checks)} check{'s'[: len(checks) != 1]} run outside the model's reach"
    good = ended.outcome is Outcome.PUBLISHED
    return Shown(title, "\n\n".join(filter(None, parts)), "success" if good else "neutral", url)


def _cell(text: str) -> str:
    """Words from outside in one cell of a table."""
    return sanitise(" ".join(text.split()), 200)


def outcome(settings: Settings, run_id: str, state: RunState) -> str:
    """The words of the comment of an ended run."""
    ended, published = state.ended, state.published
    if ended is None:
        return f"honk is at work: run {link(settings, run_id)}."
    parts = [f"Run {link(settings, run_id)}: **{ended.outcome}**. {sanitise(ended.reason, 2000)}"]
    if published is not None:
        parts.append(published.pull_request.url)
    checks = sorted(state.last_report.checks, key=lambda c: c.passed) if state.last_report else []
    parts += [f"- {'passed' if c.passed else 'failed'}: {sanitise(c.name, 200)}" for c in checks[:_ROWS]]
    if len(checks) > _ROWS:
        parts.append(f"- and {len(checks) - _ROWS} more")
    if ended.outcome not in (Outcome.PUBLISHED, Outcome.NO_CHANGE, Outcome.SKIPPED):
        parts.append(
            "Answer here, or look at the run, to go on."
            if state.request.followup is not None
            else f"To go on, look at the run (`honk show {run_id}`); `/honk` here starts a new run."
        )
    return "\n\n".join(parts)
