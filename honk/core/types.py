"""The nouns of a run: request, commands, checks, changes, findings, verdicts, pull requests."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Literal

from pydantic import Field, field_validator

from honk.core.base import Frozen
from honk.core.followup import FollowUp
from honk.core.judgement import JudgeResult
from honk.core.limits import Limits
from honk.core.messages import Usage
from honk.core.order import Origin

_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def check_object_id(sha: str) -> str:
    """Return ``sha`` if it is a full git object id (SHA-1 or SHA-256), else raise ValueError."""
    if not _OBJECT_ID.fullmatch(sha):
        raise ValueError(f"not a git object id: {sha!r}")
    return sha


class RepoRef(Frozen):
    """A repository on a forge.

    ``name`` is ``owner/name`` on GitHub and the absolute path of the origin on the local
    forge; ``url`` is what git fetches from and pushes to, without credentials.
    """

    forge: Literal["github", "local"]
    name: str
    url: str


class Request(Frozen):
    """A change request: who asked, in which repository, what, under which limits."""

    text: str  # never empty but in a follow-up
    repo: RepoRef
    base: str | None = None  # branch; None means the remote's default branch
    requester: str = ""  # "Name <email>" where known; co-author of the commit
    model: str
    judge: str | None = None  # model of the judge; None switches the judge off
    judge_mode: Literal["advisory", "blocking"] = "blocking"
    verify: tuple[str, ...] = ()
    image: str | None = None
    draft: bool = True
    dry_run: bool = False
    untested: Literal["refuse", "draft"] = "refuse"
    broken_base: Literal["continue", "skip"] = "continue"
    allow: tuple[str, ...] = ()
    depth: int = Field(default=50, ge=1)
    fork: bool = False
    plan: bool = False  # a person approves a plan before the work begins
    limits: Limits = Limits()
    followup: FollowUp | None = None  # then ``text`` is what is asked of the pull request now
    origin: Origin = Origin()

    @property
    def title(self) -> str:
        """What a list says of it: its words, or which pull request it continues without any."""
        silent = f"follow up on pull request {self.followup.number}" if self.followup else ""
        return self.text or silent


class Outcome(StrEnum):
    """How a run ended; the exit code of each is in :data:`EXIT_CODES`."""

    PUBLISHED = "published"
    VERIFIED = "verified"  # --dry-run
    NO_CHANGE = "no_change"
    SKIPPED = "skipped"
    PLANNED = "planned"  # and nobody works on it until a person approves the plan
    UNVERIFIED = "unverified"
    VETOED = "vetoed"
    REFUSED = "refused"
    EXHAUSTED = "exhausted"
    STUCK = "stuck"
    FAILED = "failed"
    CANCELLED = "cancelled"


EXIT_CODES: dict[Outcome, int] = {
    Outcome.PUBLISHED: 0,
    Outcome.VERIFIED: 0,
    Outcome.NO_CHANGE: 10,
    Outcome.SKIPPED: 11,
    Outcome.PLANNED: 12,
    Outcome.UNVERIFIED: 20,
    Outcome.VETOED: 21,
    Outcome.REFUSED: 22,
    Outcome.EXHAUSTED: 30,
    Outcome.STUCK: 31,
    Outcome.FAILED: 40,
    Outcome.CANCELLED: 130,
}


class CommandResult(Frozen):
    """One shell command's result.

    ``output`` is standard output and error as they came, decoded as UTF-8 with
    replacement, clipped to head and tail; ``dropped`` counts the bytes left out in the
    middle. ``exit_code`` is None if the command was killed at its deadline or the shell
    died with it. ``note`` is one line for the model about the shell itself (restarted
    after a time-out, say), or empty.
    """

    output: str
    exit_code: int | None
    seconds: float
    dropped: int = 0
    timed_out: bool = False
    note: str = ""


class VerifyCommand(Frozen):
    """One command that decides whether a change is good. ``source`` says where it came from. ``folder``
    is the package of a monorepo that it verifies, empty for the whole repository; ``watches`` are the
    packages, itself among them, that it depends on. ``replaces``: see RunState.in_force."""

    name: str
    command: str
    source: Literal["flag", "config", "detected"]
    folder: str = ""
    watches: tuple[str, ...] = ()
    replaces: str = ""


class Counts(Frozen):
    """How many tests passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def ran(self) -> int:
        return self.passed + self.failed


class Results(Frozen):
    """The tests of one run of a check, as its tools report them: claims of untrusted code, bounded.

    ``complete``: every test that ran is named; else the names are a part of them (many tools
    name only what fails), though ``counts`` counts all that are known of. ``flaky`` are those
    that failed in one run and not in another on the same commit; ``failed`` has none of them.
    """

    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    counts: Counts = Counts()
    complete: bool = False


class Comparison(Frozen):
    """A check on the change beside the same check on the base.

    Names of tests: ``new_failures`` fail now and did not; ``standing`` failed before, too;
    ``mended`` failed before and pass now; ``flaky`` flipped when the check ran again on the
    same commit; ``missing`` passed before and did not run now, renames left out; ``skipped``
    passed before and are skipped now. ``before`` is None where no baseline applies. ``unknown``:
    it failed before and now without names of what fails, so that nobody knows of new failures.
    ``blocks``: the change may not be published; ``reason`` says why in one sentence.
    """

    before: Literal["passed", "failed"] | None = None
    new_failures: tuple[str, ...] = ()
    standing: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    unknown: bool = False
    blocks: bool
    reason: str = ""


class Check(Frozen):
    """Result of one verify command. ``summary`` is distilled: one line if passed.

    ``no_tests``: a test runner was content but says that it ran no test, which is no evidence.
    ``tests`` is None where no tool reported any. ``known``: taken from the cache of baselines.
    """

    name: str
    command: str
    exit_code: int | None
    seconds: float
    summary: str
    timed_out: bool = False
    no_tests: bool = False
    tests: Results | None = None
    compared: Comparison | None = None
    known: bool = False

    @property
    def passed(self) -> bool:
        return self.exit_code == 0 and not self.no_tests

    @property
    def killed(self) -> bool:
        """Whether it did not end by itself. A shell gives 128 and the number of the signal."""
        return self.timed_out or self.exit_code is None or 128 < self.exit_code < 160

    @property
    def blocks(self) -> bool:
        """Whether a change with this result may not be published."""
        return self.compared.blocks if self.compared is not None else not self.passed


class Report(Frozen):
    """What verification found. An empty report (nothing verifies) does not count as passed."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(c.passed for c in self.checks)

    @property
    def acceptable(self) -> bool:
        """Whether nothing speaks against the change: what fails failed on the base, too."""
        return not any(c.blocks for c in self.checks)

    def permits(self, untested: Literal["refuse", "draft"]) -> bool:
        """Whether the change may go on: nothing speaks against it, and something for it (a check or a
        test that passes; not setup, which nothing compares), unless an unverified draft is accepted."""
        checks = [c for c in self.checks if c.compared is not None]
        spoken = any(c.passed or (c.tests is not None and c.tests.counts.passed) for c in checks)
        return self.acceptable and (spoken or untested == "draft")


class BaselineKey(Frozen):
    """What decides how a check ends on a base commit. ``image`` is an id (``sha256:…``)."""

    repo: str  # URL
    sha: str
    image: str
    command: str


class FileChange(Frozen):
    """One changed path. ``status`` is A, M, D or T (type change); modes are git's octal text.

    ``old_blob`` and ``new_blob`` are object ids, None where the side does not exist.
    ``added`` and ``removed`` count lines, None for binary content.
    """

    path: str
    status: Literal["A", "M", "D", "T"]
    old_mode: str | None
    new_mode: str | None
    old_blob: str | None
    new_blob: str | None
    added: int | None
    removed: int | None


class Change(Frozen):
    """The difference between two commits, renames not followed. ``patch`` applies with git apply."""

    base: str
    head: str
    files: tuple[FileChange, ...]
    patch: str

    @property
    def empty(self) -> bool:
        return not self.files


class Finding(Frozen):
    """What a gate has to say about one place of a change."""

    gate: str
    result: Literal["block", "flag"]
    path: str
    detail: str


class FinishStatus(StrEnum):
    DONE = "done"
    NO_CHANGE = "no_change"
    PRECONDITION_FAILED = "precondition_failed"
    GAVE_UP = "gave_up"


class Finish(Frozen):
    """How the model says that its session ended, and the words for the pull request."""

    status: FinishStatus = FinishStatus.DONE
    reason: str = ""
    title: str = ""
    description: str = ""


class Base(Frozen):
    """Where a run starts: ``repo`` as the forge names it today, the base branch and its commit."""

    repo: RepoRef
    branch: str
    sha: str
    default_branch: str

    _sha = field_validator("sha")(check_object_id)


class PushAccess(Frozen):
    """Where honk may push: ``url`` of the repository or of its fork (``owner`` then is the fork's)."""

    url: str
    owner: str = ""
    fork: bool = False


class Proposal(Frozen):
    """A pull request to be opened or updated; ``branch`` already holds ``head_sha``."""

    run_id: str
    repo: RepoRef
    base: str
    branch: str
    head_owner: str = ""  # owner of the fork, when the branch is there
    head_sha: str
    title: str
    body: str
    draft: bool
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()  # logins, or "org/team"


class PullRequest(Frozen):
    """``created`` is False if an open one was updated; ``state`` as the forge has it now."""

    number: int
    url: str
    draft: bool
    created: bool
    state: Literal["open", "closed", "merged"] = "open"


class VerificationResult(Frozen):
    """One row of the evidence. ``before`` is the base's result where a baseline ran.

    The lists name tests, as in Comparison; ``tests`` counts those of the change, None where
    no tool reported any.
    """

    name: str
    command: str
    before: Literal["passed", "failed"] | None = None
    after: Literal["passed", "failed"]
    new_failures: tuple[str, ...] = ()
    standing: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    unknown: bool = False
    tests: Counts | None = None
    seconds: float


class GateResult(Frozen):
    name: str
    result: Literal["block", "flag"]
    detail: str


class RunResult(Frozen):
    """What ``--json`` prints. Fields are null (or empty) where the run did not get that far."""

    run_id: str
    outcome: Outcome
    reason: str
    repo: str
    base: str | None
    base_sha: str | None
    branch: str | None
    head_sha: str | None
    pull_request: PullRequest | None
    verification: tuple[VerificationResult, ...]
    gates: tuple[GateResult, ...]
    judge: JudgeResult | None
    turns: int
    seconds: float
    cost_usd: float
    usage: Usage
    replayed: bool
    patch: str | None
    plan: str | None = None
