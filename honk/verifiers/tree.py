"""The base commit's files with the questions that detection asks, and what it answers."""

from __future__ import annotations

import shlex
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import islice
from posixpath import basename, dirname

from honk.core.types import VerifyCommand

_VENDORED = frozenset({"node_modules", "vendor", "third_party", ".venv", "venv", "site-packages", "dist"})
_MAX_MANIFEST = 1 << 20  # bytes; a larger file is not one that a person wrote


@dataclass(frozen=True)
class Detection:
    """``toolchains`` names layers of the sandbox image beyond its base (Python, Node, C).

    ``setup`` is proposed where `.honk.yml` has none: run once, online, at the root.
    ``reasons`` tells people, one line each, what was found and what follows from it.
    """

    commands: tuple[VerifyCommand, ...] = ()
    toolchains: frozenset[str] = frozenset()
    setup: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def __add__(self, other: Detection) -> Detection:
        return Detection(
            self.commands + other.commands,
            self.toolchains | other.toolchains,
            tuple(dict.fromkeys(self.setup + other.setup)),
            self.reasons + other.reasons,
        )


@dataclass(frozen=True)
class Tree:
    """The base commit's files (path to blob id), with the questions that detection asks.

    ``place`` is the folder of a monorepo's package that the paths are relative to; empty at
    the root.
    """

    files: Mapping[str, str]
    blob: Callable[[str], bytes]
    place: str = ""

    def below(self, place: str, without: Iterable[str] = ()) -> Tree:
        """The part in ``place``, less the folders ``without`` (both as this tree names them)."""
        start, others = f"{place}/" if place else "", set(without)
        if not start and not others:
            return self
        first = bisect_left(self._paths, start)
        files = {}
        for path in islice(self._paths, first, None):
            if not path.startswith(start):
                break
            if others.isdisjoint(folders_of(path)):
                files[path.removeprefix(start)] = self.files[path]
        return Tree(files, self.blob, place)

    @cached_property
    def _paths(self) -> list[str]:
        return sorted(self.files)

    def has(self, path: str) -> bool:
        return path in self.files

    def first(self, *paths: str) -> str | None:
        return next((path for path in paths if path in self.files), None)

    def text(self, path: str) -> str:
        """The content of ``path``; empty if there is no such file or it is too large to be a manifest."""
        data = self.blob(self.files[path]) if path in self.files else b""
        return data.decode("utf-8-sig", "replace") if len(data) <= _MAX_MANIFEST else ""

    @cached_property
    def own(self) -> tuple[str, ...]:
        """All paths but those of vendored packages, in order."""
        return tuple(path for path in self._paths if _VENDORED.isdisjoint(path.split("/")[:-1]))

    def named(self, fits: Callable[[str], bool]) -> list[str]:
        """Own paths whose last part fits."""
        return [path for path in self.own if fits(basename(path))]

    def at(self, line: str) -> str:
        """``line`` as the root has to run it."""
        place = f"./{self.place}" if self.place.startswith("-") else self.place
        return f"cd {shlex.quote(place)} && {line}" if place else line

    def command(self, name: str, line: str) -> VerifyCommand:
        """A check of the package by ``line``, which runs in its folder."""
        where = f" ({self.place})" if self.place else ""
        return VerifyCommand(name=name + where, command=self.at(line), source="detected", folder=self.place)

    def reason(self, text: str) -> str:
        """``text``, which begins with a path, as a line of ``reasons``."""
        return f"{self.place}/{text}" if self.place else text


def folders_of(path: str) -> Iterator[str]:
    """The folders above ``path``, the nearest first, without the root."""
    while path := dirname(path):
        yield path


def is_member(folder: str, globs: Sequence[str]) -> bool:
    """Whether a workspace's ``globs`` name ``folder``: ``*`` is one folder's name, ``**`` any number
    of folders, and what begins with ``!`` takes out."""

    def fits(glob: str) -> bool:
        glob = glob.removeprefix("./").rstrip("/")
        return ("**" in glob or glob.count("/") == folder.count("/")) and fnmatchcase(folder, glob)

    left_out = [glob[1:] for glob in globs if glob.startswith("!")]
    return any(map(fits, globs)) and not any(map(fits, left_out))
