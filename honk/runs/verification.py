"""Running the checks: on the base before the session, on the change after it, always outside it.

Every run has a fresh container, and every command starts without what an earlier one left
running. What the base gave is kept for later runs on the same commit and image.
"""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import basename

from honk.core.errors import Exhausted
from honk.core.events import RegistryAsked, Verified
from honk.core.sandbox import Sandbox, SandboxSpec
from honk.core.types import BaselineKey, Change, Check, CommandResult, Report, VerifyCommand
from honk.runs.run import Run
from honk.runs.services import Plan, Services, Verifying
from honk.runs.systempackages import without_system_packages
from honk.runs.workshop import base_sha, history, image_of, rules_sha

RERUNS = 2
"""Times that a check is run again before what failed in it counts as failed."""

PACKAGES_AT_ONCE = 4
"""Packages of a monorepo whose checks are all measured on the base before any model cost."""


# ---- the base ---------------------------------------------------------------------------


def at_once(run: Run, plan: Plan) -> tuple[VerifyCommand, ...]:
    """The checks that are measured on the base before any model cost.

    Of a monorepo with many packages those that concern all of it; which packages a change
    concerns is known only afterwards.
    """
    packages = {command.folder for command in plan.commands if command.folder}
    if run.state.request.broken_base == "skip" or len(packages) <= PACKAGES_AT_ONCE:
        return plan.commands
    return tuple(command for command in plan.commands if not command.folder)


def measure_base(run: Run, services: Verifying, plan: Plan, wanted: tuple[VerifyCommand, ...]) -> None:
    """Have the log say what the checks ``wanted`` give on the base.

    A command that the requester named must pass whatever the base does, so that nobody needs
    to know, unless a failing base ends the run. Where no test passes in a check, and in one that
    may replace it some do, the log has that one alone: see ``RunState.in_force``.
    """
    skip = run.state.request.broken_base == "skip"
    asked = run.state.in_force(wanted)
    commands = tuple(c for c in asked if (skip or c.source != "flag") and before(run, c) is None)
    if not commands:
        return
    image = image_of(run, services, plan)
    found = _measured(run, services, plan, commands)
    mute = {command.command for command, check in found.items() if not _speaks(check)}
    if others := tuple(c for c in wanted if c.replaces in mute):
        instead = {c: check for c, check in _measured(run, services, plan, others).items() if _speaks(check)}
        replaced = {c.replaces for c in instead}
        found = {c: check for c, check in found.items() if c.command not in replaced} | instead
    checks = tuple(check.model_copy(update={"name": c.name}) for c, check in found.items())
    run.record(Verified(stage="base", commit=rules_sha(run), image=image, report=Report(checks=checks)))


def _speaks(check: Check) -> bool:
    return check.passed or (check.tests is not None and check.tests.counts.passed > 0)


def _measured(
    run: Run, services: Verifying, plan: Plan, commands: tuple[VerifyCommand, ...]
) -> dict[VerifyCommand, Check]:
    """What ``commands`` give on the base, each from the cache if that knows it."""
    image = image_of(run, services, plan)
    repo = run.state.base.base.repo.url if run.state.base else ""
    keys = {c: BaselineKey(repo=repo, sha=rules_sha(run), image=image, command=c.command) for c in commands}
    kept = {c: services.baselines.get(key) for c, key in keys.items()}
    found = {c: known for c, known in kept.items() if known is not None and not known.killed}
    if new := tuple(c for c in commands if c not in found):
        for command, check in zip(new, _on_base(run, services, plan, new), strict=True):
            found[command] = check
            if not check.killed:  # which says as much of the machine and its hour
                services.baselines.put(keys[command], check.model_copy(update={"known": True}))
    return {command: found[command] for command in commands}


def _on_base(
    run: Run, services: Verifying, plan: Plan, commands: tuple[VerifyCommand, ...]
) -> tuple[Check, ...]:
    """What fails is run once more, so that no later change is praised or blamed for a flaky test."""
    _, checks = _fresh(run, services, plan, commands, None)
    again = tuple(c for c, check in zip(commands, checks, strict=True) if _worth_repeating(check))
    if not again:
        return checks
    second = dict(zip(again, _fresh(run, services, plan, again, None)[1], strict=True))
    pairs = zip(commands, checks, strict=True)
    return tuple(services.settle((check, second[c])) if c in second else check for c, check in pairs)


def _worth_repeating(check: Check) -> bool:
    return not check.passed and not check.no_tests and check.exit_code is not None


def before(run: Run, command: VerifyCommand) -> Check | None:
    """What ``command`` gave on the base, if it ran there."""
    checks = run.state.base_report.checks if run.state.base_report else ()
    return next((check for check in checks if check.command == command.command), None)


def standing(run: Run) -> tuple[Check, ...]:
    """Checks that fail on the base."""
    return tuple(c for c in run.state.base_report.checks if not c.passed) if run.state.base_report else ()


# ---- the change -------------------------------------------------------------------------


def verify_change(run: Run, services: Verifying, plan: Plan, change: Change) -> Verified:
    """Run every check on exactly the change's commit, and compare it with the base."""
    start = change.base if run.state.followed is None else rules_sha(run)
    commands = concerned(services, plan, start, _status(run, services, change))
    measure_base(run, services, plan, commands)
    commands = run.state.in_force(commands)
    setup, checks = _fresh(run, services, plan, commands, change)
    settled = tuple(
        _settled(run, services, plan, change, commands[: number + 1], check)
        for number, check in enumerate(checks)
    )
    image = image_of(run, services, plan)
    return Verified(stage="final", commit=change.head, image=image, report=Report(checks=(*setup, *settled)))


def concerned(
    services: Verifying, plan: Plan, start: str, status: Mapping[str, str]
) -> tuple[VerifyCommand, ...]:
    """The checks that a change concerns; ``status`` gives "A", "M", "D" or "T" of each path that differs
    from the commit ``start``.

    Those of a package that it deletes have nothing to run in, and what used that package may be
    anywhere. (Deleted tests are the gates' business.) One that it only moves, to where no check looks,
    keeps them: they fail, and nothing else would test it in its new place.
    """
    commands = plan.affected(status)
    lost = {path for path, what in status.items() if what == "D"}
    emptied = {c.folder for c in commands if any(path.startswith(f"{c.folder}/") for path in lost)}
    if not emptied:
        return commands
    checked = tuple(f"{c.folder}/" for c in plan.commands if c.folder)
    new = {basename(path) for path, what in status.items() if what == "A" and not path.startswith(checked)}
    known = services.mirror.files(start).keys()
    stays = (known | status.keys()) - lost
    gone: set[str] = set()
    for folder in emptied:
        had = [basename(path) for path in known if path.startswith(f"{folder}/")]
        moved = 2 * sum(name in new for name in had) >= len(had)
        if not moved and not any(path.startswith(f"{folder}/") for path in stays):
            gone.add(folder)
    return tuple(c for c in plan.commands if c.folder not in gone) if gone else commands


def _settled(
    run: Run,
    services: Verifying,
    plan: Plan,
    change: Change,
    commands: tuple[VerifyCommand, ...],
    first: Check,
) -> Check:
    """``first``, the check by the last of ``commands``, compared with the base; what would block is run
    again until a run flips nothing more, after the others, which may build what it tests.

    What the base says is flaky has all the runs that there are to show that it still is.
    """
    command = commands[-1]
    base = before(run, command)
    check = _compared(services, command, base, first, change)
    runs = [first]
    unsure = set(base.tests.flaky) if base is not None and base.tests else set()
    while base is not None and check.blocks and command.source != "flag" and _repeatable(check, runs):
        _, again = _fresh(run, services, plan, commands, change)
        runs += again[-1:]
        flaky = check.compared.flaky if check.compared else ()
        check = _compared(services, command, base, services.settle(runs), change)
        if check.compared is None or not again:  # where setup fails there is no further run
            break
        if check.compared.flaky == flaky and not unsure.intersection(check.compared.new_failures):
            break
    return _unnamed(check)


def _unnamed(check: Check) -> Check:
    """Without the names of all tests that passed: the comparison has what matters of them."""
    tests = check.tests.model_copy(update={"passed": ()}) if check.tests else None
    return check.model_copy(update={"tests": tests})


def _repeatable(check: Check, runs: list[Check]) -> bool:
    return len(runs) <= RERUNS and not check.no_tests and check.exit_code is not None


def _compared(
    services: Verifying, command: VerifyCommand, base: Check | None, check: Check, change: Change | None
) -> Check:
    return check.model_copy(update={"compared": services.compare(command, base, check, change)})


def verify_in_session(run: Run, services: Services, plan: Plan, box: Sandbox) -> str:
    """The model's ``verify`` tool: advice, in its own sandbox. The stop gate runs it all again."""
    if not plan.commands:
        return "Nothing was found in this repository that verifies a change."
    commands = plan.commands
    if any(command.folder for command in commands):
        start = rules_sha(run)
        earlier = {file.path: file.status for file in services.mirror.diff(start, base_sha(run)).files}
        commands = concerned(services, plan, start, earlier | _edited(run, box))
    commands = run.state.in_force(commands)
    if not commands:
        return "Nothing has changed yet in a package that has checks."
    ran = _run_checks(run, services, commands, box)
    checks = (
        _unnamed(_compared(services, command, before(run, command), check, None))
        for command, check in zip(commands, ran, strict=True)
    )
    report = Report(checks=tuple(checks))
    run.record(Verified(stage="session", commit=None, image=run.state.image or "", report=report))
    return services.feedback(report)


def _edited(run: Run, box: Sandbox) -> dict[str, str]:
    """Status by path of what differs from the base, as the sandbox's own git says."""
    git = "git -c core.quotePath=false"
    differs = f"{git} diff --no-renames --name-status {base_sha(run)}"
    command = f"{differs}; {git} ls-files --others --exclude-standard"
    lines = box.run(command, timeout=run.within(run.state.limits.command_seconds)).output.splitlines()
    parts = (line.partition("\t") for line in lines)  # of a new file there is the path alone
    return {path or status: status if path else "A" for status, _, path in parts}


# ---- in a container ---------------------------------------------------------------------


def _fresh(
    run: Run,
    services: Verifying,
    plan: Plan,
    commands: tuple[VerifyCommand, ...],
    change: Change | None,
) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """Run ``commands`` in a fresh container, on exactly the change's commit or on the base.

    The first part is setup, which runs again where manifests changed, or what an installation
    compiles; where it fails, there is no second part.
    """
    base, mirror = rules_sha(run) if change is None else base_sha(run), services.mirror
    pack, shallow = mirror.seed(base, history(run))
    commit = base if change is None else change.head
    spec = SandboxSpec(
        run_id=run.id,
        role="verify",
        image=image_of(run, services, plan),
        packs=(pack,) if commit == base else (pack, mirror.pack(commit, base)),
        shallow=shallow,
        head=commit,
        checkout=commit,
        submodules=plan.submodules.seed(),
    )
    touched = any(services.needs_setup(path, plan.setup) for path in _status(run, services, change))
    with services.open_sandbox(spec, services.cancel) as box:
        setup = _run_setup(run, services, plan, box) if touched else ()
        checks: tuple[Check, ...] = ()
        if all(c.passed for c in setup):
            for number, command in enumerate(commands):
                if number or setup:  # no check may live on what another left running or lying about
                    box.reset()
                checks += _run_checks(run, services, (command,), box)
        if asked := box.asked():
            run.record(RegistryAsked(requests=asked))
    return setup, checks


def _status(run: Run, services: Verifying, change: Change | None) -> dict[str, str]:
    """Status by path of what differs from the commit whose rules hold: the image was prepared from it."""
    if change is not None and run.state.followed is not None:
        change = services.mirror.diff(rules_sha(run), change.head)
    return {file.path: file.status for file in change.files} if change is not None else {}


def _run_setup(run: Run, services: Verifying, plan: Plan, box: Sandbox) -> tuple[Check, ...]:
    """Manifests changed: setup again, through the package proxy only, and never into the cache.

    Packages of the system are left out: they come from the image, no manifest of the
    repository names them, and they would need root and their own mirrors. What honk only
    detected may fail, as it may when the image is prepared; the checks then decide alone.
    """
    checks: list[Check] = []
    for number, declared in enumerate(plan.setup, start=1):
        command = without_system_packages(declared)
        if not command:
            continue
        result = _timely(run, services, box, command, run.state.limits.verify_seconds)
        if result.exit_code != 0 and not plan.setup_declared:
            continue
        tail = result.output.strip()[-1500:]
        checks.append(
            Check(
                name=f"setup {number}",
                command=command,
                exit_code=result.exit_code,
                seconds=result.seconds,
                summary="done" if result.exit_code == 0 else tail,
                timed_out=result.timed_out,
            )
        )
        if result.exit_code != 0:
            break
    return tuple(checks)


def _run_checks(
    run: Run, services: Verifying, commands: tuple[VerifyCommand, ...], box: Sandbox
) -> tuple[Check, ...]:
    """Run ``commands``. Raises Exhausted when the run's time is used up before or meanwhile: a
    check that was killed for that says nothing about the change."""

    def command(line: str, timeout: float) -> CommandResult:
        return _timely(run, services, box, line, timeout)

    return tuple(services.check(c, command, run.state.limits.verify_seconds) for c in commands)


def _timely(run: Run, services: Verifying, box: Sandbox, line: str, timeout: float) -> CommandResult:
    services.cancel.check()
    _in_time(run)
    result = box.run(line, timeout=run.within(timeout))
    if result.timed_out:
        _in_time(run)
    return result


def _in_time(run: Run) -> None:
    if late := run.state.limits.late(run.seconds()):
        raise Exhausted(f"{late} Verification was not finished.")
