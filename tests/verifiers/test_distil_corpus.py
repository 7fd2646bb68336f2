"""Distilling the 49 real tool logs of reviewdog/errorformat.

The metric: a position (file and line) survives if a line of the distilled text has its line
number, and that line, or one above it, its file. Of n expected positions at least
min(n, k) survive, where k is how many of the log's own lines with a position, first ones
first, fit into 1,500 of the 2,000 characters; the rest is for messages, marks and headings.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from honk.verifiers.distil import LIMIT, distil
from honk.verifiers.streams import LINE

_NAMES = """
ansible-lint bandit black brakeman buf cargo-check clippy dotenv-linter dotnet erb-lint
eslint-compact eslint fasterer flake8 go-consistent golangci-lint golint gosec govet haml-lint hlint
isort luacheck misspell msbuild mypy pep8 phpstan protolint psalm puppet-lint pydocstyle reek
remark-lint rubocop sbt-scalastyle sbt scalac scalastyle slim-lint sorbet standardjs standardrb
staticcheck stylelint tsc tslint typos yamllint
"""
LOGS = _NAMES.split()


def expected(ok: str) -> list[tuple[str, str]]:
    """(file, line) of every position; either may be empty."""
    found = []
    for line in ok.splitlines():
        match = re.match(r"([^|]*)\|(\d*)[^|]*\|", line)
        if match and match[1]:
            found.append((match[1], match[2]))
    return list(dict.fromkeys(found))


def survives(position: tuple[str, str], text: str) -> bool:
    file, number = position
    seen_file = False
    for line in text.splitlines():
        seen_file = seen_file or file in line
        if seen_file and (not number or re.search(rf"(?<!\d){number}(?!\d)", line.replace(file, ""))):
            return True
    return False


def fits(positions: list[tuple[str, str]], log: str) -> int:
    """How many positions the first lines that show one could carry."""
    room, carried = 1500, set[tuple[str, str]]()
    shown = 0
    headed = not any(survives(position, line) for position in positions for line in log.splitlines())
    for line in filter(None, log.splitlines()):
        here = {position for position in positions if survives(position, line)}
        if here or headed:
            room -= min(len(line), LINE) + 3
            if room < 0:
                break
            carried |= here
            shown += 1
    return shown if headed else len(carried)


def test_all_logs_of_the_corpus_are_named_here(errorformat: Path) -> None:
    assert sorted(path.stem for path in errorformat.glob("*.in")) == sorted(LOGS)


@pytest.mark.parametrize("name", LOGS)
def test_positions_of_a_real_log_survive(name: str, errorformat: Path) -> None:
    log = (errorformat / f"{name}.in").read_text()
    positions = expected((errorformat / f"{name}.ok").read_text())
    text = distil(log)
    assert positions and len(text) <= LIMIT
    kept = [position for position in positions if survives(position, text)]
    assert len(kept) >= min(len(positions), fits(positions, log)), text


@pytest.mark.parametrize("name", LOGS)
def test_positions_survive_colours_progress_and_a_flood_of_other_output(name: str, errorformat: Path) -> None:
    log = (errorformat / f"{name}.in").read_text()
    positions = expected((errorformat / f"{name}.ok").read_text())
    before = "".join(f"Downloading part {n}\r" for n in range(300)) + "\n"
    noise = "".join(f"compiling module {n} of 2000\n" for n in range(2000))
    coloured = "".join(f"\x1b[31m{line}\x1b[0m\n" for line in log.splitlines())
    text = distil(before + noise + coloured + noise)
    assert "\x1b" not in text and "\r" not in text
    kept = [position for position in positions if survives(position, text)]
    assert len(kept) >= min(len(positions), fits(positions, log)), text
