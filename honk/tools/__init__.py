"""What a model can do in the sandbox, as values: shell, editor, apply_patch.

``verify`` and ``finish`` are built where a run is known; their specs are here.
"""

from __future__ import annotations

from typing import Any

from honk.core.messages import Dialect, ToolKind
from honk.tools import specs
from honk.tools.editor import EditorArguments, run_editor
from honk.tools.patching import PatchArguments, program, run_patch
from honk.tools.shell import BashArguments, ShellArguments, run_bash, run_shell
from honk.tools.specs import FINISH, VERIFY
from honk.tools.tool import Answer, Tool, ToolContext, answered, run_tool

__all__ = ["FINISH", "VERIFY", "Answer", "Tool", "ToolContext", "answered", "program", "run_tool", "toolset"]


def toolset(dialect: Dialect) -> tuple[Tool[Any], ...]:
    """The shell and editing tools that a model of this dialect was trained on."""
    if dialect is Dialect.OPENAI:
        return (
            Tool(specs.SHELL, ShellArguments, run_shell),
            Tool(specs.APPLY_PATCH, PatchArguments, run_patch),
        )
    native = dialect is Dialect.ANTHROPIC
    return (
        Tool(specs.bash(ToolKind.SHELL if native else ToolKind.FUNCTION), BashArguments, run_bash),
        Tool(specs.editor(ToolKind.EDITOR if native else ToolKind.FUNCTION), EditorArguments, run_editor),
    )
