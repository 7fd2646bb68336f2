"""What a model reads and writes, in no provider's dialect.

Arguments and opaque parts are kept as JSON *text*: a round trip through honk must give a
provider back exactly what it sent, since prompt caches and signatures hang on the bytes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from honk.core.base import Frozen


class Text(Frozen):
    """Words. ``opaque`` holds, as JSON, what the provider wants back beside them."""

    kind: Literal["text"] = "text"
    text: str
    opaque: str | None = None


class Opaque(Frozen):
    """An item that only its provider understands: signed or encrypted thinking, server items.

    ``data`` is the item as JSON, returned verbatim to the provider that made it and
    dropped for any other. ``text`` is what people may be shown of it (may be empty).
    """

    kind: Literal["opaque"] = "opaque"
    text: str = ""
    data: str


class ToolCall(Frozen):
    """A model's call of a tool. ``arguments`` is JSON text as the model wrote it, valid or not."""

    kind: Literal["tool_call"] = "tool_call"
    id: str
    name: str
    arguments: str
    opaque: str | None = None


class CommandOutput(Frozen):
    """Output of one shell command as the model gets it; ``exit_code`` is None after a time-out."""

    text: str
    exit_code: int | None


class ToolResult(Frozen):
    """The answer to one tool call.

    ``text`` is complete in itself. ``outputs`` repeats it in parts for a provider whose
    native shell wants one entry for each command.
    """

    kind: Literal["tool_result"] = "tool_result"
    call_id: str
    name: str
    text: str
    error: bool = False
    outputs: tuple[CommandOutput, ...] = ()


class UserMessage(Frozen):
    role: Literal["user"] = "user"
    parts: tuple[Annotated[Text | ToolResult, Field(discriminator="kind")], ...]


class AssistantMessage(Frozen):
    """One model turn. ``provider`` names who wrote it, for the opaque parts."""

    role: Literal["assistant"] = "assistant"
    provider: str
    parts: tuple[Annotated[Text | Opaque | ToolCall, Field(discriminator="kind")], ...]

    @property
    def text(self) -> str:
        """The words of the turn, without thinking and tool calls."""
        return "\n".join(p.text for p in self.parts if isinstance(p, Text) and p.text)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(p for p in self.parts if isinstance(p, ToolCall))


Message = Annotated[UserMessage | AssistantMessage, Field(discriminator="role")]


class StopReason(StrEnum):
    END = "end"  # the model is finished with its turn
    TOOL_USE = "tool_use"  # it waits for tool results
    MAX_TOKENS = "max_tokens"  # cut off by the output limit
    REFUSAL = "refusal"  # declined for policy reasons
    PAUSE = "pause"  # a long turn paused by the provider: send it back unchanged to go on
    CONTEXT_FULL = "context_full"  # the context window is exhausted


class Usage(Frozen):
    """Tokens of one model call (or a sum). ``input_tokens`` excludes cached ones."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def total(self) -> int:
        """Tokens read and written, whatever they cost."""
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )


class Completion(Frozen):
    """One finished model call. ``model`` is the name that the service reported."""

    message: AssistantMessage
    stop: StopReason
    usage: Usage
    model: str
    detail: str = ""  # why, for a refusal


class ToolKind(StrEnum):
    """How a provider offers a tool natively; FUNCTION is an ordinary function tool."""

    SHELL = "shell"
    EDITOR = "editor"
    APPLY_PATCH = "apply_patch"
    FUNCTION = "function"


class ToolSpec(Frozen):
    """A tool as the model sees it. ``parameters`` is a JSON Schema as JSON text."""

    name: str
    description: str
    parameters: str
    kind: ToolKind = ToolKind.FUNCTION


class Dialect(StrEnum):
    """Which set of tools a model was trained on (see the table in the contract)."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    GENERIC = "generic"


Purpose = Literal["work", "judge", "compact"]
"""What a model call is for: a turn of the session, a verdict, a summary of earlier turns."""


class ModelRequest(Frozen):
    """All that one model call needs.

    ``purpose`` and ``turn`` (the ordinal of this call among the run's calls of the same
    purpose, from 0) never reach the provider; a replayed session is looked up by them.
    ``cache_key`` groups the calls of one run for the provider's prompt cache.
    ``answer_schema``, if not empty, is a JSON Schema as text that the service is asked to force
    on the words of the answer. Services differ in what they hold to: validate what comes.
    """

    purpose: Purpose = "work"
    turn: int = 0
    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output_tokens: int = 16_000
    cache_key: str = ""
    answer_schema: str = ""


class TextDelta(Frozen):
    """A piece of the model's words (or of its visible thinking) while it streams."""

    text: str
    thinking: bool = False
