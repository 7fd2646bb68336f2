"""Which paths and links may become part of a commit.

A name that git, another file system or a person could read as something else is refused.
Each check returns the reason as words for the model, or None.
"""

from __future__ import annotations

import unicodedata

_MAX_COMPONENT = 255
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
# A symbolic link under these names would make git read rules from somewhere else.
_NEVER_LINKS = (b".gitmodules", b".gitattributes", b".gitignore", b".mailmap")


def shown(path: bytes) -> str:
    """A path for messages: printable, everything else escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def fold(path: bytes) -> bytes:
    """Paths with equal folds are one file on some file system (case, Unicode form)."""
    if path.isascii():
        return path.lower()
    text = path.decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFKC", text.casefold()).encode("utf-8", "surrogateescape")


def is_git_alias(component: bytes) -> bool:
    """Some file system may open ``.git`` for this name (HFS+ ignorables, NTFS short names and streams)."""
    text = component.decode("utf-8", "ignore")
    text = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE)
    text = unicodedata.normalize("NFKC", text).casefold().split(":")[0].rstrip(" .")
    return text in (".git", "git~1")


def git_alias(path: bytes) -> bytes | None:
    """The leading part of ``path`` that ends in such a name, if any."""
    parts = path.split(b"/")
    for count, part in enumerate(parts, 1):
        if is_git_alias(part):
            return b"/".join(parts[:count])
    return None


def malformed(path: bytes) -> str | None:
    """Why a tar member's name is no path of a tree at all, whatever it holds."""
    if path.startswith(b"/"):
        return "is an absolute path"
    if b"\0" in path:
        return "contains a NUL"
    if any(part in (b"", b".", b"..") for part in path.split(b"/")):
        return "is not a plain relative path"
    return None


def unacceptable(path: bytes) -> str | None:
    """Why a new or changed path cannot be committed."""
    if git_alias(path) is not None:
        return "is a name of git's own folder (a nested repository?)"
    if any(len(part) > _MAX_COMPONENT for part in path.split(b"/")):
        return f"has a name longer than {_MAX_COMPONENT} bytes"
    if b"\\" in path:
        return "contains a backslash"
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    if any(unicodedata.category(c) in _INVISIBLE for c in text):
        return "contains a control character or an invisible one"
    return None


def unacceptable_link(path: bytes, target: bytes) -> str | None:
    """Why a new or changed symbolic link cannot be committed.

    Leading ``..`` may climb as far as the top folder. A ``..`` after a name is refused,
    because that name may be a link itself, and two harmless ones then lead outside.
    """
    if path.rsplit(b"/", 1)[-1].lower() in _NEVER_LINKS:
        return "must be a file, not a symbolic link"
    if not target or len(target) > 4095:
        return "is a symbolic link with an empty or overlong target"
    if target.startswith(b"/"):
        return f"is a symbolic link to the absolute path {shown(target)}"
    parts = [p for p in target.split(b"/") if p not in (b"", b".")]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == b"..":
        climbs += 1
    if climbs > path.count(b"/") or b".." in parts[climbs:]:
        return f"is a symbolic link that leaves the repository ({shown(target)})"
    reason = unacceptable(b"/".join(parts[climbs:])) if parts[climbs:] else None
    return None if reason is None else f"is a symbolic link to {shown(target)}, which {reason}"
