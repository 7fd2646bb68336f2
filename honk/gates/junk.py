"""The gate ``junk``: files that nobody wants in a pull request.

Only new files are looked at. What the repository ignores never gets here. A folder that the
base already tracks (a committed ``dist/``, a ``vendor/``) is part of the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

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
    "TestResults/", "*.o", "*.obj", "*.lo",
)  # fmt: skip
# Build output and copies of other people's code, unless the base has such a folder.
_OUTPUT = (
    "node_modules", "bower_components", "dist", "out", "target", "venv", "env", "coverage", "obj", "vendor",
    "third_party", "Pods", "_build",
)  # fmt: skip
_BUILT = re.compile(
    r"(?:^|/)(?:(?:bin|obj)/(?:Debug|Release)|build/(?:classes|libs|lib|reports|test-results|intermediates"
    r"|CMakeFiles))/"
)
_SOURCE_ROOTS = re.compile(r"(?:^|/)(?:src|app|lib|docs?|tests?|spec|testdata|fixtures|resources)/")
_SCRATCH = re.compile(
    r"(?:^|/)(?:debug|repro(?:duce)?|scratch|tmp|temp|try|playground|quick_?test|check_fix|verify_fix)"
    r"(?:[_-]\w+)*\.(?:py|js|mjs|ts|sh|rb|go|php|java|c|cpp|rs|txt|out|json|patch|diff)$",
    re.I,
)
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
_TEST_DATA = re.compile(r"(?:^|/)(?:testdata|fixtures|__fixtures__)/")  # may look like anything
_PROGRAM = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce", b"\xca\xfe\xba\xbe", b"!<arch>\n")


def junk(content: Content, base: Set[str]) -> Iterator[Finding]:
    """Findings about a path that the change adds. ``base`` are the folders of the base commit."""
    file = content.file
    if file.status != "A":
        return
    what = _what(file.path, content.new or b"", base)
    if what:
        yield Finding(gate=GATE, result="block", path=file.path, detail=f"{what}; leave it out of the change")


def _what(path: str, data: bytes, base: Set[str]) -> str:
    if matches(_REMAINS, path):
        return "" if _TEST_DATA.search(path) else "left over from a tool, an editor or a build"
    folder = _output_folder(path, base)
    if folder:
        return f"build output or a copy of other code: the base has no folder {folder}"
    if "/" not in path and (_ROOT_SCRATCH.match(path) or _REPORT.match(path)):
        return "a scratch file"
    elsewhere = re.search(r"(?:^|/)(?:tests?|scripts?|tools?|examples?|docs?)/", path) or _MODULE.search(path)
    if _SCRATCH.search(path) and not elsewhere:
        return "a scratch file"
    if data.startswith(_PROGRAM) and is_binary(data):
        return "a compiled program or library"
    return ""


def _output_folder(path: str, base: Set[str]) -> str:
    parts = path.split("/")[:-1]
    for number, part in enumerate(parts):
        folder = "/".join(parts[: number + 1])
        if (
            part in _OUTPUT
            and folder not in base
            and not _SOURCE_ROOTS.search("/".join(parts[:number]) + "/")
        ):
            return folder + "/"
    built = _BUILT.search(path)
    return built[0].strip("/") + "/" if built and built[0].strip("/") not in base else ""
