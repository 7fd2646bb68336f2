"""Calls of the engine that take long and report as they go: pulling and building images."""

from __future__ import annotations

import io
import posixpath
import queue
import tarfile
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from honk.core.cancel import Cancel
from honk.core.errors import SandboxError, UserError
from honk.sandboxes.clients import HostClients
from honk.sandboxes.network import preparing
from honk.sandboxes.online import LABEL, Progress

if TYPE_CHECKING:
    from docker import DockerClient

LIMIT = 1800.0  # seconds for one pull, build or layer
_PULL_STALL = 20.0  # seconds without a word from the registry
_DETAIL_SECONDS = 2.0  # between two lines of detail
_EXECUTABLE, _SYMLINK = "100755", "120000"  # git's modes
_END = object()


@dataclass(frozen=True)
class Workbench:
    """What preparing an image needs besides its recipe.

    ``clients`` reads the host's settings, which only what runs online needs. ``locks`` is a
    folder under HONK_HOME. ``install`` permits packages of the host (debootstrap).
    ``progress`` takes lines for people.
    """

    client: DockerClient
    clients: Callable[[], HostClients]
    locks: Path
    install: bool
    progress: Progress


@dataclass(frozen=True)
class ContextFile:
    """One file of the commit that a ``dockerfile:`` is built from. ``mode`` is git's; of a
    symbolic link ``data`` is the target."""

    path: str
    data: bytes
    mode: str = "100644"


def local(client: DockerClient, name: str) -> str | None:
    """Id of an image that is on the engine. Raises UserError if none can have this name."""
    from docker.errors import APIError, ImageNotFound

    try:
        return str(client.images.get(name).id)
    except ImageNotFound:
        return None
    except APIError as error:
        if error.status_code != 400:
            raise
        raise UserError(f"There is no image {name}: {error.explanation}.", "Check the name.") from error


def pull(bench: Workbench, name: str, cancel: Cancel) -> str:
    """Pull ``name`` with the credentials of `docker login`; why no registry gave it, "" if one did."""
    from docker.errors import APIError, DockerException
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(name)
    bench.progress(f"Pulling {name}.")
    progress = sparse(bench.progress)

    def start() -> Iterable[Mapping[str, Any]]:
        reports: Iterable[Mapping[str, Any]] = bench.client.api.pull(
            repository, tag=tag or "latest", stream=True, decode=True
        )
        return reports

    try:
        for report in _watched(start, stall=_PULL_STALL, limit=LIMIT, cancel=cancel):
            if "error" in report:
                return str(report["error"]).strip()
            progress(f"{report.get('status', '')} {report.get('progress', '')}".strip())
    except APIError as error:
        return str(error.explanation or error).strip()
    except (DockerException, SandboxError) as error:  # the first: a credential helper that fails
        return str(error)
    return ""


def build(
    bench: Workbench,
    files: Iterable[ContextFile],
    dockerfile: str,
    tag: str,
    cancel: Cancel,
    progress: Progress,
) -> str:
    """Build by the engine. Proxies are predefined arguments, which no image keeps."""
    tail: deque[str] = deque(maxlen=20)
    with tempfile.TemporaryFile() as context:
        _write_context(context, files)

        def start() -> Iterable[Mapping[str, Any]]:
            reports: Iterable[Mapping[str, Any]] = bench.client.api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=dockerfile,
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
                buildargs=dict(bench.clients().proxies),
                labels={LABEL: "image"},
                network_mode=preparing(bench.client),
            )
            return reports

        for report in _watched(start, stall=LIMIT, limit=LIMIT, cancel=cancel):
            text = str(report.get("stream") or report.get("status") or "")
            for line in filter(None, map(str.strip, text.splitlines())):
                tail.append(line)
                progress(line)
            if "error" in report:
                lines = "\n".join(tail)
                raise UserError(
                    f"{dockerfile} does not build: {report['error']}. Its last lines:\n{lines}\n",
                    "Mend it, or name a finished image with --image.",
                )
    image = local(bench.client, tag)
    if image is None:
        raise SandboxError(f"{dockerfile} was built but {tag} is missing.", "Try again.")
    return image


def _write_context(file: IO[bytes], files: Iterable[ContextFile]) -> None:
    with tarfile.open(fileobj=file, mode="w") as tar:
        for item in files:
            info = tarfile.TarInfo(item.path)
            if item.mode == _SYMLINK:
                info.type, info.linkname = tarfile.SYMTYPE, item.data.decode("utf-8", "surrogateescape")
            else:
                info.size = len(item.data)
            info.mode = 0o755 if item.mode == _EXECUTABLE else 0o644
            tar.addfile(info, io.BytesIO(item.data))
    file.seek(0)


def visible(files: list[ContextFile], dockerfile: str) -> list[ContextFile]:
    """The files less what ``.dockerignore`` leaves out (the engine does not apply it to a stream)."""
    from docker.utils.build import PatternMatcher

    dockerfile = posixpath.normpath(dockerfile)
    contents = {f.path: f.data for f in files}
    if dockerfile not in contents:
        raise UserError(f".honk.yml: there is no {dockerfile} in the base commit.", "Mend `dockerfile:`.")
    rules = contents.get(f"{dockerfile}.dockerignore", contents.get(".dockerignore", b""))
    lines = [line.strip() for line in rules.decode("utf-8", "replace").splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    matcher = PatternMatcher(patterns)  # its stubs want paths, its code wants text
    return [f for f in files if f.path == dockerfile or not matcher.matches(f.path)]  # type: ignore[arg-type]


def sparse(progress: Progress) -> Progress:
    """Pass on one line now and then: enough to see that something moves."""
    last = time.monotonic()

    def passing(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _DETAIL_SECONDS and line:
            last = time.monotonic()
            progress(f"  {line[:100]}")

    return passing


def _watched(
    start: Callable[[], Iterable[Mapping[str, Any]]], *, stall: float, limit: float, cancel: Cancel
) -> Iterator[Mapping[str, Any]]:
    """The reports of ``start``'s call, read in a thread so that this one can give up.

    Raises SandboxError after ``stall`` seconds without a report or ``limit`` seconds in all,
    Cancelled if ``cancel`` is set. The engine ends an abandoned call when honk exits.
    """
    reports: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        try:
            for report in start():
                reports.put(report)
            reports.put(_END)
        except Exception as error:  # carried over to the waiting thread
            reports.put(error)

    threading.Thread(target=read, name="engine-call", daemon=True).start()
    end = time.monotonic() + limit
    while True:
        with cancel.closing(lambda: reports.put(_END)):
            try:
                report = reports.get(timeout=max(0.0, min(stall, end - time.monotonic())))
            except queue.Empty:
                raise SandboxError("The container engine takes too long.", "Try again later.") from None
        cancel.check()
        if report is _END:
            return
        if isinstance(report, Exception):
            raise report
        yield report
