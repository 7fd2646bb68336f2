"""What the model is told about each tool. A provider's native type brings its own words."""

from __future__ import annotations

import json

from honk.core.messages import ToolKind, ToolSpec


def _schema(properties: dict[str, object], *required: str) -> str:
    return json.dumps(
        {
            "type": "object",
            "properties": properties,
            "required": list(required),
            "additionalProperties": False,
        }
    )


def _text(description: str) -> dict[str, object]:
    return {"type": "string", "description": description}


_BASH = _schema(
    {
        "command": _text("The command; may be many lines. Standard input is empty."),
        "restart": {"type": "boolean", "description": "True starts the shell anew."},
    }
)
_EDITOR = _schema(
    {
        "command": {"type": "string", "enum": ["view", "str_replace", "create", "insert"]},
        "path": _text("Absolute, or relative to the repository."),
        "view_range": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "For view of a file: first and last line, counted from 1; -1 is the end.",
        },
        "old_str": _text("For str_replace: text that occurs exactly once in the file, white space included."),
        "new_str": _text("For str_replace: what replaces it; leave out to delete."),
        "file_text": _text("For create: the whole content of a new file."),
        "insert_line": {
            "type": "integer",
            "description": "For insert: the line to go after; 0 is the top.",
        },
        "insert_text": _text("For insert: the lines to insert."),
    },
    "command",
    "path",
)
_SHELL = _schema(
    {
        "commands": {"type": "array", "items": {"type": "string"}},
        "timeout_ms": {"type": "integer"},
        "max_output_length": {"type": "integer"},
    },
    "commands",
)
_PATCH = _schema(
    {
        "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
        "path": _text("Path of the file."),
        "diff": _text("V4A diff; none for delete_file."),
    },
    "type",
    "path",
)
_BASH_WORDS = (
    "Run a command in the session's one bash shell; folder and environment stay from call to call. "
    "Long output is cut in the middle; a command that runs too long is killed and the shell restarted."
)
_EDITOR_WORDS = (
    "View a file with line numbers or a folder two levels deep, create a file, replace a text that occurs "
    "exactly once, or insert lines."
)


def bash(kind: ToolKind) -> ToolSpec:
    return ToolSpec(name="bash", description=_BASH_WORDS, parameters=_BASH, kind=kind)


def editor(kind: ToolKind) -> ToolSpec:
    return ToolSpec(
        name="str_replace_based_edit_tool", description=_EDITOR_WORDS, parameters=_EDITOR, kind=kind
    )


SHELL = ToolSpec(
    name="shell", description="Run commands in the shell.", parameters=_SHELL, kind=ToolKind.SHELL
)
APPLY_PATCH = ToolSpec(
    name="apply_patch",
    description="Create, update or delete a file.",
    parameters=_PATCH,
    kind=ToolKind.APPLY_PATCH,
)
VERIFY = ToolSpec(
    name="verify",
    description="Run the repository's checks on the files as they are now, and get the failures. "
    "The same checks decide over the pull request.",
    parameters=_schema({}),
)
PROPOSE_PLAN = ToolSpec(
    name="propose_plan",
    description="Propose your plan. A person reads it and approves it, or says what to change in it; the "
    "work begins after that.",
    parameters=_schema({"plan": _text("The plan, in Markdown.")}, "plan"),
)
FINISH = ToolSpec(
    name="finish",
    description="End the session. The work is then checked and, if it passes, becomes a pull request.",
    parameters=_schema(
        {
            "status": {
                "type": "string",
                "enum": ["done", "no_change", "precondition_failed", "gave_up"],
                "description": "done when left out.",
            },
            "reason": _text("Unless done: why, for the person who asked."),
            "title": _text("If done: title of the pull request, imperative, at most 70 characters."),
            "description": _text("If done: Markdown for the reviewer: what changed, why, what to look at."),
        }
    ),
)
