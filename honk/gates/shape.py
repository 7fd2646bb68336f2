"""Gates about what kind of thing a changed path is: size, binary, mode, link, submodule."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Literal

from honk.core.types import Finding
from honk.gates.content import BLOCKED_BYTES, LINK, Content, is_binary

FLAGGED_BYTES = 1_000_000
FLAGGED_FILES, FLAGGED_LINES = 300, 20_000
"""What a pull request on GitHub shows of its files and of their lines, at most ("Limits for viewing
content and diffs in a repository", GitHub Docs): nobody sees there what is beyond."""
_SUBMODULE, _EXECUTABLE = "160000", "100755"


def shape(content: Content) -> Iterator[Finding]:
    """All findings about the form of one changed path."""
    yield from _size(content)
    yield from _mode(content)


def change_size(files: int, lines: int) -> Iterator[Finding]:
    """Of the whole change; ``lines``: those added and removed, lock files left out."""
    if files > FLAGGED_FILES or lines > FLAGGED_LINES:
        detail = (
            f"{files:,} files, {lines:,} lines: a pull request shows {FLAGGED_FILES} and {FLAGGED_LINES:,}"
        )
        # A path, though of no file: what has none could not be permitted where the gate blocks.
        yield Finding(gate="change-size", result="flag", path="all files", detail=detail)


def _found(
    content: Content, gate: str, detail: str, result: Literal["block", "flag"] = "flag"
) -> Iterator[Finding]:
    yield Finding(gate=gate, result=result, path=content.file.path, detail=detail)


def _size(content: Content) -> Iterator[Finding]:
    if content.new is None:
        return
    size, before = len(content.new), len(content.old or b"")
    megabytes = f"{size / 1_000_000:.1f} MB"
    if size > BLOCKED_BYTES >= before:
        yield from _found(content, "file-size", f"{megabytes}; at most 10 MB are allowed", "block")
    elif size > FLAGGED_BYTES and size > before:
        yield from _found(content, "file-size", megabytes)
    if content.file.new_mode != LINK and is_binary(content.new):
        yield from _found(content, "binary", f"binary content, {size} bytes")


def _mode(content: Content) -> Iterator[Finding]:
    file = content.file
    if _SUBMODULE in (file.old_mode, file.new_mode):
        yield from _found(content, "submodule", "a submodule was added, moved or removed", "block")
    elif file.new_mode == LINK and content.new is not None:
        target = content.new.decode("utf-8", "replace")
        if _escapes(file.path, target):
            yield from _found(content, "symlink", "a link that leads out of the repository", "block")
        else:
            yield from _found(content, "symlink", f"a link to {target[:200]}")
    elif file.status == "T":
        yield from _found(content, "symlink", "a link became a file")
    if file.new_mode == _EXECUTABLE != file.old_mode:
        yield from _found(content, "mode", "is executable now")


def _escapes(path: str, target: str) -> bool:
    parts = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)).lower().split("/")
    return parts[0] in ("", "..") or ".git" in parts
