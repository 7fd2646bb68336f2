"""The host's way to package registries: CA bundle, proxies, settings of pip, npm and apt.

Steps that run online see these as files in the memory of their own container and as
variables of their own process, so that nothing of them can stay in an image.
"""

from __future__ import annotations

import configparser
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# /dev/shm is a tmpfs in every container: what lies there is no part of a committed image.
FOLDER = "/dev/shm/honk"

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
_CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
)
# What each tool reads the path of its CA bundle from.
_CA_CONSUMERS = (
    *_CA_VARIABLES,
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "AWS_CA_BUNDLE",
)
_JAVA_STORE = Path("/etc/ssl/certs/java/cacerts")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_GO = ("GOPROXY", "GONOPROXY", "GOPRIVATE", "GONOSUMDB", "GOSUMDB")
_PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
_NPM_KEYS = re.compile(
    r"registry|@[^:]+:registry|//.+:(_authToken|_auth|username|_password|always-auth)"
    r"|https?-proxy|proxy|noproxy|strict-ssl"
)


@dataclass(frozen=True)
class HostClients:
    """``files`` by name below :data:`FOLDER`, ``environment`` that points at them.

    ``proxies`` are the variables alone, for builds that can see no files.
    """

    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)


def discover(environ: Mapping[str, str], user_home: Path) -> HostClients:
    """Read the host's settings. Local paths among them (a folder of wheels) are left out."""
    files: dict[str, bytes] = {}
    env = {name: environ[name] for name in (*_PROXIES, *_GO) if environ.get(name)}
    apt = _apt()
    if apt:
        files["apt.conf"] = apt
        env["APT_CONFIG"] = f"{FOLDER}/apt.conf"
    if ca := _ca_bundle(environ):
        files["ca.pem"] = ca
        env |= dict.fromkeys(_CA_CONSUMERS, f"{FOLDER}/ca.pem")
        if _JAVA_STORE.is_file():
            files["cacerts"] = _JAVA_STORE.read_bytes()
            env["JAVA_TOOL_OPTIONS"] = f"-Djavax.net.ssl.trustStore={FOLDER}/cacerts"
    if pip := _pip(environ, user_home):
        files["pip.conf"] = pip
        env["PIP_CONFIG_FILE"] = f"{FOLDER}/pip.conf"
    npm = _npm(environ, user_home, ca="ca.pem" in files)
    if npm:
        files["npmrc"] = npm
        env["NPM_CONFIG_USERCONFIG"] = f"{FOLDER}/npmrc"
    proxies = {name: environ[name] for name in _PROXIES if environ.get(name)}
    if (found := re.search(rb'Acquire::http::Proxy "([^"]+)"', apt)) and "http_proxy" not in proxies:
        proxies["http_proxy"] = found[1].decode()
    return HostClients(files, env, proxies)


def _ca_bundle(environ: Mapping[str, str]) -> bytes:
    named = [environ[name] for name in _CA_VARIABLES if environ.get(name)]
    for path in map(Path, (*named, *_CA_FILES)):
        if path.is_file():
            return path.read_bytes()
    return b""


def _pip(environ: Mapping[str, str], user_home: Path) -> bytes:
    """Settings of pip, later files win, variables win over all (pip's own order)."""
    config = Path(environ.get("XDG_CONFIG_HOME") or user_home / ".config")
    parser = configparser.RawConfigParser(strict=False)
    candidates = (Path("/etc/pip.conf"), user_home / ".pip/pip.conf", config / "pip/pip.conf")
    try:
        parser.read([*candidates, *filter(None, [environ.get("PIP_CONFIG_FILE")])], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return b""  # pip itself would refuse it, on the host too
    lines = []
    for key in _PIP_KEYS:
        value = parser.get("global", key, fallback="")
        value = environ.get("PIP_" + key.upper().replace("-", "_"), value)
        words = [w for w in value.split() if "://" not in w or w.startswith(("http://", "https://"))]
        if words:
            lines.append(f"{key} = {' '.join(words)}\n")
    return ("[global]\n" + "".join(lines)).encode() if lines else b""


def _npm(environ: Mapping[str, str], user_home: Path, *, ca: bool) -> bytes:
    path = Path(
        environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig") or user_home / ".npmrc"
    )
    lines = [f"cafile={FOLDER}/ca.pem"] if ca else []
    text = path.read_text("utf-8", "replace") if path.is_file() else ""
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and _NPM_KEYS.fullmatch(key.strip()):
            value = re.sub(r"\$\{([^}]+)\}", lambda m: environ.get(m[1], ""), value.strip())
            lines.append(f"{key.strip()}={value}")
    if registry := environ.get("NPM_CONFIG_REGISTRY") or environ.get("npm_config_registry"):
        lines.append(f"registry={registry}")
    return "".join(f"{line}\n" for line in lines).encode()


def _apt() -> bytes:
    """The host's apt proxies, as apt itself prints them."""
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
    return b"".join(
        line + b"\n"
        for line in dump.splitlines()
        if re.match(rb"Acquire::https?::Proxy(::\S+)? \"[^\"]+", line)
    )
