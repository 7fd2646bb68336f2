"""Who may set a gate to what, and what a permission opens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from honk.core.errors import UserError
from honk.core.types import Finding
from honk.gates import DEFAULTS, combined
from honk.settings import load, parse_repo_config

Gates = Callable[..., tuple[Finding, ...]]

TEST = b"def test_a():\n    assert f() == 1\n"
WEAK = b"def test_a():\n    assert f()\n"


def results(findings: tuple[Finding, ...], gate: str) -> list[str]:
    return [f.result for f in findings if f.gate == gate]


def test_nobody_has_said_anything() -> None:
    assert combined({}, {}) == dict(DEFAULTS)


def test_a_repository_may_be_stricter() -> None:
    assert combined({}, {"binary": "block"})["binary"] == "block"
    assert combined({"junk": "flag"}, {"junk": "block"})["junk"] == "block"


def test_a_repository_may_lower_a_gate_to_flag_but_not_switch_it_off() -> None:
    assert combined({}, {"junk": "flag"})["junk"] == "flag"
    assert combined({}, {"junk": "off"})["junk"] == "flag"


def test_a_repository_cannot_lower_the_gates_that_guard_people_and_machines() -> None:
    for gate in ("secret", "protected-path", "hidden-characters", "submodule", "symlink"):
        assert combined({}, {gate: "off"})[gate] == "block"  # type: ignore[dict-item]


def test_what_the_operator_sets_is_default_and_least() -> None:
    assert combined({"junk": "block"}, {"junk": "flag"})["junk"] == "block"
    assert combined({"junk": "flag"}, {})["junk"] == "flag"
    assert combined({"secret": "off"}, {})["secret"] == "off"
    assert combined({"junk": "off"}, {"junk": "flag"})["junk"] == "flag"


@pytest.mark.parametrize(("mode", "wanted"), [("block", ["block"]), ("flag", ["flag"]), ("off", [])])
def test_the_mode_decides_what_a_finding_does(gates: Gates, mode: str, wanted: list[str]) -> None:
    findings = gates({"tests/test_a.py": TEST}, {"tests/test_a.py": WEAK}, modes={"weakened-tests": mode})
    assert results(findings, "weakened-tests") == wanted


def test_a_gate_that_only_flags_blocks_where_it_is_told_to(gates: Gates) -> None:
    change = ({}, {"logo.bin": b"\0\1\2"})
    assert results(gates(*change), "binary") == ["flag"]
    assert results(gates(*change, modes={"binary": "block"}), "binary") == ["block"]


def test_the_requester_permits_a_path_but_never_a_secret(gates: Gates) -> None:
    before, after = {"tests/test_a.py": TEST}, {"tests/test_a.py": WEAK, "key": b"s3cr3t-Value-of-honk"}
    findings = gates(before, after, allow=("/tests/", "key"), secrets=("s3cr3t-Value-of-honk",))
    assert results(findings, "weakened-tests") == ["flag"]
    assert results(findings, "secret") == ["block"]
    [weak] = [f for f in findings if f.gate == "weakened-tests"]
    assert weak.detail.endswith("; a person permits it")


def test_the_files_say_it_and_a_wrong_word_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert parse_repo_config("gates:\n  junk: flag\n").gates == {"junk": "flag"}
    with pytest.raises(UserError, match=r"gates"):
        parse_repo_config("gates:\n  jnuk: flag\n")
    with pytest.raises(UserError, match=r"gates\.junk"):
        parse_repo_config("gates:\n  junk: maybe\n")
    config = tmp_path / "honk.toml"
    config.write_text('[gates]\nweakened-tests = "flag"\n')
    assert load(config, {"HOME": str(tmp_path)}).gates == {"weakened-tests": "flag"}
