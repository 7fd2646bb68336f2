"""What a judge says about a change, and how much its word counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from honk.core.base import Frozen

JudgeMode = Literal["off", "advisory", "blocking"]
"""``off``: no judge is asked. ``advisory``: its verdict is shown and stops nothing. ``blocking``: what
it refuses goes back to the model, and at last ends the run."""

_STRICTER: tuple[JudgeMode, ...] = ("off", "advisory", "blocking")


def strictest(*modes: JudgeMode) -> JudgeMode:
    """The one that lets the least through."""
    return max(modes, key=_STRICTER.index)


class Stray(Frozen):
    """A part of a change that the request does not need. ``hunk`` is the header of a hunk of
    ``path`` (``@@ -1,2 +1,3 @@``), or empty for the whole file."""

    path: str
    hunk: str = ""
    why: str = ""

    @property
    def text(self) -> str:
        return " ".join(filter(None, (self.path, self.hunk))) + (f": {self.why}" if self.why else "")


class Ruling(Frozen):
    """Whether the request asks for what a gate flagged, or makes it necessary. The first three
    fields are those of the finding."""

    gate: str
    path: str
    detail: str
    justified: bool
    why: str = ""


class Verdict(Frozen):
    """The judge's answer; ``none`` where it gave no usable one, and ``reasons`` say why.

    ``missing``: parts of the request that are not done. ``mending``: whether the request was to
    mend checks that failed before; None where none did, or no judge was asked this.
    """

    verdict: Literal["approve", "refuse", "none"]
    reasons: tuple[str, ...] = ()
    out_of_scope: tuple[Stray, ...] = ()
    missing: tuple[str, ...] = ()
    flags: tuple[Ruling, ...] = ()
    mending: bool | None = None

    @property
    def grounds(self) -> tuple[str, ...]:
        """Everything that it has against the change, as sentences or phrases."""
        strays = (f"Out of scope: {stray.text}" for stray in self.out_of_scope)
        return (*self.reasons, *strays, *(f"Not done: {part}" for part in self.missing))

    @property
    def unjustified(self) -> tuple[Ruling, ...]:
        return tuple(ruling for ruling in self.flags if not ruling.justified)


class JudgeResult(Verdict):
    """The judge in the result of a run: its last verdict. ``overruled``: a person published the
    change against it; ``overruled_by`` is who, if the system knows the name."""

    rounds: int
    mode: JudgeMode = "blocking"
    overruled: bool = False
    overruled_by: str = ""


def sentences(verdict: Verdict, mode: JudgeMode) -> Iterable[str]:
    """What a terminal or a log says of a verdict, one line each."""
    word = {"approve": "approves", "refuse": "refuses", "none": "gave no verdict"}[verdict.verdict]
    yield f"{word} (advisory)" if mode == "advisory" else word
    yield from verdict.grounds
    for ruling in verdict.flags:
        said = "asked for" if ruling.justified else "not asked for"
        yield f"Flag {ruling.gate} {ruling.path}: {said}{f': {ruling.why}' if ruling.why else ''}"
