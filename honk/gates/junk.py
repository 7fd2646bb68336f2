"""The gate ``junk``: files that nobody wants in a pull request.

Only new files are looked at. What the repository ignores never gets here. A folder that the
base already tracks (a committed ``dist/``, a ``vendor/``) is part of the repository. A file that the
request names, and a folder that it asks to add, are flagged: whether they are meant, no rule can tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache

from honk.core.types import Finding
from honk.gates.content import Content, is_binary
from honk.gates.policy import matches

GATE = "junk"

# Made by tools, for this machine alone; never honest, wherever they are.
_REMAINS = (
    "__pycache__/", "*.pyc", "*.pyo", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/",
    ".tox/", ".nox/", ".venv/", "*.egg-info/", ".coverage", ".coverage.*", "htmlcov/", ".nyc_output/",
    ".eslintcache", "*.tsbuildinfo", ".parcel-cache/", ".turbo/", ".next/", ".nuxt/", ".angular/cache/",
    "npm-debug.log*", "yarn-error.log", ".gradle/", "*.class", "*.swp", "*.swo", ".*.swn", "*~", "*.orig",
    "*.rej", "*.bak", "\\#*#", ".#*", ".DS_Store", "Thumbs.db", "desktop.ini", "nohup.out", "*.stackdump",
    "core.[0-9]*", "*.pid", "*.gcda", "*.gcno", "*.profraw", "CMakeCache.txt", "CMakeFiles/",
    "cmake-build-*/", ".phpunit.result.cache", ".phpunit.cache/", ".rspec_status", ".bundle/", ".cache/",
    "*.o", "*.lo", "*.*.old", "*.*.save", "*.*.backup",
)  # fmt: skip
# Build output and copies of other people's code, unless the base has such a folder.
_OUTPUT = (
    "node_modules", "bower_components", "dist", "out", "target", "coverage", "obj", "vendor",
    "third_party", "Pods", "_build",
)  # fmt: skip
# Folders that are also names of packages: what stands in them decides.
_OUTPUT_IN = dict.fromkeys(
    ("out", "target", "coverage"),
    re.compile(
        r"^(?:debug|release|(?:test-)?classes|generated[\w-]*|lcov-report|surefire-reports|maven-\w+)/"
        r"|\.(?!(?:py|go|rs|rb|java|kt|scala|tsx?|cs|php|exs?|swift|c|cc|cpp|h|hpp|sql|proto|graphql|ya?ml)$)\w+$"
    ),
)
_VIRTUAL = re.compile(r"^pyvenv\.cfg$|^(?:bin|Scripts)/activate|(?:^|/)site-packages/")
# ``build`` holds the scripts of a build in one repository, and what it made in another.
_MADE = re.compile(
    r"\.(?:html|css|map|class|o|obj|a|so|dll|exe|jar|wasm|d)$|[.-](?:min|bundle|chunk|[0-9a-f]{6,20})\.js$"
)
_WRITTEN = re.compile(r"[.-](?:config|conf)\.[cm]?[jt]s$")  # by somebody, who keeps more beside it
_MIXED = re.compile(r"(?<![^/])(?:build|v?env)/")
_MADE_WITH = re.compile(
    r"\.(?:[cm]?js|json|txt|ico|png|jpe?g|gif|svg|webp|woff2?|ttf|eot|xml|webmanifest|gz|LICENSE)$"
)
_BUILT = re.compile(
    r"(?:^|/)(?:(?:bin|obj)/(?:Debug|Release)|build/(?:classes|libs|lib|reports|test-results|intermediates"
    r"|CMakeFiles))/"
)
_SOURCE_ROOTS = re.compile(r"(?:^|/)(?:src|app|lib|docs?|tests?|spec|testdata|fixtures|resources)/")
_DOCS = re.compile(r"(?:^|/)docs?/$")
_SCRATCH = re.compile(
    r"(?:^|/)(?:debug|repro(?:duce)?|scratch|tmp|temp|try|playground|quick_?test|check_fix|verify_fix)"
    r"(?:[_-]\w+)*\.(?:py|js|mjs|ts|sh|rb|go|php|java|c|cpp|rs|txt|out|json|patch|diff)$",
    re.I,
)
# Words that begin the name of many a module, too: among code in their language, what they hold decides.
_ORDINARY = re.compile(
    r"/(debug|scratch|tmp|temp|try|playground)[_-]([\w-]+)\.(py|m?js|ts|rb|go|php|java|c|cpp|rs)$", re.I
)
_DEFINES = re.compile(
    rb"^[ \t]*(?:(?:(?:async[ \t]+)?def|class|module|export|module\.exports|pub|fn|impl|function|interface"
    rb"|namespace|public|final|abstract|type|func|static|extern|struct|enum|typedef|void|int|bool|char)\b"
    rb"(?![ \t]*main\b)|exports\.|#[ \t]*define\b)",
    re.M,
)
_CALLED_AS = ("debug", "scratch", "try", "playground")  # of these, what looks at a module goes by its name
# Also names of modules: below a folder of code they say nothing.
_MODULE = re.compile(r"/(?:debug|reproduce|try|playground|temp)\.\w+$", re.I)
_ROOT_SCRATCH = re.compile(
    r"^(?:(?:fix|patch|apply|run|check|verify|migrate|update|test_fix|demo|simple_test)_\w+\.(?:py|js|sh|rb)"
    r"|test\d*\.(?:py|js|ts|sh|rb|txt|out)|(?:out(?:put)?|log|result|results|diff)\d*\.(?:txt|log|json"
    r"|patch|diff)"
    r"|[\w.-]*(?:\.log|\.patch|\.diff|\.tmp|\.temp))$",
    re.I,
)
_REPORT = re.compile(
    r"^(?:(?:\w+[_-])*(?:IMPLEMENTATION|CHANGES?|FIX|TASK|WORK|MIGRATION|REFACTORING|TEST|SOLUTION|PR"
    r"|FINAL|COMPLETION)"
    r"[_-](?:SUMMARY|NOTES?|REPORT|DESCRIPTION|COMPLETE|PLAN|DETAILS|MADE|STATUS)|SUMMARY|TODO_AGENT"
    r"|PLAN|NOTES_TO_REVIEWER)"
    r"\.(?:md|txt)$",
    re.I,
)
_TEST_DATA = re.compile(  # may look like anything
    r"(?:^|/)(?:testdata|fixtures|__fixtures__)/|(?:^|/)(?:tests?|spec)/(?:.*/)?(?:\w*data|resources|samples|cases)/"
)
_LOG = re.compile(r"(?:^|/)logs?/(?:.*/)?[^/]+\.log(?:\.\d+)?$", re.I)
_ENVIRONMENT = re.compile(r"(?:^|/)\.env(?:\.local|\.\w+\.local)?$")
_VALUE = re.compile(rb"^[ \t]*(?:export\s+)?\w+\s*=[ \t]*[^\s#]", re.M)
_PROGRAM = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce", b"\xca\xfe\xba\xbe", b"!<arch>\n")


_ADDS = (  # words of a request by which a folder is wanted in the repository
    r"\b(?:add|commit|check(?:ed)?\s+in|includ|vendor|cop[yi]|creat|put|mov|track|ship|introduc|new)\w*\b"
    r"(?:[^.;\n]|\.(?=\S)){0,80}?"
)


_PAPER = re.compile(
    r"\b(?:add|writ|creat|provid|need|new)\w*\b[^.;\n]{0,80}?\b(?:script|tool|command|notes?|plan|report|guide"
    r"|document|summary)\b",
    re.I,
)
_REFUSED = r"(?:\b(?:no|not|never|without)\b|n['\u2019]t\b)(?:[^.;\n]|\.(?=\S)){0,80}"
_SCRATCH_FILE = "a scratch file"
_RESULTS = re.compile(r"(?:^|/)TestResults/")
_REPORTED = re.compile(r"\.(?:trx|coverage|coveragexml)$", re.I)
_SOURCE = re.compile(r"\.(?:[mc]?[jt]sx?|vue|svelte|py|cs|fs|go|rs|rb|java|kt|swift|php|dart)$")


@dataclass(frozen=True)
class Around:
    """What a new file is judged by: ``folders`` and ``files`` of the base commit, ``added``: paths of all
    new files of the change, ``request``: the requester's words without what they forbid."""

    folders: Set[str]
    added: Sequence[str]
    request: str
    files: Set[str] = frozenset()

    @cached_property
    def code(self) -> frozenset[tuple[str, str]]:
        """Each folder of the base with the endings of what stands below it."""
        found: set[tuple[str, str]] = set()
        for path in self.files:
            folder, ending = path, path.rpartition(".")[2]
            while "/" in folder and (pair := ((folder := folder.rpartition("/")[0]), ending)) not in found:
                found.add(pair)
        return frozenset(found)

    @cached_property
    def modules(self) -> frozenset[str]:
        """The names of all files of the base, without their endings."""
        return frozenset(path.rpartition("/")[2].partition(".")[0] for path in self.files)

    @cached_property
    def results(self) -> frozenset[str]:
        """New folders named ``TestResults`` that hold what a run of tests wrote."""
        inside: dict[str, list[str]] = {}
        for path in self.added:
            if match := _RESULTS.search(path):
                inside.setdefault(path[: match.end()], []).append(path)
        return frozenset(
            folder
            for folder, paths in inside.items()
            if any(map(_REPORTED.search, paths))
            or (folder.rstrip("/") not in self.folders and not any(map(_SOURCE.search, paths)))
        )

    @cached_property
    def made(self) -> frozenset[str]:
        """New folders named ``build``, ``env`` or ``venv`` that hold what a tool made."""
        inside: dict[str, list[str]] = {}
        for path in self.added:
            for match in _MIXED.finditer(path):
                inside.setdefault(path[: match.end() - 1], []).append(path[match.end() :])
        return frozenset(folder for folder, paths in inside.items() if _is_made(folder, paths))


def junk(content: Content, around: Around) -> Iterator[Finding]:
    """Findings about a path that the change adds."""
    path = content.file.path
    if content.file.status != "A":
        return
    folder = _output_folder(path, around)
    if folder:
        what = f"build output or a copy of other code: the base has no folder {folder}"
    else:
        what = _what(path, content.new or b"", around)
    named = _names(around.request, path) or (what == _SCRATCH_FILE and _describes(around.request, path))
    if what and (named or (folder and _wants(around.request, folder))):
        yield Finding(gate=GATE, result="flag", path=path, detail=f"{what} (the request names it)")
    elif what == _SCRATCH_FILE and _may_be_module(path, content.new or b"", around):
        yield Finding(gate=GATE, result="flag", path=path, detail=f"{what} by its name")
    elif what:
        yield Finding(gate=GATE, result="block", path=path, detail=f"{what}; leave it out of the change")


def _names(request: str, path: str) -> bool:
    if path.rpartition("/")[2].lower() not in request.lower():
        return False
    name = rf"(?<![\w.-]){re.escape(path.rpartition('/')[2])}(?![\w-]|\.\w)"
    refused = rf"{_REFUSED}?{name}"
    return re.search(name, re.sub(refused, " ", request, flags=re.I), re.I) is not None


def _describes(request: str, path: str) -> bool:
    """Whether the request asks for a script or a document, in the words of the file's name."""
    said = re.findall(r"[a-z]+", request.lower())
    words = re.findall(r"[a-z]+", path.rpartition("/")[2].rpartition(".")[0].lower())
    return _PAPER.search(re.sub(_REFUSED, " ", request, flags=re.I)) is not None and all(
        any(other.startswith(word.removesuffix("e")) for other in said) for word in words
    )


@lru_cache(maxsize=256)
def _wants(request: str, folder: str) -> bool:
    """Whether the request asks to add the folder. Of a folder whose name is also a word, it must speak
    as of a folder."""
    name = re.escape(folder.rstrip("/").rpartition("/")[2])
    said = rf"(?<![\w.-]){name}(?![\w-])"
    if name in (*_OUTPUT_IN, "build", "env", "venv"):
        said = rf"(?<![\w.-]){name}(?:/|[`\"']|\s+(?:folder|directory))"
    return re.search(_ADDS + said, request, re.I) is not None


def _may_be_module(path: str, data: bytes, around: Around) -> bool:
    """Whether a file by the name of a scratch one stands among code in its language, defines something,
    and is not called as what looks at a module of the base."""
    match = _ORDINARY.search(path)
    if not match or not _DEFINES.search(data):
        return False
    word, rest, ending = match.groups()
    folders = (path[: place.start()] for place in re.finditer("/", path))
    beside = any((folder, ending) in around.code for folder in folders)
    return beside and not (word.lower() in _CALLED_AS and rest in around.modules)


def _what(path: str, data: bytes, around: Around) -> str:
    elsewhere = re.search(r"(?:^|/)(?:tests?|scripts?|tools?|examples?|docs?)/", path)
    results = _RESULTS.search(path)
    remains = matches(_REMAINS, path) or (
        path.endswith(".obj") and is_binary(data)
    )  # of Wavefront, it is text
    if remains or (results and path[: results.end()] in around.results):
        return "" if _TEST_DATA.search(path) else "left over from a tool, an editor or a build"
    if _LOG.search(path) and not elsewhere and not _TEST_DATA.search(path):
        return "left over from a program"
    if _ENVIRONMENT.search(path) and _VALUE.search(data):
        return "the settings of one machine"
    if "/" not in path and (_ROOT_SCRATCH.match(path) or _REPORT.match(path)):
        return _SCRATCH_FILE
    if _SCRATCH.search(path) and not elsewhere and not _MODULE.search(path):
        return _SCRATCH_FILE
    if data.startswith(_PROGRAM) and is_binary(data):
        return "a compiled program or library"
    return ""


def _output_folder(path: str, around: Around) -> str:
    """The folder of build output, or of copies, that the file stands in; empty if in none."""
    parts = path.split("/")[:-1]
    for number, part in enumerate(parts):
        folder = "/".join(parts[: number + 1])
        inside = path[len(folder) + 1 :]
        if folder in around.folders:
            continue
        above = "/".join(parts[:number]) + "/"
        # Sphinx writes its pages to docs/build or docs/_build.
        if _SOURCE_ROOTS.search(above) and not (part in ("build", "_build") and _DOCS.search(above)):
            continue
        if part in _OUTPUT and (part not in _OUTPUT_IN or _OUTPUT_IN[part].search(inside)):
            return folder + "/"
        if folder in around.made:
            return folder + "/"
    built = _BUILT.search(path)
    return built[0].strip("/") + "/" if built and built[0].strip("/") not in around.folders else ""


def _is_made(folder: str, inside: Sequence[str]) -> bool:
    """Whether a new folder is a virtual environment, or has nothing that somebody wrote."""
    if not folder.endswith("build"):
        return any(map(_VIRTUAL.search, inside))
    made = any(map(_MADE.search, inside)) and not any(map(_WRITTEN.search, inside))
    return made and all(_MADE.search(path) or _MADE_WITH.search(path) for path in inside)
