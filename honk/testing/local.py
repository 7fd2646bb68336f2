"""Shell and files of this machine behind the sandbox's ports. For tests only: no isolation."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from honk.core.errors import ToolError
from honk.core.types import CommandResult

HEAD_BYTES = TAIL_BYTES = 15_000


class LocalWorkspace:
    """Files below a folder of this machine; absolute paths are taken as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, path: str) -> bytes:
        try:
            return (self._folder / path).read_bytes()
        except (OSError, ValueError) as error:
            raise _reason(path, error) from error

    def write(self, path: str, data: bytes) -> None:
        full = self._folder / path
        try:
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_bytes(data)
        except (OSError, ValueError) as error:
            raise _reason(path, error) from error

    def remove(self, path: str) -> None:
        try:
            (self._folder / path).unlink()
        except (OSError, ValueError) as error:
            raise _reason(path, error) from error

    def listing(self, path: str, depth: int) -> list[str]:
        top = self._folder / path
        if not top.is_dir():
            raise ToolError(f"{path}: not a folder.")
        found = []
        for folder, folders, files in os.walk(top):
            relative = Path(folder).relative_to(top)
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            found += [str(relative / f) for f in files if not f.startswith(".")]
            found += [f"{relative / f}/" for f in folders]
            if len(relative.parts) + 1 >= depth:
                folders.clear()
        return sorted(found)


def _reason(path: str, error: Exception) -> ToolError:
    return ToolError(f"{path}: {getattr(error, 'strerror', None) or error}.")


class LocalShell:
    """One long-lived bash of this machine. A context manager ends it with all its processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scratch = tempfile.TemporaryDirectory(prefix="honk-shell-")
        self._start()

    def __enter__(self) -> LocalShell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._kill()
        self._scratch.cleanup()

    def _start(self) -> None:
        self._status, write_end = os.pipe()
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(write_end,),
            start_new_session=True,
        )
        self._answer_fd = write_end
        os.close(write_end)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        if self._bash.stdin is not None:
            self._bash.stdin.close()
        self._bash.wait()
        os.close(self._status)

    def restart(self) -> None:
        self._kill()
        self._start()

    def run(self, command: str, *, timeout: float) -> CommandResult:
        script, output = Path(self._scratch.name, "command"), Path(self._scratch.name, "output")
        script.write_text(command + "\n", errors="surrogateescape")
        line = f". '{script}' </dev/null >'{output}' 2>&1 {self._answer_fd}>&-; echo $? >&{self._answer_fd}\n"
        started = time.monotonic()
        output.write_bytes(b"")
        assert self._bash.stdin is not None
        self._bash.stdin.write(line.encode())
        self._bash.stdin.flush()
        ready, _, _ = select.select([self._status], [], [], timeout)
        answer = os.read(self._status, 16) if ready else b""
        if not answer:
            self.restart()
        text, dropped = _clipped(output.read_bytes())
        return CommandResult(
            output=text,
            exit_code=int(answer) if answer else None,
            seconds=time.monotonic() - started,
            dropped=dropped,
            timed_out=not ready,
            note="" if answer else "the shell was restarted; folder and environment are as at first",
        )


def _clipped(data: bytes) -> tuple[str, int]:
    dropped = max(len(data) - HEAD_BYTES - TAIL_BYTES, 0)
    if dropped:
        data = data[:HEAD_BYTES] + data[-TAIL_BYTES:]
    return data.decode("utf-8", "replace"), dropped
