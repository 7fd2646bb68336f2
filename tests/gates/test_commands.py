"""Commands of tests: whether their result still counts, what they leave out, and what runs in their place."""

from __future__ import annotations

import json

import pytest

from tests.gates.conftest import Gates, strongest

GATE = "verifier-config"
TARGET = "test:\n\t%s\n"

RESULT_LOST = [
    ("jest", "jest; echo done", "block"),
    ("jest", "jest; echo a; printf b", "block"),
    ("pytest", "pytest || (echo failed)", "block"),
    ("jest", "jest || { echo failed; }", "block"),
    ("jest", "jest || printf x", "block"),
    ("jest", "jest || /bin/true", "block"),
    ("jest", "jest | grep -v foo", "block"),
    ("go test ./...", "go test ./... | grep -v FAIL", "block"),
    ("jest", "if jest; then echo ok; fi", "block"),
    ("jest", "jest && echo done", "pass"),
    ("jest", "jest || (echo failed && exit 1)", "pass"),
    ("jest", "jest || { echo failed; exit 1; }", "pass"),
    ("jest", "jest || exit 1; echo done", "pass"),
    ("jest", "set -e; jest; echo done", "pass"),
    ("jest", "set -o pipefail; jest | tee out.txt", "pass"),
    ("jest", "set -eo pipefail && jest 2>&1 | grep -v Experimental", "pass"),
    ("go test ./...", "go list ./... | grep -v /vendor/ | xargs go test", "pass"),
    ("jest", "if ! jest; then echo failed; exit 1; fi", "pass"),
    ("jest", "if jest; then echo ok; else exit 1; fi", "pass"),
    ("jest", "echo start; jest", "pass"),
    ("jest", "jest; code=$?; docker rm -f db; exit $code", "pass"),
]


def result_of(gates: Gates, path: str, before: str, after: str, request: str = "") -> str:
    findings = gates({path: before.encode()}, {path: after.encode()}, request=request)
    return strongest(findings, GATE)


@pytest.mark.parametrize(("old", "new", "result"), RESULT_LOST)
def test_the_result_of_tests_counts(gates: Gates, old: str, new: str, result: str) -> None:
    """In a script of a package and in the recipe of a target."""
    before, after = (json.dumps({"scripts": {"test": command}}) for command in (old, new))
    assert result_of(gates, "package.json", before, after) == result
    recipes = [TARGET % command.replace("$", "$$") for command in (old, new)]
    assert result_of(gates, "Makefile", *recipes) == result
