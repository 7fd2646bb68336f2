"""Baselines in real Docker: what failed before does not block, what is new does."""

from __future__ import annotations

import pytest

from honk.core.events import Verified
from tests.e2e.installed import Installed, Installer, make_repo
from tests.world import FINISH, bash

pytestmark = pytest.mark.docker

CALC = "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a + b\n"
TESTS = (
    "from calc import add, sub\n\n\ndef test_add():\n    assert add(1, 2) == 3\n\n\n"
    "def test_sub():\n    assert sub(3, 2) == 1\n"
)
PYTHON = {"calc.py": CALC, "tests/test_calc.py": TESTS, "conftest.py": ""}
GO = {
    "go.mod": "module example.com/calc\n\ngo 1.19\n",
    "calc.go": "package calc\n\nfunc Add(a, b int) int { return a + b }\n\n"
    "func Sub(a, b int) int { return a + b }\n",
    "calc_test.go": 'package calc\n\nimport "testing"\n\n'
    "func TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n}\n\n"
    "func TestSub(t *testing.T) {\n\tif Sub(3, 2) != 1 {\n\t\tt.Fatal()\n\t}\n}\n",
}
RUST = {
    "Cargo.toml": '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n',
    ".gitignore": "target/\nCargo.lock\n",
    "src/lib.rs": "pub fn add(a: i32, b: i32) -> i32 { a + b }\npub fn sub(a: i32, b: i32) -> i32 { a + b }\n"
    "#[test]\nfn adds() { assert_eq!(add(1, 2), 3); }\n#[test]\nfn subs() { assert_eq!(sub(3, 2), 1); }\n",
}
NODE = {
    "package.json": '{"name": "calc", "version": "1.0.0", "scripts": {"test": "node --test"}}\n',
    "calc.js": "exports.add = (a, b) => a + b;\nexports.sub = (a, b) => a + b;\n",
    "calc.test.js": "const t = require('node:test'), a = require('node:assert'), c = require('./calc.js');\n"
    "t('adds', () => a.equal(c.add(1, 2), 3));\nt('subs', () => a.equal(c.sub(3, 2), 1));\n",
}
SLOW = 600.0  # seconds; Go compiles its library anew in each of up to six fresh containers
ADD, SUB = "tests.test_calc::test_add", "tests.test_calc::test_sub"


def base_of(honk: Installed) -> Verified:
    [found] = [e.event for e in honk.log() if isinstance(e.event, Verified) and e.event.stage == "base"]
    return found


def test_a_red_base_stays_red_and_the_second_run_knows_it(install: Installer) -> None:
    honk = install([bash("echo more > notes.txt"), FINISH])
    origin = make_repo(honk.root / "o", PYTHON)
    options = ("--repo", str(origin), "--judge", "off", "--json")
    done = honk.honk("say more", *options)
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    [row] = done.result.verification
    assert (row.before, row.after) == ("failed", "failed")
    assert row.standing == (SUB,) and row.new_failures == row.mended == row.missing == ()
    assert row.tests is not None and (row.tests.passed, row.tests.failed) == (1, 1)
    assert "base: pytest FAILED" in done.err
    shown = honk.honk("show", done.result.run_id)
    assert "failed on the base" in shown.out and f"failing before and after: {SUB}" in shown.out
    [check] = base_of(honk).report.checks
    assert not check.known and check.tests is not None and check.tests.passed == (ADD,)

    done = honk.honk("say more", *options)
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    assert [check.known for check in base_of(honk).report.checks] == [True]
    assert honk.leftovers() == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("files", "line", "mend", "spoil", "names"),
    [
        (PYTHON, "pytest", "sed -i '6s/+/-/' calc.py", "sed -i '2s/+/*/' calc.py", (ADD, SUB)),
        (
            GO,
            "go test",
            "sed -i '5s/a + b/a - b/' calc.go",
            "sed -i '3s/a + b/a * b/' calc.go",
            ("example.com/calc::TestAdd", "example.com/calc::TestSub"),
        ),
        (
            RUST,
            "cargo test",
            "sed -i '2s/a + b/a - b/' src/lib.rs",
            "sed -i '1s/a + b/a * b/' src/lib.rs",
            ("calc::adds", "calc::subs"),
        ),
        (
            NODE,
            "npm test",
            "sed -i '2s/a + b/a - b/' calc.js",
            "sed -i '1s/a + b/a * b/' calc.js",
            ("adds", "subs"),
        ),
    ],
    ids=["pytest", "go", "cargo", "node"],
)
def test_mended_is_published_and_new_failures_are_not(
    install: Installer, files: dict[str, str], line: str, mend: str, spoil: str, names: tuple[str, str]
) -> None:
    first, second = names
    good = install([bash(mend), FINISH])
    options = ("--repo", str(make_repo(good.root / "o", files)), "--judge", "off", "--json")
    done = good.honk("mend sub", *options, seconds=SLOW)
    assert (done.code, done.result.outcome) == (0, "published"), done.err
    row, *_ = done.result.verification
    assert row.name == line
    assert (row.before, row.after, row.mended, row.standing) == ("failed", "passed", (second,), ())

    bad = install([bash(spoil), *[FINISH] * 4])
    done = bad.honk("break add", *options, seconds=SLOW)
    assert (done.code, done.result.outcome) == (20, "unverified"), done.err
    row, *_ = done.result.verification
    assert row.new_failures == (first,) and row.standing == (second,)
