"""Configuration of verifiers that a change brings in: for a tool that had none, or in the place of
what the tool read before.

Where the base has no configuration of a tool, a new one is compared with nothing, and is flagged.
Where it has one, a new file that the tool prefers makes it read nothing else, even if it is empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from honk.gates.content import MAX_BYTES, Content
from honk.gates.paths import is_test
from honk.gates.settings import Flat, flatten


@dataclass(frozen=True)
class _Tool:
    """``files``: names of what configures it, the preferred first, with the section that must stand
    there (empty: none). ``keys``: how its keys begin in a file that others share. ``nested``: a file in
    a folder is preferred to those above. ``tests``: endings of files that it runs without being told.
    ``shadows``: a new file that it prefers blocks where what it read before says more."""

    name: str
    files: tuple[tuple[str, str], ...]
    keys: str = ""
    nested: bool = False
    tests: tuple[str, ...] = ()
    shadows: bool = True


_JS = ("js", "jsx", "ts", "tsx", "mjs", "cjs")
_TOOLS = (
    _Tool(
        "pytest",
        (
            *((r"\.?pytest\.toml", ""), (r"\.?pytest\.ini", "")),
            *((r"pyproject\.toml", r"\[tool\.pytest"), (r"tox\.ini", r"\[pytest\]")),
            *((r"setup\.cfg", r"\[tool:pytest\]"), (r"conftest\.py", "")),
        ),
        r"(?:tool[/:])?pytest",
        nested=True,
        tests=("py",),
    ),
    _Tool(
        "mypy",
        ((r"\.?mypy\.ini", ""), (r"pyproject\.toml", r"\[tool\.mypy"), (r"setup\.cfg", r"\[mypy")),
        r"(?:tool/)?mypy",
    ),
    _Tool("ruff", ((r"\.?ruff\.toml", ""), (r"pyproject\.toml", r"\[tool\.ruff")), r"tool/ruff", nested=True),
    _Tool(
        "coverage",
        (
            *((r"\.coveragerc", ""), (r"setup\.cfg", r"\[coverage:"), (r"tox\.ini", r"\[coverage:")),
            (r"pyproject\.toml", r"\[tool\.coverage"),
        ),
        r"(?:tool/)?coverage",
    ),
    _Tool("flake8", ((r"setup\.cfg", r"\[flake8"), (r"tox\.ini", r"\[flake8"), (r"\.flake8", "")), "flake8"),
    _Tool(
        "pylint",
        ((r"\.?pylintrc", ""), (r"pyproject\.toml", r"\[tool\.pylint"), (r"setup\.cfg", r"\[pylint")),
        r"(?:tool/)?pylint",
    ),
    _Tool(
        "pyright", ((r"pyrightconfig\.json", ""), (r"pyproject\.toml", r"\[tool\.pyright")), r"tool/pyright"
    ),
    _Tool("phpunit", ((r"phpunit\.xml", ""), (r"phpunit\.xml\.dist", ""), (r"phpunit\.dist\.xml", ""))),
    _Tool("phpstan", ((r"phpstan\.neon", ""), (r"phpstan\.neon\.dist", ""), (r"phpstan\.dist\.neon", ""))),
    _Tool("make", ((r"GNUmakefile", ""), (r"makefile", ""), (r"Makefile", ""))),
    _Tool("vitest", ((r"vitest\.\w+\.\w+", ""), (r"vite\.config\.\w+", r"\btest\s*:")), tests=_JS),
    _Tool(
        "jest",
        ((r"jest\.config\.\w+", ""), (r"package\.json", r'"jest"\s*:\s*\{')),
        "jest",
        tests=_JS,
        shadows=False,
    ),
    _Tool("mocha", ((r"\.mocharc[.\w]*", ""), (r"package\.json", r'"mocha"\s*:\s*\{')), "mocha", tests=_JS),
    _Tool(
        "eslint",
        ((r"eslint\.config\.\w+", ""), (r"\.eslintrc[.\w]*", ""), (r"package\.json", r'"eslintConfig"')),
        "eslintConfig",
        shadows=False,
    ),
    _Tool("tsc", ((r"tsconfig[\w.-]*\.json", ""),), shadows=False),
    _Tool("biome", ((r"biome\.jsonc?", ""),), shadows=False),
    _Tool("golangci-lint", ((r"\.golangci\.\w+", ""),), shadows=False),
    _Tool("rubocop", ((r"\.rubocop[\w.]*\.yml", ""),), shadows=False),
    _Tool("clippy", ((r"\.?clippy\.toml", ""),), shadows=False),
    _Tool("psalm", ((r"psalm\.xml", ""),), shadows=False),
    _Tool("detekt", ((r"detekt[\w.-]*\.yml", ""),), shadows=False),
    _Tool("codecov", ((r"\.?codecov\.ya?ml", ""),), shadows=False),
)
_RUNNERS = re.compile(
    r"^(?:src/)?(?:_?pytest|unittest|coverage|mypy|ruff|tox|nox|flake8|pylint)(?:\.py|/(?:__init__|__main__)\.py)$"
    r"|(?:^|/)(?:site|user)customize\.py$"
)


@dataclass(frozen=True)
class Base:
    """The base commit: ``files`` is path to blob of each file, ``read`` gives what is in a blob."""

    files: Mapping[str, str]
    read: Callable[[str], bytes]

    def text(self, path: str) -> bytes | None:
        return self.read(self.files[path]) if path in self.files else None


def introduced(configs: Sequence[Content], base: Base) -> frozenset[tuple[str, str]]:
    """Path, and how the keys begin (empty: all), of configuration for tools that had none where it holds."""
    found = set()
    for content, tool, _ in _configured(configs):
        path = content.file.path
        if not _is_known(tool, path, base):
            found.add((path, "" if content.old is None and not _is_shared(tool, path) else tool.keys))
    return frozenset(found)


def _configured(configs: Sequence[Content]) -> Iterator[tuple[Content, _Tool, int]]:
    """Each file with the tools that it configures now and did not before, and its rank among theirs."""
    for content in configs:
        for tool in _TOOLS:
            rank = _rank(tool, content.file.path, content.new)
            if rank is not None and _rank(tool, content.file.path, content.old) is None:
                yield content, tool, rank


def is_fresh(fresh: frozenset[tuple[str, str]], path: str, detail: str) -> bool:
    """Whether what is said of a file, its key first, is about a tool that is ``introduced``."""
    return any(where == path and re.match(rf"(?:{keys})", detail) is not None for where, keys in fresh)


def _is_shared(tool: _Tool, path: str) -> bool:
    return any(section and re.fullmatch(name, _name(path)) for name, section in tool.files)


def _is_known(tool: _Tool, path: str, base: Base) -> bool:
    """Whether the tool had a configuration at the place or above, or tests that it finds by itself."""
    if any(True for _ in _providers(tool, _above(path), base)):
        return True
    folder = path.rpartition("/")[0]
    below = f"{folder}/" if folder else ""
    return bool(tool.tests) and any(
        other.startswith(below) and other.endswith(tool.tests) and is_test(other) for other in base.files
    )


def replaced(configs: Sequence[Content], added: Sequence[str], base: Base) -> Iterator[tuple[str, str]]:
    """Path and detail of new configuration that a tool reads instead of the one that is there still, and
    of new modules that are imported instead of the tool itself."""
    changed = {content.file.path: content for content in configs}
    for content, tool, rank in _configured(configs):
        if (other := _shadowed(tool, rank, content, changed, base)) is not None:
            yield content.file.path, f"{tool.name} reads this instead of {other} now"
    for path in added:
        if _RUNNERS.search(path) and not _has_package(path, base):
            yield path, "a module of this name is loaded instead of, or before, the tool that verifies"


def _has_package(path: str, base: Base) -> bool:
    """Whether the repository is where the tool itself is developed."""
    stem = path.removesuffix(".py").removesuffix("/__init__").removesuffix("/__main__")
    return any(other.startswith(f"{stem}/") or other == f"{stem}.py" for other in base.files)


def _shadowed(
    tool: _Tool, rank: int, content: Content, changed: Mapping[str, Content], base: Base
) -> str | None:
    """The file that the tool read before, and reads no more since ``content`` is there."""
    path = content.file.path
    if not tool.shadows or _name(path) == "conftest.py":
        return None
    folder = path.rpartition("/")[0]
    if folder and not any(other.startswith(f"{folder}/") for other in base.files):
        return None  # what is in a new folder was never checked otherwise
    for other, place in _providers(tool, _above(path) if tool.nested else [folder], base):
        now = changed[other].new if other in changed else base.text(other)
        before = _rank(tool, other, now)
        if _name(other) == "conftest.py" or before is None:
            continue
        if place == folder and rank >= before and _name(path) != _name(other):
            continue
        if not _says_as_much(tool, content, other, now):
            return other
    return None


def _says_as_much(tool: _Tool, content: Content, other: str, data: bytes | None) -> bool:
    """Whether the new file has all that the other one says of the tool, or is based on it."""
    text = (content.new or b"").decode("utf-8", "replace")
    if re.search(rf"\b(?:extend|extends|include|mergeConfig)\b[^\n]*{re.escape(_name(other))}", text):
        return True
    new, old = flatten(content.file.path, content.new), flatten(other, data)
    if new is None or old is None:
        return bool(data) and (data or b"").strip() == (content.new or b"").strip()
    said = _leaves(old, tool.keys if _is_shared(tool, other) else "")
    return bool(said) and said <= _leaves(new)


def _leaves(flat: Flat, keys: str = "") -> set[tuple[str, tuple[str, ...]]]:
    """Keys that begin so, without their section, by which files of different formats differ."""
    return {(key.rpartition("/")[2], values) for key, values in flat.items() if re.match(keys, key)}


def _providers(tool: _Tool, folders: Sequence[str], base: Base) -> Iterator[tuple[str, str]]:
    """The files of the base that configure the tool in one of the folders, with the folder."""
    for path in base.files:
        folder = path.rpartition("/")[0]
        named = folder in folders and any(re.fullmatch(name, _name(path)) for name, _ in tool.files)
        if named and _rank(tool, path, base.text(path)) is not None:
            yield path, folder


def _above(path: str) -> list[str]:
    """The folder of a file and all that hold it, the nearest first; the root is empty."""
    folders = [path := path.rpartition("/")[0]]
    while path:
        folders.append(path := path.rpartition("/")[0])
    return folders


def _rank(tool: _Tool, path: str, data: bytes | None) -> int | None:
    """The place of a file among those that may configure the tool; None if it does not."""
    if data is None:
        return None
    for rank, (pattern, section) in enumerate(tool.files):
        if re.fullmatch(pattern, _name(path)) and re.search(section.encode(), data[:MAX_BYTES]):
            return rank
    return None


def _name(path: str) -> str:
    return path.rpartition("/")[2]
