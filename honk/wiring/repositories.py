"""Which repository is meant, on which forge, and its bare clone on this host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.types import Base, RepoRef
from honk.git.refs import parse_remote
from honk.settings import Settings

if TYPE_CHECKING:
    from honk.forges.github import GitHubForge
    from honk.git.local import LocalRepository
    from honk.git.mirror import Mirror
    from honk.git.submodules import Brought, Link

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """The repository that a person means. ``notices`` name what is not included."""

    repo: RepoRef
    requester: str
    notices: tuple[str, ...]


def github_host(settings: Settings) -> str:
    """The host of repositories whose API is at ``api_url``: ``HOST/api/v3`` on GitHub Enterprise,
    ``api.HOST`` on github.com and on GitHub Enterprise Cloud (``SUBDOMAIN.ghe.com``)."""
    host = urlsplit(settings.github.api_url).netloc.lower()
    cloud = host == "api.github.com" or (host.startswith("api.") and host.endswith(".ghe.com"))
    return host.removeprefix("api.") if cloud else host


def _is_github(host: str, settings: Settings) -> bool:
    """Whether a remote at ``host`` is that GitHub; SSH has a port, and even a host, of its own."""
    known = github_host(settings)
    return host in (known, known.partition(":")[0], f"ssh.{known}")


def target(argument: str | None, settings: Settings, *, base: str | None, named: bool = False) -> Target:
    """Find the repository of ``--repo``: a path, a git URL, owner/name, or the one around here.

    ``named``: owner/name is never a folder of this machine that happens to be called so.
    Raises UserError.
    """
    path = Path(argument or ".").absolute()  # git runs in a folder of its own
    if argument is None or (path.exists() and (argument.startswith("/") or not named)):
        return _local_target(path, settings, base)
    if argument.startswith((".", "/", "~")):
        raise UserError(
            f"There is no folder {argument}.", "Give --repo the path of a repository, a URL or owner/name."
        )
    if argument.count("/") == 1 and ":" not in argument:
        return Target(github_repo(argument, settings), "", ())
    return Target(_remote(argument, settings), "", ())


def _local_target(path: Path, settings: Settings, base: str | None) -> Target:
    from honk.git.local import describe
    from honk.git.person import identity

    local = describe(path, base=base, user_config=settings.git_config)
    repo = _remote(local.origin, settings) if local.origin else _local(local.top)
    return Target(repo, identity(local, settings.git_config), tuple(_left_out(local, base)))


def _left_out(local: LocalRepository, base: str | None) -> Iterator[str]:
    """What is in the person's checkout, but not in what honk works on."""
    if local.dirty_count:
        some = ", ".join(local.dirty) + (", …" if local.dirty_count > len(local.dirty) else "")
        yield f"Not included: {local.dirty_count} uncommitted file{'s'[: local.dirty_count != 1]} ({some})."
    if local.unpushed:
        commits = f"{local.unpushed} commit{'s'[: local.unpushed != 1]}"
        yield f"Not included: {commits} of {base or local.branch} that origin does not have."
    if local.config_uncommitted:
        yield "Not in force: .honk.yml as it stands here; honk reads it from the base commit."
    if base is None and local.branch and local.origin is None and not local.bare:
        yield f"No origin: the branch and the pull request stay in {local.top}."


def _local(path: Path) -> RepoRef:
    absolute = path.resolve()
    return RepoRef(forge="local", name=str(absolute), url=absolute.as_uri())


def _remote(url: str, settings: Settings) -> RepoRef:
    remote = parse_remote(url)
    if remote.path is not None:
        return _local(remote.path)
    if remote.host is None or not _is_github(remote.host, settings):
        raise UserError(
            f"honk knows no forge at {remote.host}.",
            "GITHUB_API_URL names a GitHub Enterprise; a clone without origin uses the local forge.",
        )
    return github_repo(remote.name, settings)


def github_repo(name: str, settings: Settings) -> RepoRef:
    """``owner/name`` on the configured GitHub."""
    return RepoRef(forge="github", name=name, url=f"https://{github_host(settings)}/{name}.git")


def open_forge(settings: Settings, *, cancel: Cancel, notice: Notice) -> GitHubForge:
    """The GitHub that the settings name. Raises UserError without a credential."""
    from honk.forges.api import App
    from honk.forges.github import GitHubForge

    github = settings.github
    app = None
    if github.app_id is not None and github.private_key is not None:
        app = App(id=github.app_id, private_key=github.private_key.get_secret_value())
    token = github.token.get_secret_value() if github.token else None
    return GitHubForge(
        github.api_url,
        token=token,
        app=app,
        wait=cancel.wait,
        note=notice,
        ca_file=settings.ca_file,
        bots=github.bots,
    )


def open_mirror(
    settings: Settings,
    repo: RepoRef,
    forge: GitHubForge | None = None,
    *,
    depth: int = 50,
    home: Path | None = None,
    cancel: Cancel | None = None,
) -> Mirror:
    """The bare clone of ``repo`` on this host, below ``home`` (None: HONK_HOME).

    ``cancel`` ends its fetches and pushes. Raises UserError for an address honk does not take.
    """
    from honk.git import mirror
    from honk.git.commits import Author, Committer, Signing
    from honk.git.remote import Credential, Network

    credential = None
    if forge is not None:
        split = urlsplit(repo.url)
        credential = Credential(f"{split.scheme}://{split.netloc}/", lambda: forge.credential(repo))
    signing = None
    if settings.signing is not None:
        names = ("HOME", "GNUPGHOME", "SSH_AUTH_SOCK")
        env = {name: settings.environment[name] for name in names if name in settings.environment}
        signing = Signing(settings.signing.format, settings.signing.key, env)
    author = Author(settings.author_name, settings.author_email)
    return mirror.open_mirror(
        home or settings.home,
        repo,
        credential,
        network=Network(settings.ca_file, settings.proxy, settings.no_proxy),
        committer=Committer(author=author, signing=signing),
        depth=depth,
        cancel=cancel,
    )


def submodules_home(settings: Settings, repo: RepoRef) -> Path:
    """The folder of the mirrors of the submodules of ``repo``."""
    return settings.home / "submodules" / hashlib.sha256(repo.url.encode()).hexdigest()[:24]


@contextmanager
def open_submodules(
    settings: Settings, mirror: Mirror, repo: RepoRef, forge: GitHubForge | None, cancel: Cancel
) -> Iterator[Callable[[Base], Brought]]:
    """A function that fetches the submodules of a commit of ``repo``.

    Their mirrors are kept apart for each repository that names them: what one repository
    could fetch is no other's to see because it happens to be here already.
    """
    from honk.git.submodules import bring

    home = submodules_home(settings, repo)
    with ExitStack() as stack:

        def opened(submodule: RepoRef, way: GitHubForge | None) -> Mirror:
            found = open_mirror(settings, submodule, way, depth=1, home=home, cancel=cancel)
            return stack.enter_context(found)

        def ways(link: Link, chain: tuple[RepoRef, ...]) -> Iterator[Mirror]:
            """With the credential, then without: a public repository may be beyond the token's reach."""
            assert link.repo is not None
            submodule = link.repo
            if forge is not None and _shared(settings, chain, submodule):
                way = opened(submodule, forge)
                if not way.has(link.commit):
                    submodule = forge.current(submodule)
                    lent = forge if _shared(settings, chain, submodule) else None
                    way = opened(submodule, lent) if submodule != link.repo else way
                yield way
            yield opened(submodule, None)

        yield lambda base: bring(mirror, base.sha, ways, cancel)


def _shared(settings: Settings, chain: tuple[RepoRef, ...], submodule: RepoRef) -> bool:
    """Whether a submodule is asked for with the run's own credential.

    A token says what its owner may read. A GitHub App reads for many owners, and one of them
    must not get at another's repositories by naming them in a ``.gitmodules``, be it that of
    a submodule.
    """
    app = settings.github.app_id is not None and settings.github.private_key is not None
    return not app or len({r.name.partition("/")[0].lower() for r in (*chain, submodule)}) == 1
