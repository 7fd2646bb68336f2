"""What a repository is verified with, by the files of its base commit.

Only manifests at the repository's root count; a monorepo names its commands in `.honk.yml`.
(To find them by itself, detection would have to run for every folder with a manifest and
choose by the paths that a change touches.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from honk.verifiers import node, others, python
from honk.verifiers.tree import Detection, Tree

__all__ = ["Detection", "detect"]


def detect(files: Mapping[str, str], read: Callable[[str], bytes]) -> Detection:
    """Look at ``files`` (path to blob id); ``read`` gives a blob's bytes, and is asked for few."""
    tree = Tree(files, read)
    specific = (python.python, node.node, others.go, others.rust, others.maven, others.gradle)
    found = _merge(look(tree) for look in specific)
    if not found.commands:
        found += others.make(tree)
    found += others.pre_commit(tree)
    return found if found.commands else found + _nothing(tree)


def _merge(parts: Iterable[Detection]) -> Detection:
    return sum(parts, Detection())


def _nothing(tree: Tree) -> Detection:
    names = {"package.json", "pyproject.toml", "setup.py", "go.mod", "Cargo.toml", "pom.xml", "build.gradle"}
    nested = tree.named(names.__contains__)
    deeper = [path for path in nested if "/" in path]
    if deeper:
        return Detection(reasons=(f"{deeper[0]}: only manifests at the root count; name commands by hand.",))
    return Detection(reasons=("Nothing that verifies a change was found at the root.",))
