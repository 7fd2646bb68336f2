"""Go, Rust, .NET and pre-commit."""

from __future__ import annotations

import re
import shlex

from honk.verifiers.manifests import table_of, toml_of
from honk.verifiers.tree import Detection, Tree

_SAMPLE = 300  # Rust files that are read to find a test
# Of what Rust compiled only other people's packages stay: a build script of the repository's own
# may read files that Cargo does not know of.
_RUST_KEPT = (
    "own=$(cargo metadata --no-deps --format-version 1 | jq -er '.packages[].name')"
    ' && echo "$own" | xargs -n1 cargo clean -p'
    ' && [ "$(du -sm target | cut -f1)" -lt 2048 ] || rm -rf target'
)
# What setup compiles is in the caches of every container of a run. Whether it compiles is the
# checks' business. The second package is the one that only test programs have.
_GO_COMPILED = "{ go vet ./...; go build testing/internal/testdeps; } >/dev/null 2>&1 || true"


def go(tree: Tree, root: Tree) -> Detection:
    """Vet compiles all packages and their tests, so that it is the build, too."""
    if not tree.has("go.mod"):
        return Detection()
    tested = bool(tree.named(lambda name: name.endswith("_test.go")))
    lines = ["go test -v ./..."] * tested + ["go vet ./..."]
    reasons = [f"go.mod, {'with' if tested else 'without'} test files: `{'` and `'.join(lines)}`."]
    if path := tree.first(".golangci.yml", ".golangci.yaml", ".golangci.toml"):
        reasons.append(f"{path}: golangci-lint is not in the image; an image of your own may have it.")
    fetched = () if tree.has("vendor/modules.txt") else (tree.at("go mod download"),)
    return Detection(
        tuple(tree.command(" ".join(line.split()[:2]), line) for line in lines),
        frozenset({"go"}),
        (*fetched, tree.at(_GO_COMPILED)),
        tuple(map(tree.reason, reasons)),
    )


def go_members(root: Tree) -> list[str]:
    """The words of go.work: the modules that it uses are among them."""
    return root.text("go.work").split()


def rust(tree: Tree, root: Tree) -> Detection:
    if not tree.has("Cargo.toml"):
        return Detection()
    sources = tree.named(lambda name: name.endswith(".rs"))[:_SAMPLE]
    tested = any(re.search(r"#\[(?:\w+::)*test\b|#\[cfg\(test\)\]", tree.text(path)) for path in sources)
    line = "cargo test" if tested else "cargo check --all-targets"
    manifest = tree.text("Cargo.toml")
    workspace = rust_covers(tree)
    lines = [line + " --workspace" * workspace]
    if tree.first("rustfmt.toml", ".rustfmt.toml"):
        lines.append("cargo fmt --check" + " --all" * workspace)
    if tree.first("clippy.toml", ".clippy.toml") or re.search(
        r"^\[(?:workspace\.)?lints\.clippy\]", manifest, re.M
    ):
        lines.append("cargo clippy --all-targets" + " --workspace" * workspace)
    setup = ["cargo fetch"]
    # Between checks only what is ignored stays in the tree. Above 2 GB copying costs too much.
    if re.search(r"^/?(?:\*\*/)?target/?$", tree.text(".gitignore") + "\n" + root.text(".gitignore"), re.M):
        setup.append(f"{{ {lines[0]}{' --no-run' * tested}; {_RUST_KEPT}; }} >/dev/null 2>&1")
    return Detection(
        tuple(tree.command(" ".join(line.split()[:2]), line) for line in lines),
        frozenset({"rust"}),
        tuple(map(tree.at, setup)),
        (tree.reason(f"Cargo.toml, {'with' if tested else 'without'} tests: `{'` and `'.join(lines)}`."),),
    )


def rust_covers(tree: Tree) -> bool:
    """Whether the root's checks are those of a workspace."""
    return "workspace" in toml_of(tree.text("Cargo.toml"))


def rust_apart(tree: Tree, folder: str) -> bool:
    """Whether a crate is left out of the workspace around it, or begins one of its own."""
    left_out = table_of(toml_of(tree.text("Cargo.toml")), "workspace").get("exclude")
    paths = [p.strip("/") for p in left_out if isinstance(p, str)] if isinstance(left_out, list) else []
    own = "workspace" in toml_of(tree.text(f"{folder}/Cargo.toml"))
    return own or any(f"{folder}/".startswith(f"{path}/") for path in paths)


def dotnet(tree: Tree, root: Tree) -> Detection:
    """The solution, or the one project; `dotnet test` builds it all, whether it finds tests or not."""
    solutions = [path for path in tree.files if re.fullmatch(r"[^/]+\.(?:sln|slnx)", path)]
    projects = tree.named(lambda name: bool(re.search(r"\.(?:cs|fs|vb)proj$", name)))
    found = sorted(solutions) or projects
    if not found:
        return Detection()
    tested = any("Microsoft.NET.Test.Sdk" in tree.text(path) for path in projects)
    at = shlex.quote(found[0])
    line = f"dotnet test {at}" if tested else f"dotnet build {at}"
    return Detection(
        (tree.command(line.split()[0] + " " + line.split()[1], line),),
        frozenset({"dotnet"}),
        (tree.at(f"dotnet restore {at}"),),
        (tree.reason(f"{found[0]}, {'with' if tested else 'without'} test projects: `{line}`."),),
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
        (tree.command("pre-commit", f"{changed} | xargs -0r pre-commit run --files"),),
        frozenset({"python-tools"}),
        ("pre-commit install-hooks",),
        (f"{path}: its hooks check the changed files.",),
    )
