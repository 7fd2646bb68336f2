"""Node: the scripts of package.json and the tools behind them, by npm, pnpm, Yarn or Bun."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from honk.verifiers.reports import WRITTEN
from honk.verifiers.tree import Detection, Tree

_FORMATS = ("format:check", "check:format", "format-check", "check-format", "prettier:check", "fmt:check")
_LINTS = ("lint", "lint:check", "eslint")
_TYPES = ("typecheck", "type-check", "check-types", "tsc")
_RUNNERS = {"vitest": "vitest run", "jest": "jest --ci", "mocha": "mocha"}
# What has a runner name the tests that pass, too. Mocha and node do.
_NAMING = {
    "vitest": f"--reporter=default --reporter=junit --outputFile.junit={WRITTEN.format('vitest')}",
    "jest": "--verbose",
}
# A script that is one call of a runner, and does not choose a reporter: more options can follow it.
_CALL = re.compile(
    r"(?:\w+=\S+ |cross-env |npx |node (?:-\S+ )*)*(?:[\w./-]+/)?(?P<runner>jest|vitest)(?:\.m?js)?"
    r"(?: (?!--?(?:reporter|verbose|silent|json|outputFile|watch))[\w@%+.,:/=-]+)*"
)
_TESTS = ("test", "test:ci", "test:run", "test:unit", "test:once")
# Flags and commands by which a tool never ends, whatever CI=true says. (jest's -w is another thing.)
_WATCHES = re.compile(
    r"\s--watch(?:All)?(?=\s|$|=true)|\bvitest\s+(?:watch|dev)\b|\b(?:vitest|mocha|tsc)\b[^&|;]*\s-w(?=\s|$)"
)
# What ends with success and has checked nothing.
_NOTHING = re.compile(r"(?:(?:echo\b[^&|;<>$`]*|(?:exit 0|true|:)\s*)(?:&&|;|$)\s*)*")
_CALLS = re.compile(r"\b(?:npm|pnpm|yarn|bun)\s+(?:run\s+)?([\w:.-]+)")
# A root script that runs those of all packages.
_EVERYWHERE = re.compile(
    r"--workspaces|(?:^|\s)-ws\b|\bturbo\b|\bnx\b|\blerna\b|pnpm\s+(?:\S+\s+)*?(?:-r|--recursive)\b"
    r"|yarn\s+workspaces|\bbun\b.*--filter|\bwireit\b"
)
_BUILDS = re.compile(r"\b(?:build|tsc|rollup|webpack|esbuild|vite|babel|tsup|swc|node|make|gyp)\b")


@dataclass(frozen=True)
class _Package:
    """A package.json as far as it says something here; ``manager`` is that of its root."""

    scripts: dict[str, str]
    packages: frozenset[str]  # that it depends on, in whichever way
    named: str  # the package manager that it asks for, with version
    workspaces: tuple[str, ...]


def covers(tree: Tree) -> bool:
    package = _read(tree)
    return package is not None and bool(_EVERYWHERE.search(package.scripts.get("test", "")))


def node(tree: Tree, root: Tree) -> Detection:
    if not tree.has("package.json"):
        return Detection()
    package = _read(tree)
    if package is None:
        reason = "package.json cannot be read, so its scripts are left out."
        return Detection(reasons=(tree.reason(reason),))
    # Packages of a workspace are installed, and have their manager chosen, by its root.
    above = _read(root) if tree.place else None
    shared = above is not None and (above.workspaces or root.has("pnpm-workspace.yaml"))
    home, head = (root, above) if shared and above is not None else (tree, package)
    manager = _manager(home, head)
    scripts = _scripts(package.scripts)
    tools = dict(_tools(tree, package, scripts, manager))
    if not scripts and not tools:
        return Detection(reasons=(tree.reason("package.json has no script that verifies anything."),))
    # CI makes test runners run once instead of watching files for changes.
    commands = [
        tree.command(f"{manager} {name}", f"CI=true {manager} run {name}{_naming(package, name, manager)}")
        for name in scripts
    ]
    commands += [tree.command(name, f"CI=true {line}") for name, line in tools.items()]
    said = [f"the script{'s'[: len(scripts) > 1]} {', '.join(scripts)}"] if scripts else []
    said += [f"{name} without a script" for name in tools]
    return Detection(
        tuple(commands),
        {"npm": frozenset[str](), "bun": frozenset({"bun"})}.get(manager, frozenset({"node-tools"})),
        (home.at(_install(home, head, manager)),),
        (tree.reason(f"package.json has {' and '.join(said)}: {manager} runs them."),),
    )


def _read(tree: Tree) -> _Package | None:
    try:
        data = json.loads(tree.text("package.json"))
        given = data.get("scripts", {}).items()
        depends = [data.get(name) for name in ("dependencies", "devDependencies", "peerDependencies")]
    except (ValueError, AttributeError, RecursionError):
        return None
    return _Package(
        scripts={name: line for name, line in given if isinstance(line, str)},
        packages=frozenset(name for table in depends if isinstance(table, dict) for name in table),
        named=str(data.get("packageManager", "")),
        workspaces=_workspaces(data.get("workspaces")),
    )


def _workspaces(value: object) -> tuple[str, ...]:
    """The globs in a list, or in one called ``packages``, as older Yarns have it."""
    globs = value.get("packages") if isinstance(value, dict) else value
    return tuple(glob for glob in globs if isinstance(glob, str)) if isinstance(globs, list) else ()


def members(root: Tree) -> Sequence[str]:
    """Globs of the workspace; of pnpm's file those of its other lists, too, which name no folders."""
    package = _read(root)
    lines = re.findall(r"^[ \t]*-[ \t]+[\"']?([^\"'\s#]+)", root.text("pnpm-workspace.yaml"), re.MULTILINE)
    return (*(package.workspaces if package else ()), *lines)


def _naming(package: _Package, name: str, manager: str) -> str:
    """Options for the runner that the script ``name`` calls, if it can have some."""
    call = _CALL.fullmatch(package.scripts[name].strip())
    return f"{' --' * (manager == 'npm')} {_NAMING[call['runner']]}" if call else ""


def _scripts(scripts: dict[str, str]) -> list[str]:
    """Names of the scripts that check something and change nothing.

    What builds comes first: tests of build output that ignore rules cover would otherwise run on
    that of the base, which setup left.
    """
    called = {name: [scripts.get(c, "") for c in _CALLS.findall(line)] for name, line in scripts.items()}
    ends = {
        name: line
        for name, line in scripts.items()
        if not any(map(_WATCHES.search, [line, *called[name]])) and not _NOTHING.fullmatch(line.strip())
    }
    tests = [name for name in _TESTS if "no test specified" not in ends.get(name, "no test specified")][:1]
    harmless = {name for name, line in ends.items() if not re.search(r"--(?:fix|write)\b", line)}
    if not _BUILDS.search(scripts.get("prepare", "")):  # it may only install git hooks
        harmless.discard("prepare")

    def first(kinds: Sequence[tuple[str, ...]]) -> list[str]:
        found = (next((name for name in kind if name in harmless), None) for kind in kinds)
        return [name for name in found if name is not None]

    found = first([("build", "prepare")]) + tests + first([_TYPES, _LINTS, _FORMATS])
    return found or [name for name in ("check",) if name in ends]


def _tools(tree: Tree, package: _Package, scripts: list[str], manager: str) -> Iterator[tuple[str, str]]:
    """Tools that are configured or depended on, but that no script runs: name and command."""
    run = {"npm": "npx --no-install", "pnpm": "pnpm exec"}.get(manager, f"{manager} run")
    lines = " ".join(package.scripts[name] for name in scripts)
    tested = tree.named(lambda name: bool(re.fullmatch(r".*\.(?:test|spec)\.[cm]?[jt]sx?", name)))
    watched = _watched(package.scripts.get("test", ""))
    if not _any(scripts, _TESTS) and (tested or watched):
        runner = next((name for name in _RUNNERS if name in package.packages), None)
        if watched:
            call = _CALL.fullmatch(watched)
            yield watched.split()[0], f"{run} {watched} {_NAMING[call['runner']] if call else ''}".rstrip()
        elif runner is not None:
            yield runner, f"{run} {_RUNNERS[runner]} {_NAMING.get(runner, '')}".rstrip()
        elif manager == "bun":
            yield "bun test", f"bun test --reporter=junit --reporter-outfile={WRITTEN.format('bun')}"
        elif any("node:test" in tree.text(path) for path in tested[:20]):
            yield "node --test", "node --test"
    typed = "typescript" in package.packages and tree.has("tsconfig.json")
    if typed and not any(name in scripts for name in _TYPES) and not re.search(r"\b(?:vue-)?tsc\b", lines):
        yield "tsc", f"{run} tsc --noEmit -p ."
    lint = any(re.fullmatch(r"\.eslintrc(?:\..*)?|eslint\.config\.[cm]?[jt]s", path) for path in tree.files)
    if lint and "eslint" in package.packages and "eslint" not in lines and not _any(scripts, _LINTS):
        yield "eslint", f"{run} eslint ."
    pretty = any(re.fullmatch(r"\.prettierrc(?:\..*)?|prettier\.config\.[cm]?[jt]s", p) for p in tree.files)
    if pretty and "prettier" in package.packages and "prettier" not in lines and not _any(scripts, _FORMATS):
        yield "prettier", f"{run} prettier --check ."


def _watched(line: str) -> str:
    """The command of a test script that watches files, without that; empty where it is no plain call."""
    if not _WATCHES.search(line) or not re.fullmatch(r"(?:vitest|jest|mocha)\b[^&|;<>$`]*", line):
        return ""
    once = re.sub(r"\s(?:--watch(?:All)?(?:=true)?|-w)(?=\s|$)|(?<=^vitest)\s+(?:watch|dev)\b", "", line)
    return re.sub(r"^vitest(?! run\b)", "vitest run", once).strip()


def _any(scripts: list[str], names: tuple[str, ...]) -> bool:
    return any(name in scripts for name in names)


def _manager(tree: Tree, package: _Package) -> str:
    named = package.named.partition("@")[0]
    if named in ("npm", "pnpm", "yarn", "bun"):
        return named
    if tree.has("pnpm-lock.yaml"):
        return "pnpm"
    if tree.first("bun.lock", "bun.lockb"):
        return "bun"
    return "yarn" if tree.has("yarn.lock") else "npm"


def _install(tree: Tree, package: _Package, manager: str) -> str:
    """From the lock file where there is one; without one, none is left behind in the work tree."""
    if manager == "pnpm":
        return "pnpm install " + ("--frozen-lockfile" if tree.has("pnpm-lock.yaml") else "--no-lockfile")
    if manager == "bun":
        return "bun install " + ("--frozen-lockfile" if tree.first("bun.lock", "bun.lockb") else "--no-save")
    if manager == "yarn":
        modern = tree.has(".yarnrc.yml") or not (package.named or "yarn@1").startswith("yarn@1")
        if modern:
            return "yarn install --immutable"
        return "yarn install " + ("--frozen-lockfile" if tree.has("yarn.lock") else "--no-lockfile")
    locked = tree.first("package-lock.json", "npm-shrinkwrap.json")
    return "npm ci --no-audit --no-fund" if locked else "npm install --no-audit --no-fund --no-package-lock"
