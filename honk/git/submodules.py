"""Submodules of a commit: which there are, where each may be read from, and bringing their content.

``git submodule`` is never run. ``.gitmodules`` is data from outside: git's own parser reads
it from standard input, without includes; names decide nothing; a path counts only where the
tree has a submodule; an address is taken apart and built anew, and leads nowhere but to the
host of the repository itself (or, for a local repository, to a path of this machine).
Submodules of submodules come along by the same rules, to a bounded depth and number.
"""

from __future__ import annotations

import os
import posixpath
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from honk.core.cancel import Cancel
from honk.core.errors import Cancelled, HonkError, UserError
from honk.core.sandbox import Submodule
from honk.core.types import RepoRef
from honk.git.command import Git, printable
from honk.git.names import malformed, shown, unacceptable
from honk.git.objects import GITLINK, REGULAR, Blobs, Entry
from honk.git.refs import location_of, owner_name, parse_remote

if TYPE_CHECKING:
    from honk.git.mirror import Mirror

_FILE = b".gitmodules"
_MAX_FILE = 1 << 20  # bytes of .gitmodules; the largest public ones have some 100 KB
_MAX_WORDS = 300  # characters of one reason
_MAX_DEPTH = 5  # submodules within submodules; public projects have at most three or four
_MAX_COUNT = 1000  # submodules of one commit in all: each may cost a fetch
_RELATIVE = ("./", "../")


@dataclass(frozen=True)
class Link:
    """One submodule of a commit. ``repo`` is None where it must not be fetched; ``why`` then says why."""

    path: bytes
    commit: str
    repo: RepoRef | None
    why: str = ""


@dataclass(frozen=True)
class Present:
    """A submodule whose commit is in a mirror on this host."""

    path: str
    commit: str
    mirror: Mirror

    def seed(self) -> Submodule:
        """Its content without history, for a sandbox."""
        pack, _ = self.mirror.seed(self.commit, 1)
        return Submodule(path=self.path, commit=self.commit, pack=pack)


@dataclass(frozen=True)
class Brought:
    """All submodules of a commit, each after the one that it lies in. ``absent`` maps a path, for
    people, to the reason."""

    present: tuple[Present, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)


Ways = Callable[[Link, tuple[RepoRef, ...]], Iterable["Mirror"]]
"""The mirrors to try for a link, one after the other. The second argument are the repositories
that lead to it, outermost first: the last one's ``.gitmodules`` names it."""


def links(git: Git, blobs: Blobs, tree: Mapping[bytes, Entry], parent: RepoRef) -> tuple[Link, ...]:
    """The submodules of ``tree``, a commit of ``parent``, in the tree's order."""
    commits = {path: entry.oid for path, entry in tree.items() if entry.mode == GITLINK}
    if not commits:
        return ()
    entry = tree.get(_FILE)
    data = blobs.read(entry.oid) if entry is not None and entry.mode in REGULAR else b""
    addresses = _addresses(git, data)
    found = []
    for path, commit in commits.items():
        try:
            found.append(Link(path, commit, _repository(path, addresses.get(path, {}), parent)))
        except UserError as error:
            found.append(Link(path, commit, None, _words(error)))
    return tuple(found)


def _addresses(git: Git, data: bytes) -> dict[bytes, dict[bytes, None]]:
    """What a ``.gitmodules`` says: path to its addresses. Nothing if git cannot parse it."""
    if len(data) > _MAX_FILE:
        return {}
    result = git.attempt("config", "--no-includes", "--null", "--file", "-", "--list", input=data)
    sections: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
    for record in result.out.split(b"\0")[:-1] if result.code == 0 else ():
        key, _, value = record.partition(b"\n")
        section, _, rest = key.partition(b".")
        name, _, variable = rest.rpartition(b".")
        if section == b"submodule" and variable in (b"path", b"url"):
            sections.setdefault(name, ([], []))[variable == b"url"].append(value)
    found: dict[bytes, dict[bytes, None]] = {}
    for paths, urls in sections.values():
        for path in paths:
            found.setdefault(path, {}).update(dict.fromkeys(urls))
    return found


def _repository(path: bytes, urls: Mapping[bytes, None], parent: RepoRef) -> RepoRef:
    """Where to read the submodule at ``path``. Raises UserError."""
    if why := malformed(path) or unacceptable(path):
        raise UserError(f"its path {why}")
    if len(urls) != 1:
        raise UserError(f".gitmodules names {'more than one address' if urls else 'no address'} for it")
    try:
        url = next(iter(urls)).decode()
    except UnicodeDecodeError:
        raise UserError("its address is not UTF-8") from None
    return resolve(url, parent)


def resolve(url: str, parent: RepoRef) -> RepoRef:
    """The repository that ``url`` in a ``.gitmodules`` of ``parent`` means. Raises UserError."""
    home = parse_remote(parent.url)
    relative = url.startswith(_RELATIVE) or url in (".", "..")
    if home.path is not None:
        return _local(os.path.normpath(f"{home.path}/{url}") if relative else url)
    assert home.host is not None
    if relative:
        joined = posixpath.normpath(posixpath.join(f"/{home.name}", url))
        remote = parse_remote(f"https://{home.host}{joined}")
    else:
        remote = parse_remote(url)
    web = home.host.partition(":")[0]  # SSH has a port, and at times a host, of its own
    same = (home.host,) if relative or url.startswith("http") else (web, f"ssh.{web}")
    if remote.host not in same:
        where = remote.host or "a path of this machine"
        raise UserError(f"it is at {where}, and honk asks only {home.host} for it")
    name = owner_name(remote.name)
    return RepoRef(
        forge=parent.forge, name=name, url=f"{urlsplit(parent.url).scheme}://{home.host}/{name}.git"
    )


def _local(url: str) -> RepoRef:
    path = None if url.startswith("~") else parse_remote(url).path
    if path is None:
        raise UserError("it is at an address that is no path, and its repository is a local one")
    path = Path(os.path.normpath(path))
    return RepoRef(forge="local", name=str(path), url=path.as_uri())


def bring(mirror: Mirror, commit: str, ways: Ways, cancel: Cancel) -> Brought:
    """Fetch the submodules of ``commit``, which ``mirror`` has, and theirs.

    One that cannot be fetched is absent, with the first way's reason. Raises Cancelled, and
    GitError if ``commit`` itself cannot be read.
    """
    present: list[Present] = []
    absent: dict[str, str] = {}
    waiting: deque[tuple[Link, tuple[RepoRef, ...]]] = deque()
    waiting.extend((link, (mirror.repo,)) for link in mirror.submodules(commit))
    while waiting:
        link, chain = waiting.popleft()
        why = link.why or _too_much(link, chain, len(present))
        found = why or _fetch(link, ways(link, chain), cancel)
        if isinstance(found, str):
            absent[shown(link.path)] = found
            continue
        module, inside = found
        present.append(module)
        below = (*chain, module.mirror.repo)
        waiting.extend((replace(x, path=link.path + b"/" + x.path), below) for x in inside)
    return Brought(tuple(present), absent)


def _too_much(link: Link, chain: tuple[RepoRef, ...], count: int) -> str:
    """Why a submodule is not even asked for. A repository may name itself (its pages, say), but
    not by way of another one."""
    above = {location_of(repo) for repo in chain}
    if len(chain) > 1 and link.repo is not None and location_of(link.repo) in above:
        return "its repository contains itself"
    if len(chain) > _MAX_DEPTH:
        return f"it lies more than {_MAX_DEPTH} submodules deep"
    return f"there are more than {_MAX_COUNT} submodules" if count >= _MAX_COUNT else ""


def _fetch(link: Link, ways: Iterable[Mirror], cancel: Cancel) -> tuple[Present, tuple[Link, ...]] | str:
    """One submodule and what is in it, or why it cannot be had."""
    why = ""
    for mirror in ways:
        cancel.check()
        try:
            mirror.ensure(link.commit)
            inside = mirror.submodules(link.commit)
            return Present(link.path.decode(), link.commit, mirror), inside
        except Cancelled:
            raise
        except HonkError as error:
            cancel.check()
            why = why or _words(error)
    return why or "nothing was tried"


def _words(error: HonkError) -> str:
    return printable(error.message)[:_MAX_WORDS].rstrip(".")
