"""The checks of a change once more, as its evidence says that they ran: no model, no push."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from honk import __version__
from honk.core.events import BaseResolved, Event, Head, Recorded, RunRequested, Verified
from honk.core.evidence import Statement
from honk.core.types import Base, BaselineKey, Check, Request, VerificationResult
from honk.runs.result import rows
from honk.runs.run import Listener, Run
from honk.runs.services import Plan, Verifying
from honk.runs.verification import concerned, measure_base, verify_change


@dataclass(frozen=True)
class Repeated:
    """One check: what the evidence says of it, and what it gave here; None where it did not run."""

    stated: VerificationResult | None
    found: VerificationResult | None

    @property
    def differences(self) -> tuple[str, ...]:
        """The fields in which both differ. Durations do not count, nor tests that are flaky in either."""
        if self.stated is None or self.found is None:
            return ("check",)
        flaky = {*self.stated.flaky, *self.found.flaky}
        sides = [
            {"before": row.before, "after": row.after}
            | {name: set(getattr(row, name)) - flaky for name in _LISTS}
            for row in (self.stated, self.found)
        ]
        return tuple(name for name in sides[0] if sides[0][name] != sides[1][name])


_LISTS = ("new_failures", "standing", "mended", "missing", "skipped")


@dataclass(frozen=True)
class Reproduced:
    """``image`` is the id of the image that was used here."""

    checks: tuple[Repeated, ...]
    image: str

    @property
    def same(self) -> bool:
        return not any(check.differences for check in self.checks)


def reproduce(
    run_id: str,
    request: Request,
    base: Base,
    statement: Statement,
    plan: Plan,
    services: Verifying,
    watch: Listener,
) -> Reproduced:
    """Run the checks of the base commit before and after the change, in fresh containers.

    ``plan`` is that of the base commit: evidence does not choose what is run, but for the
    commands that its requester named. Raises Exhausted, SandboxError, GitError.
    """
    head = statement.head.digest["gitCommit"]
    before = Run(run_id, _Memory(), 0, [])
    # A change may be of several commits, merges among them. What comes after starts from its head,
    # as from a base: so the container gets all of it, whatever it has in common with the real base.
    after = Run(run_id, _Memory(), 0, [])
    for run, sha in ((before, base.sha), (after, head)):
        run.record(RunRequested(honk=__version__, request=request))
        start = base.model_copy(update={"sha": sha})
        run.record(BaseResolved(base=start, branch=statement.predicate.branch, verify=plan.commands))
    before.listen(watch)
    change = services.mirror.diff(base.sha, head)
    status = {file.path: file.status for file in change.files}
    measure_base(before, services, plan, concerned(services, plan, base.sha, status))
    if (report := before.state.base_report) is not None:
        after.record(Verified(stage="base", commit=base.sha, image="", report=report))
    after.listen(watch)
    verified = verify_change(after, services, plan, change)
    after.record(verified)
    return Reproduced(_side_by_side(statement.predicate.checks, rows(verified.report)), verified.image)


def _side_by_side(
    stated: Sequence[VerificationResult], found: Sequence[VerificationResult]
) -> tuple[Repeated, ...]:
    here = {(row.name, row.command): row for row in found}
    pairs = [Repeated(row, here.pop((row.name, row.command), None)) for row in stated]
    return (*pairs, *(Repeated(None, row) for row in here.values()))


class Forgetful:
    """Baselines that know nothing: what is to be repeated must not come from a cache."""

    def get(self, key: BaselineKey) -> Check | None:
        return None

    def put(self, key: BaselineKey, check: Check) -> None:
        pass


class _Memory:
    """A log that nobody reads: the run at hand keeps the state, and nothing of it lasts."""

    def append(self, run_id: str, event: Event, *, seq: int, fence: int) -> Recorded:
        return Recorded(run_id=run_id, seq=seq, at=datetime.now(UTC), event=event)

    def read(self, run_id: str, after: int = 0) -> list[Recorded]:
        return []

    def runs(self) -> list[str]:
        return []

    def heads(self, of: Collection[str] | None = None) -> list[Head]:
        return []
