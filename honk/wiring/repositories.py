"""Which repository is meant, on which forge, and its bare clone on this host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.types import RepoRef
from honk.git.refs import parse_remote
from honk.settings import Settings

if TYPE_CHECKING:
    from honk.forges.github import GitHubForge
    from honk.git.local import LocalRepository
    from honk.git.mirror import Mirror

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """The repository that a person means. ``notices`` name what is not included."""

    repo: RepoRef
    requester: str
    notices: tuple[str, ...]


def github_host(settings: Settings) -> str:
    """The host of repositories whose API is at ``api_url``."""
    host = urlsplit(settings.github.api_url).netloc
    return "github.com" if host == "api.github.com" else host


def target(argument: str | None, settings: Settings, *, base: str | None) -> Target:
    """Find the repository of ``--repo``: a path, a git URL, owner/name, or the one around here.

    Raises UserError.
    """
    path = Path(argument or ".").absolute()  # git runs in a folder of its own
    if argument is None or path.exists():
        return _local_target(path, settings, base)
    if argument.startswith((".", "/", "~")):
        raise UserError(
            f"There is no folder {argument}.", "Give --repo the path of a repository, a URL or owner/name."
        )
    if argument.count("/") == 1 and "://" not in argument:
        return Target(_github(argument, settings), "", ())
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
        yield f"Not included: {local.dirty_count} uncommitted files ({some})."
    if local.unpushed:
        yield f"Not included: {local.unpushed} commits of {base or local.branch} that origin does not have."
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
    if remote.host != github_host(settings):
        raise UserError(
            f"honk knows no forge at {remote.host}.",
            "GITHUB_API_URL names a GitHub Enterprise; a clone without origin uses the local forge.",
        )
    return _github(remote.name, settings)


def _github(name: str, settings: Settings) -> RepoRef:
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
        github.api_url, token=token, app=app, wait=cancel.wait, note=notice, ca_file=settings.ca_file
    )


def open_mirror(
    settings: Settings, repo: RepoRef, forge: GitHubForge | None = None, *, depth: int = 50
) -> Mirror:
    """The bare clone of ``repo`` on this host. Raises UserError for an address honk does not take."""
    from honk.git import mirror
    from honk.git.handover import Author, Signing
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
        settings.home,
        repo,
        credential,
        network=Network(settings.ca_file, settings.proxy, settings.no_proxy),
        committer=mirror.Committer(author=author, signing=signing),
        depth=depth,
    )
