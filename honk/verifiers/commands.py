"""Which commands decide, how one of them is judged, and what the model hears of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from posixpath import basename

from honk.core.repoconfig import RepoConfig
from honk.core.types import Check, CommandResult, Report, VerifyCommand
from honk.verifiers.distil import LIMIT, distil, ran_no_tests
from honk.verifiers.tree import Detection

_MANIFESTS = re.compile(
    r"(?:.*requirements.*\.(?:txt|in)|pyproject\.toml|setup\.(?:py|cfg)|tox\.ini|uv\.lock|poetry\.lock|pdm\.lock"
    r"|Pipfile(?:\.lock)?|pylock\..*toml|constraints.*\.txt|environment\.ya?ml"
    r"|package\.json|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|pnpm-workspace\.yaml|yarn\.lock"
    r"|\.npmrc|\.yarnrc(?:\.yml)?"
    r"|go\.(?:mod|sum|work)|Cargo\.(?:toml|lock)|rust-toolchain(?:\.toml)?"
    r"|pom\.xml|.*\.gradle(?:\.kts)?|gradle\.lockfile|libs\.versions\.toml"
    r"|(?:maven|gradle)-wrapper\.properties|\.pre-commit-config\.yaml)"
)


def is_manifest(path: str) -> bool:
    """Whether a change of ``path`` may change what setup installs."""
    name = basename(path)
    return bool(_MANIFESTS.fullmatch(name)) or bool(
        re.search(r"(?:^|/)requirements/[^/]+\.(?:txt|in)$", path)
    )


def resolve(flags: Sequence[str], config: RepoConfig, detection: Detection) -> tuple[VerifyCommand, ...]:
    """The commands that decide: ``--verify``, else ``verify`` of .honk.yml, else what was detected."""
    if flags:
        unique = dict.fromkeys(line.strip() for line in flags if line.strip())
        return tuple(VerifyCommand(name=_name(line), command=line, source="flag") for line in unique)
    if config.verify != "auto":
        named = config.verify.items()
        return tuple(VerifyCommand(name=name, command=line, source="config") for name, line in named)
    return detection.commands


def check(command: VerifyCommand, run: Callable[[str, float], CommandResult], seconds: float) -> Check:
    """Run ``command`` by ``run(line, seconds)`` and judge it.

    A success in which a test runner says that it ran nothing is a failure (``no_tests``).
    """
    result = run(command.command, seconds)
    succeeded = result.exit_code == 0 and not result.timed_out
    no_tests = succeeded and ran_no_tests(result.output)
    passed = succeeded and not no_tests
    summary = distil(result.output, command.command, passed=passed)
    if result.timed_out:
        summary = _headed(f"Not finished after {_duration(seconds)}; it was stopped.", summary)
    elif no_tests:
        summary = _headed("It ended without an error, but no test ran.", summary)
    elif result.exit_code is None:
        summary = _headed("It was killed before it ended.", summary)
    return Check(
        name=command.name,
        command=command.command,
        exit_code=result.exit_code,
        seconds=result.seconds,
        summary=summary,
        timed_out=result.timed_out,
        no_tests=no_tests,
    )


def feedback(report: Report) -> str:
    """The one message about a verification that goes back to the model.

    The distilled logs share ``distil.LIMIT`` characters, the failures of one check as much as they need.
    """
    failed = [c for c in report.checks if not c.passed]
    passed = [f"`{c.command}` passes: {_one_line(c.summary)}" for c in report.checks if c.passed]
    share = LIMIT // max(len(failed), 1)
    parts = [f"`{c.command}` fails ({_ending(c)}):\n```\n{_cut(c.summary, share)}\n```" for c in failed]
    return "\n\n".join([*parts, "\n".join(passed)] if passed else parts) or "There is nothing that verifies."


def _ending(check: Check) -> str:
    if check.timed_out:
        return "timed out"
    if check.no_tests:
        return "no test ran"
    return "killed" if check.exit_code is None else f"exit code {check.exit_code}"


def _name(line: str) -> str:
    first = _one_line(line)
    return first if len(first) <= 60 else first[:57] + "..."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _headed(heading: str, text: str) -> str:
    return _cut(f"{heading}\n{text}", LIMIT)


def _cut(text: str, size: int) -> str:
    """Whole lines from the start and, as sums stand there, some from the end."""
    if len(text) <= size:
        return text
    head = text[: size * 2 // 3].rpartition("\n")[0] or text[: size * 2 // 3]
    tail = text[len(text) - (size - len(head) - 3) :].partition("\n")[2]
    return f"{head}\n…\n{tail}"[:size]


def _duration(seconds: float) -> str:
    return f"{seconds:g} seconds" if seconds < 120 else f"{seconds / 60:g} minutes"
