"""Settings: flag, then environment, then ``honk.toml``, then default. Frozen once read.

The only module that reads ``os.environ``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError

from honk.core.base import Frozen
from honk.core.ci import CiJob, ci_job
from honk.core.errors import UserError
from honk.core.limits import Limits
from honk.core.operator import (
    McpServer,
    OtelSettings,
    Price,
    Registry,
    SandboxCeiling,
    ServerSettings,
    SlackSettings,
    Webhook,
)
from honk.core.repoconfig import RepoConfig
from honk.core.rules import GateMode, GateName


class GitHubSettings(Frozen):
    api_url: str = "https://api.github.com"
    token: SecretStr | None = None
    app_id: str | None = None
    private_key: SecretStr | None = None  # PEM text
    bots: tuple[str, ...] = ()  # logins of bots whose words count, such as "renovate[bot]"
    rounds: int = Field(default=3, ge=1)  # follow-ups of one head of a pull request
    webhook_secret: SecretStr | None = Field(default=None, min_length=16)  # None: no webhooks
    mention: str | None = None  # the name after an @ that calls honk, beside /honk
    label: str | None = None  # the label that turns an issue into a run

    @property
    def configured(self) -> bool:
        return self.token is not None or (self.app_id is not None and self.private_key is not None)


class SigningSettings(Frozen):
    """Commit signature: ``format`` as git's gpg.format, ``key`` a key file (ssh) or key id (openpgp)."""

    format: Literal["ssh", "openpgp"]
    key: str


class Settings(Frozen):
    home: Path
    database_url: str
    model: str | None = None
    judge: str | None = "same"  # "same": the run's own model; "off": none
    judge_mode: Literal["advisory", "blocking"] = "blocking"
    plan: tuple[Literal["api", "cli", "mcp", "page", "slack"], ...] = ()  # doors whose runs plan first
    limits: Limits = Limits()
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None
    openai_wire: Literal["auto", "responses", "chat"] = "auto"
    price: dict[str, Price] = Field(default={})  # by "provider:NAME"
    context_window: dict[str, Annotated[int, Field(gt=0)]] = Field(default={})  # tokens, by the same
    github: GitHubSettings = GitHubSettings()
    registries: tuple[Registry, ...] = ()
    host_registries: bool = True  # behind those, what this machine's own pip and npm use
    sandbox: SandboxCeiling = SandboxCeiling()
    mcp: tuple[McpServer, ...] = ()
    server: ServerSettings = ServerSettings()
    slack: SlackSettings = SlackSettings()
    remote: str | None = None  # URL of a `honk serve` that does the runs
    token: SecretStr | None = None  # of that service
    webhooks: tuple[Webhook, ...] = ()
    otel: OtelSettings = OtelSettings()
    author_name: str = "honk"
    author_email: str = "honk@localhost"
    signing: SigningSettings | None = None
    evidence_key: Path | None = None  # PEM file of an Ed25519 key; None: honk makes one below HONK_HOME
    labels: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    gates: dict[GateName, GateMode] = Field(default={})  # also the least that a repository may set
    no_install: bool = False
    ca_file: Path | None = None  # CA bundle of the host's network, for git
    proxy: str | None = None
    no_proxy: str = ""
    user_home: Path = Path("/")
    file: Path | None = None  # the one that --config named
    environment: dict[str, str] = Field(default={}, repr=False, exclude=True)  # for the host's own tools

    @property
    def git_config(self) -> Path | None:
        """The person's own git configuration, if there is one."""
        file = self.user_home / ".gitconfig"
        return file if file.is_file() else None

    @property
    def ci(self) -> CiJob | None:
        """The CI job that this process belongs to."""
        return ci_job(self.environment)

    def secrets(self) -> tuple[str, ...]:
        """Every secret value known to honk, to be masked where tool output enters."""
        found = [self.anthropic_api_key, self.openai_api_key, self.github.token, self.github.private_key]
        found += [self.slack.bot_token, self.slack.signing_secret, self.slack.app_token]
        found += [self.github.webhook_secret, self.token, self.otel.headers]
        found += [hook.secret for hook in self.webhooks]
        found += [s for m in self.mcp for s in (*m.environment.values(), *m.headers.values())]
        found += [s for r in self.registries for s in (r.password, r.token)]
        return tuple(s.get_secret_value() for s in found if s is not None and s.get_secret_value())


def _config_file(explicit: Path | None) -> Path | None:
    if explicit is not None:
        if not explicit.is_file():
            raise UserError(f"There is no settings file {explicit}.", "Give another path with --config.")
        return explicit
    default = Path(platformdirs.user_config_dir("honk")) / "honk.toml"
    return default if default.is_file() else None


_ENVIRONMENT: dict[str, tuple[str, ...]] = {
    "HONK_HOME": ("home",),
    "HONK_DATABASE_URL": ("database_url",),
    "HONK_MODEL": ("model",),
    "HONK_JUDGE": ("judge",),
    "HONK_JUDGE_MODE": ("judge_mode",),
    "HONK_OPENAI_WIRE": ("openai_wire",),
    "HONK_EVIDENCE_KEY": ("evidence_key",),
    "HONK_AUTHOR_NAME": ("author_name",),
    "HONK_AUTHOR_EMAIL": ("author_email",),
    "HONK_HOST": ("server", "host"),
    "HONK_PORT": ("server", "port"),
    "HONK_URL": ("server", "url"),
    "HONK_REMOTE": ("remote",),
    "HONK_TOKEN": ("token",),
    "HONK_LOG": ("server", "log"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("otel", "endpoint"),
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ("otel", "traces_endpoint"),
    "OTEL_EXPORTER_OTLP_HEADERS": ("otel", "headers"),
    "OTEL_SERVICE_NAME": ("otel", "service_name"),
    "OTEL_SDK_DISABLED": ("otel", "disabled"),
    "HONK_NO_INSTALL": ("no_install",),
    "GIT_SSL_CAINFO": ("ca_file",),
    "https_proxy": ("proxy",),
    "HTTPS_PROXY": ("proxy",),
    "no_proxy": ("no_proxy",),
    "NO_PROXY": ("no_proxy",),
    "HONK_MAX_COST": ("limits", "max_cost_usd"),
    "HONK_MAX_TURNS": ("limits", "max_turns"),
    "ANTHROPIC_API_KEY": ("anthropic_api_key",),
    "ANTHROPIC_BASE_URL": ("anthropic_base_url",),
    "OPENAI_API_KEY": ("openai_api_key",),
    "OPENAI_BASE_URL": ("openai_base_url",),
    "GITHUB_TOKEN": ("github", "token"),
    "GITHUB_API_URL": ("github", "api_url"),
    "SLACK_BOT_TOKEN": ("slack", "bot_token"),
    "SLACK_SIGNING_SECRET": ("slack", "signing_secret"),
    "SLACK_APP_TOKEN": ("slack", "app_token"),
    "HONK_GITHUB_WEBHOOK_SECRET": ("github", "webhook_secret"),
    "HONK_GITHUB_APP_ID": ("github", "app_id"),
    "HONK_GITHUB_PRIVATE_KEY": ("github", "private_key"),
}


_NEVER_EMPTY = "HONK_GITHUB_WEBHOOK_SECRET"


def _private_key(value: str) -> str:
    if "-----BEGIN" in value:
        return value
    try:
        return Path(value).expanduser().read_text()
    except OSError as error:
        raise UserError(
            f"HONK_GITHUB_PRIVATE_KEY is neither a PEM key nor a readable file: {error.strerror}.",
            "Give the key's text or its path.",
        ) from error


def _put(data: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for part in path[:-1]:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            return  # a table should be here: validation says so
    data[path[-1]] = value


def load(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Raises UserError naming the file or variable and the field."""
    env = os.environ if environ is None else environ
    file = _config_file(config)
    try:
        data: dict[str, Any] = tomllib.loads(file.read_text()) if file else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{file} is not valid TOML: {error}.", "Mend the file.") from error
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.", "Give another with --config.") from error
    for variable, path in _ENVIRONMENT.items():
        if value := env.get(variable):
            _put(data, path, value)
        elif value == "" and variable == _NEVER_EMPTY:  # a secret that failed to be filled in
            raise UserError(f"{variable} is empty.", "Give it the webhook's secret, or leave it unset.")
    github = data.get("github", {})
    if isinstance(github, dict) and isinstance(github.get("private_key"), str):
        github["private_key"] = _private_key(github["private_key"])
    home = data.get("home") or platformdirs.user_data_dir("honk")
    if isinstance(home, str):  # validation says so if it is anything else
        data["home"] = home = Path(home).expanduser().absolute()
    data["environment"] = dict(env)
    data["file"] = config.resolve() if config else None
    data["user_home"] = Path(env.get("HOME") or "/")
    data.setdefault("database_url", f"sqlite:///{home}/honk.sqlite")
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        where, problem = _first_problem(error, Settings)
        names = {".".join(p): v for v, p in _ENVIRONMENT.items()}
        raise UserError(
            f"Setting {where} is not usable: {problem}.",
            f"Mend it in {file}." if not env.get(names.get(where, "")) else f"Mend {names[where]}.",
        ) from error


def _first_problem(error: ValidationError, model: type[Frozen]) -> tuple[str, str]:
    """Where the first problem is, and what it is in words for people.

    Of a choice's alternatives, which pydantic names in brackets, the one that fits furthest counts.
    """
    first = max(error.errors(), key=lambda problem: len(problem["loc"]))
    where = ".".join(str(part) for part in first["loc"] if "[" not in str(part))
    if first["type"] != "extra_forbidden":
        return where or "the file", first["msg"]
    close = get_close_matches(where, list(model.model_fields), n=1)
    return where, "there is no such field" + (f" (did you mean {close[0]}?)" if close else "")


def parse_repo_config(text: str) -> RepoConfig:
    """Read ``.honk.yml``. Raises UserError naming the line or the field."""
    import yaml  # many repositories have no such file

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise UserError(
            f".honk.yml is not valid YAML{place}: {problem}.", "Mend it on the base branch."
        ) from error
    try:
        return RepoConfig.model_validate({} if data is None else data)
    except ValidationError as error:
        where, problem = _first_problem(error, RepoConfig)
        raise UserError(
            f".honk.yml: {where}: {problem}.",
            "Mend it on the base branch; `honk schema config` prints the format.",
        ) from error
