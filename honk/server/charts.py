"""Bar charts as numbers for an SVG template: no script, no style, no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 320
BAR = 9
LABEL = 15
GAP = 9
ROOM = 62  # for the value behind the longest bar


@dataclass(frozen=True)
class Series:
    """One kind of bar; ``values`` with the words that stand behind each."""

    name: str
    values: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Bar:
    y: int
    width: float
    words: str
    kind: int


@dataclass(frozen=True)
class Group:
    y: int
    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Bars:
    title: str
    series: tuple[str, ...]
    groups: tuple[Group, ...]
    height: int
    width: int = WIDTH
    bar: int = BAR


def bars(title: str, names: Sequence[str], series: Sequence[Series]) -> Bars:
    """Groups of horizontal bars, drawn to one scale."""
    top = max((value for one in series for value, _ in one.values), default=0) or 1
    groups = []
    y = 0
    for at, name in enumerate(names):
        start = y + LABEL
        drawn = tuple(
            Bar(
                start + kind * (BAR + 2),
                round((WIDTH - ROOM) * one.values[at][0] / top, 1),
                one.values[at][1],
                kind,
            )
            for kind, one in enumerate(series)
        )
        groups.append(Group(y + LABEL - 4, name if len(name) <= 44 else "…" + name[-42:], drawn))
        y = start + len(series) * (BAR + 2) + GAP
    return Bars(title, tuple(one.name for one in series), tuple(groups), y)
