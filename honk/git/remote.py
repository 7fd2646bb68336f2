"""Talk to one remote repository: what it advertises, fetch, push, and what its refusals mean."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from honk.core.cancel import Cancel
from honk.core.errors import GitError, HonkError, UserError
from honk.git.command import REMOTE_SECONDS, Git, Result, last_words, printable
from honk.git.refs import Location

# Objects that old tools wrote into histories which people still work on. Each is harmless
# to honk, which never checks out; git's names are listed in git-fsck(1).
HISTORIC_DEFECTS = (
    "badDateOverflow",
    "badEmail",
    "badFilemode",
    "badName",
    "badTimezone",
    "missingEmail",
    "missingNameBeforeEmail",
    "missingSpaceBeforeDate",
    "missingSpaceBeforeEmail",
    "missingTaggerEntry",
    "badTagName",
    "multipleAuthors",
    "nulInCommit",
    "zeroPaddedDate",
    "zeroPaddedFilemode",
)


@dataclass(frozen=True)
class Credential:
    """A token for one forge.

    ``url`` is the root of the forge (``https://github.example.com/``): no other host gets
    it. ``token`` is called for each git process, since an App's token lives one hour only.
    """

    url: str
    token: Callable[[], str]


@dataclass(frozen=True)
class Network:
    """The operator's way to the network: a CA bundle, and a proxy with its exceptions."""

    ca_file: Path | None = None
    proxy: str | None = None
    no_proxy: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A remote repository together with the right to use it. ``cancel`` ends whatever talks to it."""

    at: Location
    credential: Credential | None = None
    network: Network = Network()
    cancel: Cancel = field(default_factory=Cancel)

    def config(self) -> dict[str, str]:
        """Configuration for one process that talks to this remote."""
        config = {f"protocol.{self.at.protocol}.allow": "always"}
        config |= {f"fetch.fsck.{name}": "warn" for name in HISTORIC_DEFECTS}
        if self.network.proxy:
            config["http.proxy"] = self.network.proxy
        credential = self.credential
        if credential is not None and self.at.url.startswith(credential.url.rstrip("/") + "/"):
            pair = base64.b64encode(f"x-access-token:{credential.token()}".encode()).decode()
            config[f"http.{credential.url.rstrip('/')}/.extraHeader"] = f"Authorization: Basic {pair}"
        return config

    def env(self, git: Git) -> dict[str, str]:
        """Environment for one process that talks to this remote."""
        env: dict[str, str] = {"GIT_ALLOW_PROTOCOL": self.at.protocol}
        if self.network.ca_file is not None:
            env["GIT_SSL_CAINFO"] = str(self.network.ca_file)
        if self.network.no_proxy:
            env["no_proxy"] = self.network.no_proxy
        if self.at.protocol == "file":
            # git's server side trusts only a repository of its own user, or one that the
            # *global* configuration names; the environment's does not reach that process.
            env["GIT_CONFIG_GLOBAL"] = str(_trust(git.folder, self.at.url))
        return env

    def call(self, git: Git, *args: str) -> Result:
        """Run one git command that talks to this remote. Raises Cancelled."""
        config, env = self.config(), self.env(git)
        return git.attempt(*args, config=config, env=env, timeout=REMOTE_SECONDS, cancel=self.cancel)


def _trust(directory: Path, path: str) -> Path:
    name = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    file = directory.with_name(f"{name}.trust")
    quoted = [p.replace("\\", "\\\\").replace('"', '\\"') for p in (path, f"{path}/.git")]
    text = "[safe]\n" + "".join(f'\tdirectory = "{p}"\n' for p in quoted)
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as fresh:
            fresh.write(text)
        os.replace(fresh.name, file)  # another process may read it now
    return file


@dataclass(frozen=True)
class Advertised:
    """What a remote says about its branches; ``head`` is the one that HEAD points to."""

    head: str | None
    heads: Mapping[str, str]


def advertised(git: Git, remote: Endpoint, *patterns: str) -> Advertised:
    """Ask the remote for HEAD and the branches ``patterns`` (full ref names; all without any).

    Raises GitError or UserError with what to do next.
    """
    wanted = ("HEAD", *patterns) if patterns else ("HEAD", "refs/heads/*")
    result = remote.call(git, "ls-remote", "--quiet", "--symref", "--", remote.at.url, *wanted)
    if result.code != 0:
        raise explain(result, remote, "read")
    head, heads = None, {}
    for line in result.out.decode("utf-8", "backslashreplace").splitlines():
        value, _, ref = line.partition("\t")
        if ref == "HEAD" and value.startswith("ref: refs/heads/"):
            head = value.removeprefix("ref: refs/heads/")
        elif ref == "HEAD" and head is not None:
            heads[head] = value
        elif ref == "HEAD":
            heads[""] = value  # HEAD is detached: the repository has commits at least
        elif ref.startswith("refs/heads/") and (not patterns or ref in patterns):
            heads[ref.removeprefix("refs/heads/")] = value
    return Advertised(head, heads)


_Explain = tuple[str, Callable[[str, str], HonkError], str, str]
_CAUSES: tuple[_Explain, ...] = (
    (
        r"No space left on device",
        GitError,
        "The disk is full: git could not write what {url} sent.",
        "Make room on the disk of HONK_HOME and run it again.",
    ),
    (
        r"certificate|SSL|GnuTLS|gnutls",
        GitError,
        "The TLS certificate of {url} is not trusted: {words}",
        "Set GIT_SSL_CAINFO or SSL_CERT_FILE to the CA bundle of your company.",
    ),
    (
        r"could not read Username|Authentication failed|returned error: 401|invalid credentials",
        GitError,
        "{url} refused the credential{missing}.",
        "Check that GITHUB_TOKEN is set, has not expired and may read and write this repository.",
    ),
    (
        r"returned error: 403|Permission to .* denied|Write access to repository not granted",
        GitError,
        "The credential may not {verb} {url}: {words}",
        "Give the token the permission Contents: read and write for this repository, or use --fork.",
    ),
    (
        r"Could not resolve host|Failed to connect|Couldn't connect|Connection (refused|timed out|reset)"
        r"|timed out|Empty reply|early EOF|hung up unexpectedly|Operation too slow",
        GitError,
        "{url} cannot be reached: {words}",
        "Check the network, the proxy and the address, then run it again.",
    ),
    (
        r"unable to update url base|returned error: 30[1278]",
        GitError,
        "{url} sends git to another address, which honk does not follow.",
        "Give the repository's present address.",
    ),
    (
        r"[Rr]epository .*not found|does not appear to be a git repository|not a git repository"
        r"|not valid: is this a git repository|invalid gitfile format|does not exist|returned error: 404",
        UserError,
        "There is no git repository at {url}{missing}.",
        "Check the name; a private repository also needs a credential that may read it.",
    ),
)


def fetch(git: Git, remote: Endpoint, *options: str, refspec: str) -> Result:
    """Bring ``refspec``, and nothing else along with it."""
    return remote.call(
        git,
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--update-shallow",
        "--refmap=",
        *options,
        "--",
        remote.at.url,
        refspec,
    )


def push(git: Git, remote: Endpoint, sha: str, branch: str, expect: str | None) -> Result:
    """Push ``sha`` to ``branch`` with a lease on ``expect`` (None: it is not there), without hooks."""
    return remote.call(
        git,
        "push",
        "--porcelain",
        "--no-verify",
        "--no-follow-tags",
        "--no-signed",
        "--recurse-submodules=no",
        "--atomic",
        f"--force-with-lease=refs/heads/{branch}:{expect or ''}",
        "--",
        remote.at.url,
        f"{sha}:refs/heads/{branch}",
    )


def explain(result: Result, remote: Endpoint, verb: str) -> HonkError:
    """The error for a remote operation that failed, by what git and the server said."""
    url = remote.at.url
    missing = "" if remote.credential or remote.at.protocol == "file" else " (none was given)"
    words = last_words(result.err)
    for pattern, error, message, hint in _CAUSES:
        if re.search(pattern, result.err):
            return error(message.format(url=url, verb=verb, words=words, missing=missing), hint)
    return GitError(
        f"git could not {verb} {url}: {words}", "Run it again; if it fails again, read the message."
    )


def said_by_server(result: Result) -> str:
    """The lines that the server (a hook, a branch protection) wrote for people."""
    lines = (line.removeprefix("remote:") for line in result.err.splitlines() if line.startswith("remote:"))
    return " ".join(words for line in lines if (words := printable(line)))


def refused(result: Result, branch: str, remote: Endpoint) -> HonkError:
    """The error for a push that the remote turned down, with the server's own words."""
    status = re.search(r"^!\t[^\t]*\t(.*)$", result.out.decode("utf-8", "replace"), re.M)
    words = said_by_server(result)
    if status is None:
        error = explain(result, remote, "push to")
        return type(error)(f"{error.message} {words}".strip(), error.hint)
    reason = printable(status[1])
    if "stale info" in reason or "fetch first" in reason:
        return GitError(
            f"The branch {branch} at {remote.at.url} changed during the push; nothing was overwritten.",
            "Look at the branch, then resume the run.",
        )
    if "currently checked out" in reason:
        return UserError(
            f"The branch {branch} is checked out in {remote.at.url}; honk changes nobody's work tree.",
            f"Merge it there with git, or check out another branch than {branch} first.",
        )
    return GitError(
        f"{remote.at.url} refused the push to {branch}: {reason}. {words}".strip(),
        "Ask an administrator of the repository which rule covers branches named honk/….",
    )
