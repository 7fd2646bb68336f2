"""The gates ``lock-file`` and ``dependency-downgrade``: what happens to other people's code.

Manifests are read line by line with one pattern for each format: enough to see which package
stands with which version, whatever else the file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from honk.core.types import FileChange, Finding
from honk.gates.content import Content

_LOCKS = {
    "package-lock.json": ("package.json",),
    "npm-shrinkwrap.json": ("package.json",),
    "yarn.lock": ("package.json",),
    "pnpm-lock.yaml": ("package.json", "pnpm-workspace.yaml"),
    "bun.lock": ("package.json",),
    "bun.lockb": ("package.json",),
    "poetry.lock": ("pyproject.toml",),
    "uv.lock": ("pyproject.toml",),
    "pdm.lock": ("pyproject.toml",),
    "Pipfile.lock": ("Pipfile",),
    "Cargo.lock": ("Cargo.toml",),
    "go.sum": ("go.mod",),
    "Gemfile.lock": ("Gemfile", ".gemspec"),
    "composer.lock": ("composer.json",),
    "packages.lock.json": (".csproj", ".fsproj", "Directory.Packages.props"),
    "gradle.lockfile": ("build.gradle", "build.gradle.kts", "libs.versions.toml"),
    "mix.lock": ("mix.exs",),
    "pubspec.lock": ("pubspec.yaml",),
    "Podfile.lock": ("Podfile",),
    "flake.lock": ("flake.nix",),
}
_ASKED_LOCK = re.compile(
    r"\b(?:lock|up(?:date|grad)\w*|bump\w*|refresh|renew|audit|vulnerab\w+|cve|security|advisor\w+"
    r"|dependenc\w+|transitive|dedupe|tidy|prune)",
    re.I,
)
_ASKED_BACK = re.compile(
    r"\b(?:down-?grad\w*|roll(?:ed|ing)?\s?back|rollback|revert\w*|pin\w*|back to|lower|older"
    r"|support\s+\w+|go back|restrict\w*|cap)\b",
    re.I,
)


def is_lock(path: str) -> bool:
    """Whether a package manager writes ``path``, and nobody reads it."""
    return path.rpartition("/")[2] in _LOCKS


def locks(files: Sequence[FileChange], request: str) -> Iterator[Finding]:
    """Lock files that changed although no manifest did; blocked unless the request speaks of it. Here as
    below the request comes without what it forbids."""
    names = [file.path.rpartition("/")[2] for file in files]
    for file in files:
        manifests = _LOCKS.get(file.path.rpartition("/")[2])
        if manifests is None or any(name.endswith(manifests) for name in names):
            continue
        asked = _ASKED_LOCK.search(request) is not None
        detail = f"changed without {' or '.join(manifests)}"
        if file.status == "A":
            detail = f"is new, without a change of {' or '.join(manifests)}; leave it out of the change"
        yield Finding(gate="lock-file", result="flag" if asked else "block", path=file.path, detail=detail)


# ---- versions -------------------------------------------------------------------------------

_NAME = r"(?P<name>[@\w][\w./@:-]*)"
_VERSION = r"(?P<version>[\^~>=<!v\s]*\d[^\"'\s;#)\]}]*(?:\s*,\s*[<>=!~^]+\s*\d[^\"'\s;#)\]}]*)*)"
_EXTRAS = r"(?:\[[^\]]*\])?"
_TABLE = r"\s*=\s*(?:\{[^}]*?version\s*=\s*)?"  # name = "1", or name = { version = "1" }
_FORMATS = (
    (
        r"(?:^|/)(?:requirements|constraints)[^/]*\.(?:txt|in)$",
        rf"^\s*{_NAME}{_EXTRAS}\s*[=<>!~]=?=?{_VERSION}",
    ),
    (
        r"(?:^|/)(?:pyproject\.toml|Pipfile|setup\.cfg|setup\.py)$",
        rf"(?:^\s*|[\"']){_NAME}{_EXTRAS}[\"']?(?:{_TABLE}[\"']|\s*(?:[<>]=?|[=!~]==?)){_VERSION}",
    ),
    (
        r"(?:^|/)(?:package\.json|composer\.json)$",
        rf"^\s*(?:\"[^\"]*\"\s*:\s*\{{\s*)?\"{_NAME}\"\s*:\s*\"{_VERSION}",
    ),
    (r"(?:^|/)go\.mod$", rf"^\s*(?:require\s+)?{_NAME}\s+{_VERSION}"),
    (r"(?:^|/)(?:Cargo\.toml|libs\.versions\.toml)$", rf"^\s*{_NAME}{_TABLE}\"{_VERSION}"),
    (
        r"(?:^|/)(?:Gemfile|[^/]*\.gemspec)$",
        rf"(?:gem|dependency)\s*\(?\s*[\"']{_NAME}[\"']\s*,\s*[\"']{_VERSION}",
    ),
    (
        r"\.(?:cs|fs|vb)proj$|(?:^|/)(?:Directory\.Packages|packages)\.(?:props|config)$",
        rf"(?:Include|id)=\"{_NAME}\"[^>]*?[vV]ersion=\"{_VERSION}",
    ),
    (r"\.gradle(?:\.kts)?$", rf"[\"'(](?P<name>[\w.-]+:[\w.-]+):{_VERSION}"),
)
_COMPILED = tuple((re.compile(path), re.compile(line, re.M)) for path, line in _FORMATS)
_POM = re.compile(
    r"<artifactId>\s*(?P<name>[^<\s]+)\s*</artifactId>\s*(?:<(?!version|/)[^>]*>[^<]*</[^>]*>\s*)*"
    r"<version>\s*(?P<version>\d[^<\s]*)\s*</version>"
    r"|<(?P<property>[\w.-]+[.-]version)>\s*(?P<value>\d[^<\s]*)"
)
_OWN = frozenset(  # not packages
    {"version", "python", "requires-python", "requires_python", "target-version", "go", "node", "npm", "php"}
    | {"edition", "rust-version", "line-length", "minversion", "toolchain"}
)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class _Pin:
    name: str
    text: str
    floor: tuple[int, ...]  # the lowest version that the text allows, or the highest below a bound


def downgrades(content: Content, request: str) -> Iterator[Finding]:
    """Packages that a manifest allows only in older versions than before; blocked unless the
    request names the package and speaks of going back."""
    path = content.file.path
    if content.old is None or content.new is None:
        return
    before, after = _pins(path, content.old), _pins(path, content.new)
    for name, old in before.items():
        new = after.get(name)
        if new is None or new.text == old.text or not _older(new, old):
            continue
        leaf = re.split(r"[/:]", name)[-1]
        asked = bool(_ASKED_BACK.search(request)) and leaf.lower() in request.lower()
        detail = f"{name} goes back from {old.text} to {new.text}"
        yield Finding(
            gate="dependency-downgrade", result="flag" if asked else "block", path=path, detail=detail[:300]
        )


def _pins(path: str, data: bytes) -> dict[str, _Pin]:
    text = data[:2_000_000].decode("utf-8", "replace")
    if path.endswith("pom.xml"):
        found = [(m["name"] or m["property"], m["version"] or m["value"]) for m in _POM.finditer(text)]
    else:
        pattern = next((line for where, line in _COMPILED if where.search(path)), None)
        places = () if pattern is None else pattern.finditer(text)
        found = [(m["name"], _operator(m) + m["version"].strip()) for m in places]
    return {name: _Pin(name, version, _floor(version)) for name, version in found if name not in _OWN}


def _operator(match: re.Match[str]) -> str:
    before = match[0][: match.start("version") - match.start()]
    sign = re.search(r"[<>!~=]+$", before)
    return sign[0] if sign and sign[0] != "=" else ""


def _floor(text: str) -> tuple[int, ...]:
    """Release numbers of the first bound that is no upper one."""
    bounds = [part.strip() for part in re.split(r",|\s+(?=[<>=~^])", text) if part.strip()]
    lower = [bound for bound in bounds if not bound.startswith(("<", "!"))] or bounds[:1]
    release = re.split(r"[-+]|(?<=\d)(?=[a-zA-Z])", lower[0].lstrip("<>=!~^v \t"))[0] if lower else ""
    return tuple(int(number) for number in _NUMBER.findall(release)[:5])


def _older(new: _Pin, old: _Pin) -> bool:
    """Whether the new text leads to an older version. A looser lower bound alone does not: the
    newest that it allows is still taken."""
    width = max(len(new.floor), len(old.floor))
    a, b = (floor + (0,) * (width - len(floor)) for floor in (new.floor, old.floor))
    if not new.floor or not old.floor or a >= b:
        return False
    return not _open_ended(new.text)


def _open_ended(text: str) -> bool:
    return text.lstrip().startswith(">") and "<" not in text
