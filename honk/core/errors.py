"""Errors, sorted by who has to act on them.

HonkError
├── ToolError            the model: the text goes back to it as a failed tool result
├── UserError            the person: usage or configuration (exit code 2)
├── Exhausted            the person: a limit of the run is reached (exit code 30)
├── Cancelled            a person stopped the run (exit code 130)
└── InfrastructureError  the operator: engine, git, forge, model service (exit code 40)
    ├── ModelError       the model service
    ├── SandboxError     the container engine or a container
    ├── GitError         git or the remote repository
    ├── ForgeError       the forge's API
    └── StoreError       the event log or the artifact store
        └── StaleWriter  another process owns the run
"""

from __future__ import annotations


class HonkError(Exception):
    """Base of every error that honk raises on purpose.

    ``message`` says what happened, ``hint`` what to do next (may be empty).
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip() if self.hint else self.message


def in_words(error: Exception) -> str:
    """What a log says of an error: of what honk did not raise on purpose, that it is a defect."""
    return str(error) if isinstance(error, HonkError) else f"honk has a defect: {error!r}"


class ToolError(HonkError):
    """A tool call that the model can mend; the text is its result."""


class UserError(HonkError):
    """Wrong usage or configuration; nothing was started."""


class Exhausted(HonkError):
    """A limit of the run ends it in order, outside the session (exit code 30)."""


class Cancelled(HonkError):
    """A person (or a closed terminal) stopped the run."""

    def __init__(self, message: str = "The run was cancelled.", hint: str = "") -> None:
        super().__init__(message, hint)


class InfrastructureError(HonkError):
    """Something that neither the model nor the change request can mend."""


class ModelError(InfrastructureError):
    """The model service failed.

    ``retryable``: the same request may succeed later. ``retry_after``: seconds that the
    service asked to wait, if it said so. ``status``: HTTP status, if there was a response.
    ``context_full``: the conversation is longer than the service takes.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        context_full: bool = False,
    ) -> None:
        super().__init__(message, hint)
        self.context_full = context_full
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status


class SandboxError(InfrastructureError):
    """The container engine failed, or a container died."""


class GitError(InfrastructureError):
    """git failed, or the remote repository cannot be used as asked."""


class HandOverError(GitError):
    """The tree in the sandbox cannot become a commit (a path, type or size that git or honk refuses).

    The pipeline treats it as a refusal by a gate that the model can mend: ``message``
    names the path and the reason.
    """


class ForgeError(InfrastructureError):
    """The forge's API refused or failed. ``status`` is the HTTP status, if there was one."""

    def __init__(self, message: str, hint: str = "", *, status: int | None = None) -> None:
        super().__init__(message, hint)
        self.status = status


class StoreError(InfrastructureError):
    """The event log or the artifact store failed."""


class StaleWriter(StoreError):
    """The run is owned by another process now; this one must stop writing."""
