"""What a repository is verified with, by the files of its base commit.

Each ecosystem is looked for at the root and in every folder with a manifest of its own, unless
a manifest above it speaks for that folder, too (a Cargo workspace, a Maven reactor). A check of
such a package runs when the package, or one that it depends on, has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from posixpath import dirname, relpath

from honk.core.types import VerifyCommand
from honk.verifiers import jvm, native, node, others, python, scripting
from honk.verifiers.packages import watched
from honk.verifiers.tree import Detection, Tree, folders_of, is_member

__all__ = ["Detection", "affected", "detect"]

PACKAGES = 100
"""Packages of one ecosystem that are looked at in a monorepo."""

_GLOBS = 500
"""Globs of a workspace that are looked at."""

_FIXTURES = frozenset({"testdata", "fixtures", "__fixtures__"})


@dataclass(frozen=True)
class Ecosystem:
    """``look`` gets a package's own files and those of the root; ``markers`` fits the names of
    manifests; ``covers`` says whether a package's checks run those of packages below it, and ``apart``
    which of these, by its folder from there, has checks of its own nevertheless.
    ``foreign`` names what honk's stock image cannot offer. ``together`` are setup commands for all
    folders that have a package. ``members`` are the globs by which a workspace of the root names its
    packages."""

    look: Callable[[Tree, Tree], Detection]
    markers: str
    covers: Callable[[Tree], bool]
    foreign: str = ""
    apart: Callable[[Tree, str], bool] = lambda tree, folder: False
    together: Callable[[Tree, Sequence[str]], tuple[str, ...]] = lambda root, folders: ()
    members: Callable[[Tree], Sequence[str]] = lambda root: ()


def _always(tree: Tree) -> bool:
    return True


_ECOSYSTEMS = (
    Ecosystem(python.python, python.MARKERS, python.covers, together=python.together, members=python.members),
    Ecosystem(node.node, r"package\.json", node.covers, members=node.members),
    Ecosystem(others.go, r"go\.mod", lambda tree: False, members=others.go_members),
    Ecosystem(others.rust, r"Cargo\.toml", others.rust_covers, apart=others.rust_apart),
    Ecosystem(jvm.maven, r"pom\.xml", lambda tree: "<modules>" in tree.text("pom.xml")),
    Ecosystem(jvm.gradle, r"(?:build|settings)\.gradle(?:\.kts)?", _always),
    Ecosystem(others.dotnet, r".*\.(?:sln|slnx|csproj|fsproj|vbproj)", _always, "The .NET SDK"),
    Ecosystem(scripting.ruby, r"Gemfile|.*\.gemspec|\.rspec", _always, apart=scripting.ruby_apart),
    Ecosystem(scripting.php, r"composer\.json|phpunit(?:\.dist)?\.xml(?:\.dist)?", scripting.php_covers),
    Ecosystem(native.cmake, r"CMakeLists\.txt", _always),
    Ecosystem(native.meson, r"meson\.build", _always),
    Ecosystem(native.bazel, r"MODULE\.bazel|WORKSPACE(?:\.bazel)?", _always, "Bazel"),
)


def detect(files: Mapping[str, str], read: Callable[[str], bytes], *, stock: bool = True) -> Detection:
    """Look at ``files`` (path to blob id); ``read`` gives a blob's bytes, and is asked for few.

    With ``stock``, checks that need what the stock image lacks are left out, with the reason.
    """
    root = Tree(files, cache(read))  # several ecosystems look into the same manifest
    found = _merge(_packages(root, ecosystem, stock) for ecosystem in _ECOSYSTEMS)
    if all(command.folder for command in found.commands):  # what the folders have is no check of the root
        found += native.make(root)
    found += others.pre_commit(root)
    if not found.commands:
        found += Detection(reasons=("Nothing that verifies a change was found.",))
    commands = watched(root, found.commands)
    return Detection(commands, found.toolchains, found.setup, found.reasons)


def _packages(root: Tree, ecosystem: Ecosystem, stock: bool) -> Detection:
    """What ``ecosystem`` gives at the root and in each folder that nothing above it covers."""
    marker = re.compile(ecosystem.markers)
    marked = {dirname(path) for path in root.named(lambda name: bool(marker.fullmatch(name)))}
    kept, fixtures = _apart(root, ecosystem, marked)
    shown = kept[:PACKAGES]
    found = _merge(
        ecosystem.look(root.below(folder, _inner(folder, [*kept, *fixtures])), root) for folder in shown
    )
    if found.commands and ecosystem.foreign:
        needs = f"{ecosystem.foreign} is not in honk's image: name one that has it (image: in .honk.yml)."
        kept_out = Detection(reasons=found.reasons) if stock else found
        return kept_out + Detection(reasons=(needs,))
    if found.setup:
        found += Detection(setup=ecosystem.together(root, shown))
    if len(kept) > len(shown):
        left = f"{kept[len(shown)]} and {len(kept) - len(shown) - 1} more packages are left out: too many."
        found += Detection(reasons=(left,))
    if fixtures:
        more = f" and {len(fixtures) - 1} more packages" if fixtures[1:] else ""
        found += Detection(reasons=(f"{fixtures[0]}{more}: left out, tests are made with them.",))
    return found


def _apart(root: Tree, ecosystem: Ecosystem, marked: set[str]) -> tuple[list[str], list[str]]:
    """The root and those of ``marked``, folders with a manifest, that nothing above covers; apart from
    them those that tests are made with, often broken on purpose, and that no workspace names."""
    kept: list[str] = []
    fixtures: list[str] = []
    covering: dict[str, Tree] = {}
    globs = ecosystem.members(root)[:_GLOBS]
    for folder in sorted(marked | {""}, key=lambda folder: (folder.count("/"), folder)):
        above = {place: tree for place, tree in covering.items() if place in ("", *folders_of(folder))}
        if any(not ecosystem.apart(tree, relpath(folder, place)) for place, tree in above.items()):
            continue
        if not _FIXTURES.isdisjoint(folder.split("/")) and not is_member(folder, globs):
            fixtures.append(folder)
            continue
        kept.append(folder)
        if folder in marked and _inner(folder, marked) and ecosystem.covers(tree := root.below(folder)):
            covering[folder] = tree
    return kept, fixtures


def _inner(folder: str, folders: Iterable[str]) -> list[str]:
    """Those of ``folders`` that lie within ``folder``."""
    return [inner for inner in folders if inner != folder and (not folder or inner.startswith(f"{folder}/"))]


def _merge(parts: Iterable[Detection]) -> Detection:
    return sum(parts, Detection())


def affected(commands: Sequence[VerifyCommand], paths: Iterable[str]) -> tuple[VerifyCommand, ...]:
    """Those of ``commands`` that a change of ``paths`` concerns: all that watch no folder, and
    those that watch the nearest package above a path, or one above that which has checks. A path that
    is in no package may concern any.
    """
    packages = {folder for command in commands for folder in command.watches}
    homes = {command.folder for command in commands}
    paths = tuple(paths)
    changed = {_nearest(path, packages) for path in paths}
    if "" in changed:
        return tuple(commands)
    changed |= {folder for path in paths for folder in folders_of(path) if folder in homes}
    return tuple(c for c in commands if not c.watches or not changed.isdisjoint(c.watches))


def _nearest(path: str, packages: set[str]) -> str:
    return next((folder for folder in folders_of(path) if folder in packages), "")
