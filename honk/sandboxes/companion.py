"""The host's side of the companion container: seeds the repository and reads the tree.

The program in ``sandbox/companion/`` describes the protocol.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from honk.core.errors import HandOverError, HonkError, SandboxError
from honk.core.sandbox import SandboxSpec, Submodule, TreeChanges
from honk.resources import folder
from honk.sandboxes import profile
from honk.sandboxes.stream import attach

if TYPE_CHECKING:
    from docker import APIClient

_READY_SECONDS = 60.0
_SEED_SECONDS = 1800.0  # 50,000 files on a slow disk take minutes
_ANSWER_SECONDS = 600.0
_LAST_SECONDS = 60.0  # for what keeps the work of a run that was cancelled


def command(*, proxy: bool, quota: int) -> list[str]:
    """The companion's command line: the program travels on it, no image holds it."""
    options = {
        "proxy": profile.PROXY_SOCKET if proxy else None,
        "port": profile.PROXY_PORT,
        "quota": quota,
        "uid": profile.USER,
    }
    program = (folder("sandbox") / "companion" / "companion.py").read_text()
    # Isolated from the image's site packages: nothing but the standard library is needed.
    return ["python3", "-I", "-S", "-X", "utf8", "-c", program, json.dumps(options)]


def _frame(request: dict[str, Any] | None) -> bytes:
    data = b"" if request is None else json.dumps(request).encode()
    return len(data).to_bytes(4, "big") + data


def seed_request(
    packs: Sequence[bytes],
    shallow: Sequence[str],
    head: str,
    checkout: str,
    submodules: Sequence[Submodule],
) -> tuple[bytes, ...]:
    """What the program reads to make a repository, as in SandboxSpec: the request, then every pack."""
    request = {
        "op": "seed",
        "packs": [len(pack) for pack in packs],
        "shallow": shallow,
        "head": head,
        "checkout": checkout,
        "submodules": [{"path": s.path, "commit": s.commit, "size": len(s.pack)} for s in submodules],
    }
    return (_frame(request), *packs, *(s.pack for s in submodules))


class Companion:
    """One attached companion: the Tree port, and the seeding of its repository.

    ``failed`` makes the error to raise when the container is gone (cancelled, quota,
    engine); ``over_quota`` is called, from a thread of its own, with the bytes in use.
    """

    def __init__(
        self,
        api: APIClient,
        container: str,
        failed: Callable[[str], HonkError],
        over_quota: Callable[[int], None],
    ) -> None:
        self._failed = failed
        self._over_quota = over_quota
        self._said = b""
        self._exporting = False
        self._buffer = bytearray()
        self._control = attach(api, container, stdin=True, stdout=True, stderr=False)
        self._notices = attach(api, container, stdin=False, stdout=False, stderr=True)
        self._seeding = True
        self._late = threading.Timer(_LAST_SECONDS, self._wake)
        self._late.daemon = True
        self._listener = threading.Thread(target=self._listen, name="honk-companion", daemon=True)
        self._listener.start()

    def ready(self) -> None:
        """Wait until the program runs. Raises SandboxError with what it said instead."""
        self._answer(_READY_SECONDS)

    def seed(self, spec: SandboxSpec) -> None:
        """Make the repository of ``spec`` and check it out, byte for byte.

        Raises SandboxError with git's words if the packs do not hold what is asked for.
        """
        self._seeding = True
        try:
            self._put(*seed_request(spec.packs, spec.shallow, spec.head, spec.checkout, spec.submodules))
            self._answer(_SEED_SECONDS)
        except HandOverError as error:
            raise SandboxError(
                f"The repository could not be put into the sandbox: {error.message}"
            ) from error
        self._seeding = False

    def scan(self) -> TreeChanges:
        """What changed since the last scan. Raises HandOverError for a tree beyond all bounds."""
        self._send({"op": "scan"})
        found = self._answer(_ANSWER_SECONDS)
        return TreeChanges(changed=_paths(found["changed"]), deleted=_paths(found["deleted"]))

    @contextmanager
    def export(self, paths: Sequence[bytes] | None = None) -> Iterator[Iterator[bytes]]:
        """A POSIX tar stream; leaving the block early ends it.

        A socket or device appears as a FIFO, since tar has no word for it. Paths that are
        gone are left out. Iterating raises HandOverError for a tree beyond all bounds.
        """
        named = None if paths is None else [p.decode("utf-8", "surrogateescape") for p in paths]
        self._send({"op": "export", "paths": named})
        self._exporting = True
        try:
            yield self._pieces()
        finally:
            self._stop_export()

    def _pieces(self) -> Iterator[bytes]:
        while self._exporting:
            kind, data = self._piece()
            if kind == b"D":
                yield data
            elif kind == b"E":
                raise HandOverError(data.decode(errors="replace"))

    def _piece(self) -> tuple[bytes, bytes]:
        self._exporting = False  # should the container be gone
        kind, data = self._frame(_ANSWER_SECONDS)
        self._exporting = kind == b"D"
        return kind, data

    def _stop_export(self) -> None:
        if self._exporting:
            self._send(None)
            while self._exporting:
                self._piece()

    def _send(self, request: dict[str, Any] | None) -> None:
        self._put(_frame(request))

    def _put(self, request: bytes, *packs: bytes) -> None:
        try:
            self._control.send(request)
            for pack in packs:
                self._control.send(pack, _SEED_SECONDS)
        except OSError as error:
            raise self._failed(self._words()) from error

    def _answer(self, timeout: float) -> dict[str, Any]:
        kind, data = self._frame(timeout)
        if kind == b"E":
            raise HandOverError(data.decode(errors="replace"))
        answer: dict[str, Any] = json.loads(data)
        return answer

    def _frame(self, timeout: float) -> tuple[bytes, bytes]:
        head = self._take(5, timeout)
        return head[:1], self._take(int.from_bytes(head[1:], "big"), timeout)

    def _take(self, size: int, timeout: float) -> bytes:
        buffer = self._buffer
        while len(buffer) < size:
            try:
                _, data = self._control.receive(timeout)
            except TimeoutError as error:
                raise SandboxError("The companion container does not answer.") from error
            if not data:
                raise self._failed(self._words())
            buffer += data
        taken = bytes(memoryview(buffer)[:size])
        del buffer[:size]
        return taken

    def _words(self) -> str:
        """What the program said before it died, for the error."""
        self._listener.join(1.0)
        last = self._said.decode(errors="replace").strip().rpartition("\n")[2]
        return f"The companion container stopped: {last or 'without a word'}."

    def _listen(self) -> None:
        while data := self._notices.receive(None)[1]:
            self._said = (self._said + data)[-4000:]
            if data.startswith(b"quota "):
                self._over_quota(int(data.split()[1]))

    def interrupt(self) -> None:
        """The run is cancelled: wake whoever seeds, from any thread. A scan or an export may end, and
        others may follow for a while: they keep what the interrupted turn changed."""
        if self._seeding:
            self._wake()
        else:
            self._late.start()

    def _wake(self) -> None:
        self._control.interrupt()
        self._notices.interrupt()

    def close(self) -> None:
        self._late.cancel()
        self._notices.interrupt()
        self._listener.join()
        self._notices.close()
        self._control.close()


def _paths(names: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(name.encode("utf-8", "surrogateescape") for name in names)
