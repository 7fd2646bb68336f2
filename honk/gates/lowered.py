"""The gate ``verifier-config``: what decides about a change says less.

Thresholds, strictness, ignore lists and commands of test runners, linters, type checkers and
builds. The checks of honk's own stop gate come from the base commit; but they run what these
files say, so a change could pass by asking for less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from honk.core.types import Finding
from honk.gates.collect import words
from honk.gates.commands import (
    Found,
    does_nothing,
    fewer_by_default,
    is_test_command,
    split_off,
    weaker_command,
)
from honk.gates.content import MAX_BYTES, Content
from honk.gates.elsewhere import Elsewhere, entries, of_others, said
from honk.gates.fresh import Base, introduced, is_fresh, replaced
from honk.gates.lines import lowered_lines, narrowed
from honk.gates.narrower import narrower
from honk.gates.paths import is_test
from honk.gates.request import NOTHING, Asked
from honk.gates.selection import selection
from honk.gates.settings import Flat, flatten
from honk.gates.severity import severity
from honk.gates.testruns import Scripts

GATE = "verifier-config"
_SHOWN = 100

_FILES = re.compile(
    r"(?:^|/)(?:pyproject\.toml|setup\.cfg|pytest\.ini|\.?pytest\.toml|tox\.(?:ini|toml)|\.coveragerc"
    r"|noxfile\.py|\.?mypy\.ini"
    r"|\.?ruff\.toml|\.flake8|\.?pylintrc|pyrightconfig\.json|conftest\.py|package\.json"
    r"|jest\.config\.\w+|vitest\.\w+\.\w+"
    r"|(?:vite|playwright|cypress)\.config\.\w+|karma\.conf\.\w+|\.mocharc[.\w]*|\.nycrc[.\w]*|\.c8rc[.\w]*|\.?eslintrc[.\w]*"
    r"|eslint\.config\.\w+"
    r"|\.(?:eslint|prettier|bazel)ignore|biome\.jsonc?|tsconfig[\w.-]*\.json|\.?codecov\.ya?ml"
    r"|(?:GNU)?[Mm]akefile|[\w.-]+\.mk|[Jj]ustfile"
    r"|Taskfile\.ya?ml|pom\.xml|(?:build|settings)\.gradle(?:\.kts)?|[\w.-]+\.gradle(?:\.kts)?"
    r"|Cargo\.toml|\.cargo/config(?:\.toml)?|\.?clippy\.toml"
    r"|\.golangci\.\w+|[\w.-]+\.(?:cs|fs|vb)proj|Directory\.Build\.\w+|[\w.-]+\.runsettings"
    r"|\.editorconfig|\.globalconfig"
    r"|phpunit\.xml(?:\.dist)?|phpstan[\w.-]*\.neon(?:\.dist)?|psalm\.xml|composer\.json|\.rspec"
    r"|Rakefile|\.rubocop[\w.]*\.yml"
    r"|spec_helper\.rb|test_helper\.rb|rails_helper\.rb|\.simplecov|CMakeLists\.txt|CTestCustom\.cmake"
    r"|BUILD(?:\.bazel)?|\.bazelrc"
    r"|meson\.build|\.pre-commit-config\.yaml|checkstyle[\w.-]*\.xml|spotbugs[\w.-]*\.xml|detekt[\w.-]*\.yml"
    r"|(?:[\w-]*[_-])?(?:tests?|checks?|lint|verify|ci|validate)(?:[_-][\w-]+)?\.(?:sh|bash|ps1|bat)"
    r"|run_?tests?\.py|(?:bin|scripts?|ci|hack|tools)/(?:[\w-]*[_-])?(?:tests?|checks?|lint|verify|ci|cibuild"
    r"|validate)(?:[_-][\w-]+)?)$"
)

_THRESHOLD = re.compile(
    r"fail[_-]?under|min(?:imum)?[_-]?(?:coverage|line|branch|statement|score)|thresholds?(?:/|$)"
    r"|coverageThreshold"
    r"|/(?:branches|functions|lines|statements)$|(?:^|/)level$|coverage/.*(?:target)$|msi$",
    re.I,
)
_MAXIMUM = re.compile(
    r"(?:^|/)max[-_]?(?:complexity|args|branches|returns|statements|locals|depth|lines|warnings|params|nested\w*"
    r"|cognitive\w*|doc[-_]length)(?:/\d+)?$|(?:^|/)(?:cyclomatic|cognitive)[-_]complexity[-_]threshold$",
    re.I,
)
_WIDTH = re.compile(r"(?:^|/)(?:max[-_])?line[-_]?length$", re.I)
_BUILDS = re.compile(r"(?:^|/)scripts/[\w:.-]*(?:build|compile)[\w:.-]*$")
_STRICT = re.compile(
    r"strict|noImplicit|noUnused|noUnchecked|noFallthrough|exactOptional|disallow_|check_untyped|warn_"
    r"|no_implicit|forbid|"
    r"(?:^|/)(?:xfail_strict|filterwarnings|branch|forbidOnly|errorOnUnmatched|checkJs|failOn\w+|fail_on_\w+|bail"
    r"|treatWarningsAsErrors|beStrict\w+)$",
    re.I,
)
_LAX = re.compile(
    r"^issues/new(?:-from-\w+)?$|ignore_errors|ignore_missing_imports|ignore_failures|passWithNoTests|noCheck|allow_(?:untyped|any"
    r"|redefinition)\w*|skipLibCheck|"
    r"(?:^|/)(?:skip|skipTests|ignore_outcome|allowJs|suppress\w*|continue-on-error|informational"
    r"|if_ci_failed)$",
    re.I,
)
_IGNORES = re.compile(
    r"(?:^|/)(?:ignore|extend-ignore|ignorePatterns|ignore_patterns|per-file-ignores(?:/.*)?"
    r"|extend-per-file-ignores(?:/.*)?|exclude(?:_lines|_also|s)|extend-exclude|omit"
    r"|testPathIgnorePatterns|coveragePathIgnorePatterns|modulePathIgnorePatterns|norecursedirs"
    r"|collect_ignore\w*|disable|disable_error_code|unfixable"
    r"|exclude-rules(?:/.*)?|skips?|ignoreErrors(?:/.*)?|excludePaths(?:/.*)?|excluded?"
    r"|force-exclude)$",
    re.I,
)
_SELECTS = re.compile(
    r"^spec$|(?:^|/)(?:select|extend-select|enable|testpaths|testMatch|files|include|source|envlist|env_list"
    r"|plugins|extends|linters/enable)$"
)
_RULES = re.compile(r"(?:^|/)(?:extend-)?select$")
_ENVIRONMENTS = re.compile(r"(?:^|/)env_?list$")
_UNTYPED = re.compile(r"(?:overrides/.+|mypy-.+)/ignore_missing_imports$")  # of one library, mostly
_IN_STRICT = re.compile(
    r"^(?:noImplicit(?:Any|This)|strict\w+|alwaysStrict|useUnknownInCatchVariables"  # tsc
    r"|disallow_\w+|check_untyped_defs|warn_\w+|no_implicit_\w+|strict_\w+)$"  # mypy
)
_MANIFEST = re.compile(
    r"/(?:package\.json|composer\.json|Cargo\.toml|pyproject\.toml|pom\.xml|\w[\w.-]*\.csproj)$"
)
_TOOLS = re.compile(
    r"^(?:lib|bin|test|example|package/autotests|tool/(?:pytest|coverage|ruff|mypy|pyright|basedpyright|pylint|flake8|tox|nox|hatch|poe|pdm"
    r"|bandit|black|isort|interrogate)"
    r"|coverage|pytest|tool:pytest|mypy|flake8|pylint|tox|testenv|run|report|html|jest|eslintConfig|nyc"
    r"|c8|scripts|lints|mocha|vitest|ava|profile|workspace/lints|MASTER|MAIN|MESSAGES CONTROL)(?:[/\-.: ]|$)"
)
_MIXED = re.compile(
    r"(?:^|/)(?:pyproject\.toml|setup\.cfg|package\.json|composer\.json|Cargo\.toml|tox\.(?:ini|toml))$"
)
_GENERATED = re.compile(
    r"generated|vendor|node_modules|third_party|migrations|_pb2|\.pb\.|build|dist|\.venv|\bout\b|snapshots",
    re.I,
)
_USUAL = ("E501", "W503", "E203", "coverage")  # what a formatter takes over, and reports
# What coverage cannot reach, in its own documentation of exclude_lines and exclude_also.
_NEVER_COVERED = re.compile(
    r"pragma:|^(?:if|elif)\s+(?:0|False|typing|TYPE_CHECKING|__name__|self\.debug|settings\.DEBUG|MYPY)\b"
    r"|NotImplemented|AssertionError|assert_never|abstractmethod|overload|__repr__|__str__|Protocol|^\W*\.\W*$"
)
_SEVERITY = re.compile(
    r"rules?/|report[A-Z]\w+$|typeCheckingMode|(?:^|/)lints/|severity|/Enabled$",
    re.I,
)


def is_config(path: str) -> bool:
    """Whether the file configures a verifier, or may."""
    return bool(_FILES.search(path))


def configures(content: Content) -> bool:
    """Whether the file is for ``lowered``: configuration, or a module of the tests with hooks of pytest,
    which may be loaded by its name."""
    path = content.file.path
    is_plugin = path.endswith(".py") and is_test(path) and b"def pytest_" in (content.new or b"")
    return is_plugin or is_config(path)


def uncompared(content: Content) -> Iterator[Finding]:
    """What is too large for ``lowered``: blocked if it was not so before."""
    if configures(content) and content.size > MAX_BYTES:
        grew = len(content.old or b"") <= MAX_BYTES
        detail = f"{content.size:,} bytes are too many to be compared"
        yield _finding(content.file.path, "block" if grew else "flag", detail)


def lowered(
    configs: Sequence[Content], added: Sequence[str], base: Base, request: Asked = NOTHING
) -> Iterator[Finding]:
    """Findings about all configuration files of a change. ``added`` are the paths that it adds,
    ``request`` what may be asked for.

    What one file loses and another gains has moved, and is flagged.
    """
    removed = frozenset(word.lower() for word in request.removal)
    read = [(file, flatten(file.file.path, file.old), flatten(file.file.path, file.new)) for file in configs]
    says = [(said(content.old, before), said(content.new, after)) for content, before, after in read]
    fresh = introduced(configs, base)
    gained, lost = of_others([new - old for old, new in says]), of_others([old - new for old, new in says])
    for (content, before, after), came, went in zip(read, gained, lost, strict=True):
        path = content.file.path
        elsewhere = Elsewhere(came, went, removed, request.exempts, request.versions)
        if before is None or after is None:
            chosen = selection(path, content.old, content.new, base.files)
            found = (*_lines(content, elsewhere), *chosen)
        else:
            found = tuple(_compare(content, before, after, added, base.files, elsewhere))
        for result, detail in dict.fromkeys(found):
            yield _finding(path, "flag" if is_fresh(fresh, path, detail) else result, detail)
    for path, detail in replaced(configs, added, base):
        yield _finding(path, "block", detail)


def _lines(content: Content, elsewhere: Elsewhere) -> Iterator[Found]:
    for result, detail in lowered_lines(content.file.path, content.old, content.new):
        about = words(detail.partition(": ")[2])
        moved = (content.new is None and about <= elsewhere.gained) or (
            content.old is None and about <= elsewhere.lost
        )
        yield ("flag" if moved or _package_gone(content) else result), detail


def _package_gone(content: Content) -> bool:
    """Whether the file is the manifest of a package below the root, and goes with it: nothing there
    is checked any more. The tests of the package are the business of ``weakened-tests``."""
    return content.new is None and _MANIFEST.search(content.file.path) is not None


def _finding(path: str, result: Literal["block", "flag"], detail: str) -> Finding:
    text = " ".join(detail.split())
    return Finding(gate=GATE, result=result, path=path, detail=text[:400])


def _compare(
    content: Content,
    before: Flat,
    after: Flat,
    added: Sequence[str],
    files: Iterable[str],
    elsewhere: Elsewhere,
) -> Iterator[Found]:
    path = content.file.path
    scripts = {key[8:]: values for key, values in after.items() if key.startswith("scripts/")}
    harmless = (*added, *_selected(after, _selected(before)))
    for key in dict.fromkeys((*before, *after)):
        if _MIXED.search(path) and not _TOOLS.search(key):
            continue
        old, new = before.get(key, ()), after.get(key, ())
        if old == new or (not new and _is_implied(key, after)):
            continue
        moved = elsewhere.has_key(key, old, new) or _package_gone(content)
        for result, detail in (*_exceptions(key, old, new, before), *narrower(path, key, old, new, files)):
            yield ("flag" if moved else result), detail
        moved = moved or elsewhere.explains(key, old, new) or elsewhere.may_be_asked(old, new, about=key)
        moved = moved or _GENERATED.search(key) is not None or _is_split(key, old, new, after)
        moved = moved or (elsewhere.versions and _ENVIRONMENTS.search(key) is not None)
        if key.endswith("addopts") and not old and (less := fewer_by_default(new)):
            yield ("flag" if words(less) <= elsewhere.lost else "block"), f"{key}: {less} is new"
        for result, detail in list(_key(key, old, new, harmless, path, scripts)) or _selection(
            key, old, new, after
        ):
            moved = moved or (not after and key.endswith("extends") and any(map(is_config, added)))
            yield ("flag" if moved else result), detail
    if path.endswith(".pre-commit-config.yaml"):
        yield from _hooks(before, after)


def _is_split(key: str, old: Sequence[str], new: Sequence[str], after: Flat) -> bool:
    """Whether what a command does not run any more is what another one of the file runs."""
    others = ["\n".join(values) for name, values in after.items() if name != key and is_test_command(name)]
    return is_test_command(key) and split_off(old, new, others)


def _selected(flat: Flat, known: frozenset[str] = frozenset()) -> frozenset[str]:
    """The rules that are switched on by name, without those that are known."""
    return frozenset(value for key, values in flat.items() if _RULES.search(key) for value in values) - known


def _is_maximum(key: str, path: str) -> bool:
    """Whether what is above the number is reported, so that a larger one says less."""
    return bool(_MAXIMUM.search(key) or ("detekt" in path and _THRESHOLD.search(key)))


def _key(
    key: str, old: tuple[str, ...], new: tuple[str, ...], fresh: Sequence[str], path: str, scripts: Scripts
) -> Iterator[Found]:
    if is_test_command(key):
        yield from ((result, f"{key}: {why}") for result, why in weaker_command(old, new, key, scripts))
    elif _BUILDS.search(key) and does_nothing(old, new):
        yield "block", f"{key} builds nothing any more"
    elif _IGNORES.search(key):
        yield from _ignores(key, old, new, fresh)
    elif (_WIDTH.search(key) and new) or _is_maximum(key, path):  # the usual width is a narrow one
        found = _threshold(key, old, new, laxer_is_more=True)
        yield from (("flag" if _WIDTH.search(key) else result, detail) for result, detail in found)
    elif _THRESHOLD.search(key):
        yield from _threshold(key, old, new)
    elif _STRICT.search(key) and _is_true(old) and not _is_true(new):
        yield "block", f"{key} is off now"
    elif _LAX.search(key) and _is_true(new) and not _is_true(old):
        yield ("flag" if _UNTYPED.search(key) else "block"), f"{key} is on now"
    elif _SEVERITY.search(key):
        yield from severity(key, old, new)


def _is_implied(key: str, after: Flat) -> bool:
    """Whether a strict option is gone because ``strict`` itself, which has it, is on now."""
    section, _, name = key.rpartition("/")
    return _is_true(after.get(f"{section}/strict", ())) and _IN_STRICT.search(name) is not None


def _exceptions(key: str, old: Sequence[str], new: Sequence[str], before: Flat) -> Iterator[Found]:
    """A part of what ``strict`` stands for that is off now: for all, or (a flag) for some modules."""
    section, _, name = key.rpartition("/")
    if old or tuple(new) not in (("false",), ("False",)) or not _IN_STRICT.search(name):
        return
    strict = [
        other.rpartition("/")[0]
        for other, v in before.items()
        if re.search(r"(?:^|/)strict$", other) and _is_true(v)
    ]
    if strict:
        yield ("block" if section in strict else "flag"), f"{key} is off now, which strict had on"


def _listed(key: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """The entries of a list in one line, as formats without lists have them."""
    if len(values) != 1 or "{" in values[0]:
        return values
    between = r"[\s,]+" if key.endswith("testpaths") else r"\s*,\s*"
    return tuple(part for part in re.split(between, values[0]) if part)


def _selection(key: str, old: tuple[str, ...], new: tuple[str, ...], after: Flat) -> Iterator[Found]:
    """A list of what is checked that lost entries; what another such list has now is not lost."""
    if not _SELECTS.search(key):
        return
    old, new = _listed(key, old), _listed(key, new)
    others = {
        value
        for other, values in after.items()
        if other != key and _SELECTS.search(other)
        for value in values
    }
    now = {*new, *others}
    lost = {value for value in old if "ALL" not in now and not any(_is_rule(value, rule) for rule in now)}
    lost -= now
    if not new and re.search(r"^spec$|(?:^|/)(?:testpaths|include)$", key):
        yield "flag", f"{key} is gone: what is usual is looked at"  # all of the repository, mostly more
    elif lost and len(new) < len(old):
        # The environments of a file are named in it; their commands are looked at one by one.
        result: Literal["block", "flag"] = "flag" if not after and _ENVIRONMENTS.search(key) else "block"
        yield result, f"{key} lost {', '.join(sorted(lost))[:_SHOWN]}"
    elif len(old) == 1 and narrowed(old[0], new):
        yield "block", f"{key} is narrowed from {old[0]} to {new[0]}"


def _ignores(key: str, old: tuple[str, ...], new: tuple[str, ...], fresh: Sequence[str]) -> Iterator[Found]:
    """Entries of an ignore list; harmless are those about ``fresh`` paths and rules: nothing that
    was checked before is left out."""
    fresh_entries, known = entries(new) - entries(old), entries(old) - entries(new)
    for entry in sorted(fresh_entries):
        start = entry.strip("*/.")
        harmless = (
            entry in _USUAL
            or (re.search(r"exclude_(?:lines|also)$", key) and _NEVER_COVERED.search(entry))
            or _GENERATED.search(entry)
            or any(_leaf(entry) == _leaf(other) for other in known)
            or any(start and (path.startswith(start) or _is_rule(entry, path)) for path in fresh)
        )
        yield ("flag" if harmless else "block"), f"{key} leaves out {entry}"


def _leaf(entry: str) -> str:
    """An entry without the folders of its path: the file may have moved."""
    return entry.rpartition("/")[2] if "." in entry else entry


def _is_rule(entry: str, selected: str) -> bool:
    """Whether ``entry`` is one of the rules that ``selected`` stands for, as S101 for S."""
    if selected == "ALL":
        return re.fullmatch(r"[A-Z]+\d*", entry) is not None
    return selected.isalnum() and selected.isupper() and entry.startswith(selected)


def _threshold(
    key: str, old: tuple[str, ...], new: tuple[str, ...], laxer_is_more: bool = False
) -> Iterator[Found]:
    before, after = _number(old), _number(new)
    if before is None:
        return
    if after is None:
        yield ("flag" if laxer_is_more else "block"), f"{key} is gone (it was {old[0]})"
    elif after > before if laxer_is_more else after < before:
        yield "block", f"{key} goes from {old[0]} to {new[0]}"


def _number(values: tuple[str, ...]) -> float | None:
    try:
        return float(values[0].strip().rstrip("%")) if values else None
    except ValueError:
        return None


def _is_true(values: tuple[str, ...]) -> bool:
    return bool(values) and values[0].strip().lower() in ("true", "1", "yes", "on", "error")


def _hooks(before: Flat, after: Flat) -> Iterator[Found]:
    """A hook is known by its id; one that is gone from every repository checks nothing any more."""
    old, new = ({v[0] for key, v in flat.items() if key.endswith("/id")} for flat in (before, after))
    for hook in sorted(old - new):
        replaced = len(new) >= len(old)
        yield ("flag" if replaced else "block"), f"the hook {hook} is gone"
