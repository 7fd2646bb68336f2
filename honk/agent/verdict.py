"""The judge's answer: its JSON Schema, and how it becomes a verdict that holds against the diff.

The service is asked to force the schema on the words of the answer (structured output). A forced
tool call would do as well, but Anthropic's API takes none together with thinking. It may not
force it, and a schema says nothing about sense, so that what comes back is validated here
whatever the service promised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from pydantic import ValidationError

from honk.core.base import Frozen
from honk.core.judgement import Ruling, Stray, Verdict
from honk.core.messages import Completion, StopReason
from honk.core.rules import RULED
from honk.core.types import Change, Finding

MOST = 20
"""Entries of one list that are kept."""
LONGEST = 500
"""Characters of one sentence that are kept: they travel into pull requests."""

_VERDICT = re.compile(r"""["']verdict["']\s*:""")
_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_SPAN = re.compile(r"(\d+)(?:\s*[-–,]\s*(\d+))?")


class _Stray(Frozen):
    path: str
    hunk: str = ""
    why: str = ""


class _Flag(Frozen):
    flag: int
    justified: bool
    why: str = ""


class _Answer(Frozen):
    """The order of the fields is that of the answer: grounds come before the word that they lead to."""

    missing: tuple[str, ...] = ()
    out_of_scope: tuple[_Stray, ...] = ()
    flags: tuple[_Flag, ...] = ()
    mending: bool = False
    reasons: tuple[str, ...] = ()
    verdict: Literal["approve", "refuse"]


def schema() -> str:
    """The JSON Schema of an answer as text.

    Strict structured output wants every field required, objects closed, and no defaults
    (https://platform.openai.com/docs/guides/structured-outputs); Anthropic's takes the same.
    """
    return json.dumps(_strict(_Answer.model_json_schema()))


def _strict(part: Any) -> Any:
    if isinstance(part, list):
        return [_strict(item) for item in part]
    if not isinstance(part, dict):
        return part
    found = {k: _strict(v) for k, v in part.items() if k not in ("title", "default", "description")}
    if found.get("type") == "object":
        found["required"] = list(found["properties"])
    return found


class Unusable(Exception):
    """The answer cannot be a verdict; the text says why, to the judge."""


def read(completion: Completion, change: Change, flags: Sequence[Finding], failed_before: bool) -> Verdict:
    """The verdict that an answer gives. Raises Unusable.

    What it claims is held against ``change``: a path that was not changed is left out, and a
    hunk that is not in the diff gives way to its file. A refusal that then has no ground left,
    an approval that names grounds to refuse or finds a flag unjustified, or that is silent on a flag
    which speaks of the verification itself, and a yes beside a no, are no verdicts.
    """
    if completion.stop is StopReason.REFUSAL:  # no approval, whatever its words are
        raise Unusable("You declined to judge.")
    if completion.stop is StopReason.MAX_TOKENS:
        raise Unusable("The answer was cut off. Be brief.")
    answer = _parse(completion.message.text)
    if answer is None:
        raise Unusable("The answer was not the JSON object that was asked for.")
    verdict = Verdict(
        verdict=answer.verdict,
        reasons=_kept(answer.reasons),
        out_of_scope=_strays(answer.out_of_scope, change),
        missing=_kept(answer.missing),
        flags=_rulings(answer.flags, flags),
        mending=answer.mending if failed_before else None,
    )
    if verdict.verdict == "refuse" and not verdict.grounds:
        named = ", ".join(stray.path for stray in answer.out_of_scope[:5])
        told = f" The diff does not change {named}." if named else ""
        raise Unusable(f"The verdict is refuse, but no ground for it is given.{told}")
    if verdict.verdict == "approve":
        _hold(verdict, answer, flags)
    return verdict


def _hold(verdict: Verdict, answer: _Answer, flags: Sequence[Finding]) -> None:
    """Raises Unusable if an approval contradicts itself, or leaves out what it has to decide."""
    if verdict.grounds:
        raise Unusable("The verdict is approve, but out_of_scope, missing or reasons are not empty. Decide.")
    if verdict.unjustified:
        raise Unusable("The verdict is approve, but flags has something that is not justified. Decide.")
    said = {ruling.flag for ruling in answer.flags}
    silent = [str(n) for n, flag in enumerate(flags, start=1) if flag.gate in RULED and n not in said]
    if silent:
        raise Unusable(f"The verdict is approve, but flags has no word on {', '.join(silent)}. Decide.")


def _parse(text: str) -> _Answer | None:
    """The last JSON object of ``text`` that is an answer, or None.

    Raises Unusable if two of them contradict each other, or if there is a verdict that is no answer:
    the diff may hold an answer, which the judge quotes, and a quotation must not be all that is heard.
    """
    found: list[_Answer] = []
    decoder, at, rest = json.JSONDecoder(), text.find("{"), text
    while at >= 0:
        end = at + 1
        with suppress(ValueError, RecursionError):
            value, end = decoder.raw_decode(text, at)
            rest = rest.replace(text[at:end], "", 1)
            if "verdict" in (value := _unwrapped(value)):
                found.append(_answer(value))
        at = text.find("{", end)
    if _VERDICT.search(rest):
        raise Unusable("The answer has a verdict outside of an object that is JSON. Give one JSON object.")
    if len({answer.verdict for answer in found}) > 1:
        raise Unusable("The answer has two verdicts that contradict each other. Give one JSON object.")
    return found[-1] if found else None


def _unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """Some models answer with the object below one key of their own."""
    only = next(iter(value.values())) if len(value) == 1 else None
    return only if isinstance(only, dict) else value


def _answer(value: dict[str, Any]) -> _Answer:
    try:
        return _Answer.model_validate_json(json.dumps(value))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        words = f"{place}: {first['msg']}"
        raise Unusable(f"The answer is not in the form that was asked for: {words}.") from None


def _kept(sentences: Sequence[str]) -> tuple[str, ...]:
    return tuple(_short(sentence) for sentence in sentences if sentence.strip())[:MOST]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _rulings(answers: Sequence[_Flag], flags: Sequence[Finding]) -> tuple[Ruling, ...]:
    """One for each flag that there is, in the order of the flags; of two on one the no counts."""
    said = {answer.flag: answer for answer in sorted(answers, key=lambda answer: not answer.justified)}
    return tuple(
        Ruling(
            gate=flag.gate,
            path=flag.path,
            detail=flag.detail,
            justified=said[number].justified,
            why=_short(said[number].why),
        )
        for number, flag in enumerate(flags, start=1)
        if number in said
    )


def _strays(claims: Sequence[_Stray], change: Change) -> tuple[Stray, ...]:
    known = hunks(change)
    found: dict[Stray, None] = {}
    for claim in claims:
        path = claim.path.strip().strip("`")
        if path not in known and path.startswith(("a/", "b/")):  # as in the headers of a diff
            path = path[2:]
        if path in known:
            found[Stray(path=path, hunk=_located(claim.hunk, known[path]), why=_short(claim.why))] = None
    return tuple(found)[:MOST]


def _located(claim: str, headers: Sequence[str]) -> str:
    """The hunk that ``claim`` means, by its header or by lines of the new file; else empty."""
    if (header := _HEADER.search(claim)) is not None:
        return header[0] if header[0] in headers else ""
    if (span := _SPAN.search(claim)) is None:
        return ""
    first, last = int(span[1]), int(span[2] or span[1])
    for text in headers:
        start, count = _new_side(text)
        if first < start + max(count, 1) and last >= start:
            return text
    return ""


def _new_side(header: str) -> tuple[int, int]:
    """First line and number of lines of a hunk in the new file."""
    match = _HEADER.match(header)
    assert match is not None  # only called with what matched
    return int(match[3]), int(match[4] or 1)


def hunks(change: Change) -> Mapping[str, tuple[str, ...]]:
    """The headers of the hunks of each changed path; none where the patch's own names are quoted.

    Lines are counted, so that a line of content that looks like a header is none.
    """
    found: dict[str, list[str]] = {file.path: [] for file in change.files}
    path, old, new = "", 0, 0
    for line in change.patch.split("\n"):
        if old > 0 or new > 0:
            old -= line[:1] in (" ", "-", "")
            new -= line[:1] in (" ", "+", "")
        elif line.startswith(("--- a/", "+++ b/")):
            path = line[6:].rstrip("\t")  # git ends a name with spaces in a tab
        elif (match := _HEADER.match(line)) is not None:
            old, new = int(match[2] or 1), int(match[4] or 1)
            if path in found:
                found[path].append(match[0])
    return {name: tuple(headers) for name, headers in found.items()}
