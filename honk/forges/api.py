"""Calls of GitHub's REST API: who asks, how often, and what a failure means.

Every request of :mod:`honk.forges.github` goes through :meth:`Api.call`, which waits out
rate limits and tries again where GitHub or the network failed. That is safe for each write
that honk makes: a pull request cannot be opened twice for one branch (422 "already
exists"), editing, labelling, asking for a review and forking give the same result twice.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from honk.core.errors import ForgeError, UserError

if TYPE_CHECKING:
    from github import Github, GithubException, GithubIntegration

T = TypeVar("T")

REQUEST_SECONDS = 30
_TRIES = 4
_LONGEST_WAIT = 900.0  # seconds in all for one call; a primary limit resets within the hour
_SECONDARY_WAIT = 60.0  # what GitHub asks for where a secondary limit names no time
_FRESH = timedelta(minutes=10)  # a token must outlive the longest fetch or push that begins now
_LIMITED = "The rate limit of this credential is used up. Continue later with `honk resume`."
_STATUS = "Look at GitHub's status page, then continue with `honk resume`."

# What GitHub answers (403) to a workflow's own token where that setting is off.
ACTIONS_REFUSED = "not permitted to create or approve pull requests"

# What an installation token is asked for. "contents" is the push, "pull_requests" the rest.
PERMISSIONS = {"contents": "write", "pull_requests": "write"}

# What follow-ups and answers need beyond that. An App that was not granted one of these does
# without; asking for it would cost the whole token.
OPTIONAL = {"actions": "read", "checks": "write", "issues": "write", "statuses": "read"}


@dataclass(frozen=True)
class App:
    """A GitHub App: its id (or client id) and its private key as PEM text."""

    id: str
    private_key: str


class Api:
    """Clients for repositories, each with the narrowest credential there is.

    ``wait`` sleeps for some seconds and may raise ``Cancelled``; ``pace`` is the least
    time in seconds between two writes, which GitHub's guidelines put at one.
    """

    def __init__(
        self,
        api_url: str,
        credential: str | App,
        *,
        wait: Callable[[float], None],
        pace: float,
        ca_file: Path | None = None,
    ) -> None:
        if urlsplit(api_url).scheme not in ("http", "https") or not urlsplit(api_url).hostname:
            raise UserError(
                f"{api_url!r} is not the address of an API.",
                "Set GITHUB_API_URL to https://api.github.com, or https://HOST/api/v3 on GitHub Enterprise.",
            )
        self._url = api_url.rstrip("/")
        self._credential = credential
        self._wait = wait
        self._pace = pace
        self.verify: str | bool = str(ca_file) if ca_file else True
        self._clients: dict[str, Github] = {}  # by token
        self._tokens: dict[tuple[str, bool], tuple[str, datetime]] = {}  # installation token by repository
        self._integration: GithubIntegration | None = None

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        if self._integration:
            self._integration.close()

    @property
    def app(self) -> bool:
        return isinstance(self._credential, App)

    def client(self, repo: str, *, talking: bool = False) -> Github:
        """A client that may see ``repo`` (``owner/name``); ``talking``: and what is said there."""
        return self.client_of(self.token(repo, talking=talking))

    def client_of(self, token: str) -> Github:
        from github import Auth, Github

        if token not in self._clients:
            self._clients[token] = Github(auth=Auth.Token(token), **self._options())
        return self._clients[token]

    def token(self, repo: str, *, talking: bool = False) -> str:
        """A token for ``repo`` and, from an App, for nothing else; good for another ten minutes.

        ``talking`` adds what the App was granted of ``OPTIONAL``; no push needs that.
        """
        if not isinstance(self._credential, App):
            return self._credential
        token, until = self._tokens.get((repo, talking), ("", datetime.min.replace(tzinfo=UTC)))
        if until - datetime.now(UTC) < _FRESH:
            name = repo.split("/", 1)[1]
            token, until = self.mint(repo, PERMISSIONS, OPTIONAL if talking else {}, repositories=[name])
            self._tokens[repo, talking] = (token, until)
        return token

    def mint(
        self,
        repo: str,
        permissions: Mapping[str, str],
        optional: Mapping[str, str] | None = None,
        **more: Any,
    ) -> tuple[str, datetime]:
        """A new installation token, and when it expires. ``optional`` permissions are asked for as
        far as the App has them; ``more`` are further fields of the request."""
        number, granted = self.installation(repo)
        wanted = dict(permissions)
        for what, level in (optional or {}).items():
            if (has := granted.get(what)) is not None:
                wanted[what] = has if level == "write" else "read"
        scope = {"permissions": wanted, **more}
        _, data = self.call(
            "asking for an installation token",
            lambda: self._app().requester.requestJsonAndCheck(
                "POST", f"/app/installations/{number}/access_tokens", input=scope
            ),
        )
        return str(data["token"]), datetime.fromisoformat(data["expires_at"])

    def installation(self, repo: str) -> tuple[int, dict[str, str]]:
        """The App's installation for ``repo``: its id and its permissions."""
        try:
            data = self.call(
                f"looking for the App's installation on {repo}",
                lambda: self._app().get_repo_installation(*repo.split("/", 1)).raw_data,
            )
        except ForgeError as error:
            if error.status != 404:
                raise
            raise ForgeError(
                f"The GitHub App is not installed on {repo}, or there is no such repository.",
                "Install it there with write access to contents and pull requests.",
                status=404,
            ) from error
        return int(data["id"]), dict(data["permissions"])

    def call(self, what: str, request: Callable[[], T]) -> T:
        """The result of ``request``, tried again while that is worth it.

        ``what`` completes "GitHub refused …" for people. Raises ForgeError with the HTTP status.
        """
        import jwt
        import requests
        from github import GithubException

        waited = 0.0
        attempt = 0
        while True:
            attempt += 1
            try:
                return request()
            except GithubException as error:
                failure, delay = _explain(what, error), _delay(error, attempt)
            except requests.RequestException as error:
                failure = _unreachable(self._url, error)
                untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)  # which no waiting mends
                delay = None if untrusted else 2.0 ** (attempt - 1)
            except (jwt.PyJWTError, ValueError) as error:
                raise ForgeError(
                    f"{what[0].upper()}{what[1:]} failed: {error}.",
                    "Check GITHUB_API_URL, and that HONK_GITHUB_PRIVATE_KEY is the App's PEM key.",
                    status=401 if self.app else None,
                ) from error
            except (AssertionError, RuntimeError) as error:  # PyGithub: an answer that names another host
                raise ForgeError(
                    f"{self._url} does not answer as GitHub's API would: {error}.",
                    "Check GITHUB_API_URL: scheme, host and path must be the API's own.",
                ) from error
            if delay is None or attempt == _TRIES or waited + delay > _LONGEST_WAIT:
                raise failure
            self._wait(delay)
            waited += delay

    def _app(self) -> GithubIntegration:
        from github import Auth, GithubIntegration

        assert isinstance(self._credential, App)
        if self._integration is None:
            auth = Auth.AppAuth(self._credential.id, self._credential.private_key)
            self._integration = GithubIntegration(auth=auth, **self._options())
        return self._integration

    def _options(self) -> dict[str, Any]:
        return {
            "base_url": self._url,
            "timeout": REQUEST_SECONDS,
            "verify": self.verify,
            "user_agent": "honk",
            "retry": None,  # here, so that a cancelled run does not sleep on
            "seconds_between_requests": None,
            "seconds_between_writes": self._pace,
        }


def _delay(error: GithubException, attempt: int) -> float | None:
    """Seconds until the same request may succeed, or None if it will not."""
    headers = error.headers or {}
    if error.status in (403, 429):
        after = headers.get("retry-after", "")
        if after.isdigit():
            return float(after)
        if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
            return max(0.0, float(headers["x-ratelimit-reset"]) - time.time()) + 1
        if error.status == 429 or re.search("rate limit|abuse detection", said(error), re.IGNORECASE):
            return _SECONDARY_WAIT * attempt
        return None
    return 2.0 ** (attempt - 1) if error.status >= 500 else None


def said(error: GithubException) -> str:
    """GitHub's own words: the message and those of each error in it."""
    data = error.data if isinstance(error.data, dict) else {}
    page = str(data.get("message") or data.get("data") or "no message")
    words = [" ".join(page.split())[:300]]
    for item in data.get("errors") or ():
        if isinstance(item, dict):
            fields = (item.get("message"), item.get("field"), item.get("code"))
            words.append(str(fields[0] or " ".join(str(f) for f in fields[1:] if f)))
        else:
            words.append(str(item))
    return "; ".join(words)


def _explain(what: str, error: GithubException) -> ForgeError:
    headers = error.headers or {}
    message = f"GitHub refused {what} ({error.status}: {said(error)})."
    if sso := headers.get("x-github-sso"):
        url = sso.partition("url=")[2] or "the organisation's single sign-on page"
        return ForgeError(
            f"The organisation wants single sign-on for this token, and refused {what}.",
            f"Authorise the token at {url}",
            status=error.status,
        )
    if error.status == 403 and _delay(error, 1) is not None:
        return ForgeError(message, _LIMITED, status=429)  # the same limit, by its newer status
    return ForgeError(message, _hint(error, headers), status=error.status)


def _hint(error: GithubException, headers: dict[str, str]) -> str:
    words = said(error).lower()
    if error.status == 401:
        return (
            "GitHub does not accept the credential: it is wrong, expired or revoked."
            " Set another GITHUB_TOKEN, or check HONK_GITHUB_APP_ID, HONK_GITHUB_PRIVATE_KEY"
            " and this machine's clock."
        )
    if error.status == 429:
        return _LIMITED
    if "archived" in words:
        return "An archived repository is read-only. Have it unarchived first."
    if ACTIONS_REFUSED in words:
        return (
            "Allow it in the repository's (or organisation's) Settings > Actions > General > Workflow"
            ' permissions > "Allow GitHub Actions to create and approve pull requests", or use a'
            " GitHub App or a fine-grained token, with which checks start as well."
        )
    if error.status == 403:
        wanted = headers.get("x-accepted-github-permissions")
        return f"Give the credential the permission {wanted or 'that this needs'}."
    if error.status == 404:
        return "Check the name, and that the credential may see the repository."
    return _STATUS if error.status >= 500 else ""


def _unreachable(url: str, error: Exception) -> ForgeError:
    cause = error.args[0] if error.args else error
    reason = str(getattr(cause, "reason", cause)).rsplit(": ", 1)[-1].rstrip(".")
    return ForgeError(
        f"GitHub's API at {url} cannot be reached: {reason}.",
        "Check the network, the proxy settings and GITHUB_API_URL; GIT_SSL_CAINFO names a private CA bundle.",
    )
