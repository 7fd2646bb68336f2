"""The demo's material holds together: wheels, repository, and a session that can be replayed."""

from __future__ import annotations

import importlib.util
import os
import site
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from honk.settings import parse_repo_config
from honk.testing.turns import Call

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "bump-logging-lib"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_wheels_are_what_their_sources_build(tmp_path: Path) -> None:
    built = module("build_wheels").build(tmp_path)
    assert [p.name for p in built] == sorted(p.name for p in (EXAMPLE / "registry").iterdir())
    for path in built:
        assert path.read_bytes() == (EXAMPLE / "registry" / path.name).read_bytes()


def test_the_repository_is_the_same_each_time_and_holds_the_whole_service(tmp_path: Path) -> None:
    make_repo = module("make_repo")
    heads = [make_repo.create(tmp_path / name) for name in ("one.git", "two.git")]
    assert heads[0] == heads[1]
    listed = subprocess.run(
        ["git", "--git-dir", str(tmp_path / "one.git"), "ls-tree", "-r", "--name-only", heads[0]],
        capture_output=True,
        text=True,
        check=True,
    )
    service = EXAMPLE / "service"
    own = {str(p.relative_to(service)) for p in service.rglob("*") if p.is_file()}
    own = {path for path in own if "__pycache__" not in path and ".pytest_cache" not in path}
    assert set(listed.stdout.split()) == own
    with pytest.raises(FileExistsError):
        make_repo.create(tmp_path / "one.git")


@dataclass(frozen=True)
class Machine:
    """A checkout with a virtual environment: what the sandbox is to the session."""

    repo: Path
    environ: dict[str, str]

    def run(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.repo,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.repo / path).read_text()
        assert text.count(old) == 1, f"{path}: {old!r}"
        assert old.endswith("\n") and new.endswith("\n") and (text.startswith(old) or f"\n{old}" in text)
        (self.repo / path).write_text(text.replace(old, new))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    origin, repo, environment = tmp_path / "origin.git", tmp_path / "repo", tmp_path / "venv"
    module("make_repo").create(origin)
    subprocess.run(["git", "clone", "-q", str(origin), str(repo)], check=True)
    venv.create(environment, symlinks=True)
    # pip and pytest are this test's own; what the session installs goes into the new environment.
    packages = next((environment / "lib").glob("python*/site-packages"))
    (packages / "own.pth").write_text("\n".join(site.getsitepackages()))
    pip = environment / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec "{environment}/bin/python" -m pip "$@"\n')
    pip.chmod(0o755)
    environ = {
        "PATH": f"{environment}/bin:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(EXAMPLE / "registry"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",  # two edits within a second must not meet old bytecode
    }
    return Machine(repo, environ)


def play(machine: Machine, call: Call) -> tuple[int, str]:
    assert not isinstance(call.arguments, str)
    match call.name:
        case "bash":
            return machine.run(call.arguments["command"])
        case "edit":
            machine.edit(**call.arguments)
            return 0, ""
        case "verify":
            return machine.run("python -m pytest -q")
    return 0, ""


def test_the_session_goes_green_red_green(machine: Machine) -> None:
    config = parse_repo_config((machine.repo / ".honk.yml").read_text())
    assert config.verify == {"tests": "python -m pytest -q"}
    for command in config.setup:
        assert machine.run(command)[0] == 0
    code, output = machine.run("python -m pytest -q")
    assert (code, output.splitlines()[-1].partition(" in ")[0]) == (0, "12 passed")

    outputs: list[tuple[Call, int, str]] = []
    for turn in module("session").TURNS:
        for call in turn.calls:
            outputs.append((call, *play(machine, call)))

    tests = [(code, text) for call, code, text in outputs if "pytest" in str(call) or call.name == "verify"]
    assert [code for code, _ in tests] == [1, 0]
    assert "1 failed, 11 passed" in tests[0][1]
    assert "test_a_declined_payment_says_why" in tests[0][1]
    assert "unexpected keyword argument 'ctx'" in tests[0][1]
    # Every other command works; ripgrep is in the sandbox but may be missing here.
    others = [
        (c, code, text) for c, code, text in outputs if "pytest" not in str(c) and "rg -n" not in str(c)
    ]
    assert [(c, text) for c, code, text in others if code != 0] == []
    assert any("`ctx=` raises TypeError" in text for _, _, text in others)
    assert any("2.0.0, 1.4.2" in text for _, _, text in others)


def test_the_session_changes_the_pin_and_four_modules_and_no_test(machine: Machine) -> None:
    for turn in module("session").TURNS:
        for call in turn.calls:
            if call.name == "edit":
                play(machine, call)
    _, changed = machine.run("git diff --name-only")
    assert changed.split() == [
        "orders/payments.py",
        "orders/service.py",
        "orders/shipping.py",
        "orders/stock.py",
        "requirements.txt",
    ]
    assert machine.run(r"git grep -nE 'get_logger|\.warn\(|ctx='")[0] == 1
