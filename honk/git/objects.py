"""Read and write objects of a bare repository: trees, blobs, differences, packs."""

from __future__ import annotations

import hashlib
import re
import subprocess
import threading
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from honk.core.errors import GitError
from honk.core.types import Change, FileChange, check_object_id
from honk.git.command import Git, stop
from honk.git.remote import HISTORIC_DEFECTS

_LOOSE_BELOW = 100  # as git's own transfer.unpackLimit: fewer objects do not deserve a pack

BINARY_ATTRIBUTES = "binary.attributes"  # a file of each mirror: "* -diff"

REGULAR = ("100644", "100755")
SYMLINK = "120000"
GITLINK = "160000"


class Entry(NamedTuple):
    """One path of a tree: git's octal mode and the object id."""

    mode: str
    oid: str


def tree(git: Git, treeish: str) -> dict[bytes, Entry]:
    """Every path of a commit or tree (blobs, symlinks, gitlinks), in git's order."""
    out = git.run("ls-tree", "-r", "-z", "--full-tree", check_object_id(treeish))
    entries = {}
    for record in out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        meta, _, path = record.partition("\t")
        mode, _, oid = meta.split(" ")
        entries[path.encode("utf-8", "surrogateescape")] = Entry(mode, oid)
    return entries


def text_path(path: bytes) -> str:
    """A path as text. Bytes that are not UTF-8 show as ``\\xNN``, so that its folders stay what they are."""
    return path.decode("utf-8", "backslashreplace")


def object_id(kind: str, data: bytes, algorithm: str) -> str:
    """The id that git gives ``data``; ``algorithm`` is the repository's object format."""
    return hashlib.new(algorithm, b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


class Blobs:
    """One long-lived ``git cat-file --batch``, started when the first object is read."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, oid: str) -> bytes:
        """The content of a blob. Raises GitError if there is none."""
        check_object_id(oid)
        with self._lock:
            try:
                return self._ask(oid)
            except BrokenPipeError:
                raise GitError("git cat-file ended unexpectedly.", "Run it again.") from None

    def _ask(self, oid: str) -> bytes:
        if self._process is None:
            self._process = self._git.start("cat-file", "--batch")
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(oid.encode() + b"\n")
        stdin.flush()
        header = stdout.readline().split()
        if len(header) != 3:
            raise GitError(
                f"The object {oid} is not in the mirror.", "Delete the mirror; it is only a cache."
            )
        data = stdout.read(int(header[2]))
        stdout.read(1)
        if header[1] != b"blob":
            raise GitError(
                f"The object {oid} is a {header[1].decode()}, not a file.", "Report this as a defect."
            )
        return data

    def close(self) -> None:
        with self._lock:
            if self._process is not None:
                stop(self._process)
                self._process = None


# ---- differences ------------------------------------------------------------------------

_PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--full-index", "--submodule=short")


def diff(git: Git, base: str, head: str) -> Change:
    """The difference between two commits. See :func:`patch` for the text."""
    ends = (check_object_id(base), check_object_id(head))
    out = git.run("diff-tree", "-r", "-z", "--raw", "--numstat", *_PLAIN, *ends)
    fields = out.split(b"\0")[:-1]
    changed: dict[bytes, list[str]] = {}
    position = 0
    while position < len(fields) and fields[position].startswith(b":"):
        changed[fields[position + 1]] = fields[position].decode().lstrip(":").split(" ")
        position += 2
    counts: dict[bytes, tuple[int | None, int | None]] = {}
    for record in fields[position:]:
        added, removed, path = record.split(b"\t", 2)
        counts[path] = (None, None) if added == b"-" else (int(added), int(removed))
    files = tuple(_file_change(path, raw, counts.get(path, (0, 0))) for path, raw in changed.items())
    return Change(base=base, head=head, files=files, patch=patch(git, *ends) if files else "")


def _file_change(path: bytes, raw: Sequence[str], count: tuple[int | None, int | None]) -> FileChange:
    old_mode, new_mode, old, new, status = raw
    added, removed = count
    return FileChange(
        path=text_path(path),
        status="M" if status[0] not in "ADT" else status[0],  # type: ignore[arg-type]
        old_mode=None if set(old_mode) == {"0"} else old_mode,
        new_mode=None if set(new_mode) == {"0"} else new_mode,
        old_blob=None if set(old) == {"0"} else old,
        new_blob=None if set(new) == {"0"} else new,
        added=added,
        removed=removed,
    )


def patch(git: Git, base: str, head: str) -> str:
    """A patch that ``git apply`` takes, as text that survives JSON and any database.

    A file whose part of the patch is not UTF-8 (Latin-1, say), or has a NUL that git did
    not see, is shown as a binary patch, which is plain ASCII and applies byte for byte.
    The repository's own attributes have no say: a bare repository does not read them.
    """
    command = ("diff-tree", "-r", "-p", "--binary", *_PLAIN, base, head)
    plain = git.run(*command)
    if _is_text(plain):
        return plain.decode()
    attributes = {"core.attributesFile": str(git.folder / BINARY_ATTRIBUTES)}
    binary = git.run(*command, config=attributes)
    # Both list the same files in the same order; no line of content can begin like a header.
    pairs = zip(_sections(plain), _sections(binary), strict=True)
    return b"".join(text if _is_text(text) else other for text, other in pairs).decode()


def _sections(data: bytes) -> list[bytes]:
    return re.split(rb"^(?=diff --git )", data, flags=re.M)[1:]


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# ---- packs ------------------------------------------------------------------------------


def unpack(git: Git, data: bytes) -> None:
    """Take a pack into the repository, checking each object strictly. Raises GitError."""
    severities = ",".join(f"{name}=warn" for name in HISTORIC_DEFECTS)
    git.run("index-pack", "--stdin", f"--strict={severities}", input=data)


def compressed(data: bytes) -> bytes:
    """One blob as an entry of a pack (gitformat-pack(5)): type 3 and size, then zlib data."""
    size = len(data)
    head = bytearray([(3 << 4) | (size & 15)])
    size >>= 4
    while size:
        head[-1] |= 0x80
        head.append(size & 0x7F)
        size >>= 7
    return bytes(head) + zlib.compress(data, 1)


def write_blobs(git: Git, entries: Iterable[bytes], algorithm: str) -> None:
    """Write blobs, each given as :func:`compressed` made it, in one process."""
    body = list(entries)
    if not body:
        return
    content = b"PACK" + (2).to_bytes(4, "big") + len(body).to_bytes(4, "big") + b"".join(body)
    content += hashlib.new(algorithm, content).digest()
    command = ("unpack-objects", "-q") if len(body) < _LOOSE_BELOW else ("index-pack", "--stdin")
    git.run(*command, input=content)
