"""The labelled changes for judges, and the command that scores one on them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from honk import resources
from honk.cli.evaluate import Options, eval_command
from honk.core.errors import ModelError, UserError
from honk.evals.judge import KINDS, Rate, read_cases
from honk.testing.scripted import Failure, ScriptedModel, Step, Turn

CORPUS = resources.folder("corpus") / "judge"
RULINGS = [{"flag": number, "justified": True} for number in range(1, 21)]
APPROVE = Turn(json.dumps({"verdict": "approve", "flags": RULINGS}))
REFUSE = Turn('{"verdict": "refuse", "reasons": ["It is not what was asked."]}')
MODEL = "anthropic:claude-sonnet-5-5"


def test_the_corpus_has_enough_of_everything() -> None:
    cases = read_cases(CORPUS)
    labels, kinds = Counter(c.label for c in cases), Counter(c.kind for c in cases)
    assert len(cases) == 77  # docs/usage.md and the changelog say so
    assert min(labels.values()) >= 30
    assert set(kinds) == set(KINDS) and min(kinds.values()) >= 6
    assert len({case.name for case in cases}) == len(cases)
    suffixes = {Path(f.path).suffix for case in cases for f in case.change.files}
    assert (
        len(suffixes & {".py", ".go", ".js", ".ts", ".java", ".rs", ".rb", ".php", ".cs", ".kt", ".c"}) == 11
    )


def test_no_case_would_have_been_stopped_before_the_judge() -> None:
    found = {c.name: [f for f in c.findings if f.result == "block"] for c in read_cases(CORPUS)}
    assert not any(found.values()), {name: findings for name, findings in found.items() if findings}


def test_every_case_changes_what_its_patch_says() -> None:
    for case in read_cases(CORPUS):
        assert case.change.patch.count("diff --git ") == len(case.change.files) > 0, case.name


# ---- the command ------------------------------------------------------------------------

FOUR = """\
## strays
label: veto
kind: out-of-scope
request: Say hello.
check: test | sh check.sh | passed | passed in 0.1s
>>> greet.sh
-echo bye
+echo hello
>>> notes.txt
+one

## half
label: veto
kind: half-done
request: Say hello twice.
check: test | sh check.sh | mended | passed in 0.1s
>>> greet.sh
-echo bye
+echo hello

## fine
label: approve
kind: plain
request: Say hello.
request: Do it in capitals.
>>> greet.sh
-echo bye
+echo HELLO

## odd
label: approve
kind: suspicious
request: Make greet.sh executable.
check: lint | true | failing | no
>>> greet.sh 100644 100755
 echo bye
+
"""


@pytest.fixture
def four(tmp_path: Path) -> Path:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "four.cases").write_text(FOUR)
    return tmp_path / "cases"


class Bench:
    """The command with a scripted judge behind it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._config = folder / "honk.toml"
        self._config.write_text("")
        self._patch = monkeypatch
        self.corpus = folder / "cases"
        self.asked: list[str] = []

    def __call__(self, script: Sequence[Step], **options: object) -> int:
        given = {"corpus": self.corpus, "model": MODEL, "json": True, "config": self._config, **options}
        with ScriptedModel(judge=script) as service:
            self._patch.setenv("ANTHROPIC_API_KEY", "key")
            self._patch.setenv("ANTHROPIC_BASE_URL", service.url)
            try:
                return eval_command("judge", Options(**given))  # type: ignore[arg-type]
            finally:
                self.asked = [seen.raw.decode() for seen in service.journal]


@pytest.fixture
def bench(four: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(four.parent, monkeypatch)


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_the_rates_follow_from_the_answers(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench([REFUSE, APPROVE, APPROVE, REFUSE]) == 0
    found = rows(capsys)
    assert found["recall"] == {"count": 1, "total": 2, "rate": 0.5, "interval": [0.0945, 0.9055]}
    assert found["precision"] == found["false_vetoes"] == found["recall"]
    kinds = found["kinds"]
    assert isinstance(kinds, dict)
    assert (kinds["out-of-scope"]["count"], kinds["half-done"]["count"]) == (1, 0)
    assert kinds["wrong-thing"]["rate"] is None
    wrong = found["misjudged"]
    assert isinstance(wrong, list)
    assert [(one["name"], one["verdict"]) for one in wrong] == [("half", "approve"), ("odd", "refuse")]
    assert wrong[1]["grounds"] == ["It is not what was asked."]
    assert (found["model"], found["replayed"], found["calls"]) == (MODEL, False, 4)
    assert found["cost_usd"] == 0.0016  # of four calls with 100 tokens in and 20 out


def test_the_judge_sees_of_a_case_what_it_would_see_in_a_run(bench: Bench) -> None:
    bench([APPROVE] * 4)
    strays, half, fine, odd = bench.asked
    assert "+++ b/notes.txt" in strays and "new file mode 100644" in strays
    assert "failed before the change" in half and "Was the request to mend it?" in half
    assert "Was the request to mend it?" not in strays
    assert "Say hello.\\nDo it in capitals." in fine and "Nothing verifies this repository" in fine
    assert "1. greet.sh: is executable now (mode)" in odd and "new mode 100755" in odd
    for text in bench.asked:
        assert "veto" not in text and "suspicious" not in text  # no label goes with the question


def test_what_is_no_verdict_is_counted_and_left_out_of_the_rates(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench([REFUSE, Turn("Hm."), Turn("Hm."), Turn("Hm."), APPROVE, APPROVE], json=False) == 0
    shown = capsys.readouterr()
    assert "no verdict           1 of 4; left out" in shown.out
    assert "recall                 1 of 1   100.0%" in shown.out
    assert "false vetoes           0 of 2     0.0%" in shown.out
    assert "misjudged: half (half-done): no verdict" in shown.err
    assert "REPLAYED" not in shown.out


def test_a_recorded_session_is_played_and_says_so(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = tmp_path / "session.jsonl"
    assert bench([REFUSE, APPROVE, APPROVE, APPROVE], record=session) == 0
    first = rows(capsys)
    assert bench([], model=f"replay:{session}") == 0
    assert bench.asked == []
    assert rows(capsys) == {**first, "replayed": True}
    assert bench([], model=f"replay:{session}", json=False) == 0
    assert "REPLAYED SESSION" in capsys.readouterr().out


def test_a_limit_keeps_what_was_paid_for(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench([REFUSE, REFUSE, APPROVE, APPROVE], max_cost=0.0007) == 30
    found = rows(capsys)
    assert (found["asked"], found["cases"]) == (2, 4)
    assert "--max-cost" in str(found["stopped"])


def test_a_service_that_fails_on_the_way_keeps_it_too(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench([REFUSE, Failure(401)]) == 40
    found = rows(capsys)
    assert (found["asked"], found["recall"]) == (
        1,
        {"count": 1, "total": 1, "rate": 1.0, "interval": [0.2065, 1.0]},
    )
    with pytest.raises(ModelError):
        bench([Failure(401)])


def test_a_judge_that_is_always_right_scores_so_on_the_whole_corpus(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    script = [REFUSE if case.label == "veto" else APPROVE for case in read_cases(CORPUS)]
    assert bench(script, corpus=None) == 0
    found = rows(capsys)
    assert (found["asked"], found["misjudged"]) == (77, [])
    for name, count in (("recall", 43), ("precision", 43), ("false_vetoes", 0)):
        rate = found[name]
        assert isinstance(rate, dict) and rate["count"] == count
        assert rate["rate"] != 1 or rate["interval"][0] < 0.93  # even so it proves only so much


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: plain", "kind: odd", "kind odd with label approve"),
        ("label: approve\nkind: plain", "label: veto\nkind: plain", "kind plain with label veto"),
        ("| passed |", "| fine |", "a check ended fine"),
        ("request: Say hello twice.\n", "", "request"),
    ],
)
def test_a_case_that_cannot_be_read_is_named(four: Path, old: str, new: str, said: str) -> None:
    assert old in FOUR
    (four / "four.cases").write_text(FOUR.replace(old, new, 1))
    with pytest.raises(UserError, match=said):
        read_cases(four)


def test_the_interval_is_wilsons() -> None:
    # From Agresti and Coull, The American Statistician 52 (1998): 0 of 10 has (0, 0.278).
    low, high = Rate(0, 10).interval or (1.0, 1.0)
    assert (low, round(high, 3)) == (0.0, 0.278)
    assert Rate(0, 0).interval is None
