"""A git server over HTTP for tests: git's own ``http-backend`` behind a token, with TLS.

Serves every bare repository below a folder. A repository whose ``hooks/update`` refuses
works as a protected branch.
"""

from __future__ import annotations

import base64
import gzip
import ipaddress
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Literal
from urllib.parse import unquote, urlsplit

Rights = Callable[[str, str], Literal["read", "write"] | None]
"""What a token may do with the repository at a path; None: it does not even see it."""


FETCH = b"command=fetch"  # gitprotocol-v2(5)
PUSH = b"report-status"  # a capability of a push alone; gitprotocol-capabilities(5)


@dataclass
class Stall:
    """A request with ``words`` in its body never gets its whole answer: ``FETCH``, or ``PUSH``.

    With ``begun`` it is carried out and half of the answer sent, without it nothing at all.
    ``reached`` says that the client waits; the connection is closed when ``go`` is set.
    """

    words: bytes
    begun: bool
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for localhost and 127.0.0.1; returns its file and the key's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # A name of its own: clients find a trusted certificate by its subject, and may trust several.
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"localhost {serial:x}")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


class GitHttpServer:
    """Serves the bare repositories below ``root`` as ``<url>/<path>``; a context manager.

    ``token`` is what ``x-access-token:TOKEN`` (or a bearer) must hold; requests without it
    get 401. ``read_only`` tokens get 403 on a push. ``rights``, if given, decides instead of
    both. ``requests`` lists what came, as ``"GET /acme/app.git/info/refs 200"``.
    ``stall`` holds up one of them. With ``tls``, ``ca_file`` is what clients trust.
    """

    def __init__(
        self,
        root: Path,
        token: str,
        *,
        tls: bool = True,
        read_only: str = "",
        rights: Rights | None = None,
    ) -> None:
        self.root = root
        self.token = token
        self.read_only = read_only
        self.rights = rights or self._of_two_tokens
        self.requests: list[str] = []
        self.stall: Stall | None = None
        self.ca_file: Path | None = None
        server = self

        class Handler(_Handler):
            owner = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if tls:
            folder = root.parent / f"{root.name}-tls"
            folder.mkdir(parents=True, exist_ok=True)
            self.ca_file, key = write_certificate(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ca_file, key)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://localhost:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> GitHttpServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.stall is not None:
            self.stall.go.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _of_two_tokens(self, token: str, path: str) -> Literal["read", "write"] | None:
        if token == self.token:
            return "write"
        return "read" if token and token == self.read_only else None


class _Handler(BaseHTTPRequestHandler):
    """One request as one CGI process of ``git http-backend`` (git-http-backend(1))."""

    owner: GitHttpServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept in ``GitHttpServer.requests`` instead."""

    def _serve(self) -> None:
        body = self._body()
        parts = urlsplit(self.path)
        token = self._token()
        rights = self.owner.rights(token, unquote(parts.path)) if token else None
        if rights is None:
            self._answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
        elif rights == "read" and "git-receive-pack" in self.path:
            self._answer(403, [], b"Write access to repository not granted.\n")
        elif (stall := self.owner.stall) and stall.words in body:
            self._stall(stall, parts.path, body)
        else:
            self._answer(*self._backend(unquote(parts.path), parts.query, body))

    def _stall(self, stall: Stall, path: str, body: bytes) -> None:
        if stall.begun:
            status, headers, content = self._backend(unquote(path), "", body)
            self._head(status, headers, len(content))
            self.wfile.write(content[: len(content) // 2])
        stall.reached.set()
        stall.go.wait()
        self.close_connection = True

    def _token(self) -> str | None:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return value
        if scheme.lower() == "basic":
            return base64.b64decode(value).decode().partition(":")[2]
        return None

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(pieces)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _backend(self, path: str, query: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        git = shutil.which("git") or "git"
        env = {
            "PATH": os.defpath + os.pathsep + str(Path(git).parent),
            "HOME": "/nonexistent",
            "GIT_PROJECT_ROOT": str(self.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "x-access-token",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run([git, "http-backend"], input=body, env=env, stdout=subprocess.PIPE, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().splitlines():
            name, _, value = line.partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        return status, headers, content

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._head(status, headers, len(body))
        self.wfile.write(body)

    def _head(self, status: int, headers: list[tuple[str, str]], length: int) -> None:
        self.owner.requests.append(f"{self.command} {urlsplit(self.path).path} {status}")
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
