"""What a run found out about one commit, as an in-toto statement.

Names that a standard has are the standard's: the statement is in-toto's Statement v1, a
``Resource`` its ResourceDescriptor (digests ``gitCommit`` and ``gitTree`` are git's object ids);
``result``, ``configuration``, ``passedTests`` and ``warnedTests`` are those of in-toto's
test-result v0.1; ``externalParameters``, ``builder`` and ``metadata`` those of SLSA provenance
v1. The rest is what ``--json`` prints.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from honk.core.base import Frozen
from honk.core.errors import UserError
from honk.core.judgement import JudgeResult
from honk.core.types import GateResult, RepoRef, VerificationResult, VerifyCommand

STATEMENT_TYPE: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Literal["urn:honk:evidence:v1"] = "urn:honk:evidence:v1"
"""honk's own: no registered type has gates, judge and cost. A URI, as in-toto asks; it leads nowhere."""
PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Part(Frozen):
    """A part of the statement; in JSON its fields are named as in-toto names fields."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Resource(Part):
    """A thing by its digests (algorithm to hex). ``uri`` is where it comes from, if anywhere."""

    name: str
    uri: str | None = None
    digest: dict[str, str]


class Builder(Part):
    """Who ran the checks; ``version`` by component."""

    id: str = "urn:honk"
    version: dict[str, str]


class Metadata(Part):
    """``invocation_id`` is the run's id; times in UTC, ``finished_on`` is when it was stated."""

    invocation_id: str
    started_on: datetime
    finished_on: datetime


class Parameters(Part):
    """What the requester chose, beside the words: the fields of Request that the checks depend on."""

    repo: RepoRef
    requester: str
    model: str
    judge: str | None = None
    image: str | None = None
    allow: tuple[str, ...] = ()
    broken_base: Literal["continue", "skip"] = "continue"
    untested: Literal["refuse", "draft"] = "refuse"
    depth: int = Field(ge=1)


class Predicate(Part):
    """What was asked, what was checked and what came of it.

    ``verify`` are the checks as the base commit or the requester names them; ``checks`` what
    they gave. ``warned_tests`` name checks that fail as they did on the base. Money in
    dollars, ``seconds`` of wall clock. ``replayed``: a recorded model was played back.
    """

    result: Literal["PASSED", "WARNED"]
    configuration: tuple[Resource, ...]
    passed_tests: tuple[str, ...]
    warned_tests: tuple[str, ...]
    external_parameters: Parameters
    builder: Builder
    metadata: Metadata
    task: str  # the change request; of a follow-up, the one that its pull request was opened for
    base_branch: str
    branch: str
    verify: tuple[VerifyCommand, ...]
    checks: tuple[VerificationResult, ...]
    gates: tuple[GateResult, ...]
    judge: JudgeResult | None = None
    replayed: bool
    turns: int
    seconds: float
    cost_usd: float

    def resource(self, name: str) -> Resource | None:
        return next((found for found in self.configuration if found.name == name), None)


class Statement(Part):
    """``subject`` is the head commit alone."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[Resource, ...] = Field(min_length=1, max_length=1)
    predicate_type: Literal["urn:honk:evidence:v1"]
    predicate: Predicate

    @property
    def head(self) -> Resource:
        return self.subject[0]

    @property
    def base(self) -> Resource:
        """The commit that the checks' results were compared with. Raises UserError if none is named."""
        found = self.predicate.resource("base")
        if found is None:
            raise UserError("The evidence names no base commit.", "It is not honk's.")
        return found


def to_bytes(statement: Statement) -> bytes:
    """The statement as JSON of plain ASCII: nothing in it can hide from who reads it."""
    return json.dumps(statement.model_dump(mode="json", by_alias=True, exclude_none=True)).encode()


def parse_statement(payload: bytes) -> Statement:
    """Read a statement. Raises UserError if it is not honk's evidence."""
    try:
        # What a later honk adds is passed over, as in-toto asks of those who read statements.
        return Statement.model_validate_json(payload, extra="ignore")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"The statement is not honk's evidence: {where}: {first['msg']}.",
            "Give the evidence of a run of honk (`honk evidence RUN`).",
        ) from error
