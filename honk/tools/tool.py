"""A tool is a value: what the model sees, a model of its arguments, and a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from honk.core.errors import ToolError
from honk.core.messages import CommandOutput, ToolCall, ToolResult, ToolSpec
from honk.core.sandbox import Shell, Workspace

Arguments = TypeVar("Arguments", bound=BaseModel)


@dataclass(frozen=True)
class ToolContext:
    """Where a tool works. ``command_seconds`` is the ceiling of one shell command."""

    shell: Shell
    files: Workspace
    command_seconds: float


@dataclass(frozen=True)
class Answer:
    """What a tool has to say; the fields are those of ToolResult."""

    text: str
    error: bool = False
    outputs: tuple[CommandOutput, ...] = ()


@dataclass(frozen=True)
class Tool(Generic[Arguments]):
    """``run`` may raise ToolError for what the model can mend."""

    spec: ToolSpec
    arguments: type[Arguments]
    run: Callable[[Arguments, ToolContext], Answer]


def run_tool(tools: Iterable[Tool[Any]], call: ToolCall, context: ToolContext) -> ToolResult:
    """Answer one call. A mistake of the model becomes an error result that says how to mend it.

    Raises SandboxError and Cancelled.
    """
    by_name = {tool.spec.name: tool for tool in tools}

    def run() -> Answer:
        tool = by_name.get(call.name)
        if tool is None:
            raise ToolError(f"There is no tool {call.name!r}.", f"There are: {', '.join(sorted(by_name))}.")
        return tool.run(_parse(tool, call.arguments), context)

    return answered(call, run)


def answered(call: ToolCall, run: Callable[[], Answer]) -> ToolResult:
    """The result of ``call``; a ToolError of ``run`` is one, too."""
    try:
        answer = run()
    except ToolError as error:
        answer = Answer(str(error), error=True)
    return ToolResult(
        call_id=call.id,
        name=call.name,
        text=printable(answer.text),
        error=answer.error,
        outputs=answer.outputs,
    )


def _parse(tool: Tool[Arguments], arguments: str) -> Arguments:
    try:
        return tool.arguments.model_validate_json(arguments.strip() or "{}")
    except ValidationError as error:
        problems = " ".join(_problem(detail) for detail in error.errors())
        fields = ", ".join(
            f"{name}{'' if field.is_required() else ' (optional)'}"
            for name, field in tool.arguments.model_fields.items()
        )
        raise ToolError(f"Nothing was done. {problems}", f"{tool.spec.name} takes: {fields}.") from error


def _problem(detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    if not where:
        return f"The arguments are not a valid JSON object: {detail['msg']}."
    if detail["type"] == "missing":
        return f"The field `{where}` is missing."
    if detail["type"] == "extra_forbidden":
        return f"There is no field `{where}`."
    return f"The field `{where}` is wrong: {detail['msg']}, not {str(detail['input'])[:200]!r}."


def printable(text: str) -> str:
    """``text`` without lone surrogates, which stand for undecodable bytes and cannot be sent."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
