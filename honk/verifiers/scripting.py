"""Ruby and PHP."""

from __future__ import annotations

import json
import re

from honk.verifiers.reports import WRITTEN
from honk.verifiers.tree import Detection, Tree


def ruby(tree: Tree, root: Tree) -> Detection:
    """RSpec or Minitest; by Bundler where there is a Gemfile."""
    specs = [path for path in tree.own if re.search(r"(?:^|/)spec/.*_spec\.rb$", path)]
    tests = [path for path in tree.own if re.search(r"(?:^|/)test/(?:.*/)?(?:test_.*|.*_test)\.rb$", path)]
    rake = re.search(r"\bRake::TestTask|\bMinitest::TestTask|\btask\s+:?test\b", tree.text("Rakefile"))
    bundled = tree.has("Gemfile")
    run = "bundle exec " if bundled else ""
    commands = [("rspec", f"{run}rspec")] if specs else []
    if rake and tests:
        commands.append(("rake test", f"{run}rake test TESTOPTS=-v"))
    elif tests:
        line = 'ruby -Ilib -Itest -e \'Dir["test/**/{test_*,*_test}.rb"].sort.each { |f| require "./#{f}" }\''
        commands.append(("minitest", f"{run}{line} -- -v"))
    style = tree.first(".rubocop.yml")
    if style and "rubocop" in tree.text("Gemfile") + tree.text("Gemfile.lock"):
        commands.append(("rubocop", f"{run}rubocop"))
    if not commands:
        return Detection()
    names = ", ".join(name for name, _ in commands)
    return Detection(
        tuple(tree.command(name, line) for name, line in commands),
        frozenset({"ruby"}),
        (tree.at("bundle install"),) if bundled else (),
        (tree.reason(f"{'Gemfile' if bundled else (specs or tests)[0]}: {names}."),),
    )


def php(tree: Tree, root: Tree) -> Detection:
    """The `test` script of composer.json, else PHPUnit where it is configured; linters by their scripts."""
    composer = tree.has("composer.json")
    scripts = _scripts(tree)
    unit = tree.first("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml")
    commands = []
    if "test" in scripts:
        commands.append(("composer test", "composer run-script --no-interaction test"))
    elif unit:
        own = "phpunit/phpunit" in tree.text("composer.json")
        line = "vendor/bin/phpunit" if own else "phpunit"
        commands.append(("phpunit", f"{line} --log-junit {WRITTEN.format('phpunit')}"))
    for name in ("lint", "cs", "analyse", "analyze", "phpstan", "stan"):
        if name in scripts:
            commands.append((f"composer {name}", f"composer run-script --no-interaction {name}"))
    if not commands:
        return Detection()
    names = ", ".join(name for name, _ in commands)
    return Detection(
        tuple(tree.command(name, line) for name, line in commands),
        frozenset({"php"}),
        (tree.at("composer install --no-interaction --no-progress"),) if composer else (),
        (tree.reason(f"{'composer.json' if composer else unit}: {names}."),),
    )


def php_covers(tree: Tree) -> bool:
    return bool(tree.first("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml"))


def _scripts(tree: Tree) -> set[str]:
    try:
        return set(json.loads(tree.text("composer.json") or "{}").get("scripts", {}))
    except (json.JSONDecodeError, AttributeError, TypeError, RecursionError):
        return set()
