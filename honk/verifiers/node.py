"""Node: the scripts of package.json, by npm, pnpm or Yarn."""

from __future__ import annotations

import json

from honk.verifiers.tree import Detection, Tree, command

_TYPES = ("typecheck", "type-check", "check-types", "tsc")
_INSTEAD = ("check", "lint", "build")  # of tests, where there are none


def node(tree: Tree) -> Detection:
    if not tree.has("package.json"):
        return Detection()
    try:
        package = json.loads(tree.text("package.json"))
        scripts = {name: line for name, line in package.get("scripts", {}).items() if isinstance(line, str)}
    except (json.JSONDecodeError, AttributeError, RecursionError):
        return Detection(reasons=("package.json cannot be read, so its scripts are left out.",))
    wanted = _wanted(scripts)
    if not wanted:
        return Detection(reasons=("package.json has no script that verifies anything.",))
    manager = _manager(tree, package)
    return Detection(
        # CI makes test runners run once instead of watching files for changes.
        tuple(command(f"{manager} {name}", f"CI=true {manager} run {name}") for name in wanted),
        frozenset() if manager == "npm" else frozenset({"node-tools"}),
        (_install(tree, package, manager),),
        (f"package.json has the script{'s'[: len(wanted) > 1]} {', '.join(wanted)}: {manager} runs them.",),
    )


def _wanted(scripts: dict[str, str]) -> list[str]:
    tests = ["test"] if "no test specified" not in scripts.get("test", "no test specified") else []
    types = [name for name in _TYPES if name in scripts][:1]
    return tests + types or [name for name in _INSTEAD if name in scripts][:1]


def _manager(tree: Tree, package: dict[str, object]) -> str:
    named = str(package.get("packageManager", "")).partition("@")[0]
    if named in ("npm", "pnpm", "yarn"):
        return named
    if tree.has("pnpm-lock.yaml"):
        return "pnpm"
    return "yarn" if tree.has("yarn.lock") else "npm"


def _install(tree: Tree, package: dict[str, object], manager: str) -> str:
    """From the lock file where there is one; without one, none is left behind in the work tree."""
    if manager == "pnpm":
        return "pnpm install " + ("--frozen-lockfile" if tree.has("pnpm-lock.yaml") else "--no-lockfile")
    if manager == "yarn":
        modern = tree.has(".yarnrc.yml") or not str(package.get("packageManager", "yarn@1")).startswith(
            "yarn@1"
        )
        if modern:
            return "yarn install --immutable"
        return "yarn install " + ("--frozen-lockfile" if tree.has("yarn.lock") else "--no-lockfile")
    locked = tree.first("package-lock.json", "npm-shrinkwrap.json")
    return "npm ci --no-audit --no-fund" if locked else "npm install --no-audit --no-fund --no-package-lock"
