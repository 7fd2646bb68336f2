"""JUnit reports of a check: asked for where a variable can, and read out of its container.

The command itself stays as the repository has it. pytest takes more options from
``PYTEST_ADDOPTS``, whatever starts it (tox 4 passes it on when ``TOX_OVERRIDE`` says so), RSpec from
``SPEC_OPTS``, and GoogleTest its own from ``GTEST_OUTPUT``; Maven, Gradle and Meson write their
reports anyway; detected commands of Bun, CTest, Vitest and PHPUnit write one to /tmp, and others
where the repository asks for it. node:test is left to its words, which name every test: its report
numbers no equal names, a Node without that reporter ends with an error, and ``NODE_OPTIONS`` would
reach npm and every other Node process, too. Only files that are newer than the command's start
count: a prepared image may hold those of an earlier run.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Callable

from honk.core.types import CommandResult

_SECONDS = 60.0  # to find and print the reports
_QUICK = 1.0  # seconds; what ends sooner without a word has run no test
_FILES = 5_000  # reports of one check; Surefire writes one for each class
WRITTEN = "/tmp/junit-{}.xml"
"""Where a detected command has its runner write a report: the same by hand as in a check."""
_WRITTEN = re.compile(r"/tmp/junit-[\w-]+\.xml\b")
_MESON = re.compile(r"\bmeson test -C ([\w./-]+)")  # its build folder may be outside of the work tree
# What tox's base environment is called in an INI file, in tox.toml and in pyproject.toml.
_TOX_BASES = ("testenv", "env_run_base", "tool.tox.env_run_base")
_TOX = ";".join(f"{base}.pass_env+=PYTEST_ADDOPTS" for base in _TOX_BASES)
_SEPARATOR = "\x1e"  # no XML document can have it
_PLACES = (
    "*/surefire-reports/*.xml",  # Maven
    "*/failsafe-reports/*.xml",
    "*/test-results/*.xml",  # Gradle
    "*/TEST-*.xml",  # Ant and its likes
    "*junit*.xml",
    "*/test-report*.xml",
)
_UNREAD = ("node_modules", ".git", ".venv", "venv", ".tox", ".nox", "site-packages")


def folder() -> str:
    """A folder of the check's own, which no code under test can know beforehand."""
    return f"/tmp/honk-reports-{secrets.token_hex(8)}"


def asking(folder: str) -> str:
    """What goes before a command, on its first line.

    The clock of files ticks every few milliseconds: only after a tick is what the command writes
    newer than its start, and what was there before is not.
    """
    tick = f"until [ {folder}/tick -nt {folder}/start ]; do : >{folder}/tick || break; done"
    return (
        f"mkdir -p {folder} && : >{folder}/start && {tick}; "
        f'export PYTEST_ADDOPTS="${{PYTEST_ADDOPTS-}} --junitxml={folder}/pytest.xml"; '
        f'export TOX_OVERRIDE="${{TOX_OVERRIDE:+$TOX_OVERRIDE;}}{_TOX}"; '
        f"export GTEST_OUTPUT=xml:{folder}/; "
        # Formats that SPEC_OPTS names take the place of others: without the first nothing is printed.
        f'export SPEC_OPTS="${{SPEC_OPTS-}} --format progress --format json --out {folder}/rspec.json"; '
    )


def collect(
    run: Callable[[str, float], CommandResult], folder: str, command: str, result: CommandResult
) -> list[str]:
    """The reports that ``command`` left, by ``run(line, seconds)`` in the same container.

    They are read as the sandbox's own user, through the same bounded and masked stream as any
    output; a file that the bound cuts in two still gives its first tests.
    """
    if result.exit_code is None:
        return []
    if not result.output.strip() and result.seconds < _QUICK:
        run(f"rm -rf {folder}", _SECONDS)
        return []
    unread = " -o ".join(f"-name {name}" for name in _UNREAD)
    places = " -o ".join(f"-path {shlex.quote(place)}" for place in _PLACES)
    find = rf"find . \( {unread} \) -prune -o -type f -newer {folder}/start \( {places} \) -print"
    built = [f"{at}/meson-logs/testlog.junit.xml" for at in _MESON.findall(command) if at.startswith("/")]
    named = " ".join([*_WRITTEN.findall(command), *built])
    written = f"find {named} -type f -newer {folder}/start" if named else ":"
    # Surefire repeats the machine's properties in every file, which would fill the bound.
    cut = r"sed -e '/^ *<properties>$/,/^ *<\/properties>$/d'"
    script = (
        f"{{ ls {folder}/*.xml {folder}/*.json; {written}; {find}; }} 2>/dev/null | head -n {_FILES} | "
        f"""while IFS= read -r f; do [ -f "$f" ] && printf '\\036' && {cut} -- "$f"; done; """
        f"rm -rf {folder}"
    )
    found = run(script, _SECONDS)
    if found.exit_code != 0 or found.timed_out:
        return []
    return [text for text in found.output.split(_SEPARATOR) if text.strip()]
