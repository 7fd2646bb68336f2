"""Maven and Gradle."""

from __future__ import annotations

import re

from honk.verifiers.tree import Detection, Tree

# Plugins whose goals are bound to the phase `verify`.
_CHECKS = re.compile(
    r"<artifactId>\s*(?:maven-(?:checkstyle|failsafe|pmd)|spotless-maven|spotbugs-maven|fmt-maven|apache-rat"
    r"|jacoco-maven)-plugin\s*<"
)


def maven(tree: Tree, root: Tree) -> Detection:
    if not tree.has("pom.xml"):
        return Detection()
    # Not all clones keep the wrapper's executable bit; sh does not need it.
    wrapped = tree.has("mvnw") and tree.has(".mvn/wrapper/maven-wrapper.properties")
    mvn = "sh ./mvnw -B -ntp" if wrapped else "mvn -B -ntp"
    tests = [path for path in tree.own if re.search(r"(?:^|/)src/test/.*\.(?:java|kt|groovy|scala)$", path)]
    # Both check in a later phase than unit tests: static analysis and integration tests.
    checked = any(_CHECKS.search(tree.text(pom)) for pom in tree.named(lambda name: name == "pom.xml"))
    goal = "verify" if checked else "test" if tests else "package"
    return Detection(
        (tree.command("maven", f"{mvn} {goal}"),),
        frozenset({"jdk"}),
        # Surefire loads part of itself only when it runs a test; dependency:go-offline misses that.
        (tree.at(f"{mvn} -Dmaven.test.failure.ignore=true {goal}"),),
        (tree.reason(f"pom.xml, {len(tests)} test files: `{mvn} {goal}`."),),
    )


def gradle(tree: Tree, root: Tree) -> Detection:
    build = tree.first("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
    if build is None or tree.has("pom.xml"):
        return Detection()
    if not tree.has("gradlew"):
        reason = f"{build} without gradlew: honk runs Gradle by its wrapper only."
        return Detection(reasons=(tree.reason(reason),))
    line = "sh ./gradlew --no-daemon --console=plain"
    return Detection(
        (tree.command("gradle", f"{line} check"),),
        frozenset({"jdk"}),
        (tree.at(f"{line} check --continue || true"),),  # the one way to load all that a test run needs
        (tree.reason(f"{build} and gradlew: `{line} check`."),),
    )
