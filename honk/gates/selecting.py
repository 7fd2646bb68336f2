"""Options by which a test runner runs a part of the tests, or lists them, by the runner's documentation."""

from __future__ import annotations

import re
from itertools import takewhile

from honk.gates.testruns import tool_name

_JEST = (
    "--testPathPattern --testPathPatterns --findRelatedTests --runTestsByPath --lastCommit --changedSince"
    " --changedFilesWithAncestor --onlyFailures --shard --selectProjects --ignoreProjects -o -f -t --filter"
)
_MAVEN = "-Dtest -Dit.test -Dgroups -DexcludedGroups -Dsurefire.excludes -Dfailsafe.excludes"
_PHPUNIT = "--testsuite --exclude-testsuite --group --covers --uses --list-tests --list-suites"
_OF = {
    tool: frozenset(options.split())
    for tools, options in (
        (
            "pytest py.test",
            "-m --lf --last-failed --co --collect-only --picked --testmon --splits --shard-id",
        ),
        ("jest react-scripts", _JEST),
        ("vitest", "--changed --project --shard -t --exclude"),
        ("npm pnpm yarn", _JEST.replace("-o -f -t --filter", "--changed")),  # of the script that it runs
        ("mocha", "-g -f --fgrep -i --dry-run"),
        ("playwright", "-g --project --shard --last-failed --list"),
        ("cypress", "--spec -s"),
        ("node", "--test-only --test-shard --test-skip-pattern"),
        ("mvn mvnw", _MAVEN),
        ("gradle gradlew", "--tests"),
        (
            "ctest",
            "-R -L -LE -I -N --tests-regex --label-regex --rerun-failed --show-only --tests-information",
        ),
        ("phpunit pest paratest", _PHPUNIT),
        ("rspec", "-t --tag -e --example --example-matches --only-failures -n --next-failure --dry-run"),
        ("bats", "-f --filter-tags --filter-status"),
        ("go", "-list"),
        ("dotnet", "--list-tests"),
        ("bazel", "--test_filter --test_tag_filters"),
    )
    for tool in tools.split()
}
# One of several runs that share the work has these as often as one that is to leave something out.
_SHARES = {
    "--test_tag_filters",
    "--shard",
    "--test-shard",
    "--shard-id",
    "--splits",
    "--project",
    "--selectProjects",
}
_COMMAND = re.compile(r"&&|\|\||[;|\n]")
_LONGEST = 50  # words of a value that are compared


def selects(text: str) -> dict[str, str]:
    """The options of the commands of ``text`` that have a runner run less than all, each with its value."""
    found: dict[str, str] = {}
    for command in _COMMAND.split(text):
        known: frozenset[str] = frozenset()
        words = [word.strip("\"'`(){}@") if word[:1] != "-" else word for word in command.split()]
        for at, word in enumerate(words):
            name, equals, value = word.partition("=")
            if name in known:
                following = takewhile(lambda word: word[:1] != "-", words[at + 1 : at + 1 + _LONGEST])
                found[name] = value if equals else " ".join(following)
            elif word[:1] != "-":
                known |= _OF.get(tool_name(word), frozenset())
    return found


def is_share(option: str) -> bool:
    """Whether the option gives a run its share of the work, or one of several configurations."""
    return option in _SHARES
