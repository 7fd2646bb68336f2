"""``.honk.yml``: what a repository says about itself, read from the base commit only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from honk.core.base import Frozen
from honk.core.limits import Limits
from honk.core.rules import GateMode, GateName

# An empty command passes, and would verify nothing.
Command = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class PullRequestConfig(Frozen):
    """``title`` and ``template`` are plain text; ``{title}`` in ``title`` stands for the model's."""

    title: str = "{title}"
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    template: str | None = None


class RepoConfig(Frozen):
    """The file as data. All fields are optional; see ``honk schema config``."""

    image: str | None = None
    dockerfile: str | None = None  # path in the repository
    setup: tuple[Command, ...] = ()  # run online once, cached as an image
    verify: Literal["auto"] | dict[str, Command] = "auto"  # name -> command
    protect: tuple[str, ...] = ()  # globs, added to honk's own
    gates: dict[GateName, GateMode] = Field(default={})  # stricter, or as lax as the operator lets them be
    judge: Literal["advisory", "blocking"] | None = None  # stricter than what the request says, never laxer
    limits: Limits | None = None  # may lower those of the request, never raise them
    pull_request: PullRequestConfig = PullRequestConfig()
    guidance: tuple[str, ...] = Field(default=("AGENTS.md", "CLAUDE.md"))
