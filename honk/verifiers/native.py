"""C and C++ by CMake or Meson, Bazel, and Make where nothing else is known."""

from __future__ import annotations

import re
import shlex

from honk.verifiers.reports import WRITTEN
from honk.verifiers.tree import Detection, Tree

# The targets of a rule: one colon or two, and no assignment.
_RULE = re.compile(r"^([^\s:=#][^:=#\n]*):(?!:?:?=)", re.MULTILINE)


def _build(tree: Tree) -> str:
    """Outside the work tree: what a build leaves is no part of a change. One for each package,
    since the checks of a session share /tmp."""
    return shlex.quote(f"/tmp/honk-build/{tree.place}".rstrip("/"))


def cmake(tree: Tree, root: Tree) -> Detection:
    if not tree.has("CMakeLists.txt"):
        return Detection()
    lists = tree.named(lambda name: name == "CMakeLists.txt")
    tested = any(
        re.search(r"\b(?:enable_testing|add_test)\b|include\s*\(\s*CTest", tree.text(p), re.I) for p in lists
    )
    if not tested and re.search("scikit[-_]build|cmake", tree.text("pyproject.toml")):
        return Detection(reasons=(tree.reason("CMakeLists.txt: pip builds it, as pyproject.toml says."),))
    folder = _build(tree)
    build = f"cmake -S . -B {folder} && cmake --build {folder} --parallel"
    # CMake 3.20 and older, which knows no --output-junit, takes no notice of it: its words remain.
    test = f"ctest --test-dir {folder} --output-on-failure --no-tests=error"
    line = f"{build} && {test} --output-junit {WRITTEN.format('ctest')}" if tested else build
    return Detection(
        (tree.command("ctest" if tested else "cmake", line),),
        frozenset({"native"}),
        reasons=(tree.reason(f"CMakeLists.txt, {'with' if tested else 'without'} tests: CMake builds it."),),
    )


def meson(tree: Tree, root: Tree) -> Detection:
    if not tree.has("meson.build") or tree.has("CMakeLists.txt"):
        return Detection()
    builds = tree.named(lambda name: name == "meson.build")
    tested = any(re.search(r"\btest\s*\(", tree.text(path)) for path in builds)
    folder = _build(tree)
    line = f"meson setup {folder} && meson {'test' if tested else 'compile'} -C {folder}"
    line += " --print-errorlogs" if tested else ""
    return Detection(
        (tree.command("meson", line),),
        frozenset({"native"}),
        reasons=(tree.reason(f"meson.build, {'with' if tested else 'without'} tests: `{line}`."),),
    )


def bazel(tree: Tree, root: Tree) -> Detection:
    path = tree.first("MODULE.bazel", "WORKSPACE.bazel", "WORKSPACE")
    if path is None or not tree.named(lambda name: name in ("BUILD", "BUILD.bazel")):
        return Detection()
    line = "bazel test //... --test_output=errors"
    return Detection(
        (tree.command("bazel", line),),
        frozenset({"bazel"}),
        ("bazel fetch //...",),
        (tree.reason(f"{path}: `{line}`."),),
    )


def make(tree: Tree) -> Detection:
    """Only where nothing more specific is known of the folder: a Makefile may need anything."""
    path = tree.first("GNUmakefile", "makefile", "Makefile")  # the order in which make looks
    if path is None:
        return Detection()
    rules = _RULE.findall(tree.text(path).replace("\\\n", " "))
    targets = {name for names in rules for name in names.split()} & {"test", "check"}
    if not targets:
        return Detection(reasons=(f"{path} has neither a target `test` nor `check`.",))
    target = "test" if "test" in targets else "check"
    return Detection(
        (tree.command(f"make {target}", f"make {target}"),),
        reasons=(f"{path} has the target `{target}`.",),
    )
