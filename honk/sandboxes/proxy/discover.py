"""The registries that the host's own pip and npm use, for operators who configured none."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from honk.core.operator import Registry
from honk.sandboxes.proxy.remote import split_userinfo

_SECONDS = 20.0

# pip's own configuration reader, and the default that pip itself ships.
_ASK_PIP = """
import json
from pip._internal.configuration import Configuration
from pip._internal.models.index import PyPI
configuration = Configuration(isolated=False)
configuration.load()
found = {}
for key, value in configuration.items():  # newer releases group them by file, in their order
    found.update(value if isinstance(value, dict) else {key: value})
print(json.dumps({"default": PyPI.simple_url, "set": found}))
"""


def discover(environ: Mapping[str, str], *, python: str = sys.executable) -> tuple[Registry, ...]:
    """What counts as configured when ``honk.toml`` names no registry.

    ``environ`` becomes the tools' whole environment. Takes about a second (two tools start),
    so call it when a sandbox first asks for a package. A tool that is missing or fails
    contributes nothing. Registries of single npm scopes, netrc files and keyrings are not read.
    """
    return (*_pip(environ, python), *_npm(environ))


def _pip(environ: Mapping[str, str], python: str) -> list[Registry]:
    answer = _ask([python, "-c", _ASK_PIP], environ) or _ask(["python3", "-c", _ASK_PIP], environ)
    try:
        data = json.loads(answer)
    except ValueError:
        return []
    default, given = str(data["default"]), data["set"]
    index = _setting(given, "index-url")
    remote: list[str] = []
    local: list[str] = []
    for url in _setting(given, "extra-index-url"):
        (local if url.startswith("file:") else remote).append(url)
    # pip merges its indexes, the proxy orders them. Additional indexes are in-house ones beside
    # the default (which must not shadow them), or supplements of a configured main index.
    # Folders come last: they supplement, nobody publishes there.
    urls = [*index, *remote] if index and index != [default] else [*remote, default]
    found = (_registry("pypi", url) for url in dict.fromkeys([*urls, *local]))
    return [registry for registry in found if registry is not None]


def _setting(given: Mapping[str, str], name: str) -> list[str]:
    """A list setting with pip's own precedence: environment, command section, global section."""
    for section in (":env:", "install", "global"):
        if value := str(given.get(f"{section}.{name}", "")).split():
            return value
    return []


def _npm(environ: Mapping[str, str]) -> list[Registry]:
    try:
        # npm writes a log of every call into its cache, which is somebody else's.
        with TemporaryDirectory() as cache:
            config = json.loads(_ask(["npm", "config", "list", "--json", f"--cache={cache}"], environ))
        registry = _registry("npm", str(config["registry"]))
    except (ValueError, KeyError, TypeError):
        return []
    if registry is None:
        return []
    # npm does not print its tokens ("protected"); they are in the user's npmrc.
    try:
        lines = Path(str(config.get("userconfig", ""))).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    token = _npm_token(lines, registry.url, environ)
    return [registry.model_copy(update={"token": SecretStr(token)}) if token else registry]


def _npm_token(lines: Sequence[str], url: str, environ: Mapping[str, str]) -> str:
    """The value of ``//host/path/:_authToken`` for the registry or a folder above it, or empty."""
    values = {key.strip(): value.strip().strip("\"'") for key, _, value in (x.partition("=") for x in lines)}
    place = urlsplit(url).netloc + urlsplit(url).path.rstrip("/")
    while place:
        if found := values.get(f"//{place}/:_authToken"):
            return re.sub(r"\$\{(\w+)\}", lambda match: environ.get(match[1], ""), found)
        place = place.rpartition("/")[0]
    return ""


def _registry(kind: Literal["pypi", "npm"], url: str) -> Registry | None:
    if url.startswith("file:"):
        folder = Path(unquote(urlsplit(url).path))
        return Registry(kind=kind, url=str(folder)) if folder.is_dir() else None
    if not re.match(r"https?://[^/]", url):
        return None
    bare, user, password = split_userinfo(url)
    if not user:
        return Registry(kind=kind, url=bare)
    return Registry(kind=kind, url=bare, username=user, password=SecretStr(password))


def _ask(command: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            cwd="/",  # a project's own pip.conf or .npmrc is not the host's configuration
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout if done.returncode == 0 else ""
