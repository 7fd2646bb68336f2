"""The shell as the providers' models know it: ``bash``, and OpenAI's native ``shell``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from honk.core.base import Frozen
from honk.core.errors import ToolError
from honk.core.messages import CommandOutput
from honk.core.types import CommandResult
from honk.tools.patching import intercept, offer
from honk.tools.tool import Answer, ToolContext, printable


class BashArguments(Frozen):
    command: str | None = None
    restart: bool | None = None


class ShellArguments(Frozen):
    """OpenAI's ``action``. ``timeout_ms`` holds for each command and cannot raise honk's own limit;
    ``max_output_length`` counts characters of each command's output."""

    commands: Annotated[tuple[str, ...], Field(min_length=1)]
    timeout_ms: Annotated[int, Field(gt=0)] | None = None
    max_output_length: Annotated[int, Field(gt=0)] | None = None


def run_bash(arguments: BashArguments, context: ToolContext) -> Answer:
    if arguments.restart:
        context.shell.restart()
    if arguments.command is None:
        if not arguments.restart:
            raise ToolError("The field `command` is missing.", "Give the command to run.")
        return Answer("The shell was restarted.")
    result = _run(arguments.command, context, context.command_seconds)
    return Answer(_text(result), error=result.exit_code is None)


def run_shell(arguments: ShellArguments, context: ToolContext) -> Answer:
    seconds = context.command_seconds
    if arguments.timeout_ms is not None:
        seconds = min(seconds, arguments.timeout_ms / 1000)
    results = []
    for command in arguments.commands:
        result = _run(command, context, seconds)
        results.append(_clip(result, arguments.max_output_length))
    texts = [_text(result) for result in results]
    if len(texts) > 1:
        texts = [f"$ {command}\n{text}" for command, text in zip(arguments.commands, texts, strict=True)]
    outputs = tuple(CommandOutput(text=_body(r), exit_code=r.exit_code) for r in results)
    return Answer("\n".join(texts), error=any(r.exit_code is None for r in results), outputs=outputs)


def _run(command: str, context: ToolContext, seconds: float) -> CommandResult:
    patched = intercept(command, context, seconds)
    if patched is not None:
        return patched
    offer(command, context)
    return context.shell.run(command, timeout=seconds)


def _clip(result: CommandResult, limit: int | None) -> CommandResult:
    output = result.output
    if limit is None or len(output) <= limit:
        return result
    head, tail = output[: limit - limit // 2], output[len(output) - limit // 2 :]
    left_out = len(printable(output).encode()) - len(printable(head + tail).encode())
    return result.model_copy(update={"output": head + tail, "dropped": result.dropped + left_out})


def _body(result: CommandResult) -> str:
    """Output and what there is to say about it, without the exit code."""
    lines = [result.output.removesuffix("\n")] if result.output else []
    if result.dropped:
        lines.append(f"[{result.dropped} bytes of output were left out in the middle]")
    if result.timed_out:
        lines.append(f"[killed: still running after {result.seconds:.0f} seconds]")
    if result.note:
        lines.append(f"[{result.note}]")
    return printable("\n".join(lines))


def _text(result: CommandResult) -> str:
    body = _body(result)
    if result.exit_code:
        body += f"{'' if not body else chr(10)}[exit code {result.exit_code}]"
    return body or "[no output]"
