"""A GitHub to test against: real HTTP, real bare repositories, and GitHub's own refusals.

It answers the part of the REST API that honk uses. ``tests/forges`` holds every request and
response to GitHub's OpenAPI description, so the fake cannot drift from the real one unseen.
"""

from __future__ import annotations

import json
import re
import secrets
import ssl
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from honk.testing.githttp import write_certificate
from honk.testing.github_asked import Refused, Reply
from honk.testing.github_bodies import Bodies
from honk.testing.github_routes import Routes
from honk.testing.github_state import Installation, Repo, Role, Token, git


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they went over the wire. ``injected``: by ``fail_next``."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    status: int
    response_headers: Mapping[str, str]
    response: Any
    injected: bool = False


@dataclass
class _Failure:
    pattern: re.Pattern[str]
    status: int
    body: Any
    headers: Mapping[str, str]
    times: int
    after: bool  # the request takes effect, only its answer is lost


@dataclass(frozen=True)
class AppKey:
    id: str
    private_key: str
    installation: Installation


@dataclass
class FakeGitHub:
    """A context manager. ``root`` holds the bare repositories as ``owner/name.git``.

    ``git_url`` is the base of clone URLs (``https://localhost:8443`` of a server over the
    same ``root``), by default the folder itself. ``prefix`` is the API's path, ``/api/v3`` on
    GitHub Enterprise. With ``tls``, ``ca_file`` is what clients must trust.
    """

    root: Path
    git_url: str | None = None
    prefix: str = ""
    tls: bool = False
    ca_file: Path | None = None
    repos: dict[int, Repo] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)  # lower-case former full name to id
    tokens: dict[str, Token] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    journal: list[Exchange] = field(default_factory=list)
    fork_polls: int = 0
    rate: tuple[int, int] = (5000, 5000)  # remaining, limit
    lock: threading.RLock = field(default_factory=threading.RLock)
    _failures: list[_Failure] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.fake = self  # type: ignore[attr-defined]
        if self.tls:
            self._encrypt()
        scheme = "https" if self.tls else "http"
        host = f"{scheme}://localhost:{self._server.server_port}"
        self.url = host + self.prefix
        self.bodies = Bodies(self.url, host, self.git_url or self.root.as_uri())
        self.routes = Routes(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _encrypt(self) -> None:
        folder = self.root.parent / f"{self.root.name}-api-tls"
        folder.mkdir(parents=True)
        self.ca_file, key = write_certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    # ---- what a test sets up ----------------------------------------------------------

    def add_repo(self, full_name: str, roles: Mapping[str, Role] | None = None, **fields: Any) -> Repo:
        """A repository over ``root/owner/name.git``, which is made empty if it is not there."""
        owner, name = full_name.split("/")
        path = self.root / owner / f"{name}.git"
        if not path.exists():
            path.mkdir(parents=True)
            git(path, "init", "--bare", "--quiet", "--initial-branch=main")
            git(path, "config", "http.receivepack", "true")
        number = 1 + max(self.repos, default=0)
        repo = Repo(id=number, owner=owner, name=name, path=path, roles=dict(roles or {}), **fields)
        self.repos[number] = repo
        return repo

    def add_token(self, login: str, *, prefix: str = "ghp_", **fields: Any) -> str:
        """A token of a user; see :class:`Token` for ``fields``."""
        secret = prefix + secrets.token_hex(18)
        self.tokens[secret] = Token(login=login, **fields)
        return secret

    def add_app(self, repo: Repo, permissions: Mapping[str, str], *, token_seconds: int = 3600) -> AppKey:
        """A GitHub App, installed on one repository."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        number = 1 + max(self.installations, default=70)
        installation = Installation(
            id=number,
            app_id=str(9000 + number),
            key=public.decode(),
            account=repo.owner,
            permissions={"metadata": "read", **permissions},
            repos={repo.id},
            token_seconds=token_seconds,
        )
        self.installations[number] = installation
        return AppKey(id=installation.app_id, private_key=private.decode(), installation=installation)

    def rename(self, repo: Repo, full_name: str) -> None:
        """Rename or transfer: the old name answers 301 (307 to a write) from now on."""
        self.moved[repo.full_name.lower()] = repo.id
        repo.owner, repo.name = full_name.split("/")
        path = self.root / repo.owner / f"{repo.name}.git"
        path.parent.mkdir(parents=True, exist_ok=True)
        repo.path = repo.path.rename(path)

    def fail_next(
        self,
        pattern: str,
        status: int,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        times: int = 1,
        after: bool = False,
    ) -> None:
        """Answer the next requests whose "METHOD /path" matches with a failure.

        With ``after`` the request is carried out first: only its answer is lost.
        """
        message = {"message": "Server Error"} if body is None else body
        self._failures.append(_Failure(re.compile(pattern), status, message, headers or {}, times, after))

    # ---- what the server does ---------------------------------------------------------

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, Mapping[str, str], Any]:
        url = urlsplit(target)
        path = url.path.removeprefix(self.prefix)
        query = parse_qs(url.query)
        if match := re.fullmatch(r"/_logs/(\d+)/(\d+)", path):  # elsewhere, and without a credential
            return self._log(int(match[1]), int(match[2]), headers)
        with self.lock:
            failure = next(
                (f for f in self._failures if f.times and f.pattern.search(f"{method} {path}")), None
            )
            body = None
            if failure is None or failure.after:
                status, extra, response, body = self._carry_out(method, path, query, headers, raw)
            if failure:
                failure.times -= 1
                status, extra, response = failure.status, failure.headers, failure.body
            sent = {**self._rate_headers(), **extra}
            exchange = Exchange(
                method, path, query, headers, body, status, sent, response, injected=failure is not None
            )
            self.journal.append(exchange)
        return status, sent, response

    def _log(self, repo: int, check: int, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], str]:
        assert "authorization" not in headers
        return 200, {}, next(c.log for c in self.repos[repo].talk.checks if c.id == check)

    def _carry_out(
        self, method: str, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], raw: bytes
    ) -> tuple[int, Mapping[str, str], Any, Any]:
        body = None
        try:
            body = json.loads(raw) if raw else None
            reply = self.routes.handle(method, path, query, headers.get("authorization", ""), body)
        except Refused as refusal:
            reply = refusal.reply
        except ValueError:
            reply = Reply(400, {"message": "Problems parsing JSON", "status": "400"})
        return reply.status, reply.headers, reply.body, body

    def _rate_headers(self) -> dict[str, str]:
        remaining, limit = self.rate
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(int(time.time()) + 3600),
            "X-RateLimit-Resource": "core",
            "X-GitHub-Media-Type": "github.v3; format=json",
        }

    def fork_of(self, repo: Repo, login: str) -> Repo:
        """The user's fork, made if there is none yet."""
        for other in self.repos.values():
            if other.parent is repo and other.owner == login:
                return other
        path = self.root / login / f"{repo.name}.git"
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "clone", "--bare", "--quiet", str(repo.path), str(path)], check=True)
        return self.add_repo(
            f"{login}/{repo.name}",
            {login: "admin"},
            private=repo.private,
            parent=repo,
            polls=self.fork_polls,
            organisation=False,
            default_branch=repo.default_branch,
        )

    def new_installation_token(
        self, installation: Installation, repos: frozenset[int], grants: dict[str, str]
    ) -> tuple[str, Token]:
        secret = "ghs_" + secrets.token_hex(18)
        expires = datetime.now(UTC) + timedelta(seconds=installation.token_seconds)
        token = Token(login="honk[bot]", grants=grants, repos=repos, expires=expires)
        self.tokens[secret] = token
        return secret, token


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        fake: FakeGitHub = self.server.fake  # type: ignore[attr-defined]
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, extra, body = fake.answer(self.command, self.path, headers, self.rfile.read(length))
        text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(body, str) else "application/json; charset=utf-8"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(text)), **extra}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: object) -> None:
        """The journal is the log."""
