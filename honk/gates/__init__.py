"""Deterministic rules over a change: what blocks it, and what its reviewer should look at.

| gate | blocks | flags |
| --- | --- | --- |
| ``protected-path`` | CI, ownership, git, hooks, editor, agents | those allowed; ignore rules, bots |
| ``secret`` | known values anywhere; credentials by their format | formats that ordinary text also has |
| ``hidden-characters`` | bidirectional controls, zero-width, tags, in lines and names | |
| ``file-size`` | above 10 MB | above 1 MB |
| ``submodule``, ``symlink`` | submodules; links out of the repository | other links |
| ``binary``, ``mode``, ``tests-changed`` | | binary content, newly executable, edited tests |
"""

from __future__ import annotations

from collections.abc import Iterator

from honk.core.ports import Source
from honk.core.types import Change, Finding
from honk.gates.content import Content, contents
from honk.gates.hidden import hidden_characters, scan_hidden, visible
from honk.gates.paths import protected_paths, tests_changed
from honk.gates.policy import GatePolicy
from honk.gates.secrets import mask, scan_secrets, secrets
from honk.gates.shape import shape

__all__ = ["GatePolicy", "inspect", "scan_text"]


def inspect(change: Change, source: Source, policy: GatePolicy) -> tuple[Finding, ...]:
    """All findings of all gates, in the order of the changed files; nothing means all is well.

    Findings never hold a secret or a hidden character themselves. Raises GitError if a
    blob cannot be read, and UserError for a glob that means nothing.
    """
    found = (finding for content in contents(change, source) for finding in _inspect(content, policy))
    return tuple(_safe(finding, policy) for finding in found)


def _inspect(content: Content, policy: GatePolicy) -> Iterator[Finding]:
    yield from protected_paths(content.file, policy)
    yield from secrets(content, policy.secrets)
    yield from hidden_characters(content)
    yield from shape(content)
    yield from tests_changed(content.file)


def _safe(finding: Finding, policy: GatePolicy) -> Finding:
    path, detail = (visible(mask(text, policy.secrets)) for text in (finding.path, finding.detail))
    return finding.model_copy(update={"path": path, "detail": detail})


def scan_text(text: str, known: tuple[str, ...]) -> tuple[Finding, ...]:
    """Findings in the words of a pull request; ``path`` is empty. ``known`` are secret values."""
    return (*scan_secrets(text, known), *scan_hidden(text))
