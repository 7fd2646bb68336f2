"""Which commands decide, how one of them is judged, and what the model hears of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from posixpath import basename, join, normpath

from honk.core.limits import OVERTIME
from honk.core.plain import duration
from honk.core.repoconfig import RepoConfig
from honk.core.types import Check, CommandResult, Report, VerifyCommand
from honk.verifiers import reports
from honk.verifiers.tree import Detection

_MANIFESTS = re.compile(
    r"(?:.*requirements.*\.(?:txt|in)|pyproject\.toml|setup\.(?:py|cfg)|tox\.(?:ini|toml)|uv\.lock|poetry\.lock|pdm\.lock"
    r"|Pipfile(?:\.lock)?|pylock\..*toml|constraints.*\.txt|environment\.ya?ml"
    r"|package\.json|package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|pnpm-workspace\.yaml|yarn\.lock"
    r"|\.npmrc|\.yarnrc(?:\.yml)?"
    r"|go\.(?:mod|sum|work)|Cargo\.(?:toml|lock)|rust-toolchain(?:\.toml)?"
    r"|Gemfile(?:\.lock)?|.*\.gemspec|composer\.(?:json|lock)|bun\.lockb?|noxfile\.py"
    r"|.*\.(?:cs|fs|vb)proj|Directory\.(?:Build|Packages)\.props|packages\.lock\.json|MODULE\.bazel(?:\.lock)?"
    r"|pom\.xml|.*\.gradle(?:\.kts)?|gradle\.lockfile|libs\.versions\.toml"
    r"|(?:maven|gradle)-wrapper\.properties|\.pre-commit-config\.yaml)"
)


_COMPILED = re.compile(r"\.(?:c|cc|cpp|cxx|h|hh|hpp|pyx|pxd|pxi|rs|f|f90|cu)$", re.I)
_WORD = re.compile(r"[\w@%+./-]+")
_FOLDER = re.compile(r"\s*cd\s+([\w@%+./-]+)\s*&&")
_MAKEFILES = ("Makefile", "makefile", "GNUmakefile")
_INSTALLS = re.compile(r"\b(?:pip|uv|poetry|pdm|npm|pnpm|yarn|bun)\b.*\b(?:install|ci|sync)\b")


def needs_setup(path: str, setup: Sequence[str]) -> bool:
    """Whether another content of ``path`` leaves what ``setup`` made out of date: it is a manifest or
    a lock file, source of an extension that the package's installation compiles, or a file that a line
    of ``setup`` names, as scripts are (for ``make``, its makefile)."""
    if is_manifest(path) or any(path in _named(line) for line in setup):
        return True
    return _COMPILED.search(path) is not None and any(_INSTALLS.search(line) for line in setup)


@lru_cache(maxsize=64)  # asked for each path of a repository
def _named(line: str) -> frozenset[str]:
    """Paths that ``line`` may mean, from the folder that it goes to first, as detected setup does."""
    folder = _FOLDER.match(line)
    words = _WORD.findall(line)
    named = (*words, *_MAKEFILES) if "make" in words else words
    return frozenset(normpath(join(folder[1] if folder else "", name)) for name in named)


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

    A success in which test runners say that no test ran, or only skipped ones are, is a failure
    (``no_tests``).
    """
    # A hundred expressions to compile, which no run needs before it makes its first request.
    from honk.verifiers.distil import LIMIT, distil
    from honk.verifiers.results import ran_none, results

    folder = reports.folder()
    result = run(reports.asking(folder) + command.command, seconds)
    found = reports.collect(run, folder, command.command, result)
    succeeded = result.exit_code == 0 and not result.timed_out
    tests = results(result.output, found, passed=succeeded)
    no_tests = succeeded and not (tests and tests.counts.ran) and ran_none(result.output, found)
    passed = succeeded and not no_tests
    summary = distil(result.output, command.command, passed=passed)
    if heading := _heading(result, seconds, no_tests=no_tests):
        summary = _cut(f"{heading}\n{summary}", LIMIT)
    return Check(
        name=command.name,
        command=command.command,
        exit_code=result.exit_code,
        seconds=result.seconds,
        summary=summary,
        timed_out=result.timed_out,
        no_tests=no_tests,
        tests=tests,
    )


def _heading(result: CommandResult, seconds: float, *, no_tests: bool) -> str:
    """What the log itself does not say."""
    if result.timed_out:
        return f"Not finished after its limit (verify_seconds) of {duration(seconds)}: it was stopped."
    if no_tests:
        return "It ended without an error, but no test ran."
    return "It was killed before it ended." if result.exit_code is None else ""


def feedback(report: Report) -> str:
    """The one message about a verification that goes back to the model.

    What the change is to blame for comes first. The distilled logs share ``distil.LIMIT``
    characters, the failures of one check as much as they need.
    """
    from honk.verifiers.distil import LIMIT

    blocking = [c for c in report.checks if c.blocks]
    share = LIMIT // max(len(blocking), 1)
    parts = [_blamed(c, share) for c in blocking]
    parts += [_standing(c) for c in report.checks if not c.passed and not c.blocks]
    passed = [c for c in report.checks if c.passed and not c.blocks]
    if passed:
        parts.append("\n".join(f"`{c.command}` passes: {_one_line(c.summary)}" for c in passed))
    return "\n\n".join(parts) or "There is nothing that verifies."


def _blamed(check: Check, share: int) -> str:
    """A check that speaks against the change: the new failures, then what stood before, then the log."""
    compared = check.compared
    lines = [f"`{check.command}` fails ({_ending(check)}):"]
    if check.passed and compared is not None:
        lines = [f"`{check.command}` ends without an error, but: {compared.reason}"]
    if compared is not None and compared.new_failures:
        lines.append(f"New with your change: {_names(compared.new_failures, share // 3)}")
    if compared is not None and compared.standing:
        lines.append(f"Failed before it, too, and not yours to mend: {_names(compared.standing, share // 8)}")
    room = share - sum(len(line) + 1 for line in lines[1:])
    return "\n".join([*lines, f"```\n{_cut(check.summary, max(room, share // 3))}\n```"])


def _standing(check: Check) -> str:
    compared = check.compared
    if compared is not None and compared.before == "passed":
        flaky = _names(compared.flaky, 300)
        return f"`{check.command}` is flaky, what failed passed when it ran again: {flaky}"
    text = f"`{check.command}` fails ({_ending(check)}) as it did before your change; "
    if compared is not None and compared.unknown:
        return f"{text}whether anything new fails is not known, as it does not name what fails."
    text += "nothing new fails"
    names = _names(compared.standing, 300) if compared is not None and compared.standing else ""
    return f"{text}: {names}" if names else f"{text}."


def _names(names: Sequence[str], room: int) -> str:
    """As many names as fit into ``room`` characters, at least one, and how many more there are."""
    shown: list[str] = []
    for name in names:
        if shown and sum(map(len, shown)) + 2 * len(shown) + len(name) > room:
            break
        shown.append(name)
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _ending(check: Check) -> str:
    if check.timed_out:
        return OVERTIME
    if check.no_tests:
        return "no test ran"
    return "killed" if check.exit_code is None else f"exit code {check.exit_code}"


def _name(line: str) -> str:
    first = _one_line(line)
    return first if len(first) <= 60 else first[:57] + "..."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, size: int) -> str:
    """Whole lines from the start and, as sums stand there, some from the end."""
    if len(text) <= size:
        return text
    head = text[: size * 2 // 3].rpartition("\n")[0] or text[: size * 2 // 3]
    tail = text[len(text) - (size - len(head) - 3) :].partition("\n")[2]
    return f"{head}\n…\n{tail}"[:size]
