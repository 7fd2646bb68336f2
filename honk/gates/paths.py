"""Gates that look at paths alone: protected ones, ignore rules, tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal

from pathspec import GitIgnoreSpec

from honk.core.types import FileChange, Finding
from honk.gates.content import LINK, Content
from honk.gates.policy import GatePolicy, globs, matches

# What these files say is run or obeyed by somebody who did not review it: the CI with its
# credentials, the forge, or the tools of the next person who opens the repository.
PROTECTED = (
    # continuous integration
    "/.github/workflows/",
    "/.github/actions/",
    "/.gitea/workflows/",
    "/.forgejo/workflows/",
    "/.gitlab-ci.yml",
    "/.gitlab/ci/",
    "/.gitlab-ci/",
    "/.gitlab-ci.d/",
    "/.circleci/",
    "/.buildkite/",
    "/.semaphore/",
    "/.teamcity/",
    "/.tekton/",
    "/.woodpecker/",
    "/.woodpecker.y*ml",
    "/.azure-pipelines/",
    "azure-pipelines*.y*ml",
    "/.travis.yml",
    "/.cirrus.*",
    "/.drone.*",
    "/appveyor.yml",
    "/.appveyor.yml",
    "/bitbucket-pipelines.yml",
    "/.bitbucket/",
    "/.build.yml",
    "/.builds/",
    "/buildspec.y*ml",
    "/cloudbuild.y*ml",
    "Jenkinsfile*",
    # who reviews
    "/CODEOWNERS",
    "/docs/CODEOWNERS",
    "/.github/CODEOWNERS",
    "/.gitlab/CODEOWNERS",
    # what the forge, or a bot on it, does by itself
    "/.github/settings.y*ml",
    "/.github/mergify.y*ml",
    "/.mergify.y*ml",
    "/.mergify/",
    # git, and its hooks
    ".gitmodules",
    ".gitattributes",
    ".lfsconfig",
    ".husky/",
    ".githooks/",
    ".git-hooks/",
    "lefthook*.y*ml",
    ".lefthook*.y*ml",
    ".lefthook/",
    ".overcommit.yml",
    # honk
    "/.honk.yml",
    # editors and shells that run what they find
    ".vscode/",
    "*.code-workspace",
    ".idea/",
    ".zed/",
    ".devcontainer/",
    ".devcontainer.json",
    ".envrc",
    ".exrc",
    ".vimrc",
    ".nvimrc",
    ".nvim.lua",
    ".dir-locals*.el",
    "*.sublime-project",
    "/.gitpod.yml",
    "mise.toml",
    ".mise.toml",
    # package managers and builds that run, or obey, what stands there
    ".pnpmfile.*js",
    ".npmrc",
    "**/.yarn/releases/",
    "**/.yarn/plugins/",
    "**/.mvn/*.config",
    "**/.mvn/*.xml",
    # coding agents
    "AGENTS.md",
    "AGENTS.override.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "GEMINI.md",
    "WARP.md",
    "opencode.json*",
    ".goosehints",
    ".agents/",
    ".amazonq/",
    ".claude/",
    ".codex/",
    ".continue/",
    ".cursor/",
    ".cursorrules",
    ".factory/",
    ".gemini/",
    ".junie/",
    ".kiro/",
    ".mcp.json",
    ".opencode/",
    ".qwen/",
    ".roo/",
    ".trae/",
    ".windsurf/",
    ".windsurfrules",
    ".clinerules",
    ".aider.conf.yml",
    "/.github/copilot-instructions.md",
    "/.github/agents/",
    "/.github/chatmodes/",
    "/.github/hooks/",
    "/.github/instructions/",
    "/.github/prompts/",
)

# Ordinary changes touch these now and then; the reviewer should look twice.
WATCHED = (
    ".gitignore",
    "/.github/dependabot.y*ml",
    "renovate.json*",
    ".renovaterc*",
    ".pre-commit-config.yaml",
    "gradle-wrapper.properties",
    "**/.mvn/wrapper/",
    ".yarnrc.yml",
)

TESTS = (
    "test/",
    "tests/",
    "__tests__/",
    "__snapshots__/",
    "spec/",
    "testdata/",
    "test_*.py",
    "*_test.py",
    "conftest.py",
    "*_test.go",
    "*.test.*",
    "*.spec.*",
    "*_spec.rb",
    "*_test.rb",
    "*_test.exs",
    "*Test.java",
    "*Tests.java",
    "*IT.java",
    "*Test.kt",
    "*Tests.kt",
    "*Test.cs",
    "*Tests.cs",
    "*Test.php",
    "*Test.scala",
    "*Spec.scala",
    "*Spec.groovy",
    "*Tests.swift",
    "*.bats",
    "tests.py",
    "test_*.rb",
    "*[_-]test.c*",
    "*[_-]spec.lua",
    "*_unittest.*",
    "*-unittest.*",
    "[Tt]est_*.c*",
    "*.cy.[jt]s*",
)

# Names that some runners look for by default (node:test, Bun, Deno, what CMake is usually given), and that
# ordinary code has as well: it depends on what the file holds.
_MAYBE_TEST = re.compile(
    r"(?:^|/)(?:(?P<js>(?:test[_-][^/]*|[^/]*[_-](?:test|spec)s?|tests?)\.[cm]?[jt]sx?)"
    r"|(?:[^/]*(?:Test|Tests|Spec|_tests|-tests)|[Tt]ests?(?:[A-Z-][^/]*)?)\.(?:c|cc|cpp|cxx|h|hh|hpp|mm?))$"
)
_HOLDS_JS = re.compile(
    rb"(?<![.\w$])(?:test|it|describe|suite)(?:\.\w+)*\s*\(\s*[\"'`]|\bDeno\.test\b|node:test"
)
_HOLDS_C = re.compile(
    rb"\b(?:(?:TYPED_)?TEST(?:_[FPGI]|_CASE|_CASE_METHOD)?|TEMPLATE_TEST_CASE|SCENARIO|UNIT_TEST"
    rb"|BOOST_\w{0,30}TEST\w{0,30}|CPPUNIT_TEST\w*|QTEST_\w*MAIN|EXPECT_[A-Z]+)\s*\(|\bCxxTest::|\bXCTestCase\b"
)

_EDITED = {"A": "was added", "M": "was changed", "D": "was deleted", "T": "changed its type"}


# Hidden folders above protected ones: a link in their place brings those in with it.
_ABOVE = tuple(sorted({above for glob in PROTECTED for above in re.findall(r"^(.*/\.[a-z-]+)/.", glob)}))


def protected_paths(file: FileChange, policy: GatePolicy) -> Iterator[Finding]:
    what = _EDITED[file.status]
    is_link = LINK in (file.old_mode, file.new_mode)
    # Whoever looks for a folder takes a link to one, which no glob for what lies below finds.
    path = f"{file.path}/" if is_link else file.path
    if matches(PROTECTED, path) or (is_link and matches(_ABOVE, path)):
        yield _found(file, "block", f"a protected file {what}")
    elif matches(policy.protect, path):
        yield _found(file, "block", f"a file that this repository or installation protects {what}")
    elif matches(WATCHED, file.path):
        yield _found(file, "flag", f"a watched file {what}")


def _found(file: FileChange, result: Literal["block", "flag"], detail: str) -> Finding:
    return Finding(gate="protected-path", result=result, path=file.path, detail=detail)


def is_test(path: str, *sides: bytes) -> bool:
    """Whether the path is one where tests, or what they need, are usually kept; or one where they may be,
    and one of the ``sides`` of the file has any."""
    if _tests().match_file(path):
        return True
    maybe = _MAYBE_TEST.search(path)
    pattern = _HOLDS_JS if maybe and maybe["js"] else _HOLDS_C
    return maybe is not None and any(pattern.search(side) for side in sides)


@cache
def _tests() -> GitIgnoreSpec:
    return globs(TESTS)


def tests_changed(content: Content) -> Iterator[Finding]:
    """Existing tests that say something else now. New ones are welcome."""
    file = content.file
    if file.status != "A" and is_test(file.path, content.old or b""):
        detail = f"a test {_EDITED[file.status]}"
        yield Finding(gate="tests-changed", result="flag", path=file.path, detail=detail)
