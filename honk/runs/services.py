"""What the pipeline works with: every adapter behind a port, every policy as a plain function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from honk.agent.calls import Caller
from honk.agent.judge import Judge
from honk.agent.session import Toolbox
from honk.core.cancel import Cancel
from honk.core.events import FollowedUp
from honk.core.judgement import JudgeMode
from honk.core.limits import Limits
from honk.core.ports import Artifacts, Baselines, Inbox, Mirror, Publisher
from honk.core.reviews import Reviews
from honk.core.sandbox import OpenSandbox, Sandbox, Submodule
from honk.core.types import (
    Base,
    Change,
    Check,
    CommandResult,
    Comparison,
    Finding,
    Report,
    Request,
    VerifyCommand,
)


@dataclass(frozen=True)
class Guidance:
    """A file of the base commit that is shown to the model as data."""

    path: str
    text: str


@dataclass(frozen=True)
class Submodules:
    """Paths of the base's submodules: those in the sandbox, and those left out. ``seed`` gives
    the content of the former."""

    present: tuple[str, ...]
    absent: tuple[str, ...]
    seed: Callable[[], tuple[Submodule, ...]]


@dataclass(frozen=True)
class Plan:
    """What the base commit and the operator say about a run; derived again on resume.

    ``setup`` is what made the image and runs again where manifests changed. ``title`` is
    the pull request's title with ``{title}`` for the model's. ``reviewers`` gives the
    owners of changed paths. ``limits`` are the repository's own: what it names lowers the run's.
    ``affected`` gives the commands that a change of some paths concerns.
    ``judge`` is how much the judge's word counts: as the request says, or more if the repository does.
    ``inspect`` gives the gates' findings; its second argument are globs permitted since the request.
    """

    commands: tuple[VerifyCommand, ...]
    affected: Callable[[Iterable[str]], tuple[VerifyCommand, ...]]
    setup: tuple[str, ...]
    setup_declared: bool  # by .honk.yml; otherwise honk detected it
    submodules: Submodules
    guidance: tuple[Guidance, ...]
    template: str | None
    title: str
    labels: tuple[str, ...]
    reviewers: Callable[[Change], tuple[str, ...]]
    notices: tuple[str, ...]
    limits: Limits
    judge: JudgeMode
    image: Callable[[Cancel], str]
    inspect: Callable[[Change, tuple[str, ...]], tuple[Finding, ...]]


@dataclass(frozen=True)
class Wording:
    """Text rules of the forge for what a model wrote."""

    title: Callable[[str], str]  # one safe line, may come back empty
    body: Callable[[str], str]
    scan: Callable[[str], tuple[Finding, ...]]  # secrets and hidden characters
    issue: Callable[[str], int | None]  # the issue that a request names
    mask: Callable[[str], str]  # known secret values taken out
    units: Callable[[str], int]  # length as the forge counts it
    body_limit: int


@dataclass(frozen=True)
class FollowUps:
    """What a run that continues a pull request needs beyond others.

    ``original``: the change request of the run that made a branch, empty if it is not known
    here. ``earlier``: what other runs found that worked on a follow-up of a commit (run id and
    commit given).
    """

    reviews: Reviews
    distil: Callable[[str], str]
    original: Callable[[str], str]
    earlier: Callable[[str, str], tuple[FollowedUp, ...]]


@dataclass(frozen=True)
class Verifying:
    """What verification works with: a part of the services, and all that repeating it takes."""

    mirror: Mirror
    open_sandbox: OpenSandbox
    setup_asked: Callable[[], tuple[str, ...]]  # of the package proxy, since the last call
    check: Callable[[VerifyCommand, Callable[[str, float], CommandResult], float], Check]
    # The command, its result on the base if there is one, that on the change, the change itself.
    compare: Callable[[VerifyCommand, Check | None, Check, Change | None], Comparison]
    settle: Callable[[Sequence[Check]], Check]  # several runs of one check on one commit
    needs_setup: Callable[[str, Sequence[str]], bool]
    baselines: Baselines
    cancel: Cancel


@dataclass(frozen=True)
class Services(Verifying):
    publisher: Publisher
    model: Caller
    window: int | None  # tokens of the model's context, if known
    judge: Judge  # asked only where the plan says so
    followups: FollowUps
    plan: Callable[[Request, Base, str], Plan]  # the base, and the commit whose rules hold
    sweep: Callable[[], None]  # removes the sandboxes of dead processes; needs the engine
    # The verify tool, and the seconds that a command may take.
    toolbox: Callable[[Sandbox, Callable[[], str], Callable[[], float]], Toolbox]
    weakened: Callable[[Iterable[Check]], tuple[Finding, ...]]  # tests that no longer run
    feedback: Callable[[Report], str]
    wording: Wording
    config: Path | None  # the settings file that --config named: the checks may need its registries
    sign: Callable[[bytes], bytes]  # a statement to the envelope that holds it, signed
    branch: Callable[[str, str], str]  # request text and run id to a branch name
    artifacts: Artifacts
    inbox: Inbox
