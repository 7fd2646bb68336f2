"""A log of any size becomes at most 2,000 characters that say what failed, where and why."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from honk.verifiers.patterns import ROWS, SUMS, Row, Weight
from honk.verifiers.streams import GAP, clip, regrouped, tasks, without_skipped

LIMIT = 2_000  # characters of a distilled log
_TAIL = 12  # last lines, which often say why when no pattern does
_ROOM = {Weight.FRAME: 800}  # characters that lines of one weight may take; LIMIT for others


@dataclass(frozen=True)
class _Told:
    """A telling line; ``heading`` is the line above it that names its file, where it does not."""

    number: int
    text: str
    heading: _Told | None = None


@dataclass
class _Shelf:
    """Candidates of one weight, no more of them than could ever be shown."""

    room: int
    told: list[_Told] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    more: int = 0

    def put(self, line: _Told) -> None:
        key = (line.text, line.heading.text if line.heading else "")
        if key in self.seen:
            return
        if self.room <= 0:
            self.more += 1
            return
        self.told.append(line)
        self.seen.add(key)
        self.room -= len(line.text) + 1


def distil(output: str, command: str = "", *, passed: bool = False) -> str:
    """At most ``LIMIT`` characters of a failing log, or one line of a passing one.

    Takes time linear in the size of ``output``. ``command`` is named where a log is empty.
    """
    if passed:
        return _sum(output)
    shelves = {weight: _Shelf(_ROOM.get(weight, LIMIT)) for weight in Weight if weight}
    last: deque[_Told] = deque(maxlen=_TAIL)
    heading: _Told | None = None
    context = 0
    for number, (task, text) in enumerate(regrouped(without_skipped(tasks(output)))):
        if not text.strip():
            continue
        row = _row_of(text)
        shown = f"{task}: {text}" if task else text
        line = _Told(number, shown, heading if row and row.headed else None)
        if row and row.weight is Weight.NOISE:
            continue
        last.append(line)
        if row:
            shelves[row.weight].put(line)
            context = row.after
        elif context:
            shelves[Weight.CONTEXT].put(line)
            context -= 1
        if text[0].strip() and not (row and row.headed):
            heading = line
    shelves[Weight.CONTEXT].told.extend(last)
    return _fit(shelves) or f"`{clip(command)}` failed without any output."


def _row_of(line: str) -> Row | None:
    return next((row for row in ROWS if row.find(line)), None)


def _fit(shelves: dict[Weight, _Shelf]) -> str:
    """The heaviest lines that fit, in their order, with a mark where lines are missing."""
    chosen: dict[int, str] = {}
    room = LIMIT - 40  # for the last line
    left_out = sum(shelf.more for weight, shelf in shelves.items() if weight >= Weight.POSITION)
    for weight in sorted(shelves, reverse=True):
        for line in shelves[weight].told:
            new = [part for part in (line.heading, line) if part and part.number not in chosen]
            cost = sum(len(part.text) + 1 + 2 * (part.number - 1 not in chosen) for part in new)
            if cost <= room:
                chosen |= {part.number: part.text for part in new}
                room -= cost
            elif weight >= Weight.POSITION:
                left_out += 1
    text: list[str] = []
    for number in sorted(chosen):
        if text and number - 1 not in chosen:
            text.append(GAP)
        text.append(chosen[number])
    if left_out:
        text.append(f"{GAP} and {left_out:,} more lines like these")
    return "\n".join(text)


def _sum(output: str) -> str:
    """The line of a passing run that counts the most tests, else its last words."""
    best, most, last = "", -1, ""
    for _, line in tasks(output):
        last = line.strip() or last
        for pattern in SUMS:
            if match := pattern.search(line):
                count = int(match["n"] or 0)
                if count >= most:
                    best, most = line.strip("= "), count
                break
    return best or last or "passed"
