"""GitHub and GitHub Enterprise: where honk may push, and its pull requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from honk.core.errors import ForgeError, UserError
from honk.core.fates import Tidings
from honk.core.followup import FailedCheck, Remark, Standing
from honk.core.types import Proposal, PullRequest, PushAccess, RepoRef
from honk.forges.api import ACTIONS_REFUSED, PERMISSIONS, Api, App
from honk.forges.conversation import Conversation
from honk.forges.ended import ended, one
from honk.forges.reviews import GitHubReviews
from honk.forges.text import fit

if TYPE_CHECKING:
    from github import Github
    from github.PullRequest import PullRequest as RemotePullRequest
    from github.Repository import Repository

__all__ = ["App", "GitHubForge"]

_FORK_SECONDS = (1, 2, 3, 5, 5, 10, 10, 15, 30, 30, 60, 60, 60)  # GitHub: "up to five minutes"
_SETTLE_SECONDS = (1, 2, 4, 8)  # until a pushed branch is known to the API
_TITLE_LIMIT = 256  # characters; GitHub refuses a longer title
_NULL = "0" * 40


class GitHubForge:
    """Implements ``Forge``. Needs a token or an App, which wins over a token.

    ``wait`` sleeps for some seconds and may raise ``Cancelled``. ``note`` gets a line for
    people whenever something was left out that does not matter enough to fail. ``ca_file``
    is a CA bundle for hosts whose certificate the system does not know. ``bots`` are those
    whose remarks count.
    """

    def __init__(
        self,
        api_url: str,
        *,
        token: str | None = None,
        app: App | None = None,
        wait: Callable[[float], None] = time.sleep,
        note: Callable[[str], None] = lambda _: None,
        pace: float = 1.0,
        ca_file: Path | None = None,
        bots: Collection[str] = (),
    ) -> None:
        credential = app or token
        if credential is None:
            raise UserError(
                "There is no credential for GitHub.",
                "Set GITHUB_TOKEN, or HONK_GITHUB_APP_ID with HONK_GITHUB_PRIVATE_KEY.",
            )
        self._api = Api(api_url, credential, wait=wait, pace=pace, ca_file=ca_file)
        self._token = token
        self._wait = wait
        self._note = note
        self._reviews = GitHubReviews(self._api, note, frozenset(bot.lower() for bot in bots))

    def close(self) -> None:
        """Close the connections. The forge can be used again afterwards."""
        self._api.close()

    # ---- before the run ---------------------------------------------------------------

    def credential(self, repo: RepoRef) -> str:
        """The password for git over HTTPS, user ``x-access-token``. Ask again before each use."""
        return self._api.token(repo.name)

    def resolve(self, repo: RepoRef) -> RepoRef:
        """``repo`` as GitHub names it today, with the HTTPS address that git uses.

        Raises UserError if it is archived, disabled, or not to be seen with this credential.
        """
        with _for_people():
            found = self._visible(repo.name)
        if found.archived or found.disabled:
            state = "archived, so it is read-only" if found.archived else "disabled by GitHub"
            raise UserError(f"{found.full_name} is {state}.", "Choose another repository with --repo.")
        return RepoRef(forge="github", name=found.full_name, url=found.clone_url)

    def current(self, repo: RepoRef) -> RepoRef:
        """As :meth:`resolve`, for one that is only read: unchanged where GitHub does not show it."""
        try:
            with _for_people():
                found = self._visible(repo.name)
        except (ForgeError, UserError):
            return repo  # git's own words on it will do
        return RepoRef(forge="github", name=found.full_name, url=found.clone_url)

    def access(self, repo: RepoRef, *, fork: bool) -> PushAccess:
        """The repository if honk may push to it, else its fork if ``fork`` allows one."""
        with _for_people():
            if self._api.app and (missing := self._missing_app(repo.name)):
                raise UserError(
                    f"The GitHub App may not push to {repo.name}: it lacks {missing}.",
                    "Grant it that (a GitHub App cannot fork for a person; a token with --fork can).",
                )
            found = self._repository(repo.name)
            missing = "" if self._api.app else self._missing(found)
            if missing and not fork:
                raise UserError(
                    f"The credential may not push to {found.full_name}: it lacks {missing}.",
                    "Give it that, or push to a fork with --fork.",
                )
            if missing:
                return self._fork(found)
        return PushAccess(url=found.clone_url, owner=found.owner.login)

    def workflows_may_open(self, repo: RepoRef) -> bool | None:
        """Whether a workflow's own token may open pull requests in ``repo``; None: not to be seen.

        GitHub shows this setting to administrators only.
        """
        found = self._repository(repo.name)
        path = f"{found.url}/actions/permissions/workflow"
        try:
            _, data = self._api.call(
                "reading the workflow permissions",
                lambda: found.requester.requestJsonAndCheck("GET", path),
            )
        except ForgeError as error:
            if error.status not in (403, 404):
                raise
            return None
        return bool(data["can_approve_pull_request_reviews"])

    def _visible(self, name: str) -> Repository:
        """The repository, which may have been renamed: an App's token is not scoped by name yet."""
        if not self._api.app:
            return self._repository(name)
        token, _ = self._api.mint(name, {"metadata": "read"})
        return self._read(self._api.client_of(token), name)

    def _repository(self, name: str) -> Repository:
        return self._read(self._api.client(name), name)

    def _read(self, client: Github, name: str) -> Repository:
        found = self._api.call(f"reading {name}", lambda: client.get_repo(name))
        if not found.clone_url:  # a page of a proxy or of a login, not the API
            raise ForgeError(
                "GitHub's answer is not the API's.", "Check GITHUB_API_URL and the proxy settings."
            )
        return found

    def _missing_app(self, name: str) -> str:
        _, granted = self._api.installation(name)
        lacking = [p for p, level in PERMISSIONS.items() if granted.get(p) != level]
        return f"write permission for {' and '.join(lacking)}" if lacking else ""

    def _missing(self, found: Repository) -> str:
        """What the token lacks to push and to open a pull request, or an empty string.

        The role says nothing about what a fine-grained token or an Actions token was
        granted, so these are asked to do something that GitHub refuses as invalid (422)
        if permitted and as forbidden (403, 404) if not.
        """
        token = self._token or ""
        scopes = self._api.client(found.full_name).oauth_scopes
        classic = scopes is not None and (any(scopes) or token.startswith(("ghp_", "gho_")))
        enough = {"repo"} if found.private else {"repo", "public_repo"}
        if classic and not enough & set(scopes or ()):
            return "the scope `repo`"
        if not token.startswith("ghs_") and not found.permissions.push:
            return "write access to the repository"
        if not token.startswith(("ghs_", "github_pat_")):
            return ""
        base = found.default_branch
        if not self._permitted(lambda: found.create_git_ref("refs/heads/honk-permission", _NULL)):
            return "write permission for contents"
        if not self._permitted(lambda: found.create_pull(base, base, title="permission?")):
            return "write permission for pull requests"
        return ""

    def _permitted(self, request: Callable[[], object]) -> bool:
        try:
            self._api.call("an invalid request that asks for permission", request)
        except ForgeError as error:
            if error.status not in (403, 404, 409, 422) or ACTIONS_REFUSED in error.message:
                raise
            return error.status in (409, 422)
        return True

    def _fork(self, found: Repository) -> PushAccess:
        fork = self._api.call(f"forking {found.full_name}", found.create_fork)
        for seconds in _FORK_SECONDS:
            try:  # answers 404 or 409 until the objects are there
                self._api.call("reading the fork", partial(_head_of, fork, found.default_branch))
            except ForgeError as error:
                if error.status not in (404, 409):
                    raise
                self._wait(seconds)
            else:
                return PushAccess(url=fork.clone_url, owner=fork.owner.login, fork=True)
        raise ForgeError(f"The fork {fork.full_name} was not ready in time.", "Continue with `honk resume`.")

    # ---- what is said about a pull request ----------------------------------------------

    def standing(self, repo: RepoRef, number: int) -> Standing:
        return self._reviews.standing(repo, number)

    def remarks(self, repo: RepoRef, number: int, since: datetime | None) -> tuple[Remark, ...]:
        return self._reviews.remarks(repo, number, since)

    def failures(self, repo: RepoRef, commit: str) -> tuple[FailedCheck, ...]:
        return self._reviews.failures(repo, commit)

    def may_write(self, repo: RepoRef, login: str) -> bool:
        """Whether a person may write to ``repo`` as of now, or at this forge's first look."""
        return self._reviews.may_write(repo, login)

    def ended(self, repo: RepoRef, since: datetime) -> Iterator[Tidings]:
        """honk's pull requests that were closed or merged, and what took them back."""
        return ended(self._reviews, repo, since)

    def fate(self, repo: RepoRef, number: int) -> Tidings:
        """What became of one of them."""
        return one(self._reviews, repo, number)

    def conversation(self, repo: RepoRef) -> Conversation:
        """honk's own words on issues and pull requests of ``repo``."""
        return Conversation(self._api, self._reviews, repo)

    def number_of(self, repo: RepoRef, branch: str) -> int | None:
        """The open pull request from ``branch`` of the repository itself."""
        found = self._find(self._repository(repo.name), branch, "")
        return found.number if found is not None and found.state == "open" else None

    # ---- pull requests ----------------------------------------------------------------

    def find(self, repo: RepoRef, base: str, branch: str, head_owner: str = "") -> PullRequest | None:
        """The open pull request from ``branch``, else the newest one.

        ``base`` is not compared: a person may have pointed the pull request elsewhere.
        """
        found = self._find(self._repository(repo.name), branch, head_owner)
        return _pull_request(found, created=False) if found else None

    def publish(self, proposal: Proposal) -> PullRequest:
        """Open a pull request, or update title and body of the open one of the same branch.

        Draft state, labels and reviewers of an open one stay as people left them. Raises
        ForgeError if the newest one was closed or merged, unless it was merged with this
        very commit. Labels and reviewers that GitHub refuses are left out with a note.
        """
        repo = self._repository(proposal.repo.name)
        found = self._find(repo, proposal.branch, proposal.head_owner)
        if found is None:
            found, created = self._open(repo, proposal)
            if created:
                self._decorate(found, proposal)
                return _pull_request(found, created=True)
        return self._update(found, proposal)

    def _find(self, repo: Repository, branch: str, head_owner: str) -> RemotePullRequest | None:
        head = f"{head_owner or repo.owner.login}:{branch}"
        pulls = self._api.call(
            f"listing the pull requests of {branch}",
            lambda: repo.get_pulls(state="all", sort="created", direction="desc", head=head).get_page(0),
        )
        ours = [pull for pull in pulls if pull.head.ref == branch]
        return next((pull for pull in ours if pull.state == "open"), ours[0] if ours else None)

    def _open(self, repo: Repository, proposal: Proposal) -> tuple[RemotePullRequest, bool]:
        """A new pull request and True, or one that somebody opened meanwhile and False."""
        draft = proposal.draft
        delays = iter(_SETTLE_SECONDS)
        while True:
            try:
                create = partial(_create, repo, proposal, draft)
                return self._api.call("opening the pull request", create), True
            except ForgeError as error:
                refused = error
            words = refused.message.lower()
            if refused.status != 422:
                raise refused
            if "already exists" in words:
                found = self._find(repo, proposal.branch, proposal.head_owner)
                if found is None:
                    raise refused
                return found, False
            if draft and "draft" in words and "not supported" in words:
                self._note("This repository has no draft pull requests; it is opened as ready for review.")
                draft = False
            elif "head invalid" in words and (seconds := next(delays, None)) is not None:
                self._wait(seconds)
            else:
                raise refused

    def _update(self, found: RemotePullRequest, proposal: Proposal) -> PullRequest:
        if found.state != "open":
            merged = found.merged_at is not None
            if merged and found.head.sha == proposal.head_sha:
                return _pull_request(found, created=False)
            raise ForgeError(
                f"Pull request {found.html_url} was {'merged' if merged else 'closed'};"
                " honk does not open it again.",
                "Start a new run if the change is still wanted.",
            )
        title, body = proposal.title[:_TITLE_LIMIT], fit(proposal.body)
        if (found.title, found.body) == (title, body):
            self._decorate(found, proposal)  # a run that was interrupted right after opening it
        else:
            self._api.call("updating the pull request", lambda: found.edit(title=title, body=body))
        return _pull_request(found, created=False)

    # ---- labels and reviewers ---------------------------------------------------------

    def _decorate(self, found: RemotePullRequest, proposal: Proposal) -> None:
        """Nothing here is worth failing a run whose pull request is open."""
        labels = [name for name in proposal.labels if name not in {label.name for label in found.labels}]
        self._each("label", labels, lambda names: found.add_to_labels(*names))
        reviewers = [name for name in map(_login, proposal.reviewers) if self._askable(found, name)]
        self._each("reviewer", reviewers, lambda names: _request_review(found, names))

    def _askable(self, found: RemotePullRequest, name: str) -> bool:
        """Neither the author, nor asked already, nor a team of another organisation."""
        known = {user.login.lower() for user in (found.user, *found.requested_reviewers)}
        organisation = name.rpartition("/")[0].lower()
        if organisation and organisation != found.base.repo.owner.login.lower():
            self._note(f"No reviewer {name}: that team is of another organisation.")
            return False
        return name.lower() not in known

    def _each(self, kind: str, names: Sequence[str], add: Callable[[Sequence[str]], None]) -> None:
        """All at once; if GitHub refuses that, each on its own, so that one bad name spoils no other."""
        if not names:
            return
        try:
            self._api.call(f"the {kind} {', '.join(names)}", lambda: add(names))
        except ForgeError as error:
            if len(names) == 1 or error.status != 422:
                self._note(f"No {kind} {', '.join(names)}: {error.message}")
                return
            for name in names:
                self._each(kind, [name], add)


def _login(name: str) -> str:
    return name.removeprefix("@")


def _create(repo: Repository, proposal: Proposal, draft: bool) -> RemotePullRequest:
    head = f"{proposal.head_owner}:{proposal.branch}" if proposal.head_owner else proposal.branch
    return repo.create_pull(
        proposal.base,
        head,
        title=proposal.title[:_TITLE_LIMIT],
        body=fit(proposal.body),
        draft=draft,
        maintainer_can_modify=bool(proposal.head_owner),  # GitHub wants it only across forks
    )


def _head_of(repo: Repository, branch: str) -> str:
    return repo.get_git_ref(f"heads/{branch}").object.sha


def _request_review(found: RemotePullRequest, names: Sequence[str]) -> None:
    found.create_review_request(
        reviewers=[name for name in names if "/" not in name],
        team_reviewers=[name.split("/", 1)[1] for name in names if "/" in name],
    )


def _pull_request(found: RemotePullRequest, *, created: bool) -> PullRequest:
    return PullRequest(
        number=found.number,
        url=found.html_url,
        draft=found.draft,
        created=created,
        state="merged" if found.merged_at else "open" if found.state == "open" else "closed",
    )


@contextmanager
def _for_people() -> Iterator[None]:
    """Before a run starts, a credential that does not suffice is the person's to mend."""
    try:
        yield
    except ForgeError as error:
        if error.status not in (401, 403, 404):
            raise
        raise UserError(error.message, error.hint) from error
