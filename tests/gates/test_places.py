"""Words that switch something off, judged by where in a build they stand."""

from __future__ import annotations

import pytest

from tests.gates.conftest import Gates, strongest

POM = """<project>
<build><plugins>
<plugin>
<artifactId>%s</artifactId>
%s</plugin>
</plugins></build>
</project>
"""
LOMBOK = """<configuration>
<excludes>
<exclude>
<groupId>org.projectlombok</groupId>
<artifactId>lombok</artifactId>
</exclude>
</excludes>
</configuration>
"""
SHADE = """<configuration><filters><filter>
<excludes>
<exclude>META-INF/*.SF</exclude>
</excludes>
</filter></filters></configuration>
"""
SKIP = "<configuration>\n<skip>true</skip>\n</configuration>\n"
STEP = "<executions>\n<execution>\n<id>%s</id>\n" + SKIP + "</execution>\n</executions>\n"
RULES = "{ rules: { 'no-undef': %s } },\n"
VITE = "export default defineConfig({\n  plugins: [react()],\n%s});\n"
PLAY = "export default defineConfig({\n  testDir: './tests',\n%s});\n"
ESLINT = "export default [\n%s];\n"
HIDDEN = "<!--\n</plugin><plugin><artifactId>maven-deploy-plugin</artifactId>\n-->\n"
NESTED = "<configuration><plugin>x</plugin>\n<skip>true</skip>\n</configuration>\n"
IGNORED = "<testFailureIgnore>true</testFailureIgnore>\n"
LATE = "</plugin>\n<plugin>\n" + SKIP + "<artifactId>maven-surefire-plugin</artifactId>\n"


def pom(plugin: str, added: str) -> tuple[str, str, str]:
    return "pom.xml", POM % (plugin, ""), POM % (plugin, added)


def gradle(added: str, name: str = "build.gradle") -> tuple[str, str, str]:
    return name, "plugins {\n}\n", "plugins {\n}\n" + added


def script(name: str, text: str, added: str) -> tuple[str, str, str]:
    return name, text % "", text % added


CHANGES = [
    (pom("spring-boot-maven-plugin", LOMBOK), "flag"),
    (pom("maven-shade-plugin", SHADE), "flag"),
    (pom("maven-deploy-plugin", SKIP), "flag"),
    (pom("frontend-maven-plugin", STEP % "build"), "flag"),
    (pom("frontend-maven-plugin", STEP % "test"), "block"),
    (pom("maven-compiler-plugin", STEP % "default-testCompile"), "block"),
    (pom("maven-surefire-plugin", SKIP), "block"),
    (pom("maven-failsafe-plugin", SHADE), "block"),
    (pom("jacoco-maven-plugin", SKIP), "block"),
    (pom("maven-checkstyle-plugin", SKIP), "block"),
    (pom("maven-surefire-plugin", HIDDEN + SKIP), "block"),
    (pom("maven-surefire-plugin", NESTED), "block"),
    (pom("maven-deploy-plugin", LATE), "block"),
    (pom("maven-deploy-plugin", IGNORED), "block"),
    (gradle("jar {\n    enabled = false\n}\n"), "flag"),
    (gradle('tasks.named<Jar>("jar") {\n    enabled = false\n}\n', "build.gradle.kts"), "flag"),
    (gradle("jar.enabled = false\n"), "flag"),
    (
        gradle("android {\n    packagingOptions {\n        exclude 'META-INF/DEPENDENCIES'\n    }\n}\n"),
        "flag",
    ),
    (gradle("dependencies {\n  implementation('a:b:1.0') {\n    exclude(group: 'x')\n  }\n}\n"), "flag"),
    (
        gradle(
            "dependencies {\n  testImplementation('a:test:1') {\n    exclude(group: 'org.testng')\n  }\n}\n"
        ),
        "flag",
    ),
    (
        gradle(
            'configurations.all {\n    exclude("commons-logging", "commons-logging")\n}\n', "a.gradle.kts"
        ),
        "flag",
    ),
    (gradle("test {\n    enabled = false\n}\n"), "block"),
    (gradle("test { enabled = false }\n"), "block"),
    (gradle("test.enabled = false\n"), "block"),
    (gradle("tasks.named(\n    'test',\n) {\n    enabled = false\n}\n"), "block"),
    (gradle("tasks.withType(Test)\n    .configureEach {\n        exclude '**/Slow*'\n}\n"), "block"),
    (gradle("tasks.configureEach {\n    enabled = false\n}\n"), "block"),
    (gradle("test {\n    filter {\n        exclude('**/Slow*')\n    }\n}\n"), "block"),
    (gradle("test { /* } */\n    enabled = false\n}\n"), "block"),
    (gradle("jacocoTestCoverageVerification {\n  rule {\n    enabled = false\n  }\n}\n"), "block"),
    (gradle("jar {\n    exclude 'a'; ignoreFailures = true\n}\n"), "block"),
    (script("vite.config.ts", VITE, "  optimizeDeps: {\n    exclude: ['lucide-react'],\n  },\n"), "flag"),
    (script("vite.config.ts", VITE, "  test: {\n    exclude: ['src/legacy/**'],\n  },\n"), "block"),
    (
        script(
            "vite.config.ts", VITE, "  test: {\n    exclude: [...configDefaults.exclude, 'e2e/**'],\n  },\n"
        ),
        "flag",
    ),
    (
        script("vitest.config.ts", VITE, "  test: {\n    exclude: [\n      'src/legacy/**',\n    ],\n  },\n"),
        "block",
    ),
    (script("playwright.config.ts", PLAY, "  use: { 'actionTimeout': 0 },\n"), "flag"),
    (script("eslint.config.js", ESLINT, "  { ignores: ['dist/**'] },\n"), "flag"),
    (
        script(
            "eslint.config.js",
            ESLINT,
            "  {\n    ignores: [\n      // ours\n      'dist/**', '**/*.d.ts',\n    ],\n  },\n",
        ),
        "flag",
    ),
    (script("eslint.config.js", ESLINT, "  { ignores: ['src/**'] },\n"), "block"),
    (script("eslint.config.js", ESLINT, "  { ignores: ['dist/**', 'src/lib/**'] },\n"), "block"),
    (script("eslint.config.js", ESLINT, "  { ignores: ['dist/**', ...more] },\n"), "block"),
    (script("eslint.config.js", ESLINT, "  { ignores: ['dist/**'] }, { ignores: ['src/**'] },\n"), "block"),
    (script("eslint.config.js", ESLINT, RULES % "0"), "block"),
    (script("eslint.config.js", ESLINT, RULES % "'off'"), "block"),
]


@pytest.mark.parametrize(("change", "wanted"), CHANGES)
def test_what_is_switched_off_blocks_where_it_verifies(
    gates: Gates, change: tuple[str, str, str], wanted: str
) -> None:
    path, before, after = change
    test = {"src/a.test.ts": b"test('a', () => { expect(f()).toBe(1) })\n"}
    found = gates({**test, path: before.encode()}, {**test, path: after.encode()}, request="Mend the build")
    assert strongest(found, "verifier-config") == wanted


def test_of_two_equal_lines_the_new_one_decides(gates: Gates) -> None:
    plugin = "<plugin><artifactId>%s</artifactId>\n%%s</plugin>\n"
    surefire, deploy = plugin % "maven-surefire-plugin", plugin % "maven-deploy-plugin"
    for before, after, wanted in (
        (surefire % SKIP + deploy % "", surefire % SKIP + deploy % SKIP, "flag"),
        (surefire % "" + deploy % SKIP, surefire % SKIP + deploy % SKIP, "block"),
    ):
        found = gates({"pom.xml": before.encode()}, {"pom.xml": after.encode()})
        assert strongest(found, "verifier-config") == wanted
    old, new = (
        "export default [\n{\nignores: [\n'dist/**',\n],\n},\n%s];\n",
        "{\nignores: [\n'src/**',\n],\n},\n",
    )
    found = gates({"eslint.config.js": (old % "").encode()}, {"eslint.config.js": (old % new).encode()})
    assert strongest(found, "verifier-config") == "block"


def test_more_lines_than_are_looked_at_block(gates: Gates) -> None:
    lines = "".join(f"task{number}.enabled = false\n" for number in range(100))
    found = gates({"build.gradle": b"plugins {\n}\n"}, {"build.gradle": b"plugins {\n}\n" + lines.encode()})
    assert {finding.result for finding in found if finding.gate == "verifier-config"} == {"block", "flag"}


def test_settings_that_can_be_compared_no_more_are_pointed_out(gates: Gates) -> None:
    before = b"linters:\n  enable: [govet, errcheck]\n"
    after = b"none: &a []\nlinters:\n  enable: [govet]\n  disable: *a\n"
    for old, wanted in ((before, "flag"), (b"# ours\n" + after, "pass")):
        found = gates({".golangci.yml": old}, {".golangci.yml": after})
        assert strongest(found, "verifier-config") == wanted
