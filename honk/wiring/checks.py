"""What `honk doctor` looks at. Each returns what it found, or raises with what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from honk.core.cancel import Cancel
from honk.core.errors import GitError, StoreError, UserError
from honk.git.upkeep import size
from honk.settings import Settings
from honk.wiring.evidence import signing_key
from honk.wiring.models import default_model, open_model, pricing
from honk.wiring.repositories import open_forge, target
from honk.wiring.sandboxes import Engine, registries
from honk.wiring.stores import open_stores

FREE_BYTES = 5 << 30
"""Less free disk than this is worth a warning: one toolchain image and a build need as much."""

GIT_MINIMUM = (2, 36)  # safe.directory and the fsck downgrades that honk relies on


def in_words(count: int) -> str:
    """A number of bytes for people."""
    unit = "GiB" if count >= 1 << 30 else "MiB"
    return f"{count / (1 << 30 if unit == 'GiB' else 1 << 20):.1f} {unit}"


def _quiet(text: str) -> None:
    pass


def check_home(settings: Settings) -> str:
    """HONK_HOME is writable and has room; how large it is."""
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(home).free
    except OSError as error:
        raise StoreError(f"{home} cannot be created: {error.strerror}.", "Set HONK_HOME.") from error
    if not os.access(home, os.W_OK):
        raise StoreError(f"{home} is not writable.", "Set HONK_HOME or change its permissions.")
    if free < FREE_BYTES:
        raise StoreError(
            f"{home} has {free / 2**30:.1f} GiB free and takes {in_words(size(home))}.",
            "Free at least 5 GiB (`honk prune` removes what is old), or set HONK_HOME.",
        )
    return f"{home}, {in_words(size(home))}, {free / 2**30:.0f} GiB free"


def check_database(settings: Settings) -> str:
    with open_stores(settings) as stores:
        return f"{settings.database_url.split('@')[-1]}, {len(stores.events.runs())} runs"


def check_git() -> str:
    program = shutil.which("git")
    if program is None:
        raise GitError("git is not installed.", "Install it (Debian, Ubuntu: `apt-get install git`).")
    words = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()
    version = words[2] if len(words) > 2 else "0"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < GIT_MINIMUM:
        raise GitError(f"git {version} is too old.", f"Install {'.'.join(map(str, GIT_MINIMUM))} or newer.")
    return version


def check_engine(settings: Settings) -> str:
    from honk.sandboxes.engine import connect, describe

    client = connect(install=False, notice=_quiet, state=settings.home / "engine")
    try:
        facts = describe(client)
    finally:
        client.close()
    return (
        f"{facts.name} {facts.version}, API {facts.api}, cgroup {facts.cgroup}, "
        f"{facts.cpus} processors, {facts.memory / 2**30:.0f} GiB"
    )


def check_image(settings: Settings) -> str:
    """Whether the stock image is there; a run that needs it and has none makes it."""
    engine = Engine(settings.model_copy(update={"no_install": True}), _quiet)
    try:
        found = engine.stock.present()
    finally:
        engine.close()
    return found or "not built yet; the first run builds it, which takes some minutes"


def check_model(settings: Settings) -> str:
    """There is a key, the service accepts it and knows the model, and the price is known."""
    from honk.models.retry import Patience

    name = default_model(settings)
    with open_model(name, settings, notice=_quiet, patience=Patience(tries=1)) as opened:
        pricing(opened.priced, settings)
        if opened.replayed:
            return f"{name} (a replayed session)"
        opened.ask(Cancel())
    return f"{name} answers"


def check_registries(settings: Settings) -> str:
    """Which registries the package proxy stands before."""
    found = registries(settings)
    if not found:
        return "none; sandboxes cannot install packages (honk.toml: [[registries]])"
    return ", ".join(f"{r.kind} {r.url}" for r in found)


def check_mcp(settings: Settings) -> str:
    """Each MCP server answers and has the tools that it may offer."""
    from honk.tools.servers import open_servers

    with open_servers(settings.mcp, Cancel()) as tools:
        return ", ".join(tool.spec.name for tool in tools)


def check_evidence(settings: Settings) -> str:
    """The key that the settings name can sign evidence."""
    from honk.evidence.keys import key_id

    return f"{settings.evidence_key} signs, its id is {key_id(signing_key(settings).public_key())}"


def check_slack(settings: Settings) -> str:
    """Slack accepts the bot token, and it may do what honk does."""
    try:
        from honk.wiring.slack import describe
    except ImportError as error:
        raise UserError("The Slack SDK is not installed.", "Run `pip install 'honk[server]'`.") from error

    return describe(settings)


def check_repository(settings: Settings, repo: str | None) -> str:
    """The credential opens the repository, and honk may push to it."""
    if repo is None and not _repository_around():
        return "none around here; --repo names one to try the credential on"
    found = target(repo, settings, base=None)
    if found.repo.forge == "local":
        return f"{found.repo.name} (local forge)"
    forge = open_forge(settings, cancel=Cancel(), notice=_quiet)
    try:
        resolved = forge.resolve(found.repo)
        forge.access(resolved, fork=False)
    finally:
        forge.close()
    return f"{resolved.name}: push allowed"


def check_workflows(settings: Settings, repo: str | None) -> str:
    """Whether a workflow's own token may open pull requests in the repository.

    Only a job that runs with that token needs it: for others it is said, and no fault.
    """
    if repo is None and not _repository_around():
        return "no repository to look at"
    found = target(repo, settings, base=None)
    if found.repo.forge == "local":
        return "none (local forge)"
    forge = open_forge(settings, cancel=Cancel(), notice=_quiet)
    try:
        allowed = forge.workflows_may_open(forge.resolve(found.repo))
    finally:
        forge.close()
    where = 'Settings > Actions > General > "Allow GitHub Actions to create and approve pull requests"'
    if allowed is None:
        return f"only an administrator's credential can see {where}"
    if allowed:
        return "a workflow's own token may open pull requests, on which no checks start by themselves"
    if settings.ci is not None and settings.ci.own_token is not False:
        raise UserError(
            "A workflow's own token may not open pull requests in this repository.",
            f"Turn on {where}, or use a GitHub App or a fine-grained token.",
        )
    return f"a workflow's own token may not open pull requests ({where}); an App or another token may"


def _repository_around() -> bool:
    from honk.git.local import describe

    try:
        describe(Path.cwd())
    except UserError:
        return False
    return True


@dataclass(frozen=True)
class Proposed:
    """A .honk.yml for the repository in ``folder``, and what was found there."""

    folder: Path
    text: str
    reasons: tuple[str, ...]


def propose(path: Path) -> Proposed:
    """What `honk init` writes, from the committed files of the repository around ``path``.

    Raises UserError if there is none.
    """
    from honk.git.local import describe
    from honk.git.person import head_files
    from honk.verifiers.config import propose as text_of
    from honk.verifiers.detection import detect

    try:
        local = describe(path.absolute())
    except UserError as error:  # whose hint is an option that init has not
        raise UserError(error.message, "`honk init PATH` takes a folder of a git repository.") from error
    files, read = head_files(local)
    detection = detect(files, read, stock=False)
    return Proposed(local.top, text_of(detection), detection.reasons)
