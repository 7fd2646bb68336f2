"""Which tools a model works with: shell and editing tools as values.

``verify`` and ``finish`` are built where a run is known; their specs are in ``specs``.
"""

from __future__ import annotations

from typing import Any

from honk.core.messages import Dialect, ToolKind
from honk.tools import specs
from honk.tools.editor import EditorArguments, run_editor
from honk.tools.patching import PatchArguments, run_patch
from honk.tools.shell import BashArguments, ShellArguments, run_bash, run_shell
from honk.tools.tool import Tool


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
