"""Members of a build that a change takes off its list while their files stay: the packages of a workspace,
the modules of a project, Rust's ``mod`` of a file with tests. Nothing builds or tests them any more.

A list may be one of patterns; what counts are the manifests that it covers before and after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from honk.core.types import Finding
from honk.gates.content import Content
from honk.gates.fresh import Base
from honk.gates.settings import flatten


@dataclass(frozen=True)
class _List:
    """``file``: the name of what holds the list. ``entry``: how one stands there, if that is no list of
    the format's own (then ``keys`` name it). ``manifest``: the name of what each member has."""

    file: str
    manifest: str
    entry: str = ""
    keys: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    comment: str = "(?!)"


_XML = r"(?s)<!--.*?(?:-->|\Z)"
_SLASHES = r"(?<!:)//[^\n]*|(?s:/\*.*?(?:\*/|\Z))"
_LISTS = (
    _List(r"pom\.xml", r"pom\.xml", r"<module>\s*([^<]+?)\s*</module>", comment=_XML),
    _List(
        r"settings\.gradle(?:\.kts)?",
        r"build\.gradle(?:\.kts)?",
        r"(?s)\binclude\s*\(?((?:\s*[\"'][^\"']+[\"'],?)+)",
        comment=_SLASHES,
    ),
    _List(r"Cargo\.toml", r"Cargo\.toml", keys=("workspace/members",), without=("workspace/exclude",)),
    _List(r"pnpm-workspace\.yaml|lerna\.json", r"package\.json", keys=("packages",)),
    _List(r"package\.json", r"package\.json", keys=("workspaces", "workspaces/packages")),
    _List(r"[^/]+\.sln", r"[^/]+\.\w+proj", r"\"([^\"\n]+\.\w+proj)\""),
    _List(r"go\.work", r"go\.mod", r"(?m)^[ \t]*(?:use\s+)?(\.{1,2}/\S*)\s*$", comment=_SLASHES),
    _List(r"CMakeLists\.txt", r"CMakeLists\.txt", r"(?i)(?m)^[ \t]*add_subdirectory\s*\(\s*\"?([\w./-]+)"),
)
_MODULE = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", re.M)
_STARS = 4  # in a pattern, beyond which it is read as all below its first folders
_HAS_TESTS = re.compile(rb"#\[(?:\w+::)*(?:test|rstest|cfg\(test\))")


def lists_members(path: str) -> bool:
    """Whether the file may hold such a list."""
    return path.endswith(".rs") or _kind(path) is not None


def has_list(content: Content) -> bool:
    """Whether a changed file is for ``members``: of Rust's only those whose modules changed."""
    lines = (*content.removed, *(line for _, line in content.added))
    is_rust = content.file.path.endswith(".rs") and any(map(_MODULE.match, lines))
    return is_rust or _kind(content.file.path) is not None


def _kind(path: str) -> _List | None:
    name = path.rpartition("/")[2]
    return next((kind for kind in _LISTS if re.fullmatch(kind.file, name)), None)


def members(lists: Sequence[Content], gone: Iterable[str], base: Base, request: str) -> Iterator[Finding]:
    """Findings about the lists of a change. ``gone``: paths that it deletes. What the request names is
    flagged."""
    left = set(base.files) - set(gone)
    covered = {content.file.path: _covered(content.file.path, content.new, left) for content in lists}
    still = frozenset[str]().union(*covered.values())
    for content in lists:
        path = content.file.path
        lost = sorted(_covered(path, content.old, left) - still - {path})
        if lost:
            yield _finding(path, lost[0], request, content.new is None)
    named = {name for content in lists for name in _modules(content.new)}
    for content in lists:
        path = content.file.path
        for name in _modules(content.old) if path.endswith(".rs") and content.new is not None else ():
            file = next((file for file in _files_of(path, name) if file in left), "")
            if name not in named and file and _HAS_TESTS.search(base.text(file) or b""):
                yield _finding(path, file, request, False)


def _finding(path: str, member: str, request: str, deleted: bool) -> Finding:
    parts = member.removesuffix(".rs").split("/")
    name = re.escape(parts[-1] if member.endswith(".rs") or len(parts) == 1 else parts[-2])
    asked = deleted or (
        name not in ("tests", "test", "mod")
        and re.search(rf"(?<![\w-]){name}(?![\w-])", request, re.I) is not None
    )
    detail = f"{member} is there still, and is not part of the build any more"
    return Finding(
        gate="verifier-config", result="flag" if asked else "block", path=path, detail=detail[:400]
    )


def _covered(path: str, data: bytes | None, files: Iterable[str]) -> frozenset[str]:
    """The manifests among ``files`` that the list covers."""
    kind = _kind(path)
    if kind is None or data is None:
        return frozenset()
    entries, without = _entries(kind, path, data)
    folder = path.rpartition("/")[0]
    within, never = _patterns(folder, kind, tuple(entries)), _patterns(folder, kind, tuple(without))
    if within is None:
        return frozenset()
    return frozenset(file for file in files if within.match(file) and not (never and never.match(file)))


def _entries(kind: _List, path: str, data: bytes) -> tuple[list[str], list[str]]:
    if kind.keys:
        flat: Mapping[str, tuple[str, ...]] = flatten(path, data) or {}
        found = [value for key in kind.keys for value in flat.get(key, ())]
        without = [value for key in kind.without for value in flat.get(key, ())]
    else:
        text = re.sub(kind.comment, "", data.decode("utf-8", "replace"))
        found, without = re.findall(kind.entry, text), []
    if kind.file.startswith("settings"):
        quoted = [name for names in found for name in re.findall(r"[\"']([^\"']+)[\"']", names)]
        found = [name.strip(":").replace(":", "/") for name in quoted]
    without += [entry[1:] for entry in found if entry.startswith("!")]
    return [entry for entry in found if not entry.startswith("!")], without


@lru_cache(maxsize=64)
def _patterns(folder: str, kind: _List, entries: tuple[str, ...]) -> re.Pattern[str] | None:
    if not entries:
        return None
    begin = re.escape(f"{folder}/") if folder else ""
    globs = "|".join(_glob(entry.replace("\\", "/").removeprefix("./").rstrip("/")) for entry in entries)
    end = "" if "sln" in kind.file else f"/{kind.manifest}"
    return re.compile(
        f"{begin}(?:{globs})(?:{end})?$" if kind.file == r"pom\.xml" else f"{begin}(?:{globs}){end}$"
    )


def _glob(entry: str) -> str:
    if entry.count("*") > _STARS:
        return f"{re.escape(entry.partition('*')[0])}.*"
    parts = re.split(r"(\*\*|\*)", entry)
    return "".join({"**": ".*", "*": "[^/]*"}.get(part) or re.escape(part) for part in parts)


def _modules(data: bytes | None) -> list[str]:
    return _MODULE.findall((data or b"").decode("utf-8", "replace"))


def _files_of(path: str, name: str) -> tuple[str, str]:
    """Where the file of a module is, which ``path`` declares."""
    folder, _, leaf = path.rpartition("/")
    if leaf not in ("lib.rs", "main.rs", "mod.rs") and not re.search(r"(?:^|/)tests$", folder):
        folder = path.removesuffix(".rs")
    begin = f"{folder}/" if folder else ""
    return f"{begin}{name}.rs", f"{begin}{name}/mod.rs"
