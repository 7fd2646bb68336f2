"""`honk reproduce`: the checks of a change once more, beside what its evidence says of them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from honk import settings as settings_module
from honk import wiring
from honk.cli.evidence import ended, envelope_of, read_text
from honk.cli.followup import reference
from honk.cli.run import interrupts
from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, Exhausted, UserError
from honk.core.events import Recorded, Verified
from honk.core.lines import lines
from honk.core.plain import clean
from honk.core.types import EXIT_CODES, Outcome
from honk.runs.reproduce import Repeated
from honk.settings import Settings
from honk.wiring.evidence import read
from honk.wiring.reproduction import pull_request, repeat

DIFFERENT = 20
"""Exit code where a check gave something else here than the evidence says."""


def reproduce_command(source: str, *, repo: str | None, config: Path | None, remote: str | None) -> int:
    settings = settings_module.load(config)
    cancel = Cancel()
    with interrupts(cancel), wiring.open_stores(settings) as stores:
        text, where = _evidence(source, repo, settings, stores, config, remote)
        statement = read(text)
        _notice(f"Repeating the checks of {statement.head.digest.get('gitCommit')}; no model is asked.")
        _notice("The signature is not looked at here: `honk verify-evidence` checks it.")
        try:
            done = repeat(settings, stores, statement, where, cancel=cancel, notice=_notice, watch=_watch)
        except (Cancelled, Exhausted) as error:
            _notice(f"honk: {error}")
            return EXIT_CODES[Outcome.CANCELLED if isinstance(error, Cancelled) else Outcome.EXHAUSTED]
    for check in done.checks:
        print(clean("\n".join(_line(check))))
    image = statement.predicate.resource("image")
    if image is not None and done.image.partition(":")[2] not in image.digest.values():
        print(f"note       made from the same recipe, the image is another one here: {done.image}")
    return 0 if done.same else DIFFERENT


def _notice(text: str) -> None:
    print(clean(text), file=sys.stderr)


def _watch(recorded: Recorded) -> None:
    """What checks gave, and of one that fails after the change, why."""
    event = recorded.event
    if isinstance(event, Verified):
        failed = [check for check in event.report.checks if event.stage == "final" and not check.passed]
        why = [f"  {line}" for check in failed for line in check.summary.splitlines()]
        for line in (*lines(recorded), *why):
            _notice(f"  {line}")


def _evidence(
    source: str,
    repo: str | None,
    settings: Settings,
    stores: wiring.Stores,
    config: Path | None,
    remote: str | None,
) -> tuple[str, str | None]:
    """The text that has the evidence, and the repository that was named for its commits, if one was."""
    if source == "-" or Path(source).is_file():
        return read_text(source), repo
    if repo is None and not re.search(r"[/#]", source):
        return envelope_of(source, config, remote).decode(), None
    if re.fullmatch(r"(?:[A-Za-z0-9-]+:)?honk/\S+", source):
        named: str | None = repo
        pull: int | str = source
    else:
        named, pull = reference(source, repo)
    text, head = pull_request(settings, stores, named, pull, _notice)
    try:
        stated = read(text).head.digest.get("gitCommit")
    except UserError as error:
        raise UserError(
            f"There is no evidence in that pull request: {error.message}",
            "If it was too long for that: `honk evidence RUN > FILE` there, then `honk reproduce FILE`.",
        ) from error
    if stated != head:
        _notice(f"The pull request is at {head} by now; its evidence is of {stated}.")
    return text, named


def _line(check: Repeated) -> list[str]:
    row = check.found or check.stated
    assert row is not None
    command = " ".join(row.command.split())
    if not check.differences:
        return [f"same       {row.name}: {ended(row)} ({command})"]
    stated = ended(check.stated) if check.stated else "nothing of it"
    found = ended(check.found) if check.found else "it did not run"
    said = [f"DIFFERENT  {row.name}: the evidence says {stated}; here {found} ({command})"]
    for name in check.differences:
        if check.stated and check.found and name not in ("before", "after"):
            flaky = {*check.stated.flaky, *check.found.flaky}
            here, there = (set(getattr(side, name)) - flaky for side in (check.found, check.stated))
            what = name.replace("_", " ")
            said += [f"           {what} only here: {test}" for test in sorted(here - there)]
            said += [f"           {what} only in the evidence: {test}" for test in sorted(there - here)]
    return said
