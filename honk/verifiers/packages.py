"""Which packages of a monorepo depend on which, as their manifests say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from posixpath import basename, dirname, normpath

from honk.core.types import VerifyCommand
from honk.verifiers.tree import Tree

_MANIFESTS = re.compile(
    r"pyproject\.toml|setup\.(?:py|cfg)|requirements.*\.(?:txt|in)|package\.json|go\.mod|Cargo\.toml|pom\.xml"
    r"|(?:build|settings)\.gradle(?:\.kts)?|.*\.(?:cs|fs|vb)proj|Gemfile|.*\.gemspec|composer\.json"
    r"|CMakeLists\.txt|meson\.build"
)
# How a manifest says its own package's name.
_NAMED = (
    re.compile(r"""^\s*name\s*=\s*["']([\w.@/-]{2,})["']""", re.MULTILINE),  # TOML
    re.compile(r"^module\s+(\S{2,})", re.MULTILINE),  # go.mod
    re.compile(r"<artifactId>\s*([\w.-]{2,})\s*</artifactId>"),
    re.compile(r"""\bname\s*=\s*["']?([\w.-]{2,})["']?\s*[,)\n]"""),  # setup.py, setup.cfg, gemspec
)


def watched(root: Tree, commands: Sequence[VerifyCommand]) -> tuple[VerifyCommand, ...]:
    """``commands`` with the packages that each depends on, its own first.

    A package depends on another if one of its manifests names that package or the way to its
    folder. What only the code says (an import by a path) is not seen.
    """
    if not any(command.folder for command in commands):
        return tuple(commands)
    manifests: dict[str, list[str]] = {}
    for path in root.named(lambda name: bool(_MANIFESTS.fullmatch(name))):
        if folder := dirname(path):
            manifests.setdefault(folder, []).append(path)
    texts = {folder: "\n".join(map(root.text, paths)) for folder, paths in manifests.items()}
    names = {folder: _plain(_name(root, paths)) for folder, paths in manifests.items()}
    needs = {folder: _named_in(folder, text, names) for folder, text in texts.items()}
    return tuple(
        c.model_copy(update={"watches": _closure(c.folder, needs)}) if c.folder else c for c in commands
    )


def _plain(name: str) -> str:
    """As names of Python's packages are compared; of others, two that differ in no more than this may
    mean a check too many. https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", name.lower())


def _name(root: Tree, paths: Sequence[str]) -> str:
    """What other manifests call a package; empty if its manifests do not say."""
    for path in paths:
        text = root.text(path)
        if basename(path) in ("package.json", "composer.json"):
            try:
                data = json.loads(text)
            except (ValueError, RecursionError):
                continue
            name = data.get("name") if isinstance(data, dict) else None
            if isinstance(name, str) and len(name) > 1:
                return name
            continue
        if basename(path) == "pom.xml":  # a parent has its name before the module's own
            before, _, rest = text.partition("<parent>")
            text = before + rest.partition("</parent>")[2]
        if found := next((m for pattern in _NAMED if (m := pattern.search(text))), None):
            return found[1]
    return ""


def _named_in(folder: str, text: str, names: Mapping[str, str]) -> set[str]:
    """Folders of the packages that ``text``, the manifests of ``folder``, names."""
    # What Windows writes is read both ways: a backslash may also escape a quote.
    words = set(re.findall(r"[\w.@/-]+", text)) | set(re.findall(r"[\w.@/-]+", text.replace("\\", "/")))
    dotted = {word for word in words if word.startswith((".", "/"))}
    dotted |= {dirname(word) for word in dotted if _MANIFESTS.fullmatch(basename(word))}
    ways = {normpath(f"{folder}/{word}") for word in dotted}
    plain = set(map(_plain, words))
    return {other for other, name in names.items() if other != folder and (other in ways or name in plain)}


def _closure(folder: str, needs: Mapping[str, set[str]]) -> tuple[str, ...]:
    found, new = {folder: None}, [folder]
    while new:
        for other in sorted(needs.get(new.pop(), ())):
            if other not in found:
                found[other] = None
                new.append(other)
    return tuple(found)
