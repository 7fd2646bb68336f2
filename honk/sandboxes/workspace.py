"""Files of the sandbox, read and written inside it, as its own user.

A second long-lived exec stream runs the image's own sh; the operations need nothing but
POSIX sh, coreutils and find. Links resolve inside the container, so that a link to
/etc/passwd is the container's own.
"""

from __future__ import annotations

import posixpath
import secrets
import shlex
import time
from collections.abc import Callable

from honk.core.errors import ToolError
from honk.sandboxes.profile import REPO
from honk.sandboxes.stream import Stream

MAX_FILE = 50 << 20  # bytes
_MAX_LISTING = 4 << 20
_SECONDS = 120.0

# Bound to a nonce by its first line; every operation is one line and ends with a mark.
_SHELL = ("/bin/sh", "-c", 'IFS= read -r n; exec 2>&1; exec /bin/sh -s "$n"')

_MARK = 'printf "\\036%s %d\\n" "$1" $?; '

# Exit statuses of the scripts below; whatever else fails speaks through its own message.
_FOLDER, _SPECIAL, _LARGE, _NO_FOLDER, _DENIED = 80, 81, 82, 83, 84

# ls is asked for the reason only.
_PRESENT = '[ -e "$p" ] || ls -d -- "$p" >/dev/null || exit 1; '
_READ = (
    f'[ -d "$p" ] && exit {_FOLDER}; [ -f "$p" ] || exit {_SPECIAL}; [ -r "$p" ] || exit {_DENIED}; '
    f'head -c {MAX_FILE + 1} <"$p"'
)
_WRITE_CHECK = (
    f'[ -d "$p" ] && exit {_FOLDER}; if [ -e "$p" ]; then [ -f "$p" ] || exit {_SPECIAL}; '
    f'[ -w "$p" ] || exit {_DENIED}; else mkdir -p -- "$(dirname -- "$p")"; fi'
)
_REMOVE = f'if [ -d "$p" ] && [ ! -L "$p" ]; then exit {_FOLDER}; fi; rm -f -- "$p"'


def absolute(path: str) -> str:
    """``path`` as seen in the container; relative ones start at the repository."""
    if not path or "\0" in path:
        raise ToolError("A path is empty or holds a NUL character.", "Give a path in the repository.")
    return posixpath.join(REPO, path)


class ContainerFiles:
    """The Workspace port. ``connect`` opens a stream; it is called at the first use."""

    def __init__(
        self, connect: Callable[[tuple[str, ...]], Stream], *, failed: Callable[[str], Exception]
    ) -> None:
        self._connect = connect
        self._failed = failed
        self._stream: Stream | None = None
        self._nonce = b""

    def read(self, path: str) -> bytes:
        data = self._do(path, _PRESENT + _READ, limit=MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise _error(path, _LARGE, b"")
        return data

    def write(self, path: str, data: bytes) -> None:
        if len(data) > MAX_FILE:
            raise _error(path, _LARGE, b"")
        self._do(path, _WRITE_CHECK)
        # Staged first: a target is not left half written when the connection or the disk ends.
        size = len(data)
        stage = (
            "t=$(mktemp) || exit 1; trap 'rm -f -- \"$t\"' EXIT; true; "
            + _MARK
            + f'head -c {size} <&3 >"$t"; [ "$(wc -c <"$t")" -eq {size} ] || '
            '{ echo "No space left on device"; exit 1; }; cat -- "$t" >"$p"'
        )
        try:
            self._do(path, stage, data)
        except ToolError:
            self.close()  # some of the data may still be on its way
            raise

    def remove(self, path: str) -> None:
        self._do(path, _PRESENT + _REMOVE)

    def listing(self, path: str, depth: int) -> list[str]:
        """Paths relative to ``path``."""
        script = (
            f'[ -d "$p" ] || exit {_NO_FOLDER}; cd -- "$p" && find . -mindepth 1 -maxdepth {int(depth)} '
            r"-name '.*' -prune -o -type d -exec printf '%s/\0' {} + -o -exec printf '%s\0' {} + "
            "2>/dev/null; :"
        )
        found = self._do(path, _PRESENT + script, limit=_MAX_LISTING)
        if len(found) >= _MAX_LISTING:
            raise ToolError(
                f"{path} has too many files to list.", "List a smaller folder or a smaller depth."
            )
        names = (n.removeprefix(b"./").decode("utf-8", "surrogateescape") for n in found.split(b"\0") if n)
        return sorted(names)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _do(self, path: str, script: str, data: bytes | None = None, *, limit: int = 1 << 16) -> bytes:
        """Run one script with ``$p`` set; its output. Raises ToolError for its exit status."""
        where = shlex.quote(absolute(path)).encode("utf-8", "surrogateescape")
        # A subshell: nothing that a script does can change or end the shell. Its input is the
        # stream only where descriptor 3 says so.
        line = b"(p=" + where + b"; " + script.encode() + b") 3<&0 </dev/null; " + _MARK.encode() + b"\n"
        status, output = self._exchange(line, data, limit)
        if status:
            raise _error(path, status, output)
        return output

    def _exchange(self, line: bytes, data: bytes | None, limit: int) -> tuple[int, bytes]:
        fresh = self._stream is None
        try:
            stream = self._stream or self._open()
            stream.send(line)
            found = self._reply(stream, limit)
            if data is not None and found is not None and found[0] == 0:
                # Only now: some shells read ahead and would have swallowed the data.
                stream.send(data, _SECONDS)
                found = self._reply(stream, limit)
        except TimeoutError:
            self.close()
            raise ToolError(f"The file could not be handled within {_SECONDS:g} seconds.") from None
        except OSError:
            found = None
        if found is not None:
            return found
        self.close()
        if fresh:
            raise self._failed("The sandbox's file access ended.")
        return self._exchange(line, data, limit)  # the model may have killed the old one

    def _open(self) -> Stream:
        self._nonce = secrets.token_hex(16).encode()
        self._stream = self._connect(_SHELL)
        self._stream.send(self._nonce + b"\n")
        return self._stream

    def _reply(self, stream: Stream, limit: int) -> tuple[int, bytes] | None:
        mark = b"\x1e" + self._nonce + b" "
        deadline = time.monotonic() + _SECONDS
        found = bytearray()
        while True:
            at = found.rfind(mark, max(0, len(found) - len(mark) - 8))
            if at >= 0 and found.endswith(b"\n"):
                return int(found[at + len(mark) :]), bytes(found[:at])
            data = stream.receive(deadline - time.monotonic())[1]
            if not data:
                return None
            found += data
            if len(found) > limit + 4096:
                # More than the script may say: a listing without end, or a broken image.
                self.close()
                return 0, bytes(found[:limit])


def _error(path: str, status: int, output: bytes) -> ToolError:
    said = output.decode(errors="replace").strip()
    known = {
        _FOLDER: ToolError(f"{path} is a folder."),
        _SPECIAL: ToolError(f"{path} is not a regular file."),
        _LARGE: ToolError(
            f"{path} is larger than {MAX_FILE >> 20} MB.", "Use the shell for files of this size."
        ),
        _NO_FOLDER: ToolError(f"{path} is not a folder."),
        _DENIED: ToolError(f"{path}: permission denied.", f"Files under {REPO} are yours to change."),
    }
    if status in known:
        return known[status]
    for text, reason in (
        ("No such file", "no such file"),
        ("Read-only file system", "this part of the file system is read-only"),
        ("Permission denied", "permission denied"),
        ("No space left", "no space is left"),
        ("File too large", "the file is too large"),
        ("Not a directory", "a part of the path is a file, not a folder"),
        ("File exists", "a part of the path is a file, not a folder"),
        ("File name too long", "the name is too long"),
    ):
        if text.lower() in said.lower():
            return ToolError(f"{path}: {reason}.")
    return ToolError(f"{path}: {said.splitlines()[-1] if said else 'it failed for no stated reason'}.")
