"""Go, Rust, Maven, Gradle, Make and pre-commit."""

from __future__ import annotations

import re

from honk.verifiers.tree import Detection, Tree, command

_SAMPLE = 300  # Rust files that are read to find a test


def go(tree: Tree) -> Detection:
    if not tree.has("go.mod"):
        return Detection()
    tested = bool(tree.named(lambda name: name.endswith("_test.go")))
    line = "go test ./..." if tested else "go vet ./..."
    return Detection(
        (command(line.removesuffix(" ./..."), line),),
        frozenset({"go"}),
        () if tree.has("vendor/modules.txt") else ("go mod download",),
        (f"go.mod, {'with' if tested else 'without'} test files: `{line}`.",),
    )


def rust(tree: Tree) -> Detection:
    if not tree.has("Cargo.toml"):
        return Detection()
    sources = tree.named(lambda name: name.endswith(".rs"))[:_SAMPLE]
    tested = any(re.search(r"#\[(?:\w+::)*test\b|#\[cfg\(test\)\]", tree.text(path)) for path in sources)
    line = "cargo test" if tested else "cargo check --all-targets"
    if "[workspace]" in tree.text("Cargo.toml"):
        line += " --workspace"
    return Detection(
        (command(" ".join(line.split()[:2]), line),),
        frozenset({"rust"}),
        ("cargo fetch",),
        (f"Cargo.toml, {'with' if tested else 'without'} tests: `{line}`.",),
    )


def maven(tree: Tree) -> Detection:
    if not tree.has("pom.xml"):
        return Detection()
    # Not all clones keep the wrapper's executable bit; sh does not need it.
    wrapped = tree.has("mvnw") and tree.has(".mvn/wrapper/maven-wrapper.properties")
    mvn = "sh ./mvnw -B -ntp" if wrapped else "mvn -B -ntp"
    tests = [path for path in tree.own if re.search(r"(?:^|/)src/test/.*\.(?:java|kt|groovy|scala)$", path)]
    goal = "test" if tests else "package"
    return Detection(
        (command("maven", f"{mvn} {goal}"),),
        frozenset({"jdk"}),
        # Surefire loads part of itself only when it runs a test; dependency:go-offline misses that.
        (f"{mvn} -Dmaven.test.failure.ignore=true {goal}",),
        (f"pom.xml, {len(tests)} test files: `{mvn} {goal}`.",),
    )


def gradle(tree: Tree) -> Detection:
    build = tree.first("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
    if build is None or tree.has("pom.xml"):
        return Detection()
    if not tree.has("gradlew"):
        return Detection(reasons=(f"{build} without gradlew: honk runs Gradle by its wrapper only.",))
    line = "sh ./gradlew --no-daemon --console=plain"
    return Detection(
        (command("gradle", f"{line} check"),),
        frozenset({"jdk"}),
        (f"{line} check --continue || true",),  # the one way to load all that a test run needs
        (f"{build} and gradlew: `{line} check`.",),
    )


def make(tree: Tree) -> Detection:
    """Only where nothing more specific is known: a Makefile may need anything."""
    path = tree.first("GNUmakefile", "makefile", "Makefile")  # the order in which make looks
    if path is None:
        return Detection()
    targets = set(re.findall(r"^(test|check)\s*::?(?!=)", tree.text(path), re.MULTILINE))
    if not targets:
        return Detection(reasons=(f"{path} has neither a target `test` nor `check`.",))
    target = "test" if "test" in targets else "check"
    return Detection(
        (command(f"make {target}", f"make {target}"),),
        reasons=(f"{path} has the target `{target}`.",),
    )


def pre_commit(tree: Tree) -> Detection:
    """The hooks, on the files that differ from the last commit of the base.

    Their environments are built once, by setup, online; pre-commit runs offline from then
    on as long as the configuration stays the same. Hooks that want Docker or a toolchain
    that the image lacks need a `setup` of one's own, or `verify` without them.
    """
    path = tree.first(".pre-commit-config.yaml")
    if path is None:
        return Detection()
    # In the session HEAD is the base and the edits are uncommitted; in the end HEAD is the change.
    changed = "{ git diff -z --name-only --diff-filter=d HEAD^; git ls-files -z -o --exclude-standard; }"
    return Detection(
        (command("pre-commit", f"{changed} | xargs -0r pre-commit run --files"),),
        frozenset({"python-tools"}),
        ("pre-commit install-hooks",),
        (f"{path}: its hooks check the changed files.",),
    )
