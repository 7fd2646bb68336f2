"""`honk evidence | verify-evidence`: signed statements written out and checked."""

from __future__ import annotations

import sys
from pathlib import Path

from honk import settings as settings_module
from honk.cli.places import open_place
from honk.core.errors import UserError
from honk.core.evidence import Statement
from honk.core.judgement import JudgeResult, sentences
from honk.core.plain import clean
from honk.core.types import VerificationResult
from honk.wiring import evidence as wiring

UNSIGNED, CONTRADICTED = 20, 22
"""Exit codes: the key did not sign it; the repository says otherwise. 2 is what cannot be read."""


def evidence_command(run: str, *, public_key: bool, config: Path | None, remote: str | None) -> int:
    if public_key:
        print(wiring.public_key(settings_module.load(config)), end="")
        return 0
    if not run:
        raise UserError("Which run?", "`honk runs` lists them; --public-key prints the key.")
    print(envelope_of(run, config, remote).decode())
    return 0


def envelope_of(run: str, config: Path | None, remote: str | None) -> bytes:
    """The signed statement of a run. Raises UserError if there is none."""
    with open_place(config, remote) as place:
        run_id = place.find(run)
        if found := place.evidence(run_id):
            return found
    raise UserError(
        f"Run {run_id} has no evidence.",
        f"Only a change that passed everything has; `honk show {run_id}` tells how the run stands.",
    )


def verify_command(file: str, *, key: Path | None, repo: Path | None, config: Path | None) -> int:
    from honk.evidence.envelope import Unsigned

    try:
        proven = wiring.verify(read_text(file), settings_module.load(config), key)
    except Unsigned as error:
        print(f"honk: {clean(str(error))}", file=sys.stderr)
        return UNSIGNED
    print(f"Signed by key {proven.key}.")
    print(clean("\n".join(_describe(proven.statement))))
    if repo is None:
        return 0
    if found := wiring.contradictions(proven.statement, repo.absolute()):
        for line in found:
            print(f"honk: {line}", file=sys.stderr)
        return CONTRADICTED
    print(f"{repo} has both commits, and head descends from base.")
    return 0


def read_text(file: str) -> str:
    """What is in a file, or on standard input for ``-``. Raises UserError."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.", "Give another file.") from error
    return data.decode("utf-8", "replace")


def _describe(statement: Statement) -> list[str]:
    said = statement.predicate
    parameters, made = said.external_parameters, said.metadata
    image = said.resource("image")
    return [
        f"run       {made.invocation_id}, {made.finished_on:%Y-%m-%d %H:%M} UTC",
        *(["note      replayed session: no model decided anything"] if said.replayed else []),
        f"request   {' '.join(said.task.split())}",
        f"asked by  {parameters.requester or 'nobody that was named'}",
        f"base      {parameters.repo.name} {said.base_branch} {statement.base.digest.get('gitCommit')}",
        f"head      {said.branch} {statement.head.digest.get('gitCommit')}",
        f"image     {':'.join(next(iter(image.digest.items()))) if image else 'none'}",
        f"model     {parameters.model}, {said.turns} turns, ${said.cost_usd:.4f}",
        *(f"check     {row.name}: {ended(row)} ({' '.join(row.command.split())})" for row in said.checks),
        *([] if said.checks else ["check     none: nothing verifies this commit"]),
        *(f"gate      {gate.result} {gate.name}: {gate.detail}" for gate in said.gates),
        *_judged(said.judge),
    ]


def _judged(judge: JudgeResult | None) -> list[str]:
    """As `honk show` says it: the verdict, all its grounds, and whether it counted."""
    if judge is None:
        return ["judge     not asked"]
    word, *more = (" ".join(line.split()) for line in sentences(judge, judge.mode))
    if judge.overruled:
        more.append(f"overruled by {judge.overruled_by or 'a person'}")
    return [f"judge     {word}", *(f"          {line}" for line in more)]


def ended(row: VerificationResult) -> str:
    """How a check ended, before the change where that is known, and after it."""
    before = f"{row.before} before, " if row.before else ""
    return f"{before}{row.after} after"
