"""``apply_patch``: OpenAI's native tool, and the same called from the shell.

A container whose image has Python can have :func:`program` on its PATH. A command that is
nothing but a call of apply_patch is applied through the Workspace, so that other images
behave the same.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from honk.core.base import Frozen
from honk.core.errors import ToolError
from honk.core.sandbox import Workspace
from honk.core.types import CommandResult
from honk.tools import apply_patch as v4a
from honk.tools.tool import Answer, ToolContext

_T = TypeVar("_T")
_CALL = re.compile(r"(?:cd[ \t]+(?P<folder>[^\n;|&<>]+?)[ \t]*&&[ \t]*)?apply_?patch[ \t]+(?P<rest>.*)", re.S)
_HEREDOC = re.compile(
    r"""<<[ \t]*(?P<quote>['"]?)(?P<word>\w+)(?P=quote)[ \t]*\n(?P<body>.*\n)(?P=word)""", re.S
)
_NAMED = re.compile(r"\bapply_patch\b")


class PatchArguments(Frozen):
    """OpenAI's ``operation``."""

    type: Literal["create_file", "update_file", "delete_file"]
    path: str
    diff: str | None = None


@dataclass(frozen=True)
class WorkspaceFiles:
    """The sandbox's files as apply_patch wants them; relative paths start at ``folder``."""

    files: Workspace
    folder: str = ""

    def read(self, path: str) -> bytes:
        return self._do("read file to update", path, self.files.read)

    def write(self, path: str, data: bytes) -> None:
        self._do("write file", path, lambda full: self.files.write(full, data))

    def remove(self, path: str) -> None:
        self._do("delete file", path, self.files.remove)

    def _full(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, path))

    def _do(self, what: str, path: str, action: Callable[[str], _T]) -> _T:
        """In the words of :class:`~honk.tools.apply_patch.LocalFiles`, which a model may meet as well."""
        full = self._full(path)
        try:
            return action(full)
        except ToolError as error:
            reason = str(error).removeprefix(f"{full}: ")
            raise v4a.PatchError(f"Failed to {what} {path}: {reason}") from error


def run_patch(arguments: PatchArguments, context: ToolContext) -> Answer:
    """One native operation. As in an enveloped patch, a new file may replace an old one."""
    files = WorkspaceFiles(context.files)
    try:
        done = v4a.apply([_hunk(arguments)], files, lenient=True)
    except v4a.PatchError as error:
        raise ToolError(str(error)) from error
    return Answer("\n".join(done))


def _hunk(arguments: PatchArguments) -> v4a.Hunk:
    kind, diff = arguments.type.removesuffix("_file"), (arguments.diff or "").rstrip("\n")
    if kind == "delete":
        return v4a.DeleteFile(arguments.path)
    if arguments.diff is None:
        raise ToolError("The field `diff` is missing.", f"{arguments.type} needs a V4A diff.")
    header = "*** Add File: x" if kind == "create" else "*** Update File: x"
    hunks = v4a.parse("\n".join(filter(None, [v4a.BEGIN, header, diff, v4a.END])), lenient=True)
    if len(hunks) != 1:
        raise ToolError("The diff holds headers of other files.", "Give one file's diff in each call.")
    return replace(hunks[0], path=arguments.path)


def intercept(command: str, context: ToolContext, seconds: float) -> CommandResult | None:
    """The result of a command that is only a call of apply_patch, or None for any other."""
    call = _CALL.fullmatch(command.strip())
    patch = None if call is None else _patch_of(call["rest"])
    if call is None or patch is None:
        return None
    # The shell itself goes there: it knows its folder, and stays in the new one.
    where = context.shell.run(f"cd {call['folder']} && pwd" if call["folder"] else "pwd", timeout=seconds)
    if where.exit_code != 0:
        return where
    files = WorkspaceFiles(context.files, where.output.removesuffix("\n").rpartition("\n")[2])
    try:
        done = v4a.apply(v4a.parse(patch, lenient=True), files, lenient=True)
    except v4a.PatchError as error:
        return CommandResult(output=f"{error}\n", exit_code=1, seconds=where.seconds)
    summary = "\n".join(["Success. Updated the following files:", *done, ""])
    return CommandResult(output=summary, exit_code=0, seconds=where.seconds)


def program() -> bytes:
    """``apply_patch`` as one executable file, for the PATH of a container with Python 3.8 or newer."""
    source, _, _ = Path(v4a.__file__).read_text().rpartition('if __name__ == "__main__":')
    return f'#!/usr/bin/env python3\n{source}sys.exit(main(["--lenient", *sys.argv[1:]]))\n'.encode()


def offer(command: str, context: ToolContext) -> None:
    """If ``command`` calls apply_patch somewhere inside, see to it that the shell finds one."""
    if not _NAMED.search(command):
        return
    home = context.shell.run('command -v apply_patch >/dev/null || printf %s "$HOME"', timeout=10).output
    if home.startswith("/"):
        path = f"{home}/.local/bin/apply_patch"
        context.files.write(path, program())
        context.shell.run(f"chmod +x {shlex.quote(path)}; hash -r", timeout=10)


def _patch_of(rest: str) -> str | None:
    """The patch in what follows ``apply_patch``: a here-document or one single-quoted word."""
    heredoc = _HEREDOC.fullmatch(rest)
    if heredoc is not None:
        body = heredoc["body"]
        return None if heredoc["word"] in body.splitlines() else body
    if not rest.startswith("'"):
        return None
    try:
        words = shlex.split(rest)
    except ValueError:
        return None
    return words[0] if len(words) == 1 else None
