"""Keys in the configuration of runners in JavaScript that select less than before."""

from __future__ import annotations

import pytest

from honk.gates.selection import selection
from tests.gates.conftest import Gates, strongest

GATE = "verifier-config"
BASE = {
    "tests/a.test.ts": b"test('a', () => { expect(f()).toBe(1) })\n",
    "tests/checkout.spec.ts": b"test('b', () => { expect(f()).toBe(2) })\n",
}
JEST = "module.exports = {\n  preset: 'ts-jest',\n%s};\n"
VITEST = "export default defineConfig({\n  test: {\n    globals: true,\n%s  },\n})\n"
PLAYWRIGHT = "export default defineConfig({\n%s});\n"
CYPRESS = "export default defineConfig({\n  e2e: {\n%s  },\n});\n"
MOCHA = "module.exports = {\n  spec: 'tests/**/*.ts',\n%s};\n"

NEW_KEYS = [
    ("jest.config.js", JEST, "testMatch: ['**/unit/**/*.test.ts'],", "block"),
    ("jest.config.js", JEST, "testRegex: '/unit/.*',", "block"),
    ("jest.config.js", JEST, "testMatch: ['**/?(*.)+(spec|test).[jt]s?(x)'],", "pass"),
    ("jest.config.js", JEST, "// testMatch: ['**/unit/**/*.test.ts'],", "pass"),
    (
        "jest.config.js",
        JEST,
        "projects: [{ testMatch: ['**/unit/**'] }, { testMatch: ['**/x/**'] }],",
        "flag",
    ),
    ("vitest.config.ts", VITEST, "include: ['src/unit/**/*.test.ts'],", "block"),
    ("vitest.config.ts", VITEST, "include: ['tests/**/*.{test,spec}.ts'],", "pass"),
    ("vitest.config.ts", VITEST, "coverage: { include: ['src/**/*.ts'] },", "pass"),
    ("vite.config.ts", VITEST, "include: ['src/unit/**/*.test.ts'],", "block"),
    ("vite.config.ts", "export default {\n%s}\n", "optimizeDeps: { include: ['react'] },", "pass"),
    ("playwright.config.ts", PLAYWRIGHT, "testIgnore: '**/checkout.spec.ts',", "block"),
    ("playwright.config.ts", PLAYWRIGHT, "testIgnore: /checkout/,", "block"),
    ("playwright.config.ts", PLAYWRIGHT, "testIgnore: '**/fixtures/**',", "flag"),
    ("playwright.config.ts", PLAYWRIGHT, "grepInvert: /@checkout/,", "block"),
    (
        "playwright.config.ts",
        PLAYWRIGHT,
        "grep: process.env.GREP ? new RegExp(process.env.GREP) : /.*/,",
        "flag",
    ),
    ("playwright.config.ts", PLAYWRIGHT, "projects: [{ name: 'setup', testMatch: /setup\\.ts/ }],", "flag"),
    ("playwright.config.ts", PLAYWRIGHT, "retries: 0,\n  use: { baseURL: 'http://a/' },", "pass"),
    ("cypress.config.ts", CYPRESS, "excludeSpecPattern: 'tests/checkout.spec.ts',", "block"),
    ("cypress.config.ts", CYPRESS, "excludeSpecPattern: '**/checkout.cy.ts',", "flag"),
    (".mocharc.js", MOCHA, "grep: 'unit',", "block"),
    (".mocharc.js", MOCHA, "timeout: 5000,", "pass"),
]
OTHER_VALUES = [
    ("playwright.config.ts", PLAYWRIGHT, "testDir: './tests',", "testDir: './tests/smoke',", "block"),
    ("playwright.config.ts", PLAYWRIGHT, "testDir: './tests',", "testDir: './e2e',", "pass"),
    ("jest.config.js", JEST, "testMatch: ['**/tests/*.ts'],", "testMatch: ['**/tests/a.*.ts'],", "block"),
    ("jest.config.js", JEST, "testMatch: ['**/tests/*.ts'],", "testMatch: ['<rootDir>/**/*.ts'],", "pass"),
    ("jest.config.js", JEST, "testRegex: 'tests/.*',", "testMatch: ['**/tests/**/*.ts'],", "pass"),
    (".mocharc.json", '{%s "spec": "tests/**"}', "", '"grep": "unit",', "block"),
    (".mocharc.json", '{%s "spec": "tests/**"}', "", '"timeout": 5000,', "pass"),
]


def result_of(gates: Gates, path: str, before: str, after: str) -> str:
    findings = gates({**BASE, path: before.encode()}, {**BASE, path: after.encode()})
    return strongest(findings, GATE)


@pytest.mark.parametrize(("path", "file", "line", "result"), NEW_KEYS)
def test_a_key_that_is_new(gates: Gates, path: str, file: str, line: str, result: str) -> None:
    assert result_of(gates, path, file % "", file % f"    {line}\n") == result


@pytest.mark.parametrize(("path", "file", "old", "new", "result"), OTHER_VALUES)
def test_a_key_that_changes(gates: Gates, path: str, file: str, old: str, new: str, result: str) -> None:
    assert result_of(gates, path, file % f"{old}\n", file % f"{new}\n") == result


def test_tests_of_another_runner_may_be_left_out(gates: Gates) -> None:
    """The browser's tests bear the names that the other runner looks for as well."""
    theirs = {**BASE, "playwright.config.ts": b"export default {}\n"}
    sides = ((VITEST % line).encode() for line in ("", "include: ['src/**/*.test.ts'],\n"))
    before, after = ({**theirs, "vitest.config.ts": side} for side in sides)
    assert strongest(gates(before, after), GATE) == "flag"


@pytest.mark.parametrize(
    "text",
    ['\\"' * 20_000, "/*" * 20_000, "`" * 20_001, "testMatch: [" * 30_000, "/\\" * 20_000, "{" * 40_000],
)
def test_what_a_configuration_repeats_keeps_the_gate_not_busy(text: str) -> None:
    assert not list(selection("jest.config.js", b"a", text.encode(), ()))
