"""Weakened verifiers in formats that are compared line by line: build scripts and makefiles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from honk.gates.collect import words
from honk.gates.commands import Found, does_nothing, weaker_command
from honk.gates.hooks import weak_hooks
from honk.gates.places import Switch, judged
from honk.gates.settings import flatten
from honk.gates.skips import RERUNS

_SWITCHES = re.compile(
    r"<(?:testFailureIgnore|skipTests|skipITs|maven\.test\.skip|maven\.test\.failure\.ignore"
    r"|skip)>\s*true|\bfailIfNoTests>\s*false|<failOnViolation>\s*false"
    r"|\bignoreFailures\s*(?:=|\.set\()?\s*true|\bisIgnoreFailures\s*=\s*true|\benabled\s*(?:="
    r"|\.set\()\s*\(?false|\bonlyIf\s*\{\s*false"
    r"|\bexclude(?:s|TestsMatching)?\s*[(\s=+]+[\[\"'(]|<exclude[s]?\b|<excludeGroup|\bexcludeTags\b"
    r"|filter\.excludeTestsMatching"
    r"|\bDISABLED\s+(?:TRUE|ON|1)\b|\bWILL_FAIL\s+(?:TRUE|ON|1)\b|CTEST_CUSTOM_TESTS_IGNORE"
    r"|tags\s*=\s*\[[^\]]*[\"'](?:manual|notap|flaky)[\"']|\bflaky\s*=\s*True"
    r"|should_fail\s*:\s*true|<TreatWarningsAsErrors>\s*false|<WarningsNotAsErrors>|<NoWarn>"
    r"|<RunAnalyzers>\s*false|<IsTestProject>\s*false"
    r"|Enabled:\s*false|severity\s*=\s*(?:none|silent|suggestion)"
    r"|[\"'][\w@/-]+[\"']\s*:\s*\[?\s*(?:[\"'](?:off|warn)[\"']|0\b)|\b(?:exclude"
    r"|testPathIgnorePatterns|coveragePathIgnorePatterns|ignores|globalIgnores)\b\s*[:(]\s*\[?"
    r"|passWithNoTests\s*:\s*true|\bbail\s*:\s*false|failOnRisky=\"false\"|failOnWarning=\"false\""
    r"|\.skip\b|\.filter_run_excluding|<Compile\s+Remove=\"[^\"]*Tests?\b"
    r"|set_tests_properties.*DISABLED"
    r"|\badd_test\s*\([^)]*\bCOMMAND\s+\"?(?:(?:\$\{CMAKE_COMMAND\}|cmake)\"?\s+-E\s+(?:true|echo)"
    r"|(?:/(?:usr/)?bin/)?(?:true|echo|:))(?=[\s)\"])"
    r"|\bat_exit\b[^\n]*\bexit!?\s*\(?\s*(?:0|true)\b|\bc(?:onfig)?\.(?:before|around)\b[^\n]*[{|]\s*skip\b"
    r"|^[ \t]*(?:test|build)\s.*--test_tag_filters=|<(?:excludedGroups|groups)>\s*\w"
    r"|--gtest_filter\b|--run_test=|--test-case(?:-exclude)?=",
    re.I,
)
_STRICTNESS = re.compile(
    r"<TreatWarningsAsErrors>\s*true|\bset\s+-[a-z]*e[a-z]*\b|-Werror\b|failOnWarning=\"true\""
    r"|failOnRisky=\"true\"|allWarningsAsErrors\s*=\s*true|warningsAsErrors\s+true"
    r"|failOnWarning\s*=\s*true|\bwerror\s*=\s*true",
    re.I,
)
_NUMBERS = re.compile(
    r"(minimum(?:_coverage(?:_by_file)?)?|fail[_-]?under|COVEREDRATIO|<minimum|branches|functions|lines"
    r"|statements|<(?:line|branch)Rate|mutationThreshold|--max-warnings|minBound\()"
    r"[\s=:>(\"']*\[?\s*(?:line\s*:\s*)?(\d+(?:\.\d+)?)",
    re.I,
)
_LISTS = re.compile(
    r"\b(include|testMatch|testRegex|specs?|pattern|test_files|projects|roots|files)\b[\"']?\s*[:=]\s*"
    r"(\[[^\]]*\]|[\"'][^\"'\n]*[\"'])"
)
_MAXIMA = ("--max-warnings",)
_REGISTERED = re.compile(
    r"^[ \t]*(?:add_test\s*\(|gtest_discover_tests\s*\(|catch_discover_tests\s*\(|test\s*\(\s*'"
    r"|(?:\w+_)?test\s*\($|enable_testing\s*\(|include\s*\(\s*CTest|add_subdirectory\s*\(\s*\"?tests?\b"
    r"|<module>[^<]*test"
    r"|<testsuite\b|<directory\b|useJUnitPlatform\s*\(|useJUnit\s*\(|useTestNG\s*\()",
    re.I,
)
_TARGET = re.compile(
    r"^([\w.%/-]*(?:test|check|lint|verify|ci|coverage|validate|unit|all)[\w.%/-]*)\s*:(?![=:])([^=#]*)", re.I
)
_NO_FAILURE = re.compile(
    r"^[ \t]*(?:override\s+|export\s+)*(?:SHELL\s*[:?]*=\s*(?:/(?:usr/)?bin/)?(?:true|:|echo|env\s+true)\s*$"
    r"|\.IGNORE\s*:|(?:GNU)?MAKEFLAGS\s*[:+?]*=.*(?:[\s=]-[a-hj-z]*i[a-z]*(?=\s|$)|=\s*[a-hj-z]{0,4}i[a-z]{0,4}\s*$|--ignore-errors|--touch|--just-print|--dry-run))"
)
_SELECTION = re.compile(
    r"^[ \t]*(?:--(?:example|example-matches|tag|pattern|exclude-pattern|only-failures)|-[etP])\b"
)
_PLACES = 30  # lines whose places are looked at, for each of which the file is read once more
_IGNORE_FILES = re.compile(r"\.(?:eslint|prettier|bazel)ignore$")
_RUNS_TESTS = re.compile(
    r"(?:^|/)(?:(?:spec|rails|test)_helper\.rb|CTestCustom\.cmake|(?:jest|vitest)\.\w+\.\w+|vite\.config\.\w+"
    r"|\.mocharc\.\w+|karma\.conf\.\w+)$"
)
_LEAVES_OUT = re.compile(
    r"\b(?:testPathIgnorePatterns|modulePathIgnorePatterns|exclude|ignore|spec_ignore)\b[\"']?\s*:\s*(?:\[|[\w.]+\()?"
    r"([^\]]*)"
    r"|\bconfig\.(?:filter_run_excluding|exclude_pattern|filter_run(?:_including)?)\b(?!\W*(?:focus\b|when))[^\n]*"
    r"|\bCTEST_CUSTOM_TESTS_IGNORE\b[^\n]*|\bat_exit\b[^\n]*\bexit!?\s*\(?\s*(?:0|true)\b[^\n]*|\bpassWithNoTests\s*:\s*true"
)
_USUAL = re.compile(  # what no test of the repository stands in
    r"node_modules|\bdist\b|\bbuild\b|\bcoverage\b|\bout\b|\bvendor\b|\.next|\.nuxt|\.cache|\.git\b|generated|fixtures"
    r"|\.min\.|\.venv|\blib\b|\btarget\b|\btmp\b|e2e|playwright|cypress|package-lock|pnpm-lock|yarn\.lock|CHANGELOG"
    r"|\.snap\b|\.idea|\.d\.ts|^\*\.(?:md|svg|lock)$",
    re.I,
)
_NEVER_OURS = re.compile(r"\bnode_modules\b")
_SCRIPT = re.compile(r"\.(?:sh|bash|ps1|bat)$|(?:^|/)(?:bin|scripts?|ci|hack|tools)/[\w-]+$")
_PROGRAM = re.compile(r"(?:^|/)(?:noxfile|run_?tests?)\.py$")
_GIVES_RESULT = re.compile(r"(?:\bsys\.exit|\bos\._exit|\braise\s+SystemExit)\(\s*(?!0?\s*\))")
_RUN = re.compile(r"\.run\(((?:[^()]|\([^()]{0,500}\)){0,2000})\)")
_MAKE = re.compile(r"(?:[Mm]akefile|\.mk|[Jj]ustfile)$")


def lowered_lines(path: str, old: bytes | None, new: bytes | None) -> Iterator[Found]:
    """What the new lines of a file switch off, and what they no longer ask for."""
    before, after = _lines(old), _lines(new)
    if path.endswith(".py"):
        yield from weak_hooks(old, new)
    added = list((Counter(after) - Counter(before)).elements())
    removed = list((Counter(before) - Counter(after)).elements())
    if _IGNORE_FILES.search(path):
        usual = _NEVER_OURS if before else _USUAL
        left_out = [line for line in added if line and not line.startswith(("#", "!"))]
        yield from (("block", f"leaves out {line}") for line in left_out if not usual.search(line))
        return
    if path.endswith(".rspec"):
        yield from (("block", f"runs fewer: {line}") for line in added if _SELECTION.search(line))
        return
    if not before:
        yield from _fresh(path, after)
        return
    if _MAKE.search(path):
        known = set(before)
        yield from (
            ("block", f"no failure counts: {line}")
            for line in after
            if line not in known and _NO_FAILURE.search(line)
        )
        yield from _make(before, after)
        yield from _unstrict(added, removed)
        return
    if _SCRIPT.search(path):
        yield from weaker_command(before, after)
        return
    if _PROGRAM.search(path):
        yield from _program(before, after)
    if path.endswith((".yml", ".yaml")) and new and flatten(path, new) is None and flatten(path, old):
        yield "flag", "its keys cannot be compared any more, as it has aliases or cannot be read"
    if len(again := [line for line in added if RERUNS.search(line)]) > sum(
        1 for line in removed if RERUNS.search(line)
    ):
        yield "flag", f"what fails is run again: {again[0].strip()}"
    yield from _switched(path, added, removed, old, new)
    yield from _shorter(added, removed)
    yield from _numbers(before, after)
    yield from _unregistered(added, removed)


def _program(before: Sequence[str], after: Sequence[str]) -> Iterator[Found]:
    """A program in Python that runs tests: what it runs, and whether it gives the result."""
    old, new = "\n".join(before), "\n".join(after)
    if not new.strip():
        yield "flag", "what runs the tests is gone"
        return
    if _GIVES_RESULT.search(old) and not _GIVES_RESULT.search(new):
        yield "block", "it does not give the result of the tests any more"
    if "success_codes" in new and "success_codes" not in old:
        yield "block", "success_codes: a failure counts as success"
    had, has = (
        [" ".join(re.findall(r"[\"']([^\"']*)[\"']", run)) for run in _RUN.findall(text)]
        for text in (old, new)
    )
    yield from weaker_command(had, has)


def _fresh(path: str, lines: Sequence[str]) -> Iterator[Found]:
    """What a new file leaves out of the tests that a runner finds by itself."""
    if _RUNS_TESTS.search(path):
        text = "\n".join(lines)
        for match in _LEAVES_OUT.finditer(text):
            listed = re.findall(r"[\"'`/]([^\"'`\n]+)[\"'`/]", match[1] or "")
            if match[1] is None or any(not _USUAL.search(entry) for entry in listed):
                yield "block", f"leaves out tests: {' '.join(match[0].split())[:200]}"


def _lines(data: bytes | None) -> list[str]:
    if data is None:
        return []
    text = data.decode("utf-8", "replace")
    lines = [line.rstrip()[:1_000] for line in text.split("\n")]
    return [line for line in lines if not re.match(r"^[ \t]*(?:#(?!!\[)|//|<!--|--\s)", line)]


def _switched(
    path: str, added: Sequence[str], removed: Sequence[str], old: bytes | None, new: bytes | None
) -> Iterator[Found]:
    text, now = ((data or b"").decode("utf-8", "replace") for data in (old, new))
    off, before = (
        Counter(m[0].lower() for line in lines if (m := _SWITCHES.search(line))) for lines in (added, removed)
    )
    looked_at = 0
    for line in dict.fromkeys(added):
        matches = list(_SWITCHES.finditer(line))
        if matches and off[matches[0][0].lower()] > before[matches[0][0].lower()]:
            looked_at += 1
            spots, said = [match.start() for match in matches], [match[0] for match in matches]
            switch = Switch(path, line, spots, said, text, now)
            yield "block" if looked_at > _PLACES else judged(switch), f"switched off: {line.strip()}"
    yield from _unstrict(added, removed)


def _shorter(added: Sequence[str], removed: Sequence[str]) -> Iterator[Found]:
    """Lists of what is looked at that lost entries, and got none."""
    old, new = (
        [
            (m[1], set(re.findall(r"[\"']([^\"']+)[\"']", m[2])))
            for line in lines
            for m in _LISTS.finditer(line)
        ]
        for lines in (removed, added)
    )
    for (name, before), (other, after) in zip(old, new, strict=False):
        if name == other and after and after < before:
            yield "block", f"{name} lost {', '.join(sorted(before - after))}"
        elif name == other and before and after and is_single(before, after):
            yield "block", f"{name} is narrowed from {min(before)} to {min(after)}"


def _unstrict(added: Sequence[str], removed: Sequence[str]) -> Iterator[Found]:
    strict, still = (sum(1 for line in lines if _STRICTNESS.search(line)) for lines in (removed, added))
    if strict > still:
        option = next(match[0] for line in removed if (match := _STRICTNESS.search(line)))
        yield "block", f"no longer strict: {option}"


def _numbers(before: Sequence[str], after: Sequence[str]) -> Iterator[Found]:
    old, new = (
        [(m[1], float(m[2])) for line in lines for m in _NUMBERS.finditer(line)] for lines in (before, after)
    )
    for (name, least), (other, now) in zip(old, new, strict=False):
        if name == other and (now > least if name in _MAXIMA else now < least):
            yield "block", f"{name} goes from {least:g} to {now:g}"
            return
    if len(new) < len(old):
        yield "block", f"a threshold is gone ({old[0][0]} {old[0][1]:g})"


def _unregistered(added: Sequence[str], removed: Sequence[str]) -> Iterator[Found]:
    fresh = [line for line in added if _REGISTERED.search(line)]
    loop = any(re.search(r"\bfor(?:each)?\b", line) for line in added)
    said = words("\n".join(added)) if loop and fresh else frozenset[str]()
    gone = [line for line in removed if _REGISTERED.search(line) and not words(line) <= said]
    if len(gone) > len(fresh):
        yield "block", f"no longer registered: {gone[0].strip()}"
    for line, now in zip(gone, fresh, strict=False):
        if len(gone) == len(fresh) and narrowed(_folder(line), [_folder(now)]):
            yield "block", f"narrowed: {line.strip()} became {now.strip()}"


def _folder(line: str) -> str:
    match = re.search(r"<directory[^>]*>\s*([^<\s]+)", line)
    return match[1] if match else ""


def narrowed(old: str, new: Sequence[str]) -> bool:
    """Whether of a folder only one below it is left, or of a pattern for files single ones."""
    below = bool(old) and len(new) == 1 and new[0].startswith(old.rstrip("/") + "/")
    return below or is_single([old], new)


def is_single(old: Collection[str], new: Collection[str]) -> bool:
    """Whether patterns for the names of files became names of single files."""
    was, now = ([entry.rpartition("/")[2] for entry in side] for side in (old, new))
    names = all(re.fullmatch(r"[\w-]+(?:\.[\w-]+)+", name) for name in now)
    return any("*" in name for name in was) and bool(now) and names


_VARIABLE = re.compile(r"^[ \t]*(?:export\s+|override\s+)*(\w+)\s*[:?]*=\s*(.*)$")


def _variables(lines: Sequence[str]) -> dict[str, str]:
    return {
        match[1]: match[2] for line in lines if not line.startswith("\t") and (match := _VARIABLE.match(line))
    }


def _make(before: Sequence[str], after: Sequence[str]) -> Iterator[Found]:
    now = _variables(after)
    for name, value in _variables(before).items():
        if does_nothing([value], [now.get(name, value)]):
            yield "block", f"{name} does nothing any more: {now[name]}"
    old, new = _targets(before), _targets(after)
    for name, (needs, recipe) in old.items():
        if name not in new:
            yield "block", f"the target {name} is gone"
            continue
        now_needs, now_recipe = new[name]
        for result, why in weaker_command(recipe, now_recipe) if recipe or now_recipe else ():
            yield result, f"{name}: {why}"
        lost = [
            need
            for need in needs
            if need not in now_needs and re.search(r"test|check|lint|unit|verify|integration", need)
        ]
        if lost and len(now_needs) < len(needs):
            yield "block", f"{name} no longer needs {lost[0]}"


def _targets(lines: Sequence[str]) -> dict[str, tuple[list[str], list[str]]]:
    """Name of each target that verifies, with what it needs and its recipe."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    current: list[str] | None = None
    for line in lines:
        if line.startswith(("\t", "    ")):
            if current is not None:
                current.append(line.strip())
            continue
        current = None
        if match := _TARGET.match(line):
            current = []
            found[match[1]] = (match[2].split(), current)
    return found
