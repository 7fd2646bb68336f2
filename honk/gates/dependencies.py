"""The gates ``lock-file`` and ``dependency-downgrade``: what happens to other people's code.

Manifests are read line by line with one pattern for each format: enough to see which package
stands with which version, whatever else the file says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from honk.core.types import FileChange, Finding
from honk.gates.content import Content
from honk.gates.settings import flatten

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
        r"(?:^|/)(?:[^/]*[-_.])?(?:requirements|constraints)[^/]*\.(?:txt|in)$|(?:^|/)requirements/[^/]+\.(?:txt|in)$",
        rf"^[ \t]*{_NAME}{_EXTRAS}\s*[=<>!~]=?=?{_VERSION}",
    ),
    (
        r"(?:^|/)(?:pyproject\.toml|Pipfile|setup\.cfg|setup\.py)$",
        rf"(?:^[ \t]*|[\"']){_NAME}{_EXTRAS}[\"']?(?:{_TABLE}[\"']|\s*(?:[<>]=?|[=!~]==?)){_VERSION}",
    ),
    (r"(?:^|/)go\.mod$", rf"^[ \t]*(?:require\s+)?{_NAME}\s+{_VERSION}"),
    (r"(?:^|/)(?:Cargo\.toml|libs\.versions\.toml)$", rf"^[ \t]*{_NAME}{_TABLE}\"{_VERSION}"),
    (
        r"(?:^|/)(?:Gemfile|[^/]*\.gemspec)$",
        rf"(?:gem|dependency)\s*\(?\s*[\"']{_NAME}[\"']\s*,\s*[\"']{_VERSION}",
    ),
    (
        r"\.(?:cs|fs|vb)proj$|(?:^|/)(?:Directory\.Packages|packages)\.(?:props|config)$",
        rf"(?:Include|id)=\"{_NAME}\"[^>]*?[vV]ersion=\"{_VERSION}",
    ),
    (r"\.(?:cs|fs|vb)proj$", rf"Include=\"{_NAME}\"[^>]*>\s*<Version>\s*(?P<version>\d[^<\s]*)"),
    (r"\.gradle(?:\.kts)?$", rf"[\"'(](?P<name>[\w.-]+:[\w.-]+):{_VERSION}"),
    (r"\.gradle(?:\.kts)?$", rf"\bname\s*[:=]\s*[\"']{_NAME}[\"']\s*,\s*version\s*[:=]\s*[\"']{_VERSION}"),
    (r"\.gradle(?:\.kts)?$", rf"\bid\s*\(?\s*[\"']{_NAME}[\"']\s*\)?\s*version\s*[\"']{_VERSION}"),
    (
        r"(?:^|/)Cargo\.toml$",
        rf"^\[(?:[^\]\n]*[.-])?dependencies\.{_NAME}\]\n(?:[^\[\n][^\n]*\n){{0,20}}?version\s*=\s*\"{_VERSION}",
    ),
    (r"(?:^|/)pnpm-workspace\.yaml$", rf"^[ \t]+[\"']?{_NAME}[\"']?:\s*[\"']?{_VERSION}"),
    (r"(?:^|/)MODULE\.bazel$", rf"bazel_dep\(\s*name\s*=\s*\"{_NAME}\"\s*,\s*version\s*=\s*\"{_VERSION}"),
    (r"(?:^|/)(?:environment|conda)[\w.-]*\.ya?ml$", rf"^[ \t]*-\s*(?:[\w-]+::)?{_NAME}\s*==?{_VERSION}"),
)
_TOML = r"^name\s*=\s*\"(?P<name>[^\"\n]+)\"\nversion\s*=\s*\"(?P<version>[^\"\n]+)"
_LOCKED = {  # how a package stands in a lock file
    "package-lock.json": r"\"node_modules/(?P<name>(?:@[\w.-]+/)?[\w.-]+)\"\s*:\s*\{\s*"
    r"\"version\"\s*:\s*\"(?P<version>[^\"]+)",
    **dict.fromkeys(("poetry.lock", "uv.lock", "pdm.lock", "Cargo.lock"), _TOML),
    "composer.lock": r"^[ \t]*\"name\"\s*:\s*\"(?P<name>[^\"\n]+)\",\s*"
    r"\"version\"\s*:\s*\"(?P<version>[^\"\n]+)",
    "Gemfile.lock": r"^    (?P<name>[\w.-]+) \((?P<version>\d[^)\n]*)\)$",
}
_COMPILED = tuple((re.compile(path), re.compile(line, re.M)) for path, line in _FORMATS)
_JSON = re.compile(r"(?:^|/)(?:package|composer)\.json$")
_JSON_KEY = re.compile(r"(?:^|/)(?:\w*ependencies|resolutions|overrides|require(?:-dev)?)/(?P<name>.+)$")
_POM = re.compile(
    r"<artifactId>\s*(?P<name>[^<\s]+)\s*</artifactId>\s*(?:<(?!version|/)[^>]*>[^<]*</[^>]*>\s*){0,9}"
    r"<version>\s*(?P<version>\d[^<\s]*)\s*</version>"
    r"|<(?P<property>[\w.-]+[.-]version)>\s*(?P<value>\d[^<\s]*)"
)
_OWN = frozenset(  # not packages
    {"version", "python", "requires-python", "requires_python", "target-version", "go", "node", "npm", "php"}
    | {"edition", "rust-version", "line-length", "minversion", "toolchain"}
    | {"python_version", "pythonversion", "py-version", "required-version", "java.version", "jdk.version"}
)
_NUMBER = re.compile(r"\d+")
_DIGITS = 600  # of one number; more than a few thousand are an error to Python
_NAMED = 3  # packages of a lock file that a finding names


@dataclass(frozen=True)
class _Pin:
    name: str
    text: str
    floor: tuple[int, ...]  # the lowest version that the text allows, or the highest below a bound


_Pins = Sequence[_Pin]


def downgrades(content: Content, request: str) -> Iterator[Finding]:
    """Packages that a manifest allows only in older versions than before; blocked unless the
    request names the package and speaks of going back.

    A package may stand more than once, with a pin for each of several environments: its highest pin
    decides. That only its lowest went back, or that it got a lower one besides, is flagged.
    """
    path = content.file.path
    if content.old is None or content.new is None:
        return
    before, after = _pins(path, content.old), _pins(path, content.new)
    if is_lock(path):
        yield from _locked(path, before, after)
        return
    for name, pins in before.items():
        now = after.get(name, ())
        if not now:
            continue
        back = _back(max(pins, key=_by_floor), max(now, key=_by_floor))
        lowest = _back(min(pins, key=_by_floor), min(now, key=_by_floor))
        leaf = re.split(r"[/:]", name)[-1]
        asked = bool(_ASKED_BACK.search(request)) and leaf.lower() in request.lower()
        if back or lowest:
            yield Finding(
                gate="dependency-downgrade",
                result="block" if back and not asked else "flag",
                path=path,
                detail=(back or f"{lowest} in one place")[:300],
            )


def _back(old: _Pin, new: _Pin) -> str:
    if new.text == old.text or not _older(new, old):
        return ""
    return f"{new.name} goes back from {old.text} to {new.text}"


def _by_floor(pin: _Pin) -> tuple[int, ...]:
    return pin.floor


def _locked(path: str, before: Mapping[str, _Pins], after: Mapping[str, _Pins]) -> Iterator[Finding]:
    """What goes back in a lock file is flagged: a new package may need older ones than were chosen before."""
    back = [
        f"{name} from {old.text} to {after[name][0].text}"
        for name, (old,) in before.items()
        if name in after and _older(after[name][0], old)
    ]
    if back:
        more = f" and {len(back) - _NAMED} more" if len(back) > _NAMED else ""
        detail = f"locked at an older version: {', '.join(back[:_NAMED])}{more}"
        yield Finding(gate="dependency-downgrade", result="flag", path=path, detail=detail[:300])


def _pins(path: str, data: bytes) -> Mapping[str, _Pins]:
    """The pins of each package, in the order of the file; in a lock file only of those that stand once."""
    text = data[:2_000_000].decode("utf-8", "replace")
    if path.endswith("pom.xml"):
        found = [(m["name"] or m["property"], m["version"] or m["value"]) for m in _POM.finditer(text)]
    elif _JSON.search(path):
        flat = flatten(path, data) or {}
        said = ((_JSON_KEY.search(key), values[0]) for key, values in flat.items() if values)
        named = [(key["name"], re.sub(r"^npm:.*@", "", version)) for key, version in said if key]
        found = [(name, version) for name, version in named if re.match(_VERSION, version)]
    elif is_lock(path):
        pattern = _LOCKED.get(path.rpartition("/")[2], "(?!)")
        all_of = [(m["name"], m["version"]) for m in re.finditer(pattern, text, re.M)]
        times = Counter(name for name, _ in all_of)
        found = [(name, version) for name, version in all_of if times[name] == 1]
    else:
        places = (m for where, line in _COMPILED if where.search(path) for m in line.finditer(text))
        found = [(m["name"], _operator(m) + m["version"].strip()) for m in places]
    pins: dict[str, list[_Pin]] = {}
    for name, version in found:
        if name.lower() not in _OWN:
            pins.setdefault(name, []).append(_Pin(name, version, _floor(version)))
    return pins


def _operator(match: re.Match[str]) -> str:
    before = match[0][: match.start("version") - match.start()].removesuffix("<Version>")
    sign = re.search(r"[<>!~=]+\Z", before)
    return sign[0] if sign and sign[0] != "=" else ""


def _floor(text: str) -> tuple[int, ...]:
    """Release numbers of the first bound that is no upper one."""
    bounds = [part.strip() for part in re.split(r",|\s+(?=[<>=~^])", text) if part.strip()]
    lower = [bound for bound in bounds if not bound.startswith(("<", "!"))] or bounds[:1]
    release = re.split(r"[-+]|(?<=\d)(?=[a-zA-Z])", lower[0].lstrip("<>=!~^v \t"))[0] if lower else ""
    return tuple(int(number[:_DIGITS]) for number in _NUMBER.findall(release)[:5])


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
