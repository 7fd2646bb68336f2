"""Whether a command runs tests: by its tool, by the goal that it names, or perhaps, by what it starts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

RUNS, SEEMS, MAY, NOT = 3, 2, 1, 0
"""It runs tests; its name says so; what it starts may; it is something else."""

Scripts = Mapping[str, Sequence[str]]
"""The scripts of a package.json or composer.json by their names, each with its lines."""

NO_SCRIPTS: Scripts = MappingProxyType({})


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOOLS = _names(
    "pytest py.test unittest tox nox nose nose2 nosetests trial stestr testr behave robot ward avocado"
    " jest vitest mocha ava jasmine karma cypress playwright tap tape uvu wtr web-test-runner qunit"
    " testcafe gotestsum ginkgo rspec cucumber minitest phpunit pest paratest codecept phpspec behat ctest"
    " bats shellspec start-server-and-test"
)
_OTHER = _names(
    "eslint tsc vue-tsc ruff flake8 pylint mypy pyright basedpyright biome prettier stylelint rubocop"
    " phpstan psalm clippy golangci-lint staticcheck shellcheck cppcheck black isort xo standard oxlint"
    " knip publint depcheck tsup webpack rollup esbuild swc babel vite next nuxt parcel husky rimraf echo"
    " printf true : exit cd set export rm cp mv mkdir touch git pip which type command [ test sleep cat ls"
    " head tail grep sed awk tee codecov gofmt curl wget kill wait trap source . fi done else"
)
_LEADERS = _names(
    "npx bunx pnpx exec dlx uv uvx pipx poetry pdm hatch pipenv rye run env cross-env cross-env-shell"
    " time timeout xvfb-run dotenv dotenvx sudo nice coverage nyc c8 bundle xargs then do if !"
)
_INTERPRETERS = _names("python python3 node ts-node tsx php ruby perl sh bash zsh")
_CONTAINERS = _names("docker docker-compose podman vagrant act dagger earthly nix devbox ssh")
_PACKAGES = _names("npm pnpm yarn bun composer")
_STRICT = _names("go cargo dotnet meson bazel bazelisk deno")  # the goal is the word of the tool itself
_LAUNCHERS = (
    _PACKAGES
    | _STRICT
    | _names(
        "turbo nx lerna make gmake just task ninja mvn mvnw gradle gradlew rake invoke inv poe npm-run-all"
        " npm-run-all2 run-s run-p concurrently wireit moon rush"
    )
)
_PASSED_ON = _names("run run-script exec workspaces workspace foreach affected run-many script")
_OF_PACKAGES = re.compile(
    r"(?:i|ci|install|add|remove|rm|uninstall|update|upgrade|audit|version|publish|pack|link|init|ls|list|why|view|info"
    r"|config|cache|login|outdated|dedupe|prune|dump-autoload|require)$"
)
_IDLE = re.compile(r"(?:install|install-deps|open|verify|cache|info|show-report|show-trace|codegen)$")
_TEST = re.compile(
    r"(?<![a-zA-Z])[tT]ests?|Test|(?<![a-z])(?:py|unit|run|integration|all|doc)tests?", re.ASCII
)
_OWN_WORDS = {
    "mvn": re.compile(r"(?:package|verify|install|deploy|integration-test)$"),
    "gradle": re.compile(r"(?:.*:)?(?:build|\w*[cC]heck|verify\w*)$"),
}
_MORE = re.compile(
    r"(?<![a-z])(?:specs?|check|checks|verify|ci|cibuild|units?|e2e|integration|coverage|cov|validate|all|qa|suite|jest"
    r"|vitest|mocha|cypress|playwright|default)(?![a-z])",
    re.I,
)
_LESS = re.compile(
    r"build|compil|lint|format|fmt|prettier|typ(?:e|ing)|tsc|start|(?<![a-z])dev|serve|clean|docs?(?![a-z])|install|style"
    r"|prepare|bundle|assembl|packag|publish|version|generat|clippy|vet(?![a-z])|deploy|release|watch|classes",
    re.I,
)
_SCRIPT = re.compile(r"[./$]|.*\.(?:sh|bash|py|[cm]?[jt]s|rb|php|pl|ps1|bat|cmd)$")
_VARIABLE = re.compile(r"\$[({](\w+)[)}]")
_BETWEEN = re.compile(r"&&|\|\||[;|&\n]")
_CALLS = _PACKAGES | _names("npm-run-all npm-run-all2 run-s run-p concurrently")
_ELSEWHERE = re.compile(  # another package's script
    r"(?:-ws?|--workspaces?|-r|--recursive|--filter|--prefix|-C|--cwd|workspaces?|foreach)(?:=|$)"
)


def best(text: str, scripts: Scripts = NO_SCRIPTS) -> int:
    """The most that one of the commands of ``text`` is: RUNS, SEEMS, MAY or NOT. A script of ``scripts``
    that one of them calls by its name is what it runs itself."""
    left, seen, most = [text], set[str](), NOT
    while left:
        for part in dict.fromkeys(_BETWEEN.split(left.pop())):
            called = _called(part, scripts)
            left += ["\n".join(scripts[name]) for name in called - seen]
            seen |= called
            most = most if called else max(most, kind(part))
    return most


def _called(part: str, scripts: Scripts) -> set[str]:
    """The scripts of the same package that a command runs."""
    words = part.split()
    if not words or tool_name(words[0]) not in _CALLS or any(map(_ELSEWHERE.match, words)):
        return set()
    return {name for word in words[1:] if (name := word.strip("\"'").removeprefix("npm:")) in scripts}


def kind(part: str) -> int:
    """What a single command is: RUNS, SEEMS, MAY or NOT."""
    words = [word.strip("\"'(){}`@") for word in _VARIABLE.sub(lambda m: m[1].lower(), part).split()]
    words = [word for word in words if word]
    if "--test" in words and "node" in map(tool_name, words):
        return RUNS
    led, words = _led(words)
    if not words:
        return NOT
    tool, goals = tool_name(words[0]), [word for word in words[1:] if not word.startswith("-")]
    if tool in _LAUNCHERS:
        return _launched(tool, goals)
    if tool in _OTHER and not (led and tool == "test"):
        return NOT
    if _TOOLS.intersection(map(tool_name, words)):
        return NOT if goals and tool in ("cypress", "playwright") and _IDLE.match(goals[0]) else RUNS
    if goals[:1] == ["test"]:
        return RUNS
    if any(_TEST.search(word) or _MORE.search(word) for word in (words[0], *goals)):
        return SEEMS
    return MAY if led == "script" or tool in _CONTAINERS or _SCRIPT.match(words[0]) else NOT


def _led(words: Sequence[str]) -> tuple[str, list[str]]:
    """Without what only starts the command, and how it is started."""
    led = ""
    for at, word in enumerate(words):
        name = word.rpartition("/")[2]
        if name in _INTERPRETERS:
            led = "script"
        elif name in _LEADERS:
            led = led or "tool"
        elif not (re.match(r"-|\w+=", word) or (led and word.isdigit())):
            return led, list(words[at:])
    return led, []


def tool_name(word: str) -> str:
    """A tool without its folder and ending."""
    base = word.rpartition("/")[2]
    return re.sub(r"\.(?:[cm]?js|exe|cmd|bat|phar)$", "", base) if not base.startswith("-") else ""


def _launched(tool: str, goals: Sequence[str]) -> int:
    if tool in _PACKAGES and (not goals or _OF_PACKAGES.match(goals[0])):
        return NOT
    if tool in _STRICT:
        return _strict(goals)
    if not goals:
        return SEEMS if tool == "rake" else MAY
    return max((_goal(tool, goal) for goal in goals if goal not in _PASSED_ON), default=MAY)


def _strict(goals: Sequence[str]) -> int:
    first = [goal for goal in goals[:2] if "/" not in goal]
    if any(re.match(r"(?:test|nextest|vstest|llvm-cov|tarpaulin|coverage|t)$", goal) for goal in first):
        return RUNS
    if not first or first[0] not in ("run", "make", "hack", "xtask", "task"):
        return NOT
    return SEEMS if first[0] != "task" and any(map(_TEST.search, goals)) else MAY


def _goal(tool: str, goal: str) -> int:
    own = _OWN_WORDS.get(re.sub(r"w$", "", tool))
    if _TEST.search(goal) or tool_name(goal) in _TOOLS or (own and own.match(goal)):
        return RUNS
    if tool in _PACKAGES and goal in ("t", "tst"):
        return RUNS
    if _LESS.search(goal):
        return NOT
    return SEEMS if _MORE.search(goal) else MAY
