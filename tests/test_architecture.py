"""The package table of docs/architecture.md, enforced on the imports themselves."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "honk"

# What each part may import from honk. A part is a package, or a module at the top.
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "resources": set(),
    "models": {"core"},
    "tools": {"core"},
    "sandboxes": {"core", "resources"},
    "verifiers": {"core"},
    "gates": {"core"},
    "evals": {"core", "gates", "agent"},
    "git": {"core"},
    "stores": {"core"},
    "evidence": {"core"},
    "forges": {"core"},
    "testing": {"core"},
    "prompts": {"resources"},
    "settings": {"core"},
    "client": {"core"},
    "agent": {"core", "prompts"},
    "runs": {"core", "prompts", "agent"},
    "queue": {"core", "runs"},
    "triggers": {"core"},
    "telemetry": {"core"},
    "server": {"core", "runs", "stores", "queue", "fleet", "triggers", "telemetry", "resources", "settings"},
}
FREE = {"wiring", "planning", "cli", "__main__"}  # where things are put together

# Each vendor's SDK stays in its one family.
VENDORS: dict[str, str] = {
    "anthropic": "models",
    "openai": "models",
    "genai_prices": "models",
    "docker": "sandboxes",
    "github": "forges",
    "codeowners": "forges",
    "git": "git",
    "sqlalchemy": "stores",
    "alembic": "stores",
    "typer": "cli",
    "rich": "cli",
    "cryptography": "evidence testing",
    "jinja2": "prompts server",
    "detect_secrets": "gates",
    "dbos": "queue",
    "slack_bolt": "triggers",
    "slack_sdk": "triggers",
    "fastapi": "server",
    "starlette": "server",
    "uvicorn": "server",
    "sse_starlette": "server",
    "mcp": "server tools",
    "tree_sitter": "gates",
    "prometheus_client": "telemetry",
    "opentelemetry": "telemetry",
}


def _part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _typing_only(path: Path) -> set[str]:
    """What a module imports for type checkers alone."""
    tree = ast.parse(path.read_text())
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    found: set[str] = set()
    for node in (inner for block in blocks for inner in ast.walk(block)):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


MODULES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py" and "_data" not in p.parts)


def _own(imports: set[str]) -> set[str]:
    return {name.split(".")[1] for name in imports if name.startswith("honk.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_the_table_allows(path: Path) -> None:
    part = _part(path)
    imports = _imports(path)
    typing_only = _typing_only(path)
    inside = {p.name.removesuffix(".py") for p in ROOT.iterdir()}
    own = {name for name in _own(imports) if name in inside} - {part}
    if part not in FREE:
        assert own <= ALLOWED[part], f"{part} may not import {own - ALLOWED[part]}"
    assert "wiring" not in own or part in FREE
    for vendor, family in VENDORS.items():
        if any(name.split(".")[0] == vendor for name in imports - typing_only):
            assert part in family.split(), f"{vendor} belongs to {family} alone"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_stays_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name in path.read_text() for name in ("os.environ", "getenv(")) and _part(path) != "testing"
    }
    assert readers == {"settings.py"}


def _loaded(statement: str) -> list[str]:
    """Modules that a new process has after ``statement``."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_the_help_imports_nothing_heavy() -> None:
    heavy = {"anthropic", "openai", "docker", "github", "git", "sqlalchemy", "pydantic"}
    assert heavy.isdisjoint(_loaded("from honk.cli.main import app"))


def test_a_run_starts_without_what_comes_after_its_session() -> None:
    later = ("honk.gates", "honk.server", "honk.triggers", "honk.verifiers.results", "jsonschema", "pathspec")
    assert [m for m in _loaded("import honk.cli.run, honk.wiring") if m.startswith(later)] == []


def test_nothing_is_copied_through_the_engines_archive_calls() -> None:
    """A tree that a model wrote must not be unpacked by the engine, whose own code did it wrongly before."""
    calls = re.compile(r"\b(?:get_archive|put_archive)\b|docker\W+cp\b")
    assert [str(path) for path in MODULES if calls.search(path.read_text())] == []
