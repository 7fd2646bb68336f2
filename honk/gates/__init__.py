"""Deterministic rules over a change: what blocks it, and what its reviewer should look at.

| gate | blocks | flags |
| --- | --- | --- |
| ``protected-path`` | CI, ownership, git, hooks, editor, agents, builds | ignore rules, bots, wrappers |
| ``secret`` | known values anywhere; credentials by their format | formats that ordinary text also has |
| ``hidden-characters`` | bidirectional controls, zero-width, tags, in lines and names | what prose has |
| ``weakened-tests`` | tests deleted, skipped, emptied, loosened | what refactoring explains as well |
| ``verifier-config`` | thresholds, strictness, ignore lists, commands, hooks | what moved or is asked for |
| ``junk`` | caches, build output, backups, scratch files, programs | what the request names |
| ``lock-file`` | lock files that moved without their manifest | those that the request speaks of |
| ``dependency-downgrade`` | packages that go back to an older version | those asked for, or locked only |
| ``file-size`` | above 10 MB | above 1 MB |
| ``change-size`` | | more files or lines than a pull request shows |
| ``submodule``, ``symlink`` | submodules; links out of the repository | other links |
| ``binary``, ``mode``, ``tests-changed`` | | binary content, executable bits, edited tests |
| ``suppression`` | | new words in the code that silence a linter or type checker |

What blocks and what is silent can be set for each gate, and permitted for a path: see
:mod:`honk.gates.policy`.
"""

from __future__ import annotations

from collections.abc import Iterator

from honk.core.ports import Source
from honk.core.types import Change, Finding
from honk.gates.content import Content, contents
from honk.gates.dependencies import downgrades, is_lock, locks
from honk.gates.expected import expected_output
from honk.gates.fresh import Base
from honk.gates.hidden import hidden_characters, scan_hidden, visible
from honk.gates.junk import Around, junk
from honk.gates.lowered import is_config, lowered, uncompared
from honk.gates.members import lists_members, members
from honk.gates.paths import protected_paths, tests_changed
from honk.gates.policy import DEFAULTS, GatePolicy, apply, can_permit, combined, matches
from honk.gates.request import asked, wanted
from honk.gates.secrets import mask, scan_secrets, secrets
from honk.gates.shape import change_size, shape
from honk.gates.suite import Suite, copied
from honk.gates.suppressions import suppressions
from honk.gates.weakened import weakened

__all__ = ["DEFAULTS", "GatePolicy", "can_permit", "combined", "inspect", "matches", "scan_text"]


def inspect(change: Change, source: Source, policy: GatePolicy) -> tuple[Finding, ...]:
    """All findings of all gates, those of single files first; nothing means all is well.

    Findings never hold a secret or a hidden character themselves. Raises GitError if a
    blob cannot be read, and UserError for a glob that means nothing.
    """
    judged = (apply(finding, policy) for finding in _inspect(change, source, policy))
    return tuple(_safe(finding, policy) for finding in judged if finding is not None)


def _inspect(change: Change, source: Source, policy: GatePolicy) -> Iterator[Finding]:
    request, words = asked(policy.request), wanted(policy.request)
    suite = Suite(request.removal)
    base = _base(change, source)
    added = tuple(file.path for file in change.files if file.status == "A")
    around = Around(_folders(change, base), added, words, base.files.keys())
    lines = 0
    for content in contents(change, source):
        lines += 0 if is_lock(content.file.path) else len(content.added) + len(content.removed)
        suite.take(content)
        yield from _file(content, policy)
        yield from downgrades(content, words)
        yield from junk(content, around)
    yield from change_size(len(change.files), lines)
    yield from lowered(suite.configs, added, base, request)
    deleted = (file.path for file in change.files if file.status == "D")
    yield from members(suite.lists, deleted, base, words)
    yield from locks(change.files, words)
    theirs = copied([file.path for file in change.files])
    for finding in weakened(suite.tests, suite.gone(), request, suite.left_out):
        yield finding.model_copy(update={"result": "flag"}) if finding.path in theirs else finding


def _file(content: Content, policy: GatePolicy) -> Iterator[Finding]:
    yield from protected_paths(content.file, policy)
    yield from secrets(content, policy.secrets)
    yield from hidden_characters(content)
    yield from shape(content)
    yield from tests_changed(content)
    yield from expected_output(content)
    yield from suppressions(content)
    yield from uncompared(content)


def _base(change: Change, source: Source) -> Base:
    """What the base holds; asked for only where the change adds a file, or touches what configures a
    verifier."""
    asks = any(
        file.status == "A" or is_config(file.path) or lists_members(file.path) for file in change.files
    )
    return Base(source.files(change.base) if asks else {}, source.read)


def _folders(change: Change, base: Base) -> frozenset[str]:
    """Every folder that the base has; asked for only where the change adds a file."""
    if not any(file.status == "A" for file in change.files):
        return frozenset()
    found: set[str] = set()
    for path in base.files:
        while "/" in path and (path := path.rpartition("/")[0]) not in found:
            found.add(path)
    return frozenset(found)


def _safe(finding: Finding, policy: GatePolicy) -> Finding:
    path, detail = (visible(mask(text, policy.secrets)) for text in (finding.path, finding.detail))
    detail = detail.encode("utf-8", "replace").decode()  # JSON has halves of characters, a log must not
    return finding.model_copy(update={"path": path, "detail": detail})


def scan_text(text: str, known: tuple[str, ...]) -> tuple[Finding, ...]:
    """Findings in the words of a pull request; ``path`` is empty. ``known`` are secret values."""
    return (*scan_secrets(text, known), *scan_hidden(text))
