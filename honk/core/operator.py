"""What the operator of an installation decides: prices, registries, the ceiling of a sandbox."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, model_validator

from honk.core.base import Frozen


class Price(Frozen):
    """Dollars per million tokens. None for the cache means: as ``input``."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_read: float | None = Field(default=None, ge=0)
    cache_write: float | None = Field(default=None, ge=0)


class Registry(Frozen):
    """One package registry behind the proxy.

    ``url`` is its base address (a PEP 503 ``…/simple/`` for pypi, the root for npm) or the
    path of a folder of wheels and sdists (pypi) or tarballs (npm). Earlier ones win.
    Credentials stay on the host.
    """

    kind: Literal["pypi", "npm"]
    url: str
    username: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None


class McpServer(Frozen):
    """A server of tools for sessions, called from the host (Model Context Protocol).

    It is started by ``command`` (with ``environment`` and nothing of honk's) or reached at
    ``url`` (with ``headers``). ``tools`` are globs of its tools that a model may call, and
    ``repositories`` those of the repositories in whose runs. ``seconds`` bounds each answer.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,19}$")
    command: tuple[str, ...] = ()
    environment: dict[str, SecretStr] = Field(default={})
    url: str | None = Field(default=None, pattern=r"^https?://")
    headers: dict[str, SecretStr] = Field(default={})
    tools: tuple[str, ...] = Field(min_length=1)
    repositories: tuple[str, ...] = ("*",)
    seconds: float = Field(default=60.0, gt=0)

    @model_validator(mode="after")
    def _one_way(self) -> McpServer:
        if bool(self.command) == (self.url is not None):
            raise ValueError("either command or url is needed")
        return self


class SandboxCeiling(Frozen):
    """The ceiling of every container. Sizes in bytes; None means sized from the engine's host."""

    # To the engine, nothing and less than nothing mean: without a limit.
    memory: int | None = Field(default=None, ge=64 << 20)  # half of the host's, at most 8 GiB
    cpus: float | None = Field(default=None, ge=0.01)  # all of the host's
    pids: int = Field(default=4096, ge=64)
    file_size: int = Field(default=4 << 30, gt=0)
    tmp_size: int | None = Field(default=None, gt=0)  # as memory
    workspace_size: int = Field(default=20 << 30, gt=0)
    runtime: str | None = None  # "runsc" for gVisor
    base: str | None = None  # what the stock image is built from, a registry's name first for a mirror


class SlackSettings(Frozen):
    """The Slack app of `honk serve`. Ids are Slack's own (``C123``, ``U123``, ``T123``).

    ``channels`` gives a channel's default repository; the ``allow_…`` lists, where not empty,
    are all that may ask (teams: beside the app's own). ``users`` maps people to their GitHub
    login, or ``ID+login``, whose rights count. ``mapped_only``: nobody else may ask (true), or
    not for repositories on GitHub (None), or anybody may for anything (false). ``api_url`` is
    for tests and for Slack behind a gateway.
    """

    bot_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    app_token: SecretStr | None = None
    api_url: str = "https://slack.com/api/"
    channels: dict[str, str] = Field(default={})
    users: dict[str, str] = Field(default={})
    mapped_only: bool | None = None
    allow_channels: tuple[str, ...] = ()
    allow_users: tuple[str, ...] = ()
    allow_teams: tuple[str, ...] = ()


class ServerSettings(Frozen):
    """`honk serve` and `honk worker`.

    ``url`` is how people reach the pages (for links); ``repositories`` are glob patterns of
    what may be asked for from outside (none: any ``owner/name`` of the configured forge);
    ``workers`` is how many runs one process works on at once; a run that was taken
    ``orphan_seconds`` ago and has no living owner goes to another worker; ``replay`` lets
    callers name recorded sessions, which only demonstrations want; ``log`` is the form of the
    service's own log.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8417, ge=0, le=65535)
    url: str | None = None
    repositories: tuple[str, ...] = ()
    workers: int = Field(default=2, ge=1)
    orphan_seconds: float = Field(default=40.0, gt=0)
    replay: bool = False
    log: Literal["text", "json"] = "text"

    def page(self, run_id: str) -> str | None:
        """The address of a run's page; None where people cannot reach it."""
        return f"{self.url.rstrip('/')}/runs/{run_id}" if self.url else None


class Webhook(Frozen):
    """Another service that is told when a run ends. ``secret``: ``whsec_BASE64``, or any text."""

    url: str = Field(pattern=r"^https?://")
    secret: SecretStr = Field(min_length=16)


class OtelSettings(Frozen):
    """Where traces go, by the standard OTEL_… variables; nowhere without an endpoint.

    ``endpoint`` is the collector's base URL, ``traces_endpoint`` the whole one of traces;
    ``headers`` as ``name=value,…`` with percent-encoded values.
    """

    endpoint: str | None = None
    traces_endpoint: str | None = None
    headers: SecretStr = SecretStr("")
    service_name: str = "honk"
    disabled: bool = False

    @property
    def url(self) -> str | None:
        """Of the traces signal; None: traces are off."""
        if self.disabled:
            return None
        base = None if self.endpoint is None else f"{self.endpoint.rstrip('/')}/v1/traces"
        return self.traces_endpoint or base
