"""Names that git takes: branches, and the repository addresses that honk accepts."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from honk.core.errors import UserError
from honk.core.fates import BRANCHES
from honk.core.types import RepoRef

_SLUG_LENGTH = 40
# git-check-ref-format(1): no control characters, space, ~ ^ : ? * [ \, "..", "@{", "//"
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_OWNER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9._-]+)+")
_SCP_LIKE = re.compile(r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^:].*)")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def check_branch(name: str) -> str:
    """Return ``name`` if it is a valid short branch name, else raise UserError.

    The rules are those of ``git check-ref-format --branch``; a leading dash, a full
    ``refs/…`` name and invisible characters are refused as well.
    """
    parts = name.split("/")
    bad = (
        not name
        or len(name.encode("utf-8", "surrogatepass")) > 200
        or name.startswith(("-", "refs/"))
        or name in ("@", "HEAD")
        or name.endswith(".")
        or _FORBIDDEN.search(name)
        or any(not p or p.startswith(".") or p.endswith(".lock") for p in parts)
        or any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name)
    )
    if bad:
        raise UserError(f"{name!r} is not a branch name that git takes.", "Give a short name such as main.")
    return name


def check_own_branch(name: str) -> str:
    """Return ``name`` if it is a branch that honk may write: ``honk/…``."""
    if not name.startswith(BRANCHES):
        raise UserError(
            f"honk pushes to {BRANCHES}… only, not to {name!r}.", "Report this as a defect of honk."
        )
    return check_branch(name)


def branch_name(slug_source: str, run_id: str) -> str:
    """``honk/<slug>-<id>``: always a valid branch name, the same for the same arguments.

    The slug is made of ASCII letters and digits of ``slug_source``; without any it is
    ``change``. An id with other characters than letters, digits and dashes is hashed.
    """
    plain = unicodedata.normalize("NFKD", slug_source).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_SLUG_LENGTH].strip("-") or "change"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", run_id):
        run_id = hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{BRANCHES}{slug}-{run_id}"


@dataclass(frozen=True)
class RemoteName:
    """What a remote's address means: ``host`` (with port, lower case) and ``name``
    (``owner/name``), or a local ``path``. Exactly one of ``host`` and ``path`` is set."""

    host: str | None = None
    name: str = ""
    path: Path | None = None


def _refuse(url: str, why: str) -> UserError:
    shown = re.sub(r"(//)[^/@]*@", r"\1…@", url)
    return UserError(
        f"{shown!r} is not a repository that honk takes: {why}.",
        "Give owner/name, an https:// or git@host:owner/name address, or a path.",
    )


def _owner_name(url: str, path: str) -> str:
    name = path.strip("/").removesuffix(".git")
    if not _OWNER_NAME.fullmatch(name) or any(p in (".", "..") or not p for p in name.split("/")):
        raise _refuse(url, "it does not end in owner/name")
    return name


def owner_name(text: str) -> str:
    """Return ``text`` if it is a plain ``owner/name``, else raise UserError."""
    if text.count("/") != 1 or _owner_name(text, text) != text:
        raise _refuse(text, "it is not owner/name")
    return text


def _check_host(url: str, host: str) -> str:
    if not _HOST.fullmatch(host):
        raise _refuse(url, "the host name is not valid")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        if labels[-1].isdigit() or labels[-1].lower().startswith("0x"):  # 127.1, 2130706433, 0x7f.1
            raise _refuse(url, "an IP address is not taken as the host") from None
    else:
        if host != "127.0.0.1":
            raise _refuse(url, "an IP address is not taken as the host")
    return host.lower()


def parse_remote(url: str) -> RemoteName:
    """Take apart a repository address as people and git write it.

    ``https://host[:port]/owner/name[.git]``, ``ssh://[user@]host[:port]/owner/name``,
    ``[user@]host:owner/name``, ``file:///path``, or a path (absolute, or beginning with
    ``.`` or ``~``). The port of an SSH address is dropped, since it is not the API's.
    Raises UserError for anything else: remote helpers (``ext::``), options, credentials
    in the address, IP addresses (but 127.0.0.1).
    """
    if not url or url.startswith("-") or any(ord(c) < 0x20 or ord(c) == 0x7F for c in url):
        raise _refuse(url, "it is empty, an option or has control characters")
    if "::" in url.split("/")[0]:
        raise _refuse(url, "remote helpers are not allowed")
    if "://" in url:
        return _parse_url(url)
    if url.startswith(("/", "./", "../", "~")) or url in (".", ".."):
        return RemoteName(path=Path(url).expanduser().absolute())
    if match := _SCP_LIKE.fullmatch(url):
        return RemoteName(host=_check_host(url, match["host"]), name=_owner_name(url, match["path"]))
    raise _refuse(url, "it is neither an address nor a path")


def _parse_url(url: str) -> RemoteName:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refuse(url, "the address is malformed") from None
    if parts.scheme == "file":
        path = unquote(parts.path)
        if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
            raise _refuse(url, "a file address names an absolute path on this machine")
        return RemoteName(path=Path(path))
    if parts.scheme not in ("https", "http", "ssh", "git+ssh"):
        raise _refuse(url, f"the protocol {parts.scheme} is not allowed")
    if parts.query or parts.fragment:
        raise _refuse(url, "it has a query or a fragment")
    host = _check_host(url, parts.hostname or "")
    if parts.scheme in ("ssh", "git+ssh"):
        if parts.password is not None:
            raise _refuse(url, "it contains a credential")
        return RemoteName(host=host, name=_owner_name(url, parts.path))
    if "@" in parts.netloc:
        raise _refuse(url, "it contains a credential")
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1"):
        raise _refuse(url, "plain http is not allowed")
    default = 443 if parts.scheme == "https" else 80
    return RemoteName(
        host=host if port in (None, default) else f"{host}:{port}", name=_owner_name(url, parts.path)
    )


@dataclass(frozen=True)
class Location:
    """Where git reaches a repository: ``protocol`` is the only one that its process may speak."""

    url: str
    protocol: Literal["https", "http", "file"]


def location(url: str) -> Location:
    """The address that git is given for ``url`` (https, or a local path). Raises UserError."""
    remote = parse_remote(url)
    if remote.path is not None:
        return Location(str(remote.path), "file")
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in ("https", "http"):
        raise _refuse(url, "git reaches it by https or as a path only")
    # Built anew from its validated parts; the suffix stays as given, since a server may want either.
    suffix = ".git" if url.rstrip("/").endswith(".git") else ""
    return Location(
        f"{scheme}://{remote.host}/{remote.name}{suffix}", "https" if scheme == "https" else "http"
    )


def location_of(repo: RepoRef) -> Location:
    """As :func:`location`, for a repository of either forge."""
    return location(repo.url)
