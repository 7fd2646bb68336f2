"""The session's one long-lived shell, over one attached exec stream.

A small sh waits for bash and reports its end; bash reads its commands from the stream and
prints a mark after each. A mark is ``RS nonce SP status SP folder RS nonce LF``: the nonce
is random, differs for every shell, and never stands on a command line.
"""

from __future__ import annotations

import re
import secrets
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from honk.core.errors import SandboxError
from honk.core.types import CommandResult
from honk.sandboxes.profile import REPO
from honk.sandboxes.stream import Stream

OUTPUT_BUDGET = 30_000  # bytes of output that a model gets to read
VERIFY_BUDGET = 4 << 20  # bytes that the distiller gets
VERIFY_TELLING = 1 << 20  # and of the lines between that speak of a failure

# The first line is the nonce. Standard error joins output here, so that their order is true.
SHELL = (
    "/bin/sh",
    "-c",
    'IFS= read -r n; exec 2>&1; bash --noprofile --norc; printf "\\036%s end:%d /\\036%s\\n" "$n" "$?" "$n"',
)
_OUT = 197  # a descriptor that no script uses; bash keeps the way to honk there
_OPEN_SECONDS = 60.0
_FREE_BYTES = 32 << 20  # of output that are read as fast as they come, for one command
_BYTES_PER_SECOND = 8 << 20  # after that; the pipe then slows the command down, not the host
_MARK_BYTES = 1 << 20  # more than any mark: a status and the path of a folder
_NO_BASH = 127
_LINES, _LINE = 4, 2_000  # lines that are kept from a telling one on, and bytes of them in all
# What test runners, compilers and interpreters say of a failure, in the words that most share.
_TELLING = re.compile(
    rb"FAIL|[Ff]ailed|[Ff]ailure|not ok |[Ee]rror[:\[ ]|ERROR|panic|Traceback"
    rb"|\xe2\x9c[\x95\x96\x97\x98]|\xe2\x97\x8f "  # crosses and the dot of jest, in UTF-8
)


class Clipper:
    """Keeps the head and the tail of a stream of bytes within ``budget``, counting the middle.

    Up to ``telling`` bytes of the middle are kept as well: lines that speak of a failure, and
    a few after each.
    """

    def __init__(self, budget: int, telling: int = 0) -> None:
        self._half = budget // 2
        self._room = telling
        self._middle = bytearray()
        self._head = bytearray()
        self._tail = bytearray()
        self.seen = 0

    def add(self, data: bytes | bytearray) -> None:
        self.seen += len(data)
        if room := self._half - len(self._head):
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > 4 * self._half:
            self._drop()

    def _drop(self) -> None:
        """Let go of all but the tail, less what tells of a failure."""
        cut = len(self._tail) - self._half
        if self._room > 0:
            cut = self._tail.rfind(b"\n", 0, cut) + 1 or cut  # whole lines, if there are any
            self._keep(bytes(self._tail[:cut]))
        del self._tail[:cut]

    def _keep(self, dropped: bytes) -> None:
        at = 0
        while self._room > 0 and (match := _TELLING.search(dropped, at)):
            start, at = max(at, dropped.rfind(b"\n", 0, match.start()) + 1), match.end()
            for _ in range(_LINES):
                at = dropped.find(b"\n", at) + 1 or len(dropped)
            line = dropped[start : min(at, start + _LINE)]
            self._middle += line
            self._room -= len(line)

    def result(self) -> tuple[str, int]:
        """The text, and how many bytes of the middle are not in it."""
        if len(self._tail) > self._half:
            self._drop()
        tail, middle = self._tail, self._middle.decode(errors="replace")
        dropped = self.seen - len(self._head) - len(self._middle) - len(tail)
        if not dropped and not middle:
            return (self._head + tail).decode(errors="replace"), 0
        # Cut characters would show as two replacement signs; at most three bytes belong to one.
        head = self._head.decode(errors="replace").rstrip("\ufffd")
        end = tail.decode(errors="replace").lstrip("\ufffd")
        told = f"{middle}\n[…]\n" if middle else ""
        return f"{head}\n[… {dropped:,} bytes left out …]\n{told}{end}", dropped


@dataclass(frozen=True)
class Mark:
    """``status`` is a command's exit status; ``ended`` if the shell itself is gone with it."""

    status: int
    folder: str
    ended: bool


@dataclass
class _Reader:
    """Reads one command's output up to its mark; bounded in memory and in speed."""

    stream: Stream
    nonce: bytes
    clip: Clipper
    _held: bytes = b""  # the end of what came, which may be the start of a mark
    _paced: float = field(default=0.0)

    def until_mark(self, deadline: float) -> Mark | None:
        """The mark; None if the stream ended without one. Raises TimeoutError."""
        start = b"\x1e" + self.nonce
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            data = self.stream.receive(left)[1]
            if not data:
                self.clip.add(self._held)
                return None
            data = self._held + data
            at = data.find(start)
            if at < 0:
                keep = _overlap(data, start)
                self.clip.add(data[: len(data) - keep])
                self._held = data[len(data) - keep :]
            elif (end := data.find(start + b"\n", at + 1)) >= 0:
                self.clip.add(data[:at])
                return _mark(data[at + len(start) + 1 : end])
            else:
                forged = len(data) - at > _MARK_BYTES  # a trap of bash can learn the nonce
                cut = at + len(start) if forged else at
                self.clip.add(data[:cut])
                self._held = data[cut:]
            self._pace(len(data))

    def _pace(self, size: int) -> None:
        if self.clip.seen > _FREE_BYTES:
            self._paced += size / _BYTES_PER_SECOND
            if self._paced > 0.05:
                time.sleep(self._paced)
                self._paced = 0.0


def _overlap(data: bytes, start: bytes) -> int:
    """How many bytes at the end of ``data`` may begin ``start``."""
    at = data.rfind(start[:1], max(0, len(data) - len(start)))
    return len(data) - at if at >= 0 and start.startswith(data[at:]) else 0


def _mark(body: bytes) -> Mark:
    status, _, folder = body.partition(b" ")
    ended = status.startswith(b"end:")
    digits = re.sub(rb"\D", b"", status)
    return Mark(int(digits or b"1"), folder.decode("utf-8", "surrogateescape") or REPO, ended)


class ContainerShell:
    """The Shell port over the streams that ``connect`` opens.

    ``kill_all`` ends every process of the sandbox's user and says whether that took a restart
    of the container, which empties /tmp; ``failed`` makes the error for a
    sandbox that is gone; ``mask`` hides known secrets where output enters honk. ``budget``
    and ``telling`` bound what is kept of one command's output, as in :class:`Clipper`.
    """

    def __init__(
        self,
        connect: Callable[[tuple[str, ...]], Stream],
        *,
        kill_all: Callable[[], bool],
        failed: Callable[[str], Exception],
        mask: Callable[[str], str],
        budget: int = OUTPUT_BUDGET,
        telling: int = 0,
    ) -> None:
        self._connect = connect
        self._kill_all = kill_all
        self._failed = failed
        self._mask = mask
        self._budget = budget
        self._telling = telling
        self._folder = REPO
        self._stream: Stream | None = None
        self._nonce = b""
        self._ahead: Stream | None = None

    def connect(self) -> None:
        """Start the process that :meth:`open` will use; saves its time while others work."""
        self._ahead = self._connect(SHELL)

    def open(self) -> None:
        """Start bash in the last known folder. Raises SandboxError if the image has none."""
        nonce = secrets.token_hex(16).encode()
        stream, self._ahead = self._ahead or self._connect(SHELL), None
        self._stream, self._nonce = stream, nonce
        folder = shlex.quote(self._folder)
        setup = (
            f"exec {_OUT}>&1; PATH=$PATH:$HOME/.local/bin; "
            f"\\builtin cd -- {folder} 2>/dev/null || \\builtin cd {REPO} || \\builtin cd /workspace"
        )
        clip = Clipper(2000)
        try:
            stream.send(nonce + b"\n" + setup.encode("utf-8", "surrogateescape") + b"\n" + self._ask())
            mark = _Reader(stream, nonce, clip).until_mark(time.monotonic() + _OPEN_SECONDS)
        except TimeoutError as error:
            raise SandboxError("The shell in the sandbox did not start within a minute.") from error
        except OSError:
            mark = None
        if mark is None or mark.ended:
            self.close()
            if mark is not None and mark.status == _NO_BASH:
                raise SandboxError(
                    "The sandbox image has no bash.",
                    "Add the package bash to the image, or use another image.",
                )
            raise self._failed(f"The shell in the sandbox did not start: {clip.result()[0].strip()}")
        self._folder = mark.folder

    def run(self, command: str, *, timeout: float) -> CommandResult:
        """Run one command. Its input is empty; what it leaves in the background goes on.

        ``timeout`` in seconds. Raises SandboxError, or Cancelled, if the sandbox is gone.
        """
        note = ""
        if self._stream is None:
            note = f"Before this command {self._reopen()}"
        assert self._stream is not None
        started = time.monotonic()
        clip = Clipper(self._budget, self._telling)
        reader = _Reader(self._stream, self._nonce, clip)
        try:
            self._stream.send(self._line(command) + self._ask())
            mark = reader.until_mark(started + timeout)
        except TimeoutError:
            return self._timed_out(clip, started, timeout)
        except OSError:
            mark = None
        seconds = time.monotonic() - started
        if mark is not None and not mark.ended:
            self._folder = mark.folder
            return self._result(clip, seconds, mark.status, note)
        self.close()
        ended = "The command ended the shell" if mark else "The shell was killed"
        return self._result(clip, seconds, mark.status if mark else None, f"{ended}; {self._reopen()}")

    def restart(self) -> None:
        """End every process of the session and start a new shell in the repository."""
        self._folder = REPO
        self._end()

    def close(self) -> None:
        """Hang up; bash ends with its input."""
        for stream in (self._stream, self._ahead):
            if stream is not None:
                stream.close()
        self._stream = self._ahead = None

    def _line(self, command: str) -> bytes:
        # eval keeps folder and environment, and survives whatever is wrong with the text.
        # Its redirections undo an `exec >file` of the command as well.
        text = shlex.quote(command.replace("\0", "")).encode("utf-8", "surrogateescape")
        return b"\\builtin eval " + text + f" </dev/null >&{_OUT} 2>&1\n".encode()

    def _ask(self) -> bytes:
        """The line that prints a mark; the group's redirection hides it from `set -x`.

        The empty line before it lets bash's parser recover from an unclosed quote.
        """
        nonce = self._nonce.decode()
        text = f'{{ \\builtin printf "\\036%s %d %s\\036%s\\n" {nonce} $? "$PWD" {nonce} >&{_OUT}; }}'
        return f"\n{text} 2>/dev/null\n".encode()

    def _timed_out(self, clip: Clipper, started: float, timeout: float) -> CommandResult:
        note = (
            f"The command was killed after {timeout:g} seconds with everything it had started; {self._end()}"
        )
        return self._result(clip, time.monotonic() - started, None, note, timed_out=True)

    def _reopen(self) -> str:
        """A new shell after the old one died; raises if it died with its container."""
        try:
            self.open()
        except SandboxError:
            return self._end()  # a full /tmp may leave no memory for a shell
        return self._renewed(emptied=False)

    def _end(self) -> str:
        """Kill everything and start a new shell; what the model should know of it."""
        self.close()
        emptied = self._kill_all()
        self.open()
        return self._renewed(emptied=emptied)

    def _renewed(self, *, emptied: bool) -> str:
        tmp = " and /tmp is empty" if emptied else ""
        return f"a new shell was started in {self._folder}, its environment is lost{tmp}."

    def _result(
        self, clip: Clipper, seconds: float, status: int | None, note: str, *, timed_out: bool = False
    ) -> CommandResult:
        output, dropped = clip.result()
        return CommandResult(
            output=self._mask(output),
            exit_code=status,
            seconds=seconds,
            dropped=dropped,
            timed_out=timed_out,
            note=note,
        )
