"""Evidence found, wherever it is, and its checks repeated on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack

from honk.core.cancel import Cancel
from honk.core.errors import UserError
from honk.core.evidence import Resource, Statement
from honk.core.reviews import Forge
from honk.core.state import fold
from honk.core.types import Base, RepoRef, Request, check_object_id
from honk.forges.local import LocalForge
from honk.planning import ImagePlan, make_plan
from honk.runs.keeper import Keeper
from honk.runs.reproduce import Forgetful, Reproduced, reproduce
from honk.runs.run import Listener
from honk.runs.services import Verifying
from honk.settings import Settings
from honk.verifiers.commands import check, needs_setup
from honk.verifiers.compare import compare, settle
from honk.wiring.followups import followups_of
from honk.wiring.repositories import open_forge, open_mirror, open_submodules, target
from honk.wiring.sandboxes import Engine
from honk.wiring.services import masking
from honk.wiring.stores import Stores, new_run_id

Notice = Callable[[str], None]

_BRANCH = re.compile(r"(?:([A-Za-z0-9-]+):)?(honk/\S+)")


def pull_request(
    settings: Settings, stores: Stores, repo: str | None, pull: int | str, notice: Notice
) -> tuple[str, str]:
    """A text that has the evidence of a pull request, and the commit that its branch is at by now.

    ``pull`` is its number, or its branch (``OWNER:BRANCH`` in a fork). On GitHub the text is
    the description. Raises UserError if there is no such pull request.
    """
    found = target(repo, settings, base=None).repo
    with ExitStack() as stack:
        forge: Forge
        if found.forge == "local":
            forge = LocalForge(stores.pulls)
        else:
            forge = opened = open_forge(settings, cancel=Cancel(), notice=notice)
            stack.callback(opened.close)
            found = opened.resolve(found)
        number = pull if isinstance(pull, int) else _number(forge, found, pull)
        standing = forge.standing(found, number)
    if found.forge == "local":
        return _of_runs(stores, found, number, standing.head), standing.head
    return standing.body, standing.head


def _of_runs(stores: Stores, repo: RepoRef, number: int, head: str) -> str:
    """The evidence of the run that made ``head``, the newest commit of a pull request kept here."""
    record = stores.pulls.get(repo.name, number)
    runs = [*followups_of(stores, repo, number), *([record.run_id] if record else [])]
    for run_id in runs:
        attested = fold(stores.events.read(run_id)).attested
        if attested is not None and attested.commit == head:
            return stores.artifacts.get(attested.artifact).decode()
    return ""


def _number(forge: Forge, repo: RepoRef, branch: str) -> int:
    match = _BRANCH.fullmatch(branch)
    pull = forge.find(repo, "", match[2], match[1] or "") if match else None
    if pull is None:
        raise UserError(
            f"{repo.name} has no pull request from {branch}.", "Give its number, or a file with its evidence."
        )
    return pull.number


def repeat(
    settings: Settings,
    stores: Stores,
    statement: Statement,
    repo: str | None,
    *,
    cancel: Cancel,
    notice: Notice,
    watch: Listener,
) -> Reproduced:
    """Run the checks that ``statement`` tells of. ``repo`` is where its commits are (None: where it says).
    ``watch`` sees the results as they come.

    Raises UserError for a statement that cannot be repeated, and what the engine, git and
    the limits of time may raise.
    """
    said = statement.predicate
    if not said.checks:
        raise UserError("No check ran on this commit.", "There is nothing to repeat.")
    place = _place(settings, said.external_parameters.repo if repo is None else repo)
    base_sha, head = _commit(statement.base), _commit(statement.head)
    run_id = new_run_id()
    fence = stores.leases.claim(run_id, stores.owner)  # so that nobody sweeps its containers away
    with ExitStack() as stack:
        stack.enter_context(Keeper(run_id, fence, stores.leases, stores.inbox, cancel))
        forge = None
        if place.forge == "github" and settings.github.configured:  # a public one can be read without
            forge = open_forge(settings, cancel=cancel, notice=notice)
            stack.callback(forge.close)
            place = forge.current(place)
        request = _request(settings, statement, place)
        base = Base(repo=place, branch=said.base_branch, sha=base_sha, default_branch=said.base_branch)
        mirror = stack.enter_context(open_mirror(settings, place, forge, depth=request.depth, cancel=cancel))
        for commit in (base_sha, head):
            mirror.ensure(commit)
        bring = stack.enter_context(open_submodules(settings, mirror, place, forge, cancel))
        engine = Engine(settings, notice, masking(settings.secrets()))
        stack.callback(engine.close)

        def prepare(plan: ImagePlan, cancel: Cancel) -> str:
            return engine.prepare(plan, mirror, cancel)

        services = Verifying(
            mirror=mirror,
            open_sandbox=engine.open_sandbox,
            setup_asked=engine.asked,
            check=check,
            compare=compare,
            settle=settle,
            needs_setup=needs_setup,
            baselines=Forgetful(),
            cancel=cancel,
        )
        plan = make_plan(request, base, mirror, settings, prepare, bring)
        return reproduce(run_id, request, base, statement, plan, services, watch)


def _place(settings: Settings, repo: RepoRef | str) -> RepoRef:
    """The repository by its name alone: an address in a statement would be asked with our credential."""
    if isinstance(repo, RepoRef):
        return target(repo.name, settings, base=None, named=repo.forge == "github").repo
    return target(repo, settings, base=None).repo


def _commit(resource: Resource) -> str:
    try:
        return check_object_id(resource.digest.get("gitCommit", ""))
    except ValueError as error:
        raise UserError(f"The evidence is damaged: {resource.name} is {error}.", "Fetch it anew.") from error


def _request(settings: Settings, statement: Statement, repo: RepoRef) -> Request:
    said = statement.predicate
    parameters = said.external_parameters
    return Request(
        text=said.task,
        repo=repo,
        base=said.base_branch,
        model=parameters.model,
        verify=tuple(command.command for command in said.verify if command.source == "flag"),
        image=parameters.image,
        broken_base=parameters.broken_base,
        depth=parameters.depth,
        limits=settings.limits,
    )
