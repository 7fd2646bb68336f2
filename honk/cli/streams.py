"""Standard output and standard error, which may be closed, full or gone at any time."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from honk.core.errors import InfrastructureError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CUT_SHORT = 141
"""Exit code of a command whose reader went away, as a shell gives it for git and all that SIGPIPE
(13) ends. Not 0: it would be the verdict of commands such as `honk verify-evidence`, which had none yet."""


class OutputLost(InfrastructureError):
    """Standard output cannot be written. ``unread``: because its reader went away."""

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"Standard output cannot be written: {error.strerror or error}.", "Write it elsewhere."
        )
        self.unread = isinstance(error, BrokenPipeError)


class _Output(io.FileIO):
    """A standard stream that leads nowhere once it could not be written.

    Standard output then raises OutputLost, once; that is no OSError, of some of which Typer makes
    exit codes. Standard error raises nothing: what tells of a run must not end it.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if self.fileno() == 1:
                raise OutputLost(error) from error
            return memoryview(data).nbytes


@contextmanager
def standard_streams() -> Iterator[None]:
    """From here to its end the process has three standard streams, whichever it was started with,
    and writes to them as above. Characters that the encoding of standard output lacks become
    question marks, with which JSON stays JSON.

    Raises OutputLost, or exits with CUT_SHORT where nobody reads any more.
    """
    for descriptor in range(3):  # a closed one would be that of the next file opened, a database say
        _ensure_open(descriptor)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - as long as the process
    sys.stdout, sys.stderr = _opened(sys.stdout, 1, "replace"), _opened(sys.stderr, 2, "backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputLost as lost:
        if lost.unread:
            sys.exit(CUT_SHORT)
        raise


def _ensure_open(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free one is this one


def _opened(before: TextIO | None, descriptor: int, errors: str) -> TextIO:
    """``before``: Python's own stream, None if it was closed."""
    to = io.BufferedWriter(_Output(descriptor))
    if not isinstance(before, io.TextIOWrapper):
        return io.TextIOWrapper(to, "utf-8", errors)
    by_line = before.line_buffering or before.write_through
    return io.TextIOWrapper(to, before.encoding, errors, line_buffering=by_line)


def print_result(text: str) -> None:
    """Print what a run came to. Where that fails the run's exit code still says how it ended."""
    try:
        print(text, flush=True)
    except OutputLost as lost:
        if not lost.unread:
            print(f"honk: {lost}", file=sys.stderr)
