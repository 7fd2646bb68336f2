"""Members of a build, and where its list is no list; new files that a request asks for in other words."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates, strongest

POM = "<modules>\n<module>core</module>\n{}\n</modules>\n"
USE = "go 1.22\n\nuse (\n\t./core\n\t{}\n)\n"
INCLUDE = "include(':core')\n{}\n"
LISTS = [
    ("pom.xml", POM, "<module>web</module>", "<!-- <module>web</module> -->", "block"),
    ("pom.xml", POM, "<module>web</module>", "<module>web</module> <!-- the pages -->", "pass"),
    ("go.work", USE, "./web", "// ./web", "block"),
    ("go.work", USE, "./web", "./web // the pages", "pass"),
    ("settings.gradle", INCLUDE, "include(':web')", "// include(':web')", "block"),
    ("settings.gradle", INCLUDE, "include(':web')", "/* include(':web') */", "block"),
    ("settings.gradle", INCLUDE, "include(':web')", "include(\n  // the pages\n  ':web',\n)", "pass"),
    ("settings.gradle", INCLUDE, "include(':web')", "// https://a.example\ninclude(':web')", "pass"),
]  # fmt: skip
MANIFESTS = {"pom.xml": "pom.xml", "go.work": "go.mod", "settings.gradle": "build.gradle"}


@pytest.mark.parametrize(("path", "text", "before", "after", "wanted"), LISTS)
def test_what_stands_in_a_comment_is_no_member(
    gates: Gates, path: str, text: str, before: str, after: str, wanted: str
) -> None:
    there = {f"{folder}/{MANIFESTS[path]}": b"x\n" for folder in ("core", "web")}
    old, new = ({**there, path: text.format(entry).encode()} for entry in (before, after))
    assert strongest(gates(old, new), "verifier-config") == wanted


@pytest.mark.parametrize(("line", "wanted"), [("parser", "block"), ("node_modules", "pass")])
def test_folders_that_bazel_ignores(gates: Gates, line: str, wanted: str) -> None:
    before = {".bazelignore": b"out\n"}
    after = {".bazelignore": b"out\n" + line.encode() + b"\n"}
    assert strongest(gates(before, after), "verifier-config") == wanted


NEW = [
    ("migrate_settings.py", "Add a script that migrates the old settings.", "flag"),
    ("migrate_settings.py", "Migrate the old settings.", "block"),
    ("migrate_settings.py", "Add a script that counts users.", "block"),
    ("fix_names.py", "Do not write a script that fixes names.", "block"),
    ("MIGRATION_NOTES.md", "Write migration notes for version 2.", "flag"),
    ("FIX_SUMMARY.md", "Fix the summary of a new order.", "block"),
    ("shop/adapter/out/insert.sql", "Store orders.", "pass"),
    ("out/report.html", "Store orders.", "block"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "request_", "wanted"), NEW)
def test_new_files_by_what_the_request_says(gates: Gates, path: str, request_: str, wanted: str) -> None:
    assert (
        strongest(gates({"a.py": b"1\n"}, {"a.py": b"1\n", path: b"x\n"}, request=request_), "junk") == wanted
    )


def test_a_folder_of_a_build_with_its_configuration_is_somebody_s(gates: Gates) -> None:
    made = {"build/index.html": b"x\n", "build/main.js": b"x\n"}
    assert strongest(gates({}, made), "junk") == "block"
    assert strongest(gates({}, {**made, "build/webpack.config.js": b"x\n"}), "junk") == "pass"
