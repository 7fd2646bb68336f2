"""What explains that a configuration file says less: other files of the change, or the request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from honk.gates.collect import words
from honk.gates.commands import is_test_command
from honk.gates.settings import Flat

Said = str | tuple[str, str]  # a word, or a key without its section and one of its values

_GENERAL = frozenset(
    {
        "tool",
        "lint",
        "rules",
        "rule",
        "report",
        "run",
        "options",
        "config",
        "settings",
        "global",
        "max",
        "min",
    }
)


def said(data: bytes | None, flat: Flat | None) -> frozenset[Said]:
    """What one side of a file says; ``flat`` are its keys, if its format has any."""
    spoken = words((data or b"").decode("utf-8", "replace"))
    return spoken.union(*(_named(key, values) for key, values in (flat or {}).items()))


def of_others(files: Sequence[frozenset[Said]]) -> Iterator[frozenset[Said]]:
    """For each file what all the others say. In one go: a change may touch a manifest in each of a
    thousand packages."""
    times = Counter(word for file in files for word in file)
    everything = frozenset(times)
    for file in files:
        yield everything - {word for word in file if times[word] == 1}


def _named(key: str, values: Sequence[str]) -> frozenset[Said]:
    name = key.rpartition("/")[2].lower().replace("-", "_")
    return frozenset((name, value.strip().lower()) for value in values)


def entries(values: tuple[str, ...]) -> set[str]:
    """The single entries of a list, which may stand in one line."""
    return {part.strip() for value in values for part in re.split(r",\s*", value) if part.strip()}


@dataclass(frozen=True)
class Elsewhere:
    """What the other configuration files of the change gain and lose, and the words of a request
    to remove something, to make a rule laxer, or (``versions``) to support an old version no longer."""

    gained: frozenset[Said]
    lost: frozenset[Said]
    to_remove: frozenset[str]
    exempts: frozenset[str]
    versions: bool = False

    def has_key(self, key: str, old: Sequence[str], new: Sequence[str]) -> bool:
        """Whether the key itself is what moves, with its values, or the request names it. Patterns are
        explained by nothing less: of ``*.py`` there is but the word ``py``, which is everywhere."""
        came, went = not old and _named(key, new) <= self.lost, not new and _named(key, old) <= self.gained
        return came or went or key.rpartition("/")[2].lower() in self.exempts

    def may_be_asked(self, old: Sequence[str], new: Sequence[str], about: str) -> bool:
        """Whether the request names what is new or gone among the rules and paths of the key ``about``.
        A number says nothing unless the request speaks of what the key is about."""
        topics = words(re.sub(r"[_-]", " ", about)) - _GENERAL
        gone, come = (entries(tuple(set(a) - set(b))) for a, b in ((old, new), (new, old)))
        named = [self._names(entry, topics) for entry in come]
        to_go = [bool(words(entry) & self.to_remove) for entry in gone]
        return bool(named or to_go) and all(named) and (bool(named) or all(to_go))

    def _names(self, entry: str, about: frozenset[str]) -> bool:
        is_number = re.fullmatch(r"[\d.]+\s*%?", entry) is not None
        return bool(words(entry) & self.exempts) and (not is_number or bool(about & self.exempts))

    def explains(self, key: str, old: tuple[str, ...], new: tuple[str, ...]) -> bool:
        """Whether what is gone is said elsewhere now, in whatever way, or was to go."""
        tool = re.match(r"(?:tool/)?(flake8|isort|pylint|pycodestyle|pydocstyle|black|bandit)\b", key.lower())
        if tool and not new and self.gained & {"ruff", "pylint", "biome", "flake8"} - {tool[1]}:
            return True  # another linter does its work: which rules are the same, no rule tells
        options = words(" ".join(old)) - words(" ".join(new))
        if is_test_command(key) and options and options <= self.gained:
            return True
        gone = words(" ".join(old)) <= self.gained or bool(words(key.replace("-", " ")) & self.to_remove)
        return not new and gone
