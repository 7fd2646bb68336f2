"""Each gate with a change that it stops, and its honest twin."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from honk.core.errors import UserError
from honk.core.types import Finding
from honk.gates import scan_text

Gates = Callable[..., tuple[Finding, ...]]

# Put together here, so that scanners of this repository stay calm.
GITHUB = "ghp_" + "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zA2"
AWS = "AKIA" + "Q3EGRT5XN7VKJ2WD"
SLACK = "xoxb-" + "123456789012-123456789012-abcdefghijklmnopqrstuvwx"
KEY_BODY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 3)
KEY = f"-----BEGIN PRIVATE {'KEY'}-----\n{KEY_BODY}\n-----END PRIVATE KEY-----\n"
KNOWN = "s3cr3t-Value-of-honk"


def found(findings: tuple[Finding, ...], gate: str) -> list[str]:
    return [f.result for f in findings if f.gate == gate]


def text(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".github/workflows/deep/er.yml",
        ".GitHub/Workflows/ci.yml",
        ".github/actions/build/action.yml",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        ".github/CODEOWNERS",
        ".gitmodules",
        "sub/.gitattributes",
        ".lfsconfig",
        ".honk.yml",
        ".husky/pre-commit",
        ".gitlab-ci.yml",
        ".circleci/config.yml",
        "Jenkinsfile",
        "services/a/Jenkinsfile.release",
        ".vscode/tasks.json",
        "app/.idea/workspace.xml",
        ".devcontainer/devcontainer.json",
        ".cursor/rules/x.mdc",
        ".claude/settings.json",
        ".mcp.json",
        "AGENTS.md",
        "packages/a/CLAUDE.md",
        ".agents/skills/a/SKILL.md",
        "opencode.json",
        "opencode.jsonc",
        ".github/hooks/a.json",
        ".amazonq/rules/a.md",
        ".goosehints",
        ".trae/rules/a.md",
        ".qwen/settings.json",
        ".factory/droids/a.md",
        "WARP.md",
        ".lefthook/pre-commit/a.sh",
        ".exrc",
        ".vimrc",
        "mise.toml",
        ".mise.toml",
        ".gitpod.yml",
        ".build.yml",
        ".builds/alpine.yml",
        ".bitbucket/pipelines/a.yml",
        ".pnpmfile.cjs",
        ".mvn/maven.config",
        "server/.mvn/jvm.config",
        ".mvn/extensions.xml",
        ".gitlab-ci/build.yml",
        ".gitlab-ci.d/test.yml",
        ".github/settings.yml",
        ".github/mergify.yml",
        ".mergify.yml",
        ".nvim.lua",
        "src/.dir-locals.el",
        "app.sublime-project",
        ".yarn/releases/yarn-4.1.0.cjs",
        ".yarn/plugins/plugin-a.cjs",
        "web/.npmrc",
    ],
)
@pytest.mark.parametrize("status", ["add", "change", "delete"])
def test_protected_paths_block_unless_allowed(gates: Gates, path: str, status: str) -> None:
    before = {} if status == "add" else {path: b"old\n"}
    after = {} if status == "delete" else {path: b"new\n"}
    assert found(gates(before, after), "protected-path") == ["block"]
    assert found(gates(before, after, allow=(path,)), "protected-path") == ["flag"]
    assert found(gates(before, after, allow=("other/**",)), "protected-path") == ["block"]


LINK = ("120000", b"tools/a")


@pytest.mark.parametrize(
    "path",
    [
        ".husky",
        ".vscode",
        "app/.claude",
        ".GitHub/workflows",
        ".github",
        ".yarn",
        ".circleci",
        "db/migrations",
    ],
)
def test_a_link_in_the_place_of_a_protected_folder_blocks(gates: Gates, path: str) -> None:
    policy = {"protect": ("db/migrations/",)}
    assert found(gates({}, {path: LINK}, **policy), "protected-path") == ["block"]
    assert found(gates({path: LINK}, {}, **policy), "protected-path") == ["block"]
    assert found(gates({path: LINK}, {path: ("120000", b"b")}, **policy), "protected-path") == ["block"]
    assert found(gates({}, {path: LINK}, allow=(path,), **policy), "protected-path") == ["flag"]


@pytest.mark.parametrize("path", ["docs", "husky", "src/.github", "db", ".config", "current"])
def test_other_links_are_not_protected(gates: Gates, path: str) -> None:
    assert found(gates({}, {path: LINK}, protect=("db/migrations/",)), "protected-path") == []


@pytest.mark.parametrize(
    "path",
    [
        "src/workflows/ci.yml",
        "docs/github/workflows.md",
        "src/CODEOWNERS",
        "src/agents.py",
        "docs/vscode.md",
        "README.md",
        "Dockerfile",
        ".github/ISSUE_TEMPLATE/bug.md",
        "lib/husky/index.js",
        "jenkins/file.py",
        "src/settings.yml",
        "docs/mergify.yml",
        "examples/nvim.lua",
        ".yarn/versions/a.yml",
    ],
)
def test_paths_that_only_look_protected_pass(gates: Gates, path: str) -> None:
    assert gates({}, {path: b"new\n"}) == ()


@pytest.mark.parametrize(
    "path",
    [
        *(".gitignore", "sub/.gitignore", ".github/dependabot.yml", "renovate.json"),
        *("gradle/wrapper/gradle-wrapper.properties", ".mvn/wrapper/maven-wrapper.properties", ".yarnrc.yml"),
    ],
)
def test_watched_files_are_flagged(gates: Gates, path: str) -> None:
    assert found(gates({path: b"a\n"}, {path: b"b\n"}), "protected-path") == ["flag"]


def test_added_globs_protect_and_can_neither_lift_nor_be_lifted_by_the_builtin_ones(gates: Gates) -> None:
    after = {"db/migrations/1.sql": b"x\n", "src/a.py": b"x\n", "CODEOWNERS": b"x\n"}
    findings = gates({}, after, protect=("db/migrations/", "!CODEOWNERS"))
    assert {(f.path, f.result) for f in findings} == {
        ("db/migrations/1.sql", "block"),
        ("CODEOWNERS", "block"),
    }
    allowed = gates({}, after, protect=("db/migrations/",), allow=("db/**", "/CODEOWNERS"))
    assert {f.result for f in allowed} == {"flag"}


def test_a_glob_without_meaning_is_the_users_error(gates: Gates) -> None:
    with pytest.raises(UserError, match="pattern"):
        gates({}, {"CODEOWNERS": b""}, allow=("!",))


@pytest.mark.parametrize(
    "line",
    [
        f"token = '{GITHUB}'",
        f"aws_access_key_id = {AWS}",
        f'export SLACK="{SLACK}"',
        "key: "
        + "github_pat_"
        + "11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHI",
        "key: " + "sk-ant-" + "api03-abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGH",
        "//registry.example/:_authToken=" + "01234567-89ab-cdef-0123-456789abcdef",
        "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
        "AWS_SECRET_ACCESS_KEY=" + "q7Rk2/Vd" * 5,
        'aws_secret_access_key = "' + "q7Rk2/Vd" * 5 + '"',
        "tls.key: LS0tLS1CRUdJTi" + "BSU0EgUFJJVkFURSBLRVktLS0tLQo",
        "tls.key: LS0tLS1CRUdJTi" + "BPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS0K",
        "AGE-SECRET-" + "KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MU" * 2,
        "DATABRICKS_TOKEN=dapi" + "0f1e2d3c" * 4,
        "token: dop_" + "v1_" + "0f1e2d3c" * 8,
        "docker login -p dckr_" + "pat_" + "aB3_dE6-gH9" * 3,
        "doppler: dp." + "pt." + "a1B2c" * 8 + "xyz",
        "grafana: glsa_" + "a1B2" * 8 + "_0f1e2d3c",
        "VAULT_TOKEN=hvs." + "CAESI" * 20,
        "tfe: abcdefghijklmn" + ".atlasv1." + "aB3_dE6-gH9" * 6,
        "HF_TOKEN=hf_" + "aBcDeFgHiJkLmNoPq" * 2,
        "linear: lin_" + "api_" + "a1B2c" * 8,
        "NEW_RELIC=NRAK-" + "A1B" * 9,
        "db: pscale_" + "pw_" + "a1B2c3D4" * 5,
        "postman: PMAK-" + "0f1e2d3c" * 3 + "-" + "0f" * 17,
        "PULUMI_ACCESS_TOKEN=pul-" + "0f1e2" * 8,
        ":rubygems_api_key: rubygems_" + "0f1e2d3c" * 6,
        "sentry: sntryu_" + "0f1e2d3c" * 8,
        "shop: shpat_" + "0f1e2d3c" * 4,
        "x" * 9_000 + f" {GITHUB} " + "y" * 9_000,
        f"token = '{GITHUB}'  # pragma: allowlist secret",
    ],
)
def test_credentials_in_added_lines_block_and_are_masked(gates: Gates, line: str) -> None:
    findings = gates({"a.py": text("one")}, {"a.py": text("one", line)})
    assert found(findings, "secret") == ["block"]
    assert all(secret not in f.detail for f in findings for secret in (GITHUB, AWS, SLACK))
    assert "line 2" in findings[0].detail


@pytest.mark.parametrize("indent", ["", "    ", "  | "[:2]])
def test_a_private_key_blocks_but_its_header_alone_does_not(gates: Gates, indent: str) -> None:
    key = "\n".join(indent + line for line in KEY.splitlines()) + "\n"
    assert found(gates({}, {"k.pem": key.encode()}), "secret") == ["block"]
    in_string = 'KEY = "' + KEY.replace("\n", "\\n") + '"\n'
    assert found(gates({}, {"k.py": in_string.encode()}), "secret") == ["block"]
    header = KEY.split("\n")[0]
    honest = text(f'if "{header}" in value and looks_like_a_rather_long_function_name(value):', "    pass")
    assert gates({}, {"k.py": honest}) == ()


def test_an_old_encrypted_private_key_with_its_fields_blocks(gates: Gates) -> None:
    lines = KEY.split("\n")
    fields = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF", ""]
    assert found(gates({}, {"k": text(lines[0], *fields, *lines[1:])}), "secret") == ["block"]


@pytest.mark.parametrize(
    "line",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "postgres://svc:hT7kq9Zz1@db.internal.net/app",
    ],
)
def test_documentation_examples_and_weak_formats_are_flagged(gates: Gates, line: str) -> None:
    assert set(found(gates({}, {"a.md": text(line)}), "secret")) == {"flag"}


@pytest.mark.parametrize(
    "line",
    [
        'password = os.environ["DB_PASSWORD"]',
        'password = "hunter2"',
        "//registry.example/:_authToken=${NPM_TOKEN}",
        '"integrity": "sha512-oRP2HlHcpwDiVOaWKnDhVtd0JIhYlqpTNSqMZ2nYGJsGjJgiwRXGuZ4GEl3AW2jtAByQwuOr3kqv"',
        "github.com/a/b v1.2.3 h1:3bajkSilaCbjdKVsKdZjZCLBNPL9pYzrCakKaf4U49U=",
        "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "postgres://user:password@localhost:5432/test",
        "git clone https://x-access-token:${TOKEN}@github.com/a/b",
        "def test_ghp_prefix(): assert token.startswith('ghp_')",
        "skip_list = SKIPPED_TESTS_FOR_PLATFORM",
        "AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY}",
        "from huggingface_hub import hf_hub_download, hf_hub_url, hf_raise_for_status",
        "tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg",
        "pull_request: pul-1234, dapi/v2, shpat_ prefixes, AGE-SECRET-KEY-1...",
        "model = load(hf_transformers_pretrained_configuration_path)",
        "wasm = 'AGFzbQEAAAABIAhgAX8Bf2ADf39/AX9gBH9/f38Bf2ABIABIAAAAAIAAAAAAAAAABBgBQAAAf39/f39'",
    ],
)
def test_ordinary_lines_are_no_secrets(gates: Gates, line: str) -> None:
    assert gates({}, {"a.txt": text(line)}) == ()


def test_a_credential_that_was_there_before_or_only_moved_is_not_new(gates: Gates) -> None:
    line = f"token = '{GITHUB}'"
    assert gates({"a": text(line, "one")}, {"a": text("one", line)}) == ()
    assert gates({"a": text(line)}, {"renamed": text(line)}) == ()
    assert gates({"a": text(line)}, {}) == ()


@pytest.mark.parametrize(
    "data",
    [
        KNOWN.encode(),
        b"\0\1" + KNOWN.encode(),
        base64.b64encode(b"x" + KNOWN.encode() + b"yz"),
        base64.urlsafe_b64encode(b"xy" + KNOWN.encode()),
        KNOWN.encode().hex().encode(),
        KNOWN[::-1].encode(),
        KNOWN.encode("utf-16"),
    ],
)
def test_a_known_value_blocks_anywhere_in_any_usual_encoding(gates: Gates, data: bytes) -> None:
    findings = gates({}, {"a": b"before " + data + b" after\n"}, secrets=(KNOWN,))
    assert "block" in found(findings, "secret")
    assert KNOWN not in repr(findings)
    twin = gates({}, {"a": b"before " + data[:-9] + b" after\n"}, secrets=(KNOWN,))
    assert found(twin, "secret") == []


def test_a_known_value_in_a_name_or_a_link_blocks_and_is_masked(gates: Gates) -> None:
    findings = gates({}, {f"d/{KNOWN}.txt": b"x\n", "link": ("120000", KNOWN.encode())}, secrets=(KNOWN,))
    assert found(findings, "secret") == ["block", "block"]
    assert KNOWN not in repr(findings)


def test_a_token_as_a_file_name_blocks_and_is_masked(gates: Gates) -> None:
    findings = gates({}, {f"d/{GITHUB}": b"x\n"})
    assert found(findings, "secret") == ["block"]
    assert GITHUB not in repr(findings)


def test_many_flags_do_not_push_out_a_block(gates: Gates) -> None:
    weak = [f"see AKIA{n:06}EXAMPLE123 here"[:60] for n in range(50)]
    assert "block" in found(gates({}, {"a": text(*weak, GITHUB)}), "secret")


HIDDEN = [
    "\u202e",
    "\u2066",
    "\u200b",
    "\u2060",
    "\U000e0041",
    "\u3164",
    "\u200d",
    "\ufe0f",
    "\U000e0100",
    "\ufeff",
    "\u00ad",
    "\u034f",
    "\u2028",
    "\u2029",
    "\u2800",
]


@pytest.mark.parametrize("character", HIDDEN, ids=lambda c: f"U+{ord(c):04X}")
def test_hidden_characters_block_in_lines_and_names(gates: Gates, character: str) -> None:
    findings = gates({"a": text("one")}, {"a": text("one", f"if access{character} == 'user':")})
    assert found(findings, "hidden-characters") == ["block"]
    assert f"U+{ord(character):04X}" in findings[0].detail and "line 2" in findings[0].detail
    in_name = gates({}, {f"a{character}b": b"x\n"})
    assert found(in_name, "hidden-characters") == ["block"]
    assert character not in repr((findings, in_name))


@pytest.mark.parametrize(
    "line",
    [
        "family: 👩\u200d👩\u200d👧, pilot 👩🏽\u200d✈\ufe0f, heart ❤\ufe0f\u200d🔥",
        "keycap 1\ufe0f⃣ copyright ©\ufe0f arrow ↔\ufe0f",
        "England 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می\u200cخواهم",
        "क्\u200dष and क्\u200cष",
        "ไทย\u200bภาษา",
        "(\u200fשלום\u200e) world",
        "葛\U000e0100飾区",
        "naïve café – “quoted” … ✓ 日本語 ½",
    ],
)
def test_characters_in_their_honest_place_pass(gates: Gates, line: str) -> None:
    assert gates({}, {"a.json": text(line)}) == ()


@pytest.mark.parametrize(
    ("path", "line", "result"),
    [
        ("src/a.js", "check() // safe\u2028grant()", "block"),
        ("src/a.vue", "check() // safe\u2029grant()", "block"),
        ("src/lang/parse.ts", "check() // safe\u2028grant()", "block"),
        ("src/a.py", "if user == 'ad\u00admin':", "block"),
        ("src/a.py", "if user == 'admin\u2800':", "block"),
        ("Dockerfile", "RUN a\u034fb", "block"),
        ("src/a.js", "\u00ad", "block"),
        ("package.json", '{"test": "jest\u2028 a"}', "flag"),
        ("config.yaml", "user: ad\u00admin", "flag"),
        ("README.md", "one\u2028two", "flag"),
        ("README.md", "one \u00ad two", "flag"),
        ("src/Note.tsx", "return <p>Daten\u00adschutz</p>", "flag"),
        ("src/locales/de.ts", "privacy: 'Daten\u00adschutz',", "flag"),
        ("src/locales/de.json", '{"privacy": "Daten\u00adschutz"}', ""),
        ("docs/privacy.de.html", "<p>Daten\u00adschutz</p>", ""),
        ("src/wait.py", 'FRAMES = "⠋⠙⠹\u2800"', ""),
        ("src/he.py", "NAME = '\u05d0\u05b7\u034f\u05b0'", ""),
        ("src/strange.py", "ODD = 'T\u0321\u033a\u034fo'", ""),
    ],
)
def test_what_prose_has_on_purpose_blocks_in_code_alone(
    gates: Gates, path: str, line: str, result: str
) -> None:
    findings = gates({path: text("a")}, {path: text("a", line)})
    assert found(findings, "hidden-characters") == ([result] if result else [])


def test_a_blank_of_braille_passes_where_its_other_characters_are(gates: Gates) -> None:
    before = {"src/wait.js": text("const frames = [", '  "⠋",', '  "⠙",', "]")}
    after = {"src/wait.js": text("const frames = [", '  "⠋",', '  "⠙",', '  "\u2800",', "]")}
    assert gates(before, after) == ()


def test_a_hidden_character_that_was_in_the_line_before_is_not_new(gates: Gates) -> None:
    assert gates({"a": text("x\u200by = 1")}, {"a": text("x\u200by = 2")}) == ()
    assert found(gates({"a": text("x\u200by = 1")}, {"a": text("x\u200by\u200b = 2")}), "hidden-characters")


def test_a_byte_order_mark_is_honest_at_the_start_only(gates: Gates) -> None:
    assert gates({}, {"a.cs": b"\xef\xbb\xbfusing System;\n"}) == ()
    assert gates({}, {"a.txt": "\ufeffhello\n".encode("utf-16-le")}) == ()
    assert found(gates({}, {"a.txt": "\ufeffa\u202eb\n".encode("utf-16-le")}), "hidden-characters") == [
        "block"
    ]


def test_size_blocks_above_ten_megabytes(gates: Gates) -> None:
    assert found(gates({}, {"a": b"\0" * 10_000_001}), "file-size") == ["block"]
    assert found(gates({}, {"a": b"x" * 2_000_000}), "file-size") == ["flag"]
    assert gates({}, {"a": b"x\n" * 1_000}) == ()
    big = b"x" * 10_000_000 + b"\n"
    assert found(gates({"a": big}, {"a": big + b"y\n"}), "file-size") == ["flag"]


@pytest.mark.full  # looks through ten megabytes
@pytest.mark.parametrize("policy", [{"allow": ("data.csv",)}, {"modes": {"file-size": "flag"}}])
def test_a_large_file_that_is_permitted_is_looked_through(gates: Gates, policy: dict[str, Any]) -> None:
    large = b"one,two,three,four,five,six,seven\n" * 300_000
    findings = gates({}, {"data.csv": large + text(GITHUB, "a\u202eb")}, **policy)
    assert found(findings, "secret") == found(findings, "hidden-characters") == ["block"]
    assert found(findings, "file-size") == ["flag"]


def test_a_text_too_large_to_be_looked_through_cannot_be_permitted(gates: Gates) -> None:
    findings = gates({}, {"data.csv": b"a,b\n" * 6_300_000}, allow=("data.csv",))
    assert found(findings, "secret") == found(findings, "hidden-characters") == ["block"]
    assert found(gates({}, {"a.bin": b"\0" * 25_000_001}, allow=("a.bin",)), "secret") == []


def test_a_change_larger_than_a_pull_request_shows_is_flagged(gates: Gates) -> None:
    many = {f"d/{n}.txt": b"x\n" for n in range(301)}
    assert found(gates({}, many), "change-size") == ["flag"]
    assert gates({}, dict(list(many.items())[:300])) == ()
    long = text(*(f"line {n}" for n in range(12_000)))
    assert found(gates({"a": long}, {"b": text(*(f"row {n}" for n in range(12_000)))}), "change-size")
    assert gates({}, {"a": long}) == ()
    lock = {"poetry.lock": long + long, "pyproject.toml": b"[project]\nname = 'a'\n"}
    assert found(gates({}, lock), "change-size") == []
    assert found(gates({}, many, modes={"change-size": "block"}), "change-size") == ["block"]
    allowed = gates({}, many, modes={"change-size": "block"}, allow=("/all files",))
    assert found(allowed, "change-size") == ["flag"]


def test_kinds_of_entries(gates: Gates) -> None:
    assert found(gates({}, {"a.png": b"\x89PNG\0\0"}), "binary") == ["flag"]
    assert found(gates({"a.sh": b"x\n"}, {"a.sh": ("100755", b"x\n")}), "mode") == ["flag"]
    assert gates({"a.sh": ("100755", b"x\n")}, {"a.sh": ("100755", b"y\n")}) == ()
    assert gates({"a.sh": ("100755", b"x\n")}, {"a.sh": b"x\n"}) == ()
    assert found(gates({"lib": ("160000", b"")}, {"lib": b"x\n"}), "submodule") == ["block"]
    assert found(gates({}, {"lib": ("160000", b"")}), "submodule") == ["block"]


@pytest.mark.parametrize(
    ("target", "result"),
    [
        ("b/c", "flag"),
        ("../x", "flag"),
        ("../../x", "block"),
        ("/etc/passwd", "block"),
        ("../.git/config", "block"),
    ],
)
def test_links_are_flagged_and_block_when_they_lead_out(gates: Gates, target: str, result: str) -> None:
    assert found(gates({}, {"d/link": ("120000", target.encode())}), "symlink") == [result]
    assert found(gates({"d/link": b"x\n"}, {"d/link": ("120000", target.encode())}), "symlink") == [result]


TWO_TESTS = text("def test_a():", "    assert f(1) == 2", "", "", "def test_b():", "    assert f(2) == 3")
STRICT_INI = text("[pytest]", "xfail_strict = true")


def test_a_link_in_the_place_of_a_test_has_none(gates: Gates) -> None:
    path, other = "tests/test_a.py", {"src/e.py": b"x = 1\n"}
    link = {path: ("120000", b"../src/e.py")}
    assert found(gates({path: TWO_TESTS, **other}, {**link, **other}), "weakened-tests") == ["block", "block"]
    assert found(gates({**link, **other}, {path: TWO_TESTS, **other}), "weakened-tests") == []
    moved = gates({path: TWO_TESTS}, {path: ("120000", b"a/test_a.py"), "tests/a/test_a.py": TWO_TESTS})
    assert found(moved, "weakened-tests") == []


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("pytest.ini", STRICT_INI),
        ("packages/a/package.json", b'{"scripts": {"test": "jest"}}\n'),
        (
            "web/jest.config.js",
            text("module.exports = {", "  coverageThreshold: {", "    lines: 90,", "  },", "}"),
        ),
    ],
)
def test_a_link_in_the_place_of_configuration_has_none(gates: Gates, path: str, data: bytes) -> None:
    assert "block" in found(gates({path: data}, {path: ("120000", b"b")}), "verifier-config")


def test_configuration_that_leaves_a_link_in_its_place_has_moved(gates: Gates) -> None:
    after = {"pytest.ini": ("120000", b"config/pytest.ini"), "config/pytest.ini": STRICT_INI}
    assert "block" not in found(gates({"pytest.ini": STRICT_INI}, after), "verifier-config")


@pytest.mark.parametrize(
    "path", ["tests/test_a.py", "pkg/a_test.go", "src/a.spec.ts", "src/test/java/ATest.java"]
)
def test_edited_tests_are_flagged_and_new_ones_are_not(gates: Gates, path: str) -> None:
    assert found(gates({path: b"a\n"}, {path: b"b\n"}), "tests-changed") == ["flag"]
    assert found(gates({path: b"a\n"}, {}), "tests-changed") == ["flag"]
    assert gates({}, {path: b"a\n"}) == ()


@pytest.mark.parametrize("path", ["src/latest.py", "src/Unit.java", "src/contest.go", "testing.md"])
def test_other_files_are_no_tests(gates: Gates, path: str) -> None:
    assert gates({path: b"a\n"}, {path: b"b\n"}) == ()


JS_TEST = text("test('adds', () => {", "  expect(add(1, 2)).toBe(3)", "})")
CPP_TEST = text("TEST(Add, Adds) {", "  EXPECT_EQ(add(1, 2), 3);", "}")
NAMED_FOR_A_RUNNER = {
    **dict.fromkeys(
        ["src/foo_test.ts", "src/foo-test.js", "src/test-foo.mjs", "src/foo_spec.tsx", "src/test.js"], JS_TEST
    ),
    **dict.fromkeys(
        ["a/foo_unittest.cc", "a/FooTest.cpp", "a/FooTests.cc", "a/TestFoo.cpp", "a/foo-tests.cpp"], CPP_TEST
    ),
}


@pytest.mark.parametrize("path", NAMED_FOR_A_RUNNER)
def test_a_test_by_the_name_that_some_runner_looks_for_is_one(gates: Gates, path: str) -> None:
    data = NAMED_FOR_A_RUNNER[path]
    deleted = gates({path: data}, {})
    assert found(deleted, "tests-changed") == ["flag"]
    assert found(deleted, "weakened-tests") == ["block"]
    emptied = b"".join(line for line in data.splitlines(True) if not line.startswith(b"  "))
    assert found(gates({path: data}, {path: emptied}), "weakened-tests") == ["block"]


JS_CODE = text("export function measure(text) {", "  assert(text)", "  return /a/.test('a')", "}")
CPP_CODE = text("bool hit(Point p) {", "  ASSERT(p.x > 0);", "  CHECK(p.y);", "  return inside(p);", "}")


@pytest.mark.parametrize(
    "path",
    [
        *("src/contest.ts", "src/latest.js", "src/speed-test.tsx", "src/test-connection.ts"),
        *("src/order_spec.ts", "src/ab_test.ts", "src/test-utils.js"),
        *("src/HitTest.cpp", "src/DepthTest.h", "src/Contest.cpp", "src/TestRunner.cc"),
    ],
)
def test_code_by_the_name_of_a_test_is_none(gates: Gates, path: str) -> None:
    data = JS_CODE if "s" in path.rpartition(".")[2] else CPP_CODE
    shorter = b"".join(
        line for line in data.splitlines(True) if b"assert" not in line and b"CHECK" not in line
    )
    assert gates({path: data}, {path: shorter}) == ()
    assert gates({path: data}, {}) == ()


def test_honest_code_blocks_nothing(gates: Gates) -> None:
    """All of honk, and the modules of this Python's standard library, as if somebody had added them."""
    honk = Path(__file__).parents[2] / "honk"
    library = Path(os.__file__).parent
    files = {f"src/{p.relative_to(honk)}": p.read_bytes() for p in honk.rglob("*.py")}
    files |= {f"lib/{p.name}": p.read_bytes() for p in library.glob("*.py")}
    files |= {f"lib/email/{p.name}": p.read_bytes() for p in library.glob("email/*.py")}
    assert len(files) > 150
    assert [f for f in gates({}, files) if f.result == "block"] == []


HONEST = {
    "a dependency's new version": (
        {"requirements.txt": text("acme-log==1.4.2", "requests==2.31.0")},
        {"requirements.txt": text("acme-log==2.0.0", "requests==2.31.0")},
    ),
    "a lock file": (
        {},
        {
            "package-lock.json": text(
                '"resolved": "https://registry.example/left-pad/-/left-pad-1.3.0.tgz",',
                '"integrity": "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2=="',
            )
        },
    ),
    "hashes of wheels": (
        {},
        {"requirements.lock": text(f"a==1 --hash=sha256:{'0123456789abcdef' * 4}")},
    ),
    "a translation": ({}, {"locale/fa.json": text('{"hello": "می\u200cخواهم سلام کنم"}')}),
    "a settings example": (
        {},
        {".env.example": text("GITHUB_TOKEN=ghp_your_token_here", "AWS_SECRET_ACCESS_KEY=changeme")},
    ),
    "a container file": ({}, {"Dockerfile": text("FROM debian:12", "ARG TOKEN", "RUN apt-get update")}),
    "a renamed and edited module": (
        {"old.py": text("a = 1", "b = 2")},
        {"new.py": text("a = 1", "b = 3")},
    ),
    "a script that became executable": ({"run": b"#!/bin/sh\n"}, {"run": ("100755", b"#!/bin/sh\n")}),
    "a small picture": ({}, {"docs/logo.png": b"\x89PNG\r\n\x1a\n\0\0"}),
    "a deleted tree": ({"a/b": b"x", "a/c": b"y"}, {}),
    "a test that follows the code": ({"tests/test_a.py": b"old\n"}, {"tests/test_a.py": b"new\n"}),
    "windows line ends": ({"a.cs": b"one\r\n"}, {"a.cs": b"one\r\ntwo\r\n"}),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_changes_block_nothing(gates: Gates, name: str) -> None:
    before, after = HONEST[name]
    assert [f for f in gates(before, after, request="Update the dependencies.") if f.result == "block"] == []


def test_words_of_a_pull_request() -> None:
    assert scan_text("Bump the logging library\n\nIt renames `log` to `emit`. Fixes #3 🎉", (KNOWN,)) == ()
    assert [f.gate for f in scan_text(f"token {KNOWN}", (KNOWN,))] == ["secret"]
    assert [f.gate for f in scan_text(f"token {GITHUB}", ())] == ["secret"]
    assert [f.gate for f in scan_text("ti\u202etle", ())] == ["hidden-characters"]
    assert [f.gate for f in scan_text(KEY, ())] == ["secret"]


def test_several_runs_in_one_process_do_not_disturb_each_other(gates: Gates) -> None:
    def one(number: int) -> list[str]:
        return found(gates({}, {"a": text(*["honest"] * number, GITHUB)}, secrets=(KNOWN,)), "secret")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == [["block"]] * 40


def test_importing_the_gates_does_not_import_detect_secrets() -> None:
    code = "import sys, honk.gates; print('detect_secrets' in sys.modules, 'requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
