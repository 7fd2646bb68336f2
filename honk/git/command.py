"""Start git: a closed environment, a fixed configuration, no shell, no work tree of its own.

Everything that decides how git behaves is set here and nowhere else. Configuration and
credentials travel in the environment of the one process that needs them
(``GIT_CONFIG_COUNT``), never in an argument, a URL or a file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from honk.core.cancel import Cancel
from honk.core.errors import GitError, UserError

LOCAL_SECONDS = 600.0
REMOTE_SECONDS = 3600.0
_GRACE_SECONDS = 2.0  # between asking a git process to end and making it

EMPTY_TREE = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}

# What no repository, user or system configuration may change.
_CONFIG: dict[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.symlinks": "false",
    "core.ignoreCase": "false",
    "core.precomposeUnicode": "false",
    "core.quotePath": "true",
    "core.bigFileThreshold": "512m",
    "credential.helper": "",
    "diff.external": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "commit.gpgSign": "false",
    "push.gpgSign": "false",
    "i18n.commitEncoding": "UTF-8",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "transfer.fsckObjects": "true",
    "protocol.allow": "never",
}


@dataclass(frozen=True)
class Result:
    """A finished git process: exit code, standard output, and standard error as text."""

    code: int
    out: bytes
    err: str


@lru_cache(maxsize=1)
def _program() -> str:
    found = shutil.which("git")
    if found is None:
        raise UserError("git is not installed.", "Install git 2.34 or newer (package git).")
    return found


def _environment(config: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    folder = str(Path(_program()).parent)
    env = {
        "PATH": os.pathsep.join(dict.fromkeys((folder, "/usr/local/bin", "/usr/bin", "/bin"))),
        "HOME": "/nonexistent",
        "LANGUAGE": "C",
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    settings = {**_CONFIG, **config}
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return {**env, **extra}


@dataclass(frozen=True)
class Git:
    """git on one repository, named explicitly by ``directory`` (its GIT_DIR).

    Without it git looks for a repository itself, which only :mod:`honk.git.local` lets it do.
    ``config`` and ``env`` are added to what every process gets.
    """

    directory: Path | None
    config: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The repository's own folder."""
        assert self.directory is not None
        return self.directory

    def _where(self) -> dict[str, str]:
        return {} if self.directory is None else {"GIT_DIR": str(self.directory)}

    def start(
        self,
        *args: str,
        config: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start ``git ARGS`` with pipes to all three streams, in a process group of its own."""
        wanted = _environment(
            {**self.config, **(config or {})},
            {**self._where(), **self.env, **(env or {})},
        )
        return subprocess.Popen(
            [_program(), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=wanted,
            start_new_session=True,
        )

    def attempt(
        self,
        *args: str,
        input: bytes = b"",
        config: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = LOCAL_SECONDS,
        cancel: Cancel | None = None,
    ) -> Result:
        """Run ``git ARGS`` to its end and return what it said, whatever its exit code.

        ``timeout`` in seconds; then the whole process group is killed and GitError raised.
        With ``cancel``, git ends when that is set, and Cancelled is raised.
        """
        cancel = cancel or Cancel()
        cancel.check()
        process = self.start(*args, config=config, env=env)
        try:
            with cancel.closing(partial(interrupt, process)):
                out, err = process.communicate(input, timeout)
            cancel.check()
        except subprocess.TimeoutExpired:
            raise GitError(
                f"git {args[0]} did not end within {timeout:.0f} seconds.",
                "Check the disk and the network, then run it again.",
            ) from None
        finally:
            stop(process)
        return Result(process.returncode, out, err.decode("utf-8", "replace"))

    def run(
        self,
        *args: str,
        input: bytes = b"",
        config: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = LOCAL_SECONDS,
    ) -> bytes:
        """As :meth:`attempt`, returning standard output; raises GitError if git fails."""
        result = self.attempt(*args, input=input, config=config, env=env, timeout=timeout)
        if result.code != 0:
            raise failure(args[0], result, self.directory)
        return result.out


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ask a git process and its children to end, so that they remove their locks; then make them."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)  # until nobody is left
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a git process with all its children, if it still runs, and close its pipes."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def printable(text: str) -> str:
    """Words from outside without what could steer a terminal."""
    return "".join(c for c in text.strip() if c.isprintable())


def last_words(stderr: str) -> str:
    """The line of git's complaint that says most: its first ``error:`` or ``fatal:``, else its last."""
    lines = [printable(line) for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("error:", "fatal:"))] or lines[-1:]
    return telling[0] if telling else "no message"


def failure(what: str, result: Result, directory: Path | None) -> GitError:
    """The error for a local git process that failed."""
    if "No space left on device" in result.err:
        return GitError(
            f"The disk is full: git {what} could not write.",
            f"Make room on the disk of {directory or 'the repository'}.",
        )
    return GitError(
        f"git {what} failed with exit code {result.code}: {last_words(result.err)}",
        f"If it is a damaged mirror, delete {directory}; it is only a cache." if directory else "",
    )
