"""A registry behind HTTP: credentials only to its own origin, redirects checked, sizes limited."""

from __future__ import annotations

import base64
import ipaddress
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from honk.core.operator import Registry
from honk.sandboxes.proxy.sources import CHUNK, Page, RegistryError, Stream

if TYPE_CHECKING:
    import requests

MAX_PAGE = 64 << 20  # bytes; the largest packuments and index pages are near half of that
MAX_FILE = 4 << 30  # bytes, as SandboxCeiling.file_size
MAX_SECONDS = 1800.0  # of one file
MAX_REDIRECTS = 5
TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two reads

_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises RegistryError if ``url`` is not an http(s) address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RegistryError(f"The registry named an address that is not valid: {error}.") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise RegistryError(f"The registry named an address that is not http or https ({parts.scheme}:).")
    return parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme]


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError as error:
        raise RegistryError(f"The registry redirects to an address that is not valid: {error}.") from error


def split_userinfo(url: str) -> tuple[str, str, str]:
    """``url`` without its user name and password, and these two (empty where it has none)."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(user), unquote(password)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """What ``host`` stands for; nothing where only a proxy can resolve it."""
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    with suppress(OSError, UnicodeError):
        for *_, place in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            address = ipaddress.ip_address(str(place[0]).partition("%")[0])
            found.append(getattr(address, "ipv4_mapped", None) or address)
    return found


class Remote:
    """A registry at an http(s) address. Safe for several threads."""

    def __init__(self, registry: Registry, *, max_page: int = MAX_PAGE, max_file: int = MAX_FILE) -> None:
        self._origin = origin(registry.url)
        url, user, password = split_userinfo(registry.url)
        self._base = url.rstrip("/") + "/"
        self._max_page, self._max_file = max_page, max_file
        if registry.username is not None:
            user = registry.username
            password = registry.password.get_secret_value() if registry.password else ""
        self._authorization = _basic(user, password) if user else ""
        if registry.token is not None:
            self._authorization = "Bearer " + registry.token.get_secret_value()
        self._session: requests.Session | None = None
        self._reachable = {self._origin[1]}  # hosts

    def page(self, path: str, accept: str) -> Page | None:
        with self._get(self._base + path, {"Accept": accept}) as answer:
            if answer is None:
                return None
            chunks, size = [], 0
            for chunk in _chunks(answer, decode=True):
                size += len(chunk)
                if size > self._max_page:
                    raise RegistryError(f"{self._name} sent a page of more than {self._max_page} bytes.")
                chunks.append(chunk)
            return Page(b"".join(chunks), answer.headers.get("Content-Type", ""), answer.url)

    @contextmanager
    def open(self, url: str) -> Iterator[Stream | None]:
        # identity: the bytes must be those that the index has hashed.
        with self._get(url, {"Accept": "*/*", "Accept-Encoding": "identity"}) as answer:
            if answer is None:
                yield None
                return
            text = answer.headers.get("Content-Length", "")
            length = int(text) if text.isdecimal() else None
            if length is not None and length > self._max_file:
                raise RegistryError(f"{self._name} offers a file of {length} bytes; {self._max_file} pass.")
            chunks = _chunks(answer, decode=False, most=self._max_file)
            yield Stream(length, chunks, answer.headers.get("Content-Encoding"))

    @property
    def _name(self) -> str:
        return f"The registry at {self._origin[1]}"

    @contextmanager
    def _get(self, url: str, headers: dict[str, str]) -> Iterator[requests.Response | None]:
        """Follow redirects by hand: each hop is checked, and only the own origin gets the credential."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(url, headers)
            try:
                target = answer.headers.get("Location")
                if answer.status_code not in (301, 302, 303, 307, 308) or not target:
                    yield self._judged(answer)
                    return
                secure, url = origin(url)[0] == "https", _joined(url, target)
                if secure and origin(url)[0] != "https":
                    raise RegistryError(f"{self._name} redirects from https to http.")
            finally:
                answer.close()
        raise RegistryError(f"{self._name} redirects more than {MAX_REDIRECTS} times.")

    def _send(self, url: str, headers: dict[str, str]) -> requests.Response:
        import requests

        self._check_reach(origin(url)[1])
        if self._authorization and origin(url) == self._origin:
            headers = headers | {"Authorization": self._authorization}
        try:
            return self._open_session().get(
                url,
                headers=headers,
                auth=_keep,
                stream=True,
                allow_redirects=False,
                timeout=TIMEOUT,
            )
        except requests.Timeout as error:
            raise RegistryError(f"{self._name} did not answer in time.") from error
        except (requests.RequestException, UnicodeError, ValueError) as error:
            raise RegistryError(f"{self._name} cannot be reached ({type(error).__name__}).") from error

    def _check_reach(self, host: str) -> None:
        """A page may name files elsewhere, but not what only this machine can reach.

        Else a registry, or who may write to it, could read local services and the metadata of
        a cloud machine through honk. Raises RegistryError.
        """
        if host in self._reachable:
            return
        local = any(a.is_loopback for a in _addresses(self._origin[1]))
        for address in _addresses(host):
            near = address.is_link_local or address.is_unspecified or address.is_multicast
            if near or (address.is_loopback and not local):
                raise RegistryError(f"{self._name} names {host}, an address of honk's own machine.")
        self._reachable.add(host)

    def _judged(self, answer: requests.Response) -> requests.Response | None:
        if answer.status_code == 200:
            return answer
        if answer.status_code in (404, 410):
            return None
        if answer.status_code in (401, 403):
            raise RegistryError(f"{self._name} refuses honk's credentials ({answer.status_code}).")
        raise RegistryError(f"{self._name} answered with status {answer.status_code}.")

    def _open_session(self) -> requests.Session:
        if self._session is None:
            import requests
            from requests.adapters import HTTPAdapter

            session = requests.Session()
            session.headers["User-Agent"] = "honk-package-proxy"
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(pool_maxsize=32))
            self._session = session
        return self._session

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


def _keep(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An auth that adds nothing: given so that requests does not look into the user's netrc."""
    return request


def _chunks(answer: requests.Response, *, decode: bool, most: int | None = None) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    deadline, size = time.monotonic() + MAX_SECONDS, 0
    try:
        for chunk in answer.raw.stream(CHUNK, decode_content=decode):
            size += len(chunk)
            if most is not None and size > most:
                raise RegistryError(f"The registry sends a file of more than {most} bytes.")
            if time.monotonic() > deadline:
                raise RegistryError(f"The registry takes more than {MAX_SECONDS:.0f} seconds for one file.")
            yield chunk
    except (HTTPError, OSError) as error:
        raise RegistryError(f"The registry broke off its answer ({type(error).__name__}).") from error
