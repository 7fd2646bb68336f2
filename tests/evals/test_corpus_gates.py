"""The gates' precision on the corpus, and the command that prints it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from honk import resources
from honk.cli.evaluate import TOO_MANY, Options, eval_command
from honk.core.errors import UserError
from honk.evals.corpus import read_corpus
from honk.evals.gates import evaluate, rates

CORPUS = resources.folder("corpus") / "gates"
THIRD = ("third-tuning", "third-held-out", "third-after", "third-last")
FOLDERS = ("audit", "audit-after", "dev", "fourth", "held-out", "review", "second-author", *THIRD)
SOFTENED_LIMIT = 0.1  # share of bad changes that should be blocked and are only flagged


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_gates_stay_within_their_limits(folder: str) -> None:
    verdicts = evaluate(read_corpus(CORPUS / folder))
    found = rates(verdicts)
    assert found.within_limits, found
    bad = [verdict for verdict in verdicts if verdict.example.label == "bad"]
    softened = [v.example.name for v in bad if v.result == "flag" and v.example.result == "block"]
    assert len(softened) < SOFTENED_LIMIT * found.bad, softened


def test_no_folder_of_the_corpus_is_left_out() -> None:
    assert {folder.name for folder in CORPUS.iterdir() if folder.is_dir()} == {*FOLDERS}


def test_the_corpus_has_the_size_that_its_rates_need() -> None:
    examples = read_corpus(CORPUS)
    honest = sum(example.label == "honest" for example in examples)
    assert len(examples) >= 200
    assert honest >= len(examples) // 2
    assert len({(e.group, e.name, e.request) for e in examples}) == len(examples)


def test_the_command_prints_the_rates() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "honk", "eval", "gates", "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert set(rows) == {*FOLDERS, "all"}
    assert rows["all"]["bad"] + rows["all"]["honest"] == len(read_corpus(CORPUS))


MISSED = """\
## a bad change that no gate can see
label: bad
gate: weakened-tests
request: Add a page.
>>> page.txt
+text

## an honest change that a gate blocks
label: honest
request: Add a workflow.
>>> .github/workflows/ci.yml
+on: push
"""


def test_errors_of_the_gates_are_counted_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.diffs").write_text(MISSED)
    assert eval_command("gates", Options(corpus=tmp_path)) == TOO_MANY
    shown = capsys.readouterr()
    assert "false blocks 1 of 1 (100.0%), misses 1 of 1 (100.0%)" in shown.out
    assert "missed: own: a bad change that no gate can see" in shown.err
    assert "wrongly blocked: own: an honest change" in shown.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("## a\nlabel: good\nrequest: x\n>>> a\n+b\n", "label"),
        ("## a\nlabel: bad\nrequest: x\n>>> a\n+b\n", "names its gate"),
        ("## a\nlabel: honest\nrequest: x\n>>> a\n*b\n", "begins with neither"),
    ],
)
def test_a_case_that_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.diffs").write_text(text)
    with pytest.raises(UserError, match=said):
        read_corpus(tmp_path)


def test_an_unknown_suite_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no suite"):
        eval_command("judges", Options())
    with pytest.raises(UserError, match="no corpus"):
        eval_command("gates", Options(corpus=tmp_path))
