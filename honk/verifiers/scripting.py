"""Ruby and PHP.

PHPUnit takes no options from a variable. Composer hands what stands after ``--`` to every command
of a script, to a shell's last one: a report is asked for where the script is a call of PHPUnit alone.
"""

from __future__ import annotations

import json
import re

from honk.verifiers.reports import WRITTEN
from honk.verifiers.tree import Detection, Tree

_TESTS = ("test", "tests", "phpunit", "pest", "unit", "test:unit", "tests:unit", "test-unit")
_STYLES = ("lint", "cs", "phpcs", "cs-check", "check-style", "analyse", "analyze", "phpstan", "stan")

# A script that is one call of PHPUnit, and names no report: more options can follow it.
_CALL = re.compile(r"(?:@php )?(?:(?:\./)?vendor/bin/)?phpunit(?: (?!--(?:log-junit|\s|$))[\w@%+.,:/=-]+)*")
_REPORT = f"--log-junit {WRITTEN.format('phpunit')}"


def ruby(tree: Tree, root: Tree) -> Detection:
    """RSpec or Minitest; by Bundler where there is a Gemfile, which it looks for in folders above, too."""
    anywhere = re.search(r"-P\b|pattern|default-path", tree.text(".rspec"))
    specs = [p for p in tree.own if re.search(rf"{'(?:^|/)' if anywhere else '^'}spec/.*_spec\.rb$", p)]
    tests = [path for path in tree.own if re.search(r"(?:^|/)test/(?:.*/)?(?:test_.*|.*_test)\.rb$", path)]
    rake = re.search(r"\bRake::TestTask|\bMinitest::TestTask|\btask\s+:?test\b", tree.text("Rakefile"))
    home = tree if tree.has("Gemfile") else root
    bundled = home.has("Gemfile")
    run = "bundle exec " if bundled else ""
    commands = [("rspec", f"{run}rspec")] if specs else []
    if rake and tests:
        commands.append(("rake test", f"{run}rake test TESTOPTS=-v"))
    elif tests:
        line = 'ruby -Ilib -Itest -e \'Dir["test/**/{test_*,*_test}.rb"].sort.each { |f| require "./#{f}" }\''
        commands.append(("minitest", f"{run}{line} -- -v"))
    style = tree.first(".rubocop.yml")
    if style and "rubocop" in home.text("Gemfile") + home.text("Gemfile.lock"):
        commands.append(("rubocop", f"{run}rubocop"))
    if not commands:
        return Detection()
    names = ", ".join(name for name, _ in commands)
    path = "Gemfile" if tree.has("Gemfile") else next(iter(specs or tests), ".rubocop.yml")
    return Detection(
        tuple(tree.command(name, line) for name, line in commands),
        frozenset({"ruby"}),
        (home.at("bundle install"),) if bundled else (),
        (tree.reason(f"{path}: {names}."),),
    )


def ruby_apart(tree: Tree, folder: str) -> bool:
    """Whether a gem is one of several, and not a fixture of the tests: both runners know of one folder."""
    return not folder.startswith(("spec/", "test/"))


def php(tree: Tree, root: Tree) -> Detection:
    """The script of composer.json that tests, else Pest or PHPUnit; linters by their scripts."""
    composer = tree.has("composer.json")
    scripts = _scripts(tree)
    unit = tree.first("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml")
    manifest = tree.text("composer.json")
    named = [name for name in _TESTS if name in scripts][:1]
    commands = []
    if not named and "pestphp/pest" in manifest:  # its tests are no classes, which PHPUnit looks for
        commands.append(("pest", "vendor/bin/pest"))
    elif not named and (unit or ("phpunit/phpunit" in manifest and _has_tests(tree))):
        line = "vendor/bin/phpunit" if "phpunit/phpunit" in manifest else "phpunit"
        commands.append(("phpunit", f"{line} {_REPORT}{'' if unit else ' tests'}"))
    named += [name for name in _STYLES if name in scripts]
    if not named and not commands:
        named += [name for name in ("check", "ci") if name in scripts][:1]
    for name in named:
        report = f" -- {_REPORT}" if _CALL.fullmatch(scripts.get(name, "")) else ""
        commands.append((f"composer {name}", f"composer run-script --no-interaction {name}{report}"))
    if not commands:
        return Detection()
    names = ", ".join(name for name, _ in commands)
    return Detection(
        tuple(tree.command(name, line) for name, line in commands),
        frozenset({"php"}),
        (tree.at("composer install --no-interaction --no-progress"),) if composer else (),
        (tree.reason(f"{'composer.json' if composer else unit}: {names}."),),
    )


def _has_tests(tree: Tree) -> bool:
    return any(re.search(r"^tests/.*Test\.php$", path) for path in tree.own)


def php_covers(tree: Tree) -> bool:
    return bool(tree.first("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml"))


def _scripts(tree: Tree) -> dict[str, str]:
    """The scripts of composer.json: name and command, which is empty where there are several."""
    try:
        scripts = dict(json.loads(tree.text("composer.json") or "{}").get("scripts", {}))
    except (AttributeError, TypeError, ValueError, RecursionError):
        return {}
    single = {
        n: given[0] if isinstance(given, list) and len(given) == 1 else given for n, given in scripts.items()
    }
    return {name: line.strip() if isinstance(line, str) else "" for name, line in single.items()}
