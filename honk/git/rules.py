"""What the base commit's own ``.gitignore`` and ``.gitattributes`` say about paths.

git evaluates them over a scratch folder that holds these files of the base and nothing
else, so that neither the model's tree nor its edits of the rules have a say.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from honk.core.errors import GitError
from honk.git.command import Git, stop
from honk.git.objects import REGULAR, Blobs, Entry

_RULES = (b".gitignore", b".gitattributes")


class BaseRules:
    """A context manager: a scratch folder and one ``git check-ignore`` that answers path by path."""

    def __init__(self, git: Git, base: Mapping[bytes, Entry], blobs: Blobs) -> None:
        self._git = git
        self._folder = tempfile.TemporaryDirectory(dir=git.folder, prefix="rules-")
        self._env = {"GIT_WORK_TREE": self._folder.name, "GIT_LITERAL_PATHSPECS": "0"}
        self._process: subprocess.Popen[bytes] | None = None
        self._attributes = False
        for path, entry in base.items():
            name = path.rsplit(b"/", 1)[-1]
            if name in _RULES and entry.mode in REGULAR:
                data = blobs.read(entry.oid)
                self._attributes |= name == b".gitattributes" and b"filter" in data
                file = Path(self._folder.name, path.decode("utf-8", "surrogateescape"))
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)

    def __enter__(self) -> BaseRules:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            stop(self._process)
        self._folder.cleanup()

    def ignores(self, path: bytes) -> bool:
        """The base's ignore rules cover ``path``; a folder is asked with a slash at its end."""
        if self._process is None:
            self._process = self._git.start(
                "check-ignore", "--no-index", "--verbose", "--non-matching", "-z", "--stdin", env=self._env
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            stdin.write(b"./" + path + b"\0")  # the dot keeps a leading colon from being pathspec magic
            stdin.flush()
        except BrokenPipeError:
            raise GitError("git check-ignore ended unexpectedly.", "Run it again.") from None
        fields: list[bytes] = []
        answer = bytearray()
        while len(fields) < 4:  # source, line, pattern, path
            byte = stdout.read1(65536)  # type: ignore[attr-defined]
            if not byte:
                raise GitError("git check-ignore ended unexpectedly.", "Run it again.")
            answer += byte
            fields = bytes(answer).split(b"\0")[:-1] if answer.endswith(b"\0") else []
        return bool(fields[2]) and not fields[2].startswith(b"!")

    def kept_in_lfs(self, paths: Iterable[bytes]) -> set[bytes]:
        """Those of ``paths`` that the base's attributes put under ``filter=lfs``."""
        asked = list(paths)
        if not self._attributes or not asked:
            return set()
        out = self._git.run(
            "check-attr", "-z", "--stdin", "filter", input=b"".join(p + b"\0" for p in asked), env=self._env
        )
        fields = out.split(b"\0")[:-1]
        return {fields[i] for i in range(0, len(fields), 3) if fields[i + 2] == b"lfs"}
