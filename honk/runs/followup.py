"""A run that continues a pull request: what is said about it, and the commit to build upon.

People's commits on the branch are kept, always: honk builds upon whatever the branch holds
now, adds commits, and pushes them with a lease on exactly that. If somebody pushes
meanwhile, the work so far is laid over their commit and faces the stop gate again.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal

from honk.core.errors import GitError, UserError
from honk.core.events import Checkpointed, FollowedUp, Moved
from honk.core.fates import BRANCHES
from honk.core.followup import FailedCheck, FollowUp, Remark, Standing
from honk.core.types import Base, Change, Finding, Outcome, PullRequest, PushAccess
from honk.prompts import render
from honk.runs.run import Ending, Run
from honk.runs.services import Services

MOVES = 3
"""How often somebody may push to the branch while honk works, before the run gives up."""

_HEARD = re.compile(r"<!-- honk heard ([0-9T:+.Z-]{10,40}) -->")
_PARTS = re.compile(r"\n## (Request|Evidence)\n")
_MARKER = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)


def reach(run: Run, services: Services) -> PushAccess | Ending:
    """Where the branch is, with the right to push to it; or why the pull request is left alone."""
    request = run.state.request
    asked = _asked(run)
    standing = services.followups.reviews.standing(request.repo, asked.number)
    if standing.state != "open":
        reason = f"Pull request {asked.number} is {standing.state}; it is left alone."
        return Ending(Outcome.SKIPPED, reason)
    if not standing.branch.startswith(BRANCHES):
        raise UserError(
            f"Pull request {asked.number} is not honk's: its branch is {standing.branch}.",
            "honk follows up on pull requests from its own branches (honk/…) only.",
        )
    access = services.publisher.access(request.repo, fork=bool(standing.head_owner))
    if standing.head_owner and access.owner.lower() != standing.head_owner.lower():
        raise UserError(
            f"The branch of pull request {asked.number} is in {standing.head_owner}'s fork.",
            "Follow up with the credential that opened it.",
        )
    return access


def begin(run: Run, services: Services, access: PushAccess) -> Base | Ending:
    """Read what is to be done and make the commit to build upon; None of it is pushed here.

    The base that is returned has this commit; the FollowedUp in the log says the rest.
    """
    request, asked = run.state.request, _asked(run)
    standing = services.followups.reviews.standing(request.repo, asked.number)
    target = services.mirror.fetch(standing.base)
    head = services.mirror.follow(standing.branch, access)
    if head is None:
        raise GitError(f"The branch {standing.branch} is gone.", "Restore it, or start a new run.")
    remarks = _remarks(run, services, standing)
    failures = _failures(services, target, head)
    earlier = services.followups.earlier(run.id, head)
    known = {remark.id for other in earlier for remark in other.remarks}
    fresh = bool(request.text) or any(remark.id not in known for remark in remarks)
    if not fresh and len(earlier) >= asked.rounds:
        reason = f"{len(earlier)} follow-ups were already made of {head[:12]}. Push or comment to go on."
        return Ending(Outcome.SKIPPED, reason)
    base, found = _stand(run, services, standing, target, head, remarks, failures)
    run.record(found)
    if found.merged or found.remarks or found.failures or request.text:
        return base
    return Ending(Outcome.NO_CHANGE, "Nothing new is said about the pull request, and no check fails.")


def _asked(run: Run) -> FollowUp:
    asked = run.state.request.followup
    if asked is None:
        raise ValueError("this run is no follow-up")
    return asked


def _stand(
    run: Run,
    services: Services,
    standing: Standing,
    target: Base,
    head: str,
    remarks: tuple[Remark, ...],
    failures: tuple[FailedCheck, ...],
) -> tuple[Base, FollowedUp]:
    """The commit to build upon, on ``head`` of the branch, with the base merged in if need be."""
    asked, mirror = _asked(run), services.mirror
    trusted = mirror.common(head, target.sha)
    start, merged, artifact = head, None, None
    conflicts: tuple[str, ...] = ()
    if trusted != target.sha:  # the base went on
        message = f"Merge branch '{target.branch}' into {standing.branch}"
        merge = mirror.merge_in(head, target.sha, message)
        if merge.conflicts or asked.update:
            start, merged, conflicts, trusted = merge.commit, target.sha, merge.conflicts, target.sha
            artifact = services.artifacts.put(mirror.pack(start, head))
    heard = _HEARD.search(standing.body)
    times = [remark.at for remark in remarks] + ([_time(heard[1])] if heard else [])
    found = FollowedUp(
        pull_request=PullRequest(
            number=standing.number, url=standing.url, draft=standing.draft, created=False
        ),
        title=standing.title,
        original=_original(services, standing),
        description=_PARTS.split(standing.body)[0].strip(),
        branch=standing.branch,
        head=head,
        head_owner=standing.head_owner,
        trusted=trusted or target.sha,
        merged=merged,
        artifact=artifact,
        conflicts=conflicts,
        remarks=remarks,
        failures=failures,
        heard=max(times, default=None),
    )
    return target.model_copy(update={"sha": start}), found


def _time(text: str) -> datetime:
    """A time that honk wrote into a pull request; a person may have edited it."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _remarks(run: Run, services: Services, standing: Standing) -> tuple[Remark, ...]:
    """What was said since honk last listened; what started the run, as it stood then."""
    heard = _HEARD.search(standing.body)
    since = _time(heard[1]) if heard else None
    read = services.followups.reviews.remarks(run.state.request.repo, standing.number, since)
    said = _asked(run).said
    known = {remark.id for remark in said}
    every = (*(remark for remark in read if remark.id not in known), *said)
    mask = services.wording.mask
    return tuple(remark.model_copy(update={"text": mask(remark.text)}) for remark in every)


def _failures(services: Services, target: Base, head: str) -> tuple[FailedCheck, ...]:
    """What fails on ``head``, the logs distilled to what a model needs."""
    mask, distil = services.wording.mask, services.followups.distil
    return tuple(
        check.model_copy(update={"log": distil(mask(check.log))})
        for check in services.followups.reviews.failures(target.repo, head)
    )


def _original(services: Services, standing: Standing) -> str:
    """The change request that opened the pull request: from its run's log, else from its own text."""
    if known := services.followups.original(standing.branch):
        return known
    parts = _PARTS.split(standing.body)
    request = parts[parts.index("Request") + 1].strip() if "Request" in parts else ""
    return request or standing.title


def restore(run: Run, services: Services) -> None:
    """Bring what a follow-up stands on into a mirror that may be another machine's."""
    found = run.state.followed
    if found is None:
        return
    for commit in dict.fromkeys((found.head, found.trusted)):
        services.mirror.ensure(commit)
    if found.artifact is not None:
        services.mirror.unpack(services.artifacts.get(found.artifact))


# ---- while it works ---------------------------------------------------------------------


def words(run: Run) -> str:
    """What the model is told beyond the original request; empty if the run is no follow-up."""
    found = run.state.followed
    if found is None:
        return ""
    return render("followup.md", found=found, asked=run.state.request.text)


def merges(run: Run) -> bool:
    """Whether the base of the change, a merge of two branches, is worth publishing by itself."""
    return run.state.followed is not None and run.state.followed.merged is not None


def only_merges(run: Run) -> bool:
    """Whether there is nothing for the model to do: the base was merged in without conflicts."""
    found, state = run.state.followed, run.state
    if found is None or found.merged is None or state.turns or state.rounds:
        return False
    return not (found.conflicts or found.remarks or found.failures or state.request.text)


def unresolved(run: Run, services: Services, change: Change) -> tuple[Finding, ...]:
    """Conflict markers that are left where git could not merge."""
    found = run.state.followed
    if found is None or not found.conflicts:
        return ()
    files = services.mirror.files(change.head)
    detail = "the conflict markers of a merge are still in it"
    result: Literal["block"] = "block"
    return tuple(
        Finding(gate="conflict", result=result, path=path, detail=detail)
        for path in found.conflicts
        if path in files and _MARKER.search(services.mirror.read(files[path]))
    )


def parents(run: Run) -> tuple[str, ...]:
    """Of the commit that is handed over, where that is not the base alone: a merge with conflicts
    is the model's to finish, and only then a commit of the branch."""
    found = run.state.followed
    return (found.head, found.merged) if found and found.merged and found.conflicts else ()


# ---- the push ---------------------------------------------------------------------------


def moved(run: Run, services: Services, access: PushAccess) -> bool:
    """Whether somebody pushed meanwhile; the log then has the work so far upon their commit."""
    state = run.state
    if state.followed is None or state.base is None or state.frozen is None or state.pushed is not None:
        return False
    now = services.mirror.head(state.base.branch, access)
    if now is None or now in (state.followed.head, state.frozen.change.head):
        return False  # if it is gone, the push says so
    _carry(run, services, access)
    return True


def _carry(run: Run, services: Services, access: PushAccess) -> None:
    state, mirror = run.state, services.mirror
    assert state.base is not None and state.frozen is not None
    standing = services.followups.reviews.standing(state.request.repo, _asked(run).number)
    head = mirror.follow(state.base.branch, access)
    if head is None:
        raise GitError(f"The branch {state.base.branch} is gone.", "Restore it, or start a new run.")
    before = state.followed
    assert before is not None
    # What was said since is for the next follow-up.
    target = mirror.fetch(standing.base)
    base, found = _stand(run, services, standing, target, head, before.remarks, before.failures)
    carried = mirror.carry(state.base.base.sha, state.frozen.change.head, base.sha, "honk checkpoint")
    conflicts = tuple(dict.fromkeys((*found.conflicts, *carried.conflicts)))
    found = found.model_copy(update={"conflicts": conflicts})
    artifact = services.artifacts.put(mirror.pack(carried.commit, base.sha))
    run.record(
        Moved(found=found, base=base, checkpoint=Checkpointed(artifact=artifact, commit=carried.commit))
    )
